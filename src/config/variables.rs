//! The table of variables: the contract in one value. README and `pipe.yml` are checked against it.

/// One variable of the contract.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// The name used in messages.
    pub name: &'static str,
    /// Other spellings of the same variable.
    pub spellings: &'static [&'static str],
    /// How its text is read.
    pub kind: Kind,
    /// What holds when it is unset.
    pub default: Default,
    /// One line for the README.
    pub meaning: &'static str,
    /// A value that would be accepted, where not any is; for hints.
    pub example: &'static str,
    /// The words that are accepted, where not more are.
    pub choices: &'static [&'static str],
    /// Whether its value must never be shown.
    pub secret: bool,
    /// Whether this version does what it asks for.
    pub supported: bool,
    /// Values of a variable that is not supported which ask for nothing more than this version does.
    pub harmless: &'static [&'static str],
}

/// How the text of a variable is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A path, relative to the working folder.
    Path,
    /// `true`, `false`, `yes`, `no`, `on`, `off`, `1`, `0`.
    Boolean,
    /// A size in docker's units: `64m`.
    Size,
    /// A span of time: `5m`.
    Duration,
    /// One of several words.
    Choice,
    /// An array, or one text split on newlines, commas and spaces.
    List,
    /// An array, or one text split on newlines only, as its entries hold spaces and commas.
    Lines,
}

impl Kind {
    /// Whether an array is accepted.
    #[must_use]
    pub fn is_list(self) -> bool {
        matches!(self, Self::List | Self::Lines)
    }
}

/// What holds when a variable is unset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// Nothing: the feature is not used.
    Nothing,
    /// There is none, the variable must be set.
    Required,
    /// This value.
    Value(&'static str),
    /// Something that only a run can know, in words.
    Derived(&'static str),
}

impl Variable {
    const fn new(name: &'static str, kind: Kind, meaning: &'static str) -> Self {
        let (example, choices): (_, &[_]) = match kind {
            Kind::Boolean => ("true", &["true", "false"]),
            _ => ("", &[]),
        };
        let default = Default::Nothing;
        Self {
            name,
            spellings: &[],
            kind,
            default,
            meaning,
            example,
            choices,
            secret: false,
            supported: true,
            harmless: &[],
        }
    }

    const fn later(name: &'static str, kind: Kind, meaning: &'static str) -> Self {
        Self { supported: false, ..Self::new(name, kind, meaning) }
    }

    const fn or(self, spellings: &'static [&'static str]) -> Self {
        Self { spellings, ..self }
    }

    const fn value(self, value: &'static str) -> Self {
        Self { default: Default::Value(value), ..self }
    }

    const fn derived(self, words: &'static str) -> Self {
        Self { default: Default::Derived(words), ..self }
    }

    const fn required(self) -> Self {
        Self { default: Default::Required, ..self }
    }

    const fn like(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    const fn among(self, choices: &'static [&'static str]) -> Self {
        Self { choices, ..self }
    }

    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    const fn harmless(self, harmless: &'static [&'static str]) -> Self {
        Self { harmless, ..self }
    }

    /// The name and the other spellings.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        [self.name].into_iter().chain(self.spellings.iter().copied())
    }
}

use Kind::{Boolean, Choice, Duration, Lines, List, Path, Size, Text};

