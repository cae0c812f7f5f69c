//! The host name of a private ECR registry.

use std::fmt;

use super::partition::{Partition, check_region};

/// `<account>.dkr.ecr.<region>.amazonaws.com` in all its partitions and forms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EcrHost {
    text: String,
    account: String,
    region: String,
    fips: bool,
    dual_stack: bool,
}

/// The text is no host name of a private ECR registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no ECR registry host: {reason}")]
pub struct HostError {
    /// The text found.
    pub found: String,
    /// What is wrong with it.
    pub reason: String,
}

impl EcrHost {
    /// The host of an account in a region, in the plain form of the region's partition.
    #[must_use]
    pub fn of(account: &str, region: &str) -> Self {
        Self {
            text: format!("{account}.dkr.ecr.{region}.{}", Partition::of(region).suffix),
            account: account.to_owned(),
            region: region.to_owned(),
            fips: false,
            dual_stack: false,
        }
    }

    /// The host name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The account, 12 digits.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The partition, as ARNs begin with it: `aws`.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        Partition::of(&self.region).id
    }

    /// The ARN of a repository in this registry, as a policy names it.
    #[must_use]
    pub fn arn(&self, name: &super::RepositoryName) -> String {
        format!("arn:{}:ecr:{}:{}:repository/{name}", self.partition(), self.region, self.account)
    }

    /// Whether this is a FIPS end point.
    #[must_use]
    pub fn is_fips(&self) -> bool {
        self.fips
    }

    /// Whether this is a dual-stack end point.
    #[must_use]
    pub fn is_dual_stack(&self) -> bool {
        self.dual_stack
    }
}

/// What every refusal ends with.
const EXPECTED: &str = "expected `<account>.dkr.ecr.<region>.amazonaws.com`";

/// The number of digits of an account id.
const ACCOUNT_DIGITS: usize = 12;

impl std::str::FromStr for EcrHost {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        parse(text).map_err(|reason| HostError { found: text.to_owned(), reason })
    }
}

fn parse(text: &str) -> Result<EcrHost, String> {
    if matches!(text, "public.ecr.aws" | "ecr-public.aws.com") {
        return Err(format!(
            "it is the public gallery, and this version pushes to private registries only, {EXPECTED}"
        ));
    }
    if text.contains(':') {
        return Err(format!("a registry of ECR is named without a port, {EXPECTED}"));
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!("it has upper case letters, {EXPECTED} in lower case"));
    }
    let (account, rest) = text.split_once('.').ok_or(EXPECTED)?;
    let (rest, fips, dual_stack) = service(rest).ok_or(EXPECTED)?;
    check_account(account)?;
    let (region, suffix) = rest.split_once('.').ok_or("the region or the domain is missing")?;
    check_region(region).map_err(|error| error.to_string())?;
    let partition = Partition::of(region);
    let right = if dual_stack { partition.dual_stack_suffix } else { Some(partition.suffix) };
    match right {
        Some(right) if right == suffix => {
            let (account, region) = (account.to_owned(), region.to_owned());
            Ok(EcrHost { text: text.to_owned(), account, region, fips, dual_stack })
        }
        Some(right) if Partition::knows(suffix) => {
            Err(format!("in this form the hosts of region `{region}` end in `.{right}`, not `.{suffix}`"))
        }
        Some(right) => Err(format!("it ends in `.{suffix}`, expected `.{right}`")),
        None => Err(format!(
            "region `{region}` has no dual-stack form, expected `{account}.dkr.ecr.{region}.{}`",
            partition.suffix
        )),
    }
}

/// Takes the name of the service off: what follows it, whether it is FIPS, whether it is dual stack.
fn service(rest: &str) -> Option<(&str, bool, bool)> {
    [
        ("dkr.ecr.", false, false),
        ("dkr.ecr-fips.", true, false),
        ("dkr-ecr.", false, true),
        ("dkr-ecr-fips.", true, true),
    ]
    .into_iter()
    .find_map(|(service, fips, dual_stack)| Some((rest.strip_prefix(service)?, fips, dual_stack)))
}

