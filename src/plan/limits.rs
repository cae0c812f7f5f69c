//! ECR's limits, as far as they can be seen before the build.

use crate::config::Warning;
use crate::progress::bytes;

/// The largest layer: 52,000 MiB (ECR user guide, "Amazon ECR service quotas").
const MAX_LAYER: u64 = 52_000 * 1024 * 1024;

/// A context that fits into no layer. Only a warning, since a Dockerfile need not copy all of it, and layers are compressed.
#[must_use]
pub fn context_beyond_a_layer(size: u64) -> Option<Warning> {
    (size > MAX_LAYER).then(|| Warning {
        message: format!(
            "the build context has {}, and ECR takes no layer of more than {} compressed: the push fails if one `COPY` takes all of it",
            bytes(size),
            bytes(MAX_LAYER)
        ),
        hint: Some("leave out what the image does not need, in `.dockerignore`".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_context_beyond_the_limit_is_warned_of() {
        assert_eq!(context_beyond_a_layer(MAX_LAYER), None);
        let warning = context_beyond_a_layer(MAX_LAYER + 1).map(|warning| warning.message);
        assert!(warning.is_some_and(|message| message.contains("no layer of more than 54.5 GB compressed")));
    }
}
