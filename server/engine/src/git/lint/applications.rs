//! Checks of what Applications follow: those of the fleet, and those whose manifests are in the repository.

use std::collections::{BTreeMap, BTreeSet};

use model::repository::Severity;

use super::{ApplicationSource, Report, reading::Reading};
use crate::git::layout::{
    Found, Layout,
    applications::{self as objects, Kind},
    below, last_of, split, upwards,
    words::Named,
};

/// An Application, and where its manifest is.
struct Follower {
    source: ApplicationSource,
    /// None for those of the fleet.
    manifest: Option<(String, u32)>,
}

pub(super) fn check(
    reading: &mut Reading<'_>,
    found: &Found,
    applications: &[ApplicationSource],
    report: &mut Report,
) {
    let mut followers = of_manifests(reading, report);
    let key = |it: &ApplicationSource| (it.name.clone(), it.path.clone());
    let known: BTreeSet<_> = followers.iter().map(|it| key(&it.source)).collect();
    // What a manifest says is told with its place.
    let of_fleet = applications.iter().filter(|it| !known.contains(&key(it)));
    followers.extend(of_fleet.map(|it| Follower { source: it.clone(), manifest: None }));
    for follower in &followers {
        follower.check(reading, report);
    }
    tell_same_target(&followers, report);
    tell_unused_values(found, &followers, report);
}

/// The Applications that follow this repository, as far as their manifests tell: those of an address that some path of
/// this tree is followed under.
fn of_manifests(reading: &mut Reading<'_>, report: &mut Report) -> Vec<Follower> {
    let paths: Vec<_> = reading
        .paths()
        .filter(|it| it.ends_with(".yaml") || it.ends_with(".yml"))
        .map(str::to_owned)
        .collect();
    let mut all = Vec::new();
    for path in paths {
        let Ok(bytes) = reading.bytes(&path) else { continue };
        if !objects::may_hold_objects(&bytes) {
            continue;
        }
        // What cannot be read is told where it matters, and templates of charts are no YAML yet.
        let Ok(found) = objects::read_objects(&bytes) else { continue };
        for object in found {
            let Kind::Application { sources, destination } = object.kind else { continue };
            tell_foreign_namespace(reading, &path, &object.name, &destination, report);
            for source in sources {
                let Some(followed) = source.path.clone() else { continue };
                let follower = ApplicationSource {
                    name: object.name.clone(),
                    path: followed,
                    target_revision: source.revision.clone().unwrap_or_default(),
                    environment: None,
                    cluster: destination.cluster.clone().unwrap_or_default(),
                    namespace: destination.namespace.clone().unwrap_or_default(),
                    value_files: source.value_files.clone(),
                };
                let address = plain_address(source.repository.as_deref().unwrap_or_default());
                let manifest = Some((path.clone(), source.line));
                all.push((address, Follower { source: follower, manifest }));
            }
        }
    }
    let ours: BTreeSet<String> = all
        .iter()
        .filter(|(_, it)| reading.has_folder(&it.source.path))
        .map(|(address, _)| address.clone())
        .collect();
    all.into_iter().filter(|(address, _)| ours.contains(address)).map(|(_, it)| it).collect()
}

/// An address without what does not matter to where it leads.
fn plain_address(address: &str) -> String {
    let address = address.trim().trim_end_matches('/');
    let address = address.strip_suffix(".git").unwrap_or(address);
    address.rsplit_once('@').map_or(address, |(_, rest)| rest).to_lowercase()
}

fn tell_foreign_namespace(
    reading: &Reading<'_>,
    path: &str,
    name: &str,
    destination: &objects::Destination,
    report: &mut Report,
) {
    let Some(namespace) = destination.namespace.as_deref() else { return };
    let folder = upwards(split(path).0).find_map(|it| match reading.words.named_in(last_of(it)) {
        Named::One(stage) => Some(stage.environment),
        _ => None,
    });
    let named = |text: &str| match reading.words.named_in(text) {
        Named::One(stage) => Some(stage.environment),
        _ => None,
    };
    let Some(environment) = folder.or_else(|| named(name)) else { return };
    let Some(other) = named(namespace).filter(|it| *it != environment) else { return };
    let what = format!(
        "The Application {name} is {environment}'s, and it deploys into {namespace}, the namespace of {other}."
    );
    let line = Some(destination.namespace_line);
    report.add(
        Severity::Error,
        "foreign-namespace",
        path,
        line,
        what,
        format!("Name {environment}'s namespace."),
    );
}

