//! Changes of policy come to the record, whoever made them, and each once.

use std::collections::BTreeMap;

use engine::{
    audit::{self, watch_policies},
    db::Db,
    fleet::{
        apps::AppRules,
        environment::Environments,
        index::{Change, Index},
    },
    metrics::Metrics,
};
use model::Timestamp;

use crate::support::{count, database};

const CHANGES: &str = "SELECT count(*) FROM audit_events WHERE verb = 'change_policy' AND outcome_of IS NULL";

/// Watches the policies in two replicas while the policy becomes each of these texts, until the record has so many
/// changes.
async fn see(db: &Db, texts: &[&str], changes: i64) {
    let environments = Environments::default();
    let (index, mut indexer) = Index::new([], environments, AppRules::default(), Metrics::default());
    let replicas = async {
        let one = watch_policies(db.clone(), index.clone());
        let other = watch_policies(db.clone(), index.clone());
        tokio::select! {
            ended = one => ended.expect("goes on"),
            ended = other => ended.expect("goes on"),
        }
    };
    let acts = async {
        for text in texts {
            let data = BTreeMap::from([("policy.csv".to_owned(), (*text).to_owned())]);
            indexer.apply([Change::ArgoCdPolicy { plane: "lab".into(), data }], Timestamp(1));
            let known = "SELECT count(*) FROM observed_policies WHERE data ->> 'policy.csv' = $1";
            let known = || sqlx::query_scalar::<_, i64>(known).bind(text).fetch_one(db.pool());
            while known().await.expect("counts") == 0 {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::select! {
        () = replicas => panic!("the watch ended"),
        () = acts => {}
    }
    assert_eq!(count(db, CHANGES).await, changes);
}

#[tokio::test]
async fn a_change_of_policy_is_on_record_once_and_as_seen() {
    let db = database().await;
    see(&db, &["g, ann, role:admin"], 0).await;
    see(&db, &["g, ann, role:admin", "g, bob, role:admin"], 1).await;
    see(&db, &["g, bob, role:admin"], 1).await;

    let events = audit::list(&db, 2).await.expect("reads");
    let change = events.iter().find(|it| it.outcome_of.is_none()).expect("an event");
    assert_eq!(change.object, "argocd-rbac-cm of control plane lab");
    assert_eq!(
        change.details["policy.csv"],
        serde_json::json!({"added": ["g, bob, role:admin"], "removed": ["g, ann, role:admin"]})
    );
    assert_eq!(count(&db, "SELECT count(*) FROM audit_events WHERE observed").await, 2);
}
