//! How far a plan reaches: the Applications that what it writes would change, asked for or not.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use git2::Oid;
use model::{
    application::ApplicationId,
    plan::{RowOutcome, Touched, TouchedApplication},
};
use serde::{Deserialize, Serialize};

use super::Made;
use crate::{
    Result,
    fleet::index::{Row, Snapshot},
    git::{
        layout,
        mirror::{MirrorError, MirrorPath},
        tree::Tree,
    },
    repositories::{blocking, followed_by},
};

/// How many Applications are looked into for a file that several share.
const MOST_LOOKED_INTO: usize = 2_000;

/// An Application that a plan touches.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Reached {
    pub application: ApplicationId,
    /// The file that it shares with what was asked for; none where it was asked for.
    pub shares: Option<String>,
}

/// Finds the Applications of the plan's branch whose manifests are made from a file that the plan writes.
///
/// # Errors
/// A mirror that cannot be read.
pub(super) async fn reached(snapshot: &Arc<Snapshot>, made: &Made) -> Result<Vec<Reached>> {
    let rows: Vec<_> = of_branch(snapshot, &made.asked.lead).cloned().collect();
    let files: Vec<String> = made.planned.plan.files.iter().map(|file| file.path.clone()).collect();
    let asked: BTreeSet<ApplicationId> = made
        .asked
        .apps
        .iter()
        .zip(&made.planned.plan.rows)
        .filter(|(_, row)| row.outcome == RowOutcome::Moves)
        .flat_map(|(app, _)| app.target.iter().map(|row| row.id.clone()))
        .collect();
    let (mirror, head) = (made.mirror.clone(), made.head);
    let found = blocking(move || find(&mirror, head, &rows, &files)).await??;
    let reached = found.into_iter().map(|(application, file)| Reached {
        shares: (!asked.contains(&application)).then_some(file),
        application,
    });
    Ok(reached.collect())
}

/// The Applications that follow what the lead follows. To tell what a URL means costs more than to see that it was told.
fn of_branch<'a>(snapshot: &'a Snapshot, lead: &Row) -> impl Iterator<Item = &'a Arc<Row>> {
    let followed = followed_by(lead);
    let mut told: HashMap<(&'a str, &'a str, bool), bool> = HashMap::new();
    snapshot.rows.iter().filter(move |row| {
        let source: (&str, &str, bool) = (&row.repo_url, &row.target_revision, row.is_chart);
        *told.entry(source).or_insert_with(|| followed_by(row) == followed)
    })
}

/// Blocks.
fn find(
    mirror: &MirrorPath,
    head: Oid,
    rows: &[Arc<Row>],
    files: &[String],
) -> std::result::Result<BTreeMap<ApplicationId, String>, MirrorError> {
    let mut found: BTreeMap<ApplicationId, String> = BTreeMap::new();
    let mut elsewhere = Vec::new();
    for row in rows {
        match files.iter().find(|file| holds(&row.path, file)) {
            Some(file) => drop(found.insert(row.id.clone(), file.clone())),
            None => elsewhere.push(row),
        }
    }
    // A base or a component is read by overlays elsewhere; a file of one environment alone by none.
    let is_shared = |file: &&String| !rows.iter().any(|row| holds(&row.path, file));
    let shared: Vec<_> = files.iter().filter(is_shared).collect();
    if !shared.is_empty() {
        let repository = mirror.open()?;
        if let Ok(tree) = Tree::at(&repository, &head.to_string()) {
            for row in elsewhere.into_iter().take(MOST_LOOKED_INTO) {
                let reads = layout::read_by(&tree, row.path.trim_matches('/'));
                if let Some(file) = shared.iter().find(|file| reads.contains(file.as_str())) {
                    found.insert(row.id.clone(), (*file).clone());
                }
            }
        }
    }
    Ok(found)
}

/// Tells what of it the actor, whose snapshot this is, may see.
pub(crate) fn touched(seen: &Snapshot, reached: &[Reached]) -> Touched {
    let mut touched = Touched::default();
    for it in reached {
        match seen.row(&it.application) {
            Some(row) => touched.applications.push(touched_application(seen, row, it.shares.clone())),
            None => touched.hidden += 1,
        }
    }
    touched
}

fn touched_application(seen: &Snapshot, row: &Row, shares: Option<String>) -> TouchedApplication {
    TouchedApplication {
        id: row.id.clone(),
        app: row.identity.name.clone(),
        environment: row.environment.clone(),
        cluster: row.cluster.name.clone(),
        namespace: row.destination.namespace.clone(),
        freshness: seen.freshness(row).clone(),
        shares,
    }
}

fn holds(folder: &str, file: &str) -> bool {
    let folder = folder.trim_matches('/').trim_start_matches("./");
    folder.is_empty() || folder == "." || file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn a_folder_holds_its_files_and_not_those_of_its_namesakes() {
        assert!(holds("apps/web", "apps/web/kustomization.yaml"));
        assert!(holds("./apps/web/", "apps/web/a/b.yaml"));
        assert!(holds(".", "x.yaml") && holds("", "x.yaml"));
        assert!(!holds("apps/web", "apps/web-two/kustomization.yaml"));
        assert!(!holds("apps/web", "apps/web"));
    }
}
