//! What waits for a person: enough to decide, what they asked for, and what they decided.

use std::sync::Arc;

use model::{
    AppError,
    change::{ChangeRow, ChangeState, Decided, Step, Verdict, WaitingChange, WaitingList},
    gate::GateKind,
    plan::{Touched, Verified},
};

use crate::fake::{
    Fake, NOW,
    changes::{KnownChanges, approval, change_row},
    plans::{HASH, gate, promotion, train},
};

const PAGE: &str = "/waiting";

/// A train to prod that one of two approved, and that the actor looked at a few minutes ago.
fn waits() -> WaitingChange {
    let plan = promotion();
    WaitingChange {
        row: ChangeRow { who: "Tomás Rivera".into(), ..change_row(1843, ChangeState::AwaitingApproval, 1) },
        plan: HASH.into(),
        moving: plan.plan.rows,
        gates: vec![
            gate(GateKind::Health, true, "Healthy in staging for 51 min, 30 asked"),
            gate(GateKind::Freeze, false, "prod is frozen until Thu 26 Nov 18:00 UTC"),
            gate(GateKind::Approval, false, "1 of 2 given"),
        ],
        touched: plan.touched,
        findings: vec!["3 objects are pruned: old ConfigMaps of web-app".into()],
        approvals: vec![approval("Priya Nair", "Smoke tests green.")],
        quorum: 2,
        expires_at: NOW.plus_seconds(3 * 3600 + 28 * 60),
        looked_at: Some(NOW.plus_seconds(-480)),
        since_looked: vec![Step {
            at: NOW.plus_seconds(-120),
            state: ChangeState::AwaitingApproval,
            who: "Priya Nair".into(),
            text: "approved. 1 more is asked.".into(),
        }],
    }
}

fn list() -> WaitingList {
    let decided = |change, title: &str, verdict, hours: i64, comment: &str, void: Option<&str>| Decided {
        change,
        title: title.into(),
        verdict,
        at: NOW.plus_seconds(-3600 * hours),
        comment: comment.into(),
        void: void.map(Into::into),
    };
    WaitingList {
        now: NOW,
        to_decide: vec![waits()],
        asked: vec![ChangeRow {
            why: "1 of 2 approvals given".into(),
            ..change_row(1844, ChangeState::AwaitingApproval, 1)
        }],
        decided: vec![
            decided(1830, "Promote auth to prod", Verdict::Approve, 22, "", None),
            decided(1829, "Promote api to prod", Verdict::Decline, 48, "migration is not reversible", None),
            decided(1828, "Promote search to prod", Verdict::Approve, 72, "", Some("the plan changed")),
        ],
    }
}

fn with(waiting: WaitingList) -> Arc<Fake> {
    Arc::new(Fake { changes: KnownChanges { waiting, ..KnownChanges::default() }, ..Fake::default() })
}

#[tokio::test]
async fn a_change_that_waits_tells_enough_to_decide_r12() {
    let page = with(list()).get(PAGE).await;
    assert_eq!(page.status, 200);
    page.reads(
        "1 change needs your decision, by Wed 25 Nov 18:00 UTC. What you may not approve is not listed here.",
    )
    .reads("Promote web-app 1.4.2 to prod prod change 1843, plan b71e 90c4 5d2a")
    .reads("Tomás Rivera asks, 30 min ago , from staging: “ Release train 48 ”")
    .reads("web-app 1.4.1 to 1.4.2 brings 2 commits")
    .reads("Health: Healthy in staging for 51 min, 30 asked")
    .reads("Freeze: prod is frozen until Thu 26 Nov 18:00 UTC")
    .reads("Approval: 1 of 2 given")
    .reads("Priya Nair approved 12 min ago : “Smoke tests green.”")
    .reads("3 objects are pruned: old ConfigMaps of web-app")
    .reads("Blast radius: 2 Applications, 2 clusters. prod-ap-1 does not answer now")
    .reads("Since you looked, Wed 25 Nov 14:24 UTC Priya Nair : approved. 1 more is asked. 2 min ago")
    .reads("Expires Wed 25 Nov 18:00 UTC, in 3 h")
    .has(&format!(r#"title="{HASH}""#));
    assert_eq!(page.html.matches("<h1").count(), 1);
    assert!(!page.html.contains("style="), "the policy forbids style attributes");
}

#[tokio::test]
async fn approving_happens_on_the_page_of_the_change() {
    let page = with(list()).get(PAGE).await;
    page.has(r#"href="/changes/1843" class="btn btn-prod""#).reads("Review and approve… change 1843");
    let main = page.html.split("<main").nth(1).expect("main");
    assert!(!main.contains("<form"), "nothing is decided here");
}

#[tokio::test]
async fn what_is_not_verified_or_overwrites_others_makes_one_look_twice() {
    let mut list = list();
    list.to_decide[0].moving = train().plan.rows;
    list.to_decide[0].moving[0].verified = Verified::Not { why: "Progressing in staging".into() };
    list.to_decide[0].since_looked.clear();
    list.to_decide[0].touched = Touched { hidden: 2, ..Touched::default() };
    with(list)
        .get(PAGE)
        .await
        .reads("web-app: Not verified: Progressing in staging")
        .reads("search: Overwrites 1 edit that others made since the last promotion")
        .reads("Since you looked, Wed 25 Nov 14:24 UTC Nothing changed.")
        .reads("2 Applications, of which you may not see 2, 0 clusters");
}

#[tokio::test]
async fn a_change_that_was_never_looked_at_says_nothing_of_since() {
    let mut list = list();
    list.to_decide[0].looked_at = None;
    with(list).get(PAGE).await.reads_not("Since you looked");
}

#[tokio::test]
async fn ones_own_changes_and_decisions_stand_beside() {
    with(list())
        .get(PAGE)
        .await
        .reads("Asked by you 1 Promote web-app 1.4.2 to prod prod Awaiting approval 4 min 1 of 2 approvals given")
        .has(r#"href="/changes/1844""#)
        .reads("You decided lately Approved Promote auth to prod 22 h")
        .reads("Declined Promote api to prod , “ migration is not reversible ” 2 d")
        .reads("Dropped Promote search to prod : the plan changed 3 d");
}

#[tokio::test]
async fn none_waits_is_said_in_words() {
    let none = WaitingList { now: NOW, to_decide: Vec::new(), asked: Vec::new(), decided: Vec::new() };
    with(none)
        .get(PAGE)
        .await
        .reads("None needs your decision.")
        .reads("Nothing waits for you")
        .reads("No change of yours waits for others or needs attention.")
        .reads("You have not decided anything yet.");
    let failing = Some(AppError::Internal { request_id: "r-9".into() });
    let page = Arc::new(Fake { failing, ..Fake::default() }).get(PAGE).await;
    assert_eq!(page.status, 500);
    page.reads("request id r-9").reads_not("Nothing waits for you");
}

#[tokio::test]
async fn what_people_wrote_about_a_change_is_text_a14() {
    let evil = "<script>alert(1)</script>\u{202e}gnp";
    let mut list = list();
    let change = &mut list.to_decide[0];
    change.row.reason = evil.into();
    change.row.who = evil.into();
    change.moving[0].app = evil.into();
    change.moving[0].after = Some(evil.into());
    change.findings = vec![evil.into()];
    change.gates[0].why = evil.into();
    change.approvals[0].comment = evil.into();
    change.since_looked[0].text = evil.into();
    list.decided[1].comment = evil.into();
    let page = with(list).get(PAGE).await;
    assert!(!page.html.contains("<script>alert"), "{}", page.html);
    page.reads("⟨U+202E⟩gnp");
}
