//! End-to-end tests: the pipe as a process, in labs with real engines, a real registry and an ECR emulator.
//! One binary, since each would be linked anew. `tests/lab/README.md` explains the labs.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test may")]

mod build_contexts;
mod build_failures;
mod build_secrets;
mod build_variables;
mod builder;
mod cache;
mod compression;
mod context;
mod credentials;
mod direct;
mod direct_faults;
mod engine;
mod equivalence;
mod existing;
mod fault;
mod house;
mod iam;
mod interrupt;
mod killed;
mod lab;
mod labels;
mod lost_answer;
mod main_job;
mod migrating;
mod pipe;
mod proxy;
mod push_faults;
mod push_mode;
mod recorder;
mod registry_logins;
mod relay;
mod repository;
mod repository_settings;
mod reproducible;
mod roles;
mod scan_gate;
mod secrets;
mod session_faults;
mod tags;
mod throttled;
mod token;
mod trees;
mod unchanged;
mod variables;
