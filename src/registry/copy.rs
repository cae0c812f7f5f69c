//! An image from one registry to others.

use futures_util::future::{FutureExt as _, LocalBoxFuture, join_all};

use super::manifest::{Content, Descriptor, Manifest};
use super::spread::spread;
use super::{Error, NotTaken, Registry};

/// Copies what a manifest names and the manifest itself, by its digest; no tag moves. Of an index, all that it names. What a
/// registry has is not sent. How it went for each of them, in their order.
///
/// # Errors
/// The registry that is read from: then nothing is known of the others.
pub async fn copy(manifest: &Manifest, from: &Registry, to: &[&Registry]) -> Result<Vec<Result<(), Error>>, Error> {
    let mut copying = Copying { from, to, ends: to.iter().map(|_| Ok(())).collect() };
    copying.whole(manifest.clone()).await?;
    Ok(copying.ends)
}

struct Copying<'a> {
    from: &'a Registry,
    to: &'a [&'a Registry],
    ends: Vec<Result<(), Error>>,
}

impl Copying<'_> {
    fn whole(&mut self, manifest: Manifest) -> LocalBoxFuture<'_, Result<(), Error>> {
        async move {
            match manifest.content()? {
                Content::Image(blobs) => {
                    for blob in &blobs {
                        self.blob(blob).await?;
                    }
                }
                Content::Index(manifests) => {
                    for child in &manifests {
                        let found = self.from.manifest(&child.digest).await?;
                        let missing = || Error::Missing {
                            repository: Box::new(self.from.repository().clone()),
                            what: format!("manifest {}", child.digest),
                        };
                        let found = found.ok_or_else(missing)?;
                        self.whole(found).await?;
                    }
                }
            }
            let puts =
                self.open().map(async |(at, registry)| (at, registry.put_manifest(&manifest.digest, &manifest).await));
            let puts: Vec<_> = puts.collect();
            for (at, put) in join_all(puts).await {
                self.ends[at] = put.map(|_| ());
            }
            Ok(())
        }
        .boxed_local()
    }

    /// The registries that have not failed.
    fn open(&self) -> impl Iterator<Item = (usize, &Registry)> {
        self.to.iter().copied().enumerate().filter(|(at, _)| self.ends[*at].is_ok())
    }

    async fn blob(&mut self, blob: &Descriptor) -> Result<(), Error> {
        let looks = self.open().map(async |(at, registry)| (at, registry.blob_exists(&blob.digest).await));
        let looks: Vec<_> = looks.collect();
        let mut lacking = Vec::new();
        for (at, look) in join_all(looks).await {
            match look {
                Ok(true) => {}
                Ok(false) => lacking.push(at),
                Err(error) => self.ends[at] = Err(error),
            }
        }
        let mut waits = self.from.waits();
        while !lacking.is_empty() {
            let registries: Vec<&Registry> = lacking.iter().map(|at| self.to[*at]).collect();
            let read = spread(&registries, async |spread| {
                let mut reading = self.from.blob(&blob.digest).await?;
                while let Some(piece) = reading.piece().await? {
                    spread.write(&piece).await;
                }
                spread.end(&blob.digest).await;
                Ok::<_, Error>(())
            });
            let wait = waits.next();
            let ends = match read.await {
                Ok(((), ends)) => ends,
                Err(error) if wait.is_some() && may_pass(&error) => {
                    lacking.iter().map(|_| Err(NotTaken { again: true, ..NotTaken::for_good(error.clone()) })).collect()
                }
                Err(error) => return Err(error),
            };
            let mut again = Vec::new();
            for (at, end) in lacking.into_iter().zip(ends) {
                match end {
                    Ok(()) => {}
                    Err(NotTaken { again: true, .. }) if wait.is_some() => again.push(at),
                    Err(NotTaken { error, .. }) => self.ends[at] = Err(*error),
                }
            }
            lacking = again;
            if let (Some(wait), false) = (wait, lacking.is_empty()) {
                tokio::time::sleep(wait).await;
            }
        }
        Ok(())
    }
}

/// Whether another try may do. Bytes that were altered on the way may come right then.
fn may_pass(error: &Error) -> bool {
    error.is_mended_by_a_new_upload() || matches!(error, Error::WrongDigest { .. })
}
