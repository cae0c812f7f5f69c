//! Whether two builds have the same inputs: a fingerprint of all of them, kept in the repository as a tag of the image.
//!
//! A tag can be read by whoever may list the repository, and what goes in may be secret and short, as a pin is. So the digest of
//! the inputs is stretched before it is shown (PBKDF2 of RFC 8018, with the repository's name as its salt): who knows all other
//! inputs needs a moment of work for each guess of the last one, and for each repository anew.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use ring::pbkdf2;
use secrecy::{ExposeSecret as _, SecretString};

use crate::compress::Codec;
use crate::config::Ulimit;
use crate::encoding::{Encoding, Sink};
use crate::image::{Digest, Hasher, Repository, Tag};

/// Which inputs there are and how they are written. A pipe that builds otherwise, or writes them otherwise, has another number.
const FORMAT: u64 = 1;

/// What OWASP's "Password Storage Cheat Sheet" asks for with PBKDF2-HMAC-SHA256.
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(599_999);

/// What the tags begin with, and how many hexadecimal digits follow: 160 bits.
const PREFIX: &str = "unchanged-";
const DIGITS: usize = 40;

/// All that decides what is built, but for the base images.
#[derive(Clone, Debug)]
pub struct BuildInputs<'a> {
    /// The Dockerfile's bytes.
    pub dockerfile: &'a [u8],
    /// The digest of the context as a build sees it.
    pub context: Digest,
    /// The named contexts: the digests of folders, the references of images.
    pub contexts: BTreeMap<&'a str, String>,
    /// `BUILD_ARGS`.
    pub args: &'a [(String, SecretString)],
    /// `LABELS`.
    pub labels: &'a [(String, String)],
    /// `BUILD_SECRETS` by their ids.
    pub secrets: BTreeMap<&'a str, &'a [u8]>,
    /// `TARGET`.
    pub target: Option<&'a str>,
    /// `NETWORK`.
    pub network: Option<&'a str>,
    /// `ADD_HOSTS`.
    pub add_hosts: &'a [String],
    /// `SHM_SIZE`.
    pub shm_size: Option<u64>,
    /// `ULIMITS`.
    pub ulimits: &'a [Ulimit],
    /// `SOURCE_DATE_EPOCH`.
    pub source_date_epoch: Option<u64>,
    /// `COMPRESSION`, since an image in the other form is another one to who pulls it.
    pub compression: Codec,
    /// Which builder builds.
    pub builder: &'static str,
    /// The engine's own platform.
    pub platform: (&'a str, &'a str),
    /// `PLATFORM`, where that is something else.
    pub platforms: Vec<String>,
    /// The engine's version.
    pub engine: &'a str,
}

/// The digest of inputs: by it a guess of what is secret among them could be tried at once.
#[derive(Clone, Debug)]
pub struct InputsDigest(SecretString);

/// Inputs whose digest is stretched, so that it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs([u8; 32]);

/// What an image with the same inputs has as a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(Digest);

impl BuildInputs<'_> {
    /// All of them as one digest, which is not for anybody to see.
    #[must_use]
    pub fn digest(&self) -> InputsDigest {
        let mut encoding = Encoding::into(Hasher::default());
        self.encode(&mut encoding);
        InputsDigest(SecretString::from(encoding.end().finish().as_str()))
    }

    fn encode<S: Sink>(&self, encoding: &mut Encoding<S>) {
        // A field that is added here without a place below does not compile.
        let Self {
            dockerfile,
            context,
            contexts,
            args,
            labels,
            secrets,
            target,
            network,
            add_hosts,
            shm_size,
            ulimits,
            source_date_epoch,
            compression,
            builder,
            platform: (os, architecture),
            platforms,
            engine,
        } = self;
        encoding.number(FORMAT).bytes(dockerfile).text(context.as_str());
        encoding.items(contexts.len());
        for (name, what) in contexts {
            encoding.text(name).text(what);
        }
        // Each name is there once, so that the order says nothing.
        let args: BTreeMap<&str, &str> =
            args.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
        let labels: BTreeMap<&str, &str> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        for pairs in [args, labels] {
            encoding.items(pairs.len());
            for (name, value) in pairs {
                encoding.text(name).text(value);
            }
        }
        encoding.items(secrets.len());
        for (id, secret) in secrets {
            encoding.text(id).bytes(secret);
        }
        for text in [target, network] {
            encoding.maybe(text.as_deref(), |encoding, text| {
                encoding.text(text);
            });
        }
        // Of two addresses for one name the order counts.
        encoding.items(add_hosts.len());
        for host in *add_hosts {
            encoding.text(host);
        }
        let ulimits: BTreeMap<&str, (i64, i64)> =
            ulimits.iter().map(|limit| (limit.name.as_str(), (limit.soft, limit.hard))).collect();
        encoding.items(ulimits.len());
        for (name, (soft, hard)) in ulimits {
            encoding.text(name).signed(soft).signed(hard);
        }
        for number in [shm_size, source_date_epoch] {
            encoding.maybe(*number, |encoding, number| {
                encoding.number(number);
            });
        }
        encoding.text(match compression {
            Codec::Gzip => "gzip",
            Codec::Zstd => "zstd",
        });
        encoding.text(builder).text(os).text(architecture).text(engine);
        // They come last, and without them nothing does: so it was before there were any.
        for platform in platforms {
            encoding.text(platform);
        }
    }
}

impl InputsDigest {
    /// For one repository. Takes a good part of a second.
    #[must_use]
    pub fn stretched(&self, repository: &Repository) -> Inputs {
        self.stretched_by(repository, ROUNDS)
    }

    fn stretched_by(&self, repository: &Repository, rounds: NonZeroU32) -> Inputs {
        let mut salt = Encoding::into(Vec::new());
        salt.text("ecr-pipe").number(FORMAT).text(&repository.to_string());
        let mut out = [0; 32];
        let digest = self.0.expose_secret().as_bytes();
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt.end(), digest, &mut out);
        Inputs(out)
    }
}

impl Inputs {
    /// With the base images, by their references.
    #[must_use]
    pub fn with_bases(&self, bases: &BTreeMap<String, Digest>) -> Fingerprint {
        let mut encoding = Encoding::into(Hasher::default());
        encoding.bytes(&self.0).items(bases.len());
        for (reference, digest) in bases {
            encoding.text(reference).text(digest.as_str());
        }
        Fingerprint(encoding.end().finish())
    }
}

impl Fingerprint {
    /// The tag.
    #[must_use]
    pub fn tag(&self) -> Option<Tag> {
        let digits = self.0.as_str().trim_start_matches("sha256:").get(..DIGITS)?;
        format!("{PREFIX}{digits}").parse().ok()
    }
}

/// Whether a tag has the form of a fingerprint.
#[must_use]
pub fn is_fingerprint(tag: &Tag) -> bool {
    let digits = tag.as_str().strip_prefix(PREFIX);
    digits.is_some_and(|digits| {
        digits.len() == DIGITS && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests;
