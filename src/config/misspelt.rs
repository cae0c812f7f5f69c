//! Names that are nearly ours.

use std::collections::BTreeSet;

use super::environment::{Environment, array_of, is_name};
use super::raw::Raw;
use super::variables::{HONOURED, VARIABLES, variable};

/// A variable that is set and nearly has the name of one of ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misspelling {
    /// The name found.
    pub(super) found: String,
    /// The name it was probably meant to be.
    pub(super) meant: &'static str,
}

/// Names that other tools use for the same thing, further than one edit away.
const KNOWN: [(&str, &str); 8] = [
    ("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
    ("AWS_KEY_ID", "AWS_KEY"),
    ("AWS_SECRET_KEY", "AWS_SECRET_ACCESS_KEY"),
    ("AWS_ACCESS_SECRET", "AWS_SECRET"),
    ("DOCKERFILE_PATH", "DOCKERFILE"),
    ("EXTRA_BUILD_ARGS", "BUILD_ARGS"),
    ("IMAGE_TAG", "TAG"),
    ("IMAGE_TAGS", "TAGS"),
];

/// Finds them, each once, in the order of their names.
pub(super) fn misspellings(environment: &Environment, raw: &Raw) -> Vec<Misspelling> {
    let used = used_elsewhere(environment, raw);
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for name in environment.names() {
        let name = array_base(name, environment).unwrap_or(name);
        if is_known(name) || used.contains(name) || !seen.insert(name) {
            continue;
        }
        if let Some(meant) = nearest(name) {
            found.push(Misspelling { found: name.to_owned(), meant });
        }
    }
    found
}

/// The name of the array that this is a part of, if that array is really there.
fn array_base<'a>(name: &'a str, environment: &Environment) -> Option<&'a str> {
    let base = array_of(name)?;
    let is_array = environment.get(&format!("{base}_COUNT")).is_some_and(|count| count.parse::<u32>().is_ok());
    (is_array || variable(base).is_some()).then_some(base)
}

/// Whether the name means something as it is.
fn is_known(name: &str) -> bool {
    variable(name).is_some()
        || HONOURED.iter().any(|honoured| honoured.name.eq_ignore_ascii_case(name))
        || name.starts_with("BITBUCKET_")
        || name.starts_with("PIPELINES_")
}

/// Names that other values refer to: they are the user's own, however they are spelt.
fn used_elsewhere<'a>(environment: &'a Environment, raw: &'a Raw) -> BTreeSet<&'a str> {
    let logins = raw.list("REGISTRY_LOGINS").iter().flat_map(|entry| entry.split(','));
    let passwords = logins.filter_map(|part| part.trim().strip_prefix("password-env="));
    let arguments = raw.list("BUILD_ARGS").iter().map(String::as_str);
    let references = environment.values().flat_map(references);
    passwords.map(str::trim).chain(arguments).filter(|name| is_name(name)).chain(references).collect()
}

/// The names that a text refers to as `$NAME` or `${NAME}`.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).filter_map(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        let name = &rest[..end.unwrap_or(rest.len())];
        is_name(name).then_some(name)
    })
}

/// The name of ours that this one nearly is.
fn nearest(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase().replace('-', "_");
    let ours = || VARIABLES.iter().flat_map(super::Variable::names);
    let squashed = |name: &str| name.replace('_', "");
    ours()
        .find(|ours| squashed(ours) == squashed(&upper))
        .or_else(|| KNOWN.iter().find(|(known, _)| *known == upper).map(|(_, meant)| *meant))
        .or_else(|| ours().find(|ours| strsim::osa_distance(ours, &upper) <= 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::problem::Findings;

    fn of(pairs: &[(&str, &str)]) -> Vec<(String, &'static str)> {
        let pairs = pairs.iter().map(|(name, value)| (name.into(), value.into()));
        let environment = Environment::new(pairs);
        let raw = Raw::read(&environment, &mut Findings::default());
        misspellings(&environment, &raw).into_iter().map(|misspelling| (misspelling.found, misspelling.meant)).collect()
    }

    #[test]
    fn names_one_edit_away_get_the_right_one() {
        for (found, meant) in [
            ("IMGAE", "IMAGE"),
            ("IMAGES", "IMAGE"),
            ("IMAG", "IMAGE"),
            ("IMAGE_NAMES", "IMAGE_NAME"),
            ("DOCKER_FILE", "DOCKERFILE"),
            ("BUILDARGS", "BUILD_ARGS"),
            ("BUILD_ARG", "BUILD_ARGS"),
            ("image", "IMAGE"),
            ("Build-Args", "BUILD_ARGS"),
            ("AWS_SECERT", "AWS_SECRET"),
            ("AWS_SECRET_KEY", "AWS_SECRET_ACCESS_KEY"),
            ("CONTXT", "CONTEXT"),
            ("SCAN_FAILON", "SCAN_FAIL_ON"),
        ] {
            assert_eq!(of(&[(found, "x")]), [(found.to_owned(), meant)]);
        }
    }

    #[test]
    fn a_misspelt_array_is_named_once() {
        assert_eq!(of(&[("TAGGS_COUNT", "2"), ("TAGGS_0", "a"), ("TAGGS_1", "b")]), [("TAGGS".to_owned(), "TAGS")]);
    }

    #[test]
    fn parts_of_our_arrays_are_ours() {
        assert_eq!(of(&[("TAG_COUNT", "1"), ("TAG_0", "a"), ("BUILD_ARGS_COUNT", "0")]), []);
    }

    #[test]
    fn names_that_other_values_use_are_the_users_own() {
        let login = ("REGISTRY_LOGINS", "host=docker.io,username=u,password-env=PUSSH");
        assert_eq!(of(&[login, ("PUSSH", "secret"), ("BUILD_ARGS", "TARGETT"), ("TARGETT", "x")]), []);
        assert_eq!(of(&[("LABELS", "a=$DEBUGG and ${CONTEXTS}"), ("DEBUGG", "x"), ("CONTEXTS", "y")]), []);
    }

    #[test]
    fn the_environment_of_a_step_gives_no_warning() {
        let names = [
            "PATH",
            "HOME",
            "HOSTNAME",
            "PWD",
            "OLDPWD",
            "SHLVL",
            "TERM",
            "LANG",
            "LC_ALL",
            "USER",
            "LOGNAME",
            "SHELL",
            "CI",
            "TZ",
            "TMPDIR",
            "EDITOR",
            "PAGER",
            "_",
            "DOCKER_HOST",
            "DOCKER_TLS_VERIFY",
            "DOCKER_CERT_PATH",
            "DOCKER_BUILDKIT",
            "DOCKER_CONFIG",
            "BITBUCKET_TAG",
            "BITBUCKET_BRANCH",
            "BITBUCKET_STEP_OIDC_TOKEN",
            "PIPELINES_JWT_TOKEN",
            "AWS_PROFILE",
            "AWS_ENDPOINT_URL",
            "AWS_CA_BUNDLE",
            "HTTPS_PROXY",
            "https_proxy",
            "no_proxy",
            "NO_COLOR",
            "SOURCE_DATE_EPOCH",
            "RUST_LOG",
            "RUST_BACKTRACE",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
            "KUBECONFIG",
            "GPG_KEY",
            "JAVA_HOME",
            "NODE_VERSION",
        ];
        assert_eq!(of(&names.map(|name| (name, "1"))), []);
    }

    #[test]
    fn an_empty_value_is_no_misspelling() {
        assert_eq!(of(&[("IMGAE", "")]), []);
    }
}
