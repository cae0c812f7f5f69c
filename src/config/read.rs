//! From the pairs of the environment to the typed configuration.

use std::ffi::OsString;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::environment::Environment;
use super::misspelt::{Misspelling, misspellings};
use super::problem::{Findings, Problem, Problems};
use super::raw::Raw;
use super::variables::{Default as Unset, variable};
use super::{
    Bitbucket, Config, Network, accounts, build, builder, compression, credentials, destination, engine, epoch,
    existing, index_from, login, platform, push_mode, repository, scan, secrets, unchanged,
};

impl Config {
    /// Reads the pairs of the environment, of which a program passes `std::env::vars_os()`. Nothing else is touched: no
    /// file, no network.
    ///
    /// # Errors
    /// Everything that is wrong, all together.
    pub fn read(pairs: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, Problems> {
        let environment = Environment::new(pairs);
        let mut findings = Findings::default();
        let found = &mut findings;
        let raw = Raw::read(&environment, found);
        let misspellings = misspellings(&environment, &raw);
        warn_of(&misspellings, found);

        let push = raw.boolean("PUSH", raw.scalars.push.as_deref(), true, found);
        let builds = existing::builds(&raw, push, found);
        let bitbucket = bitbucket(&environment, found);
        let credentials = credentials::read(&raw, &environment, &bitbucket, push, found);
        let allowed_accounts = accounts::read(&raw, found);
        if !push {
            warn_of_what_only_a_push_does(&raw, found);
        }
        let images = destination::images(&raw, nearly(&misspellings, "IMAGE"), found);
        let region = destination::region(&raw, images.as_deref().unwrap_or_default(), push, found);
        credentials::check_partition(credentials.as_ref(), region.as_deref(), &raw, found);
        let tags = destination::tags(&raw, &bitbucket, found);
        let if_tag_exists = destination::if_tag_exists(&raw, found);
        let compression = compression::compression(&raw, found);
        let push_mode = push_mode::push_mode(&raw, images.as_deref().unwrap_or_default(), compression, found);
        let build = build::read(&raw, &environment, found);
        platform::check(&build.platforms, push_mode, found);
        let builder = builder::builder(&raw, found);
        let index_from = index_from::read(&raw, push, found);
        let is_unbuilt = !builds || !index_from.is_empty();
        let cache = epoch::cache(&raw, builder::cache(&raw, found), &build, push_mode, found).unless(is_unbuilt);
        let registry_logins = login::read(&raw, &environment, found);
        let repository = repository::read(&raw, found);
        let skip_unchanged = unchanged::read(&raw, &tags, found).unless(is_unbuilt);
        let scan = scan::gate(&raw, push, found);
        let dry_run = raw.boolean("DRY_RUN", raw.scalars.dry_run.as_deref(), false, found);
        let debug = raw.boolean("DEBUG", raw.scalars.debug.as_deref(), false, found);
        let engine = engine::read(&raw, found);
        check_endpoints(&raw, found);
        let ecr_endpoint = endpoint(raw.shared.aws_endpoint_url_ecr.as_ref(), &raw);
        let sts_endpoint = endpoint(raw.shared.aws_endpoint_url_sts.as_ref(), &raw);
        let color = raw.shared.no_color.is_none();
        let network = network(&raw);
        let output_dir = output_dir(&raw);
        let secrets = secrets::collect(&environment, &registry_logins, &build, &network);

        let (images, warnings) = findings.conclude(images, &output_dir, &secrets)?;
        Ok(Self {
            credentials,
            allowed_accounts,
            region,
            images,
            tags,
            if_tag_exists,
            compression,
            build,
            builder,
            cache,
            registry_logins,
            repository,
            push,
            builds,
            index_from,
            skip_unchanged,
            push_mode,
            scan,
            dry_run,
            output_dir,
            debug,
            color,
            engine,
            ecr_endpoint,
            sts_endpoint,
            network,
            bitbucket,
            secrets,
            warnings,
        })
    }
}

/// A build for nobody but the step has no repository and moves no tag.
fn warn_of_what_only_a_push_does(raw: &Raw, findings: &mut Findings) {
    let scalars = &raw.scalars;
    for (name, value) in [
        ("CREATE_REPOSITORY", &scalars.create_repository),
        ("RECONCILE_REPOSITORY", &scalars.reconcile_repository),
        ("IF_TAG_EXISTS", &scalars.if_tag_exists),
        ("SKIP_UNCHANGED", &scalars.skip_unchanged),
        ("COMPRESSION", &scalars.compression),
        ("PUSH_MODE", &scalars.push_mode),
    ] {
        if value.is_some() {
            let hint = format!("remove `{name}` where `PUSH` is `false`");
            findings.warn(format!("`{name}` does nothing while `PUSH` is `false`"), Some(hint));
        }
    }
}

fn warn_of(misspellings: &[Misspelling], findings: &mut Findings) {
    for Misspelling { found, meant } in misspellings {
        let message = format!("`{}` is no variable of this pipe and is ignored", found.escape_debug());
        findings.warn(message, Some(format!("rename it if `{meant}` was meant")));
    }
}

/// The misspelling that explains why a variable is missing.
fn nearly(misspellings: &[Misspelling], name: &str) -> Option<String> {
    let is = |meant: &str| variable(name).is_some_and(|variable| variable.names().any(|spelling| spelling == meant));
    misspellings.iter().find(|misspelling| is(misspelling.meant)).map(|misspelling| misspelling.found.clone())
}

fn output_dir(raw: &Raw) -> PathBuf {
    let default = match variable("OUTPUT_DIR").map(|variable| variable.default) {
        Some(Unset::Value(value)) => value,
        Some(Unset::Nothing | Unset::Required | Unset::Derived(_)) | None => ".",
    };
    PathBuf::from(raw.scalars.output_dir.as_deref().unwrap_or(default))
}

/// The address of a service, if it is not the region's own.
fn endpoint(own: Option<&String>, raw: &Raw) -> Option<String> {
    own.or(raw.shared.aws_endpoint_url.as_ref()).cloned()
}

fn check_endpoints(raw: &Raw, findings: &mut Findings) {
    let shared = &raw.shared;
    for (name, url) in [
        ("AWS_ENDPOINT_URL", &shared.aws_endpoint_url),
        ("AWS_ENDPOINT_URL_ECR", &shared.aws_endpoint_url_ecr),
        ("AWS_ENDPOINT_URL_STS", &shared.aws_endpoint_url_sts),
    ] {
        let Some(url) = url else { continue };
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        if !rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace)) {
            findings.value(name, "it is no URL, expected `https://<host>` or `http://<host>:<port>`", None);
        }
    }
}

