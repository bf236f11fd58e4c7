//! Which field of the one environment belongs to which field of the other: by region, by role, by kind.

use super::{PlanError, carried::Held};
use crate::git::{
    layout::{App, Carrier, Place},
    tree::Tree,
};

/// A place that changes, and the one that it takes values from.
pub(super) struct Pair<'p> {
    pub(super) source: &'p Place,
    pub(super) target: &'p Place,
    /// The carriers of the source, each with what it belongs to in the target, where that is there.
    pub(super) carriers: Vec<(Carrier, Option<Carrier>)>,
}

impl<'p> Pair<'p> {
    /// Of a place at one commit, with itself at another one.
    pub(super) fn with_itself(place: &'p Place) -> Self {
        let carriers = place.carriers.iter().map(|it| (it.clone(), Some(it.clone())));
        Self { source: place, target: place, carriers: carriers.collect() }
    }
}

/// Pairs the places of an app: those of the same region; else all the sources must agree, for none of them is meant.
pub(super) fn pairs<'p>(
    app: &App,
    (from, tree, sources): (&str, &Tree<'_>, &'p [Place]),
    targets: &'p [Place],
) -> Result<Vec<Pair<'p>>, PlanError> {
    let mut pairs = Vec::with_capacity(targets.len());
    for target in targets {
        let same = sources.iter().find(|it| it.region == target.region && it.region.is_some());
        let source = match (same, sources) {
            (Some(source), _) | (None, [source]) => source,
            (None, [first, rest @ ..]) => {
                let values = |place: &Place| values_of(tree, &place.carriers);
                let wanted = values(first)?;
                for other in rest {
                    if values(other)? != wanted {
                        return Err(disagreement(app, from, sources, target));
                    }
                }
                first
            }
            (None, []) => return Err(PlanError::Nothing { app: app.name.clone(), from: from.to_owned() }),
        };
        pairs.push(pair(source, target));
    }
    Ok(pairs)
}

fn pair<'p>(source: &'p Place, target: &'p Place) -> Pair<'p> {
    let find =
        |it: &Carrier| (it.clone(), target.carriers.iter().find(|other| it.pairs_with(other)).cloned());
    Pair { source, target, carriers: source.carriers.iter().map(find).collect() }
}

fn values_of(tree: &Tree<'_>, carriers: &[Carrier]) -> Result<Vec<(String, Held)>, PlanError> {
    let held = |it: &Carrier| {
        let bytes = tree.read_if_there(&it.file)?;
        let held =
            Held::read(bytes.as_deref(), &it.what).map_err(|reason| PlanError::edit(&it.file, reason))?;
        Ok((it.role.clone(), held))
    };
    carriers.iter().map(held).collect()
}

fn disagreement(app: &App, from: &str, sources: &[Place], target: &Place) -> PlanError {
    let regions = sources.iter().filter_map(|it| it.region.clone()).collect();
    PlanError::Disagree {
        app: app.name.clone(),
        from: from.to_owned(),
        regions,
        target: target.region.clone().unwrap_or_else(|| "no region".to_owned()),
    }
}

/// The path of the file of a role, whether it is there or not.
pub(super) fn file_of(place: &Place, role: &str) -> Option<String> {
    if let Some((_, path)) = place.files.iter().find(|it| it.0 == role) {
        return Some(path.clone());
    }
    let folder = place.folder.as_ref()?;
    Some(if folder.is_empty() { role.to_owned() } else { format!("{folder}/{role}") })
}
