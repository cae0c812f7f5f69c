//! Where an image comes from, as labels: by the names that everybody uses (image specification, "Annotations", "Pre-Defined Annotation
//! Keys").
//!
//! They are labels of the configuration, which every builder can set and every engine shows, and annotations of a manifest that the pipe
//! writes in OCI's form, since Docker's has no place for any. `ref.name` is for descriptors in an image layout only, and so is none.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::{Bitbucket, Warning};
use crate::image::{Digest, ImageReference};

/// What they all begin with.
const PREFIX: &str = "org.opencontainers.image.";

/// Names with their values, in order.
pub type Labels = Vec<(String, String)>;

/// What is known of an image before it is built.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// What Bitbucket says.
    pub bitbucket: &'a Bitbucket,
    /// The image that it is based on.
    pub base: Option<&'a ImageReference>,
    /// What its registry has under that name now; `None` where that is not known.
    pub base_digest: Option<&'a Digest>,
    /// `SOURCE_DATE_EPOCH`
    pub epoch: Option<u64>,
    /// When it is built, in seconds since 1970; `None` for an image that was built before the run.
    pub at: Option<u64>,
}

/// The labels of a build of a commit, but for those that have been given; none where Bitbucket names no commit.
///
/// With `SOURCE_DATE_EPOCH`, which asks for the same digest from each run, nothing in them is another with each run. What is not known is
/// empty where there is a base image, since its labels would speak of itself.
#[must_use]
pub fn labels(origin: Origin<'_>, is_given: impl Fn(&str) -> bool) -> Labels {
    let Origin { bitbucket, base, base_digest, epoch, at } = origin;
    let Some(commit) = &bitbucket.commit else { return Labels::new() };
    let run = bitbucket.build_number.as_ref().zip(bitbucket.repository.as_ref()).filter(|_| epoch.is_none());
    // What a registry says now it may not say to the next run.
    let base_digest = base_digest.filter(|_| epoch.is_none());
    let values = [
        ("base.digest", base.and_then(|base| base.digest().or(base_digest)).map(Digest::to_string)),
        ("base.name", base.map(name)),
        ("created", epoch.or(at).and_then(time)),
        ("revision", Some(commit.clone())),
        ("source", source(bitbucket)),
        (
            "url",
            run.map(|(number, repository)| format!("https://bitbucket.org/{repository}/pipelines/results/{number}")),
        ),
        ("version", bitbucket.tag.clone().or_else(|| bitbucket.branch.clone())),
    ];
    let empty = base.map(|_| String::new());
    let named =
        values.into_iter().filter_map(|(name, value)| Some((format!("{PREFIX}{name}"), value.or(empty.clone())?)));
    named.filter(|(name, _)| !is_given(name)).collect()
}

/// Whether a label is one of those that say where an image comes from.
#[must_use]
pub fn is_automatic(name: &str) -> bool {
    let names = ["base.digest", "base.name", "created", "revision", "source", "url", "version"];
    name.strip_prefix(PREFIX).is_some_and(|name| names.contains(&name))
}

/// What a label is wrong about, if the engine has built from another image than the registry named before.
#[must_use]
pub fn other_base(labels: &Labels, built_from: &[String]) -> Option<Warning> {
    let value =
        |name: &str| labels.iter().find_map(|(label, value)| (*label == format!("{PREFIX}{name}")).then_some(value));
    let (name, digest) = (value("base.name")?, value("base.digest").filter(|digest| !digest.is_empty())?);
    let resolved =
        |image: &String| image.split_once('@').filter(|(other, _)| other == name).map(|(_, digest)| digest.to_owned());
    let other = built_from.iter().find_map(resolved).filter(|other| other != digest)?;
    Some(Warning {
        message: format!(
            "the label `{PREFIX}base.digest` names {digest}, which the registry has as `{name}`, and the engine built from {other}: the image \
            moved meanwhile, or a mirror lags behind"
        ),
        hint: Some("name the base image by its digest, so that all builds take the same".to_owned()),
    })
}

/// Those together with the ones of the user that are no less of the specification's: what a manifest says of its image.
#[must_use]
pub fn annotations(labels: &Labels, given: &[(String, String)]) -> Labels {
    let given = given.iter().filter(|(name, _)| name.starts_with(PREFIX));
    let known = labels.iter().filter(|(_, value)| !value.is_empty());
    let mut all: Labels = known.chain(given).cloned().collect();
    all.sort_unstable();
    all
}

/// Without its digest, which has a label of its own. Which tag was meant beside a digest is not known where it would be `latest`.
fn name(base: &ImageReference) -> String {
    let tag = Some(base.tag()).filter(|tag| base.digest().is_none() || *tag != "latest");
    let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
    format!("{}/{}{tag}", base.host(), base.path())
}

