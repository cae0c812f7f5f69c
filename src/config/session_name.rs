//! The name of a role's session: what the audit log of AWS shows, and what a trust policy may ask for.

use super::Bitbucket;
use super::problem::Findings;
use super::raw::Raw;

const NAME: &str = "AWS_ROLE_SESSION_NAME";

/// The lengths that STS accepts (service model of STS, `roleSessionNameType`).
const LEAST: usize = 2;
const MOST: usize = 64;

/// The name outside Bitbucket.
const ELSEWHERE: &str = "ecr-pipe";

/// The name given, else one made of the build. `None` after a problem.
pub(super) fn read(raw: &Raw, bitbucket: &Bitbucket, has_role: bool, findings: &mut Findings) -> Option<String> {
    let Some(text) = &raw.scalars.aws_role_session_name else {
        return (!raw.is_faulty(NAME)).then(|| of_build(bitbucket));
    };
    if !has_role {
        findings.warn(
            format!("`{NAME}` is set, but neither `AWS_OIDC_ROLE_ARN` nor `AWS_ROLE_ARN`: it is used for no role"),
            Some(format!("set the role, or remove `{NAME}`")),
        );
    }
    let reason = if let Some(other) = text.chars().find(|char| !is_legal(*char)) {
        format!("a session name has letters, digits and `_+=,.@-`, this has `{}`", other.escape_debug())
    } else if !(LEAST..=MOST).contains(&text.len()) {
        format!("a session name has {LEAST} to {MOST} characters, this has {}", text.len())
    } else {
        return Some(text.clone());
    };
    let hint = format!("remove `{NAME}` to have it made of the build: `{}`", of_build(bitbucket));
    findings.value(NAME, reason, Some(hint));
    None
}

/// `bitbucket-<repository>-<build>`, with the repository cut where that is too long.
fn of_build(bitbucket: &Bitbucket) -> String {
    let slug = bitbucket.repository.as_deref().map(|name| name.rsplit('/').next().unwrap_or(name));
    let build = bitbucket.build_number.as_deref();
    if slug.is_none() && build.is_none() {
        return ELSEWHERE.to_owned();
    }
    let part = |text: Option<&str>| text.map(|text| format!("-{}", legal(text))).unwrap_or_default();
    let (mut name, build) = (format!("bitbucket{}", part(slug)), part(build));
    name.truncate(MOST.saturating_sub(build.len()).max("bitbucket".len()));
    name.push_str(&build);
    name.truncate(MOST);
    name
}

fn legal(text: &str) -> String {
    text.chars().map(|char| if is_legal(char) { char } else { '-' }).collect()
}

fn is_legal(char: char) -> bool {
    char.is_ascii_alphanumeric() || "_+=,.@-".contains(char)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(repository: &str, build: &str) -> String {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        of_build(&Bitbucket { repository: some(repository), build_number: some(build), ..Bitbucket::default() })
    }

    #[test]
    fn it_has_the_repository_and_the_build() {
        assert_eq!(name("team/shop-web", "17"), "bitbucket-shop-web-17");
        assert_eq!(name("team/shop web", ""), "bitbucket-shop-web");
        assert_eq!(name("", "17"), "bitbucket-17");
        assert_eq!(name("", ""), "ecr-pipe");
    }

    #[test]
    fn a_long_repository_is_cut_and_the_build_stays_whole() {
        let name = name(&format!("team/{}", "a".repeat(100)), "123456");
        assert_eq!((name.len(), name.ends_with("a-123456")), (64, true), "{name}");
    }

    proptest! {
        #[test]
        fn it_is_always_a_name_that_sts_accepts(repository in "\\PC{0,90}", build in "(\\PC{0,90}|[0-9]{1,6})") {
            let name = name(&repository, &build);
            prop_assert!((LEAST..=MOST).contains(&name.len()) && name.chars().all(is_legal), "{}", name);
            if (1..=6).contains(&build.len()) && build.bytes().all(|byte| byte.is_ascii_digit()) {
                prop_assert!(name.ends_with(&format!("-{build}")), "{}", name);
            }
        }
    }
}
