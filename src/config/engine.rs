//! Where the engine listens: `DOCKER_HOST` and its TLS companions.

use std::path::PathBuf;

use super::EngineAddress;
use super::problem::Findings;
use super::raw::Raw;

/// Docker's own default.
const SOCKET: &str = "/var/run/docker.sock";
/// The ports of the engine without and with TLS.
const PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

const ACCEPTED: &str = "expected `unix://<path>` or `tcp://<host>:<port>` (`http://` and `https://` are accepted too)";

/// The address; docker's default when it is unset or not accepted. A socket is used without TLS, whatever the companions
/// say; a certificate folder alone turns TLS on, as in docker's Go client (moby/client, `WithTLSClientConfigFromEnv`), and
/// the engine's certificate is always verified.
pub(super) fn read(raw: &Raw, findings: &mut Findings) -> EngineAddress {
    let shared = &raw.shared;
    let default = EngineAddress::Unix(PathBuf::from(SOCKET));
    let Some(text) = shared.docker_host.as_deref() else { return default };
    let parsed = split(text);
    let (secure, host, port) = match parsed {
        Ok(Parsed::Unix(path)) => return EngineAddress::Unix(path),
        Ok(Parsed::Network { secure, host, port }) => (secure, host, port),
        Err(reason) => {
            let hint = "set `DOCKER_HOST` to one of them, or leave it to Bitbucket";
            findings.value("DOCKER_HOST", format!("{reason}, {ACCEPTED}"), Some(hint.to_owned()));
            return default;
        }
    };
    // As docker: any value of DOCKER_TLS_VERIFY counts, `0` too (docker/cli, `cli/flags/options.go`).
    let verify = shared.docker_tls_verify.is_some();
    match &shared.docker_cert_path {
        Some(certificates) => {
            EngineAddress::Tls { host, port: port.unwrap_or(TLS_PORT), certificates: PathBuf::from(certificates) }
        }
        None if secure || verify => {
            let why = if verify { "`DOCKER_TLS_VERIFY` is set" } else { "`DOCKER_HOST` is `https://`" };
            findings.value(
                "DOCKER_CERT_PATH",
                format!("it is missing, but {why}: expected the folder that holds `ca.pem`, `cert.pem` and `key.pem`"),
                Some(
                    if verify { "set it, or unset `DOCKER_TLS_VERIFY` (any value turns TLS on)" } else { "set it" }
                        .to_owned(),
                ),
            );
            default
        }
        None => EngineAddress::Tcp { host, port: port.unwrap_or(PORT) },
    }
}

enum Parsed {
    Unix(PathBuf),
    Network { secure: bool, host: String, port: Option<u16> },
}

/// No message quotes more than the scheme where the rest may hold a password.
fn split(text: &str) -> Result<Parsed, String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err("it has no scheme".to_owned());
    };
    let secure = match scheme {
        "unix" => {
            let path = if rest.is_empty() { SOCKET } else { rest };
            return Ok(Parsed::Unix(PathBuf::from(path)));
        }
        "tcp" | "http" => false,
        "https" => true,
        other => return Err(format!("`{}://` is not supported", other.escape_debug())),
    };
    if rest.contains('@') {
        return Err("user and password are not supported".to_owned());
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.strip_prefix('[') {
        Some(bracketed) => {
            let (host, after) = bracketed.split_once(']').ok_or("the bracket is not closed")?;
            host.parse::<std::net::Ipv6Addr>()
                .map_err(|_| format!("`[{}]` is no IPv6 address", host.escape_debug()))?;
            match after {
                "" => (host, None),
                _ => (host, Some(after.strip_prefix(':').ok_or("only a port may follow the bracket")?)),
            }
        }
        None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    let shown = rest.escape_debug();
    if host.is_empty() {
        return Err("it has no host".to_owned());
    }
    let is_legal = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_' | ':');
    if !host.chars().all(is_legal) {
        return Err(format!("`{shown}` is no host and port"));
    }
    let port = match port {
        None => None,
        Some(port) => match port.parse() {
            Ok(port) if port > 0 => Some(port),
            _ => return Err(format!("`{shown}` has no legal port, 1 to 65535")),
        },
    };
    Ok(Parsed::Network { secure, host: host.to_owned(), port })
}

#[cfg(test)]
mod tests;
