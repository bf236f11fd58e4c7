//! The list of changes.

use std::sync::Arc;

use model::change::{ChangeGroup, ChangeList, ListChanges};

use crate::fake::{Fake, changes::KnownChanges};

fn with(list: ChangeList) -> Arc<Fake> {
    Arc::new(Fake { changes: KnownChanges { list, ..KnownChanges::default() }, ..Fake::default() })
}

fn empty(total: u32) -> ChangeList {
    let groups = ChangeGroup::ALL.map(|group| (group, 0)).to_vec();
    ChangeList { rows: Vec::new(), matching: 0, total, groups, ..KnownChanges::default().list }
}

fn asked(fleet: &Fake) -> ListChanges {
    fleet.changes.listed.lock().expect("unpoisoned").pop().expect("asked")
}

#[tokio::test]
async fn open_changes_come_first_each_with_its_move_its_state_and_what_to_do() {
    let page = Arc::new(Fake::default()).get("/changes").await;
    assert_eq!(page.status, 200);
    page.reads("Changes Promotions and rollbacks, each one commit. 1843 changes. 2 wait for a person.")
        .reads("In flight, 3 Promote web-app prod Maya Lindqvist , 30 min 1 of 2 Applications is at 3f9e2b7 and Healthy")
        .reads("1842 prod 1.4.1 to 1.4.2 Rolling out 1 of 2 Applications is at 3f9e2b7 and Healthy")
        .reads("3 of 6 steps done Maya Lindqvist 30 min 30 min Follow")
        .reads("8.1.9 to 8.2.0 and 2 more Soaking")
        .reads("Waiting prod is frozen for payments until Thu 26 Nov 18:00 UTC: quarter-end close")
        .reads("Waiting for a person, 2 Promote auth")
        .reads("Awaiting approval 1 of 2 given")
        .reads("Needs attention checkout-prod is Degraded")
        .reads("Earlier today, UTC Promote worker")
        .reads("Before today, UTC Promote search")
        .reads("Rolled back by 1837")
        .reads("Failed The remote refused the push: protected branch")
        .has(r#"href="/changes/1842""#)
        .has(r#"href="/changes/1843#approvals""#)
        .has(r#"href="/apps/checkout/prod/rollback""#);
    assert_eq!(page.html.matches("<h1").count(), 1);
    assert_eq!(page.text.matches("See why").count(), 1, "what is done needs nobody");
    assert!(!page.html.contains("style="), "the policy forbids style attributes");
}

#[tokio::test]
async fn the_groups_are_links_with_their_counts() {
    let fleet = Arc::new(Fake::default());
    let page = fleet.get("/changes?environment=prod").await;
    page.reads("All 1843 In flight 3 Waiting for a person 2 Done 1772 Failed 20 Rolled back 38 Superseded 8")
        .has(r#"href="/changes?environment=prod&amp;state=rolled_back""#);
    let page = fleet.get("/changes?environment=prod&state=failed").await;
    assert_eq!(asked(&fleet).state, ["failed"]);
    page.has(r#"href="/changes?environment=prod""#);
    let on = page.html.split("chip chip-on").filter(|it| it.contains("state=failed")).count();
    assert!(on > 0, "the group that is asked for is marked");
}

#[tokio::test]
async fn all_filters_are_in_the_url_and_a_plain_form_keeps_them() {
    let fleet = Arc::new(Fake::default());
    let url =
        "/changes?q=web&environment=prod&kind=rollback&who=Priya%20Nair&state=in_flight&page=2&per_page=200";
    let page = fleet.get(url).await;
    assert_eq!(
        asked(&fleet),
        ListChanges {
            q: "web".into(),
            environment: vec!["prod".into()],
            state: vec!["in_flight".into()],
            kind: vec!["rollback".into()],
            who: vec!["Priya Nair".into()],
            page: 2,
            per_page: 200,
        }
    );
    page.has(r#"method="get""#)
        .has(r#"action="/changes""#)
        .has(r#"type="hidden" name="state" value="in_flight""#)
        .has(r#"type="hidden" name="per_page" value="200""#)
        .reads("Environment: prod")
        .reads("Kind: Roll back")
        .reads("Who: Priya Nair")
        .reads("token ci-release")
        .reads("Clear the filters");
    let box_of = |value: &str| {
        let at = page.html.find(&format!(r#"value="{value}""#)).expect("a box");
        page.html[at..].split('>').next().unwrap_or_default().to_owned()
    };
    assert!(box_of("Priya Nair").contains("checked") && !box_of("Maya Lindqvist").contains("checked"));
}

#[tokio::test]
async fn the_pages_of_the_list_are_links() {
    let list = ChangeList { matching: 120, page: 2, ..KnownChanges::default().list };
    with(list)
        .get("/changes?page=2&who=admin")
        .await
        .reads("51 to 58 of 120")
        .has(r#"href="/changes?who=admin""#)
        .has(r#"href="/changes?who=admin&amp;page=3""#);
}

#[tokio::test]
async fn none_hidden_and_past_the_end_are_told_apart() {
    with(empty(0)).get("/changes").await.reads("No change yet").reads_not("Clear the filters");
    with(empty(3))
        .get("/changes?q=web&kind=rollback")
        .await
        .reads("No change matches 3 changes are hidden by text “web” and Kind: Roll back. Clear the filters")
        .has(r#"href="/changes""#);
    let past = ChangeList { matching: 8, ..empty(8) };
    with(past)
        .get("/changes?page=9&who=admin")
        .await
        .reads("Nothing on this page")
        .has(r#"href="/changes?who=admin""#);
}

#[tokio::test]
async fn what_others_wrote_is_text_in_the_list_a14() {
    let mut list = KnownChanges::default().list;
    let evil = "<script>alert(1)</script>\u{202e}gnp";
    let row = &mut list.rows[0];
    (row.title, row.why, row.who, row.reason) = (evil.into(), evil.into(), evil.into(), evil.into());
    row.apps[0].after = Some(evil.into());
    let page = with(list).get("/changes").await;
    assert!(!page.html.contains("<script>alert"), "{}", page.html);
    page.reads("⟨U+202E⟩gnp");
}
