//! Spans of time: `90s`, `5m`, `1h30m`.

use std::time::Duration;

/// Numbers with their units `s`, `m`, `h` or `d` in any case, the larger unit first and each once. `None` for anything else.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut seconds: u64 = 0;
    let mut rest = text;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit())?;
        let (number, unit) = rest.split_at(end);
        let unit = unit.chars().next()?;
        let length = match unit.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        if length >= last {
            return None;
        }
        seconds = number.parse::<u64>().ok()?.checked_mul(length)?.checked_add(seconds)?;
        last = length;
        rest = &rest[end + unit.len_utf8()..];
    }
    (last != u64::MAX).then(|| Duration::from_secs(seconds))
}

/// As it would be written: `5m`, `1h30m`, `7d`, `0s`.
pub(crate) fn written(span: Duration) -> String {
    let mut seconds = span.as_secs();
    let mut text = String::new();
    for (length, unit) in [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')] {
        if seconds >= length {
            text = format!("{text}{}{unit}", seconds / length);
            seconds %= length;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_are_numbers_with_units() {
        for (text, seconds) in
            [("90s", 90), ("5m", 300), ("1h", 3_600), ("7d", 604_800), ("1h30m", 5_400), ("2M5S", 125), ("0s", 0)]
        {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_span() {
        for text in
            ["", "5", "m", "5 m", "-5m", "1.5h", "5min", "5m5m", "30m1h", "5m ", "99999999999999999999s", "9e9d", "5µ"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
        assert_eq!(duration(&format!("{}d", u64::MAX)), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,20}") {
            let _ = duration(&text);
        }

        #[test]
        fn what_is_written_is_read_again(seconds in 0_u64..10_000_000) {
            let span = Duration::from_secs(seconds);
            prop_assert_eq!(duration(&written(span)), Some(span));
        }
    }
}
