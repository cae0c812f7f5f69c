//! `image.env`, for `source`.

use super::{Outcome, variables};

/// The file's text: a line a variable, quoted where a shell needs it.
pub(super) fn text(outcome: &Outcome<'_>) -> String {
    variables(outcome).map(|(name, value)| format!("{name}={}\n", quoted(&value))).concat()
}

/// Repositories, digests and tags hold no character that a shell reads; a list holds spaces.
fn quoted(value: &str) -> String {
    if value.contains(' ') { format!("'{value}'") } else { value.to_owned() }
}
