//! Signing in and out, and how a session ends.

use std::{io::Write as _, time::Duration};

use engine::{
    access::{Access, AdminPassword, Origin, SignInSettings, rights::Rights},
    audit::{self, Ending},
    db::Db,
    metrics::Metrics,
};
use model::{AppError, actor::ActorKind};
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::{admin, as_owner, count, database};

const PASSWORD: &str = "correct horse";

fn of(db: &Db, local_admin: Option<bool>) -> Access {
    let settings = SignInSettings { local_admin, ..SignInSettings::default() };
    Access::new(db.clone(), settings, &Metrics::default()).expect("good settings")
}

fn origin(request_id: &str) -> Origin<'_> {
    Origin { request_id, address: Some("192.0.2.1"), browser: "Firefox", session_before: None }
}

async fn access(db: &Db) -> Access {
    let access = of(db, None);
    let printed =
        access.ensure_local_admin(AdminPassword::Env(PASSWORD.into())).await.expect("sets the password");
    assert!(printed.is_none(), "a given password is never printed");
    access
}

async fn sign_in(access: &Access, name: &str, password: &str) -> Result<String, AppError> {
    let signed_in = access.sign_in(name, password.into(), origin("request-1")).await;
    signed_in.map(|token| token.expose().to_owned())
}

async fn is_signed_in(access: &Access, token: &str) -> bool {
    access.actor_of(token, origin("request-2")).await.expect("answers").is_some()
}

