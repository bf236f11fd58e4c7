//! Times the rights: one check at 5,000 lines of policy, and what a person may see of 10,000 Applications.
//!
//! `cargo run --release -p engine --example rights_scale`; the figures stand in docs/performance.md.

use std::{
    collections::BTreeMap,
    hint::black_box,
    io::Write as _,
    time::{Duration, Instant},
};

use engine::{
    access::{Object, Verb},
    fleet::{
        apps::AppRules,
        environment::Environments,
        index::{Change, Index, Plane},
    },
    metrics::Metrics,
};
use model::{Actor, Timestamp, actor::ActorKind, application::ApplicationId, status::Freshness};
use serde_json::json;

const PROJECTS: usize = 1250;
const APPLICATIONS: usize = 10_000;
const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plane = Plane {
        freshness: Freshness::Live,
        namespace: "argocd".into(),
        server: "https://mgmt".into(),
        listed: true,
    };
    let (index, mut indexer) = Index::new(
        [("lab".to_owned(), plane)],
        Environments::default(),
        AppRules::default(),
        Metrics::default(),
    );
    let now = Timestamp(1_800_000_000_000);
    let applications = (0..APPLICATIONS).map(application).collect::<Result<Vec<_>, _>>()?;
    indexer.apply(applications, now);
    let began = Instant::now();
    indexer.apply([policy(""), own()], now);
    say("reading 5,000 lines", began.elapsed());

    let person = person();
    let began = Instant::now();
    let seen = index.load().seen_by(&person).rows.len();
    say(
        &format!("what a person may see, {seen} of {APPLICATIONS}, after a change of policy"),
        began.elapsed(),
    );
    let rounds = 100;
    let began = Instant::now();
    for _ in 0..rounds {
        black_box(index.load().seen_by(&person));
    }
    say("the same, warm", began.elapsed() / rounds);

    let snapshot = index.load();
    let id = ApplicationId { control_plane: "lab".into(), namespace: "argocd".into(), name: "app-77".into() };
    let (project, environment, app) = ("project-77", Some("dev"), "app-77");
    let object = Object::Application { id: &id, project, environment, app, home: "argocd" };
    let rounds = 100_000;
    let began = Instant::now();
    for _ in 0..rounds {
        black_box(snapshot.rights.allows(&person, Verb::Sync, &object));
    }
    say("one check, both policies", began.elapsed() / rounds);
    Ok(())
}

fn application(number: usize) -> Result<Change, serde_json::Error> {
    let environment = ENVIRONMENTS[number % ENVIRONMENTS.len()];
    let object = json!({
        "metadata": {"name": format!("app-{number}"), "namespace": "argocd", "uid": format!("uid-{number}"), "resourceVersion": "1"},
        "spec": {
            "project": format!("project-{}", number % PROJECTS),
            "source": {"repoURL": "https://git.test/fleet", "path": format!("apps/app-{number}/overlays/{environment}")},
            "destination": {"name": environment, "namespace": "web"}
        }
    });
    let application = Box::new(serde_json::from_value(object)?);
    Ok(Change::Application { plane: "lab".into(), application })
}

/// Four lines for each project: who reads, who syncs, one pattern, one deny.
fn policy(more: &str) -> Change {
    let mut text = String::from(more);
    for number in 0..PROJECTS {
        text += &format!(
            "p, role:all, applications, get, project-{number}/*, allow\np, role:all, applications, sync, project-{number}/app-*, allow\n\
             p, role:all, applications, *, project-{number}/secret-*, deny\ng, team-{number}, role:all\n"
        );
    }
    Change::ArgoCdPolicy { plane: "lab".into(), data: BTreeMap::from([("policy.csv".to_owned(), text)]) }
}

fn own() -> Change {
    let text = "p, role:all, applications, *, dev/*/*, allow\np, role:all, applications, get, */*/*, allow\n";
    Change::OwnPolicy {
        plane: "lab".into(),
        data: BTreeMap::from([("policy.csv".to_owned(), text.to_owned())]),
    }
}

fn person() -> Actor {
    Actor {
        name: "ann@example.test".into(),
        subject: "u-ann".into(),
        kind: ActorKind::Person,
        groups: vec!["team-7".into(), "team-700".into()],
        session: None,
        scopes: Vec::new(),
        request_id: "r".into(),
        address: None,
    }
}

fn say(what: &str, took: Duration) {
    // The output is the result; a closed pipe is nobody's loss.
    let _ = writeln!(std::io::stdout(), "{what}: {took:?}");
}
