//! Freezes and holds with a real PostgreSQL: who may make them, what they stop, and what the record has of them.

use std::{collections::BTreeMap, time::Duration};

use engine::{
    audit::{self, AuditEvent, Denials, Ending},
    db::Db,
    fleet::{
        apps::AppRules,
        environment::{EnvironmentSetting, Environments},
        index::{Change, Index},
        matrix::{self, Books},
    },
    gates::{GateBook, Gates, HoldWatch, NewHold, place_in, release_of_change, watch_changes},
    metrics::Metrics,
};
use model::{
    Actor, AppError,
    actor::ActorKind,
    apps::{Cell, ListApps},
    gate::{CreateFreeze, GateKind, HoldFor, PlaceHold},
    plan::{AskPlan, AskPromotion, AskRollback, RowOutcome},
};

use crate::{
    plans::{House, answer, fetched, kustomization, overlay, promotion},
    support::{admin, as_owner, count, database_url},
};

const ARGO_CD: &str = "
p, role:managers, applications, *, */*, allow
p, role:devs, applications, get, */*, allow
g, managers, role:managers
g, devs, role:devs
";
const OWN: &str = "
p, role:managers, applications, *, */*/*, allow
p, role:devs, applications, get, dev/*/*, allow
p, role:devs, applications, get, staging/*/*, allow
p, role:managers, freezes, *, prod/shop/*, allow
p, role:managers, holds, *, */*/*, allow
p, role:devs, holds, create, staging/*/*, allow
";

fn person(group: &str) -> Actor {
    Actor {
        name: format!("{group}@example.test"),
        kind: ActorKind::Person,
        subject: format!("u-{group}"),
        groups: vec![group.into()],
        ..admin()
    }
}

async fn house() -> House {
    let mut house = House::new().await;
    let data = |text: &str| [("policy.csv".to_owned(), text.to_owned())].into_iter().collect();
    house.tell(Change::ArgoCdPolicy { plane: "lab".into(), data: data(ARGO_CD) });
    house.tell(Change::OwnPolicy { plane: "lab".into(), data: data(OWN) });
    house
}

/// For an hour from now on.
fn freeze(environment: &str, project: &str) -> CreateFreeze {
    let until = jiff::Timestamp::now() + Duration::from_secs(3600);
    CreateFreeze {
        environment: environment.into(),
        project: project.into(),
        reason: "quarter-end close".into(),
        until: until.strftime("%Y-%m-%dT%H:%M").to_string(),
        ..CreateFreeze::default()
    }
}

fn hold(app: &str, environment: &str) -> PlaceHold {
    PlaceHold {
        app: app.into(),
        environment: environment.into(),
        reason: "p99 latency".into(),
        lasts: HoldFor::TwoDays,
    }
}

/// What the record has of a verb: the object and how it ended, the oldest first.
async fn recorded(db: &Db, verb: &str) -> Vec<(String, Ending)> {
    let events: Vec<AuditEvent> = audit::list(db, 100).await.expect("reads the record");
    let of_verb = events.into_iter().rev().filter(|event| event.verb == verb);
    of_verb.filter_map(|event| Some((event.object, event.result?))).collect()
}

fn cell(house: &House, environment: usize) -> Cell {
    let (book, snapshot) = (house.gates.book(), house.planner.index.load());
    let books = Books { releases: &matrix::NoBook, gates: &book };
    let now = jiff::Timestamp::now().into();
    let mut drawn = matrix::matrix(
        &snapshot,
        house.planner.repositories.order(),
        books,
        &ListApps::default(),
        Vec::new(),
        now,
    );
    drawn.rows.remove(0).cells.remove(environment).expect("the app is there")
}

