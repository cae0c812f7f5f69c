//! What the Dockerfile says of the image that a build comes to: its labels, and the image that it is based on.

use super::stage::Names;
use super::{Base, Dockerfile, Variables, expand};

impl Dockerfile {
    /// The names of the labels that the target gets by the Dockerfile, as far as they are known before the build.
    #[must_use]
    pub fn label_names(&self, target: Option<&str>, variables: &Variables) -> Vec<String> {
        let bases = self.bases(variables);
        let stages = self.chain(target, &bases).filter_map(|number| self.stages.get(number));
        let labels = stages
            .flat_map(|stage| self.body(stage))
            .filter(|instruction| instruction.command.keyword == "LABEL" && !instruction.onbuild);
        labels.flat_map(|label| names(&label.arguments(), self.directives.escape)).collect()
    }

    /// The image that the target is based on; `None` for nothing, and for what only the engine can know.
    #[must_use]
    pub fn base_image(&self, target: Option<&str>, variables: &Variables) -> Option<String> {
        let bases = self.bases(variables);
        let last = self.chain(target, &bases).last()?;
        match bases.into_iter().nth(last)? {
            Base::Image(image) => Some(image),
            Base::Scratch | Base::Stage(_) | Base::Unknown => None,
        }
    }

    /// The target, the stage that it is based on, and so on.
    fn chain<'a>(&self, target: Option<&str>, bases: &'a [Base]) -> impl Iterator<Item = usize> + use<'a> {
        let named = |target: &str| {
            let number = || target.parse().ok().filter(|number| *number < self.stages.len());
            Names::of(&self.stages).find(target).or_else(number)
        };
        let first = match target.filter(|target| !target.is_empty()) {
            Some(target) => named(target),
            None => self.stages.len().checked_sub(1),
        };
        // A base is a stage above, so that this ends.
        std::iter::successors(first, |number| match bases.get(*number) {
            Some(Base::Stage(below)) => Some(*below),
            _ => None,
        })
    }
}

/// The names in a `LABEL`: of each `name=value`, or the first word of the old form without `=` (buildkit `parser.parseNameVal`).
fn names(arguments: &str, escape: u8) -> Vec<String> {
    let words = expand::words(arguments, escape);
    let old = words.first().filter(|first| !first.contains('=')).cloned();
    let names = match old {
        Some(name) => vec![name],
        None => words.iter().filter_map(|word| Some(word.split_once('=')?.0.to_owned())).collect(),
    };
    let known = names.iter().filter(|name| !name.contains('$'));
    known.filter_map(|name| expand::word(name, &Variables::default(), escape)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "ARG TAG=1\nFROM h.x/base:$TAG AS below\nLABEL a=1 \"b c\"=\"2 x=y\" \\\n  d=\nFROM other AS aside\nLABEL no=1\n\
        FROM below\nLABEL old the rest = of it\nONBUILD LABEL later=1\nLABEL $X=1 e='x'\nRUN x\n";

    fn variables() -> Variables {
        Variables::of_platform("linux", "amd64")
    }

    #[test]
    fn the_labels_of_the_stages_that_the_image_consists_of_count() {
        let parsed = Dockerfile::parse(TEXT.as_bytes());
        assert_eq!(parsed.label_names(None, &variables()), ["old", "e", "a", "b c", "d"]);
        assert_eq!(parsed.label_names(Some("Below"), &variables()), ["a", "b c", "d"]);
        assert_eq!(parsed.label_names(Some("1"), &variables()), ["no"]);
        assert!(parsed.label_names(Some("none"), &variables()).is_empty());
    }

    #[test]
    fn the_image_below_all_stages_is_the_base() {
        let base = |text: &str, target| Dockerfile::parse(text.as_bytes()).base_image(target, &variables());
        assert_eq!(base(TEXT, None).as_deref(), Some("h.x/base:1"));
        assert_eq!(base(TEXT, Some("aside")).as_deref(), Some("other"));
        for text in ["FROM scratch\n", "FROM ${A#b}\n", "", "RUN x\n"] {
            assert_eq!(base(text, None), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "((FROM|LABEL|ONBUILD LABEL) ([a$=\"'\\\\ ]|\\PC){0,12}\n){0,5}") {
            let parsed = Dockerfile::parse(text.as_bytes());
            let _ = (parsed.label_names(None, &variables()), parsed.base_image(None, &variables()));
        }
    }
}
