//! A repository is created and changed, and then read back.

use std::time::Duration;

use super::super::denials::Denials;
use super::look::{look, read};
use super::{Found, Place, Standing};
use crate::aws::{Creation, Error, Mutability};
use crate::error::{ExitCode, Failure};
use crate::image::Repository;
use crate::plan::repository::{Change, Kind, Wanted};
use crate::progress::{Event, Log};

/// How often a change is looked for before it counts as not made, and how long the first wait is; each next one is twice that.
const LOOKS: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Makes a repository as it is wanted, by what [`look()`] found. The tag policy that then holds, as AWS tells it.
///
/// # Errors
/// What AWS refused; what is made by then stays, and a further run goes on from there.
pub(in super::super) async fn apply(
    place: Place<'_>,
    wanted: &Wanted,
    found: &Found,
    log: &Log,
) -> Result<Option<Mutability>, Vec<Failure>> {
    match &found.standing {
        Standing::Unknown | Standing::ByPush(_) => Ok(found.mutability.clone()),
        Standing::Exists(changes) if changes.made.is_empty() => Ok(found.mutability.clone()),
        Standing::Exists(changes) => make(place, wanted, &changes.made, log).await,
        Standing::ToCreate => create(place, wanted, log).await,
    }
}

async fn create(place: Place<'_>, wanted: &Wanted, log: &Log) -> Result<Option<Mutability>, Vec<Failure>> {
    let Place { ecr, repository, .. } = place;
    let creation = match Box::pin(ecr.create(repository, &wanted.new_repository())).await {
        Ok(creation) => creation,
        // The call may have been done, and the repository is the answer that counts.
        Err(error) if error.is_ambiguous() => match ecr.repository(repository).await {
            Ok(Some(_)) => Creation::Existed,
            Ok(None) | Err(_) => return Err(vec![error.into()]),
        },
        Err(error) => return Err(vec![error.into()]),
    };
    if creation == Creation::Created {
        log.send(Event::Fact("created", repository.to_string())).await;
        let policies = wanted.policies();
        let changes: Vec<Change> =
            policies.map(|(kind, policy)| Change::Policy { kind, policy: policy.clone(), lines: None }).collect();
        let made = put(place, &changes, log).await;
        made.map_err(|failures| {
            failures.into_iter().map(|failure| unfinished(repository, failure)).collect::<Vec<_>>()
        })?;
        // Nobody else has set anything of it yet.
        return read_back(place, wanted, None).await;
    }
    log.send(Event::Fact("created", format!("{repository}, meanwhile: it is there now"))).await;
    // Whoever created it may not be done with it. With another wish of his, this run says so and leaves it.
    let denials = Denials::default();
    let found = look(place, wanted, &denials).await?;
    denials.tell(log).await;
    found.tell(wanted, log).await;
    match &found.standing {
        Standing::Exists(changes) if !changes.made.is_empty() => make(place, wanted, &changes.made, log).await,
        _ => Ok(found.mutability),
    }
}

/// A policy that could not be put after the creation.
fn unfinished(repository: &Repository, failure: Failure) -> Failure {
    let message = format!("`{repository}` is created and not finished, which a further run does: {}", failure.message);
    Failure { message, ..failure }
}

/// Makes the changes, all of them as far as AWS lets it, and looks whether they hold.
async fn make(
    place: Place<'_>,
    wanted: &Wanted,
    changes: &[Change],
    log: &Log,
) -> Result<Option<Mutability>, Vec<Failure>> {
    let made = put(place, changes, log).await?;
    read_back(place, wanted, Some(&made)).await
}

/// The changes by their subjects.
async fn put(place: Place<'_>, changes: &[Change], log: &Log) -> Result<Vec<&'static str>, Vec<Failure>> {
    let mut made = Vec::new();
    let mut failures = Vec::new();
    for change in changes {
        match Box::pin(one(place, change)).await {
            Ok(()) => made.push(change.subject()),
            Err(error) => failures.push(Failure::from(error)),
        }
    }
    if !made.is_empty() {
        let name = if place.is_alone { String::new() } else { format!("{}: ", place.repository) };
        log.send(Event::Fact("changed", format!("{name}{}", made.join(", ")))).await;
    }
    if failures.is_empty() { Ok(made) } else { Err(failures) }
}

async fn one(place: Place<'_>, change: &Change) -> Result<(), Error> {
    let Place { ecr, repository, .. } = place;
    match change {
        Change::Mutability { to, .. } => ecr.put_mutability(repository, to).await,
        Change::ScanOnPush(wanted) => ecr.put_scan_on_push(repository, *wanted).await,
        Change::Tags(tags) => {
            let tags: Vec<(String, String)> = tags.iter().map(|(key, _, value)| (key.clone(), value.clone())).collect();
            ecr.tag_resource(repository, &tags).await
        }
        Change::Policy { kind: Kind::Lifecycle, policy, .. } => {
            ecr.put_lifecycle_policy(repository, policy.text()).await
        }
        Change::Policy { kind: Kind::Repository, policy, .. } => {
            ecr.set_repository_policy(repository, policy.text()).await
        }
    }
}

/// Whether AWS says what it was told, of these subjects or of all. It may take a moment.
async fn read_back(
    place: Place<'_>,
    wanted: &Wanted,
    made: Option<&[&str]>,
) -> Result<Option<Mutability>, Vec<Failure>> {
    // What may not be read was told when it was looked at, or is read here for the first time and is no news.
    let quiet = Wanted { reconcile: false, ..wanted.clone() };
    let mut wait = FIRST_WAIT;
    let mut left = Vec::new();
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        let Some(actual) = read(place, &quiet, &Denials::default()).await.map_err(|error| vec![error.into()])? else {
            continue;
        };
        let changes = quiet.compare(&actual, place.repository.host.partition());
        left = changes.made.into_iter().chain(changes.left).collect();
        left.retain(|change: &Change| made.is_none_or(|made| made.contains(&change.subject())));
        if left.is_empty() {
            return Ok(Some(actual.state.mutability));
        }
    }
    let subjects: Vec<&str> = left.iter().map(Change::subject).collect();
    let what = if subjects.is_empty() { "the repository itself".to_owned() } else { subjects.join(", ") };
    Err(vec![Failure {
        code: ExitCode::Repository,
        message: format!("AWS accepted the changes to `{}`, and does not show them: {what}", place.repository),
        hint: Some("run the step again; another run may change the same repository to something else".to_owned()),
    }])
}
