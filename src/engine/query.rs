//! The query of `POST /build` (moby `api/server/router/build/build_routes.go`).

use form_urlencoded::Serializer;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use crate::config::Build;

/// The path with its query. `platform` is never said: Bitbucket's plugin forbids it, and the engine's own is meant. Nor are
/// tags: they are put on once the whole build has ended well.
pub(super) fn of_build(dockerfile: &str, options: &Build) -> String {
    let mut query = Serializer::for_suffix("/build?".to_owned(), "/build?".len());
    let query = query.extend_pairs([("version", "1"), ("rm", "1"), ("forcerm", "1"), ("dockerfile", dockerfile)]);
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
    query.finish()
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
        assert_eq!(of_build("a b/Dockerfile", &plain()), "/build?version=1&rm=1&forcerm=1&dockerfile=a+b%2FDockerfile");
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
        let path = of_build("Dockerfile", &build);
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
