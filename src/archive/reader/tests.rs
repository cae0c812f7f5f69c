#![expect(clippy::unwrap_used, reason = "tests")]

use futures_util::{FutureExt as _, stream};
use proptest::prelude::*;

use super::*;

type Stream = stream::Iter<std::vec::IntoIter<Result<Bytes, engine::Error>>>;

/// An archive that comes in pieces of this length.
fn archive(bytes: &[u8], piece: usize) -> Archive<Stream> {
    let pieces: Vec<_> = bytes.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    Archive::new(stream::iter(pieces))
}

/// All members with the content of layers, or why not. There is nothing to wait for.
fn read(bytes: &[u8], piece: usize) -> Result<Vec<(Member, Vec<u8>)>, Error> {
    let reading = async {
        let mut archive = archive(bytes, piece);
        let mut members = Vec::new();
        while let Some(member) = archive.next().await? {
            let mut content = Vec::new();
            while let Some(piece) = archive.piece().await? {
                content.extend_from_slice(&piece);
            }
            members.push((member, content));
        }
        Ok(members)
    };
    reading.now_or_never().unwrap()
}

/// A tar of these members, the way Go writes one.
fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in members {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        if let Some(target) = content.strip_prefix(b"-> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            builder.append_link(&mut header, path, std::str::from_utf8(target).unwrap()).unwrap();
        } else if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_size(0);
            builder.append_data(&mut header, path, std::io::empty()).unwrap();
        } else {
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, *content).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

fn document(path: &str, bytes: &'static [u8]) -> (Member, Vec<u8>) {
    (Member::Document { path: path.to_owned(), bytes: Bytes::from_static(bytes) }, Vec::new())
}

fn layer(path: &str, content: &[u8]) -> (Member, Vec<u8>) {
    (Member::Layer { path: path.to_owned(), size: content.len() as u64 }, content.to_vec())
}

#[test]
fn dockers_layout_gives_its_documents_layers_and_links() {
    let bytes = tar(&[
        ("aa/", b""),
        ("aa/VERSION", b"1.0"),
        ("aa/json", b"{\"id\":\"aa\"}"),
        ("aa/layer.tar", b"one layer"),
        ("bb/layer.tar", b"-> ../aa/layer.tar"),
        ("cc.json", b"{}"),
        ("manifest.json", b"[]"),
        ("repositories", b"{}"),
    ]);
    let link = Member::Link { path: "bb/layer.tar".to_owned(), target: "aa/layer.tar".to_owned() };
    let expected = [
        layer("aa/layer.tar", b"one layer"),
        (link, Vec::new()),
        document("cc.json", b"{}"),
        document("manifest.json", b"[]"),
    ];
    for piece in [1, 511, 512, 513, 100_000] {
        assert_eq!(read(&bytes, piece).unwrap(), expected);
    }
}

#[test]
fn in_the_oci_layout_a_layer_is_told_from_a_document_by_its_content() {
    let bytes = tar(&[
        ("./blobs/sha256/aa", b"{\"a\":1}"),
        ("blobs/sha256/bb", b"{ is how the first file of this layer is called"),
        ("blobs/sha256/cc", b"\x1f\x8b"),
        ("blobs/sha256/dd", b""),
        ("index.json", b"{}"),
        ("oci-layout", b"{}"),
    ]);
    let expected = [
        document("blobs/sha256/aa", b"{\"a\":1}"),
        layer("blobs/sha256/bb", b"{ is how the first file of this layer is called"),
        layer("blobs/sha256/cc", b"\x1f\x8b"),
        layer("blobs/sha256/dd", b""),
        document("index.json", b"{}"),
    ];
    assert_eq!(read(&bytes, 700).unwrap(), expected);
}

