//! Signing in by an identity provider, with one that lies.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{
    Form, Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use engine::{
    access::{
        Access, Origin, SignInSettings,
        oidc::{Callback, PersonError, ProviderSetting, Providers, SignInError, SignedIn},
        rights::Rights,
    },
    db::Db,
    metrics::Metrics,
};
use model::access::CreateToken;
use rsa::{
    RsaPrivateKey,
    pkcs1v15::SigningKey,
    pkcs8::{EncodePublicKey as _, LineEnding},
    signature::{SignatureEncoding as _, Signer as _},
    traits::PublicKeyParts as _,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{as_owner, count, database, is_nowhere};

const CLIENT: &str = "quarterdeck";
const REDIRECT: &str = "http://127.0.0.1:3000/auth/idp/callback";

/// Small, for speed: what is tested is not the strength of RSA.
static KEYS: LazyLock<[RsaPrivateKey; 2]> = LazyLock::new(|| {
    let key = || RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).expect("a key");
    [key(), key()]
});

/// How a token is signed.
#[derive(Clone, Copy)]
enum Signed {
    /// By one of the keys, under a key id.
    By(usize, &'static str),
    /// Not at all, and saying so.
    Not,
    /// With the public key as if it were a secret.
    WithPublicKey,
}

/// What the provider will answer.
struct Script {
    signed: Signed,
    claims: Value,
    userinfo: Value,
    token_status: StatusCode,
    redirects: bool,
    hangs: bool,
    challenge: String,
    /// The keys that it tells of: index and id.
    keys: Vec<(usize, &'static str)>,
}

struct Shared {
    base: String,
    script: Mutex<Script>,
    keys_told: AtomicU32,
}

struct House {
    db: Db,
    shared: Arc<Shared>,
    settings: Vec<ProviderSetting>,
    providers: Providers,
}

/// What the browser holds after a sign-in began.
struct Begun {
    state: String,
    nonce: String,
    browser: String,
}

impl House {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut ProviderSetting)) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared {
            script: Mutex::new(Script {
                signed: Signed::By(0, "one"),
                claims: Value::Null,
                userinfo: Value::Null,
                token_status: StatusCode::OK,
                redirects: false,
                hangs: false,
                challenge: String::new(),
                keys: vec![(0, "one")],
            }),
            base: base.clone(),
            keys_told: AtomicU32::new(0),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(shared.clone());
        #[allow(clippy::disallowed_methods)] // The provider ends with the test.
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut setting = ProviderSetting {
            id: "idp".into(),
            name: "The provider".into(),
            issuer: base,
            client_id: CLIENT.into(),
            client_secret: Some("client-secret".into()),
            groups_claim: "groups".into(),
            scopes: ["openid", "email", "groups"].map(str::to_owned).to_vec(),
            userinfo: false,
            prefix: String::new(),
            ca_file: None,
            timeout: Duration::from_secs(10),
        };
        change(&mut setting);
        let other = ProviderSetting { id: "other".into(), ..setting.clone() };
        let db = database().await;
        let settings = vec![setting, other];
        let providers =
            Providers::new(db.clone(), settings.clone(), &Metrics::default()).expect("good settings");
        Self { db, shared, settings, providers }
    }

