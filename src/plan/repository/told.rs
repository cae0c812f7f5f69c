//! What the log says of a repository before the build, by the names of its facts; a line without a name goes on.

use crate::aws::Template;

use super::{Changes, Wanted};

/// A fact of the log: its name, and what it says.
type Line = (&'static str, String);

impl Wanted {
    /// Of a repository that will be created.
    #[must_use]
    pub fn creation(&self) -> Line {
        let words = self.words();
        let with = if words.is_empty() { String::new() } else { format!(", with {words}") };
        ("change", format!("the repository does not exist and is created{with}"))
    }

    /// Of a repository that the push creates.
    #[must_use]
    pub fn by_push(&self, template: &Template) -> Line {
        let without =
            if self.is_any() { "; what the variables want of it holds only with `CREATE_REPOSITORY=true`" } else { "" };
        let prefix = &template.prefix;
        (
            "template",
            format!(
                "the repository does not exist, and the push creates it by the creation template `{prefix}`{without}"
            ),
        )
    }
}

impl Changes {
    /// What will be changed, in a few words; `None` when nothing.
    #[must_use]
    pub fn subjects(&self) -> Option<String> {
        let subjects: Vec<&str> = self.made.iter().map(super::Change::subject).collect();
        (!subjects.is_empty()).then(|| subjects.join(", "))
    }

    /// What will be changed, and what differs and stays.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for change in &self.made {
            let each = change.lines().into_iter().enumerate();
            lines.extend(each.map(|(at, line)| if at == 0 { ("change", line) } else { ("", line) }));
        }
        let left: Vec<String> = self.left.iter().map(super::Change::summary).collect();
        if !left.is_empty() {
            lines.push(("differs", format!("{}; `RECONCILE_REPOSITORY=true` brings it there", left.join(", "))));
        }
        if let Some(unchangeable) = &self.unchangeable {
            let (found, wanted) = (&unchangeable.found, &unchangeable.wanted);
            lines.push(("differs", format!("encryption: {found}, and not {wanted}; it cannot be changed any more")));
        }
        if let Some(unclear) = &self.unclear {
            lines.push(("encryption", unclear.clone()));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Change, Unchangeable};
    use super::*;
    use crate::aws::Mutability;

    fn text(lines: &[Line]) -> String {
        lines.iter().map(|(name, line)| format!("{name}|{line}")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_changed_is_told_in_full_and_what_stays_in_one_line() {
        let tags = || Change::Tags(vec![("team".to_owned(), None, "shop".to_owned())]);
        let changes = Changes {
            made: vec![tags(), Change::ScanOnPush(true)],
            left: vec![tags(), Change::ScanOnPush(false)],
            unchangeable: Some(Unchangeable { found: "AES256".to_owned(), wanted: "KMS key `x`".to_owned() }),
            unclear: Some("KMS key `y`; it is not known".to_owned()),
        };
        insta::assert_snapshot!(text(&changes.lines()), @r"
        change|resource tags:
        |+ team=shop
        change|scan on push: off → on
        differs|resource tags, scan on push: on → off; `RECONCILE_REPOSITORY=true` brings it there
        differs|encryption: AES256, and not KMS key `x`; it cannot be changed any more
        encryption|KMS key `y`; it is not known
        ");
        assert_eq!(Changes::default().lines(), []);
    }

    #[test]
    fn a_repository_that_is_missing_is_told_with_who_creates_it_and_how() {
        let immutable = Wanted { mutability: Some(Mutability::new(true, Vec::new())), ..Wanted::default() };
        let template = Template { prefix: "shop".to_owned(), mutability: Mutability::new(false, Vec::new()) };
        let each = [&Wanted::default(), &immutable].map(|wanted| text(&[wanted.creation(), wanted.by_push(&template)]));
        insta::assert_snapshot!(each.join("\n"), @r"
        change|the repository does not exist and is created
        template|the repository does not exist, and the push creates it by the creation template `shop`
        change|the repository does not exist and is created, with immutable tags
        template|the repository does not exist, and the push creates it by the creation template `shop`; what the variables want of it holds only with `CREATE_REPOSITORY=true`
        ");
    }
}
