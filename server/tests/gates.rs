//! `quarterdeck hold` and `quarterdeck freeze`: what they ask a Quarterdeck for, and what they print.

use model::{
    Timestamp,
    gate::{Freeze, FreezeTimes, GateList, Hold, Span},
    operation::Outcome,
    plan::CommitRef,
    status::Environment,
};
use serde_json::{Value, json};

use crate::support::Scripted;

fn done(sentence: &str) -> Outcome {
    Outcome { audit_id: "1".into(), sentence: sentence.into() }
}

fn hour(hours: i64) -> Timestamp {
    Timestamp(0).plus_seconds(3600 * hours)
}

fn gates() -> GateList {
    let prod = Environment::Known { name: "prod".into(), rank: 2, protected: true, why: String::new() };
    let hold = Hold {
        id: 4,
        app: "checkout".into(),
        slug: "checkout".into(),
        project: "payments".into(),
        environment: prod,
        version: Some("3.8.2".into()),
        reason: "bad migration".into(),
        owner: "priya".into(),
        placed_at: hour(0),
        expires_at: Some(hour(48)),
        change: Some(6),
        broken_by: Some(CommitRef {
            id: "c".repeat(40),
            subject: "Set the tag\u{1b}[31m".into(),
            author: "erin".into(),
            at: hour(1),
        }),
        denied: None,
    };
    let now = Freeze {
        id: 1,
        environment: Some("prod".into()),
        project: Some("payments".into()),
        reason: "quarter-end close".into(),
        by: "dave".into(),
        made_at: hour(0),
        times: FreezeTimes::Once { from: hour(0), until: hour(8), zone: "UTC".into() },
        now: Some(Span { from: hour(0), until: hour(8) }),
        next: None,
        denied: None,
    };
    let weekly = Freeze {
        id: 2,
        environment: None,
        project: None,
        reason: "weekend".into(),
        times: FreezeTimes::Repeating {
            schedule: "0 22 * * 5".into(),
            seconds: 48 * 3600,
            zone: "Europe/Berlin".into(),
        },
        now: None,
        next: Some(Span { from: hour(20), until: hour(68) }),
        ..now.clone()
    };
    GateList {
        now: hour(0),
        freezes: vec![now, weekly],
        holds: vec![Hold { id: 5, expires_at: None, version: None, broken_by: None, ..hold.clone() }, hold],
        windows: Vec::new(),
        environments: Vec::new(),
        projects: Vec::new(),
        freeze_denied: None,
    }
}

