#![expect(clippy::unwrap_used, reason = "a test may")]

use std::io::Write as _;

use super::*;

fn message(network: &Network) -> String {
    install_crypto_provider();
    Net::new(network).unwrap_err().to_string()
}

#[test]
fn a_missing_file_of_certificates_is_named_with_its_variable() {
    let network = Network { aws_ca_bundle: Some("/nowhere/ca.pem".into()), ..Network::default() };
    assert_eq!(message(&network), "`AWS_CA_BUNDLE`: cannot read `/nowhere/ca.pem`: No such file or directory");
}

#[test]
fn a_file_without_certificates_is_refused_before_a_client_could_panic() {
    for content in ["", "hello\n", "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"]
    {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        let network = Network { ssl_cert_file: Some(file.path().to_path_buf()), ..Network::default() };
        assert!(message(&network).ends_with("holds no certificate in PEM form"), "{content:?}");
    }
}

#[test]
fn a_proxy_that_is_none_is_refused_without_its_password() {
    let network = Network { https_proxy: Some("ftp://user:canary@proxy:1".into()), ..Network::default() };
    assert_eq!(message(&network), "`HTTPS_PROXY` is no proxy, expected `http://<host>:<port>`");
    assert!(
        !format!(
            "{:?}",
            Proxies::read(&Network { https_proxy: Some("http://u:canary@p:1".into()), ..Network::default() })
        )
        .contains("canary")
    );
}

#[test]
fn the_systems_certificates_make_both_clients() {
    install_crypto_provider();
    let network = Network {
        https_proxy: Some("proxy.test:3128".into()),
        no_proxy: Some("amazonaws.com".to_owned()),
        ..Network::default()
    };
    Net::new(&network).unwrap();
}