#[tokio::test]
async fn a_session_begins_and_ends() {
    let db = database().await;
    let access = access(&db).await;
    let token = sign_in(&access, "admin", PASSWORD).await.expect("signs in");
    let actor = access.actor_of(&token, origin("request-2")).await.expect("answers").expect("is known");
    assert_eq!(
        (actor.name.as_str(), actor.kind, actor.request_id.as_str()),
        ("admin", ActorKind::LocalAdmin, "request-2")
    );
    assert_eq!(count(&db, "SELECT count(*) FROM sessions WHERE octet_length(token_hash) = 32").await, 1);

    access.sign_out(&actor, &token).await.expect("signs out");
    assert!(!is_signed_in(&access, &token).await, "at once in the same replica");
    let verbs: Vec<_> =
        audit::list(&db, 4).await.expect("reads").into_iter().map(|event| event.verb).collect();
    assert_eq!(verbs, ["sign_out", "sign_out", "sign_in", "sign_in"]);
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_look_the_same_and_are_on_record() {
    let db = database().await;
    let access = access(&db).await;
    let wrong_password = sign_in(&access, "admin", "wrong horse").await.expect_err("is wrong");
    let wrong_name = sign_in(&access, "secret-typed-as-name", PASSWORD).await.expect_err("is wrong");
    assert_eq!(wrong_password, wrong_name);
    let events = audit::list(&db, 4).await.expect("reads");
    assert_eq!(events.iter().filter(|event| event.result == Some(Ending::Denied)).count(), 2);
    assert!(!format!("{events:?}").contains("secret-typed-as-name"));
}

#[tokio::test]
async fn attempts_are_limited_and_the_refusals_recorded_once() {
    let db = database().await;
    let access = access(&db).await;
    for _ in 0..5 {
        let error = sign_in(&access, "admin", "wrong horse").await.expect_err("is wrong");
        assert!(matches!(error, AppError::Invalid { .. }));
    }
    for _ in 0..3 {
        let error = sign_in(&access, "admin", PASSWORD).await.expect_err("is too many");
        assert!(matches!(error, AppError::RateLimited { retry_seconds: 1..=60 }), "{error:?}");
    }
    assert_eq!(count(&db, "SELECT count(*) FROM audit_events WHERE outcome = 'refused'").await, 1);
    let elsewhere = access
        .sign_in("admin", PASSWORD.into(), Origin { address: Some("192.0.2.2"), ..origin("request-1") })
        .await;
    elsewhere.expect("others may still sign in");
}

#[tokio::test]
async fn a_session_ends_by_idleness_by_age_and_by_revocation() {
    for end in [
        "UPDATE sessions SET last_seen_at = now() - interval '8 hours 1 minute'",
        "UPDATE sessions SET expires_at = now()",
        "UPDATE sessions SET revoked_at = now()",
    ] {
        let db = database().await;
        let (one, other) = (access(&db).await, access(&db).await);
        let token = sign_in(&one, "admin", PASSWORD).await.expect("signs in");
        assert!(is_signed_in(&one, &token).await && is_signed_in(&other, &token).await);
        as_owner(&db, end).await;
        tokio::time::sleep(Duration::from_millis(2050)).await;
        assert!(!is_signed_in(&one, &token).await && !is_signed_in(&other, &token).await, "{end}");
    }
}

#[tokio::test]
async fn tokens_that_never_were_are_nobodys() {
    let access = access(&database().await).await;
    for token in ["", "x", "0123456789012345678901234567890123456789012", "' OR 1 = 1 --"] {
        assert!(!is_signed_in(&access, token).await, "{token}");
    }
}

#[tokio::test]
async fn a_generated_password_is_returned_once_and_works() {
    let db = database().await;
    let one = of(&db, None);
    let password = one.ensure_local_admin(AdminPassword::Generate).await.expect("makes").expect("is new");
    assert!(one.ensure_local_admin(AdminPassword::Generate).await.expect("is there").is_none());
    sign_in(&one, "admin", password.expose_secret()).await.expect("signs in");
}

#[tokio::test]
async fn a_changed_password_ends_all_sessions_and_an_unchanged_one_none() {
    let db = database().await;
    let access = access(&db).await;
    let token = sign_in(&access, "admin", PASSWORD).await.expect("signs in");
    access.ensure_local_admin(AdminPassword::Env(PASSWORD.into())).await.expect("is the same");
    assert!(is_signed_in(&access, &token).await);

    let path = std::env::temp_dir().join(format!("quarterdeck-password-{}", std::process::id()));
    writeln!(std::fs::File::create(&path).expect("creates"), "battery staple").expect("writes");
    access.ensure_local_admin(AdminPassword::File(path.clone())).await.expect("is another");
    std::fs::remove_file(path).expect("removes");
    assert!(!is_signed_in(&access, &token).await);
    assert!(sign_in(&access, "admin", PASSWORD).await.is_err());
    sign_in(&access, "admin", "battery staple").await.expect("signs in");
    assert_eq!(admin().name, audit::list(&db, 1).await.expect("reads")[0].actor.name);
}

#[tokio::test]
async fn a_short_password_and_a_missing_file_are_refused() {
    let access = of(&database().await, None);
    let short = access.ensure_local_admin(AdminPassword::Env(SecretString::from("short"))).await;
    assert!(short.expect_err("is too short").to_string().contains("8 characters"));
    let missing = access.ensure_local_admin(AdminPassword::File("/nowhere/password".into())).await;
    assert!(missing.expect_err("is missing").to_string().contains("/nowhere/password"));
}

#[tokio::test]
async fn limits_outlive_a_restart_and_count_for_every_replica() {
    let db = database().await;
    let first = access(&db).await;
    for _ in 0..5 {
        assert!(matches!(sign_in(&first, "admin", "wrong horse").await, Err(AppError::Invalid { .. })));
    }
    let second = access(&db).await;
    let limited = sign_in(&second, "admin", PASSWORD).await.expect_err("the address has had its attempts");
    assert!(matches!(limited, AppError::RateLimited { retry_seconds: 1..=60 }), "{limited:?}");
}

#[tokio::test]
async fn a_switched_off_administrator_is_refused_as_a_wrong_password_is() {
    let db = database().await;
    let on = access(&db).await;
    let token = sign_in(&on, "admin", PASSWORD).await.expect("signs in");
    let off = of(&db, Some(false));
    let refused = sign_in(&off, "admin", PASSWORD).await.expect_err("is off");
    assert_eq!(refused, sign_in(&off, "admin", "wrong horse").await.expect_err("is wrong"));
    assert!(!is_signed_in(&off, &token).await, "a session from before counts no longer");
    let reasons: Vec<_> =
        audit::list(&db, 10).await.expect("reads").into_iter().map(|it| it.reason).collect();
    assert!(reasons.contains(&"the local administrator is switched off".to_owned()), "{reasons:?}");
}

#[tokio::test]
async fn a_sign_in_ends_the_session_that_the_browser_had() {
    let db = database().await;
    let access = access(&db).await;
    let before = sign_in(&access, "admin", PASSWORD).await.expect("signs in");
    let origin = Origin { session_before: Some(&before), ..origin("request-3") };
    let after = access.sign_in("admin", PASSWORD.into(), origin).await.expect("signs in");
    assert!(!is_signed_in(&access, &before).await);
    assert!(is_signed_in(&access, after.expose()).await);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_public_id() {
    let db = database().await;
    let access = access(&db).await;
    let rights = Rights::default();
    let (mine, other) = (
        sign_in(&access, "admin", PASSWORD).await.expect("signs in"),
        sign_in(&access, "admin", PASSWORD).await.expect("signs in"),
    );
    let actor = access.actor_of(&mine, origin("request-4")).await.expect("answers").expect("is known");
    let list = access.list_sessions(&rights, &actor, false).await.expect("lists");
    assert_eq!((list.rows.len(), list.rows.iter().filter(|row| row.is_this).count()), (2, 1));
    assert!(!format!("{list:?}").contains(&mine), "a list holds no secret");
    let id = list.rows.into_iter().find(|row| !row.is_this).expect("the other").id;
    access.end_session(&rights, &actor, &id).await.expect("ends");
    assert!(!is_signed_in(&access, &other).await);
    assert!(is_signed_in(&access, &mine).await);
    let absent = access.end_session(&rights, &actor, "no-such").await.expect_err("is absent");
    assert!(matches!(absent, AppError::NotFound { .. }));
}
