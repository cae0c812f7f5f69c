//! What a run leaves, written after the registries confirmed the digest.

use std::io::Write;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::job::Pushed;
use super::preflight::{Destination, Destinations};
use crate::config::Config;
use crate::engine::ImageId;
use crate::error::Failure;
use crate::image::{Digest, Tag};
use crate::plan::{Course, Gap, PlannedTag};
use crate::progress::bytes;
use crate::report::{Delivery, Folder, Outcome, Took, append_for_later_steps};

/// Writes the lines on stdout and the files; what comes back are the last lines of the log.
pub(super) fn report(
    config: &Config,
    (destinations, engine, output): (&Destinations, Option<&str>, Option<&Folder>),
    Pushed { manifest, image, strangers }: &Pushed,
    took: Took,
    mut stdout: impl Write,
) -> Result<Vec<String>, Vec<Failure>> {
    let repositories: Vec<Delivery> = destinations
        .all
        .iter()
        .map(|Destination { repository, tags, .. }| Delivery {
            repository: repository.clone(),
            tags: tags
                .iter()
                .filter(|planned| !strangers.contains(&planned.tag))
                .map(|PlannedTag { tag, now }| (tag.clone(), now.clone()))
                .collect(),
        })
        .collect();
    let finished_at = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let image_id = image.as_ref().map(ImageId::as_str).or(manifest.config.as_ref().map(Digest::as_str));
    let outcome = Outcome {
        repositories: &repositories,
        digest: &manifest.digest,
        media_type: &manifest.media_type,
        image_id,
        image_bytes: manifest.image_bytes,
        bitbucket: &config.bitbucket,
        engine,
        finished_at: &finished_at.format(&Rfc3339).unwrap_or_default(),
        took,
    };
    let uris: Vec<String> = repositories.iter().map(|delivery| delivery.repository.at(&manifest.digest)).collect();
    for uri in &uris {
        // Whoever listened may have gone; the push is done all the same, and the log has the lines too.
        let _ = writeln!(stdout, "{uri}");
    }
    let _ = stdout.flush();
    if let Some(path) = &config.bitbucket.variables_path {
        append_for_later_steps(path, &outcome);
    }
    if let Some(output) = output {
        output.write(&outcome).map_err(|error| vec![error.into()])?;
    }
    let size = manifest.image_bytes.map(|size| format!(", {}", bytes(size))).unwrap_or_default();
    let tags = repositories.first().map(|delivery| delivery.tags.as_slice()).unwrap_or_default();
    let names: Vec<&str> = tags.iter().map(|(tag, _)| Tag::as_str(tag)).collect();
    let verbs =
        uris.iter().enumerate().map(|(place, uri)| format!("{} {uri}", verb(destinations.course.as_ref(), place)));
    let mut lines: Vec<String> = verbs.collect();
    lines.push(format!("tagged {}{size}", names.join(", ")));
    Ok(lines)
}

/// What was done for a repository.
fn verb(course: Option<&Course>, place: usize) -> &'static str {
    let gaps = match course {
        None | Some(Course::Build) => return "pushed",
        Some(Course::Compare { gaps, .. } | Course::Keep { gaps } | Course::Retag { gaps, .. }) => gaps,
    };
    let filled: Vec<&Gap> = gaps.iter().filter(|gap| gap.to == place).collect();
    match filled.as_slice() {
        [] => "kept",
        filled if filled.iter().all(|gap| gap.from == place) => "tagged",
        _ => "copied",
    }
}
