//! What of a build for another platform than the engine's is for which platform.

use super::stage::Names;
use super::{Base, Dockerfile, Error, Variables, expand};
use crate::image::Platform;

impl Dockerfile {
    /// The platform to which each stage is fixed by its `--platform` or that of the stage that it is based on (buildkit
    /// `dockerfile2llb`). `None` for one that is built for whatever platform is asked for, or of which it cannot be known.
    fn fixed(&self, variables: &Variables) -> Vec<Option<Platform>> {
        let globals = self.globals(variables);
        let mut fixed: Vec<Option<Platform>> = Vec::new();
        for (stage, base) in self.stages().iter().zip(self.bases(variables)) {
            let flag = self.instructions().get(stage.from).and_then(|from| from.flag("platform"));
            let text = flag.and_then(|flag| expand::word(flag, &globals, self.directives().escape));
            fixed.push(match (text, base) {
                // Nothing is for no platform, whatever stands before it.
                (_, Base::Scratch) => None,
                (Some(text), _) => text.parse().ok(),
                (None, Base::Stage(number)) => fixed.get(number).cloned().flatten(),
                (None, Base::Image(_) | Base::Unknown) => None,
            });
        }
        fixed
    }

    /// The line of the first `RUN` that runs as another platform than the engine's own.
    #[must_use]
    pub fn first_foreign_run(&self, target: Option<&str>, variables: &Variables, own: &Platform) -> Option<usize> {
        let reached = self.reachable(target, variables);
        let stages = self.stages().iter().zip(reached).zip(self.fixed(variables));
        let is_foreign = |fixed: &Option<Platform>| fixed.as_ref().is_none_or(|platform| !platform.is_same(own));
        let foreign = stages.filter(|((_, reached), fixed)| *reached && is_foreign(fixed)).map(|((stage, _), _)| stage);
        let mut instructions = foreign.flat_map(|stage| self.body(stage));
        instructions.find(|instruction| instruction.command.keyword == "RUN").map(|instruction| instruction.line)
    }

    /// Refuses a target stage that is fixed to another platform: BuildKit would call its image one for the platform asked for, with
    /// the programs of the other in it (measured with 26.1).
    ///
    /// # Errors
    /// Its line, and both platforms.
    pub fn check_platform(&self, target: Option<&str>, variables: &Variables, asked: &Platform) -> Result<(), Error> {
        let by_name = |target: &str| Names::of(self.stages()).find(target).or_else(|| target.parse().ok());
        let last = || self.stages().len().checked_sub(1);
        let number = target.filter(|target| !target.is_empty()).map_or_else(last, by_name);
        let stage =
            number.and_then(|number| Some((self.stages().get(number)?, self.fixed(variables).swap_remove(number)?)));
        match stage {
            Some((stage, found)) if !found.is_same(asked) => {
                Err(Error::OtherPlatform { line: stage.line, found: Box::new(found), asked: Box::new(asked.clone()) })
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> (Variables, Platform, Platform) {
        let (own, arm) = (Platform::of("linux", "amd64"), Platform::of("linux", "arm64"));
        (Variables::of_platforms(&own, &arm), own, arm)
    }

    #[test]
    fn a_run_of_a_stage_for_the_target_is_found() {
        let (variables, own, _) = variables();
        for (text, line) in [
            ("FROM busybox\nRUN x\n", Some(2)),
            ("FROM scratch\nCOPY x /\n", None),
            ("FROM --platform=$BUILDPLATFORM go AS build\nRUN x\nFROM scratch\nCOPY --from=build /x /\n", None),
            ("FROM --platform=linux/amd64 go AS a\nRUN x\nFROM a AS b\nRUN y\nFROM scratch\nCOPY --from=b x /\n", None),
            ("FROM --platform=$BUILDPLATFORM go AS a\nRUN x\nFROM busybox\nRUN y\nCOPY --from=a /x /\n", Some(4)),
            ("FROM --platform=$TARGETPLATFORM busybox\nRUN x\n", Some(2)),
            ("FROM busybox AS unused\nRUN x\nFROM scratch\nCOPY x /\n", None),
            ("FROM --platform=linux/amd64 scratch\nCOPY sh /bin/sh\nRUN x\n", Some(3)),
        ] {
            assert_eq!(Dockerfile::parse(text.as_bytes()).first_foreign_run(None, &variables, &own), line, "{text}");
        }
    }

    #[test]
    fn a_target_that_is_fixed_to_another_platform_is_refused() {
        let (variables, _, arm) = variables();
        for (text, target, line) in [
            ("FROM --platform=$BUILDPLATFORM busybox\nRUN x\n", None, Some(1)),
            ("FROM --platform=linux/x86_64 busybox AS a\nFROM a\n", None, Some(2)),
            ("FROM --platform=linux/arm64/v8 busybox\n", None, None),
            ("FROM --platform=$TARGETPLATFORM busybox\n", None, None),
            ("FROM --platform=$BUILDPLATFORM scratch\n", None, None),
            ("FROM --platform=$UNKNOWN busybox\n", None, None),
            ("FROM --platform=$BUILDPLATFORM go AS a\nFROM busybox\n", None, None),
            ("FROM --platform=$BUILDPLATFORM go AS a\nFROM busybox\n", Some("A"), Some(1)),
            ("FROM --platform=$BUILDPLATFORM go AS a\nFROM busybox\n", Some("0"), Some(1)),
            ("", None, None),
        ] {
            let checked = Dockerfile::parse(text.as_bytes()).check_platform(target, &variables, &arm);
            let found = checked.err().map(|error| match error {
                Error::OtherPlatform { line, .. } => line,
                other => panic!("{other}"),
            });
            assert_eq!(found, line, "{text}");
        }
    }
}
