//! What is there of a repository, as far as it matters.

use super::super::denials::Denials;
use super::{Found, Place, Standing};
use crate::aws::{Error, Mutability, Reading};
use crate::error::Failure;
use crate::plan::repository::{Actual, Change, Kind, Missing, OtherEncryption, Wanted, Why, covering};

/// Looks at a repository and changes nothing.
///
/// # Errors
/// It is missing and nothing will create it; it cannot be made as it is wanted; AWS cannot be asked.
pub(in super::super) async fn look(
    place: Place<'_>,
    wanted: &Wanted,
    denials: &Denials,
) -> Result<Found, Vec<Failure>> {
    match read(place, wanted, denials).await {
        Ok(Some(actual)) => {
            let mut changes = wanted.compare(&actual, place.repository.host.partition());
            if wanted.reconcile
                && let Some(encryption) = changes.unchangeable.take()
            {
                let repository = place.repository.clone();
                return Err(vec![OtherEncryption { repository, encryption }.into()]);
            }
            let to = changes.made.iter().find_map(|change| match change {
                Change::Mutability { to, .. } => Some(to.clone()),
                _ => None,
            });
            let (mutability, before) = match to {
                Some(to) => (to, Some(actual.state.mutability)),
                None => (actual.state.mutability, None),
            };
            Ok(Found { standing: Standing::Exists(changes), mutability: Some(mutability), before })
        }
        Ok(None) => missing(place, wanted).await.map_err(|failure| vec![failure]),
        Err(error) if error.is_denied() => {
            let also = match (wanted.create, wanted.reconcile) {
                (false, false) => "",
                (true, false) => ", and the repository is not created",
                (_, true) => ", and the repository is left as it is",
            };
            denials.tolerate(error, format!("whether a tag may be moved is seen at the push only{also}"));
            Ok(Found { standing: Standing::Unknown, mutability: None, before: None })
        }
        Err(error) => Err(vec![error.into()]),
    }
}

async fn missing(place: Place<'_>, wanted: &Wanted) -> Result<Found, Failure> {
    let Place { ecr, repository, own_account, .. } = place;
    let refuse =
        |why| Failure::from(Missing { repository: repository.clone(), principal: ecr.principal().clone(), why });
    if repository.host.account() != own_account {
        return Err(refuse(Why::OtherAccount(own_account.to_owned())));
    }
    if wanted.create {
        if let Some(elsewhere) = wanted.key_elsewhere(repository) {
            return Err(elsewhere.into());
        }
        let mutability = wanted.mutability.clone().unwrap_or_else(|| Mutability::new(false, Vec::new()));
        return Ok(Found { standing: Standing::ToCreate, mutability: Some(mutability), before: None });
    }
    match ecr.push_templates().await {
        Ok(templates) => match covering(&templates, &repository.name) {
            Some(template) => {
                let mutability = Some(template.mutability.clone());
                Ok(Found { standing: Standing::ByPush(template.clone()), mutability, before: None })
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
pub(super) async fn read(place: Place<'_>, wanted: &Wanted, denials: &Denials) -> Result<Option<Actual>, Error> {
    let Place { ecr, repository, .. } = place;
    let Some(state) = ecr.repository(repository).await? else { return Ok(None) };
    let (asks_lifecycle, asks_policy) = (wanted.lifecycle_policy.is_some(), wanted.repository_policy.is_some());
    // On the heap, since each call of the SDK is a large future.
    let (lifecycle, policy, tags) = tokio::join!(
        Box::pin(async { if asks_lifecycle { ecr.lifecycle_policy(repository).await } else { Ok(Reading::Unknown) } }),
        Box::pin(async { if asks_policy { ecr.repository_policy(repository).await } else { Ok(Reading::Unknown) } }),
        Box::pin(async {
            if wanted.tags.is_empty() {
                return Ok(Reading::Unknown);
            }
            ecr.resource_tags(repository).await.map(Reading::Present)
        }),
    );
    let mut actual = Actual {
        state,
        lifecycle_policy: optional(lifecycle, Kind::Lifecycle.name(), wanted, denials)?,
        repository_policy: optional(policy, Kind::Repository.name(), wanted, denials)?,
        tags: optional(tags, "resource tags", wanted, denials)?,
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
fn optional<T>(
    reading: Result<Reading<T>, Error>,
    subject: &str,
    wanted: &Wanted,
    denials: &Denials,
) -> Result<Reading<T>, Error> {
    match reading {
        Ok(reading) => Ok(reading),
        Err(error) if !wanted.reconcile => {
            tracing::debug!("{subject}: {error}");
            Ok(Reading::Unknown)
        }
        Err(error) if error.is_denied() => {
            let are = if subject.ends_with('s') { "are" } else { "is" };
            let s = if are == "is" { "s" } else { "" };
            denials.tolerate(error, format!("the {subject} {are} not compared, and stay{s} as now"));
            Ok(Reading::Unknown)
        }
        Err(error) => Err(error),
    }
}