/// A change that is under way, of which nobody knows more.
async fn open_change(db: &Db, app_key: &str, environment: &str, plan: &str) -> i64 {
    let change: i64 = sqlx::query_scalar(
        "INSERT INTO changes (token, kind, state, title, plan_hash, ask, plan, touched, findings, source, environment,
             repository, revision, reader, base, actor, actor_name, reason, quorum, soak_seconds, hold_for)
         VALUES (gen_random_uuid(), 'promote', 'rolling_out', 'Promote web', $2, '{}', '{}', '{}', '[]', 'staging', $1,
             'r', 'main', '{}', 'b', '{}', 'ann', '', 0, 0, 'none') RETURNING id",
    )
    .bind(environment)
    .bind(plan)
    .fetch_one(db.pool())
    .await
    .expect("a change");
    sqlx::query(
        "INSERT INTO change_apps (change, position, app_key, base_path, name, slug, app, project, expected, key)
         VALUES ($1, 0, $2, 'apps/web', 'web', 'web', 'web', 'shop', '[]', $3)",
    )
    .bind(change)
    .bind(app_key)
    .bind(format!("key-{change}"))
    .execute(db.pool())
    .await
    .expect("an app of it");
    change
}

fn key_of(house: &House, slug: &str) -> String {
    house.planner.index.load().apps.find(slug).expect("is known").to_string()
}

#[tokio::test]
async fn a_freeze_is_made_by_those_who_have_the_right_and_by_nobody_else() {
    let house = house().await;
    let (manager, dev) = (person("managers"), person("devs"));
    let made = house.gates.create_freeze(&manager, &freeze("prod", "shop")).await.expect("is made");
    assert!(made.sentence.starts_with("prod is frozen for shop until "), "{}", made.sentence);
    let list = house.gates.list(&manager);
    assert_eq!(list.freezes.len(), 1);
    let drawn = &list.freezes[0];
    assert_eq!((drawn.by.as_str(), drawn.denied.as_deref()), ("managers@example.test", None));
    assert!(drawn.now.is_some() && list.freeze_denied.is_none());
    for (actor, request) in [(&manager, freeze("prod", "")), (&dev, freeze("prod", "shop"))] {
        let denied = house.gates.create_freeze(actor, &request).await.expect_err("is denied");
        assert!(matches!(answer(denied), AppError::Forbidden { .. }));
    }
    assert_eq!(
        house.gates.list(&dev).freeze_denied.as_deref(),
        Some("needs freezes/create"),
        "the form says so before"
    );
    assert_eq!(
        recorded(&house.db, "create_freeze").await,
        [
            ("freeze of prod for shop".to_owned(), Ending::Succeeded),
            ("freeze of prod".to_owned(), Ending::Denied),
            ("freeze of prod for shop".to_owned(), Ending::Denied),
        ]
    );
}

#[tokio::test]
async fn a_freeze_is_shown_to_those_whom_it_concerns_and_ended_by_those_who_may() {
    let house = house().await;
    let (manager, dev) = (person("managers"), person("devs"));
    house.gates.create_freeze(&manager, &freeze("prod", "shop")).await.expect("is made");
    house.gates.create_freeze(&admin(), &freeze("staging", "")).await.expect("is made");
    let of_dev = house.gates.list(&dev);
    let shown: Vec<_> = of_dev.freezes.iter().map(|it| it.environment.as_deref()).collect();
    assert_eq!(shown, [Some("staging")], "of prod they see nothing");
    assert_eq!(of_dev.freezes[0].denied.as_deref(), Some("needs freezes/delete"));
    let (prod, staging) = {
        let book = house.gates.book();
        let id = |name: &str| {
            book.freezes().iter().find(|it| it.environment.as_deref() == Some(name)).map(|it| it.id)
        };
        (id("prod").expect("is there"), id("staging").expect("is there"))
    };
    let hidden = house.gates.end_freeze(&dev, prod).await.expect_err("is hidden");
    assert!(matches!(answer(hidden), AppError::NotFound { .. }));
    let denied = house.gates.end_freeze(&dev, staging).await.expect_err("is denied");
    assert!(matches!(answer(denied), AppError::Forbidden { .. }));
    let ended = house.gates.end_freeze(&manager, prod).await.expect("is ended");
    assert_eq!(ended.sentence, "The freeze is ended: prod is frozen for shop no longer.");
    let again = house.gates.end_freeze(&manager, prod).await.expect_err("is over");
    assert!(matches!(answer(again), AppError::NotFound { .. }));
    assert_eq!(house.gates.list(&admin()).freezes.len(), 1);
    let endings: Vec<_> = recorded(&house.db, "end_freeze").await.into_iter().map(|it| it.1).collect();
    assert_eq!(endings, [Ending::Denied, Ending::Denied, Ending::Succeeded, Ending::Denied]);
}

