#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

const EPOCH: u64 = 1_000_000;

/// What a layer that comes in pieces of this length becomes, with the digest of what came.
fn clamped(tar: &[u8], piece: usize) -> Result<(Vec<u8>, Digest), NotTar> {
    let mut layer = Layer::new(EPOCH);
    let mut bytes = Vec::new();
    for piece in tar.chunks(piece) {
        layer.take(Bytes::copy_from_slice(piece));
        while let Some(piece) = layer.piece()? {
            bytes.extend_from_slice(&piece);
        }
    }
    Ok((bytes, layer.end()?))
}

/// A member of a layer as an engine writes it.
#[derive(Clone, Debug)]
struct Member {
    kind: u8,
    path: String,
    content: Vec<u8>,
    /// Whether GNU's headers are used for what is long.
    gnu: bool,
    records: Vec<(&'static str, String)>,
    time: u64,
}

fn member(kind: u8, path: &str, time: u64) -> Member {
    Member { kind, path: path.to_owned(), content: Vec::new(), gnu: false, records: Vec::new(), time }
}

impl Member {
    fn append(&self, builder: &mut tar::Builder<Vec<u8>>) {
        let records = self.records.iter().map(|(key, value)| (*key, value.as_bytes()));
        builder.append_pax_extensions(records).unwrap();
        let mut header = if self.gnu { tar::Header::new_gnu() } else { tar::Header::new_ustar() };
        header.set_entry_type(tar::EntryType::new(self.kind));
        header.set_mode(0o644);
        header.set_mtime(self.time);
        header.set_size(self.content.len() as u64);
        match self.kind {
            b'1' | b'2' => builder.append_link(&mut header, &self.path, "target").unwrap(),
            _ => builder.append_data(&mut header, &self.path, self.content.as_slice()).unwrap(),
        }
    }
}

fn tar(members: &[Member]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for member in members {
        member.append(&mut builder);
    }
    builder.into_inner().unwrap()
}

/// Path, kind, time and content of each entry.
fn entries(tar: &[u8]) -> Vec<(Vec<u8>, u8, u64, Vec<u8>)> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        let (path, header) = (entry.path_bytes().into_owned(), entry.header());
        (path, header.entry_type().as_byte(), header.mtime().unwrap(), content)
    });
    entries.collect()
}

#[test]
fn a_layer_in_which_nothing_is_later_stays_as_it_is() {
    let mut file = member(b'0', &format!("{}/é", "long".repeat(40)), EPOCH);
    file.content = vec![7; 1_025];
    file.records = vec![("mtime", "999999.5".to_owned()), ("SCHILY.xattr.user.x", "y".repeat(600))];
    let folder = member(b'5', "folder/", 0);
    let tar = tar(&[file, folder, member(b'1', ".wh.gone", 5), member(b'2', &"l".repeat(300), 5)]);
    let tail = [tar.as_slice(), &[0; 10_000]].concat();
    for piece in [1, 511, 512, 513, 100_000] {
        assert_eq!(clamped(&tail, piece).unwrap(), (tail.clone(), Digest::of(&tail)), "{piece}");
    }
    assert_eq!(clamped(&[], 1).unwrap().0, b"", "an empty one");
}

