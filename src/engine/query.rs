//! The query of `POST /build` (moby `api/server/router/build/build_routes.go`).

use form_urlencoded::Serializer;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::BuildkitRequest;
use crate::config::Build;
use crate::session::Id;

/// The path with its query for the classic builder.
pub(super) fn of_classic(dockerfile: &str, options: &Build) -> String {
    let mut query = new();
    query.extend_pairs([("version", "1"), ("rm", "1"), ("forcerm", "1")]);
    with_options(&mut query, dockerfile, options);
    query.finish()
}

/// The path with its query for BuildKit, which takes its files from a session.
pub(super) fn of_buildkit(request: &BuildkitRequest<'_>) -> String {
    let mut query = new();
    query.extend_pairs([("version", "2"), ("remote", "client-session"), ("rm", "1")]);
    query.extend_pairs([("session", request.session.as_str()), ("buildid", request.build.as_str())]);
    with_options(&mut query, request.dockerfile, request.options);
    if let Some(platform) = request.platform {
        query.append_pair("platform", &platform.to_string());
    }
    if !request.cache_from.is_empty() {
        query.append_pair("cachefrom", &json!(request.cache_from).to_string());
    }
    query.finish()
}

/// The path that ends a build of BuildKit.
pub(super) fn of_cancel(build: &Id) -> String {
    format!("/build/cancel?id={}", build.as_str())
}

type Query = Serializer<'static, String>;

fn new() -> Query {
    Serializer::for_suffix("/build?".to_owned(), "/build?".len())
}

/// What both builders take. `platform` is not said where the engine's own is meant, since Bitbucket's plugin forbids it. Tags
/// never are: they are put on once the whole build has ended well.
fn with_options(query: &mut Query, dockerfile: &str, options: &Build) {
    query.append_pair("dockerfile", dockerfile);
    if let Some(target) = &options.target {
        query.append_pair("target", target);
    }
    if !options.args.is_empty() {
        let args = options.args.iter().map(|(name, value)| (name.clone(), value.expose_secret().into()));
        query.append_pair("buildargs", &object(args));
    }
    if !options.labels.is_empty() {
        query.append_pair(
            "labels",
            &object(options.labels.iter().map(|(name, value)| (name.clone(), value.as_str().into()))),
        );
    }
    if options.no_cache {
        query.append_pair("nocache", "1");
    }
    if options.pull {
        query.append_pair("pull", "1");
    }
    if let Some(network) = &options.network {
        query.append_pair("networkmode", network);
    }
    for host in &options.add_hosts {
        // One each: `a:1.2.3.4,b:1.2.3.5` in one is an invalid address (20.10, 26.1).
        query.append_pair("extrahosts", host);
    }
    if let Some(size) = options.shm_size {
        query.append_pair("shmsize", &size.to_string());
    }
    if !options.ulimits.is_empty() {
        let limits =
            options.ulimits.iter().map(|limit| json!({ "Name": limit.name, "Soft": limit.soft, "Hard": limit.hard }));
        query.append_pair("ulimits", &limits.collect::<Value>().to_string());
    }
}

fn object(pairs: impl Iterator<Item = (String, Value)>) -> String {
    Value::Object(pairs.collect::<Map<_, _>>()).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::fake::plain;
    use super::*;
    use crate::config::Ulimit;

    #[test]
    fn what_was_not_asked_for_is_not_said() {
        assert_eq!(
            of_classic("a b/Dockerfile", &plain()),
            "/build?version=1&rm=1&forcerm=1&dockerfile=a+b%2FDockerfile"
        );
    }

    #[test]
    fn every_option_arrives() {
        let build = Build {
            target: Some("app".to_owned()),
            args: vec![("A".to_owned(), "1&2".to_owned().into()), ("B".to_owned(), "é".to_owned().into())],
            labels: vec![("l".to_owned(), "x=\"y\"".to_owned())],
            no_cache: true,
            pull: true,
            network: Some("none".to_owned()),
            add_hosts: vec!["a:1.2.3.4".to_owned(), "b:::1".to_owned()],
            shm_size: Some(3 << 30),
            ulimits: vec![Ulimit { name: "nofile".to_owned(), soft: 100, hard: -1 }],
            ..plain()
        };
        let path = of_classic("Dockerfile", &build);
        let pairs: Vec<_> =
            form_urlencoded::parse(path.trim_start_matches("/build?").as_bytes()).into_owned().skip(4).collect();
        let expected = [
            ("target", "app"),
            ("buildargs", r#"{"A":"1&2","B":"é"}"#),
            ("labels", r#"{"l":"x=\"y\""}"#),
            ("nocache", "1"),
            ("pull", "1"),
            ("networkmode", "none"),
            ("extrahosts", "a:1.2.3.4"),
            ("extrahosts", "b:::1"),
            ("shmsize", "3221225472"),
            ("ulimits", r#"[{"Hard":-1,"Name":"nofile","Soft":100}]"#),
        ];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
