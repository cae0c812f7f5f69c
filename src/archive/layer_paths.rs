//! Under which paths an archive has its layers, as far as that can be known before its documents come.

use std::collections::BTreeMap;

use crate::image::Digest;

/// A container configuration in which nothing is set, in the order of moby's fields (`api/types/container/config.go`).
const NOTHING: &str = r#"{"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,"Cmd":null,"Image":"","Volumes":null,"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":null}"#;

/// The diff ids of layers by the paths that they have in an archive of either layout. The path of the top layer in the old layout
/// depends on the whole configuration and is not among them.
#[must_use]
pub fn layer_paths(diff_ids: &[Digest]) -> BTreeMap<String, Digest> {
    let mut paths = BTreeMap::new();
    let mut below: Option<(Digest, Digest)> = None;
    for (at, diff_id) in diff_ids.iter().enumerate() {
        paths.insert(super::documents::blob_path(diff_id), diff_id.clone());
        // Image specification, "Layer ChainID".
        let chain = match &below {
            None => diff_id.clone(),
            Some((chain, _)) => Digest::of(format!("{chain} {diff_id}").as_bytes()),
        };
        let document = document(&chain, below.as_ref().map(|(_, name)| name));
        let name = Digest::of(document.as_bytes());
        if at + 1 < diff_ids.len() {
            paths.insert(format!("{}/layer.tar", name.hex()), diff_id.clone());
        }
        below = Some((chain, name));
    }
    paths
}

/// What an engine before 25 writes of a layer (moby 20.10 `image/tarexport/save.go`, `image/v1/imagev1.go`): an image of the oldest
/// format with nothing but a date. The digest of this document is the name of the folder.
fn document(chain: &Digest, parent: Option<&Digest>) -> String {
    let parent = parent.map(|parent| format!(r#","parent":"{parent}""#)).unwrap_or_default();
    format!(r#"{{"container_config":{NOTHING},"created":"1970-01-01T00:00:00Z","layer_id":"{chain}"{parent}}}"#)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// As engine 20.10.24 has named them.
    #[test]
    fn layers_are_found_under_the_names_of_both_layouts() {
        let digest = |hex: &str| format!("sha256:{hex}").parse::<Digest>().unwrap();
        let ids = [
            digest("55483ad42a28fdfc27ab87be1363b3682ef050810ac756c8f530e82d7e2c77d3"),
            digest("1fc664d3232017e29980fdc27b587e1fbd6164fce8dd6d08a293c2cd91ab1d91"),
            digest("fd0fd9d6fda45d22be58dbbfed5c32eb11ea41f2528d25f29dfe19fc3025d190"),
        ];
        let paths = layer_paths(&ids);
        let find = |path: &str| paths.get(path);
        assert_eq!(find("b953233018c5987f8c514a7ef2e6212bc5f056fefc46a4a69b8f94c9562ab6d4/layer.tar"), Some(&ids[0]));
        assert_eq!(find("8fd605d4a2d677900982e7b247d90b8835d0cc12b1eb03a37bf0a9e87a4d9ad0/layer.tar"), Some(&ids[1]));
        assert_eq!(find(&format!("blobs/sha256/{}", ids[2].hex())), Some(&ids[2]));
        assert_eq!(paths.len(), 5);
        assert_eq!(layer_paths(&[]), BTreeMap::new());
    }
}
