#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn documents(of: &[(&str, &str)]) -> Documents {
    let mut documents = Documents::default();
    for (path, text) in of {
        match text.strip_prefix("-> ") {
            Some(target) => documents.link((*path).to_owned(), target.to_owned()).unwrap(),
            None => documents.add((*path).to_owned(), Bytes::copy_from_slice(text.as_bytes())).unwrap(),
        }
    }
    documents
}

fn config(diff_ids: &[&Digest]) -> String {
    format!(
        r#"{{"rootfs":{{"type":"layers","diff_ids":{}}}}}"#,
        serde_json::json!(diff_ids.iter().map(|id| id.as_str()).collect::<Vec<_>>())
    )
}

#[test]
fn the_layers_of_an_image_are_in_order_and_links_are_followed() {
    let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
    let config = config(&[&one, &two, &one]);
    let list = r#"[{"Config":"c.json","RepoTags":null,"Layers":["a/layer.tar","b/layer.tar","d/layer.tar"]}]"#;
    let found = documents(&[("manifest.json", list), ("c.json", &config), ("d/layer.tar", "-> a/layer.tar")]);
    let layers = [("a/layer.tar", &one), ("b/layer.tar", &two), ("a/layer.tar", &one)];
    let layers = layers.map(|(path, digest)| (path.to_owned(), digest.clone())).to_vec();
    assert_eq!(found.unpacked(), Ok(Unpacked { config: config.into(), layers }));
}

#[test]
fn an_image_without_layers_has_none() {
    let found = documents(&[
        ("manifest.json", r#"[{"Config":"c.json","Layers":null}]"#),
        ("c.json", r#"{"rootfs":{"type":"layers"}}"#),
    ]);
    assert_eq!(found.unpacked().unwrap().layers, []);
}

#[test]
fn lists_that_make_no_sense_are_refused() {
    let config = config(&[&Digest::of(b"1")]);
    let message =
        |list: &str| documents(&[("manifest.json", list), ("c.json", &config)]).unpacked().unwrap_err().to_string();
    assert!(message("[]").ends_with("it lists 0 images"));
    assert!(message(r#"[{"Config":"c.json","Layers":[]}]"#).ends_with("it lists 0 layers, and the configuration 1"));
    assert!(message(r#"[{"Config":"x.json","Layers":[]}]"#).ends_with("lacks `x.json`"));
    assert!(message("{").contains("`manifest.json` that is not understood"));
    assert_eq!(documents(&[]).unpacked().unwrap_err(), Error::Missing { path: LIST.to_owned() });
}

#[test]
fn links_in_a_circle_lead_nowhere() {
    let found = documents(&[("a", "-> b"), ("b", "-> a"), ("manifest.json", "-> a")]);
    assert_eq!(found.unpacked().unwrap_err(), Error::Missing { path: LIST.to_owned() });
}

fn index(digests: &[&Digest]) -> String {
    let item = |digest: &&Digest| format!(r#"{{"mediaType":"m","digest":"{digest}","size":2}}"#);
    format!(r#"{{"manifests":[{}]}}"#, digests.iter().map(item).collect::<Vec<_>>().join(","))
}

#[test]
fn a_manifest_is_the_one_that_the_index_names_byte_for_byte() {
    let digest = Digest::of(b"{\"x\": 1}");
    let path = blob_path(&digest);
    let found = documents(&[("index.json", &index(&[&digest, &digest])), (&path, "{\"x\": 1}")]);
    let manifest = found.manifest().unwrap();
    assert_eq!(
        (manifest.digest, &*manifest.bytes, manifest.media_type.as_str()),
        (digest.clone(), &b"{\"x\": 1}"[..], "m")
    );
    let found = documents(&[("index.json", &index(&[&digest])), (&path, "{\"x\": 2}")]);
    assert!(matches!(found.manifest(), Err(Error::Damaged { .. })));
    let found = documents(&[("index.json", &index(&[&digest, &Digest::of(b"")])), (&path, "{\"x\": 1}")]);
    assert!(found.manifest().unwrap_err().to_string().ends_with("it lists 2 images"));
}

#[test]
fn documents_are_held_up_to_a_limit() {
    let mut documents = Documents::default();
    let large = Bytes::from(vec![b' '; 4 << 20]);
    let taken = (0..20).take_while(|number| documents.add(number.to_string(), large.clone()).is_ok()).count();
    assert_eq!(taken, 8);
}
