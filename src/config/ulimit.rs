//! Entries of `ULIMITS`.

use super::Ulimit;

/// The limits that docker knows (docker/go-units, `ulimit.go`).
const NAMES: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// Reads `name=soft[:hard]` as docker does (docker/go-units, `ParseUlimit`).
pub(super) fn ulimit(entry: &str) -> Result<Ulimit, String> {
    let shown = entry.escape_debug();
    let Some((name, limits)) = entry.split_once('=') else {
        return Err(format!("`{shown}` has no `=`, expected `<name>=<soft>` or `<name>=<soft>:<hard>`"));
    };
    if !NAMES.contains(&name) {
        return Err(format!("`{}` is no limit, accepted are {}", name.escape_debug(), NAMES.join(", ")));
    }
    let number = |text: &str| {
        let limit = text.parse::<i64>().ok().filter(|limit| *limit >= -1);
        limit.ok_or_else(|| format!("`{}` in `{shown}` is no limit, expected a number or -1", text.escape_debug()))
    };
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let (soft, hard) = (number(soft)?, number(hard)?);
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err(format!("in `{shown}` the soft limit is above the hard one"));
    }
    Ok(Ulimit { name: name.to_owned(), soft, hard })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(entry: &str) -> Result<(i64, i64), String> {
        ulimit(entry).map(|limit| (limit.soft, limit.hard))
    }

    #[test]
    fn limits_are_read_as_docker_reads_them() {
        assert_eq!(limits("nofile=1024:2048"), Ok((1024, 2048)));
        assert_eq!(limits("nproc=64"), Ok((64, 64)));
        assert_eq!(limits("core=-1"), Ok((-1, -1)));
        assert_eq!(limits("memlock=5:-1"), Ok((5, -1)));
    }

    #[test]
    fn each_fault_of_a_limit_is_named() {
        for (entry, reason) in [
            ("nofile", "`nofile` has no `=`, expected `<name>=<soft>` or `<name>=<soft>:<hard>`"),
            ("nofile=", "`` in `nofile=` is no limit, expected a number or -1"),
            ("nofile=1:2:3", "`2:3` in `nofile=1:2:3` is no limit, expected a number or -1"),
            ("nofile=-2", "`-2` in `nofile=-2` is no limit, expected a number or -1"),
            ("nofile=2048:1024", "in `nofile=2048:1024` the soft limit is above the hard one"),
            ("nofile=-1:1024", "in `nofile=-1:1024` the soft limit is above the hard one"),
        ] {
            assert_eq!(limits(entry), Err(reason.to_owned()));
        }
        assert!(
            limits("files=1").is_err_and(|reason| reason.starts_with("`files` is no limit, accepted are core, cpu"))
        );
    }
}