/// Every variable of the contract, in the order of the README.
pub const VARIABLES: &[Variable] = &[
    Variable::new("AWS_KEY", Text, "access key id")
        .or(&["AWS_ACCESS_KEY_ID"])
        .derived("required for a push without OIDC"),
    Variable::new("AWS_SECRET", Text, "secret access key")
        .or(&["AWS_SECRET_ACCESS_KEY"])
        .derived("required for a push without OIDC")
        .secret(),
    Variable::new("AWS_SESSION_TOKEN", Text, "session token, for temporary keys").secret(),
    Variable::new(
        "AWS_OIDC_ROLE_ARN",
        Text,
        "role to assume with the OIDC token of a step with `oidc: true`; wins over keys",
    )
    .like("arn:aws:iam::123456789012:role/bitbucket"),
    Variable::new("AWS_ROLE_ARN", Text, "second role, assumed with the credentials above")
        .like("arn:aws:iam::123456789012:role/ecr-push"),
    Variable::new("AWS_ROLE_EXTERNAL_ID", Text, "external id for the second role"),
    Variable::new("AWS_ROLE_SESSION_NAME", Text, "session name of the roles").derived("`bitbucket-<repo>-<build>`"),
    Variable::new("AWS_REGION", Text, "region")
        .or(&["AWS_DEFAULT_REGION"])
        .derived("the one in `IMAGE`")
        .like("eu-central-1"),
    Variable::new("ALLOWED_ACCOUNT_IDS", List, "refuse to run as any other account")
        .derived("any")
        .like("123456789012"),
    Variable::new(
        "IMAGE",
        List,
        "list of repositories: full URIs, or bare names in the credentials' own account and `AWS_REGION`",
    )
    .or(&["IMAGE_NAME"])
    .required()
    .like("123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop"),
    Variable::new("TAG", List, "list of tags")
        .or(&["TAGS"])
        .derived("branch, else tag, of the build, made a legal tag")
        .like("v1.2.3"),
    Variable::new("CONTEXT", Path, "build context folder").value("."),
    Variable::new("DOCKERFILE", Path, "path from the working folder, as `docker build -f`")
        .derived("`<CONTEXT>/Dockerfile`")
        .like("docker/Dockerfile"),
    Variable::new("TARGET", Text, "stage to build").derived("the last one"),
    Variable::new("PLATFORM", List, "list of platforms to build for, as `linux/amd64,linux/arm64`")
        .derived("the engine's own")
        .like("linux/arm64"),
    Variable::new(
        "BUILD_ARGS",
        Lines,
        "list of `KEY=value`, newlines or an array; `KEY` alone takes the value from the environment",
    )
    .like("VERSION=1.2.3"),
    Variable::new("LABELS", Lines, "list of `key=value`, newlines or an array").like("team=shop"),
    Variable::new("NO_CACHE", Boolean, "build every step anew").value("false"),
    Variable::new("PULL", Boolean, "look for newer base images").value("false"),
    Variable::new("NETWORK", Text, "network of `RUN`: `default`, `none`, `host`, …").derived("the engine's default"),
    Variable::new("ADD_HOSTS", Lines, "list of `name:address`, newlines or an array").like("db:10.0.0.1"),
    Variable::new("SHM_SIZE", Size, "size of `/dev/shm`, as `64m`").derived("the engine's default").like("64m"),
    Variable::new("ULIMITS", List, "list of `nofile=1024:2048`")
        .derived("the engine's defaults")
        .like("nofile=1024:2048"),
    Variable::new("BUILD_SECRETS", Lines, "list of `id=x,env=VAR` or `id=x,src=path`, newlines or an array")
        .like("id=npm,env=NPM_TOKEN"),
    Variable::new("BUILD_CONTEXTS", List, "list of `name=path` or `name=docker-image://ref`").like("shared=../shared"),
    Variable::new(
        "REGISTRY_LOGINS",
        Lines,
        "list of `host=…,username=…,password-env=VAR` for private base images, newlines or an array",
    )
    .like("host=docker.io,username=me,password-env=DOCKER_HUB_PASSWORD"),
    Variable::new("BUILDER", List, "`auto`, `buildkit` or `classic`").value("auto").like("buildkit").among(&["auto", "buildkit", "classic"]),
    Variable::new("CACHE", Choice, "`auto` (image in ECR as cache source, inline cache written), `none`")
        .value("auto")
        .like("none")
        .among(&["auto", "none"]),
    Variable::new("CACHE_FROM", List, "list of further cache images")
        .like("123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop:build"),
    Variable::new("CREATE_REPOSITORY", Boolean, "create the repository when it is missing").value("false"),
    Variable::new(
        "RECONCILE_REPOSITORY",
        Boolean,
        "bring an existing repository to what the next seven say; without it they hold at creation only",
    )
    .value("false"),
    Variable::new("TAG_MUTABILITY", Choice, "`mutable` or `immutable` tags")
        .derived("leave as is")
        .like("immutable")
        .among(&["mutable", "immutable"]),
    Variable::new("TAG_MUTABILITY_EXCEPT", List, "list of up to 5 filters, as `latest*`: tags under the opposite rule")
        .derived("none")
        .like("latest*"),
    Variable::new("SCAN_ON_PUSH", Boolean, "scan images when they are pushed").derived("leave as is"),
    Variable::new(
        "KMS_KEY",
        Text,
        "key id, ARN or `alias/…` of the KMS key for a repository to be created; `AES256`: no KMS",
    )
    .derived("leave as is")
    .like("alias/images"),
    Variable::new("LIFECYCLE_POLICY", Path, "lifecycle policy: JSON, or the path of a file").derived("leave as is"),
    Variable::new("REPOSITORY_POLICY", Path, "repository policy: JSON, or the path of a file").derived("leave as is"),
    Variable::new("REPOSITORY_TAGS", Lines, "list of `key=value`, newlines or an array: resource tags; others stay")
        .derived("leave as is")
        .like("team=shop"),
    Variable::new("IF_TAG_EXISTS", Choice, "`overwrite`, `skip` (all tags exist: no build), `fail`")
        .value("overwrite")
        .among(&["overwrite", "skip", "fail"]),
    Variable::new("COMPRESSION", Choice, "how the pipe compresses layers that it pushes itself: `gzip`, or `zstd`, which old engines cannot pull")
        .value("gzip")
        .among(&["gzip", "zstd"]),
    Variable::new("PUSH_MODE", Choice, "`auto`, `engine`, `direct`").value("auto").among(&["auto", "engine", "direct"]),
    Variable::new("PUSH", Boolean, "`false`: build only").value("true"),
    Variable::new("BUILD", Boolean, "`false`: push the image that is already in the engine").value("true"),
    Variable::new(
        "INDEX_FROM",
        List,
        "list of digests or tags in the repository to join into one image index; nothing is built",
    )
    .like("1.4.2-arm64"),
    Variable::new(
        "SKIP_UNCHANGED",
        Text,
        "`true`: an image in ECR that has the same inputs gets the tags, nothing is built; `7d`: if it is no older",
    )
    .value("false")
    .like("7d"),
    Variable::new(
        "SCAN_FAIL_ON",
        Choice,
        "wait for the scan; fail at this severity or above: `CRITICAL`, `HIGH`, `MEDIUM`, `LOW`, `INFORMATIONAL`, `UNDEFINED`",
    )
    .derived("off")
    .like("HIGH")
    .among(&["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED"]),
    Variable::new("SCAN_TIMEOUT", Duration, "how long to wait for the scan, as `90s`, `5m`, `1h`").value("5m").like("5m"),
    Variable::new("SCAN_ON_MISSING", Choice, "what no result counts as: `fail` or `pass`").value("fail").like("fail").among(&["fail", "pass"]),
    Variable::new("DRY_RUN", Boolean, "print the plan and stop").value("false"),
    Variable::new("OUTPUT_DIR", Path, "where `image.env` and `result.json` go").value(".ecr-pipe"),
    Variable::later("CODE_INSIGHTS", Boolean, "publish a report on the commit").value("true").harmless(&["false"]),
    Variable::new("DEBUG", Boolean, "more log, still without secrets").value("false"),
];