/// Where the source is, without what somebody may have put before the host.
fn source(bitbucket: &Bitbucket) -> Option<String> {
    let own = || Some(format!("https://bitbucket.org/{}", bitbucket.repository.as_ref()?));
    let Some((_, rest)) = bitbucket.git_origin.as_deref().and_then(|origin| origin.split_once("://")) else {
        return own();
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    Some(format!("https://{host}/{path}"))
}

fn time(epoch: u64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(i64::try_from(epoch).ok()?).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const AT: Option<u64> = Some(1_800_000_000);

    fn bitbucket() -> Bitbucket {
        Bitbucket {
            branch: Some("main".to_owned()),
            commit: Some("c0ffee".to_owned()),
            build_number: Some("17".to_owned()),
            repository: Some("team/shop".to_owned()),
            git_origin: Some("http://me:secret@bitbucket.org/team/shop?x#y".to_owned()),
            ..Bitbucket::default()
        }
    }

    fn told(origin: Origin<'_>, given: &[&str]) -> String {
        let labels = labels(origin, |name| given.contains(&name));
        labels.iter().map(|(name, value)| format!("{}={value}\n", name.strip_prefix(PREFIX).unwrap())).collect()
    }

    #[test]
    fn an_image_says_which_commit_of_what_it_is_and_who_built_it() {
        let base = ImageReference::parse("busybox:1.36").unwrap();
        let digest = Digest::of(b"");
        let origin =
            Origin { bitbucket: &bitbucket(), base: Some(&base), base_digest: Some(&digest), epoch: None, at: AT };
        insta::assert_snapshot!(told(origin, &[]), @r"
        base.digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        base.name=docker.io/library/busybox:1.36
        created=2027-01-15T08:00:00Z
        revision=c0ffee
        source=https://bitbucket.org/team/shop
        url=https://bitbucket.org/team/shop/pipelines/results/17
        version=main
        ");
        let all = told(origin, &["org.opencontainers.image.revision", "org.opencontainers.image.url"]);
        assert!(!all.contains("revision") && !all.contains("url"), "what is given stays: {all}");
    }

    #[test]
    fn with_an_epoch_nothing_tells_one_run_from_another() {
        let base = ImageReference::parse(&format!("h.x/a:1@{}", Digest::of(b""))).unwrap();
        let tagged = Bitbucket { tag: Some("v1.2".to_owned()), git_origin: None, ..bitbucket() };
        let epoch = Some(1_700_000_000);
        let origin = Origin { bitbucket: &tagged, base: Some(&base), base_digest: None, epoch, at: AT };
        insta::assert_snapshot!(told(origin, &[]), @r"
        base.digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        base.name=h.x/a:1
        created=2023-11-14T22:13:20Z
        revision=c0ffee
        source=https://bitbucket.org/team/shop
        url=
        version=v1.2
        ");
        let tag_only = ImageReference::parse("h.x/a:1").unwrap();
        let now = Digest::of(b"now");
        let told_of = |base| told(Origin { base, base_digest: Some(&now), ..origin }, &[]);
        assert!(told_of(Some(&tag_only)).starts_with("base.digest=\n"), "not that of the base image's own base");
        assert!(!told_of(None).contains("base.") && !told_of(None).contains("url"), "nothing to inherit");
        let untagged = ImageReference::parse(&format!("h.x/a@{}", Digest::of(b""))).unwrap();
        assert!(told(Origin { base: Some(&untagged), ..origin }, &[]).contains("\nbase.name=h.x/a\n"));
    }

    #[test]
    fn every_label_is_known_as_one_of_these() {
        let base = ImageReference::parse(&format!("h.x/a:1@{}", Digest::of(b""))).unwrap();
        let origin = Origin { bitbucket: &bitbucket(), base: Some(&base), base_digest: None, epoch: None, at: AT };
        let all = labels(origin, |_| false);
        assert_eq!(all.len(), 7);
        assert!(all.iter().all(|(name, _)| is_automatic(name)), "{all:?}");
        assert!(!is_automatic("org.opencontainers.image.title") && !is_automatic("revision"));
    }

    #[test]
    fn a_base_image_that_is_another_than_the_label_says_is_told() {
        let base = ImageReference::parse("busybox:1.36").unwrap();
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let origin =
            Origin { bitbucket: &bitbucket(), base: Some(&base), base_digest: Some(&one), epoch: None, at: AT };
        let all = labels(origin, |_| false);
        let built_from =
            |digest: &Digest| vec![format!("h.x/a:1@{two}"), format!("docker.io/library/busybox:1.36@{digest}")];
        assert_eq!(other_base(&all, &built_from(&one)), None);
        assert_eq!(other_base(&all, &[]), None);
        let unknown = labels(Origin { base_digest: None, ..origin }, |_| false);
        assert_eq!(other_base(&unknown, &built_from(&two)), None);
        let warning = other_base(&all, &built_from(&two)).unwrap();
        assert!(
            warning.message.contains(one.as_str()) && warning.message.contains(two.as_str()),
            "{}",
            warning.message
        );
        assert_eq!(
            other_base(&labels(origin, |name| name.ends_with("digest")), &built_from(&two)),
            None,
            "it is the user's"
        );
    }

    #[test]
    fn without_a_commit_there_is_nothing_to_tell() {
        let none = Bitbucket { commit: None, ..bitbucket() };
        let nothing = Origin { bitbucket: &none, base: None, base_digest: None, epoch: None, at: None };
        assert_eq!(labels(Origin { epoch: Some(1), ..nothing }, |_| false), []);
        let only = Bitbucket { commit: Some("1".to_owned()), ..Bitbucket::default() };
        assert_eq!(told(Origin { bitbucket: &only, ..nothing }, &[]), "revision=1\n");
    }

    #[test]
    fn a_manifest_has_the_users_own_of_the_same_kind_too() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let title = pair("org.opencontainers.image.title", "shop");
        let own = vec![pair("org.opencontainers.image.url", "https://x")];
        let all = annotations(&own, &[pair("team", "shop"), title.clone()]);
        assert_eq!(all, [title, own[0].clone()]);
    }
}
