//! `quarterdeck promote`, `rollback` and `approve`: what they ask a Quarterdeck for, what they print, and how they end.

use std::{process::Output, time::Duration};

use model::{
    Timestamp,
    application::ApplicationId,
    change::{ChangeDetail, ChangeRow, ChangeState, Started, Step},
    plan::{
        AskPlan, AskPromotion, FileChange, Plan, PlanDetail, PlanKind, PlanRow, RenderedApplication,
        RowOutcome, Standing, Touched, Verified,
    },
    status::Environment,
};
use serde_json::{Value, json};

use crate::support::Scripted;

const PROMOTE: [&str; 7] = ["promote", "--app", "web-app", "--from", "dev", "--to", "staging"];
const BACK: [&str; 7] = ["rollback", "--app", "web-app", "--env", "prod", "--to", "0123456789abcdef"];

fn environment(name: &str) -> Environment {
    Environment::Known { name: name.into(), rank: 1, protected: name == "prod", why: String::new() }
}

fn row(app: &str, outcome: RowOutcome) -> PlanRow {
    PlanRow {
        app: app.into(),
        slug: Some(app.into()),
        base_path: format!("apps/{app}"),
        outcome,
        before: Some("1.4.2".into()),
        after: Some("1.5.0".into()),
        source_commit: "c".repeat(40),
        later: None,
        moves: Vec::new(),
        stays: Vec::new(),
        foreign: Vec::new(),
        commits: Vec::new(),
        last_touched: None,
        verified: Verified::Healthy { since: None },
        warnings: Vec::new(),
    }
}

/// A plan of these rows; of one that moves, with a file.
fn plan(rows: Vec<PlanRow>) -> PlanDetail {
    let moves = rows.iter().any(|row| row.outcome == RowOutcome::Moves);
    let file =
        FileChange { path: "apps/web-app/overlays/staging/kustomization.yaml".into(), patch: "+1\n".into() };
    PlanDetail {
        now: Timestamp(0),
        plan: Plan {
            kind: PlanKind::Promote,
            repository: None,
            from: "dev".into(),
            to: "staging".into(),
            commit: "a".repeat(40),
            hash: "b".repeat(64),
            rows,
            files: if moves { vec![file] } else { Vec::new() },
            warnings: Vec::new(),
        },
        ask: AskPlan::Promote(AskPromotion::default()),
        target: environment("staging"),
        asked_by: "alice".into(),
        asked_at: Timestamp(0),
        standing: Standing::Valid,
        touched: Touched::default(),
        unseen_unrendered: 0,
        rendered: Vec::new(),
        denied: None,
        gates: Vec::new(),
        typed_environment: None,
        needs_reason: false,
        change: None,
    }
}

fn one() -> PlanDetail {
    plan(vec![row("web-app", RowOutcome::Moves)])
}

fn started() -> Started {
    Started { change: 7, existed: false, sentence: "Promoting web-app to staging.".into() }
}

/// The change in a state, with so many of the steps that led there.
fn change(state: ChangeState, why: &str, steps: &[(ChangeState, &str)]) -> ChangeDetail {
    let step = |(index, (state, text)): (usize, &(ChangeState, &str))| Step {
        at: Timestamp(1000 * index as i64),
        state: *state,
        who: if index == 0 { "alice (ci)".into() } else { String::new() },
        text: (*text).into(),
    };
    ChangeDetail {
        now: Timestamp(0),
        row: ChangeRow {
            id: 7,
            kind: PlanKind::Promote,
            title: "Promote web-app".into(),
            from: "dev".into(),
            environment: environment("staging"),
            apps: Vec::new(),
            state,
            why: why.into(),
            who: "alice (ci)".into(),
            reason: String::new(),
            asked_at: Timestamp(0),
            since: Timestamp(0),
            ended_at: None,
            commit: None,
            steps: 1,
            by: None,
        },
        plan: "b".repeat(64),
        repository: "https://git.example.com/fleet.git".into(),
        branch: "main".into(),
        message: None,
        files: Vec::new(),
        timeline: steps.iter().enumerate().map(step).collect(),
        gates: Vec::new(),
        rollout: Vec::new(),
        approvals: Vec::new(),
        quorum: 0,
        soak_seconds: 0,
        decide: None,
        cancel: None,
        undo: None,
    }
}

/// A Quarterdeck that has this plan, and makes change 7 of it.
fn server(plan: PlanDetail) -> Scripted {
    Scripted::new().answers("POST /plans", plan).answers("POST /changes", started())
}

