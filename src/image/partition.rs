//! The partitions of AWS: which DNS suffix the registries of a region have.

/// A group of regions with DNS suffixes of its own.
///
/// Source: the image patterns of the kubelet's ECR credential provider and botocore's `partitions.json`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Partition {
    /// What an ARN has after `arn:`.
    pub(super) id: &'static str,
    /// How the names of its regions begin.
    region_prefix: &'static str,
    /// After `<account>.dkr.ecr.<region>.`
    pub(super) suffix: &'static str,
    /// After `<account>.dkr-ecr.<region>.`, where there is a dual-stack form.
    pub(super) dual_stack_suffix: Option<&'static str>,
}

const fn partition(
    id: &'static str,
    region_prefix: &'static str,
    suffix: &'static str,
    dual_stack_suffix: Option<&'static str>,
) -> Partition {
    Partition { id, region_prefix, suffix, dual_stack_suffix }
}

/// Those whose regions have a prefix of their own.
const SPECIAL: [Partition; 7] = [
    partition("aws-us-gov", "us-gov-", "amazonaws.com", Some("on.aws")),
    partition("aws-cn", "cn-", "amazonaws.com.cn", Some("on.amazonwebservices.com.cn")),
    // Its dual-stack suffix is that of other services there (Public Suffix List); the kubelet does not list it.
    partition("aws-eusc", "eusc-", "amazonaws.eu", Some("on.amazonwebservices.eu")),
    partition("aws-iso", "us-iso-", "c2s.ic.gov", None),
    partition("aws-iso-b", "us-isob-", "sc2s.sgov.gov", None),
    partition("aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", None),
    partition("aws-iso-f", "us-isof-", "csp.hci.ic.gov", None),
];

/// All others, and any region of a partition that is not known yet.
const COMMERCIAL: Partition = partition("aws", "", "amazonaws.com", Some("on.aws"));

impl Partition {
    /// The partition that a region belongs to.
    pub(super) fn of(region: &str) -> &'static Self {
        SPECIAL.iter().find(|partition| region.starts_with(partition.region_prefix)).unwrap_or(&COMMERCIAL)
    }

    /// Whether a suffix is that of a registry anywhere in AWS.
    pub(super) fn knows(suffix: &str) -> bool {
        SPECIAL
            .iter()
            .chain([&COMMERCIAL])
            .any(|partition| suffix == partition.suffix || Some(suffix) == partition.dual_stack_suffix)
    }
}

/// The partition of a region, as an ARN names it. `None` for a region whose partition this version cannot know: outside the
/// commercial one the prefixes are those known here, within it they are those in use.
#[must_use]
pub fn partition_of(region: &str) -> Option<&'static str> {
    const COMMERCIAL_PREFIXES: [&str; 9] = ["af-", "ap-", "ca-", "eu-", "il-", "me-", "mx-", "sa-", "us-"];
    let partition = Partition::of(region);
    let is_sure = partition != &COMMERCIAL || COMMERCIAL_PREFIXES.iter().any(|prefix| region.starts_with(prefix));
    is_sure.then_some(partition.id)
}

/// The text is no name of a region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no AWS region, {expected}")]
pub struct RegionError {
    /// The text found.
    pub found: String,
    /// What is accepted.
    pub expected: String,
}

/// Checks that a text is built like the name of a region: `eu-central-1`, `us-gov-west-1`. Whether the region exists
/// only AWS knows.
///
/// # Errors
/// When the text is built otherwise; an availability zone (`eu-central-1a`) is told apart.
pub fn check_region(text: &str) -> Result<(), RegionError> {
    let parts: Vec<&str> = text.split('-').collect();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let (words, number) = parts.split_at(parts.len() - 1);
    let number = number.first().copied().unwrap_or_default();
    let digits = number.trim_start_matches(|character: char| character.is_ascii_digit());
    let begins_well = words.len() >= 2 && words.iter().all(word) && digits.len() < number.len();
    if begins_well && digits.is_empty() {
        return Ok(());
    }
    let is_zone = begins_well && digits.len() == 1 && digits.bytes().all(|byte| byte.is_ascii_lowercase());
    let expected = if is_zone {
        format!("but an availability zone; its region is `{}`", &text[..text.len() - 1])
    } else {
        "expected a name like `eu-central-1`".to_owned()
    };
    Err(RegionError { found: text.to_owned(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_real_regions_are_accepted() {
        for region in [
            "eu-central-1",
            "us-east-1",
            "ap-southeast-2",
            "us-gov-west-1",
            "cn-northwest-1",
            "us-iso-east-1",
            "us-isob-east-1",
            "eu-isoe-west-1",
            "us-isof-south-1",
            "eusc-de-east-1",
            "mx-central-1",
        ] {
            assert_eq!(check_region(region), Ok(()), "{region}");
        }
    }

    #[test]
    fn what_is_no_region_is_refused() {
        for text in ["", "-", "frankfurt", "eu-central", "EU-CENTRAL-1", "eu central 1", "eu--1", "1", "eu-central-1ab"]
        {
            assert!(check_region(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_availability_zone_is_told_its_region() {
        let message = check_region("eu-central-1a").map_err(|error| error.to_string());
        assert_eq!(
            message,
            Err("`eu-central-1a` is no AWS region, but an availability zone; its region is `eu-central-1`".to_owned())
        );
    }

    #[test]
    fn a_region_prefix_decides_the_partition() {
        assert_eq!(Partition::of("us-east-1").suffix, "amazonaws.com");
        assert_eq!(Partition::of("us-gov-east-1").suffix, "amazonaws.com");
        assert_eq!(Partition::of("us-iso-east-1").suffix, "c2s.ic.gov");
        assert_eq!(Partition::of("us-isob-east-1").suffix, "sc2s.sgov.gov");
        assert_eq!(Partition::of("cn-north-1").suffix, "amazonaws.com.cn");
    }
}
