use hmac::{Hmac, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use sha2::Sha256;

use super::*;

const SECRET: &str = "canary-of-the-webhook";

fn secrets() -> WebhookSecrets {
    let some = || Some(SecretString::from(SECRET));
    WebhookSecrets {
        github: some(),
        gitlab: some(),
        gogs: some(),
        bitbucket_server: some(),
        bitbucket_uuid: some(),
        azure_username: some(),
        azure_password: some(),
    }
}

fn signed(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

fn headers(all: &[(&str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&str, &str)| {
        (HeaderName::try_from(*name).expect("a name"), HeaderValue::from_str(value).expect("a value"))
    };
    all.iter().map(header).collect()
}

fn github(body: &[u8], id: &str) -> Result<Push, WebhookError> {
    let signature = format!("sha256={}", signed(body));
    let all = [("x-github-event", "push"), ("x-github-delivery", id), ("x-hub-signature-256", &signature)];
    verify(&headers(&all), body, &secrets())
}

fn is_about(push: &Push, url: &str) -> bool {
    push.is_about(&Remote::read(url).expect("a URL"))
}

fn common(url: &str) -> Vec<u8> {
    let body = json!({"ref": "refs/heads/main", "after": "a".repeat(40), "repository": {"clone_url": url}});
    body.to_string().into_bytes()
}

#[test]
fn each_forge_is_known_by_its_own_headers() {
    let web = "https://git.example.com/team/fleet.git";
    let body = common(web);
    let signature = signed(&body);
    let prefixed = format!("sha256={signature}");
    let gitlab = json!({"ref": "refs/heads/main", "project": {"git_http_url": web}}).to_string().into_bytes();
    let server = json!({"changes": [{"refId": "refs/heads/main", "toHash": "b"}],
        "repository": {"links": {"clone": [{"href": "ssh://git@git.example.com:7999/team/fleet.git"}]}}});
    let server = server.to_string().into_bytes();
    let of_server = format!("sha256={}", signed(&server));
    let cloud = json!({"repository": {"links": {"html": {"href": "https://git.example.com/Team/Fleet"}}}});
    let cloud = cloud.to_string().into_bytes();
    let azure = json!({"resource": {"repository": {"remoteUrl": web},
        "refUpdates": [{"name": "refs/heads/main", "newObjectId": "c"}]}});
    let azure = azure.to_string().into_bytes();
    let basic = format!("Basic {}", STANDARD.encode(format!("{SECRET}:{SECRET}")));
    type Delivery<'a> = (Forge, Vec<(&'a str, &'a str)>, &'a [u8]);
    let all: [Delivery<'_>; 6] = [
        (Forge::GitHub, vec![("x-github-event", "push"), ("x-hub-signature-256", &prefixed)], &body),
        (Forge::Gogs, vec![("x-github-event", "push"), ("x-gitea-signature", &signature)], &body),
        (Forge::GitLab, vec![("x-gitlab-event", "Push Hook"), ("x-gitlab-token", SECRET)], &gitlab),
        (
            Forge::BitbucketServer,
            vec![("x-event-key", "repo:refs_changed"), ("x-hub-signature", &of_server)],
            &server,
        ),
        (Forge::BitbucketCloud, vec![("x-event-key", "repo:push"), ("x-hook-uuid", SECRET)], &cloud),
        (Forge::AzureDevOps, vec![("x-vss-activityid", "1"), ("authorization", &basic)], &azure),
    ];
    for (forge, all, body) in all {
        let push = verify(&headers(&all), body, &secrets()).unwrap_or_else(|why| panic!("{forge:?}: {why}"));
        assert_eq!(push.forge, forge);
        for url in [web, "git@git.example.com:team/fleet", "https://git.example.com/team/fleet"] {
            assert!(is_about(&push, url), "{forge:?} {url}");
        }
        assert!(!is_about(&push, "https://git.example.com/team/fleet2"), "{forge:?}");
        let unset = verify(&headers(&all), body, &WebhookSecrets::default());
        assert_eq!(unset.err(), Some(WebhookError::NoSecret), "{forge:?}");
    }
}

#[test]
fn a18_what_is_not_signed_is_refused_before_it_is_read() {
    // A body that no parser takes: were it read first, the answer would be another.
    let body = b"{".as_slice();
    let valid = format!("sha256={}", signed(body));
    let of_other = format!("sha256={}", signed(b"other"));
    for signature in [
        "",
        "sha256=",
        "sha256=zz",
        "sha1=00",
        &valid[..valid.len() - 2],
        &of_other,
        &valid.replace("sha256=", ""),
    ] {
        let all = headers(&[("x-github-event", "push"), ("x-hub-signature-256", signature)]);
        assert_eq!(verify(&all, body, &secrets()).err(), Some(WebhookError::NotSigned), "{signature}");
    }
    let none = headers(&[("x-github-event", "push")]);
    assert_eq!(verify(&none, body, &secrets()).err(), Some(WebhookError::NotSigned));
    assert_eq!(github(body, "1").err(), Some(WebhookError::Malformed));
    for (name, value) in
        [("x-gitlab-event", ""), ("x-hook-uuid", "x"), ("x-event-key", ""), ("x-vss-activityid", "1")]
    {
        assert_eq!(verify(&headers(&[(name, value)]), body, &secrets()).err(), Some(WebhookError::NotSigned));
    }
    let odd = headers(&[("x-gitlab-event", ""), ("x-gitlab-token", "canary-of-the-webhoo")]);
    assert_eq!(verify(&odd, body, &secrets()).err(), Some(WebhookError::NotSigned));
    assert_eq!(verify(&HeaderMap::new(), body, &secrets()).err(), Some(WebhookError::Unknown));
}

#[test]
fn a18_a_signed_body_may_be_anything_and_nothing_breaks() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested = format!("{{\"repository\":{}}}", "{\"x\":".repeat(50_000));
    for body in
        [deep.as_str(), &nested, "", "null", "[]", "7", "\u{0}", r#"{"repository":[]}"#, r#"{"ref":7}"#]
    {
        assert_eq!(github(body.as_bytes(), "1").err(), Some(WebhookError::Malformed), "{body:.40}");
    }
    for body in ["{}", r#"{"repository":null,"ref":null}"#, r#"{"repository":{"clone_url":null}}"#] {
        let push = github(body.as_bytes(), "1").expect("is read");
        assert!(!is_about(&push, "https://git.example.com/team/fleet"), "{body}");
    }
    for url in [
        ".*",
        "https://git.example.com/.*",
        "https://(a+)+$/x",
        "ext::sh -c id",
        "-x",
        "https://git.example.com/%2e%2e",
    ] {
        let push = github(&common(url), "1").expect("is read");
        assert!(!is_about(&push, "https://git.example.com/team/fleet"), "{url}");
    }
    let server = br#"{"changes":[null],"repository":{"links":{"clone":[null,{}]}}}"#;
    let signature = format!("sha256={}", signed(server));
    let all = headers(&[("x-event-key", "repo:refs_changed"), ("x-hub-signature", &signature)]);
    assert!(verify(&all, server, &secrets()).is_ok());
    let large = vec![b' '; MOST_BYTES + 1];
    assert_eq!(github(&large, "1").err(), Some(WebhookError::TooLarge));
}

#[test]
fn a18_a_delivery_that_comes_again_is_ignored() {
    let deliveries = Deliveries::default();
    let first = common("https://git.example.com/team/fleet");
    let other = common("https://git.example.com/team/other");
    let is_new = |body: &[u8], id: &str| deliveries.is_new(&github(body, id).expect("is read"));
    assert!(is_new(&first, "1"));
    assert!(!is_new(&first, "1"));
    // The id is not signed: another one makes the same body no other delivery.
    assert!(!is_new(&first, "2"));
    assert!(!is_new(&other, "1"));
    assert!(is_new(&other, "3"));
}

#[test]
fn what_is_there_already_is_not_fetched() {
    let push = github(&common("https://git.example.com/team/fleet"), "1").expect("is read");
    let heads = |id: &str| [("main".to_owned(), id.repeat(40))].into();
    assert!(push.is_in(&heads("a")));
    assert!(!push.is_in(&heads("b")));
    assert!(!push.is_in(&std::collections::BTreeMap::new()));
    let deleted = json!({"ref": "refs/heads/main", "after": "0".repeat(40)}).to_string();
    assert!(!github(deleted.as_bytes(), "2").expect("is read").is_in(&heads("0")));
}

#[test]
fn secrets_are_read_and_never_shown() {
    let data = [("webhook.github.secret", SECRET), ("webhook.gitlab.secret", "")];
    let data = data.map(|(key, value)| (key.to_owned(), k8s_openapi::ByteString(value.as_bytes().to_vec())));
    let secrets = WebhookSecrets::of(&Secret { data: Some(data.into()), ..Secret::default() });
    assert!(secrets.github.is_some() && secrets.gitlab.is_none());
    assert!(!format!("{secrets:?}").contains(SECRET));
    let push = github(&common("https://bot:canary@git.example.com/team/fleet"), "1").expect("is read");
    assert!(!format!("{push:?}").contains("canary"));
}
