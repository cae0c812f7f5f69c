#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::image::EcrHost;

/// The inputs, owned.
#[derive(Clone, Debug, Default, PartialEq)]
struct Given {
    dockerfile: Vec<u8>,
    context: Vec<u8>,
    contexts: BTreeMap<String, String>,
    args: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    secrets: BTreeMap<String, Vec<u8>>,
    target: Option<String>,
    network: Option<String>,
    add_hosts: Vec<String>,
    shm_size: Option<u64>,
    ulimits: BTreeMap<String, (i64, i64)>,
    source_date_epoch: Option<u64>,
    is_classic: bool,
    is_zstd: bool,
    platform: (String, String),
    platforms: Vec<String>,
    engine: String,
}

impl Given {
    fn encoded(&self, backwards: bool) -> Vec<u8> {
        let mut args: Vec<(String, SecretString)> =
            self.args.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let mut labels: Vec<(String, String)> =
            self.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let limit =
            |(name, (soft, hard)): (&String, &(i64, i64))| Ulimit { name: name.clone(), soft: *soft, hard: *hard };
        let mut ulimits: Vec<Ulimit> = self.ulimits.iter().map(limit).collect();
        if backwards {
            args.reverse();
            labels.reverse();
            ulimits.reverse();
        }
        let inputs = BuildInputs {
            dockerfile: &self.dockerfile,
            context: Digest::of(&self.context),
            contexts: self.contexts.iter().map(|(name, what)| (name.as_str(), what.clone())).collect(),
            args: &args,
            labels: &labels,
            secrets: self.secrets.iter().map(|(id, secret)| (id.as_str(), secret.as_slice())).collect(),
            target: self.target.as_deref(),
            network: self.network.as_deref(),
            add_hosts: &self.add_hosts,
            shm_size: self.shm_size,
            ulimits: &ulimits,
            source_date_epoch: self.source_date_epoch,
            compression: if self.is_zstd { Codec::Zstd } else { Codec::Gzip },
            builder: if self.is_classic { "classic" } else { "buildkit" },
            platform: (&self.platform.0, &self.platform.1),
            platforms: self.platforms.clone(),
            engine: &self.engine,
        };
        let mut encoding = Encoding::into(Vec::new());
        inputs.encode(&mut encoding);
        encoding.end()
    }
}

/// Texts near each other, where borders between values could be lost.
fn text() -> impl Strategy<Value = String> + Clone {
    "[ab=\n]{0,3}"
}

fn given() -> impl Strategy<Value = Given> {
    let pairs = || proptest::collection::btree_map(text(), text(), 0..3);
    let number = || proptest::option::of(0_u64..3);
    let one = (text(), text(), pairs(), pairs(), pairs(), pairs());
    let two = (proptest::option::of(text()), proptest::option::of(text()), proptest::collection::vec(text(), 0..3));
    let limits = proptest::collection::btree_map(text(), (-1_i64..2, -1_i64..2), 0..3);
    let three = (
        number(),
        number(),
        limits,
        any::<(bool, bool)>(),
        (text(), text(), proptest::collection::vec(text(), 0..3)),
        text(),
    );
    (one, two, three).prop_map(|(one, two, three)| Given {
        dockerfile: one.0.into_bytes(),
        context: one.1.into_bytes(),
        contexts: one.2,
        args: one.3,
        labels: one.4,
        secrets: one.5.into_iter().map(|(id, secret)| (id, secret.into_bytes())).collect(),
        target: two.0,
        network: two.1,
        add_hosts: two.2,
        shm_size: three.0,
        source_date_epoch: three.1,
        ulimits: three.2,
        is_classic: three.3.0,
        is_zstd: three.3.1,
        platform: (three.4.0, three.4.1),
        platforms: three.4.2,
        engine: three.5,
    })
}

