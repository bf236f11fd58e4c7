//! The history: each operation once, each change once, whoever reports them and how often.

use std::sync::LazyLock;

use engine::{
    audit,
    db::Db,
    history::{
        self, Observation, ObservedOperation, PastDeploy, Retention, latest_operations, of_application,
        record,
    },
};
use model::{
    Timestamp,
    application::ApplicationId,
    history::{HistoryEntry, HistoryEvent},
    status::{Health, Phase, Sync},
};

use crate::support::{as_owner, count, database};

/// An hour of this month at most one before this one, for as long as the tests run.
static BEGIN: LazyLock<Timestamp> = LazyLock::new(|| {
    let now = Timestamp::from(jiff::Timestamp::now());
    Timestamp(now.0 / 3_600_000 * 3_600_000 - 3_600_000)
});

/// A moment so many seconds after the begin as the tests know it.
fn at(seconds: i64) -> Timestamp {
    BEGIN.plus_seconds(seconds)
}

fn id() -> ApplicationId {
    ApplicationId { control_plane: "lab".into(), namespace: "argocd".into(), name: "web-app-prod".into() }
}

fn seen(seconds: i64, health: Health, sync: Sync) -> Observation {
    Observation {
        id: id(),
        uid: "uid-1".into(),
        app: "web-app".into(),
        environment: Some("prod".into()),
        at: at(seconds),
        version: seconds,
        health,
        sync,
        operation: None,
        past: Vec::new(),
    }
}

fn syncing(seconds: i64, begin: i64, phase: Phase) -> Observation {
    let operation = ObservedOperation {
        started_at: at(begin),
        finished_at: phase.is_over().then(|| at(seconds)),
        phase,
        message: phase.word().to_lowercase(),
        revision: Some("abc".into()),
        started_by: Some("admin".into()),
        automated: false,
        audit_id: Some("not an id of ours".into()),
    };
    Observation { operation: Some(operation), ..seen(seconds, Health::Healthy, Sync::Synced) }
}

fn deploy(begin: i64) -> PastDeploy {
    PastDeploy {
        revision: "def".into(),
        deploy_started_at: at(begin),
        deployed_at: at(begin + 5),
        started_by: None,
        automated: true,
    }
}

async fn entries(db: &Db) -> Vec<HistoryEntry> {
    of_application(db, &id(), 100).await.expect("reads")
}

/// Returns the phases of all operations with their ends, newest first.
async fn operations(db: &Db) -> Vec<(Phase, Option<Timestamp>, bool)> {
    let phase = |entry: HistoryEntry| match entry.what {
        HistoryEvent::Operation { phase, finished_at, .. } => Some((phase, finished_at, entry.backfilled)),
        _ => None,
    };
    entries(db).await.into_iter().filter_map(phase).collect()
}

#[tokio::test]
async fn an_operation_is_one_row_from_begin_to_end() {
    let db = database().await;
    for observation in [
        syncing(10, 10, Phase::Running),
        syncing(11, 10, Phase::Running),
        syncing(20, 10, Phase::Succeeded),
        syncing(20, 10, Phase::Succeeded),
        syncing(12, 10, Phase::Running),
    ] {
        record(&db, &[observation]).await.expect("records");
    }
    assert_eq!(
        operations(&db).await,
        [(Phase::Succeeded, Some(at(20)), false)],
        "an end is never taken back"
    );
    let HistoryEvent::Operation { revision, started_by, message, .. } = &entries(&db).await[0].what else {
        panic!("is an operation")
    };
    assert_eq!(
        (revision.as_deref(), started_by.as_deref(), message.as_str()),
        (Some("abc"), Some("admin"), "succeeded")
    );
    assert_eq!(latest_operations(&db, 10, |_| true).await.expect("reads"), entries(&db).await);
}

#[tokio::test]
async fn an_end_may_come_first_and_in_the_same_batch() {
    let db = database().await;
    let batch =
        [syncing(20, 10, Phase::Failed), syncing(12, 10, Phase::Running), syncing(30, 25, Phase::Running)];
    record(&db, &batch).await.expect("records");
    assert_eq!(operations(&db).await, [(Phase::Running, None, false), (Phase::Failed, Some(at(20)), false)]);
}