impl Follower {
    fn place(&self) -> (&str, Option<u32>) {
        match &self.manifest {
            Some((file, line)) => (file, Some(*line)),
            None => (&self.source.path, None),
        }
    }

    fn check(&self, reading: &Reading<'_>, report: &mut Report) {
        let ApplicationSource { name, path, target_revision: revision, environment, namespace, .. } =
            &self.source;
        let (place, line) = self.place();
        let is_of_this = reading.tree.is_at(revision);
        if is_of_this && !reading.has_folder(path) {
            let what = format!("The Application {name} follows {path}, which is not there.");
            report.add(
                Severity::Error,
                "missing-path",
                place,
                line,
                what,
                "Correct its path, or add the folder.",
            );
        }
        if !reading.tree.knows(revision) {
            let what =
                format!("The Application {name} follows {revision}, which is no branch, tag or commit here.");
            report.add(
                Severity::Error,
                "missing-revision",
                place,
                line,
                what,
                "Correct its targetRevision, or push the branch.",
            );
        }
        if let (Some(environment), Named::One(stage)) = (environment, reading.words.named_in(namespace))
            && stage.environment != *environment
        {
            let other = &stage.environment;
            let what = format!(
                "The Application {name} is {environment}'s, and it deploys into {namespace}, the namespace of {other}."
            );
            report.add(
                Severity::Error,
                "foreign-namespace",
                place,
                line,
                what,
                format!("Name {environment}'s namespace."),
            );
        }
    }
}

/// Two Applications that deploy one path to one place take each other's objects.
fn tell_same_target(followers: &[Follower], report: &mut Report) {
    let mut by_target: BTreeMap<(&str, &str, &str, &[String]), Vec<&Follower>> = BTreeMap::new();
    for it in followers.iter().filter(|it| !it.source.path.is_empty() && !it.source.cluster.is_empty()) {
        let ApplicationSource { path, cluster, namespace, value_files, .. } = &it.source;
        by_target.entry((path, cluster, namespace, value_files)).or_default().push(it);
    }
    for ((path, cluster, namespace, _), mut same) in by_target {
        same.dedup_by_key(|it| &it.source.name);
        let [first, rest @ ..] = same.as_slice() else { continue };
        for other in rest {
            let (place, line) = other.place();
            let (name, first) = (&other.source.name, &first.source.name);
            let what = format!(
                "The Applications {first} and {name} both deploy {path} to {cluster}, namespace {namespace}: each takes the other's objects for its own."
            );
            report.add(Severity::Error, "same-target", place, line, what, "Remove one of them.");
        }
    }
}

/// Values files that no Application names, where some name values at all.
fn tell_unused_values(found: &Found, followers: &[Follower], report: &mut Report) {
    let mut used: BTreeSet<String> = BTreeSet::new();
    for ApplicationSource { path, value_files, .. } in followers.iter().map(|it| &it.source) {
        for file in value_files {
            // `$ref/` stands for the root of a repository.
            let path = match file.strip_prefix('$') {
                Some(rest) => rest.split_once('/').map(|(_, rest)| rest.to_owned()),
                None => below(path, file),
            };
            used.extend(path);
        }
    }
    if used.is_empty() {
        return;
    }
    for app in found.apps.iter().filter(|app| app.layout == Layout::Helm) {
        let files: Vec<_> = app.places.values().flatten().flat_map(|it| &it.files).collect();
        // Where none of an app's is named, its Applications are elsewhere.
        if !files.iter().any(|(_, path)| used.contains(path)) {
            continue;
        }
        for (_, path) in files.iter().filter(|(_, path)| !used.contains(path)) {
            let what = format!("No Application takes {}.", last_of(path));
            report.add(
                Severity::Warning,
                "unused-values",
                path,
                None,
                what,
                "Name it in an Application, or remove it.",
            );
        }
    }
}
