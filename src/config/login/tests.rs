use secrecy::ExposeSecret as _;

use crate::config::tests::{config, problems, warnings};

const PASSWORD: (&str, &str) = ("HUB_PASSWORD", "hunter2\n");

fn fault(entry: &str) -> String {
    problems(&[("REGISTRY_LOGINS", entry), PASSWORD])
}

#[test]
fn logins_take_their_password_from_the_variable_named() {
    let entries = "host=docker.io, username=me, password-env=HUB_PASSWORD\npassword-env=OTHER,host=r.example:5000,username=$oauthtoken";
    let config = config(&[("REGISTRY_LOGINS", entries), PASSWORD, ("OTHER", " a b ")]);
    let logins: Vec<_> = config
        .registry_logins
        .iter()
        .map(|login| (login.host.as_str(), login.username.as_str(), login.password.expose_secret()))
        .collect();
    assert_eq!(logins, [("docker.io", "me", "hunter2"), ("r.example:5000", "$oauthtoken", " a b ")]);
}

#[test]
fn docker_hub_has_one_name() {
    for spelling in ["HUB", "index.HUB", "registry-1.HUB", "https://index.HUB/v1/", "https://index.HUB/v1"] {
        let host = spelling.replace("HUB", "docker.io");
        let entry = format!("host={host},username=me,password-env=HUB_PASSWORD");
        assert_eq!(config(&[("REGISTRY_LOGINS", &entry), PASSWORD]).registry_logins[0].host, "docker.io");
    }
}

#[test]
fn a_host_that_only_ends_like_docker_hub_is_another() {
    let entry = "host=notdocker.io,username=me,password-env=HUB_PASSWORD";
    assert_eq!(config(&[("REGISTRY_LOGINS", entry), PASSWORD]).registry_logins[0].host, "notdocker.io");
}

#[test]
fn each_fault_of_a_login_is_named() {
    insta::assert_snapshot!(fault("host=docker.io,username=me,password-env=MISSING"), @r"
    `REGISTRY_LOGINS`: entry 1 names `MISSING` in `password-env`, which is not set
      hint: pass `MISSING` under `variables:` of the pipe too
    ");
    insta::assert_snapshot!(fault("host=docker.io,password-env=HUB_PASSWORD"), @r"
    `REGISTRY_LOGINS`: entry 1 lacks `username`, expected `host=…,username=…,password-env=VAR`
      hint: write it like `host=docker.io,username=me,password-env=DOCKER_HUB_PASSWORD`
    ");
    insta::assert_snapshot!(fault("host=docker.io,user=me,password-env=HUB_PASSWORD"), @r"
    `REGISTRY_LOGINS`: entry 1 has an unknown key `user`, expected `host=…,username=…,password-env=VAR`
      hint: write it like `host=docker.io,username=me,password-env=DOCKER_HUB_PASSWORD`
    ");
    insta::assert_snapshot!(fault("host=docker.io,host=x,username=me,password-env=HUB_PASSWORD"), @r"
    `REGISTRY_LOGINS`: entry 1 has `host` twice, expected `host=…,username=…,password-env=VAR`
      hint: write it like `host=docker.io,username=me,password-env=DOCKER_HUB_PASSWORD`
    ");
    insta::assert_snapshot!(fault("host=https://r.example,username=me,password-env=HUB_PASSWORD"), @r"
    `REGISTRY_LOGINS`: entry 1 has a host with `https://`, expected `r.example`
      hint: write it like `host=docker.io,username=me,password-env=DOCKER_HUB_PASSWORD`
    ");
    insta::assert_snapshot!(fault("host=r.example/x,username=me,password-env=HUB_PASSWORD"), @r"
    `REGISTRY_LOGINS`: entry 1 has the host `r.example/x`, expected a host name with or without a port
      hint: write it like `host=docker.io,username=me,password-env=DOCKER_HUB_PASSWORD`
    ");
    let twice = "host=r.example,username=me,password-env=HUB_PASSWORD";
    insta::assert_snapshot!(fault(&format!("{twice}\n{twice}")), @r"
    `REGISTRY_LOGINS`: entry 2 is a second login for `r.example`
      hint: write it like `host=docker.io,username=me,password-env=DOCKER_HUB_PASSWORD`
    ");
}

#[test]
fn a_password_given_in_the_wrong_place_is_never_quoted() {
    for entry in [
        "host=docker.io,username=me,password=hunter3",
        "host=docker.io,username=me,password=x,hunter3",
        "host=docker.io,username=me,password-env=hunter3",
        "host=docker.io,username=me,hunter3",
        "host=docker.io,username=me,password-env=HUB_PASSWORD,hunter3",
        "host=https://me:hunter3@docker.io,username=me,password-env=HUB_PASSWORD",
        "hunter3",
    ] {
        let text = fault(entry);
        assert!(text.starts_with("`REGISTRY_LOGINS`: entry 1 ") && !text.contains("hunter3"), "{entry}: {text}");
    }
    insta::assert_snapshot!(fault("host=docker.io,username=me,password=hunter3"), @r"
    `REGISTRY_LOGINS`: entry 1 gives the password itself, expected `host=…,username=…,password-env=VAR`
      hint: put the password in a secured variable and name that in `password-env`
    ");
}

#[test]
fn a_password_that_is_a_reference_gives_a_warning_that_does_not_quote_it() {
    let entry = "host=docker.io,username=me,password-env=HUB_PASSWORD";
    insta::assert_snapshot!(warnings(&[("REGISTRY_LOGINS", entry), ("HUB_PASSWORD", "$ecret")]), @r"
    the password for `docker.io` in `REGISTRY_LOGINS` is the literal text of a reference to a variable
      hint: define that variable in the repository's settings
    ");
}
