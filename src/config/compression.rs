//! `COMPRESSION`.

use super::problem::Findings;
use super::raw::Raw;
use crate::compress::Codec;

/// How layers are compressed; the default when it is unset or not accepted.
pub(super) fn compression(raw: &Raw, findings: &mut Findings) -> Codec {
    let words = [("gzip", Codec::Gzip), ("zstd", Codec::Zstd)];
    findings.choice("COMPRESSION", raw.scalars.compression.as_deref(), &words)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::ffi::OsString;

    use super::super::Config;
    use super::*;

    fn read(compression: Option<&str>) -> Result<Codec, String> {
        let repository = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/web";
        let pairs = [
            ("AWS_KEY", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET", "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"),
            ("IMAGE", repository),
            ("TAG", "1"),
        ];
        let pairs = pairs.into_iter().chain(compression.map(|value| ("COMPRESSION", value)));
        let read = Config::read(pairs.map(|(name, value)| (OsString::from(name), value.into())));
        read.map(|config| config.compression).map_err(|problems| problems.iter().next().unwrap().to_string())
    }

    #[test]
    fn one_of_two_words_in_any_case_and_gzip_unless_told() {
        assert_eq!(read(None).unwrap(), Codec::Gzip);
        assert_eq!(read(Some("gzip")).unwrap(), Codec::Gzip);
        assert_eq!(read(Some("Zstd")).unwrap(), Codec::Zstd);
        let told = read(Some("zstd:19")).unwrap_err();
        assert_eq!(told, "`COMPRESSION`: `zstd:19` is not accepted, expected `gzip` or `zstd`");
    }
}
