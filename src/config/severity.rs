//! How bad a finding of a scan is.

use std::fmt;

/// The severities of ECR's API, the worst last, so that their order is that of the enum.
///
/// Source: ECR API reference, `ImageScanFinding`, `severity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The source of the vulnerability gave it no priority, or none that AWS knows (ECR user guide, "Troubleshooting image
    /// scanning"). Amazon Inspector calls it `UNTRIAGED`.
    Undefined,
    /// `INFORMATIONAL`
    Informational,
    /// `LOW`
    Low,
    /// `MEDIUM`
    Medium,
    /// `HIGH`
    High,
    /// `CRITICAL`
    Critical,
}

impl Severity {
    /// All, the worst first.
    pub const ALL: [Self; 6] =
        [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Informational, Self::Undefined];

    /// One of the six words, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| text.eq_ignore_ascii_case(severity.word()))
    }

    /// The word of a finding. Any that is none of the six is one that AWS could not rate either.
    #[must_use]
    pub fn of_finding(word: &str) -> Self {
        Self::parse(word).unwrap_or(Self::Undefined)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Undefined => "UNDEFINED",
            Self::Informational => "INFORMATIONAL",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_order_is_critical_high_medium_low_informational_undefined() {
        assert!(Severity::ALL.is_sorted_by(|worse, better| worse > better));
        let words: Vec<String> = Severity::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED"]);
    }

    #[test]
    fn what_aws_could_not_rate_is_undefined() {
        assert_eq!(Severity::of_finding("UNTRIAGED"), Severity::Undefined);
        assert_eq!(Severity::of_finding("high"), Severity::High);
    }

    proptest! {
        #[test]
        fn no_other_word_is_a_severity(word in "\\PC{0,20}") {
            let is_one = Severity::ALL.iter().any(|severity| word.to_uppercase() == severity.to_string());
            prop_assert!(Severity::parse(&word).is_none() || is_one);
        }

        #[test]
        fn every_word_is_read_in_any_case(severity in proptest::sample::select(Severity::ALL.to_vec()), upper in any::<u32>()) {
            let mixed: String = severity.to_string().chars().enumerate()
                .map(|(at, letter)| if upper >> at & 1 == 1 { letter } else { letter.to_ascii_lowercase() })
                .collect();
            prop_assert_eq!(Severity::parse(&mixed), Some(severity));
        }
    }
}
