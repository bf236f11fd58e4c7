//! Checks of how a repository is laid out: links, rules, environments that an app lacks, and what is not understood.

use std::collections::{BTreeMap, BTreeSet};

use model::repository::Severity;

use super::{Report, reading::Reading};
use crate::git::{
    layout::{App, Found, Layout, What, last_of, upwards},
    rules::{FILE, Rules},
    tree::TreeError,
};

/// Fewer apps say nothing about what all have.
const FEWEST_APPS: usize = 3;

pub(super) fn check(reading: &Reading<'_>, found: &Found, report: &mut Report) {
    tell_links(reading, found, report);
    if let (_, Some(it)) = Rules::default().read(reading.tree) {
        let what = format!("The rules are not taken: {}.", it.why);
        report.add(Severity::Error, "rules", FILE, line_in(&it.why), what, "Correct the file.");
    }
    for it in &found.not_understood {
        report.add(
            Severity::Hint,
            "not-understood",
            &it.path,
            None,
            format!("Not understood: {}.", it.why),
            "Change the layout, or add it to the rules.",
        );
    }
    for app in &found.apps {
        tell_names(app, report);
    }
    tell_lacking(found, report);
}

fn tell_links(reading: &Reading<'_>, found: &Found, report: &mut Report) {
    let bases: BTreeSet<_> = found.apps.iter().map(|app| app.base_path.as_str()).collect();
    for error in &reading.odd {
        let TreeError::NotFollowed { path, what } = error else { continue };
        let is_in_app = bases.contains("") || upwards(path).any(|it| bases.contains(it));
        let severity = if is_in_app { Severity::Error } else { Severity::Hint };
        let sentence = format!("It is {what}, which is never followed: what it leads to is not seen here.");
        report.add(severity, "link", path, None, sentence, "Put the files themselves there.");
    }
}

/// Environments of one app whose kustomizations are called otherwise.
fn tell_names(app: &App, report: &mut Report) {
    if app.layout != Layout::Kustomize {
        return;
    }
    let carriers = app.places.values().flatten().flat_map(|it| &it.carriers);
    let files = carriers.filter(|it| it.what == What::Images).map(|it| it.file.as_str());
    let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in files {
        by_name.entry(last_of(file)).or_default().push(file);
    }
    let usual = by_name.iter().max_by_key(|(name, files)| (files.len(), **name == "kustomization.yaml"));
    let Some(usual) = usual.map(|(name, _)| *name) else { return };
    for file in by_name.iter().filter(|(name, _)| **name != usual).flat_map(|(_, files)| files) {
        let what = format!("It is called {}, where the other environments have {usual}.", last_of(file));
        report.add(Severity::Hint, "kustomization-names", file, None, what, format!("Rename it to {usual}."));
    }
}

/// Apps without an environment that all others of their layout have.
fn tell_lacking(found: &Found, report: &mut Report) {
    let mut by_layout: BTreeMap<&str, Vec<&App>> = BTreeMap::new();
    for app in &found.apps {
        by_layout.entry(app.layout.words()).or_default().push(app);
    }
    for apps in by_layout.values().filter(|apps| apps.len() >= FEWEST_APPS) {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for environment in apps.iter().flat_map(|app| app.places.keys().chain(app.doubts.keys())) {
            *counts.entry(environment).or_default() += 1;
        }
        for (environment, _) in counts.iter().filter(|(_, count)| **count + 1 == apps.len()) {
            let lacks = |app: &&&App| {
                !app.places.contains_key(*environment) && !app.doubts.contains_key(*environment)
            };
            let Some(app) = apps.iter().find(lacks) else { continue };
            let what = format!("{} is not in {environment}, where all other apps are.", app.name);
            let mend = format!("Introduce it to {environment}, if it belongs there.");
            report.add(Severity::Hint, "missing-environment", &app.base_path, None, what, mend);
        }
    }
}

fn line_in(why: &str) -> Option<u32> {
    why.strip_prefix("line ")?.split(':').next()?.parse().ok()
}