fn network(raw: &Raw) -> Network {
    let shared = &raw.shared;
    Network {
        ssl_cert_file: shared.ssl_cert_file.as_ref().map(PathBuf::from),
        aws_ca_bundle: shared.aws_ca_bundle.as_ref().map(PathBuf::from),
        https_proxy: shared.https_proxy.as_deref().map(SecretString::from),
        http_proxy: shared.http_proxy.as_deref().map(SecretString::from),
        no_proxy: shared.no_proxy.clone(),
    }
}

/// What Bitbucket sets, without its prefix.
#[derive(Default, Deserialize)]
struct RawBitbucket {
    branch: Option<String>,
    pr_destination_branch: Option<String>,
    tag: Option<String>,
    commit: Option<String>,
    build_number: Option<String>,
    repo_full_name: Option<String>,
    git_http_origin: Option<String>,
    clone_dir: Option<String>,
    pipe_storage_dir: Option<String>,
    pipe_shared_storage_dir: Option<String>,
    pipelines_variables_path: Option<String>,
}

const PREFIX: &str = "BITBUCKET_";
const NAMES: [&str; 11] = [
    "BITBUCKET_BRANCH",
    "BITBUCKET_PR_DESTINATION_BRANCH",
    "BITBUCKET_TAG",
    "BITBUCKET_COMMIT",
    "BITBUCKET_BUILD_NUMBER",
    "BITBUCKET_REPO_FULL_NAME",
    "BITBUCKET_GIT_HTTP_ORIGIN",
    "BITBUCKET_CLONE_DIR",
    "BITBUCKET_PIPE_STORAGE_DIR",
    "BITBUCKET_PIPE_SHARED_STORAGE_DIR",
    "BITBUCKET_PIPELINES_VARIABLES_PATH",
];

fn bitbucket(environment: &Environment, findings: &mut Findings) -> Bitbucket {
    let pairs = NAMES.iter().filter_map(|name| Some(((*name).to_owned(), environment.get(name)?.to_owned())));
    let raw: RawBitbucket = envy::prefixed(PREFIX).from_iter(pairs).unwrap_or_else(|_| {
        findings.problem(Problem::Table);
        RawBitbucket::default()
    });
    let storage_dirs = [raw.pipe_storage_dir, raw.pipe_shared_storage_dir];
    Bitbucket {
        branch: raw.branch,
        destination_branch: raw.pr_destination_branch,
        tag: raw.tag,
        commit: raw.commit,
        build_number: raw.build_number,
        repository: raw.repo_full_name,
        git_origin: raw.git_http_origin,
        clone_dir: raw.clone_dir.map(PathBuf::from),
        storage_dirs: storage_dirs.into_iter().flatten().map(PathBuf::from).collect(),
        variables_path: raw.pipelines_variables_path.map(PathBuf::from),
    }
}
