//! The files of an image, layer by layer, from what the engine exports.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::SystemTime;

use crate::lab::Lab;

/// What there is to say of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) kind: tar::EntryType,
    pub(super) mode: u32,
    pub(super) owner: (u64, u64),
    pub(super) link: Option<Vec<u8>>,
    pub(super) content: Vec<u8>,
    /// In seconds; `None` when it came about during the build.
    pub(super) mtime: Option<i64>,
    /// What else is in its header, such as capabilities.
    pub(super) extended: BTreeMap<String, Vec<u8>>,
}

/// From the lowest.
pub(super) type Layers = Vec<Layer>;

/// The files of a layer by their paths.
pub(super) type Layer = BTreeMap<Vec<u8>, Facts>;

/// A request without a body to the lab's engine; its answer's status and body.
pub(super) fn request(lab: &Lab, method: &str, path: &str) -> (u16, Vec<u8>) {
    let mut stream = UnixStream::connect(lab.engine_socket()).expect("the engine listens");
    // By this version the engine sends no chunks and closes.
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: docker\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let status = String::from_utf8_lossy(&answer[9..12]).parse().expect("a status");
    (status, answer.split_off(end + 4))
}

/// Takes the layers out of an image and removes it.
pub(super) fn layers(lab: &Lab, image: &str, began: SystemTime) -> Layers {
    let (status, archive) = request(lab, "GET", &format!("/images/{image}/get"));
    request(lab, "DELETE", &format!("/images/{image}?force=1"));
    if status == 500 && String::from_utf8_lossy(&archive).contains("empty export") {
        // An image without a layer.
        return Layers::new();
    }
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&archive));
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for entry in tar::Archive::new(archive.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.insert(String::from_utf8(entry.path_bytes().into_owned()).unwrap(), content);
    }
    let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let names = manifest[0]["Layers"].as_array().unwrap();
    names.iter().map(|name| layer(&files[name.as_str().unwrap()], began)).collect()
}

fn layer(tar: &[u8], began: SystemTime) -> Layer {
    let began = began.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().cast_signed();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().cast_signed();
    let mut found = BTreeMap::new();
    let mut extended = BTreeMap::new();
    // Raw, because the crate takes a line feed in a PAX value for its end.
    for entry in tar::Archive::new(tar).entries().unwrap().raw(true) {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if header.entry_type().is_pax_local_extensions() {
            extended = records(&content);
            continue;
        }
        let path = extended.remove("path").unwrap_or_else(|| header.path_bytes().into_owned());
        let link = extended.remove("linkpath").or_else(|| Some(header.link_name_bytes()?.into_owned()));
        let told = extended.remove("mtime").map(|text| String::from_utf8(text).unwrap().parse().unwrap());
        let mtime = told.unwrap_or_else(|| header.mtime().unwrap().cast_signed());
        let facts = Facts {
            kind: header.entry_type(),
            mode: header.mode().unwrap(),
            owner: (header.uid().unwrap(), header.gid().unwrap()),
            link,
            content,
            mtime: (!(began..=now).contains(&mtime)).then_some(mtime),
            extended: std::mem::take(&mut extended),
        };
        assert!(found.insert(path.strip_suffix(b"/").unwrap_or(&path).to_vec(), facts).is_none(), "a path twice");
    }
    found
}

/// The records of a PAX header, by their lengths.
fn records(mut text: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut records = BTreeMap::new();
    while !text.is_empty() {
        let space = text.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = str::from_utf8(&text[..space]).unwrap().parse().unwrap();
        let record = text[space + 1..length].strip_suffix(b"\n").unwrap();
        let equals = record.iter().position(|byte| *byte == b'=').unwrap();
        records.insert(str::from_utf8(&record[..equals]).unwrap().to_owned(), record[equals + 1..].to_vec());
        text = &text[length..];
    }
    records
}

impl std::fmt::Display for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, mode, owner: (user, group), link, content, mtime, extended } = self;
        let link = link.as_ref().map(|link| String::from_utf8_lossy(link).into_owned());
        let size = content.len();
        write!(f, "{kind:?} {mode:o} {user}:{group} {link:?} {size} bytes, {mtime:?}, {extended:?}")
    }
}
