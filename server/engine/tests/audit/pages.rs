//! Pages of acts: filtered, stable while the record grows, and for those who may read it.

use engine::{
    audit::{self, Context, Extent, Outcome, RecordReader, verify::LastVerification},
    db::Db,
};
use model::{
    Actor, AppError,
    actor::ActorKind,
    record::{EventList, EventOutcome, ListEvents},
};
use serde_json::json;

use super::{Intent, acts, seal_all, sync};
use crate::support::{admin, database};

async fn list(db: &Db, query: &ListEvents) -> EventList {
    let reader = RecordReader::new(db.clone(), LastVerification::default());
    reader.list(&admin(), &Extent::All, query).await.expect("lists")
}

fn objects(list: &EventList) -> Vec<&str> {
    list.events.iter().map(|event| event.object.trim_start_matches("application lab/argocd/")).collect()
}

#[tokio::test]
async fn pages_stay_where_they_are_while_the_record_grows() {
    let db = database().await;
    acts(&db, 25).await;
    let query = ListEvents { per_page: 10, ..Default::default() };
    let first = list(&db, &query).await;
    assert_eq!(first.events.len(), 10, "an act that ended is one row");
    assert_eq!((objects(&first)[0], &first.previous_cursor), ("app-24", &None));
    assert_eq!(first.events[0].outcome, EventOutcome::Refused);

    acts(&db, 3).await;
    let at =
        |cursor: &Option<String>| ListEvents { cursor: cursor.clone().expect("a page"), ..query.clone() };
    let second = list(&db, &at(&first.next_cursor)).await;
    let third = list(&db, &at(&second.next_cursor)).await;
    assert_eq!((objects(&second)[0], objects(&third)[0]), ("app-14", "app-4"));
    assert_eq!((third.events.len(), &third.next_cursor), (5, &None));
    let back = list(&db, &at(&third.previous_cursor)).await;
    assert_eq!(back.events, second.events);
    let back = list(&db, &at(&back.previous_cursor)).await;
    assert_eq!(back.events, first.events, "what came since is on the page before");
    let newest = list(&db, &at(&back.previous_cursor)).await;
    assert_eq!((newest.events.len(), &newest.previous_cursor), (10, &None));
    assert_eq!(objects(&newest)[..2], ["app-2", "app-1"]);
}

#[tokio::test]
async fn every_filter_takes_what_it_names() {
    let db = database().await;
    acts(&db, 2).await;
    let alice = Actor { name: "alice".into(), kind: ActorKind::Person, ..admin() };
    let context = Context { app: Some("web-app".into()), ..Context::default() };
    let intent = Intent { verb: "approve", environment: Some("staging".into()), ..sync() };
    audit::refuse(&db, &alice, intent.within(context), Outcome::denied("no")).await.expect("writes");
    let any = ListEvents::default;
    for (query, found) in [
        (any(), 3),
        (ListEvents { who: "alice".into(), ..any() }, 1),
        (ListEvents { verb: "approve".into(), ..any() }, 1),
        (ListEvents { app: "web-app".into(), ..any() }, 1),
        (ListEvents { environment: "prod".into(), ..any() }, 2),
        (ListEvents { outcome: "denied".into(), ..any() }, 1),
        (ListEvents { outcome: "requested".into(), ..any() }, 3),
        (ListEvents { outcome: "bogus".into(), ..any() }, 0),
        (ListEvents { object: "application lab/argocd/app-1".into(), ..any() }, 1),
        (ListEvents { who: "alice".into(), environment: "prod".into(), ..any() }, 0),
        (ListEvents { from: Some(model::Timestamp(0)), ..any() }, 3),
        (ListEvents { to: Some(model::Timestamp(0)), ..any() }, 0),
    ] {
        assert_eq!(list(&db, &query).await.events.len(), found, "{query:?}");
    }
    let reader = RecordReader::new(db, LastVerification::default());
    let bad = reader.list(&admin(), &Extent::All, &ListEvents { cursor: "x".into(), ..any() }).await;
    assert!(matches!(bad, Err(AppError::Invalid { .. })));
}

#[tokio::test]
async fn an_act_is_found_by_its_intent_and_by_its_outcome() {
    let db = database().await;
    let details = json!({"before": {"replicas": 2}, "after": {"replicas": 3}});
    let id = audit::begin(&db, &admin(), Intent { details, ..sync() }).await.expect("begins");
    audit::finish(&db, id, &admin(), Outcome::succeeded()).await.expect("finishes");
    seal_all(&db).await;
    let listed = list(&db, &ListEvents::default()).await;
    assert_eq!((listed.chain.sealed, listed.chain.unsealed), (2, 0));
    let reader = RecordReader::new(db, LastVerification::default());
    let by_outcome = reader.get(&admin(), &Extent::All, &listed.events[0].id).await.expect("is there");
    let by_intent = reader.get(&admin(), &Extent::All, &id.to_string()).await.expect("is there");
    assert_eq!(by_outcome.intent, by_intent.intent);
    assert_eq!(by_intent.outcome.as_ref().map(|it| it.outcome), Some(EventOutcome::Succeeded));
    let change = &by_intent.differences[0];
    assert_eq!(
        (change.path.as_str(), change.before.as_deref(), change.after.as_deref()),
        ("replicas", Some("2"), Some("3"))
    );
    assert_eq!(by_intent.seals.iter().map(|seal| seal.seq).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(by_intent.seals[1].before.as_ref(), Some(&by_intent.seals[0].hash));
    assert!(matches!(reader.get(&admin(), &Extent::All, "x").await, Err(AppError::NotFound { .. })));
}

#[tokio::test]
async fn who_may_read_a_part_of_the_record_reads_nothing_else() {
    let db = database().await;
    acts(&db, 3).await;
    let of = |environment: &str| audit::Entry {
        intent: Intent { environment: Some(environment.into()), ..sync() },
        context: Context { control_plane: Some("lab".into()), app: Some("web".into()), ..Context::default() },
    };
    for environment in ["dev", "prod"] {
        audit::refuse(&db, &admin(), of(environment), Outcome::succeeded()).await.expect("records");
    }
    seal_all(&db).await;
    let reader = RecordReader::new(db.clone(), LastVerification::default());
    let dev = Extent::Of([("lab".into(), "dev".into(), "web".into())].into());
    let all = reader.list(&admin(), &Extent::All, &ListEvents::default()).await.expect("lists");
    let seen = reader.list(&admin(), &dev, &ListEvents::default()).await.expect("lists");
    assert_eq!((all.events.len(), seen.events.len()), (5, 1));
    assert_eq!(seen.events[0].environment.as_deref(), Some("dev"));
    let prod =
        all.events.iter().find(|event| event.environment.as_deref() == Some("prod")).expect("is there");
    assert!(matches!(reader.get(&admin(), &dev, &prod.id).await, Err(AppError::NotFound { .. })));
    assert!(reader.get(&admin(), &dev, &seen.events[0].id).await.is_ok());
    let exported = reader.export(&admin(), &dev, &ListEvents::default(), 0).await.expect("exports");
    assert!(exported.events.iter().all(|it| it.event.environment.as_deref() == Some("dev")), "{exported:?}");
    assert_eq!(exported.events.len(), 2, "intent and outcome");
}
