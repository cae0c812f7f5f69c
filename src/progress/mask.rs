//! Secrets made unreadable.

use secrecy::{ExposeSecret, SecretString};

use super::sanitize;

/// What stands where a secret stood.
const STARS: &str = "***";

/// Shorter texts are not masked: they stand in ordinary words, and the stars would give them away.
const SHORTEST: usize = 6;

/// The texts that must not be printed.
#[derive(Debug, Default)]
pub(super) struct Masks {
    texts: Vec<SecretString>,
    longest: usize,
}

impl Masks {
    /// Adds a secret; of one with several lines, such as a private key, each line.
    pub(super) fn add(&mut self, secret: &SecretString) {
        for line in secret.expose_secret().lines() {
            // As the text in which it is looked for.
            let line = sanitize::one_line(line);
            let length = line.chars().count();
            if length >= SHORTEST && !self.texts.iter().any(|text| text.expose_secret() == line) {
                self.longest = self.longest.max(length);
                self.texts.push(line.into());
            }
        }
    }

    /// The length of the longest secret in characters.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// The first `limit` characters of the text with the secrets replaced, and how many characters were left out. The
    /// text must go on for [`Masks::longest`] characters beyond the limit, if there is so much, for a secret that lies
    /// across it to be seen.
    pub(super) fn apply(&self, text: &str, limit: usize) -> (String, u64) {
        let end = text.char_indices().nth(limit).map_or(text.len(), |(at, _)| at);
        let mut shown = String::with_capacity(end);
        let mut from = 0;
        for (start, stop) in self.covered(text) {
            if start >= end {
                break;
            }
            shown.push_str(&text[from..start]);
            shown.push_str(STARS);
            from = stop;
        }
        if from < end {
            shown.push_str(&text[from..end]);
        }
        (shown, text[end..].chars().count() as u64)
    }

    /// The ranges of bytes that secrets cover, in order, those that touch made one.
    fn covered(&self, text: &str) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        for secret in &self.texts {
            let secret = secret.expose_secret();
            let mut from = 0;
            while let Some(at) = text[from..].find(secret) {
                let start = from + at;
                found.push((start, start + secret.len()));
                // One character on, not behind the secret: it may overlap with itself.
                from = start + secret.chars().next().map_or(1, char::len_utf8);
            }
        }
        found.sort_unstable();
        let mut merged: Vec<(usize, usize)> = Vec::with_capacity(found.len());
        for (start, stop) in found {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(stop),
                _ => merged.push((start, stop)),
            }
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(secrets: &[&str], text: &str) -> String {
        let mut masks = Masks::default();
        for secret in secrets {
            masks.add(&(*secret).to_owned().into());
        }
        masks.apply(text, usize::MAX).0
    }

    #[test]
    fn a_secret_is_replaced_wherever_it_stands() {
        assert_eq!(masked(&["hunter22"], "hunter22 xhunter22x"), "*** x***x");
    }

    #[test]
    fn overlapping_secrets_leave_nothing_of_either() {
        assert_eq!(masked(&["abcdef", "defghi"], "1abcdefghi2"), "1***2");
        assert_eq!(masked(&["aaaaaa"], "aaaaaaaa"), "***");
        assert_eq!(masked(&["secret", "secretive"], "secretive"), "***");
    }

    #[test]
    fn each_line_of_a_private_key_is_masked() {
        assert_eq!(masked(&["-----BEGIN\nMIIEpA\nshort\n"], "x MIIEpA short"), "x *** short");
    }

    #[test]
    fn a_secret_across_the_limit_is_not_shown_in_part() {
        let mut masks = Masks::default();
        masks.add(&"hunter22".to_owned().into());
        assert_eq!(masks.apply("12345hunter22 and more", 8), ("12345***".to_owned(), 14));
        assert_eq!(masks.apply("hunter22hunter2 hunter22", 3), ("***".to_owned(), 21));
    }
}