    fn script(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.shared.script.lock().expect("unpoisoned"));
    }

    /// Begins a sign-in, and has the provider prepared for it.
    async fn begin(&self) -> Begun {
        let begun = self.providers.begin("idp", REDIRECT, "/clusters").await.expect("begins");
        let (_, query) = begun.url.split_once('?').expect("a query");
        let query: BTreeMap<String, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(
            (query["code_challenge_method"].as_str(), query["response_type"].as_str()),
            ("S256", "code")
        );
        let nonce = query["nonce"].clone();
        self.script(|script| {
            script.challenge = query["code_challenge"].clone();
            script.claims = claims(&self.shared.base, &nonce);
        });
        Begun { state: query["state"].clone(), nonce, browser: begun.browser.expose().to_owned() }
    }

    async fn finish(&self, begun: &Begun) -> Result<SignedIn, SignInError> {
        let callback = Callback {
            state: Some(&begun.state),
            code: Some("the-code"),
            error: None,
            browser: Some(&begun.browser),
        };
        self.providers.finish("idp", REDIRECT, callback).await
    }

    /// Signs in with the claims changed.
    async fn sign_in(&self, change: impl FnOnce(&mut Value)) -> Result<SignedIn, SignInError> {
        let begun = self.begin().await;
        self.script(|script| change(&mut script.claims));
        self.finish(&begun).await
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn claims(issuer: &str, nonce: &str) -> Value {
    json!({
        "iss": issuer, "sub": "u-alice", "aud": CLIENT, "nonce": nonce,
        "iat": now(), "exp": now() + 600, "email": "alice@example.test", "email_verified": true,
        "groups": ["platform-admins", "shop"],
    })
}

async fn discovery(State(shared): State<Arc<Shared>>) -> Response {
    let hangs = shared.script.lock().expect("unpoisoned").hangs;
    if hangs {
        std::future::pending::<()>().await;
    }
    let base = &shared.base;
    Json(json!({
        "issuer": base, "authorization_endpoint": format!("{base}/authorize"), "token_endpoint": format!("{base}/token"),
        "jwks_uri": format!("{base}/keys"), "userinfo_endpoint": format!("{base}/userinfo"),
        "end_session_endpoint": format!("{base}/logout"),
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        // It offers what must not be taken.
        "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
    }))
    .into_response()
}

async fn keys(State(shared): State<Arc<Shared>>) -> Json<Value> {
    shared.keys_told.fetch_add(1, Ordering::SeqCst);
    let told = shared.script.lock().expect("unpoisoned").keys.clone();
    let key = |(index, id): (usize, &str)| {
        let key = KEYS[index].to_public_key();
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": id,
            "n": BASE64.encode(key.n().to_bytes_be()), "e": BASE64.encode(key.e().to_bytes_be()),
        })
    };
    Json(json!({ "keys": told.into_iter().map(key).collect::<Vec<_>>() }))
}

async fn token(State(shared): State<Arc<Shared>>, Form(form): Form<BTreeMap<String, String>>) -> Response {
    let script = shared.script.lock().expect("unpoisoned");
    if script.redirects {
        return Redirect::temporary("/keys").into_response();
    }
    let challenge = BASE64.encode(Sha256::digest(&form["code_verifier"]));
    if challenge != script.challenge || form["code"] != "the-code" {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    }
    let answer = json!({"access_token": "access", "token_type": "bearer", "id_token": sign(&script)});
    (script.token_status, Json(answer)).into_response()
}

async fn userinfo(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.script.lock().expect("unpoisoned").userinfo.clone())
}

fn sign(script: &Script) -> String {
    let header = match script.signed {
        Signed::By(_, id) => json!({"alg": "RS256", "kid": id}),
        Signed::Not => json!({"alg": "none"}),
        Signed::WithPublicKey => json!({"alg": "HS256", "kid": "one"}),
    };
    let message =
        format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(script.claims.to_string()));
    let signature = match script.signed {
        Signed::By(index, _) => {
            SigningKey::<Sha256>::new(KEYS[index].clone()).sign(message.as_bytes()).to_vec()
        }
        Signed::Not => Vec::new(),
        Signed::WithPublicKey => {
            let pem = KEYS[0].to_public_key().to_public_key_pem(LineEnding::LF).expect("a PEM");
            hmac(pem.as_bytes(), message.as_bytes())
        }
    };
    format!("{message}.{}", BASE64.encode(signature))
}

/// HMAC with SHA-256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    block[..32].copy_from_slice(&Sha256::digest(key));
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

#[tokio::test]
async fn a_person_signs_in_and_gets_back_to_where_they_wanted() {
    let house = House::new().await;
    let signed_in = house.sign_in(|_| {}).await.expect("signs in");
    let person = signed_in.person;
    assert_eq!((person.subject.as_str(), person.name.as_str()), ("u-alice", "alice@example.test"));
    assert_eq!(
        (person.provider.as_str(), person.groups),
        ("idp", vec!["platform-admins".into(), "shop".into()])
    );
    assert_eq!(signed_in.return_to, "/clusters");
    assert_eq!(count(&house.db, "SELECT count(*) FROM provider_attempts").await, 0);
}

