//! The page of the repositories.

use std::sync::Arc;

use model::{
    AppError,
    repository::{MirrorState, RepositoryRow, Severity},
};

use crate::fake::{
    Fake, KnownApps,
    plans::{finding, hours_ago, repositories},
};

fn with(repositories: Vec<RepositoryRow>) -> Arc<Fake> {
    Arc::new(Fake { apps: KnownApps { repositories, ..KnownApps::default() }, ..Fake::default() })
}

#[tokio::test]
async fn a_repository_says_how_fresh_it_is_what_it_holds_and_what_is_wrong() {
    let page = with(repositories()).get("/repositories").await;
    assert_eq!(page.status, 200);
    page.reads("Repositories 2 repositories, 1 cannot be fetched.")
        .reads("https://git.example/fleet.git mgmt Fetched 2 min ago Fetch now")
        .reads("Applications 36 apps found 1 findings 2 on disk 3.0 MiB")
        .reads("main 8d2f6a1 Release web-app 1.5.0")
        .reads("gone its head is not known")
        .reads("Error foreign-namespace It renders into shop-prod, the namespace of prod.")
        .reads("apps/web-app/overlays/staging/kustomization.yaml, line 3")
        .reads("Mend: Set namespace to shop-staging.")
        .reads("1 place is not understood apps/odd It has overlays and no base.")
        .reads("web-app apps/web-app kustomize overlays dev, staging, prod");
    assert_eq!(page.html.matches("<h1").count(), 1);
    assert!(!page.html.contains("style="), "the policy forbids style attributes");
}

#[tokio::test]
async fn a_repository_that_cannot_be_fetched_says_why_and_claims_nothing() {
    let page = with(repositories()).get("/repositories").await;
    page.reads("ssh://git@git.example/other.git mgmt Failing for 20 min Fetch now")
        .reads("The host key of git.example is not pinned. Add it to argocd-ssh-known-hosts-cm.")
        .reads("Nothing of it is known")
        .reads("Applications 2 apps found not known findings not known on disk nothing yet");

    let mut known = repositories();
    let why = "The token was refused.".to_owned();
    known[0].mirror = MirrorState::Failing { since: hours_ago(3), why, fetched_at: Some(hours_ago(5)) };
    known[1].mirror = MirrorState::Never;
    let page = with(known).get("/repositories").await;
    page.reads("What was fetched 5 h ago is still used, and may be out of date.")
        .reads("Not fetched yet")
        .reads("It is fetched when somebody first needs it");
}

#[tokio::test]
async fn findings_are_shown_by_severity_without_javascript() {
    let page = with(repositories()).get("/repositories?severity=hint").await;
    page.has(r#"href="/repositories?severity=error""#)
        .reads("All findings 2 Errors 1 Warnings 0 Hints 1")
        .reads("Every other app is in prod.")
        .reads("1 finding is hidden by the filter. Show all")
        .reads_not("It renders into shop-prod");
    let mut known = repositories();
    known[0].findings = vec![finding(Severity::Warning, "<img src=x> :latest"); 200];
    let page = with(known).get("/repositories").await;
    page.reads("The worst 200 findings").reads("&lt;img src=x");
}

#[tokio::test]
async fn a_plain_form_fetches_and_what_was_refused_is_read_on_the_page() {
    let fleet = with(repositories());
    let answer = fleet.post("/fn/fetch_repository", "id=0123456789ab", "/repositories").await;
    assert_eq!(answer.status, 302);
    assert_eq!(*fleet.apps.fetched.lock().expect("unpoisoned"), ["0123456789ab"]);

    let why = "it did not answer within 60 s".to_owned();
    let refusing = Some(AppError::Unavailable { what: "git.example".into(), why });
    let fleet = Arc::new(Fake { refusing, ..Fake::default() });
    let answer = fleet.post("/fn/fetch_repository", "id=0123456789ab", "/repositories").await;
    let back = answer.location.trim_start_matches("http://localhost").to_owned();
    fleet
        .get(&back)
        .await
        .reads("The repository was not fetched git.example does not answer: it did not answer within 60 s.");
}

#[tokio::test]
async fn no_repository_is_said_in_words() {
    let page = with(Vec::new()).get("/repositories").await;
    page.reads("No repository yet").reads_not("All findings");
}
