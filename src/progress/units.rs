//! Numbers as people read them.

use std::time::Duration;

/// `0.3s`, `2m 05s`, `1h 02m`.
#[must_use]
pub fn duration(took: Duration) -> String {
    let tenths = (took.as_millis() + 50) / 100;
    let seconds = tenths / 10;
    match seconds {
        0..60 => format!("{seconds}.{}s", tenths % 10),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// `999 B`, `12.3 MB`: powers of 1,000, as the engine words sizes.
#[must_use]
pub fn bytes(count: u64) -> String {
    let (mut tenths, mut unit) = (u128::from(count) * 10, "B");
    for next in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        if tenths < 9_995 {
            break;
        }
        (tenths, unit) = ((tenths + 500) / 1_000, next);
    }
    if unit == "B" { format!("{count} B") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}

/// `1,044,480`
#[must_use]
pub fn counted(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short_and_rounded() {
        let text = |millis| duration(Duration::from_millis(millis));
        assert_eq!(text(0), "0.0s");
        assert_eq!(text(349), "0.3s");
        assert_eq!(text(59_940), "59.9s");
        assert_eq!(text(59_960), "1m 00s");
        assert_eq!(text(125_000), "2m 05s");
        assert_eq!(text(3_725_000), "1h 02m");
    }

    #[test]
    fn sizes_use_powers_of_a_thousand_and_one_decimal() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_000), "1.0 kB");
        assert_eq!(bytes(12_345_678), "12.3 MB");
        assert_eq!(bytes(999_999), "1.0 MB");
        assert_eq!(bytes(u64::MAX), "18.4 EB");
    }

    #[test]
    fn counts_have_a_comma_before_each_three_digits() {
        assert_eq!(counted(7), "7");
        assert_eq!(counted(123), "123");
        assert_eq!(counted(1_044_480), "1,044,480");
    }
}
