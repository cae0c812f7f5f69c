//! By what the pipe is known to AWS: keys or the step's OIDC token, and a second role on top of either.

use secrecy::SecretString;

use super::environment::{Environment, is_reference};
use super::keys;
use super::problem::{Findings, Problem};
use super::raw::Raw;
use super::session_name;
use super::{Bitbucket, CredentialSource, Credentials, Role, RoleArn};
use crate::image::partition_of;

/// Set by Bitbucket for a step with `oidc: true`.
pub(super) const TOKEN: &str = "BITBUCKET_STEP_OIDC_TOKEN";

/// What STS accepts (service model of STS, `clientTokenType`, `externalIdType`).
const TOKEN_LENGTHS: std::ops::RangeInclusive<usize> = 4..=20_000;
const EXTERNAL_ID_LENGTHS: std::ops::RangeInclusive<usize> = 2..=1224;

/// Reads the credentials; there may be none where nothing is pushed.
pub(super) fn read(
    raw: &Raw,
    environment: &Environment,
    bitbucket: &Bitbucket,
    push: bool,
    findings: &mut Findings,
) -> Option<Credentials> {
    let scalars = &raw.scalars;
    let role = role(raw, findings);
    let has_oidc_role = scalars.aws_oidc_role_arn.is_some() || raw.is_faulty("AWS_OIDC_ROLE_ARN");
    let has_role = scalars.aws_role_arn.is_some() || raw.is_faulty("AWS_ROLE_ARN");
    let session_name = session_name::read(raw, bitbucket, has_oidc_role || has_role, findings);
    // An undefined variable that is passed on arrives as the text of its reference.
    let token = environment.get(TOKEN).filter(|token| !is_reference(token));
    let has_keys = keys::are_given(raw);
    let source = if has_oidc_role {
        oidc(raw, token, has_keys, findings)
    } else if has_keys {
        keys::read(raw, findings).map(CredentialSource::Keys)
    } else {
        if push {
            findings.problem(Problem::NoCredentials { token: token.is_some(), role: has_role });
        }
        None
    };
    Some(Credentials { source: source?, role: role.ok()?, session_name: session_name? })
}

/// The role that the step's token opens.
fn oidc(raw: &Raw, token: Option<&str>, has_keys: bool, findings: &mut Findings) -> Option<CredentialSource> {
    let name = "AWS_OIDC_ROLE_ARN";
    let role = raw.scalars.aws_oidc_role_arn.as_ref().and_then(|text| arn(raw, name, text, findings));
    let Some(token) = token else {
        findings.value(
            raw.name(name),
            format!("it is set, but the step has no OIDC token: `{TOKEN}` is not set"),
            Some("add `oidc: true` to the step in `bitbucket-pipelines.yml`".to_owned()),
        );
        return None;
    };
    if !TOKEN_LENGTHS.contains(&token.len()) || token.contains(char::is_whitespace) {
        findings.value(
            TOKEN,
            format!(
                "it is no OIDC token: it has {} characters, expected {} to {} without white space",
                token.chars().count(),
                TOKEN_LENGTHS.start(),
                TOKEN_LENGTHS.end()
            ),
            Some(format!("do not set `{TOKEN}`: Bitbucket does so for a step with `oidc: true`")),
        );
        return None;
    }
    Some(CredentialSource::Oidc { role: role?, token: SecretString::from(token), unused_keys: has_keys })
}

/// The second role.
fn role(raw: &Raw, findings: &mut Findings) -> Result<Option<Role>, Reported> {
    let external_id = external_id(raw, findings);
    let Some(text) = &raw.scalars.aws_role_arn else {
        if raw.is_faulty("AWS_ROLE_ARN") {
            return Err(Reported);
        }
        if raw.scalars.aws_role_external_id.is_some() {
            findings.warn(
                "`AWS_ROLE_EXTERNAL_ID` is set, but `AWS_ROLE_ARN` is not: it is used for no role",
                Some("set `AWS_ROLE_ARN`, or remove `AWS_ROLE_EXTERNAL_ID`".to_owned()),
            );
        }
        return Ok(None);
    };
    let arn = arn(raw, "AWS_ROLE_ARN", text, findings);
    Ok(Some(Role { arn: arn.ok_or(Reported)?, external_id: external_id? }))
}

/// The problem has been reported.
struct Reported;

fn arn(raw: &Raw, name: &'static str, text: &str, findings: &mut Findings) -> Option<RoleArn> {
    text.parse().map_err(|reason: String| findings.value(raw.name(name), reason, None)).ok()
}

fn external_id(raw: &Raw, findings: &mut Findings) -> Result<Option<String>, Reported> {
    let name = "AWS_ROLE_EXTERNAL_ID";
    let Some(text) = &raw.scalars.aws_role_external_id else {
        return if raw.is_faulty(name) { Err(Reported) } else { Ok(None) };
    };
    let is_legal = |char: char| char.is_ascii_alphanumeric() || "_+=,.@:/-".contains(char);
    let (least, most) = (EXTERNAL_ID_LENGTHS.start(), EXTERNAL_ID_LENGTHS.end());
    // Some take it for a secret, so it is not quoted.
    let reason = if let Some(other) = text.chars().find(|char| !is_legal(*char)) {
        format!("an external id has letters, digits and `_+=,.@:/-`, this has `{}`", other.escape_debug())
    } else if !EXTERNAL_ID_LENGTHS.contains(&text.len()) {
        format!("an external id has {least} to {most} characters, this has {}", text.len())
    } else {
        return Ok(Some(text.clone()));
    };
    findings.value(name, reason, Some("copy it from the trust policy of the role".to_owned()));
    Err(Reported)
}

/// Roles and region must be of one partition: credentials of China are none elsewhere.
pub(super) fn check_partition(
    credentials: Option<&Credentials>,
    region: Option<&str>,
    raw: &Raw,
    findings: &mut Findings,
) {
    let (Some(credentials), Some(region)) = (credentials, region) else { return };
    let first = match &credentials.source {
        CredentialSource::Oidc { role, .. } => Some(("AWS_OIDC_ROLE_ARN", role)),
        CredentialSource::Keys(_) => None,
    };
    let second = credentials.role.as_ref().map(|role| ("AWS_ROLE_ARN", &role.arn));
    for (name, role) in first.into_iter().chain(second) {
        // A region that this version does not know may belong to a partition that it does not know either.
        if let Some(partition) = partition_of(region).filter(|partition| *partition != role.partition()) {
            findings.value(
                raw.name(name),
                format!(
                    "`{role}` is in partition `{}`, but region `{region}` is in partition `{partition}`",
                    role.partition()
                ),
                Some("take a role of an account in that partition, or correct the region".to_owned()),
            );
        }
    }
}

#[cfg(test)]
mod tests;