#[test]
fn a_time_with_a_fraction_leaves_no_more_than_one_without() {
    let with = |records: &[(&'static str, &str)], time| {
        let records = records.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let file = Member { records, content: b"x".to_vec(), ..member(b'0', "file", time) };
        clamped(&tar(&[file, member(b'0', "other", 7)]), 1_000).unwrap().0
    };
    let plain = with(&[], EPOCH);
    assert!(with(&[], EPOCH + 5) == plain);
    assert!(with(&[("mtime", "1000000.25")], EPOCH) == plain);
    assert!(with(&[("mtime", "2000000.000000001")], 2 * EPOCH) == plain);
    assert!(with(&[("mtime", "2000000.5")], 0) == plain, "the record counts, not the field");
    let accessed = with(&[("atime", "1000000")], EPOCH);
    assert!(with(&[("mtime", "2000000.5"), ("atime", "2000001.5")], 2 * EPOCH) == accessed);
}

#[test]
fn the_map_of_a_sparse_file_passes_through_before_its_content() {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_path("sparse").unwrap();
    header.set_mtime(2 * EPOCH);
    header.set_size(512);
    header.as_gnu_mut().unwrap().set_is_extended(true);
    header.as_gnu_mut().unwrap().set_atime(3 * EPOCH);
    header.set_cksum();
    let mut map = [[b'7'; 512], [b'7'; 512]];
    map[0][504] = 1;
    map[1][504] = 0;
    let rest = [map.concat(), vec![b'x'; 512], tar(&[member(b'0', "after", 2 * EPOCH)])].concat();
    let (bytes, _) = clamped(&[header.as_bytes(), rest.as_slice()].concat(), 700).unwrap();
    let now = tar::Header::from_byte_slice(&bytes[..512]);
    assert_eq!((now.mtime().unwrap(), now.as_gnu().unwrap().atime().unwrap()), (EPOCH, EPOCH));
    assert_eq!(bytes[512..2048], rest[..1536]);
    assert_eq!(entries(&bytes[2048..]), [(b"after".to_vec(), b'0', EPOCH, Vec::new())]);
}

#[test]
fn a_length_in_a_record_counts_and_that_of_a_folder_does_not() {
    let mut folder = tar::Header::new_ustar();
    folder.set_entry_type(tar::EntryType::Directory);
    folder.set_path("folder/").unwrap();
    folder.set_size(4_096);
    folder.set_cksum();
    let mut builder = tar::Builder::new(folder.as_bytes().to_vec());
    builder.append_pax_extensions([("size", &b"600"[..])]).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_path("large").unwrap();
    header.set_mtime(2 * EPOCH);
    header.set_cksum();
    // The content is as long as the record says, though the field says nothing.
    let mut tar = std::mem::take(builder.get_mut());
    tar.extend_from_slice(header.as_bytes());
    tar.extend_from_slice(&[b'y'; 1_024]);
    tar.extend_from_slice(&[0; 1_024]);
    let (bytes, _) = clamped(&tar, 100).unwrap();
    assert_eq!(bytes.len(), tar.len());
    assert_eq!(tar::Header::from_byte_slice(&bytes[1_536..2_048]).mtime().unwrap(), EPOCH);
    assert_eq!(bytes[2_048..], tar[2_048..]);
}

#[test]
fn what_is_no_tar_is_told_with_the_place() {
    let whole = tar(&[member(b'0', "a", 0), Member { content: vec![1; 600], ..member(b'0', "b", 0) }]);
    let told = |bytes: &[u8]| clamped(bytes, 1_000).unwrap_err().to_string();
    assert_eq!(told(&[b'x'; 512]), "a header has a wrong checksum, at byte 512 of the layer");
    assert_eq!(told(&whole[..100]), "it breaks off, at byte 100 of the layer");
    assert_eq!(told(&whole[..1_200]), "it breaks off, at byte 1200 of the layer");
    let mut long = tar::Header::new_ustar();
    long.set_entry_type(tar::EntryType::XHeader);
    long.set_size(LONGEST + 1);
    long.set_cksum();
    assert_eq!(told(long.as_bytes()), "an extended header is too long, at byte 512 of the layer");
}

prop_compose! {
    fn any_member()(
        kind in prop::sample::select(vec![b'0', b'1', b'2', b'5']),
        name in "[a-zé]{1,5}(/[a-z]{1,60}){0,4}",
        content in prop::collection::vec(any::<u8>(), 0..1_200),
        gnu in any::<bool>(),
        keys in prop::sample::subsequence(vec!["mtime", "atime", "ctime", "comment"], 0..=4),
        (seconds, fraction) in (EPOCH - 2..EPOCH + 3, 0_u32..3),
        time in EPOCH - 2..EPOCH + 3,
    ) -> Member {
        let value = |key: &str| if key == "comment" { "x".repeat(fraction as usize * 300) } else { format!("{seconds}.{fraction}") };
        let records = keys.into_iter().map(|key| (key, value(key))).collect();
        let content = if kind == b'0' { content } else { Vec::new() };
        Member { kind, path: name, content, gnu, records, time }
    }
}

proptest! {
    #[test]
    fn nothing_but_times_changes_and_those_only_where_they_are_later(
        members in prop::collection::vec(any_member(), 0..5), piece in 1_usize..2_000,
    ) {
        let tar = tar(&members);
        let (bytes, given) = clamped(&tar, piece).unwrap();
        prop_assert_eq!(given, Digest::of(&tar));
        prop_assert_eq!(&clamped(&bytes, 512).unwrap().0, &bytes, "once is enough");
        let (before, after) = (entries(&tar), entries(&bytes));
        prop_assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            prop_assert_eq!((&before.0, before.1, &before.3), (&after.0, after.1, &after.3));
            prop_assert!(after.2 <= EPOCH);
        }
    }

    #[test]
    fn how_much_later_times_are_does_not_count(
        members in prop::collection::vec(any_member(), 1..4), later in 1_u64..1_000_000, fraction in "[1-9]{1,9}",
    ) {
        let moved = |by: u64, fraction: &str| {
            let members = members.iter().cloned().map(|mut member| {
                member.time = EPOCH + by;
                for (key, value) in &mut member.records {
                    if *key != "comment" {
                        *value = format!("{}.{fraction}", EPOCH + by);
                    }
                }
                member
            });
            clamped(&tar(&members.collect::<Vec<_>>()), 1_000).unwrap().0
        };
        prop_assert_eq!(moved(later, &fraction), moved(1, "5"));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..3_000), piece in 1_usize..1_000) {
        let _ = clamped(&bytes, piece);
        let mut tar = tar(&[member(b'0', "a", 0)]);
        tar.extend_from_slice(&bytes);
        let _ = clamped(&tar, piece);
    }
}
