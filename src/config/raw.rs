//! The environment as strings under their contract names: spellings, arrays and references are resolved here, once.
//!
//! envy and serde do the mapping onto structs. envy folds names to lower case and quotes values in its errors
//! (envy 0.4.2, `lib.rs`), so it is given known names only, each once, and text only: then it cannot fail.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::boolean::{EXPECTED as BOOLEANS, boolean};
use super::environment::{Environment, array_of, is_reference};
use super::problem::{Findings, Problem, reference};
use super::variables::{HONOURED, Kind, VARIABLES, Variable, variable};

/// The scalars of the contract that this version supports; a test holds the fields to the table.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scalars {
    pub(super) aws_key: Option<String>,
    pub(super) aws_secret: Option<String>,
    pub(super) aws_session_token: Option<String>,
    pub(super) aws_oidc_role_arn: Option<String>,
    pub(super) aws_role_arn: Option<String>,
    pub(super) aws_role_external_id: Option<String>,
    pub(super) aws_role_session_name: Option<String>,
    pub(super) aws_region: Option<String>,
    pub(super) context: Option<String>,
    pub(super) dockerfile: Option<String>,
    pub(super) target: Option<String>,
    pub(super) no_cache: Option<String>,
    pub(super) pull: Option<String>,
    pub(super) network: Option<String>,
    pub(super) shm_size: Option<String>,
    pub(super) cache: Option<String>,
    pub(super) create_repository: Option<String>,
    pub(super) reconcile_repository: Option<String>,
    pub(super) tag_mutability: Option<String>,
    pub(super) scan_on_push: Option<String>,
    pub(super) kms_key: Option<String>,
    pub(super) lifecycle_policy: Option<String>,
    pub(super) repository_policy: Option<String>,
    pub(super) if_tag_exists: Option<String>,
    pub(super) compression: Option<String>,
    pub(super) push_mode: Option<String>,
    pub(super) push: Option<String>,
    pub(super) build: Option<String>,
    pub(super) skip_unchanged: Option<String>,
    pub(super) scan_fail_on: Option<String>,
    pub(super) scan_timeout: Option<String>,
    pub(super) scan_on_missing: Option<String>,
    pub(super) dry_run: Option<String>,
    pub(super) output_dir: Option<String>,
    pub(super) debug: Option<String>,
}

/// What is honoured besides the contract.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shared {
    pub(super) docker_host: Option<String>,
    pub(super) docker_tls_verify: Option<String>,
    pub(super) docker_cert_path: Option<String>,
    pub(super) aws_endpoint_url: Option<String>,
    pub(super) aws_endpoint_url_ecr: Option<String>,
    pub(super) aws_endpoint_url_sts: Option<String>,
    pub(super) ssl_cert_file: Option<String>,
    pub(super) aws_ca_bundle: Option<String>,
    pub(super) https_proxy: Option<String>,
    pub(super) http_proxy: Option<String>,
    pub(super) no_proxy: Option<String>,
    pub(super) no_color: Option<String>,
    pub(super) source_date_epoch: Option<String>,
}

/// Everything as strings.
pub(super) struct Raw {
    pub(super) scalars: Scalars,
    pub(super) shared: Shared,
    lists: BTreeMap<&'static str, Vec<String>>,
    spelt: BTreeMap<&'static str, &'static str>,
    faulty: BTreeSet<&'static str>,
}

impl Raw {
    /// Resolves the environment.
    pub(super) fn read(environment: &Environment, findings: &mut Findings) -> Self {
        let mut raw = Self {
            scalars: Scalars::default(),
            shared: Shared::default(),
            lists: BTreeMap::new(),
            spelt: BTreeMap::new(),
            faulty: not_utf8(environment, findings),
        };
        let mut scalars = Vec::new();
        for variable in VARIABLES {
            match raw.resolve(variable, environment, findings) {
                Ok(Some(Given { text: Text::Whole(text), .. })) => scalars.push((variable.name.to_owned(), text)),
                Ok(Some(Given { text: Text::Entries(entries), .. })) => drop(raw.lists.insert(variable.name, entries)),
                Ok(None) => {}
                Err(Reported) => drop(raw.faulty.insert(variable.name)),
            }
        }
        let shared = HONOURED.iter().filter_map(|honoured| {
            let value = environment.get(honoured.name).or_else(|| lower_case_proxy(environment, honoured.name))?;
            Some((honoured.name.to_owned(), value.to_owned()))
        });
        raw.scalars = envy::from_iter(scalars).unwrap_or_else(|_| table_disagrees(findings));
        raw.shared = envy::from_iter(shared).unwrap_or_else(|_| table_disagrees(findings));
        raw
    }

