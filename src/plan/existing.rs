//! Which image of the engine is pushed where none is built.
//!
//! It is the one that an earlier line of the step has built under the name in `IMAGE`: under a tag of `TAG`, else as `latest`, which is what a
//! build without a tag gives. The bare name goes before the whole one, under which an engine that is kept has the image of the run before.

use std::collections::BTreeMap;

use crate::error::{ExitCode, Explain};
use crate::image::{Name, Tag};

/// How many names are shown.
const SHOWN: usize = 3;
/// What docker calls an image that was given no tag.
const LATEST: &str = "latest";

/// Names of images, `<repository>:<tag>` as the engine has them, with the ids.
pub type Names<'a> = BTreeMap<&'a str, &'a str>;

/// Why no image is pushed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoImage {
    /// There is none.
    #[error("`BUILD` is `false`, and the engine has no image {}", quoted(wanted, " or "))]
    Missing {
        /// The names that were looked for.
        wanted: Vec<String>,
        /// Names that the engine has, the most like first.
        near: Vec<String>,
    },
    /// There are several.
    #[error("`BUILD` is `false`, and {} are different images in the engine", quoted(names, " and "))]
    Several {
        /// Their names.
        names: Vec<String>,
    },
}

impl Explain for NoImage {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Variables
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { wanted, near } => {
                let name = wanted.first().map(String::as_str).unwrap_or_default();
                let has = match near.as_slice() {
                    [] => "the engine has no image with a name".to_owned(),
                    near => format!("the engine has {}", quoted(near, " and ")),
                };
                Some(format!("build it in an earlier line of the step, as by `docker build -t {name} .`; {has}"))
            }
            Self::Several { names } => {
                let name = names.last().map(String::as_str).unwrap_or_default();
                Some(format!(
                    "leave the tag of the other image out of `TAG`, or take its name away, as by `docker rmi {name}`"
                ))
            }
        }
    }
}

fn quoted(names: &[String], last: &str) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [some @ .., one] => format!("{}{last}{one}", some.join(", ")),
    }
}

/// The name and the id of the image.
///
/// # Errors
/// There is none, or there are several.
pub fn existing(images: &[Name], tags: &[Tag], names: &Names<'_>) -> Result<(String, String), NoImage> {
    let found = |repository: &str, tag: &str| {
        let name = format!("{repository}:{tag}");
        names.get(name.as_str()).map(|id| (name.clone(), (*id).to_owned()))
    };
    let by_tags = |repository: &str| tags.iter().filter_map(|tag| found(repository, tag.as_str())).collect::<Vec<_>>();
    let bare: Vec<String> = images.iter().map(bare).collect();
    for repository in &bare {
        let tagged = by_tags(repository);
        if let Some(image) = one_of(&tagged)?.or_else(|| found(repository, LATEST)) {
            return Ok(image);
        }
    }
    let whole: Vec<String> = images.iter().flat_map(|image| whole(image, names)).collect();
    let tagged = whole.iter().flat_map(|repository| by_tags(repository).into_iter().chain(found(repository, LATEST)));
    if let Some(image) = one_of(&tagged.collect::<Vec<_>>())? {
        return Ok(image);
    }
    let tag = tags.first().map_or(LATEST, Tag::as_str);
    let first = bare.first().map(String::as_str).unwrap_or_default();
    let mut wanted = vec![format!("{first}:{LATEST}")];
    if tag != LATEST {
        wanted.insert(0, format!("{first}:{tag}"));
    }
    let mut near: Vec<String> = names.keys().map(|name| (*name).to_owned()).collect();
    near.sort_by_key(|name| wanted.iter().map(|wanted| strsim::levenshtein(wanted, name)).min());
    near.truncate(SHOWN);
    Err(NoImage::Missing { wanted, near })
}

/// The image that all of some names mean; `None` where there is no name.
fn one_of(tagged: &[(String, String)]) -> Result<Option<(String, String)>, NoImage> {
    let Some((name, id)) = tagged.first() else { return Ok(None) };
    match tagged.iter().find(|(_, other)| other != id) {
        None => Ok(Some((name.clone(), id.clone()))),
        Some((other, _)) => Err(NoImage::Several { names: vec![name.clone(), other.clone()] }),
    }
}

/// As it is built for a pipe that knows the registry by itself.
fn bare(image: &Name) -> String {
    match image {
        Name::Full(repository) => repository.name.to_string(),
        Name::Bare(name) => name.to_string(),
    }
}

