//! `ALLOWED_ACCOUNT_IDS`.

use super::problem::Findings;
use super::raw::Raw;
use crate::image::check_account;

/// The accounts, each 12 digits; none when any will do.
pub(super) fn read(raw: &Raw, findings: &mut Findings) -> Vec<String> {
    raw.entries("ALLOWED_ACCOUNT_IDS", |entry| check_account(entry).map(|()| entry.to_owned()), findings)
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{config, problems};

    #[test]
    fn accounts_are_read_with_their_leading_zeros() {
        let config = config(&[("ALLOWED_ACCOUNT_IDS", "012345678901, 123456789012")]);
        assert_eq!(config.allowed_accounts, ["012345678901", "123456789012"]);
    }

    #[test]
    fn what_is_no_account_is_refused() {
        insta::assert_snapshot!(problems(&[("ALLOWED_ACCOUNT_IDS", "12345678901 shop")]), @r"
        `ALLOWED_ACCOUNT_IDS`: the account id `12345678901` has 11 of 12 digits; YAML drops leading zeros of a number, put it in quotes
          hint: write it like `123456789012`
        `ALLOWED_ACCOUNT_IDS`: `shop` is no account id, which has 12 digits
          hint: write it like `123456789012`
        ");
    }
}
