//! What is wanted of all repositories, with the policies out of their files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::aws::Mutability;
use crate::config::{PolicySource, RepositorySettings};
use crate::error::{ExitCode, Failure, words};
use crate::plan::repository::{Kind, Policy, Wanted};

/// What is read of a file. A policy has 30,720 characters at the most (ECR API reference, `PutLifecyclePolicy`), so that a file
/// which is cut off here is refused in any case.
const LIMIT: u64 = 1 << 20;

/// Reads what is wanted, the files of policies with it.
///
/// # Errors
/// Every file that cannot be read, and every text that is no policy.
pub(in super::super) fn load(settings: &RepositorySettings) -> Result<Wanted, Vec<Failure>> {
    let sources = [(Kind::Lifecycle, &settings.lifecycle_policy), (Kind::Repository, &settings.repository_policy)];
    let [lifecycle, repository] = sources.map(|(kind, source)| policy(kind, source.as_ref()));
    match (lifecycle, repository) {
        (Ok(lifecycle_policy), Ok(repository_policy)) => Ok(Wanted {
            create: settings.create,
            reconcile: settings.reconcile,
            mutability: settings.mutability.as_ref().map(Mutability::from),
            scan_on_push: settings.scan_on_push,
            encryption: settings.encryption.clone(),
            lifecycle_policy,
            repository_policy,
            tags: settings.tags.clone(),
        }),
        (lifecycle, repository) => Err(lifecycle.err().into_iter().chain(repository.err()).collect()),
    }
}

fn policy(kind: Kind, source: Option<&PolicySource>) -> Result<Option<Policy>, Failure> {
    let parsed = match source {
        None => return Ok(None),
        Some(PolicySource::Inline(text)) => Policy::parse(kind, text, None),
        Some(PolicySource::File(path)) => {
            let text = read(path).map_err(|error| Failure {
                code: ExitCode::Variables,
                message: format!("`{}`: cannot read `{}`: {}", kind.variable(), path.display(), words(&error)),
                hint: Some("write the path from the clone folder, or the JSON itself".to_owned()),
            })?;
            Policy::parse(kind, &text, Some(&path.display().to_string()))
        }
    };
    Ok(Some(parsed?))
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LIMIT).read_to_string(&mut text)?;
    Ok(text)
}
