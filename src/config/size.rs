//! Sizes in docker's units.

/// Reads a size as docker does: a number, a fraction allowed, and `b`, `k`, `m`, `g`, `t` or `p`, alone or followed by
/// `b` or `ib`, in any case, all powers of 1024 (docker/go-units, `RAMInBytes`).
pub(super) fn size(text: &str) -> Option<u64> {
    let end = text.rfind(|character: char| character.is_ascii_digit() || matches!(character, '.' | ' '))?;
    let (number, unit) = text.split_at(end + 1);
    // One space may stand between number and unit.
    let number = number.strip_suffix(' ').unwrap_or(number);
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    let unit = unit.to_ascii_lowercase();
    let power = match unit.as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return None,
    };
    whole(number * 1024_f64.powi(power))
}

/// Drops the fraction; `None` beyond what the engine's 64-bit signed number holds.
fn whole(number: f64) -> Option<u64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if !(0.0..LIMIT).contains(&number) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to lie in 0..2^63")]
    Some(number as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::size;

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        // The cases of go-units' size_test.go that need no sign or exponent.
        for (text, bytes) in [
            ("32", 32),
            ("32b", 32),
            ("32B", 32),
            ("32k", 32 << 10),
            ("32K", 32 << 10),
            ("32kb", 32 << 10),
            ("32Kb", 32 << 10),
            ("32Kib", 32 << 10),
            ("32MiB", 32 << 20),
            ("32Gb", 32 << 30),
            ("32Tb", 32 << 40),
            ("32Pb", 32 << 50),
            ("32.5kB", 33_280),
            ("32.5 kB", 33_280),
            ("32.5 B", 32),
            ("0.3 K", 307),
            ("64m", 67_108_864),
            ("1.5g", 1_610_612_736),
            ("67108864", 67_108_864),
            (".3kB", 307),
            ("32.", 32),
            ("0", 0),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn what_docker_refuses_is_refused() {
        for text in [
            "",
            "hello",
            ".",
            ". ",
            " ",
            "  ",
            "-32",
            "-32MB",
            "32bb",
            "32mm",
            "32mbb",
            "32kbb",
            "32 mbi",
            "32e3m",
            "inf",
            "NaN",
            "9000000000p",
            "1 2m",
            "32  k",
        ] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,20}") {
            let _ = size(&text);
        }

        #[test]
        fn whole_mebibytes_are_exact(number in 0_u64..1_000_000) {
            prop_assert_eq!(size(&format!("{number}m")), Some(number << 20));
        }
    }
}
