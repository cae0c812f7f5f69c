//! `PUSH_MODE`

use super::problem::Findings;
use super::raw::Raw;
use crate::compress::Codec;
use crate::image::Name;

/// Who pushes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PushMode {
    /// Whoever is quicker, by [`crate::plan::quicker_pusher`].
    #[default]
    Auto,
    /// The engine.
    Engine,
    /// The pipe itself.
    Direct,
}

/// The mode; the default when it is unset or not accepted.
pub(super) fn push_mode(raw: &Raw, images: &[Name], compression: Codec, findings: &mut Findings) -> PushMode {
    let Some(word) = &raw.scalars.push_mode else { return PushMode::default() };
    match word.to_ascii_lowercase().as_str() {
        "auto" => PushMode::Auto,
        "direct" => PushMode::Direct,
        "engine" if images.len() > 1 => {
            let reason = format!(
                "it is `engine`, and `IMAGE` names {} repositories: an engine cannot push content before it moves a tag",
                images.len()
            );
            findings.value("PUSH_MODE", reason, Some("leave it unset, or set it to `direct`".to_owned()));
            PushMode::Engine
        }
        "engine" if compression == Codec::Zstd => {
            let reason = "it is `engine`, and `COMPRESSION` is `zstd`: an engine compresses with gzip only".to_owned();
            findings.value("PUSH_MODE", reason, Some("leave one of them out".to_owned()));
            PushMode::Engine
        }
        "engine" => PushMode::Engine,
        _ => {
            let found = word.escape_debug();
            let reason = format!("`{found}` is not accepted, expected `auto`, `engine` or `direct`");
            findings.value("PUSH_MODE", reason, None);
            PushMode::default()
        }
    }
}
