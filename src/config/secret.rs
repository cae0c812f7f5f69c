//! Entries of `BUILD_SECRETS`.

use std::path::PathBuf;

use secrecy::SecretString;

use super::entry::{Fault, parts, variable};
use super::environment::{Environment, is_reference};
use super::problem::Findings;
use super::raw::Raw;
use super::{BuildSecret, SecretSource};

const VARIABLE: &str = "BUILD_SECRETS";
const EXPECTED: &str = "expected `id=x,env=VAR` or `id=x,src=path`";

/// Reads the secrets; what is not accepted is reported and left out. No message quotes what might be a value.
pub(super) fn read(raw: &Raw, environment: &Environment, findings: &mut Findings) -> Vec<BuildSecret> {
    let mut secrets: Vec<BuildSecret> = Vec::new();
    for (index, entry) in raw.list(VARIABLE).iter().enumerate() {
        let number = index + 1;
        match secret(entry, environment) {
            Ok(secret) if secrets.iter().any(|earlier| earlier.id == secret.id) => {
                findings.value(
                    VARIABLE,
                    format!("entry {number} is a second secret with the id `{}`", secret.id),
                    None,
                );
            }
            Ok(secret) => {
                warn_of_reference(&secret, findings);
                secrets.push(secret);
            }
            Err(fault) => findings.value(VARIABLE, format!("entry {number} {}", fault.reason), fault.hint),
        }
    }
    secrets
}

fn warn_of_reference(secret: &BuildSecret, findings: &mut Findings) {
    use secrecy::ExposeSecret as _;
    if let SecretSource::Value { variable, value } = &secret.source
        && is_reference(value.expose_secret())
    {
        let message = format!(
            "secret `{}` of `{VARIABLE}`: `{variable}` holds the literal text of a reference to a variable",
            secret.id
        );
        findings.warn(message, Some("define that variable in the repository's settings".to_owned()));
    }
}

fn secret(entry: &str, environment: &Environment) -> Result<BuildSecret, Fault> {
    let (mut id, mut env, mut source) = (None, None, None);
    for (key, value) in parts(entry) {
        let place = match key {
            "id" => &mut id,
            "env" => &mut env,
            "src" | "source" => &mut source,
            _ => return Err(format!("has a part that is none of `id=`, `env=` and `src=`, {EXPECTED}").into()),
        };
        if place.replace(value.unwrap_or_default()).is_some() {
            return Err(format!("has `{key}` twice, {EXPECTED}").into());
        }
    }
    let Some(id) = id.filter(|id| !id.is_empty()) else { return Err(format!("lacks `id`, {EXPECTED}").into()) };
    if id.len() > 100 || id.contains(|character: char| character.is_whitespace() || character.is_control()) {
        return Err(format!("has an id with white space, or longer than 100 bytes, {EXPECTED}").into());
    }
    let source = match (env.filter(|env| !env.is_empty()), source.filter(|source| !source.is_empty())) {
        (Some(name), None) => {
            let about = |fault: Fault| Fault { reason: format!("(`{id}`) {}", fault.reason), ..fault };
            let value = variable("env", name, "secret", environment).map_err(about)?;
            SecretSource::Value { variable: name.to_owned(), value: SecretString::from(value) }
        }
        (None, Some(path)) => SecretSource::File(PathBuf::from(path)),
        (Some(_), Some(_)) => return Err(format!("(`{id}`) has both `env` and `src`, {EXPECTED}").into()),
        (None, None) => return Err(format!("(`{id}`) has neither `env` nor `src`, {EXPECTED}").into()),
    };
    Ok(BuildSecret { id: id.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, problems, warnings};
    use super::*;

    #[test]
    fn a_secret_comes_from_a_variable_or_a_file() {
        use secrecy::ExposeSecret as _;
        let config = config(&[
            ("BUILD_SECRETS", "id=npm,env=NPM_TOKEN\n id=ssh , src=keys/id ed25519\n"),
            ("NPM_TOKEN", " t \n"),
        ]);
        let [npm, ssh] = config.build.secrets.as_slice() else { panic!("{:?}", config.build.secrets) };
        assert_eq!((npm.id.as_str(), ssh.id.as_str()), ("npm", "ssh"));
        assert!(matches!(&npm.source, SecretSource::Value { value, .. } if value.expose_secret() == " t \n"));
        assert!(matches!(&ssh.source, SecretSource::File(path) if path.as_os_str() == "keys/id ed25519"));
        assert!(!format!("{config:?}").contains(" t \\n"));
    }

    #[test]
    fn what_is_no_secret_is_told_without_its_value() {
        let entries = "id=a\nenv=B\nid=a,env=NOT_SET\nid=a,env=hunter2\nid=a,env=X,src=y\nid=a,value=hunter2\nid=a,id=b,src=x\nid=,src=x\nid=c,src=x\nid=c,src=y";
        insta::assert_snapshot!(problems(&[("BUILD_SECRETS", entries), ("X", "1")]), @r#"
            `BUILD_SECRETS`: entry 1 (`a`) has neither `env` nor `src`, expected `id=x,env=VAR` or `id=x,src=path`
              hint: write it like `id=npm,env=NPM_TOKEN`
            `BUILD_SECRETS`: entry 2 lacks `id`, expected `id=x,env=VAR` or `id=x,src=path`
              hint: write it like `id=npm,env=NPM_TOKEN`
            `BUILD_SECRETS`: entry 3 (`a`) names `NOT_SET` in `env`, which is not set
              hint: pass `NOT_SET` under `variables:` of the pipe too
            `BUILD_SECRETS`: entry 4 (`a`) names a variable in `env`, which is not set
              hint: name in `env` the variable that holds the secret
            `BUILD_SECRETS`: entry 5 (`a`) has both `env` and `src`, expected `id=x,env=VAR` or `id=x,src=path`
              hint: write it like `id=npm,env=NPM_TOKEN`
            `BUILD_SECRETS`: entry 6 has a part that is none of `id=`, `env=` and `src=`, expected `id=x,env=VAR` or `id=x,src=path`
              hint: write it like `id=npm,env=NPM_TOKEN`
            `BUILD_SECRETS`: entry 7 has `id` twice, expected `id=x,env=VAR` or `id=x,src=path`
              hint: write it like `id=npm,env=NPM_TOKEN`
            `BUILD_SECRETS`: entry 8 lacks `id`, expected `id=x,env=VAR` or `id=x,src=path`
              hint: write it like `id=npm,env=NPM_TOKEN`
            `BUILD_SECRETS`: entry 10 is a second secret with the id `c`
              hint: write it like `id=npm,env=NPM_TOKEN`
            "#);
    }

    #[test]
    fn a_secret_that_is_a_reference_is_odd() {
        insta::assert_snapshot!(warnings(&[("BUILD_SECRETS", "id=a,env=X"), ("X", "$NPM_TOKEN")]), @r#"
            secret `a` of `BUILD_SECRETS`: `X` holds the literal text of a reference to a variable
              hint: define that variable in the repository's settings
            "#);
    }
}
