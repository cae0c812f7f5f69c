#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::image::Name;

#[test]
fn every_state_of_the_api_is_told_apart_and_said_in_its_word() {
    let words = [
        "IN_PROGRESS",
        "COMPLETE",
        "FAILED",
        "UNSUPPORTED_IMAGE",
        "ACTIVE",
        "PENDING",
        "SCAN_ELIGIBILITY_EXPIRED",
        "FINDINGS_UNAVAILABLE",
        "LIMIT_EXCEEDED",
        "IMAGE_ARCHIVED",
        "IMAGE_SIZE_EXCEEDED",
    ];
    for word in words {
        let status = ScanStatus::of(word);
        assert!(!matches!(status, ScanStatus::Unknown(_)), "{word}");
        assert_eq!(status.to_string(), word);
    }
    assert_eq!(ScanStatus::of("A_LATER_ONE").to_string(), "A_LATER_ONE");
    assert_eq!(ScanStatus::of("").to_string(), "no state");
}

#[test]
fn every_state_that_the_sdk_knows_is_known_here() {
    // A newer SDK may have a newer state.
    for word in aws_sdk_ecr::types::ScanStatus::values() {
        assert!(!matches!(ScanStatus::of(word), ScanStatus::Unknown(_)), "{word}");
    }
}

#[test]
fn the_action_that_is_lacking_for_enhanced_scanning_is_one_of_inspector() {
    let Name::Full(repository) = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web".parse().unwrap() else {
        panic!("a repository")
    };
    let words = "User: x is not authorized to perform: inspector2:ListCoverage on resource: y";
    assert_eq!(denied_action(words, &repository), (Action::ListCoverage, "*".to_owned()));
    let arn = "arn:aws:ecr:eu-central-1:123456789012:repository/shop/web".to_owned();
    assert_eq!(denied_action("no", &repository), (Action::DescribeImageScanFindings, arn));
}
