//! The page of the record.

use std::sync::Arc;

use model::{AppError, Timestamp, record::ChainStatus};

use crate::fake::Fake;

#[tokio::test]
async fn the_record_says_first_where_its_chain_stands() {
    let page = Arc::new(Fake::default()).get("/audit").await;
    assert_eq!(page.status, 200);
    page.reads("Chain verified 12 min ago 48,213 events sealed, 2 waiting for the seal")
        .reads("Head 48213:9c4177bee07b")
        .reads("quarterdeck audit verify");

    let broken = Some("event 7 (e-7) was deleted after it was sealed".to_owned());
    let chain = ChainStatus { broken, verified_at: Some(Timestamp(0)), ..ChainStatus::default() };
    let page = Arc::new(Fake { chain, ..Default::default() }).get("/audit").await;
    page.reads("Chain broken, found").reads("event 7 (e-7) was deleted after it was sealed");

    let page = Arc::new(Fake { chain: ChainStatus::default(), ..Default::default() }).get("/audit").await;
    page.reads("Chain not verified since Quarterdeck started").reads_not("Chain verified");
}

#[tokio::test]
async fn denied_is_as_easy_to_see_as_done() {
    let page = Arc::new(Fake::default()).get("/audit").await;
    page.reads("kenji@example.com sync")
        .reads("application mgmt/argocd/checkout-prod Denied why e-2 10.2.14.8")
        .reads("Done why e-1")
        .has(r##"href="/audit?event=e-2#event""##);
}

#[tokio::test]
async fn the_record_reads_its_whole_query_from_the_url() {
    let fleet = Arc::new(Fake::default());
    let path = "/audit?who=kenji@example.com&verb=sync&app=checkout&environment=prod&outcome=denied\
                &object=application%20mgmt%2Fargocd%2Fx&from=2026-11-24T00:00&to=2026-11-25&cursor=older.9.z&per_page=20";
    let page = fleet.get(path).await;
    let asked = fleet.audited.lock().expect("unpoisoned").pop().expect("asked");
    assert_eq!(
        (asked.who.as_str(), asked.verb.as_str(), asked.app.as_str()),
        ("kenji@example.com", "sync", "checkout")
    );
    assert_eq!((asked.environment.as_str(), asked.outcome.as_str()), ("prod", "denied"));
    assert_eq!(asked.object, "application mgmt/argocd/x");
    assert_eq!(
        (asked.from, asked.to),
        (Some(Timestamp(1_795_478_400_000)), Some(Timestamp(1_795_564_800_000)))
    );
    assert_eq!((asked.cursor.as_str(), asked.per_page), ("older.9.z", 20));
    page.reads("Actor: kenji@example.com")
        .reads("Outcome: denied")
        .has(r#"value="2026-11-24T00:00:00""#)
        .has(r#"<option value="denied" selected"#)
        .has("/audit/export?format=csv&amp;who=kenji%40example.com&amp;verb=sync")
        .has("cursor=older.1.a")
        .reads("To the newest");
}

#[tokio::test]
async fn the_record_is_filtered_without_javascript() {
    let page = Arc::new(Fake::default()).get("/audit").await;
    page.has(r#"method="get""#)
        .has(r#"action="/audit""#)
        .has(r#"name="who""#)
        .has(r#"name="from""#)
        .reads("Show");
    let page = Arc::new(Fake { events: Vec::new(), ..Default::default() }).get("/audit?who=nobody").await;
    page.reads("No act matches").reads("Clear the filters");
    let page = Arc::new(Fake { events: Vec::new(), ..Default::default() }).get("/audit").await;
    page.reads("Nothing on record yet").reads_not("Clear the filters");
}

#[tokio::test]
async fn an_act_shows_what_it_changed_and_its_seal() {
    let page = Arc::new(Fake::default()).get("/audit?outcome=denied&event=e-1").await;
    page.reads("− spec.replicas: 2 + spec.replicas: 3")
        .reads("took 14 s")
        .reads("Groups storefront-devs")
        .reads("Session s-7")
        .reads("Place 48,209 Hash 51d088ac02fe Hash before e2b944107c31")
        .reads("{ \"prune\": true }")
        .has(r#"aria-expanded="true""#);
    let page = Arc::new(Fake::default()).get("/audit?event=gone").await;
    assert_eq!(page.status, 404);
    page.reads("Event gone of the record was not found.");
}

#[tokio::test]
async fn who_may_not_read_the_record_reads_that_it_is_not_there() {
    let failing = Some(AppError::NotFound { what: "The record".into() });
    let page = Arc::new(Fake { failing, ..Default::default() }).get("/audit").await;
    assert_eq!(page.status, 404);
    page.reads("The record was not found.").reads_not("Export");
}