fn with(command: &[&'static str], more: &[&'static str]) -> Vec<&'static str> {
    [command, more].concat()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_promotion_is_planned_and_carried_out_and_its_page_is_named() {
    let server = server(one());
    let output = server.run(&with(&PROMOTE, &["--app", "api", "--overwrite", "--reason", "Release 42"]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let expected = format!(
        "Promote web-app from dev to staging\n  web-app  1.4.2 -> 1.5.0\nplan bbbbbbbbbbbb\n\nPromoting web-app to \
         staging.\nChange 7: {}/changes/7\n",
        server.url
    );
    assert_eq!(printed(&output), expected);
    let asked = server.body_of("POST /plans");
    let all = json!(["web-app", "api"]);
    assert_eq!((&asked["kind"], &asked["apps"], &asked["overwrite"]), (&json!("promote"), &all, &all));
    assert_eq!(asked["take_latest"], json!([]));
    let asked = server.body_of("POST /changes");
    assert_eq!((&asked["plan"], &asked["reason"]), (&json!("b".repeat(64)), &json!("Release 42")));
    assert_eq!(asked["hold"], "none", "a promotion holds nothing");
}

#[test]
fn where_there_is_nothing_to_do_no_change_is_asked_for() {
    let server = server(plan(vec![row("web-app", RowOutcome::NothingToDo)]));
    let output = server.run(&PROMOTE);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        printed(&output).contains("web-app  nothing to do: staging has this already\n"),
        "{}",
        printed(&output)
    );
    assert_eq!(server.questions(), ["POST /plans"]);
}

#[test]
fn r5_what_a_person_must_decide_first_is_not_carried_out() {
    let why = "others changed images[0].newTag".to_owned();
    let server = server(plan(vec![row("web-app", RowOutcome::Stopped { why })]));
    let output = server.run(&PROMOTE);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        printed(&output).contains("web-app  stopped: others changed images[0].newTag\n"),
        "{}",
        printed(&output)
    );
    assert_eq!(server.questions(), ["POST /plans"]);
}

#[test]
fn a_train_names_the_cause_of_each_app_that_stays() {
    let why = "held at 3.8.2 by priya until 2026-12-01: bad migration".to_owned();
    let server =
        server(plan(vec![row("web-app", RowOutcome::Moves), row("api", RowOutcome::Skipped { why })]));
    let output = server.run(&PROMOTE);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = printed(&output);
    assert!(text.starts_with("Promote 2 apps from dev to staging\n"), "{text}");
    assert!(
        text.contains("  api  skipped: held at 3.8.2 by priya until 2026-12-01: bad migration\n"),
        "{text}"
    );
}