    /// The entries of a list; empty when it is unset.
    pub(super) fn list(&self, name: &str) -> &[String] {
        self.lists.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The spelling that the user chose.
    pub(super) fn name(&self, name: &'static str) -> &'static str {
        self.spelt.get(name).copied().unwrap_or(name)
    }

    /// Whether the user has set it, in any spelling.
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.spelt.contains_key(name)
    }

    /// Whether a problem with this variable has been reported, so that its absence is no second one.
    pub(super) fn is_faulty(&self, name: &str) -> bool {
        self.faulty.contains(name)
    }

    /// A boolean; its default when it is unset or not accepted.
    pub(super) fn boolean(
        &self,
        name: &'static str,
        text: Option<&str>,
        default: bool,
        findings: &mut Findings,
    ) -> bool {
        let Some(text) = text else { return default };
        boolean(text).unwrap_or_else(|| {
            findings.value(self.name(name), format!("`{text}` is no boolean, {BOOLEANS}"), None);
            default
        })
    }

    /// The entries of a list, each parsed; those that are not accepted are reported and left out.
    pub(super) fn entries<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
        findings: &mut Findings,
    ) -> Vec<T> {
        let mut parsed = Vec::new();
        for entry in self.list(name) {
            match parse(entry) {
                Ok(entry) => parsed.push(entry),
                Err(reason) => findings.value(self.name(name), reason, None),
            }
        }
        parsed
    }

    /// One variable of the table under all its spellings. Nothing is returned for one that is not supported.
    fn resolve(
        &mut self,
        variable: &'static Variable,
        environment: &Environment,
        findings: &mut Findings,
    ) -> Result<Option<Given>, Reported> {
        if self.is_faulty(variable.name) {
            return Err(Reported);
        }
        let mut given: Option<Given> = None;
        for spelling in variable.names() {
            let Some(text) = text_of(spelling, variable.kind, environment, findings)? else { continue };
            if let Some(first) = &given {
                if first.text != text {
                    findings.problem(Problem::Spellings { first: first.spelling, second: spelling });
                    return Err(Reported);
                }
            } else {
                given = Some(Given { spelling, text });
            }
        }
        let Some(given) = given else { return Ok(None) };
        self.spelt.insert(variable.name, given.spelling);
        references(variable, &given, findings)?;
        if variable.supported {
            return Ok(Some(given));
        }
        if is_harmless(variable, &given.text) {
            return Ok(None);
        }
        findings.problem(Problem::Unsupported { variable: given.spelling, harmless: variable.harmless });
        Err(Reported)
    }
}

/// The problem has been reported.
struct Reported;

struct Given {
    spelling: &'static str,
    text: Text,
}

#[derive(PartialEq)]
enum Text {
    Whole(String),
    Entries(Vec<String>),
}

/// A table and a struct that do not fit are a fault of ours; envy's own message would quote a value.
fn table_disagrees<T: Default>(findings: &mut Findings) -> T {
    findings.problem(Problem::Table);
    T::default()
}

/// Proxies are given in lower case as often; the upper case wins, as in the AWS SDK's HTTP client (hyper-util, `matcher.rs`).
fn lower_case_proxy<'a>(environment: &'a Environment, name: &str) -> Option<&'a str> {
    name.ends_with("_PROXY").then(|| environment.get(&name.to_ascii_lowercase())).flatten()
}

/// Reports every variable of ours that is no text.
fn not_utf8(environment: &Environment, findings: &mut Findings) -> BTreeSet<&'static str> {
    let mut faulty = BTreeSet::new();
    for name in environment.not_utf8() {
        let ours = variable(name)
            .or_else(|| array_of(name).and_then(variable).filter(|variable| variable.kind.is_list()))
            .map(|variable| variable.name);
        let shared = HONOURED.iter().map(|honoured| honoured.name).find(|honoured| *honoured == name);
        if let Some(ours) = ours.or(shared) {
            findings.problem(Problem::NotUtf8 { variable: name.to_owned() });
            faulty.insert(ours);
        }
    }
    faulty
}