/// Runs the program; returns its exit status and all that it said.
fn run(server: &Scripted, arguments: &[&str]) -> (Option<i32>, String) {
    let output = server.run(arguments);
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_hold_is_placed_released_and_listed() {
    let server = Scripted::new()
        .answers("POST /holds", done("checkout is held in prod."))
        .answers("POST /holds/4/release", done("The hold is released."))
        .answers("GET /gates", gates());
    let place = ["hold", "--app", "checkout", "--env", "prod", "--reason", "bad migration"];
    assert_eq!(run(&server, &place), (Some(0), "checkout is held in prod.\n".into()));
    let expected =
        json!({ "app": "checkout", "environment": "prod", "reason": "bad migration", "lasts": "two_days" });
    assert_eq!(server.body_of("POST /holds"), expected);
    assert_eq!(run(&server, &["hold", "--release", "4"]), (Some(0), "The hold is released.\n".into()));
    let listed = "5  checkout in prod, until released: bad migration (priya)\n\
                  4  checkout in prod at 3.8.2, until 1970-01-03T00:00:00Z: bad migration (priya)\n    \
                  goes against it: cccccccccc erin: Set the tag\\u{1b}[31m\n";
    assert_eq!(run(&server, &["hold", "--list"]), (Some(0), listed.into()));
    let (status, text) = run(&server, &["hold", "--list", "-o", "json"]);
    let listed: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((status, &listed[0]["id"]), (Some(0), &json!(5)));
}

#[test]
fn a_freeze_is_made_ended_and_listed() {
    let server = Scripted::new()
        .answers("POST /freezes", done("prod is frozen."))
        .answers("DELETE /freezes/1", done("The freeze has ended."))
        .answers("GET /gates", gates());
    let once = [
        "freeze",
        "--env",
        "prod",
        "--project",
        "payments",
        "--reason",
        "close",
        "--until",
        "2026-12-04T08:00",
    ];
    let once = [&once[..], &["--zone", "Europe/Berlin"]].concat();
    assert_eq!(run(&server, &once), (Some(0), "prod is frozen.\n".into()));
    let expected = json!({
        "environment": "prod", "project": "payments", "reason": "close", "from": "", "until": "2026-12-04T08:00",
        "schedule": "", "duration": "", "zone": "Europe/Berlin",
    });
    assert_eq!(server.body_of("POST /freezes"), expected);
    assert_eq!(run(&server, &["freeze", "--end", "1"]), (Some(0), "The freeze has ended.\n".into()));
    let listed = "1  prod for payments, frozen until 1970-01-01T08:00:00Z: quarter-end close (dave)\n\
                  2  all environments, from 1970-01-01T20:00:00Z until 1970-01-03T20:00:00Z, again at \"0 22 * * 5\" \
                  Europe/Berlin for 2 d: weekend (dave)\n";
    assert_eq!(run(&server, &["freeze", "--list"]), (Some(0), listed.into()));
}

#[test]
fn a_repeating_freeze_of_everything_is_said_to_be_one() {
    let server = Scripted::new().answers("POST /freezes", done("All environments are frozen."));
    let weekly = [
        "freeze",
        "--all-environments",
        "--reason",
        "weekend",
        "--schedule",
        "0 22 * * 5",
        "--duration",
        "48h",
    ];
    assert_eq!(run(&server, &weekly).0, Some(0));
    let asked = server.body_of("POST /freezes");
    assert_eq!(
        (&asked["environment"], &asked["schedule"], &asked["duration"]),
        (&json!(""), &json!("0 22 * * 5"), &json!("48h"))
    );
}

#[test]
fn flags_that_do_not_go_together_are_refused_before_anything_is_asked() {
    let server = Scripted::new();
    let wrong = [
        &["hold"][..],
        &["hold", "--app", "checkout", "--env", "prod"],
        &["hold", "--app", "checkout", "--reason", "why"],
        &["hold", "--app", "checkout", "--env", "prod", "--reason", "why", "--for", "none"],
        &["hold", "--list", "--release", "4"],
        &["freeze"],
        &["freeze", "--reason", "why", "--until", "2026-12-04T08:00"],
        &["freeze", "--env", "prod", "--until", "2026-12-04T08:00"],
        &["freeze", "--env", "prod", "--reason", "why"],
        &["freeze", "--env", "prod", "--reason", "why", "--schedule", "0 22 * * 5"],
        &[
            "freeze",
            "--env",
            "prod",
            "--reason",
            "why",
            "--until",
            "x",
            "--schedule",
            "0 22 * * 5",
            "--duration",
            "8h",
        ],
        &["freeze", "--env", "prod", "--all-environments", "--reason", "why", "--until", "x"],
        &["freeze", "--list", "--end", "1"],
    ];
    for arguments in wrong {
        assert_eq!(
            run(&server, arguments).0,
            Some(1),
            "{arguments:?}: 2 would mean that there is nothing to do"
        );
    }
    assert!(server.questions().is_empty(), "{:?}", server.questions());
}

#[test]
fn nothing_there_is_told_and_a_refusal_in_the_servers_words() {
    let none = GateList { freezes: Vec::new(), holds: Vec::new(), ..gates() };
    let server = Scripted::new().answers("GET /gates", none).refuses(
        "DELETE /freezes/9",
        404,
        "Freeze 9 was not found. It may have been deleted.",
    );
    assert_eq!(run(&server, &["hold", "--list"]), (Some(0), "No holds.\n".into()));
    assert_eq!(run(&server, &["freeze", "--list"]), (Some(0), "No freezes.\n".into()));
    let (status, text) = run(&server, &["freeze", "--end", "9"]);
    assert!(status == Some(1) && text.contains("Freeze 9 was not found."), "{text}");
}