#[tokio::test]
async fn a_freeze_that_makes_no_sense_is_refused_by_its_field_and_recorded() {
    let house = house().await;
    for (request, field) in [
        (CreateFreeze { reason: String::new(), ..freeze("prod", "") }, "reason"),
        (CreateFreeze { until: "2001-01-01T00:00".into(), ..freeze("prod", "") }, "until"),
        (CreateFreeze { schedule: "0 22 * * 5".into(), ..freeze("prod", "") }, "schedule"),
        (freeze("qa", ""), "environment"),
        (freeze("prod", "shpo"), "project"),
    ] {
        let refused = answer(house.gates.create_freeze(&admin(), &request).await.expect_err("is refused"));
        assert!(matches!(&refused, AppError::Invalid { field: named, .. } if named == field), "{refused:?}");
    }
    let endings: Vec<_> = recorded(&house.db, "create_freeze").await.into_iter().map(|it| it.1).collect();
    assert_eq!(endings, [Ending::Refused; 5]);
    assert_eq!(count(&house.db, "SELECT count(*) FROM freezes").await, 0);
}

#[tokio::test]
async fn a_repeating_freeze_is_kept_as_it_was_asked_for() {
    let house = house().await;
    let request = CreateFreeze {
        until: String::new(),
        schedule: "0 22 * * 5".into(),
        duration: "8h".into(),
        zone: "Europe/Berlin".into(),
        ..freeze("prod", "")
    };
    house.gates.create_freeze(&admin(), &request).await.expect("is made");
    let read = GateBook::read(&house.db, jiff::Timestamp::now().into()).await.expect("reads");
    let standing = read.freezes()[0].at(jiff::Timestamp::now().into());
    let span = standing.now.or(standing.next).expect("comes");
    assert_eq!(span.until.0 - span.from.0, 8 * 3_600_000);
    assert_eq!(read.freezes()[0].times.told(), house.gates.book().freezes()[0].times.told());
}

#[tokio::test]
async fn a_hold_is_placed_and_released_with_rights_and_the_record_has_each() {
    let house = house().await;
    let (manager, dev) = (person("managers"), person("devs"));
    let placed = house.gates.place_hold(&dev, &hold("web", "staging")).await.expect("is placed");
    assert!(placed.sentence.starts_with("web is held at 1.0.0 in staging until "), "{}", placed.sentence);
    let hidden = house.gates.place_hold(&dev, &hold("web", "prod")).await.expect_err("is hidden");
    assert!(matches!(answer(hidden), AppError::NotFound { .. }));
    let denied = house.gates.place_hold(&dev, &hold("web", "dev")).await.expect_err("is denied");
    assert!(matches!(answer(denied), AppError::Forbidden { .. }));
    let twice = answer(house.gates.place_hold(&manager, &hold("web", "staging")).await.expect_err("is held"));
    assert!(
        matches!(&twice, AppError::Conflict { why } if why.contains("release that hold first")),
        "{twice:?}"
    );
    for request in [
        PlaceHold { reason: " ".into(), ..hold("web", "prod") },
        PlaceHold { lasts: HoldFor::None, ..hold("web", "prod") },
    ] {
        let refused = answer(house.gates.place_hold(&manager, &request).await.expect_err("is refused"));
        assert!(matches!(refused, AppError::Invalid { .. }));
    }
    let list = house.gates.list(&dev);
    let drawn = &list.holds[0];
    assert_eq!((drawn.version.as_deref(), drawn.owner.as_str()), (Some("1.0.0"), "devs@example.test"));
    assert_eq!(drawn.denied.as_deref(), Some("needs holds/release"));
    let days = (drawn.expires_at.expect("ends").0 - drawn.placed_at.0) / 86_400_000;
    assert_eq!(days, 2);
    let denied = house.gates.release_hold(&dev, drawn.id).await.expect_err("is denied");
    assert!(matches!(answer(denied), AppError::Forbidden { .. }));
    house.gates.release_hold(&manager, drawn.id).await.expect("is released");
    assert!(house.gates.list(&dev).holds.is_empty());
    let again = house.gates.release_hold(&manager, drawn.id).await.expect_err("is over");
    assert!(matches!(answer(again), AppError::NotFound { .. }));
    let endings = |all: Vec<(String, Ending)>| all.into_iter().map(|it| it.1).collect::<Vec<_>>();
    assert_eq!(
        endings(recorded(&house.db, "place_hold").await),
        [
            Ending::Succeeded,
            Ending::Denied,
            Ending::Denied,
            Ending::Refused,
            Ending::Refused,
            Ending::Refused
        ]
    );
    assert_eq!(
        endings(recorded(&house.db, "release_hold").await),
        [Ending::Denied, Ending::Succeeded, Ending::Denied]
    );
    let of_app = "SELECT count(*) FROM audit_events WHERE verb = 'place_hold' AND control_plane = 'lab' \
                  AND environment = 'staging' AND app = 'web'";
    assert_eq!(count(&house.db, of_app).await, 4, "so that those who read the app's record read it");
}