#[tokio::test]
async fn waiting_for_a_retry_is_no_end() {
    let db = database().await;
    let mut waiting = syncing(15, 10, Phase::Running);
    waiting.operation.as_mut().expect("has one").finished_at = Some(at(15));
    record(&db, &[waiting]).await.expect("records");
    assert_eq!(operations(&db).await, [(Phase::Running, None, false)]);
    record(&db, &[syncing(40, 10, Phase::Succeeded)]).await.expect("records");
    assert_eq!(operations(&db).await, [(Phase::Succeeded, Some(at(40)), false)]);
}

#[tokio::test]
async fn an_unseen_end_is_presumed_until_it_is_known() {
    let db = database().await;
    record(&db, &[syncing(10, 10, Phase::Running)]).await.expect("records");
    record(&db, &[syncing(50, 50, Phase::Running)]).await.expect("records");
    assert_eq!(operations(&db).await, [(Phase::Running, None, false), (Phase::Error, Some(at(50)), false)]);
    record(&db, &[syncing(12, 10, Phase::Running)]).await.expect("records");
    assert_eq!(
        operations(&db).await[1],
        (Phase::Error, Some(at(50)), false),
        "a late sight of it running is none"
    );

    let known = Observation { past: vec![deploy(10)], ..syncing(51, 50, Phase::Running) };
    record(&db, &[known]).await.expect("records");
    assert_eq!(operations(&db).await[1].0, Phase::Succeeded, "the list of deploys knows better");
}

#[tokio::test]
async fn what_happened_while_we_were_away_is_filled_in_once() {
    let db = database().await;
    let first = Observation { past: vec![deploy(1), deploy(10)], ..syncing(20, 10, Phase::Succeeded) };
    for _ in 0..2 {
        record(&db, std::slice::from_ref(&first)).await.expect("records");
    }
    let known = [(Phase::Succeeded, Some(at(20)), false), (Phase::Succeeded, Some(at(6)), true)];
    assert_eq!(operations(&db).await, known, "what the object itself shows is no backfill");
    let later =
        Observation { past: vec![deploy(1), deploy(10), deploy(30)], ..syncing(50, 40, Phase::Running) };
    record(&db, &[later]).await.expect("records");
    assert_eq!(operations(&db).await.len(), 4);
}

#[tokio::test]
async fn a_change_is_one_row_whatever_is_repeated() {
    let db = database().await;
    let healthy = seen(1, Health::Healthy, Sync::Synced);
    let degraded = seen(2, Health::Degraded, Sync::OutOfSync);
    // Another replica, whose watch lags behind, sees the old object later.
    let lagging = Observation { at: at(3), ..healthy.clone() };
    for observation in [&healthy, &healthy, &degraded, &degraded, &lagging] {
        record(&db, std::slice::from_ref(observation)).await.expect("records");
    }
    let changes: Vec<_> = entries(&db).await.into_iter().map(|entry| entry.what).collect();
    assert_eq!(
        changes.len(),
        2,
        "the first sight is no change, and an older version than the last one neither"
    );
    assert!(
        changes.contains(&HistoryEvent::HealthChanged { from: Some(Health::Healthy), to: Health::Degraded })
    );
    assert!(changes.contains(&HistoryEvent::SyncChanged { from: Some(Sync::Synced), to: Sync::OutOfSync }));

    // A control plane that was restored from a backup begins again with older versions.
    let restored = Observation { at: at(3000), ..healthy.clone() };
    record(&db, &[restored]).await.expect("records");
    assert_eq!(entries(&db).await.len(), 4);

    // A restart: the last state is in the database.
    record(&db, &[seen(3009, Health::Missing, Sync::Synced)]).await.expect("records");
    assert_eq!(
        entries(&db).await[0].what,
        HistoryEvent::HealthChanged { from: Some(Health::Healthy), to: Health::Missing }
    );
}

#[tokio::test]
async fn every_change_within_a_batch_counts() {
    let db = database().await;
    let batch = [Health::Healthy, Health::Degraded, Health::Progressing, Health::Healthy]
        .into_iter()
        .zip(1..)
        .map(|(health, second)| seen(second, health, Sync::Synced));
    record(&db, &batch.collect::<Vec<_>>()).await.expect("records");
    assert_eq!(count(&db, "SELECT count(*) FROM transitions").await, 3);
}

