//! Acting without JavaScript: plain forms, their answers, and what went wrong.

use std::sync::Arc;

use model::{AppError, operation::RefreshKind};

use crate::fake::{Fake, id};

const PAGE: &str = "/applications/mgmt/argocd/checkout-prod";
const ID: &str = "control_plane=mgmt&namespace=argocd&name=checkout-prod";

#[tokio::test]
async fn the_form_of_a_sync_says_first_what_it_would_do() {
    let page = Arc::new(Fake::default()).get(&format!("{PAGE}?sync=1")).await;
    page.reads("Sync checkout-prod on prod-eu-1?")
        .reads("1 resource differs from Git Service/checkout")
        .reads("1 resource is live and no longer in Git ConfigMap/checkout-old")
        .reads("Sync window: allowed; no window of project storefront is open")
        .reads("Type prod to sync this protected environment")
        .reads("Sync checkout-prod")
        .has("prod-edge")
        .has("btn-prod")
        .has(r#"name="resources[]" value="/Service/checkout/checkout""#);
    assert!(page.html.contains("<dialog"), "the dialog is a part of the page");
}

#[tokio::test]
async fn an_unprotected_environment_is_not_typed() {
    let page = Arc::new(Fake::default()).get("/applications/mgmt/argocd/web-app-dev?sync=1").await;
    page.reads("Sync web-app-dev").reads_not("protected environment");
}

#[tokio::test]
async fn a_plain_form_syncs_and_leads_away_from_itself() {
    let fleet = Arc::new(Fake::default());
    let form =
        format!("{ID}&prune=true&typed_environment=prod&resources%5B%5D=%2FService%2Fcheckout%2Fcheckout");
    let page = fleet.post("/fn/sync_application", &form, &format!("{PAGE}?sync=1")).await;
    assert_eq!((page.status, page.location.as_str()), (302, PAGE));
    let request = fleet.synced.lock().expect("unpoisoned").pop().expect("synced");
    assert_eq!(request.id, id("checkout-prod"));
    assert_eq!(request.resources, ["/Service/checkout/checkout"]);
    assert_eq!((request.prune, request.dry_run, request.typed_environment.as_str()), (true, false, "prod"));
}

#[tokio::test]
async fn what_was_refused_is_read_on_the_page_that_it_came_from() {
    let refusing = Some(AppError::Conflict { why: "A sync window denies it until 18:00.".into() });
    let fleet = Arc::new(Fake { refusing, ..Default::default() });
    let page = fleet.post("/fn/sync_application", ID, &format!("{PAGE}?sync=1")).await;
    assert_eq!(page.status, 302);
    let back = page.location.trim_start_matches("http://localhost").to_owned();
    let page = fleet.get(&back).await;
    assert_eq!(page.status, 200);
    page.reads(
        "The sync was refused A sync window denies it until 18:00. Nothing was changed. Code conflict.",
    );
}

#[tokio::test]
async fn a_refresh_may_be_hard() {
    let fleet = Arc::new(Fake::default());
    let page = fleet.post("/fn/refresh_application", &format!("{ID}&kind=hard"), PAGE).await;
    assert_eq!(page.status, 302);
    assert!(page.location.trim_end_matches('?').ends_with(PAGE), "{}", page.location);
    fleet.post("/fn/refresh_application", ID, PAGE).await;
    assert_eq!(*fleet.refreshed.lock().expect("unpoisoned"), [RefreshKind::Hard, RefreshKind::Normal]);
}

#[tokio::test]
async fn a_refused_terminate_is_read_over_the_page() {
    let refusing = Some(AppError::Conflict { why: "No operation runs.".into() });
    let fleet = Arc::new(Fake { refusing, ..Default::default() });
    let page = fleet.post("/fn/terminate_operation", ID, PAGE).await;
    let back = page.location.trim_start_matches("http://localhost").to_owned();
    fleet.get(&back).await.reads("The operation was not terminated No operation runs.");
}