#[tokio::test]
async fn a_hold_that_has_expired_holds_nothing_and_is_shown_to_nobody() {
    let house = house().await;
    house.gates.place_hold(&admin(), &hold("web", "prod")).await.expect("is placed");
    assert!(cell(&house, 2).held.is_some());
    as_owner(&house.db, "UPDATE holds SET expires_at = clock_timestamp()").await;
    house.gates.reload().await.expect("reads");
    assert_eq!(cell(&house, 2).held, None);
    assert!(house.gates.list(&admin()).holds.is_empty());
    house.gates.place_hold(&admin(), &hold("web", "prod")).await.expect("may be held again");
}

#[tokio::test]
async fn what_is_in_the_way_is_marked_before_the_click() {
    let house = house().await;
    let plain = cell(&house, 2);
    assert_eq!((plain.held, plain.frozen, plain.change), (None, None, None));
    house.gates.create_freeze(&admin(), &freeze("prod", "shop")).await.expect("is made");
    house.gates.place_hold(&admin(), &hold("web", "prod")).await.expect("is placed");
    let change = open_change(&house.db, &key_of(&house, "web"), "prod", "a-plan").await;
    house.gates.reload().await.expect("reads");
    let marked = cell(&house, 2);
    let (held, frozen) = (marked.held.expect("is held"), marked.frozen.expect("is frozen"));
    assert!(held.starts_with("held at 1.0.0 by admin until ") && held.ends_with(": p99 latency"), "{held}");
    assert!(
        frozen.starts_with("prod is frozen for shop until ")
            && frozen.ends_with(" UTC: quarter-end close (set by admin)"),
        "{frozen}"
    );
    assert_eq!(marked.change, Some(change.cast_unsigned()));
    let staging = cell(&house, 1);
    assert_eq!((staging.held, staging.frozen, staging.change), (None, None, None));
    let whole = house.planner.index.load();
    assert_eq!(house.gates.freezes_now(&whole, &admin()).len(), 1);
    assert_eq!(house.gates.count(&whole, &admin()), 2);
    let seen = whole.seen_by(&person("devs"));
    assert_eq!(house.gates.count(&seen, &person("devs")), 0, "of prod they see nothing");
    assert!(house.gates.freezes_now(&seen, &person("devs")).is_empty());
}

