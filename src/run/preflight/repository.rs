//! A repository as it is wanted: what is there, what differs, and bringing it there before the build.

use std::time::Duration;

use super::super::warn;
use crate::aws::{Creation, Ecr, Error, Mutability, Reading, Template};
use crate::config::{PolicySource, RepositorySettings, Warning};
use crate::error::{ExitCode, Explain as _, Failure};
use crate::image::Repository;
use crate::plan::repository::{Actual, Change, Changes, Kind, Missing, Policy, Wanted, Why, covering};
use crate::progress::{Event, Log};

/// How often a change is looked for before it counts as not made, and how long the first wait is; each next one is twice that.
const LOOKS: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// A repository, the API of its region, and who asks.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) ecr: &'a Ecr,
    pub(super) repository: &'a Repository,
    /// The account of the credentials: repositories are created there only.
    pub(super) own_account: &'a str,
}

/// What is there of a repository, and what is to be done.
#[derive(Clone, Debug)]
pub(super) struct Found {
    standing: Standing,
    /// The tag policy as it will be when the image is pushed; `None` when the key may not ask.
    pub(super) mutability: Option<Mutability>,
}

#[derive(Clone, Debug)]
enum Standing {
    /// The key may not ask.
    Unknown,
    Exists(Changes),
    /// It is missing, and [`apply`] creates it.
    ToCreate,
    /// It is missing, and the push creates it.
    ByPush(Template),
}

/// Reads what is wanted, the files of policies with it.
///
/// # Errors
/// Every file that cannot be read, and every text that is no policy.
pub(super) fn load(settings: &RepositorySettings) -> Result<Wanted, Vec<Failure>> {
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
            let text = std::fs::read_to_string(path).map_err(|error| Failure {
                code: ExitCode::Variables,
                message: format!(
                    "`{}`: cannot read `{}`: {}",
                    kind.variable(),
                    path.display(),
                    crate::error::words(&error)
                ),
                hint: Some("write the path from the clone folder, or the JSON itself".to_owned()),
            })?;
            Policy::parse(kind, &text, Some(&path.display().to_string()))
        }
    };
    Ok(Some(parsed?))
}

/// Looks at a repository and changes nothing.
///
/// # Errors
/// It is missing and nothing will create it; it cannot be made as it is wanted; AWS cannot be asked.
pub(super) async fn look(place: Place<'_>, wanted: &Wanted, log: &Log) -> Result<Found, Vec<Failure>> {
    match read(place, wanted, log).await {
        Ok(Some(actual)) => {
            let mut changes = wanted.compare(&actual, partition(place.repository).as_str());
            if wanted.reconcile
                && let Some(unchangeable) = changes.unchangeable.take()
            {
                return Err(vec![unchangeable.into()]);
            }
            let to = changes.made.iter().find_map(|change| match change {
                Change::Mutability { to, .. } => Some(to.clone()),
                _ => None,
            });
            let mutability = Some(to.unwrap_or(actual.state.mutability));
            Ok(Found { standing: Standing::Exists(changes), mutability })
        }
        Ok(None) => missing(place, wanted).await.map_err(|failure| vec![failure]),
        Err(error) if error.is_denied() => {
            let also = match (wanted.create, wanted.reconcile) {
                (false, false) => "",
                (true, false) => ", and the repository is not created",
                (_, true) => ", and the repository is left as it is",
            };
            let message = format!("{error}: whether a tag may be moved is seen at the push only{also}");
            warn(log, [Warning { message, hint: error.hint() }]).await;
            Ok(Found { standing: Standing::Unknown, mutability: None })
        }
        Err(error) => Err(vec![error.into()]),
    }
}