/// As in `IMAGE`; of a bare name in any ECR, as it stays in the engine after a run that only builds.
fn whole(image: &Name, names: &Names<'_>) -> Vec<String> {
    match image {
        Name::Full(repository) => vec![repository.to_string()],
        Name::Bare(bare) => {
            let of = |name: &&str| match name.rsplit_once(':')?.0.parse() {
                Ok(Name::Full(repository)) if repository.name == *bare => Some(repository.to_string()),
                Ok(_) | Err(_) => None,
            };
            let mut all: Vec<String> = names.keys().filter_map(of).collect();
            all.dedup();
            all
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

    fn found(images: &[&str], tags: &[&str], there: &[(&str, &str)]) -> Result<String, (String, String)> {
        let images: Vec<Name> = images.iter().map(|image| image.parse().unwrap()).collect();
        let tags: Vec<Tag> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
        let found = existing(&images, &tags, &there.iter().copied().collect());
        found.map(|(name, id)| format!("{name} {id}")).map_err(|error| (error.to_string(), error.hint().unwrap()))
    }

    #[test]
    fn the_image_has_a_tag_of_the_run_or_is_the_latest() {
        let there = [("app:latest", "1"), ("app:2.0", "2"), ("other:latest", "3")];
        assert_eq!(found(&["app"], &["2.0"], &there), Ok("app:2.0 2".to_owned()));
        assert_eq!(found(&["app"], &["main"], &there), Ok("app:latest 1".to_owned()));
        assert_eq!(found(&["app"], &["main", "2.0"], &there), Ok("app:2.0 2".to_owned()));
        let same = [("app:latest", "1"), ("app:2.0", "1")];
        assert_eq!(found(&["app"], &["latest", "2.0"], &same), Ok("app:latest 1".to_owned()));
    }

    #[test]
    fn the_name_may_be_whole_on_either_side() {
        let (full, other) = (format!("{HOST}/team/app"), HOST.replace("west", "north"));
        let (tagged, elsewhere) = (format!("{full}:1"), format!("{other}/app:1"));
        assert_eq!(found(&[&full], &["1"], &[("team/app:latest", "1")]), Ok("team/app:latest 1".to_owned()));
        assert_eq!(found(&["team/app"], &["1"], &[(&tagged, "2")]), Ok(format!("{tagged} 2")));
        let both = [("team/app:latest", "1"), (tagged.as_str(), "2")];
        assert_eq!(
            found(&[&full], &["1"], &both),
            Ok("team/app:latest 1".to_owned()),
            "the other may be of a run before"
        );
        assert_eq!(
            found(&[&full, &format!("{other}/app")], &["1"], &[(&elsewhere, "3")]),
            Ok(format!("{elsewhere} 3"))
        );
        assert!(found(&["app"], &["1"], &[(&tagged, "2"), ("localhost:5000/app:1", "4")]).is_err());
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let there = [("ap:1", "1"), ("busybox:1.36", "2"), ("redis:7", "3"), ("app-test:latest", "4")];
        let (message, hint) = found(&["app"], &["1"], &there).unwrap_err();
        insta::assert_snapshot!(format!("{message}\n{hint}"), @r"
        `BUILD` is `false`, and the engine has no image `app:1` or `app:latest`
        build it in an earlier line of the step, as by `docker build -t app:1 .`; the engine has `ap:1`, `app-test:latest` and `redis:7`
        ");
        let (message, hint) = found(&["app"], &["latest"], &[]).unwrap_err();
        insta::assert_snapshot!(format!("{message}\n{hint}"), @r"
        `BUILD` is `false`, and the engine has no image `app:latest`
        build it in an earlier line of the step, as by `docker build -t app:latest .`; the engine has no image with a name
        ");
    }

    #[test]
    fn two_images_of_which_one_is_meant_are_told() {
        let full = format!("{HOST}/app");
        let (old, new) = (format!("{full}:1"), format!("{full}:latest"));
        assert!(found(&[&full], &["1"], &[(&old, "1"), (&new, "2")]).is_err(), "which one is new is not known");
        assert_eq!(found(&[&full], &["1"], &[(&old, "1"), (&new, "1")]), Ok(format!("{old} 1")));
        let (message, hint) = found(&["app"], &["latest", "1"], &[("app:latest", "1"), ("app:1", "2")]).unwrap_err();
        insta::assert_snapshot!(format!("{message}\n{hint}"), @r"
        `BUILD` is `false`, and `app:latest` and `app:1` are different images in the engine
        leave the tag of the other image out of `TAG`, or take its name away, as by `docker rmi app:1`
        ");
    }
}