/// A variable that other programs share, with what it does here.
#[derive(Clone, Copy, Debug)]
pub struct Honoured {
    /// The name.
    pub name: &'static str,
    /// One line for the README.
    pub meaning: &'static str,
    /// A value that would be accepted, where not any is; for hints.
    pub example: &'static str,
}

const fn honoured(name: &'static str, meaning: &'static str) -> Honoured {
    Honoured { name, meaning, example: "" }
}

const fn honoured_like(name: &'static str, meaning: &'static str, example: &'static str) -> Honoured {
    Honoured { name, meaning, example }
}

/// What is honoured besides the contract. The proxies are read in lower case too.
pub const HONOURED: &[Honoured] = &[
    honoured("DOCKER_HOST", "address of the engine: `unix://` or `tcp://`; Bitbucket sets it"),
    honoured("DOCKER_TLS_VERIFY", "any value: TLS to the engine"),
    honoured("DOCKER_CERT_PATH", "folder with `ca.pem`, `cert.pem` and `key.pem` for it"),
    honoured_like("AWS_ENDPOINT_URL", "another address of the AWS API", "https://localhost:4566"),
    honoured_like("AWS_ENDPOINT_URL_ECR", "another address of the ECR API", "https://localhost:4566"),
    honoured_like("AWS_ENDPOINT_URL_STS", "another address of the STS API", "https://localhost:4566"),
    honoured("SSL_CERT_FILE", "certificates to trust instead of the built-in ones"),
    honoured("AWS_CA_BUNDLE", "certificates to trust besides"),
    honoured("HTTPS_PROXY", "proxy for `https://`"),
    honoured("HTTP_PROXY", "proxy for `http://`"),
    honoured("NO_PROXY", "hosts to reach without a proxy"),
    honoured("NO_COLOR", "any value: a log without colours"),
    honoured_like(
        "SOURCE_DATE_EPOCH",
        "seconds since 1970: no time in the image is later, so that the same files give the same digest",
        "1700000000",
    ),
];

/// The variable with this name or spelling.
#[must_use]
pub fn variable(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.names().any(|spelling| spelling == name))
}

#[cfg(test)]
mod tests;
