//! Helm: values for each environment, beside or below a chart, or of a chart that is elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Layout, Place,
    kustomize::HOLDERS,
    last_of,
    shelf::Shelf,
    sketch::{Sketch, Where, base_of},
    split,
    words::{Named, Words},
};

/// The name that an environment's values have among all of them.
pub(super) const VALUES: &str = "values.yaml";
const CHART: &str = "Chart.yaml";

/// Values of an environment, and the folder that the environments are side by side in.
struct Values {
    root: String,
    at: Where,
    /// The folder that is the environment's alone.
    folder: Option<String>,
    file: String,
}

/// Finds the values.
pub(super) fn find(shelf: &Shelf<'_>, words: &Words, sketch: &mut Sketch) {
    let mut by_base: BTreeMap<String, (bool, Vec<Values>)> = BTreeMap::new();
    for (folder, files) in shelf.folders() {
        // Values in the folder of an overlay are the overlay's, and found there.
        if sketch.is_taken(folder) {
            continue;
        }
        for file in files {
            match values_of(folder, last_of(&file.path), words) {
                Ok(Some(values)) => {
                    let (base, has_chart) = base_near_chart(shelf, &values.root);
                    // What a chart brings along has values of its own, which are no environment's.
                    if values.root.strip_prefix(&base).is_some_and(|it| it.starts_with("/charts/")) {
                        continue;
                    }
                    let (known, found) = by_base.entry(base).or_default();
                    *known |= has_chart;
                    found.push(Values { file: file.path.clone(), ..values });
                }
                Ok(None) => {}
                Err(why) => sketch.tell(&file.path, why),
            }
        }
    }
    for (base, (has_chart, found)) in by_base {
        let environments: BTreeSet<_> = found.iter().map(|it| it.at.environment.as_str()).collect();
        // Without a chart near by, a single file could be anything.
        if !has_chart && environments.len() < 2 && !sketch.has_app(&base) {
            continue;
        }
        for Values { at, folder, file, .. } in found {
            let files = if folder.is_some() { Vec::new() } else { vec![(VALUES.to_owned(), file)] };
            sketch.add(&base, Layout::Helm, at, Place { folder, files, ..Place::default() });
        }
    }
}

/// Tells whether a file holds an environment's values.
///
/// # Errors
/// A name that could mean several things, in words.
fn values_of(folder: &str, name: &str, words: &Words) -> Result<Option<Values>, String> {
    let Some(stem) = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")) else {
        return Ok(None);
    };
    let beside =
        |at: Where, root: &str| Values { root: root.to_owned(), at, folder: None, file: String::new() };
    if stem == "values" {
        let at = Where::of_folder(folder, words)?;
        let (base, _) = base_of(folder);
        return Ok(at.map(|at| Values {
            root: base,
            at,
            folder: Some(folder.to_owned()),
            file: String::new(),
        }));
    }
    let (parent, last) = split(folder);
    if let Some(word) = word_beside_values(stem) {
        return Ok(stage(word, words)?.map(|at| beside(at, folder)));
    }
    if last == "values" || HOLDERS.contains(&last) {
        let root =
            if last == "values" && HOLDERS.contains(&last_of(parent)) { split(parent).0 } else { parent };
        return Ok(stage(stem, words)?.map(|at| beside(at, root)));
    }
    Ok(None)
}

/// `values-dev`, `values.dev`, `dev-values`: what stands beside the word `values`.
fn word_beside_values(stem: &str) -> Option<&str> {
    let seps = ['-', '.', '_'];
    let after = stem.strip_prefix("values").and_then(|rest| rest.strip_prefix(seps));
    after.or_else(|| stem.strip_suffix("values").and_then(|rest| rest.strip_suffix(seps)))
}

fn stage(name: &str, words: &Words) -> Result<Option<Where>, String> {
    match words.named_in(name) {
        Named::One(stage) => {
            Ok(Some(Where { environment: stage.environment.clone(), region: stage.region() }))
        }
        Named::Several(environments) => Err(format!(
            "its name holds {}; rename it, or name it in the settings",
            environments.join(" and ")
        )),
        Named::Nothing => Ok(None),
    }
}

/// The base path of values, and whether a chart is there.
fn base_near_chart(shelf: &Shelf<'_>, root: &str) -> (String, bool) {
    if let Some(chart) = shelf.outermost_with(root, CHART) {
        return (chart.to_owned(), true);
    }
    let is_child = |folder: &str| {
        let rest = folder.strip_prefix(root).map(|rest| rest.trim_start_matches('/'));
        rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
    };
    let below = shelf.below(root).any(|folder| is_child(folder) && shelf.file(folder, CHART).is_some());
    (root.to_owned(), below)
}
