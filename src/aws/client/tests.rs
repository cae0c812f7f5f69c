#![expect(clippy::unwrap_used, reason = "tests")]

use crate::aws::fake::Fake;
use crate::aws::{Ecr, Endpoint, Session};
use crate::config::tests::config;
use crate::image::EcrHost;
use crate::progress::Log;

/// The hosts that are asked for a token and for a role in the place of a registry.
async fn hosts(registry: &str, url: Option<&str>) -> (String, String) {
    let host: EcrHost = registry.parse().unwrap();
    let fake = Fake::new(|_, _| (400, String::new()));
    let (log, _events) = Log::recorded();
    let endpoint = Endpoint::of(&host, url.map(str::to_owned));
    let keys = config(&[]).credentials.unwrap();
    let session = Session::open(&keys, &endpoint, fake.client(), &log).await.unwrap();
    assert!(Ecr::new(&session, endpoint.clone()).token().await.is_err());
    let oidc =
        config(&[("AWS_OIDC_ROLE_ARN", "arn:aws:iam::123456789012:role/ci"), ("BITBUCKET_STEP_OIDC_TOKEN", "canary")]);
    assert!(Session::open(&oidc.credentials.unwrap(), &endpoint, fake.client(), &log).await.is_err());
    let asked: Vec<String> = fake.asked().into_iter().map(|asked| asked.uri).collect();
    (asked.first().unwrap().clone(), asked.last().unwrap().clone())
}

/// Source: the endpoint rules of both services, which the SDK has; what is held here is that the right ones are asked for.
#[tokio::test]
async fn the_api_of_each_registry_is_asked_at_its_own_host() {
    for (registry, ecr, sts) in [
        ("dkr.ecr.eu-central-1.amazonaws.com", "api.ecr.eu-central-1.amazonaws.com", "sts.eu-central-1.amazonaws.com"),
        ("dkr.ecr.us-east-1.amazonaws.com", "api.ecr.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com"),
        (
            "dkr.ecr-fips.us-east-1.amazonaws.com",
            "api.ecr-fips.us-east-1.amazonaws.com",
            "sts-fips.us-east-1.amazonaws.com",
        ),
        ("dkr-ecr.eu-west-1.on.aws", "ecr.eu-west-1.api.aws", "sts.eu-west-1.api.aws"),
        ("dkr-ecr-fips.us-west-2.on.aws", "ecr-fips.us-west-2.api.aws", "sts-fips.us-west-2.api.aws"),
        (
            "dkr.ecr.us-gov-west-1.amazonaws.com",
            "api.ecr.us-gov-west-1.amazonaws.com",
            "sts.us-gov-west-1.amazonaws.com",
        ),
        (
            "dkr.ecr-fips.us-gov-west-1.amazonaws.com",
            "api.ecr-fips.us-gov-west-1.amazonaws.com",
            "sts.us-gov-west-1.amazonaws.com",
        ),
        (
            "dkr.ecr.cn-north-1.amazonaws.com.cn",
            "api.ecr.cn-north-1.amazonaws.com.cn",
            "sts.cn-north-1.amazonaws.com.cn",
        ),
        (
            "dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
            "ecr.cn-north-1.api.amazonwebservices.com.cn",
            "sts.cn-north-1.api.amazonwebservices.com.cn",
        ),
        (
            "dkr.ecr.eusc-de-east-1.amazonaws.eu",
            "api.ecr.eusc-de-east-1.amazonaws.eu",
            "sts.eusc-de-east-1.amazonaws.eu",
        ),
        ("dkr.ecr.us-iso-east-1.c2s.ic.gov", "api.ecr.us-iso-east-1.c2s.ic.gov", "sts.us-iso-east-1.c2s.ic.gov"),
        (
            "dkr.ecr.us-isob-east-1.sc2s.sgov.gov",
            "api.ecr.us-isob-east-1.sc2s.sgov.gov",
            "sts.us-isob-east-1.sc2s.sgov.gov",
        ),
        (
            "dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk",
            "api.ecr.eu-isoe-west-1.cloud.adc-e.uk",
            "sts.eu-isoe-west-1.cloud.adc-e.uk",
        ),
        (
            "dkr.ecr.us-isof-south-1.csp.hci.ic.gov",
            "api.ecr.us-isof-south-1.csp.hci.ic.gov",
            "sts.us-isof-south-1.csp.hci.ic.gov",
        ),
    ] {
        let found = hosts(&format!("123456789012.{registry}"), None).await;
        assert_eq!(found, (format!("https://{ecr}/"), format!("https://{sts}/")), "{registry}");
    }
}

#[tokio::test]
async fn an_address_of_ones_own_is_asked_whatever_the_host() {
    let found = hosts("123456789012.dkr-ecr-fips.us-west-2.on.aws", Some("http://localhost:4566")).await;
    assert_eq!(found, ("http://localhost:4566/".to_owned(), "http://localhost:4566/".to_owned()));
}