/// What is wrong with an ID token, and how it comes to be.
type Lie = (&'static str, fn(&mut Value));

#[tokio::test]
async fn an_id_token_that_proves_nothing_is_refused() {
    let house = House::new().await;
    let cases: [Lie; 9] = [
        ("audience", |claims| claims["aud"] = json!("another-client")),
        ("two audiences", |claims| claims["aud"] = json!([CLIENT, "another-client"])),
        ("issuer", |claims| claims["iss"] = json!("http://127.0.0.1:1")),
        ("nonce", |claims| claims["nonce"] = json!("another")),
        ("no nonce", |claims| drop(claims.as_object_mut().expect("an object").remove("nonce"))),
        ("expired", |claims| claims["exp"] = json!(now() - 120)),
        ("not yet valid", |claims| claims["nbf"] = json!(now() + 600)),
        ("authorized party", |claims| claims["azp"] = json!("another-client")),
        ("no subject", |claims| drop(claims.as_object_mut().expect("an object").remove("sub"))),
    ];
    for (name, change) in cases {
        let refused = house.sign_in(change).await.expect_err(name);
        let is_untrusted = matches!(refused, SignInError::Token { .. } | SignInError::Provider { .. });
        assert!(is_untrusted, "{name}: {refused:?}");
    }
    for (name, signed) in [
        ("no signature", Signed::Not),
        ("the public key as a secret", Signed::WithPublicKey),
        ("another key under a known id", Signed::By(1, "one")),
    ] {
        house.script(|script| script.signed = signed);
        let refused = house.sign_in(|_| {}).await.expect_err(name);
        assert!(matches!(refused, SignInError::Token { .. }), "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn a_new_key_is_asked_for_once_and_an_unknown_one_no_more() {
    let house = House::new().await;
    house.sign_in(|_| {}).await.expect("signs in");
    let told = || house.shared.keys_told.load(Ordering::SeqCst);
    assert_eq!(told(), 1);
    house.script(|script| {
        script.keys = vec![(0, "one"), (1, "two")];
        script.signed = Signed::By(1, "two");
    });
    house.sign_in(|_| {}).await.expect("the new key is found");
    assert_eq!(told(), 2);
    house.script(|script| script.signed = Signed::By(1, "three"));
    for _ in 0..3 {
        assert!(matches!(house.sign_in(|_| {}).await, Err(SignInError::Token { .. })));
    }
    assert_eq!(told(), 2, "an unknown key is not asked for again and again");
}

#[tokio::test]
async fn an_answer_counts_once_in_the_browser_that_began_and_for_its_provider() {
    let house = House::new().await;
    let begun = house.begin().await;
    house.finish(&begun).await.expect("signs in");
    assert!(matches!(house.finish(&begun).await, Err(SignInError::Attempt)), "twice");
    let no_state = Callback { code: Some("the-code"), browser: Some(&begun.browser), ..Callback::default() };
    assert!(matches!(house.providers.finish("idp", REDIRECT, no_state).await, Err(SignInError::Attempt)));

    let begun = house.begin().await;
    let elsewhere =
        Begun { browser: "another-browser".into(), state: begun.state.clone(), nonce: begun.nonce.clone() };
    assert!(matches!(house.finish(&elsewhere).await, Err(SignInError::Attempt)), "another browser");
    assert!(matches!(house.finish(&begun).await, Err(SignInError::Attempt)), "and the state is used up");

    let begun = house.begin().await;
    let callback =
        Callback { state: Some(&begun.state), code: Some("c"), error: None, browser: Some(&begun.browser) };
    let other = house.providers.finish("other", REDIRECT, callback).await;
    assert!(matches!(other, Err(SignInError::Attempt)), "another provider");

    let begun = house.begin().await;
    as_owner(&house.db, "UPDATE provider_attempts SET expires_at = now()").await;
    assert!(matches!(house.finish(&begun).await, Err(SignInError::Attempt)), "too late");
    assert!(matches!(house.providers.begin("nobody", REDIRECT, "/").await, Err(SignInError::NoProvider(_))));
}

#[tokio::test]
async fn an_error_of_the_provider_is_told_by_its_code_alone() {
    let house = House::new().await;
    for (code, told) in [("access_denied", "access_denied"), ("<script>", "an error without a known code")] {
        let begun = house.begin().await;
        let callback = Callback {
            state: Some(&begun.state),
            code: None,
            error: Some(code),
            browser: Some(&begun.browser),
        };
        let refused = house.providers.finish("idp", REDIRECT, callback).await.expect_err("is refused");
        assert!(matches!(refused, SignInError::RefusedThere(it) if it == told), "{refused:?}");
    }
}

#[tokio::test]
async fn hostile_claims_refuse_the_sign_in() {
    let house = House::new().await;
    for groups in [json!("ops"), json!(7), json!([""]), json!(["system:masters"]), json!(["role:admin"])] {
        let refused =
            house.sign_in(|claims| claims["groups"] = groups.clone()).await.expect_err("is refused");
        assert!(matches!(refused, SignInError::Person(PersonError::Groups { .. })), "{groups}: {refused:?}");
    }
    for subject in ["admin", "role:admin", "system:masters"] {
        let refused = house.sign_in(|claims| claims["sub"] = json!(subject)).await.expect_err("is refused");
        assert!(matches!(refused, SignInError::Person(PersonError::Subject(_))), "{subject}: {refused:?}");
    }
    for groups in [json!(null), json!([])] {
        let person =
            house.sign_in(|claims| claims["groups"] = groups.clone()).await.expect("signs in").person;
        assert_eq!(person.groups, Vec::<String>::new());
    }
    let unproven = house.sign_in(|claims| claims["email_verified"] = json!(false)).await.expect("signs in");
    assert_eq!(unproven.person.name, "u-alice", "an unproven address is nobody's name");
}

#[tokio::test]
async fn a_second_provider_speaks_for_its_own_people() {
    let house = House::with(|setting| setting.prefix = "idp:".into()).await;
    let person = house.sign_in(|_| {}).await.expect("signs in").person;
    assert_eq!((person.subject.as_str(), person.groups[0].as_str()), ("idp:u-alice", "idp:platform-admins"));
}

#[tokio::test]
async fn groups_come_from_userinfo_where_that_is_set_and_of_the_same_person() {
    let house = House::with(|setting| setting.userinfo = true).await;
    house.script(|script| script.userinfo = json!({"sub": "u-alice", "groups": ["from-userinfo"]}));
    let person = house.sign_in(|_| {}).await.expect("signs in").person;
    assert_eq!(person.groups, ["from-userinfo"]);
    house.script(|script| script.userinfo = json!({"sub": "u-mallory", "groups": ["platform-admins"]}));
    assert!(matches!(house.sign_in(|_| {}).await, Err(SignInError::Provider { .. })));
}

#[tokio::test]
async fn a_provider_that_fails_hangs_or_leads_away_is_told() {
    let house = House::with(|setting| setting.timeout = Duration::from_millis(300)).await;
    house.script(|script| script.hangs = true);
    let hung = house.providers.begin("idp", REDIRECT, "/").await.expect_err("it hangs");
    assert!(matches!(&hung, SignInError::Provider { why, .. } if why.contains("did not answer")), "{hung}");
    let house = House::new().await;
    house.script(|script| script.token_status = StatusCode::INTERNAL_SERVER_ERROR);
    assert!(matches!(house.sign_in(|_| {}).await, Err(SignInError::Provider { .. })));
    house.script(|script| {
        script.token_status = StatusCode::OK;
        script.redirects = true;
    });
    assert!(matches!(house.sign_in(|_| {}).await, Err(SignInError::Provider { .. })));
}

#[tokio::test]
async fn the_session_at_the_provider_ends_by_its_endpoint() {
    let house = House::new().await;
    let url = house.providers.logout_url("idp", "http://127.0.0.1:3000/login").await.expect("it has one");
    assert!(url.starts_with(&format!("{}/logout?client_id=quarterdeck", house.shared.base)), "{url}");
    assert!(url.contains("post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A3000%2Flogin"), "{url}");
}

#[tokio::test]
async fn no_secret_of_a_sign_in_or_an_api_token_is_in_any_column() {
    let house = House::new().await;
    let settings = SignInSettings { providers: house.settings.clone(), ..SignInSettings::default() };
    let access = Access::new(house.db.clone(), settings, &Metrics::default()).expect("good settings");
    let origin = || Origin {
        request_id: "request-1",
        address: Some("192.0.2.1"),
        browser: "Firefox",
        session_before: None,
    };
    let begun = house.begin().await;
    let callback = || Callback {
        state: Some(&begun.state),
        code: Some("the-code"),
        error: None,
        browser: Some(&begun.browser),
    };
    let signed_in = access.finish_sign_in("idp", REDIRECT, callback(), origin()).await;
    let session = signed_in.expect("signs in").0.expose().to_owned();
    let actor = access.actor_of(&session, origin()).await.expect("answers").expect("is known");
    let request = CreateToken { name: "ci".into(), scopes: vec!["applications, get, */*".into()], days: 1 };
    let made = access.create_token(&actor, &request).await.expect("makes a token");
    let program = access.actor_of_token(&made.token, origin()).await.expect("answers").expect("is known");
    assert_eq!((program.name.as_str(), program.groups.len()), ("alice@example.test (ci)", 2));
    let named = "SELECT count(*) FROM audit_events e JOIN sessions s ON e.session = s.id::text WHERE verb = 'sign_in'";
    assert_eq!(count(&house.db, named).await, 2, "a sign-in names its session");
    access.revoke_token(&Rights::default(), &actor, &made.row.id).await.expect("revokes");
    access.finish_sign_in("idp", REDIRECT, callback(), origin()).await.map(drop).expect_err("is over");

    let id_token = house.shared.script.lock().map(|script| sign(&script)).expect("unpoisoned");
    let bare = made.token.trim_start_matches("qd_");
    is_nowhere(
        &house.db,
        &[&session, &made.token, bare, "the-code", "client-secret", &id_token, &begun.state, &begun.browser],
    )
    .await;
}