#[test]
fn a_layer_that_is_passed_over_does_not_disturb_the_next() {
    let bytes = tar(&[("aa/layer.tar", &[7; 2000]), ("bb/layer.tar", b"x"), ("manifest.json", b"[]")]);
    let reading = async {
        let mut archive = archive(&bytes, 100);
        let mut paths = Vec::new();
        while let Some(member) = archive.next().await.unwrap() {
            if let Member::Layer { path, .. } = member {
                archive.piece().await.unwrap();
                paths.push(path);
            }
        }
        paths
    };
    assert_eq!(reading.now_or_never().unwrap(), ["aa/layer.tar", "bb/layer.tar"]);
}

#[test]
fn long_names_and_targets_are_read() {
    let (path, target) = (format!("{}/layer.tar", "a".repeat(200)), "b/".repeat(100) + "layer.tar");
    let bytes = tar(&[(&path, b"x"), ("c/layer.tar", format!("-> ../{target}").as_bytes())]);
    let members = read(&bytes, 512).unwrap();
    assert_eq!(members, [layer(&path, b"x"), (Member::Link { path: "c/layer.tar".to_owned(), target }, Vec::new())]);
}

#[test]
fn an_error_that_the_engine_writes_into_the_stream_is_told() {
    let mut bytes = tar(&[("aa/layer.tar", b"one layer")]);
    bytes.truncate(1024);
    bytes.extend_from_slice(
        br#"{"errorDetail":{"message":"no space left on device"},"error":"no space left on device"}"#,
    );
    bytes.resize(2000, b' ');
    let error = read(&bytes, 4096).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the engine's export of the image broke off after 1536 bytes: no space left on device"
    );
}

#[test]
fn a_document_that_is_too_large_is_refused_before_it_is_read() {
    let mut header = tar::Header::new_ustar();
    header.set_path("manifest.json").unwrap();
    header.set_size(LONGEST_DOCUMENT + 1);
    header.set_cksum();
    assert!(matches!(read(header.as_bytes(), 512), Err(Error::TooLarge { .. })));
}

#[test]
fn targets_do_not_leave_the_archive() {
    assert_eq!(joined("a/b", "../../../../etc/passwd"), "etc/passwd");
    assert_eq!(joined("a", "./x//y/"), "a/x/y");
}

proptest! {
    #[test]
    fn an_archive_that_is_cut_anywhere_is_an_error_and_no_panic(
        cut in 0_usize..6000, piece in 1_usize..2000,
    ) {
        let whole = tar(&[("aa/layer.tar", &[1; 1500]), ("blobs/sha256/x", b"{\"a\":1}"), ("manifest.json", b"[]")]);
        let end = whole.len() - 2 * BLOCK;
        let bytes = &whole[..cut.min(whole.len())];
        let read = read(bytes, piece);
        prop_assert_eq!(read.is_ok(), bytes.len() >= end + BLOCK, "{:?}", read);
        if let Err(error) = read {
            prop_assert_eq!(error, Error::Truncated { read: bytes.len() as u64, words: None });
        }
    }

    #[test]
    fn an_archive_with_wrong_bytes_gives_no_panic(
        changes in prop::collection::vec((0_usize..5000, any::<u8>()), 1..20), piece in 1_usize..2000, mend in any::<bool>(),
    ) {
        let long = "a".repeat(150) + "/layer.tar";
        let mut bytes = tar(&[(&long, b"x"), ("blobs/sha256/x", b"{\"a\":1}"), ("b/layer.tar", b"-> ../c/layer.tar")]);
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if mend {
            // Headers that are wrong and have a right checksum.
            for block in bytes.chunks_exact_mut(BLOCK) {
                let mut header = tar::Header::from_byte_slice(block).clone();
                if header.as_ustar().is_some() || header.as_gnu().is_some() {
                    header.set_cksum();
                    block.copy_from_slice(header.as_bytes());
                }
            }
        }
        let _ = read(&bytes, piece);
    }

    #[test]
    fn noise_gives_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        let _ = read(&bytes, 700);
    }
}
