//! A panic is a fault of ecr-pipe: exit code 1, where it happened, and nothing that could be a secret.

use std::io::Write as _;
use std::panic::PanicHookInfo;

use crate::error::ExitCode;

/// From now on a panic, on whichever thread, ends the process with exit code 1. The engine stops the build when the
/// connection goes.
pub fn install_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let _ = writeln!(std::io::stderr(), "{}", report(panic.location(), literal(panic)));
        #[expect(
            clippy::exit,
            reason = "the threads' state is not to be trusted, and `abort` would give another exit code"
        )]
        std::process::exit(ExitCode::Bug as i32);
    }));
}

/// The message, if it is a literal of the source: one that was put together at run time may hold anything.
fn literal<'a>(panic: &'a PanicHookInfo<'_>) -> Option<&'a str> {
    panic.payload().downcast_ref::<&'static str>().copied()
}

fn report(location: Option<&std::panic::Location<'_>>, message: Option<&str>) -> String {
    let location = location.map(ToString::to_string).unwrap_or_default();
    let message = message.map(|message| format!(": {message}")).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "\n✖ a fault of ecr-pipe {version} at {location}{message}\n  hint: please report it with these lines; nothing was pushed that the log does not name"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_message_is_shown() {
        assert!(report(None, Some("entered unreachable code")).contains(": entered unreachable code\n"));
    }
}