async fn missing(place: Place<'_>, wanted: &Wanted) -> Result<Found, Failure> {
    let Place { ecr, repository, own_account } = place;
    let refuse = |why| Failure::from(Missing { repository: repository.clone(), why });
    if repository.host.account() != own_account {
        return Err(refuse(Why::OtherAccount(own_account.to_owned())));
    }
    if wanted.create {
        let region = repository.host.region();
        if let Some(elsewhere) = wanted.key_elsewhere(region) {
            return Err(Failure {
                code: ExitCode::Variables,
                message: format!(
                    "`KMS_KEY`: it is a key in {elsewhere}, and `{}` is to be created in {region}",
                    repository.name
                ),
                hint: Some("name the key by an `alias/…`, which each region has for itself".to_owned()),
            });
        }
        let mutability = wanted.mutability.clone().unwrap_or_else(|| Mutability::new(false, Vec::new()));
        return Ok(Found { standing: Standing::ToCreate, mutability: Some(mutability) });
    }
    match ecr.push_templates().await {
        Ok(templates) => match covering(&templates, &repository.name) {
            Some(template) => {
                let mutability = Some(template.mutability.clone());
                Ok(Found { standing: Standing::ByPush(template.clone()), mutability })
            }
            None => Err(refuse(Why::NotAsked)),
        },
        Err(error) if error.is_denied() => Err(refuse(Why::TemplatesUnknown)),
        Err(error) => {
            // An API that does not know the call, as in some partitions, has no templates.
            tracing::debug!("no creation templates: {error}");
            Err(refuse(Why::NotAsked))
        }
    }
}

/// What is there, as far as it is wanted to be something and may be asked for; `None` when there is no such repository.
async fn read(place: Place<'_>, wanted: &Wanted, log: &Log) -> Result<Option<Actual>, Error> {
    let Place { ecr, repository, .. } = place;
    let Some(state) = ecr.repository(repository).await? else { return Ok(None) };
    let asks = |is: bool| is.then_some(());
    // On the heap, since each call of the SDK is a large future.
    let (lifecycle, policy, tags) = tokio::join!(
        Box::pin(async {
            match asks(wanted.lifecycle_policy.is_some()) {
                Some(()) => ecr.lifecycle_policy(repository).await,
                None => Ok(Reading::Unknown),
            }
        }),
        Box::pin(async {
            match asks(wanted.repository_policy.is_some()) {
                Some(()) => ecr.repository_policy(repository).await,
                None => Ok(Reading::Unknown),
            }
        }),
        Box::pin(async {
            match asks(!wanted.tags.is_empty()) {
                Some(()) => ecr.resource_tags(repository).await.map(Reading::Present),
                None => Ok(Reading::Unknown),
            }
        }),
    );
    let mut actual = Actual {
        state,
        lifecycle_policy: optional(lifecycle, Kind::Lifecycle.name(), wanted, log).await?,
        repository_policy: optional(policy, Kind::Repository.name(), wanted, log).await?,
        tags: optional(tags, "resource tags", wanted, log).await?,
        is_empty: None,
    };
    if wanted.depends_on_emptiness(&actual) {
        actual.is_empty = match ecr.is_empty(repository).await {
            Ok(is_empty) => Some(is_empty),
            Err(error) => {
                tracing::debug!("whether an image is in {repository} is not known: {error}");
                None
            }
        };
    }
    Ok(Some(actual))
}

/// What may not be read is left alone: a warning for who wants it to be changed. What fails is no news for who does not.
async fn optional<T>(
    reading: Result<Reading<T>, Error>,
    subject: &str,
    wanted: &Wanted,
    log: &Log,
) -> Result<Reading<T>, Error> {
    match reading {
        Ok(reading) => Ok(reading),
        Err(error) if !wanted.reconcile => {
            tracing::debug!("{subject}: {error}");
            Ok(Reading::Unknown)
        }
        Err(error) if error.is_denied() => {
            let are = if subject.ends_with('s') { "are" } else { "is" };
            let message = format!(
                "{error}: the {subject} {are} not compared, and stay{} as now",
                if are == "is" { "s" } else { "" }
            );
            warn(log, [Warning { message, hint: error.hint() }]).await;
            Ok(Reading::Unknown)
        }
        Err(error) => Err(error),
    }
}