#[tokio::test]
async fn what_another_replica_writes_is_in_the_book_soon() {
    let url = database_url().await;
    let replica = async || {
        let db = Db::connect(&url).await.expect("connects");
        let environments = Environments::default();
        let (order, asked) = (environments.all(), environments.asked());
        let (index, indexer) = Index::new([], environments, AppRules::default(), Metrics::default());
        (Gates::new(db, index, Denials::default(), order, asked), indexer)
    };
    let (here, _indexer) = replica().await;
    let (there, _indexer_there) = replica().await;
    let watch = watch_changes(there.clone());
    let until = async |wanted: usize| {
        while there.book().freezes().len() != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let acts = async {
        here.create_freeze(&admin(), &freeze("prod", "")).await.expect("is made");
        until(1).await;
        let id = there.book().freezes()[0].id;
        here.end_freeze(&admin(), id).await.expect("is ended");
        until(0).await;
        // What was written before, and commits late, moved the sequence before it can be read.
        let mut late = here_db(&url).await;
        let mut tx = sqlx::Connection::begin(&mut late).await.expect("begins");
        let insert = "INSERT INTO freezes (reason, made_by, from_at, until_at, zone)
                      VALUES ('late', 'ann', now(), now() + interval '1 hour', 'UTC')";
        sqlx::query(insert).execute(&mut *tx).await.expect("inserts");
        here.create_freeze(&admin(), &freeze("prod", "")).await.expect("is made");
        until(1).await;
        tokio::time::sleep(Duration::from_millis(1200)).await;
        tx.commit().await.expect("commits");
        until(2).await;
    };
    tokio::select! {
        ended = watch => panic!("the watch ended: {ended:?}"),
        () = acts => {}
    }
}

async fn here_db(url: &str) -> sqlx::PgConnection {
    <sqlx::PgConnection as sqlx::Connection>::connect(url).await.expect("connects")
}

#[tokio::test]
async fn a_freeze_that_begins_has_pages_drawn_again() {
    let url = database_url().await;
    let db = Db::connect(&url).await.expect("connects");
    let environments = Environments::default();
    let (order, asked) = (environments.all(), environments.asked());
    let (index, mut indexer) = Index::new([], environments, AppRules::default(), Metrics::default());
    let gates = Gates::new(db.clone(), index.clone(), Denials::default(), order, asked);
    as_owner(
        &db,
        "INSERT INTO freezes (reason, made_by, from_at, until_at, zone)
         VALUES ('soon', 'ann', now() + interval '1 second', now() + interval '1 hour', 'UTC')",
    )
    .await;
    gates.reload().await.expect("reads");
    // Also where a whole second went by since: then it has begun, and turns when it ends.
    let begins = gates
        .book()
        .turns_at()
        .expect("turns")
        .min(model::Timestamp::from(jiff::Timestamp::now()).plus_seconds(60));
    let mut generations = index.generations();
    let (observations, _observed) = tokio::sync::mpsc::unbounded_channel();
    let drawn_again = async {
        loop {
            generations.changed().await.expect("goes on");
            if gates.book().turns_at().is_some_and(|at| at > begins) {
                return;
            }
        }
    };
    tokio::select! {
        ended = watch_changes(gates.clone()) => panic!("the watch ended: {ended:?}"),
        () = indexer.run(&observations, || jiff::Timestamp::now().into()) => panic!("the index ended"),
        () = drawn_again => {}
    }
    assert!(gates.book().freezes()[0].at(jiff::Timestamp::now().into()).now.is_some());
}

#[tokio::test]
async fn a_rollbacks_hold_leaves_a_persons_and_goes_with_its_change() {
    let house = house().await;
    house.gates.place_hold(&admin(), &hold("web", "prod")).await.expect("is placed");
    let key = key_of(&house, "web");
    let change = open_change(&house.db, &key, "prod", "a-plan").await;
    let mut tx = house.db.begin().await.expect("begins");
    let manager = person("managers");
    let new = NewHold {
        actor: &manager,
        app_key: &key,
        name: "web",
        slug: "web",
        app: "web",
        project: "shop",
        control_plane: "lab",
        environment: "prod",
        version: Some("1.4.0"),
        reason: "bad release",
        lasts: HoldFor::UntilReleased,
        change: Some(change),
        repository: "",
        revision: "",
        expected: &[],
    };
    place_in(&mut tx, new).await.expect("is placed");
    tx.commit().await.expect("commits");
    house.gates.reload().await.expect("reads");
    let of_rollback =
        house.gates.book().hold_of(&key, "prod", jiff::Timestamp::now().into()).expect("holds").clone();
    assert_eq!((of_rollback.reason.as_str(), of_rollback.expires_at), ("bad release", None), "the newest");
    assert_eq!(of_rollback.change, Some(change.cast_unsigned()));
    let mut tx = house.db.begin().await.expect("begins");
    release_of_change(&mut tx, change, "change 99").await.expect("is released");
    release_of_change(&mut tx, change, "change 99").await.expect("twice is once");
    tx.commit().await.expect("commits");
    house.gates.reload().await.expect("reads");
    let list = house.gates.list(&admin());
    assert_eq!(list.holds.len(), 1);
    assert_eq!(list.holds[0].change, None, "who may roll back may not release what a person holds");
    assert_eq!(recorded(&house.db, "place_hold").await.len(), 2);
    assert_eq!(recorded(&house.db, "release_hold").await.len(), 1);
}

#[tokio::test]
async fn a_held_app_is_left_out_of_its_own_plan_too_and_a_rollback_is_not() {
    let house = house().await;
    house.gates.place_hold(&admin(), &hold("web", "staging")).await.expect("is placed");
    let detail = house.promote(&["web"], "dev", "staging").await;
    let RowOutcome::Skipped { why } = &detail.plan.rows[0].outcome else { panic!("{:?}", detail.plan.rows) };
    assert!(why.starts_with("held at 1.0.0 by admin until ") && why.ends_with("p99 latency"), "{why}");
    assert!(detail.plan.files.is_empty());
    let good = house.head();
    house.commit(&[(&overlay("web", "staging"), &kustomization("staging", "1.5.9"))]);
    fetched(&house).await;
    let ask = AskPlan::Rollback(AskRollback {
        app: "web".into(),
        environment: "staging".into(),
        revision: good.to_string(),
        whole_path: false,
    });
    let rollback = house.planner.preview(&admin(), ask).await.expect("a plan");
    assert_eq!(rollback.plan.rows[0].outcome, RowOutcome::Moves);
    assert!(rollback.needs_reason && rollback.gates.iter().all(|gate| gate.passed), "{:?}", rollback.gates);
    let asked: Vec<_> = rollback.gates.iter().map(|gate| gate.kind).collect();
    assert_eq!(asked, [GateKind::Freeze, GateKind::Window, GateKind::Hold]);
}

async fn with_api() -> House {
    let mut house = house().await;
    house.commit(&[
        (&overlay("api", "dev"), &kustomization("dev", "2.1.0")),
        (&overlay("api", "staging"), &kustomization("staging", "2.0.0")),
        (&overlay("api", "prod"), &kustomization("prod", "2.0.0")),
    ]);
    house.all_run_the_head(&["web", "api"]);
    house
}

#[tokio::test]
async fn in_a_freeze_a_train_leaves_apps_out_and_one_app_may_be_asked_for_and_waits() {
    let house = with_api().await;
    house.gates.create_freeze(&admin(), &freeze("staging", "shop")).await.expect("is made");
    let train = house.promote(&["web", "api"], "dev", "staging").await;
    for row in &train.plan.rows {
        let RowOutcome::Skipped { why } = &row.outcome else { panic!("{row:?}") };
        assert!(why.starts_with("staging is frozen for shop until "), "{why}");
    }
    let single = house.promote(&["web"], "dev", "staging").await;
    assert_eq!(single.plan.rows[0].outcome, RowOutcome::Moves);
    let gate = single.gates.iter().find(|gate| gate.kind == GateKind::Freeze).expect("is asked");
    assert!(!gate.passed && gate.why.starts_with("staging is frozen for shop until "), "{gate:?}");
}

#[tokio::test]
async fn a_train_leaves_out_what_another_change_is_at_and_its_own_change_is_in_nobodys_way() {
    let house = with_api().await;
    let train = house.promote(&["web", "api"], "dev", "staging").await;
    assert!(train.plan.rows.iter().all(|row| row.outcome == RowOutcome::Moves), "{:?}", train.plan.rows);
    let change = open_change(&house.db, &key_of(&house, "web"), "staging", &train.plan.hash).await;
    house.gates.reload().await.expect("reads");
    let own = house.planner.find(&admin(), &train.plan.hash).await.expect("is kept");
    assert_eq!(own.standing, model::plan::Standing::Valid, "it carries the plan out");
    let again = house.promote(&["web", "api"], "dev", "staging").await;
    let of = |app: &str| again.plan.rows.iter().find(|row| row.app == app).map(|row| row.outcome.clone());
    assert_eq!(of("api"), Some(RowOutcome::Moves));
    let why = format!("change {change} is still in flight");
    assert_eq!(of("web"), Some(RowOutcome::Skipped { why }));
}

#[tokio::test]
async fn a_plan_tells_what_its_change_would_have_to_pass() {
    let setting = |name: &str| EnvironmentSetting { name: name.into(), ..EnvironmentSetting::default() };
    let asking = Environments::new(&[
        setting("dev"),
        EnvironmentSetting { soak: Duration::from_secs(1800), ..setting("staging") },
        EnvironmentSetting { approvals: 2, ..setting("prod") },
    ]);
    let house = House::asking(&asking.expect("good")).await;
    let detail = house.promote(&["web"], "staging", "prod").await;
    let gates: BTreeMap<_, _> =
        detail.gates.iter().map(|gate| (gate.kind, (gate.passed, gate.why.as_str()))).collect();
    assert_eq!(gates[&GateKind::Health], (true, "Healthy in staging: web"));
    let (_, why) = gates[&GateKind::Soak];
    assert!(why.starts_with("Healthy in staging for ") && why.ends_with(", 30 min asked"), "{why}");
    assert_eq!(gates[&GateKind::Freeze], (true, "none covers web in prod"));
    assert_eq!(gates[&GateKind::Window], (true, "no sync window of Argo CD is about it"));
    assert_eq!(gates[&GateKind::Hold], (true, "none on web in prod"));
    assert_eq!(gates[&GateKind::Approval], (false, "2 asked, 0 given"));
    assert_eq!(detail.typed_environment.as_deref(), Some("prod"));
    assert!(detail.needs_reason && detail.change.is_none());
    let easy = house.promote(&["web"], "dev", "staging").await;
    assert_eq!((easy.typed_environment.as_deref(), easy.needs_reason), (None, false));
    let AskPlan::Promote(ask) = promotion(&["web"], "dev", "staging") else { unreachable!() };
    let ask = AskPlan::Promote(AskPromotion { take_latest: vec!["web".into()], ..ask });
    assert!(house.planner.preview(&admin(), ask).await.expect("a plan").needs_reason);
}

/// A house whose repository was read in the background.
async fn read_house() -> House {
    let house = house().await;
    fetched(&house).await;
    let repositories = house.planner.repositories.clone();
    let row = house.planner.index.load().rows[0].clone();
    let is_read = async {
        while repositories.book().facts_of(&row).is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        ended = repositories.clone().keep_read() => panic!("reading ended: {ended:?}"),
        () = is_read => {}
    }
    house
}

const BROKEN: &str =
    "SELECT count(*) FROM audit_events WHERE verb = 'break_hold' AND observed AND outcome_of IS NULL";

#[tokio::test]
async fn an_outside_commit_that_goes_against_a_hold_is_told_once() {
    let house = read_house().await;
    house.gates.place_hold(&admin(), &hold("web", "prod")).await.expect("is placed");
    let watch = || HoldWatch::new(house.gates.clone(), house.planner.repositories.clone());
    let (mut here, mut there) = (watch(), watch());
    let mut look = async || {
        for watch in [&mut here, &mut there] {
            watch.look().await.expect("looks");
            house.gates.reload().await.expect("reads");
        }
    };
    look().await;
    assert!(!house.gates.book().holds()[0].expected.is_empty(), "what is there is what is held");
    house.commit(&[("README.md", "elsewhere"), (&overlay("web", "dev"), &kustomization("dev", "1.9.0"))]);
    fetched(&house).await;
    look().await;
    assert_eq!(house.gates.list(&admin()).holds[0].broken_by, None, "a commit elsewhere is none against it");
    let against = house.commit(&[(&overlay("web", "prod"), &kustomization("prod", "1.9.0"))]);
    house.commit(&[("README.md", "later")]);
    fetched(&house).await;
    look().await;
    look().await;
    let drawn = house.gates.list(&admin()).holds.remove(0);
    assert_eq!(drawn.broken_by.map(|it| it.id), Some(against.to_string()), "the commit that did it");
    assert_eq!(count(&house.db, BROKEN).await, 1, "whichever replica sees it first");
    let of_app = "SELECT count(*) FROM audit_events WHERE verb = 'break_hold' AND app = 'web' AND environment = 'prod'";
    assert_eq!(count(&house.db, of_app).await, 2);
}

#[tokio::test]
async fn a_commit_of_ours_is_none_from_outside() {
    let house = read_house().await;
    house.gates.place_hold(&admin(), &hold("web", "prod")).await.expect("is placed");
    let mut watch = HoldWatch::new(house.gates.clone(), house.planner.repositories.clone());
    watch.look().await.expect("looks");
    let ours = house.commit(&[(&overlay("web", "prod"), &kustomization("prod", "1.3.0"))]);
    open_change(&house.db, &key_of(&house, "web"), "prod", "a-plan").await;
    sqlx::query("UPDATE changes SET commit = $1")
        .bind(ours.to_string())
        .execute(house.db.pool())
        .await
        .expect("updates");
    fetched(&house).await;
    house.gates.reload().await.expect("reads");
    watch.look().await.expect("looks");
    house.gates.reload().await.expect("reads");
    assert_eq!(house.gates.book().holds()[0].broken_by, None);
    assert_eq!(count(&house.db, BROKEN).await, 0);
}

#[tokio::test]
async fn a_copy_of_a_commit_of_ours_is_one_from_outside() {
    let house = read_house().await;
    house.gates.place_hold(&admin(), &hold("web", "prod")).await.expect("is placed");
    let mut watch = HoldWatch::new(house.gates.clone(), house.planner.repositories.clone());
    watch.look().await.expect("looks");
    // A change of ours that was pushed long ago, and whose message somebody took for a cherry-pick.
    let old = house.head();
    open_change(&house.db, &key_of(&house, "web"), "prod", "a-plan").await;
    let token: uuid::Uuid = sqlx::query_scalar("UPDATE changes SET commit = $1 RETURNING token")
        .bind(old.to_string())
        .fetch_one(house.db.pool())
        .await
        .expect("updates");
    let message = format!("Promote web\n\nQuarterdeck-Token: {token}\n");
    let copied = house.commit_saying(&message, &[(&overlay("web", "prod"), &kustomization("prod", "1.3.0"))]);
    fetched(&house).await;
    house.gates.reload().await.expect("reads");
    watch.look().await.expect("looks");
    house.gates.reload().await.expect("reads");
    let broken_by = house.gates.book().holds()[0].broken_by.clone();
    assert_eq!(broken_by.map(|it| it.id), Some(copied.to_string()));
}

#[tokio::test]
async fn a_rollbacks_hold_is_watched_from_its_commit_on() {
    let house = read_house().await;
    house.gates.place_hold(&admin(), &hold("web", "prod")).await.expect("is placed");
    let mut watch = HoldWatch::new(house.gates.clone(), house.planner.repositories.clone());
    let mut look = async || {
        fetched(&house).await;
        house.gates.reload().await.expect("reads");
        watch.look().await.expect("looks");
        house.gates.reload().await.expect("reads");
        house.gates.book().holds().last().expect("the newest").clone()
    };
    let good = look().await;
    // A bad release comes, and is rolled back to what was there before.
    house.commit(&[(&overlay("web", "prod"), &kustomization("prod", "1.9.0"))]);
    let key = key_of(&house, "web");
    let change = open_change(&house.db, &key, "prod", "a-plan").await;
    let actor = admin();
    let mut tx = house.db.begin().await.expect("begins");
    let new = NewHold {
        actor: &actor,
        app_key: &key,
        name: "web",
        slug: "web",
        app: "web",
        project: "shop",
        control_plane: "lab",
        environment: "prod",
        version: None,
        reason: "bad release",
        lasts: HoldFor::OneDay,
        change: Some(change),
        repository: &good.repository,
        revision: &good.revision,
        expected: &good.expected,
    };
    place_in(&mut tx, new).await.expect("is placed");
    tx.commit().await.expect("commits");
    assert_eq!(look().await.broken_by, None, "the rollback is not written yet");
    let ours = house.commit(&[(&overlay("web", "prod"), &kustomization("prod", "1.4.0"))]);
    sqlx::query("UPDATE changes SET commit = $1")
        .bind(ours.to_string())
        .execute(house.db.pool())
        .await
        .expect("updates");
    assert_eq!(look().await.broken_by, None);
    let against = house.commit(&[(&overlay("web", "prod"), &kustomization("prod", "1.9.1"))]);
    assert_eq!(look().await.broken_by.map(|it| it.id), Some(against.to_string()));
}
