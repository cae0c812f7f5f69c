//! A panic of the pipe itself.

use std::process::Command;

/// Set in the process that is to panic.
const PANICS: &str = "TEST_PANICS";

#[test]
fn a_panic_ends_with_code_1_and_without_what_it_was_about() {
    if std::env::var_os(PANICS).is_some() {
        ecr_pipe::fault::install_hook();
        let secret = String::from("canary");
        panic!("the key is {secret}");
    }
    let name = "fault::a_panic_ends_with_code_1_and_without_what_it_was_about";
    let mut again = Command::new(std::env::current_exe().unwrap());
    let output = again.args(["--exact", name, "--nocapture"]).env(PANICS, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("a fault of ecr-pipe") && text.contains("tests/it/fault.rs:"), "{text}");
    assert!(!text.contains("canary"), "{text}");
}
