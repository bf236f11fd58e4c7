use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use secrecy::ExposeSecret as _;

use super::{Credentials, Registrations};
use crate::git::mirror::{Remote, Repo};

fn secret(name: &str, kind: &str, entries: &[(&str, &str)]) -> Secret {
    let data = entries.iter().map(|(key, value)| (key.to_string(), ByteString(value.as_bytes().to_vec())));
    let labels = BTreeMap::from([("argocd.argoproj.io/secret-type".to_owned(), kind.to_owned())]);
    Secret {
        data: Some(data.collect()),
        metadata: ObjectMeta { name: Some(name.into()), labels: Some(labels), ..ObjectMeta::default() },
        ..Secret::default()
    }
}

fn find(secrets: Vec<Secret>, project: &str, url: &str) -> Result<Credentials, String> {
    let repo = Repo { control_plane: "lab".into(), project: project.into(), url: url.into() };
    let remote = Remote::read(url).expect("a URL");
    Registrations { secrets, ..Registrations::default() }.of(&repo, &remote, Purpose::Read)
}

fn secret_of(secrets: &[Secret], project: &str, url: &str) -> Option<String> {
    find(secrets.to_vec(), project, url).expect("is found").secret
}

#[test]
fn the_longest_template_serves_and_never_another_host() {
    let template = |name: &str, url: &str| secret(name, "repo-creds", &[("url", url), ("password", "x")]);
    let secrets = [
        template("host", "https://git.example.com"),
        template("team", "https://git.example.com/Team"),
        template("ssh", "git@git.example.com:"),
        secret("helm", "repo-creds", &[("url", "https://git.example.com/team/f"), ("type", "helm")]),
    ];
    let of = |url: &str| secret_of(&secrets, "", url);
    assert_eq!(of("https://git.example.com/team/fleet.git").as_deref(), Some("team"));
    assert_eq!(of("https://git.example.com/other").as_deref(), Some("host"));
    assert_eq!(of("git@git.example.com:team/fleet").as_deref(), Some("ssh"));
    for url in [
        "https://git.example.com.elsewhere.net/team/fleet",
        "https://git.example.com:8443/team/fleet",
        "http://localhost/team/fleet",
    ] {
        assert_eq!(of(url), None, "{url}");
    }
}

#[test]
fn a_secret_without_credentials_takes_those_of_its_template() {
    let template = secret(
        "team",
        "repo-creds",
        &[("url", "https://git.example.com/team"), ("username", "bot"), ("password", "t0ken\n")],
    );
    let own = secret(
        "own",
        "repository",
        &[("url", "https://git.example.com/team/fleet.git"), ("insecure", "true")],
    );
    let found =
        find(vec![template.clone(), own], "", "https://git.example.com/team/fleet").expect("is found");
    assert_eq!((found.secret.as_deref(), found.insecure), (Some("team"), true));
    assert_eq!(found.password.as_ref().map(|it| it.expose_secret()), Some("t0ken"));
    assert!(!format!("{found:?}").contains("t0ken"));
    let own =
        secret("own", "repository", &[("url", "https://git.example.com/team/fleet"), ("password", "y")]);
    assert_eq!(secret_of(&[template, own], "", "https://git.example.com/team/fleet").as_deref(), Some("own"));
}

#[test]
fn a_secret_of_a_project_serves_that_project_alone() {
    let url = "https://git.example.com/team/fleet";
    let of = |name: &str, project: &str| {
        secret(name, "repository", &[("url", url), ("project", project), ("password", "x")])
    };
    let secrets = [of("for-all", ""), of("for-shop", "shop")];
    assert_eq!(secret_of(&secrets, "shop", url).as_deref(), Some("for-shop"));
    assert_eq!(secret_of(&secrets, "other", url).as_deref(), Some("for-all"));
    assert_eq!(secret_of(&secrets[1..], "other", url), None);
}

#[test]
fn what_is_not_supported_is_said() {
    let url = "https://git.example.com/team/fleet";
    let app =
        secret("app", "repository", &[("url", url), ("githubAppID", "1"), ("githubAppPrivateKey", "s3cr3t")]);
    let why = find(vec![app], "", url).expect_err("is refused");
    assert!(why.contains("Secret app has the key of a GitHub App") && !why.contains("s3cr3t"), "{why}");
    let odd = secret("odd", "repository", &[("url", url), ("password", "a\nhost=elsewhere")]);
    let why = find(vec![odd], "", url).expect_err("is refused");
    assert!(why.contains("more than one line") && !why.contains("elsewhere"), "{why}");
}

#[test]
fn the_login_of_a_url_serves_where_no_secret_does() {
    let found = find(Vec::new(), "", "https://bot:t%40ken@git.example.com/a").expect("is found");
    assert_eq!(found.login(), Some(("bot", "t@ken")));
}
