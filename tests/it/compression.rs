//! `COMPRESSION`: gzip and zstd.

use std::path::Path;

use serde_json::Value;

use crate::direct::{REGIONS, is_everywhere, log_in, remove, two_regions, uri, with_layers};
use crate::lab::{Engine, Lab, lab, output, usual};
use crate::pipe::Pipe;

/// The manifest behind a digest in the first region.
fn manifest(lab: &Lab, pipe: &Pipe, digest: &str) -> Value {
    let url = format!("https://{}/v2/{}/manifests/{digest}", lab.host(REGIONS[0]), pipe.repository);
    let mut curl = lab.command("curl", Path::new("/"));
    curl.args(["--silent", "--fail", "--cacert", &lab.facts.ca, "--user", "AWS:lab.us-east-1.AKIALAB", &url]);
    serde_json::from_str(&output(&mut curl)).expect("a manifest")
}

const CHANGES_NOTHING: &str =
    "`COMPRESSION=zstd` changes nothing: this engine keeps layers compressed, and they are sent as they are\n";

#[test]
fn layers_of_zstd_pull_on_the_engines_that_the_warning_names() {
    for engine in [Engine::V26, Engine::V28] {
        let lab = lab(engine, false);
        let pipe = with_layers(two_regions(lab, &[])).var("COMPRESSION", "zstd");
        let run = pipe.run().exits(0);
        let digest = is_everywhere(&pipe, &run, &["main"]);
        run.says(
            "layers are compressed by zstd: Docker 26.1 and newer can pull them, Docker 20.10 and AWS Lambda cannot\n",
        )
        .says("hint: leave out `COMPRESSION` if the image is for one of those\n");
        let manifest = manifest(lab, &pipe, &digest);
        assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
        assert_eq!(manifest["config"]["mediaType"], "application/vnd.oci.image.config.v1+json");
        let layers = manifest["layers"].as_array().expect("layers");
        assert!(layers.iter().all(|layer| layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+zstd"));
        remove(lab, &pipe);
        log_in(lab, REGIONS[1]);
        let reference = format!("{}@{digest}", uri(&pipe, REGIONS[1]));
        lab.docker(&["pull", &reference]);
        assert_eq!(lab.run(&reference, &["cat", "/mark"]), format!("{}\n", pipe.repository), "{engine:?}");
        let length = pipe.repository.len() * 200_000;
        assert_eq!(lab.run(&reference, &["wc", "-c", "/data"]).trim(), format!("{length} /data"));
    }
}

#[test]
fn an_engine_that_keeps_layers_compressed_is_told_to_have_the_last_word() {
    let lab = lab(Engine::V28Containerd, false);
    let pipe = with_layers(two_regions(lab, &[])).var("COMPRESSION", "zstd");
    let run = pipe.run().exits(0).says(CHANGES_NOTHING).does_not_say("can pull them");
    let digest = is_everywhere(&pipe, &run, &["main"]);
    let manifest = manifest(lab, &pipe, &digest).to_string();
    assert!(!manifest.contains("zstd"), "{manifest}");
}

#[test]
fn a_run_that_is_repeated_makes_the_same_image_by_either_codec() {
    for codec in ["gzip", "zstd"] {
        let pipe = with_layers(two_regions(usual(), &[])).var("COMPRESSION", codec).var("CACHE", "none");
        let digest = is_everywhere(&pipe, &pipe.run().exits(0), &["main"]);
        assert_eq!(is_everywhere(&pipe, &pipe.run().exits(0), &["main"]), digest, "{codec}");
    }
}

#[test]
fn another_word_is_told_before_the_build() {
    let run = Pipe::new(usual()).dockerfile("FROM busybox:1.36\n").var("COMPRESSION", "brotli").run().exits(2);
    run.reports_nothing().says("`COMPRESSION`: `brotli` is not accepted, expected `gzip` or `zstd`\n");
}
