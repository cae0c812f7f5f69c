//! ECR's quota of 10 manifests a second, which many tags reach.

use serde_json::json;

use crate::lab::usual;
use crate::pipe::Pipe;

/// What ECR lets through in a second (user guide, "Amazon ECR service quotas").
const QUOTA: u32 = 10;

/// A step with so many tags, in a registry that takes so many manifests a second.
fn with_tags(count: usize, quota: u32) -> Pipe {
    let pipe = Pipe::new(usual());
    let path = format!("^/v2/{}/manifests/", pipe.repository);
    pipe.lab.fault(&json!({"method": "PUT", "path": path, "times": 0, "limit": quota}));
    let layer = format!("FROM busybox:1.36\nRUN echo {} > /layer\n", pipe.repository);
    let tags: Vec<String> = (0..count).map(|number| format!("t{number}")).collect();
    pipe.dockerfile(&layer).var("TAG", &tags.join(" "))
}

/// How many manifests were refused since there were too many.
fn throttled(pipe: &Pipe) -> usize {
    let puts = pipe.lab.requests(&format!("\"PUT\".*/v2/{}/manifests/", pipe.repository));
    puts.iter().filter(|request| request["status"] == 429).count()
}

fn has_tags(pipe: &Pipe, count: usize) {
    let images = pipe.lab.ecr("us-east-1", "DescribeImages", &json!({"repositoryName": pipe.repository}));
    let images = images["imageDetails"].as_array().unwrap();
    assert_eq!(images.len(), 1, "one image: {images:?}");
    assert_eq!(images[0]["imageTags"].as_array().unwrap().len(), count, "{images:?}");
}

#[test]
fn tags_are_put_no_faster_than_the_quota_allows() {
    let pipe = with_tags(25, QUOTA);
    pipe.run().exits(0);
    assert_eq!(throttled(&pipe), 0);
    has_tags(&pipe, 25);
}

#[test]
fn a_quota_that_others_use_up_is_waited_for() {
    let pipe = with_tags(12, 3);
    pipe.run().exits(0);
    assert!(throttled(&pipe) > 0, "it was reached");
    has_tags(&pipe, 12);
}
