//! Changes of policy, in the record: nobody makes them through us, and they decide over everything.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Context, Intent, Outcome, record_in};
use crate::{
    access::{self, rights::Data},
    db::{Db, failed},
    error::Result,
    fleet::index::{ARGO_CD_POLICY, Index, OWN_POLICY, Snapshot},
};

const RECORD: &str = "record a change of policy";

/// Records each change of a policy, once, whichever replica sees it first. A supervised task: it ends by an error alone.
pub async fn watch_policies(db: Db, index: Index) -> Result<()> {
    let mut generations = index.generations();
    loop {
        generations.mark_unchanged();
        for (plane, name, data) in policies(&index.load()) {
            record_change(&db, &plane, name, &data).await?;
        }
        if generations.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn policies(snapshot: &Snapshot) -> Vec<(String, &'static str, Data)> {
    let mut policies = Vec::new();
    for plane in snapshot.rights.planes() {
        let Some(rights) = snapshot.rights.plane(plane) else { continue };
        for (name, data) in [(ARGO_CD_POLICY, rights.argo_cd_data()), (OWN_POLICY, rights.own_data())] {
            policies.extend(data.map(|data| (plane.to_owned(), name, data.clone())));
        }
    }
    policies
}

/// Writes a policy down where it is another one than before, in one transaction with its record.
async fn record_change(db: &Db, plane: &str, name: &'static str, data: &Data) -> Result<()> {
    let new = json!(data);
    let known = "SELECT data FROM observed_policies WHERE control_plane = $1 AND name = $2";
    let known: Option<Value> = sqlx::query_scalar(known)
        .bind(plane)
        .bind(name)
        .fetch_optional(db.pool())
        .await
        .map_err(failed(RECORD))?;
    if known.as_ref() == Some(&new) {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    let claimed = sqlx::query(
        "INSERT INTO observed_policies AS it (control_plane, name, data) VALUES ($1, $2, $3)
         ON CONFLICT (control_plane, name) DO UPDATE SET data = excluded.data WHERE it.data = $4",
    )
    .bind(plane)
    .bind(name)
    .bind(&new)
    .bind(&known)
    .execute(&mut *tx)
    .await
    .map_err(failed(RECORD))?;
    // The first sight of a policy is no change, and another replica may have been faster.
    if let Some(known) = known.filter(|_| claimed.rows_affected() == 1) {
        let details = difference(&known, &new);
        let object = format!("{name} of control plane {plane}");
        let intent = Intent { verb: "change_policy", object, environment: None, details };
        let context = Context { control_plane: Some(plane.to_owned()), observed: true, ..Context::default() };
        record_in(&mut tx, &access::somebody_else(), intent.within(context), Outcome::succeeded()).await?;
    }
    tx.commit().await.map_err(failed(RECORD))
}

/// The lines that came and went, by key.
fn difference(before: &Value, after: &Value) -> Value {
    let lines = |value: &Value, key: &str| -> BTreeSet<String> {
        value[key].as_str().unwrap_or_default().lines().map(|line| line.trim().to_owned()).collect()
    };
    let keys = |value: &Value| value.as_object().map(|it| it.keys().cloned().collect::<BTreeSet<_>>());
    let all: BTreeSet<_> = [before, after].into_iter().filter_map(keys).flatten().collect();
    let of_key = |key: String| {
        let (before, after) = (lines(before, &key), lines(after, &key));
        let removed: Vec<_> = before.difference(&after).cloned().collect();
        let added: Vec<_> = after.difference(&before).cloned().collect();
        (!removed.is_empty() || !added.is_empty()).then(|| (key, json!({"removed": removed, "added": added})))
    };
    Value::Object(all.into_iter().filter_map(of_key).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_the_lines_that_came_and_went() {
        let before = json!({"policy.csv": "g, a, role:x\ng, b, role:y", "policy.default": ""});
        let after = json!({"policy.csv": "g, a, role:x\ng, c, role:admin", "policy.default": ""});
        let expected = json!({"policy.csv": {"removed": ["g, b, role:y"], "added": ["g, c, role:admin"]}});
        assert_eq!(difference(&before, &after), expected);
    }
}
