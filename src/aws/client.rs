//! The configuration of AWS's clients, put together by hand: nothing is read from the environment, from profiles or from a
//! metadata service.

use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::Endpoint;
use crate::net::CONNECT_TIMEOUT;

/// One call with all its retries: a fault of AWS may last some seconds, a user waits no longer.
const OPERATION_TIMEOUT: Duration = Duration::from_mins(1);
/// One try of a call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
/// Tries of a call. With waits that double from the first one on, a fault that does not pass is told after some seconds.
const ATTEMPTS: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// What a client of a service is made of. Without credentials only calls that are not signed can be made.
pub(super) fn configuration(
    endpoint: &Endpoint,
    credentials: Option<SharedCredentialsProvider>,
    http: SharedHttpClient,
) -> SdkConfig {
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(endpoint.region.clone()))
        .http_client(http)
        // The session holds what it was given, once for all clients.
        .identity_cache(IdentityCache::no_cache())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_WAIT))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(OPERATION_TIMEOUT)
                .build(),
        )
        // The SDK refuses both together with an address of one's own.
        .use_fips(endpoint.fips && endpoint.url.is_none())
        .use_dual_stack(endpoint.dual_stack && endpoint.url.is_none());
    builder.set_endpoint_url(endpoint.url.clone());
    builder.set_credentials_provider(credentials);
    builder.build()
}

#[cfg(test)]
mod tests;
