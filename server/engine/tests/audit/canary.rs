//! No secret comes to the record: whatever people type, send or hold is looked for in every column and in the export.

use engine::{
    access::{Access, AdminPassword, Origin, SignInSettings},
    audit::{self, Extent, Outcome, RecordReader, verify::LastVerification},
    metrics::Metrics,
};
use model::record::ListEvents;

use super::{seal_all, sync};
use crate::support::{admin, database, is_nowhere};

const PASSWORD: &str = "canary-password-9d1f";
const MISTYPED: &str = "canary-mistyped-77aa";
const TYPED_AS_NAME: &str = "canary-typed-as-name-3c";

fn origin() -> Origin<'static> {
    Origin {
        request_id: "request-1",
        address: Some("192.0.2.1"),
        browser: "Firefox",
        session_before: Some("canary-session-of-before"),
    }
}

#[tokio::test]
async fn no_secret_is_in_any_column_or_export() {
    let db = database().await;
    let access = Access::new(db.clone(), SignInSettings::default(), &Metrics::default()).expect("good");
    access.ensure_local_admin(AdminPassword::Env(PASSWORD.into())).await.expect("sets the password");
    access.sign_in("admin", MISTYPED.into(), origin()).await.expect_err("is wrong");
    access.sign_in(TYPED_AS_NAME, PASSWORD.into(), origin()).await.expect_err("is wrong");
    let session = access.sign_in("admin", PASSWORD.into(), origin()).await.expect("signs in");
    let session = session.expose().to_owned();
    let actor = access.actor_of(&session, origin()).await.expect("answers").expect("is known");
    access.sign_out(&actor, &session).await.expect("signs out");
    audit::refuse(&db, &admin(), sync(), Outcome::failed("for the export")).await.expect("writes");
    seal_all(&db).await;

    let secrets = [PASSWORD, MISTYPED, TYPED_AS_NAME, "canary-session-of-before", &session];
    is_nowhere(&db, &secrets).await;

    let reader = RecordReader::new(db, LastVerification::default());
    let part = reader.export(&admin(), &Extent::All, &ListEvents::default(), 0).await.expect("exports");
    assert!(part.events.len() >= 10, "there is something to find them in");
    let exported = format!("{:?}", part.events);
    for secret in secrets {
        assert!(!exported.contains(secret), "{secret} is exported");
    }
}
