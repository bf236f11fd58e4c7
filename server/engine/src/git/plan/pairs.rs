//! Which field of the one environment belongs to which field of the other: by region, by role, by kind.

use std::collections::BTreeSet;

use globset::Glob;

use super::{PlanError, carried::Held};
use crate::git::{
    layout::{App, Carrier, Place, What},
    rules::{Rules, Travel},
    tree::Tree,
};

/// A place that changes, and the one that it takes values from.
pub(super) struct Pair<'p> {
    pub(super) source: &'p Place,
    pub(super) target: &'p Place,
    /// The carriers of the source, each with what it belongs to in the target, where that is there.
    pub(super) carriers: Vec<(Carrier, Option<Carrier>)>,
}

/// Pairs the places of an app: those of the same region; else all the sources must agree, for none of them is meant.
pub(super) fn pairs<'p>(
    app: &App,
    rules: &Rules,
    (from, tree, sources): (&str, &Tree<'_>, &'p [Place]),
    targets: &'p [Place],
) -> Result<Vec<Pair<'p>>, PlanError> {
    let mut pairs = Vec::with_capacity(targets.len());
    for target in targets {
        let same = sources.iter().find(|it| it.region == target.region && it.region.is_some());
        let source = match (same, sources) {
            (Some(source), _) | (None, [source]) => source,
            (None, [first, rest @ ..]) => {
                let values = |place: &Place| values_of(tree, &carriers(app, rules, place));
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
        pairs.push(pair(app, rules, source, target));
    }
    Ok(pairs)
}

fn pair<'p>(app: &App, rules: &Rules, source: &'p Place, target: &'p Place) -> Pair<'p> {
    let (here, there) = (carriers(app, rules, source), carriers(app, rules, target));
    let find = |it: Carrier| {
        let found = there.iter().find(|other| it.pairs_with(other)).cloned();
        (it, found)
    };
    Pair { source, target, carriers: here.into_iter().map(find).collect() }
}

/// The document of an object bears the name of its environment, so only the path of a field must be the same.
fn kind(what: &What) -> Option<String> {
    match what {
        What::Images => Some("images".to_owned()),
        What::Field(field) => Some(format!("field {}", field.path)),
        What::File => None,
    }
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

/// Returns what travels from or to a place: what was found there, and what the rules name one by one.
pub(super) fn carriers(app: &App, rules: &Rules, place: &Place) -> Vec<Carrier> {
    let mut carriers = place.carriers.clone();
    let mut known: BTreeSet<_> = carriers.iter().map(|it| (it.file.clone(), kind(&it.what))).collect();
    for rule in rules.travels.iter().filter(|rule| concerns(&rule.apps, app)) {
        for carrier in named(place, &rule.what) {
            if known.insert((carrier.file.clone(), kind(&carrier.what))) {
                carriers.push(carrier);
            }
        }
    }
    carriers
}

fn named(place: &Place, travel: &Travel) -> Vec<Carrier> {
    let carrier = |role: &str, what: What| {
        file_of(place, role).map(|file| Carrier { role: role.to_owned(), file, what })
    };
    match travel {
        Travel::Field { file, field } => carrier(file, What::Field(field.clone())).into_iter().collect(),
        Travel::File { file } => carrier(file, What::File).into_iter().collect(),
        Travel::HelmValue { field } => {
            let is_values = |role: &&String| role.starts_with("values") && role.ends_with(['l']);
            let roles = place.files.iter().map(|it| &it.0).filter(is_values);
            roles.filter_map(|role| carrier(role, What::Field(field.clone()))).collect()
        }
        // Which documents are Applications, the layout knows.
        Travel::ChartVersion | Travel::TargetRevision => Vec::new(),
    }
}

/// The path of the file of a role.
pub(super) fn file_of(place: &Place, role: &str) -> Option<String> {
    if let Some((_, path)) = place.files.iter().find(|it| it.0 == role) {
        return Some(path.clone());
    }
    place
        .folder
        .as_ref()
        .map(|folder| if folder.is_empty() { role.to_owned() } else { format!("{folder}/{role}") })
}

fn concerns(glob: &str, app: &App) -> bool {
    let is_match = |glob: globset::GlobMatcher| glob.is_match(&app.base_path) || glob.is_match(&app.name);
    glob.is_empty() || Glob::new(glob).is_ok_and(|it| is_match(it.compile_matcher()))
}