/// The text under one spelling, whole or as an array.
fn text_of(
    spelling: &'static str,
    kind: Kind,
    environment: &Environment,
    findings: &mut Findings,
) -> Result<Option<Text>, Reported> {
    let whole = environment.get(spelling);
    let count_name = format!("{spelling}_COUNT");
    let Some(count) = environment.get(&count_name) else {
        return Ok(whole.map(|text| match kind {
            Kind::List => Text::Entries(words(text)),
            Kind::Lines => Text::Entries(lines(text)),
            _ => Text::Whole(text.to_owned()),
        }));
    };
    let number: Option<u32> = count.parse().ok();
    if !kind.is_list() {
        // Somebody else's `BUILD_COUNT` is not ours to judge: an array has parts.
        if number.is_some_and(|number| number > 0) && environment.verbatim(&format!("{spelling}_0")).is_some() {
            findings.value(spelling, "it is an array, expected one value", Some("write one value".to_owned()));
            return Err(Reported);
        }
        return Ok(whole.map(|text| Text::Whole(text.to_owned())));
    }
    let mut refuse = |variable: &str, reason: String| {
        findings.problem(Problem::Array { variable: variable.to_owned(), reason });
        Err(Reported)
    };
    let Some(number) = number else {
        return refuse(&count_name, format!("is `{}`, expected the number of entries", count.escape_debug()));
    };
    if number == 0 {
        return Ok(whole.map(|text| Text::Entries(if kind == Kind::List { words(text) } else { lines(text) })));
    }
    if whole.is_some() {
        return refuse(spelling, format!("is set both as one text and as an array by `{count_name}`"));
    }
    let mut entries = Vec::new();
    for index in 0..number {
        let part = format!("{spelling}_{index}");
        let Some(entry) = environment.verbatim(&part) else {
            return refuse(&part, format!("is missing, although `{count_name}` is {number}"));
        };
        // The entries of a `List` hold no white space, those of `Lines` are the user's to the letter.
        let entry = if kind == Kind::List { entry.trim() } else { entry };
        if !entry.trim().is_empty() {
            entries.push(entry.to_owned());
        }
    }
    Ok((!entries.is_empty()).then_some(Text::Entries(entries)))
}

/// Splits on newlines, commas and spaces.
fn words(text: &str) -> Vec<String> {
    text.split(|character: char| character == ',' || character.is_whitespace())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Splits on newlines; white space around an entry is indentation.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// A value or entry that is the text of a reference: a problem, or a warning where any text is a possible value.
fn references(variable: &Variable, given: &Given, findings: &mut Findings) -> Result<(), Reported> {
    let found = match &given.text {
        Text::Whole(text) => Some(text).filter(|text| is_reference(text)),
        Text::Entries(entries) => entries.iter().find(|entry| is_reference(entry)),
    };
    let Some(found) = found else { return Ok(()) };
    let shown = (!variable.secret).then_some(found.as_str());
    if variable.kind == Kind::Path || matches!(variable.name, "TARGET" | "NETWORK") {
        findings.warn(reference(given.spelling, shown), Some(format!("define it or remove `{}`", given.spelling)));
        return Ok(());
    }
    let variable = given.spelling.to_owned();
    findings.problem(Problem::Reference { variable, found: shown.map(str::to_owned) });
    Err(Reported)
}

/// Whether a variable that is not supported asks for nothing more than this version does.
fn is_harmless(variable: &Variable, text: &Text) -> bool {
    let text = match text {
        Text::Whole(text) => text,
        Text::Entries(entries) => match entries.as_slice() {
            [] => return true,
            [entry] => entry,
            _ => return false,
        },
    };
    variable.harmless.iter().any(|harmless| match variable.kind {
        Kind::Boolean => boolean(text).is_some() && boolean(text) == boolean(harmless),
        _ => text.eq_ignore_ascii_case(harmless),
    })
}

#[cfg(test)]
mod tests;
