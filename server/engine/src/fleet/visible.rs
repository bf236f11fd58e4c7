//! What an actor may see of a snapshot: a snapshot again, without the rest. Views that get it cannot show or count more.

use std::sync::{Arc, PoisonError};

use model::Actor;

use super::index::{Row, Snapshot};
use crate::access::{Object, Verb};

const NO: u8 = 1;
const YES: u8 = 2;

impl Snapshot {
    /// Returns what `actor` may see. Answers about Applications are remembered for as long as the policies stay.
    pub fn seen_by(self: &Arc<Self>, actor: &Actor) -> Arc<Self> {
        let rows = self.rows_seen_by(actor);
        let sees_all = |plane: &str| self.rights.allows(actor, Verb::Get, &Object::ControlPlane(plane));
        let planes_seen_whole: Vec<&str> =
            self.planes.keys().map(String::as_str).filter(|plane| sees_all(plane)).collect();
        let clusters: Vec<_> = self
            .clusters
            .iter()
            .filter(|(id, cluster)| {
                let project = cluster.project.as_deref();
                let object = Object::Cluster { id, server: &cluster.server, project };
                self.rights.allows(actor, Verb::Get, &object)
            })
            .collect();
        let is_whole = rows.len() == self.rows.len()
            && clusters.len() == self.clusters.len()
            && planes_seen_whole.len() == self.planes.len();
        if is_whole {
            return Arc::clone(self);
        }
        let clusters = Arc::new(clusters.into_iter().map(|(id, it)| (id.clone(), it.clone())).collect());
        let mut seen = self.limited_to(rows.into_iter().cloned().collect(), clusters);
        seen.warnings.retain(|warning| planes_seen_whole.contains(&warning.control_plane.as_str()));
        let mut used: Vec<&str> = seen.rows.iter().map(|row| row.id.control_plane.as_str()).collect();
        used.extend(seen.clusters.keys().map(|id| id.control_plane.as_str()));
        used.extend(planes_seen_whole);
        let used: rustc_hash::FxHashSet<String> = used.into_iter().map(str::to_owned).collect();
        seen.planes.retain(|name, _| used.contains(name));
        Arc::new(seen)
    }

    fn rows_seen_by(&self, actor: &Actor) -> Vec<&Arc<Row>> {
        let allows = |row: &Row| self.rights.allows(actor, Verb::Get, &self.object_of(row));
        let person = self.rights.person(actor);
        // A byte is whole at every moment, so a panic elsewhere means nothing.
        let mut answers = person.visible.lock().unwrap_or_else(PoisonError::into_inner);
        let most = self.rows.iter().map(|row| row.standing.index()).max().map_or(0, |most| most + 1);
        if answers.len() < most {
            answers.resize(most, 0);
        }
        let may_see = |row: &&Arc<Row>| {
            let answer = &mut answers[row.standing.index()];
            if *answer == 0 {
                *answer = if allows(row) { YES } else { NO };
            }
            *answer == YES
        };
        self.rows.iter().filter(may_see).collect()
    }
}