/// Checks the id of an account.
///
/// # Errors
/// What is wrong with it; zeros that YAML has dropped are told apart.
pub fn check_account(account: &str) -> Result<(), String> {
    if account.is_empty() || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{account}` is no account id, which has {ACCOUNT_DIGITS} digits"));
    }
    match account.len() {
        ACCOUNT_DIGITS => Ok(()),
        fewer @ ..ACCOUNT_DIGITS => Err(format!(
            "the account id `{account}` has {fewer} of {ACCOUNT_DIGITS} digits; YAML drops leading zeros of a number, put it in quotes"
        )),
        more => Err(format!("the account id `{account}` has {more} digits instead of {ACCOUNT_DIGITS}")),
    }
}

impl fmt::Display for EcrHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn reason(text: &str) -> String {
        text.parse::<EcrHost>().unwrap_err().reason
    }

    #[test]
    fn every_form_in_every_partition_is_read() {
        for (text, region, fips, dual_stack) in [
            ("012345678901.dkr.ecr.eu-central-1.amazonaws.com", "eu-central-1", false, false),
            ("012345678901.dkr.ecr-fips.us-east-1.amazonaws.com", "us-east-1", true, false),
            ("012345678901.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1", true, false),
            ("012345678901.dkr-ecr.eu-west-1.on.aws", "eu-west-1", false, true),
            ("012345678901.dkr-ecr-fips.us-west-2.on.aws", "us-west-2", true, true),
            ("012345678901.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", false, false),
            ("012345678901.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1", false, true),
            ("012345678901.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", false, false),
            ("012345678901.dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", false, false),
            ("012345678901.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", false, false),
            ("012345678901.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1", false, false),
            ("012345678901.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1", false, false),
        ] {
            let host: EcrHost = text.parse().unwrap();
            assert_eq!(
                (host.as_str(), host.account(), host.region(), host.is_fips(), host.is_dual_stack()),
                (text, "012345678901", region, fips, dual_stack)
            );
        }
    }

    #[test]
    fn an_account_that_lost_its_leading_zero_is_told_about_quotes() {
        assert_eq!(
            reason("12345678901.dkr.ecr.eu-central-1.amazonaws.com"),
            "the account id `12345678901` has 11 of 12 digits; YAML drops leading zeros of a number, put it in quotes"
        );
    }

    #[test]
    fn an_account_that_is_too_long_or_no_number_is_refused() {
        assert!(reason("1234567890123.dkr.ecr.eu-central-1.amazonaws.com").contains("has 13 digits instead of 12"));
        assert!(reason("my-company.dkr.ecr.eu-central-1.amazonaws.com").contains("`my-company` is no account id"));
    }

    #[test]
    fn the_public_registry_is_refused_as_not_private() {
        for text in ["public.ecr.aws", "ecr-public.aws.com"] {
            assert!(
                reason(text)
                    .starts_with("it is the public gallery, and this version pushes to private registries only"),
                "{text}"
            );
        }
    }

    #[test]
    fn other_registries_are_told_what_an_ecr_host_is() {
        for text in ["docker.io", "gcr.io", "ghcr.io", "localhost", "registry.example.com", ""] {
            assert!(reason(text).contains(EXPECTED), "{text}");
        }
        assert!(reason("localhost:5000").starts_with("a registry of ECR is named without a port"));
    }

    #[test]
    fn a_suffix_of_another_partition_is_named() {
        assert_eq!(
            reason("012345678901.dkr.ecr.cn-north-1.amazonaws.com"),
            "in this form the hosts of region `cn-north-1` end in `.amazonaws.com.cn`, not `.amazonaws.com`"
        );
        assert_eq!(
            reason("012345678901.dkr-ecr.us-east-1.amazonaws.com"),
            "in this form the hosts of region `us-east-1` end in `.on.aws`, not `.amazonaws.com`"
        );
    }

    #[test]
    fn a_foreign_suffix_does_not_pass_for_ecr() {
        assert!(
            reason("012345678901.dkr.ecr.eu-central-1.amazonaws.com.evil.example")
                .contains("expected `.amazonaws.com`")
        );
        assert!(reason("012345678901.dkr.ecr.eu-central-1a.amazonaws.com").contains("availability zone"));
    }

    proptest! {
        #[test]
        fn a_host_made_of_its_parts_reads_back_as_itself(
            account in "[0-9]{12}",
            region in "(eu|us|cn|us-gov|us-iso|us-isob|eu-isoe|us-isof|eusc-de)-(east|west|central)-[1-9]",
        ) {
            let host = EcrHost::of(&account, &region);
            prop_assert_eq!(host.as_str().parse::<EcrHost>(), Ok(host.clone()));
            prop_assert_eq!(host.to_string(), host.as_str());
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = text.parse::<EcrHost>();
        }
    }
}