#[tokio::test]
async fn several_writers_make_one_history() {
    let db = database().await;
    let fleet = |second: i64, health: Health, phase: Phase| -> Vec<Observation> {
        let one = |number: usize| Observation {
            uid: format!("uid-{number}"),
            health,
            ..syncing(second, 10, phase)
        };
        (0..1200).map(one).collect()
    };
    let (before, mut after) =
        (fleet(11, Health::Progressing, Phase::Running), fleet(20, Health::Healthy, Phase::Succeeded));
    let (one, other) = tokio::join!(record(&db, &before), record(&db, &before));
    one.and(other).expect("both record");
    let forwards = after.clone();
    after.reverse();
    let (one, other) = tokio::join!(record(&db, &forwards), record(&db, &after));
    one.and(other).expect("both record, in whatever order");
    assert_eq!(count(&db, "SELECT count(*) FROM operations WHERE phase = 'Succeeded'").await, 1200);
    assert_eq!(count(&db, "SELECT count(*) FROM operations").await, 1200);
    assert_eq!(count(&db, "SELECT count(*) FROM transitions").await, 1200);
}

#[tokio::test]
async fn months_are_made_and_dropped_and_nothing_else_is_lost() {
    let db = database().await;
    let old = Observation {
        past: vec![deploy(-86_400 * 500), deploy(-86_400 * 40)],
        ..syncing(20, 10, Phase::Succeeded)
    };
    record(&db, &[old]).await.expect("records");
    as_owner(
        &db,
        "CREATE TABLE transitions_2020_01 PARTITION OF transitions FOR VALUES FROM ('2020-01-01Z') TO ('2020-02-01Z');
         INSERT INTO transitions VALUES ('2020-01-05Z', 'u', 'lab', 'argocd', 'old', 'sync', 'Synced', 'Unknown')",
    )
    .await;
    for _ in 0..2 {
        history::prune(&db, &Retention::default()).await.expect("prunes");
    }
    assert_eq!(operations(&db).await.len(), 2, "what is older than 400 days is gone");
    assert_eq!(count(&db, "SELECT count(*) FROM transitions").await, 0);
    let months = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'operations'::regclass";
    assert_eq!(count(&db, months).await, 4, "the default one, this month and two more");
    let left = "SELECT count(*) FROM operations WHERE tableoid = 'operations_default'::regclass
         AND started_at >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'";
    assert_eq!(count(&db, left).await, 0, "what the default one held of this month moved over");
    record(&db, &[syncing(20, 10, Phase::Succeeded)]).await.expect("still once");
    assert_eq!(operations(&db).await.len(), 2);
}

#[tokio::test]
async fn what_others_sync_is_on_record_once_and_as_seen() {
    let db = database().await;
    let began = jiff::Timestamp::now().as_second() - 60;
    let at = |seconds: i64| Timestamp((began + seconds) * 1000);
    let operation = |phase: Phase, audit_id: Option<String>| ObservedOperation {
        started_at: at(0),
        finished_at: phase.is_over().then(|| at(20)),
        phase,
        message: "one resource failed".into(),
        revision: Some("abc".into()),
        started_by: Some("erin".into()),
        automated: false,
        audit_id,
    };
    let seen = |uid: &str, operation| Observation {
        uid: uid.into(),
        operation: Some(operation),
        ..seen(30, Health::Healthy, Sync::Synced)
    };
    let ours = Some("01a20cf9-1df2-7105-9a6e-5cfd273706f2".to_owned());
    let running = [seen("uid-1", operation(Phase::Running, None))];
    record(&db, &running).await.expect("records");
    assert_eq!(count(&db, "SELECT count(*) FROM audit_events").await, 0, "it is told when it is over");
    let over =
        [seen("uid-1", operation(Phase::Failed, None)), seen("uid-2", operation(Phase::Succeeded, ours))];
    for _ in 0..2 {
        record(&db, &over).await.expect("records");
    }
    let events = audit::list(&db, 10).await.expect("reads");
    assert_eq!(events.len(), 2, "{events:?}");
    let [outcome, intent] = &events[..] else { panic!("intent and outcome") };
    let (outcome, intent) = if intent.result.is_none() { (outcome, intent) } else { (intent, outcome) };
    assert_eq!((intent.actor.name.as_str(), intent.verb.as_str()), ("erin", "sync"));
    assert_eq!((intent.environment.as_deref(), outcome.outcome_of), (Some("prod"), Some(intent.id)));
    assert_eq!(
        (outcome.result, outcome.reason.as_str()),
        (Some(audit::Ending::Failed), "one resource failed")
    );
    assert_eq!(count(&db, "SELECT count(*) FROM audit_events WHERE observed").await, 2);
    assert!(audit::unfinished(&db).await.expect("reads").is_empty(), "nobody follows it");
}
