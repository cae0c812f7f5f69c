//! Booleans as the contract spells them.

/// What is accepted, in any case.
pub(super) const EXPECTED: &str = "expected `true`, `false`, `yes`, `no`, `on`, `off`, `1` or `0`";

/// `true`, `yes`, `on`, `1` and their opposites in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["true", "yes", "on", "1"]) {
        Some(true)
    } else if is(["false", "no", "off", "0"]) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::boolean;

    #[test]
    fn eight_words_in_any_case_are_booleans_and_nothing_else_is() {
        for text in ["true", "TRUE", "Yes", "oN", "1"] {
            assert_eq!(boolean(text), Some(true), "{text}");
        }
        for text in ["false", "False", "NO", "off", "0"] {
            assert_eq!(boolean(text), Some(false), "{text}");
        }
        for text in ["", "y", "t", "2", "01", "enabled", "ture"] {
            assert_eq!(boolean(text), None, "{text}");
        }
    }
}
