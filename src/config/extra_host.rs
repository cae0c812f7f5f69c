//! Entries of `ADD_HOSTS`.

use std::net::IpAddr;

/// The address that docker replaces by the engine's own.
const HOST_GATEWAY: &str = "host-gateway";

/// Reads `name:address` or `name=address` (docker/cli, `opts.ValidateExtraHost`) and returns the former; an IPv6
/// address may stand in brackets, which go.
pub(super) fn extra_host(entry: &str) -> Result<String, String> {
    let shown = entry.escape_debug();
    let split = entry.split_once('=').or_else(|| entry.split_once(':'));
    let Some((name, address)) = split else {
        return Err(format!("`{shown}` has no address, expected `<name>:<address>`"));
    };
    if name.is_empty() || name.contains(|character: char| character.is_whitespace() || character == ':') {
        return Err(format!("`{shown}` has no legal name, expected `<name>:<address>`"));
    }
    let address = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    if address != HOST_GATEWAY && address.parse::<IpAddr>().is_err() {
        let address = address.escape_debug();
        return Err(format!("`{address}` in `{shown}` is no address, expected IPv4, IPv6 or `{HOST_GATEWAY}`"));
    }
    Ok(format!("{name}:{address}"))
}

#[cfg(test)]
mod tests {
    use super::extra_host;

    #[test]
    fn both_separators_and_all_kinds_of_address_are_read() {
        for (entry, host) in [
            ("db:10.0.0.1", "db:10.0.0.1"),
            ("db=10.0.0.1", "db:10.0.0.1"),
            ("db:::1", "db:::1"),
            ("db=::1", "db:::1"),
            ("db:[2001:db8::1]", "db:2001:db8::1"),
            ("host.docker.internal:host-gateway", "host.docker.internal:host-gateway"),
        ] {
            assert_eq!(extra_host(entry).as_deref(), Ok(host));
        }
    }

    #[test]
    fn each_fault_of_a_host_is_named() {
        for (entry, reason) in [
            ("db", "`db` has no address, expected `<name>:<address>`"),
            (":10.0.0.1", "`:10.0.0.1` has no legal name, expected `<name>:<address>`"),
            ("a b:10.0.0.1", "`a b:10.0.0.1` has no legal name, expected `<name>:<address>`"),
            ("db:", "`` in `db:` is no address, expected IPv4, IPv6 or `host-gateway`"),
            ("db:10.0.0.256", "`10.0.0.256` in `db:10.0.0.256` is no address, expected IPv4, IPv6 or `host-gateway`"),
            ("db:other", "`other` in `db:other` is no address, expected IPv4, IPv6 or `host-gateway`"),
        ] {
            assert_eq!(extra_host(entry), Err(reason.to_owned()));
        }
    }
}