/// One input that is another.
fn changed() -> impl Strategy<Value = (Given, Given, usize)> {
    (given(), given(), 0_usize..18).prop_map(|(before, other, which)| {
        let mut after = before.clone();
        match which {
            0 => after.dockerfile = other.dockerfile,
            1 => after.context = other.context,
            2 => after.contexts = other.contexts,
            3 => after.args = other.args,
            4 => after.labels = other.labels,
            5 => after.secrets = other.secrets,
            6 => after.target = other.target,
            7 => after.network = other.network,
            8 => after.add_hosts = other.add_hosts,
            9 => after.shm_size = other.shm_size,
            10 => after.ulimits = other.ulimits,
            11 => after.source_date_epoch = other.source_date_epoch,
            12 => after.is_classic = other.is_classic,
            13 => after.platform = other.platform,
            14 => after.engine = other.engine,
            16 => after.platforms = other.platforms,
            15 => after.is_zstd = other.is_zstd,
            // What leaves one place comes up in another.
            _ => std::mem::swap(&mut after.target, &mut after.network),
        }
        (before, after, which)
    })
}

proptest! {
    #[test]
    fn any_change_of_any_input_changes_what_is_hashed((before, after, which) in changed()) {
        prop_assert_eq!(before.encoded(false) == after.encoded(false), before == after, "{}", which);
    }

    #[test]
    fn two_different_sets_of_inputs_never_encode_to_the_same_bytes(one in given(), other in given()) {
        prop_assert_eq!(one.encoded(false) == other.encoded(false), one == other);
    }

    #[test]
    fn the_order_of_arguments_labels_and_limits_does_not_count(given in given()) {
        prop_assert_eq!(given.encoded(false), given.encoded(true));
    }

    #[test]
    fn each_base_image_counts(
        one in proptest::collection::btree_map(text(), 0_u8..3, 0..3),
        other in proptest::collection::btree_map(text(), 0_u8..3, 0..3),
    ) {
        let of = |bases: &BTreeMap<String, u8>| {
            let bases = bases.iter().map(|(name, which)| (name.clone(), Digest::of(&[*which]))).collect();
            Inputs([7; 32]).with_bases(&bases)
        };
        prop_assert_eq!(of(&one) == of(&other), one == other);
    }
}

fn inputs() -> BuildInputs<'static> {
    BuildInputs {
        dockerfile: b"FROM scratch",
        context: Digest::of(b""),
        contexts: BTreeMap::new(),
        args: &[],
        labels: &[],
        secrets: BTreeMap::from([("pin", b"1234".as_slice())]),
        target: None,
        network: None,
        add_hosts: &[],
        shm_size: None,
        ulimits: &[],
        source_date_epoch: None,
        compression: Codec::Gzip,
        builder: "buildkit",
        platform: ("linux", "amd64"),
        platforms: Vec::new(),
        engine: "26.1.5",
    }
}

fn repository(region: &str) -> Repository {
    Repository { host: EcrHost::of("123456789012", region), name: "web".parse().unwrap() }
}

#[test]
fn each_repository_and_each_round_gives_another_fingerprint() {
    let rounds = |count| NonZeroU32::new(count).unwrap();
    let one = inputs().digest().stretched_by(&repository("eu-west-1"), rounds(1));
    assert_eq!(one, inputs().digest().stretched_by(&repository("eu-west-1"), rounds(1)));
    assert_ne!(one, inputs().digest().stretched_by(&repository("us-east-1"), rounds(1)));
    assert_ne!(one, inputs().digest().stretched_by(&repository("eu-west-1"), rounds(2)));
}

#[test]
fn a_fingerprint_stays_what_it_is_from_one_version_to_the_next() {
    // With another one, all that is there is built once more: raise the number of the format.
    let one = inputs().digest().stretched_by(&repository("eu-west-1"), NonZeroU32::new(1000).unwrap());
    let bases = BTreeMap::from([("docker.io/library/busybox:1.36".to_owned(), Digest::of(b"base"))]);
    let tag = one.with_bases(&bases).tag().unwrap();
    insta::assert_snapshot!(tag, @"unchanged-bf195021575fd014fdab0137353bb2ab762bb511");
    assert!(is_fingerprint(&tag));
}

#[test]
fn only_tags_of_that_form_are_fingerprints() {
    for text in ["unchanged", "unchanged-", "unchanged-00", "xunchanged-0000000000000000000000000000000000000000"] {
        assert!(!is_fingerprint(&text.parse().unwrap()), "{text}");
    }
    for (digit, expected) in [("f", true), ("F", false), ("g", false)] {
        assert_eq!(is_fingerprint(&format!("unchanged-{}", digit.repeat(40)).parse().unwrap()), expected);
    }
}
