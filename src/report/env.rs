//! `image.env`, for `source`, and for the file of variables of later steps, which knows no quotes.

use super::{Outcome, variables};

/// The file's text: a line a variable. Repositories, digests, tags and commas hold nothing that a shell reads.
pub(super) fn text(outcome: &Outcome<'_>) -> String {
    variables(outcome).map(|(name, value)| format!("{name}={value}\n")).concat()
}