/// What an ARN of the repository has after `arn:`.
fn partition(repository: &Repository) -> String {
    repository.host.arn(&repository.name).split(':').nth(1).unwrap_or("aws").to_owned()
}

impl Found {
    /// Whether there is no such repository yet, so that none of its tags exists.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self.standing, Standing::ToCreate | Standing::ByPush(_))
    }

    /// Tells what will be changed, and what differs and stays.
    pub(super) async fn tell(&self, wanted: &Wanted, log: &Log) {
        for (name, line) in self.lines(wanted) {
            log.send(Event::Fact(name, line)).await;
        }
    }

    fn lines(&self, wanted: &Wanted) -> Vec<(&'static str, String)> {
        match &self.standing {
            Standing::Unknown => Vec::new(),
            Standing::ToCreate => {
                let words = wanted.words();
                let with = if words.is_empty() { String::new() } else { format!(", with {words}") };
                vec![("change", format!("the repository does not exist and is created{with}"))]
            }
            Standing::ByPush(template) => {
                let without = if wanted.is_any() {
                    "; what the variables want of it holds only with `CREATE_REPOSITORY=true`"
                } else {
                    ""
                };
                let prefix = &template.prefix;
                vec![(
                    "template",
                    format!(
                        "the repository does not exist, and the push creates it by the creation template `{prefix}`{without}"
                    ),
                )]
            }
            Standing::Exists(changes) => differing(changes),
        }
    }
}

fn differing(changes: &Changes) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    for change in &changes.made {
        let each = change.lines().into_iter().enumerate();
        lines.extend(each.map(|(at, line)| if at == 0 { ("change", line) } else { ("", line) }));
    }
    let mut left: Vec<String> = Vec::new();
    for change in &changes.left {
        let line = change.lines().swap_remove(0);
        left.push(line.trim_end_matches(':').to_owned());
    }
    if !left.is_empty() {
        lines.push(("differs", format!("{}; `RECONCILE_REPOSITORY=true` brings it there", left.join(", "))));
    }
    if let Some(unchangeable) = &changes.unchangeable {
        let (found, wanted) = (&unchangeable.found, &unchangeable.wanted);
        lines.push(("differs", format!("encryption: {found}, and not {wanted}; it cannot be changed any more")));
    }
    if let Some(unclear) = &changes.unclear {
        lines.push(("encryption", unclear.clone()));
    }
    lines
}

/// Makes a repository as it is wanted, by what [`look`] found. The tag policy that then holds, as AWS tells it.
///
/// # Errors
/// What AWS refused; what is made by then stays, and a further run goes on from there.
pub(super) async fn apply(
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
        made.map_err(|failures| failures.into_iter().map(unfinished).collect::<Vec<_>>())?;
        // Nobody else has set anything of it yet.
        return read_back(place, wanted, None, log).await;
    }
    log.send(Event::Fact("created", format!("{repository}, meanwhile: it is there now"))).await;
    // Whoever created it may not be done with it. With another wish of his, this run says so and leaves it.
    let found = look(place, wanted, log).await?;
    found.tell(wanted, log).await;
    match &found.standing {
        Standing::Exists(changes) if !changes.made.is_empty() => make(place, wanted, &changes.made, log).await,
        _ => Ok(found.mutability),
    }
}

/// A policy that could not be put after the creation.
fn unfinished(failure: Failure) -> Failure {
    let message = format!("the repository is created and not finished, which a further run does: {}", failure.message);
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
    read_back(place, wanted, Some(&made), log).await
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
        log.send(Event::Fact("changed", made.join(", "))).await;
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
    log: &Log,
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
        let Some(actual) = read(place, &quiet, log).await.map_err(|error| vec![error.into()])? else { continue };
        let changes = quiet.compare(&actual, partition(place.repository).as_str());
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