#[test]
fn a_protected_environment_is_typed_or_nothing_is_asked_for() {
    let protected = || PlanDetail { typed_environment: Some("prod".into()), ..one() };
    for confirm in [&[][..], &["--confirm", "staging"]] {
        let server = server(protected());
        let output = server.run(&with(&PROMOTE, confirm));
        assert_eq!(output.status.code(), Some(1));
        assert!(
            said(&output).contains("prod is protected: type it once more, by --confirm prod"),
            "{}",
            said(&output)
        );
        assert_eq!(server.questions(), ["POST /plans"]);
    }
    let server = server(protected());
    let output = server.run(&with(&PROMOTE, &["--confirm", "prod"]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(server.body_of("POST /changes")["typed_environment"], "prod");
}

#[test]
fn a_reason_and_a_second_look_are_asked_for_by_their_flags() {
    let server_of = |plan| server(plan);
    let server = server_of(PlanDetail { needs_reason: true, ..one() });
    let output = server.run(&with(&PROMOTE, &["--reason", " "]));
    assert!(
        output.status.code() == Some(1) && said(&output).contains("give it by --reason"),
        "{}",
        said(&output)
    );
    assert_eq!(server.questions(), ["POST /plans"]);

    let unrendered = RenderedApplication {
        application: ApplicationId {
            control_plane: "mgmt".into(),
            namespace: "argocd".into(),
            name: "web-app-staging".into(),
        },
        cluster: "staging".into(),
        not_rendered: Some("a remote base.".into()),
        objects: 0,
        changes: Vec::new(),
        findings: Vec::new(),
    };
    let plan = PlanDetail { rendered: vec![unrendered], ..one() };
    let server = server_of(plan.clone());
    let output = server.run(&PROMOTE);
    let text = said(&output);
    assert!(output.status.code() == Some(1) && text.contains("what web-app-staging would become"), "{text}");
    assert!(text.contains("a remote base. Look at the plan") && text.contains("/plans/bbbb"), "{text}");
    let server = server_of(plan);
    assert_eq!(server.run(&with(&PROMOTE, &["--confirm-unrendered"])).status.code(), Some(0));
    assert_eq!(server.body_of("POST /changes")["confirm_unrendered"], true);
}

#[test]
fn a_refusal_is_told_in_the_servers_words() {
    let words =
        "You may not promote to Application mgmt/argocd/web-app-prod. Ask an administrator for that right.";
    let server = Scripted::new().answers("POST /plans", one()).refuses("POST /changes", 403, words);
    let output = server.run(&PROMOTE);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains(words), "{}", said(&output));
    assert!(printed(&output).contains("1.4.2 -> 1.5.0"), "the plan was shown before");
}

#[test]
fn r8_a_change_whose_answer_was_lost_is_asked_for_again() {
    let found = Started { existed: true, sentence: "Change 7 does that already.".into(), ..started() };
    let server = Scripted::new()
        .answers("POST /plans", one())
        .refuses("POST /changes", 503, "It restarts.")
        .answers("POST /changes", found);
    let output = server.run(&PROMOTE);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(server.questions(), ["POST /plans", "POST /changes", "POST /changes"]);
    assert!(printed(&output).contains("Change 7 does that already."), "{}", printed(&output));
}

#[test]
fn r20_with_wait_each_step_is_told_once_and_done_is_success() {
    let steps = [
        (ChangeState::Queued, "asked for"),
        (ChangeState::Pushed, "commit 2222 is on main"),
        (ChangeState::Done, "Healthy, and it stayed so"),
    ];
    let server = server(one())
        .answers("GET /changes/7", change(ChangeState::Queued, "", &steps[..1]))
        .refuses("GET /changes/7", 503, "It restarts.")
        .answers("GET /changes/7", change(ChangeState::Healthy, "", &steps[..2]))
        .answers("GET /changes/7", change(ChangeState::Done, "", &steps));
    let output = server.run(&with(&PROMOTE, &["--wait"]));
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{text}{}", said(&output));
    let end = "1970-01-01T00:00:00Z  Queued             asked for (alice (ci))\n\
               1970-01-01T00:00:01Z  Committed          commit 2222 is on main\n\
               1970-01-01T00:00:02Z  Done               Healthy, and it stayed so\n\
               Change 7 is done.\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn with_wait_what_needs_a_person_or_ended_otherwise_is_no_success() {
    let cases = [
        (
            ChangeState::AwaitingApproval,
            "0 of 2 approvals",
            "Change 7 waits for approval: 0 of 2 approvals.\n",
        ),
        (
            ChangeState::NeedsAttention,
            "web-app is Degraded.",
            "Change 7 needs attention: web-app is Degraded.\n",
        ),
        (ChangeState::Failed, "nobody could push", "Change 7 failed: nobody could push.\n"),
        (ChangeState::Superseded, "", "Change 7 was superseded.\n"),
        (ChangeState::Cancelled, "by bob", "Change 7 was cancelled: by bob.\n"),
    ];
    for (state, why, end) in cases {
        let server = server(one()).answers("GET /changes/7", change(state, why, &[(state, "so it is")]));
        let output = server.run(&with(&PROMOTE, &["--wait"]));
        assert_eq!(output.status.code(), Some(1), "{state:?}");
        assert!(printed(&output).ends_with(end), "{}", printed(&output));
    }
}

#[test]
fn the_wait_has_an_end_and_the_change_goes_on() {
    let server =
        server(one()).answers("GET /changes/7", change(ChangeState::RollingOut, "1 of 3 Healthy", &[]));
    let begin = std::time::Instant::now();
    let output = server.run(&with(&PROMOTE, &["--wait", "--timeout", "1s"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(begin.elapsed() < Duration::from_secs(30), "it did not wait for an hour");
    let text = said(&output);
    assert!(
        text.contains("followed for 1s, and the change goes on by itself. Change 7 is rolling out: 1 of 3"),
        "{text}"
    );
    for wrong in ["0s", "-5m", "soon", ""] {
        let output = server
            .run(&with(&PROMOTE, &["--wait", "--timeout"]).into_iter().chain([wrong]).collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(1), "{wrong:?} is no time: {}", said(&output));
    }
}

#[test]
fn a_change_that_may_not_be_seen_any_more_is_not_followed() {
    let server = server(one()).refuses("GET /changes/7", 404, "Change 7 was not found.");
    let output = server.run(&with(&PROMOTE, &["--wait"]));
    let text = said(&output);
    assert!(
        output.status.code() == Some(1) && text.contains("change 7 was asked for, and cannot be followed"),
        "{text}"
    );
}

#[test]
fn json_is_one_document_whatever_came_of_it() {
    let server = server(one())
        .answers("GET /changes/7", change(ChangeState::Done, "", &[(ChangeState::Done, "done")]));
    let output = server.run(&with(&PROMOTE, &["--wait", "-o", "json"]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(report["change"]["id"], 7);
    assert_eq!(report["change"]["url"], format!("{}/changes/7", server.url));
    assert_eq!(report["detail"]["row"]["state"], "done");
    assert_eq!(report["plan"]["hash"], "b".repeat(64));

    let server = self::server(plan(vec![row("web-app", RowOutcome::NothingToDo)]));
    let output = server.run(&with(&PROMOTE, &["-o", "json"]));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!((output.status.code(), &report["change"]), (Some(2), &Value::Null));
}

#[test]
fn what_others_wrote_does_not_reach_the_terminal_as_it_is() {
    let odd = "\u{1b}[2Jgone".to_owned();
    let detail =
        plan(vec![row("web-app", RowOutcome::Moves), row("api", RowOutcome::Skipped { why: odd.clone() })]);
    let end = change(ChangeState::Failed, &odd, &[(ChangeState::Failed, &odd)]);
    let server = server(detail).answers("GET /changes/7", end);
    let text = printed(&server.run(&with(&PROMOTE, &["--wait"])));
    assert!(!text.contains('\u{1b}') && text.matches("\\u{1b}[2Jgone").count() == 3, "{text}");
}

#[test]
fn a_rollback_names_a_commit_and_sets_a_hold() {
    let server = server(one());
    let output = server.run(&with(&BACK, &["--whole-path", "--hold", "until-released", "--reason", "500s"]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let expected = json!({
        "kind": "rollback", "app": "web-app", "environment": "prod", "revision": "0123456789abcdef", "whole_path": true,
    });
    assert_eq!(server.body_of("POST /plans"), expected);
    assert_eq!(server.body_of("POST /changes")["hold"], "until_released");

    let server = self::server(one());
    server.run(&BACK);
    assert_eq!(server.body_of("POST /changes")["hold"], "two_days");
}

#[test]
fn a_change_is_taken_back_by_its_number() {
    let server = server(one());
    let output = server.run(&["rollback", "--change", "6", "--hold", "none"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(server.body_of("POST /plans"), json!({ "kind": "undo", "change": 6 }));
    assert_eq!(server.body_of("POST /changes")["hold"], "none");
    for wrong in [
        &["rollback"][..],
        &["rollback", "--app", "web-app"],
        &["rollback", "--change", "6", "--app", "web-app"],
    ] {
        assert_eq!(server.run(wrong).status.code(), Some(1), "{wrong:?}");
    }
}

#[test]
fn r12_approving_is_left_to_a_person() {
    let server = Scripted::new();
    let output = server.command(&["approve", "7"]).output().expect("runs");
    let text = printed(&output);
    assert!(output.status.success(), "it needs no token: {}", said(&output));
    assert!(text.starts_with(&format!("{}/changes/7\nNothing is approved yet", server.url)), "{text}");
    let output = server.command(&["approve", &"b".repeat(64)]).output().expect("runs");
    assert!(printed(&output).starts_with(&format!("{}/plans/bbbb", server.url)), "{}", printed(&output));
    assert_eq!(server.command(&["approve", "soon"]).output().expect("runs").status.code(), Some(1));
    assert!(server.questions().is_empty());
}

#[test]
fn without_a_server_or_a_token_it_says_what_to_name() {
    let server = server(one());
    let output = server.command(&PROMOTE).env_remove("QUARTERDECK_SERVER").output().expect("runs");
    assert!(
        output.status.code() == Some(1) && said(&output).contains("name a Quarterdeck by --server"),
        "{}",
        said(&output)
    );
    let output = server.command(&PROMOTE).output().expect("runs");
    assert!(
        output.status.code() == Some(1) && said(&output).contains("QUARTERDECK_TOKEN"),
        "{}",
        said(&output)
    );
    assert!(server.questions().is_empty());
    let nobody = "http://127.0.0.1:1";
    let mut command = server.command(&PROMOTE);
    let output =
        command.env("QUARTERDECK_SERVER", nobody).env("QUARTERDECK_TOKEN", "qd_x").output().expect("runs");
    let text = said(&output);
    assert!(output.status.code() == Some(1) && text.contains("http://127.0.0.1:1 does not answer"), "{text}");
}
