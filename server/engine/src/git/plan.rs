//! Plans: what a promotion or a rollback would change, and what it would not.
//!
//! Only listed fields travel (rules R1 and R4): the `images` of a kustomization. Everything else that differs stays and is
//! told. Files are edited to the byte and the edit is proven (R6): what cannot be proven makes no plan.

use std::collections::{BTreeMap, BTreeSet};

use git2::Oid;
use model::plan::{CommitRef, FileChange, Move, Plan, PlanKind, PlanRow, RowOutcome, Stay, Verified};
use sha2::{Digest as _, Sha256};

use super::{
    edit::{self, EditError, Identity, Image, Images, Limits, NewName, Unreadable, unified_diff},
    layout::{App, LayoutError, Place, find_app},
    rules::Rules,
    tree::{File, Touch, Tree, TreeError},
};

/// Tags that name something else tomorrow (R2).
const FLOATING: [&str; 6] = ["latest", "main", "master", "stable", "edge", "nightly"];

/// How far back commits are looked at.
const MOST_COMMITS: usize = 2000;
/// How many of them a plan lists.
const MOST_LISTED: usize = 100;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("{file}: {reason}")]
    Edit { file: String, reason: Box<EditError> },
    #[error("{file}: {reason}")]
    Unreadable { file: String, reason: Box<Unreadable> },
    #[error(
        "{file}: {field} is {written}, without quotes: kustomize refuses a file with that; put it in quotes"
    )]
    Unquoted { file: String, field: String, written: String },
    #[error(
        "{file} names no image, so there is nothing that could travel; list `images` there, with name and newTag"
    )]
    NoImages { file: String },
    #[error("{0:?} to itself is no promotion; name two environments")]
    Same(String),
}

/// Plans to bring what an environment runs to another one.
///
/// # Errors
/// An app or environment that is not there, and files that cannot be read or edited safely.
pub fn promote(tree: &Tree<'_>, rules: &Rules, app: &str, from: &str, to: &str) -> Result<Plan, PlanError> {
    if from == to {
        return Err(PlanError::Same(from.to_owned()));
    }
    let app = find_app(tree, rules, app)?;
    let source = Side::of(tree, &app.places(from)?[0])?;
    let target = Side::of(tree, &app.places(to)?[0])?;
    plan(PlanKind::Promote, &app, (from, &source), (to, &target))
}

/// Plans to give an environment the values that it had at an earlier commit.
///
/// # Errors
/// As [`promote`]; an app that was not in the environment then.
pub fn rollback(
    tree: &Tree<'_>,
    earlier: &Tree<'_>,
    rules: &Rules,
    app: &str,
    environment: &str,
) -> Result<Plan, PlanError> {
    let app = find_app(tree, rules, app)?;
    let before = find_app(earlier, rules, &app.base_path)?;
    let source = Side::of(earlier, &before.places(environment)?[0])?;
    let target = Side::of(tree, &app.places(environment)?[0])?;
    let revision = earlier.commit().to_string();
    plan(PlanKind::Rollback, &app, (&revision, &source), (environment, &target))
}

/// One of the two overlays that a plan is about.
struct Side<'a> {
    tree: &'a Tree<'a>,
    folder: &'a str,
    kustomization: &'a str,
}

fn plan(
    kind: PlanKind,
    app: &App,
    from: (&str, &Side<'_>),
    to: (&str, &Side<'_>),
) -> Result<Plan, PlanError> {
    let ((from, source), (to, target)) = (from, to);
    let file = target.kustomization;
    let (source_bytes, before) = (source.read()?, target.read()?);
    let (wanted, there) = (source.images(&source_bytes)?, target.images(&before)?);
    if let Some(unquoted) = wanted.unquoted.first() {
        return Err(PlanError::Unquoted {
            file: source.kustomization.to_owned(),
            field: unquoted.path.to_string(),
            written: unquoted.value.to_string(),
        });
    }
    if wanted.entries.is_empty() {
        return Err(PlanError::NoImages { file: source.kustomization.to_owned() });
    }

    let (mut after, mut moves, mut stays) = (before.clone(), Vec::new(), Vec::new());
    for image in last_of_each(&wanted) {
        let known = there.of(&image.name).last();
        let Some(identity) = identity_of(image, known) else {
            stays.push(Stay {
                file: target.relative(file).to_owned(),
                field: Some(format!("images[name={}]", image.name)),
                source: None,
                target: None,
                why: format!("{from} has neither a tag nor a digest for it"),
                expected: false,
            });
            continue;
        };
        let edited = edit::promote(&after, &image.name, &identity, &Limits::default())
            .map_err(|reason| PlanError::Edit { file: file.to_owned(), reason: Box::new(reason) })?;
        moves.extend(edited.changes.iter().map(|it| Move {
            file: file.to_owned(),
            field: it.path.to_string(),
            before: it.before.as_ref().map(ToString::to_string),
            after: it.after.as_ref().map(ToString::to_string),
        }));
        after = edited.bytes;
    }
    stays.extend(source.differences(&source_bytes, target, &after)?);

    let patch = unified_diff(file, &before, &after);
    let files: Vec<_> =
        (!patch.is_empty()).then(|| FileChange { path: file.to_owned(), patch }).into_iter().collect();
    let read = [(source, &source_bytes), (target, &before)];
    let version = |image: &Image| image.new_tag.clone().or_else(|| image.digest.clone());
    let row = PlanRow {
        app: app.name.clone(),
        slug: None,
        base_path: app.base_path.clone(),
        outcome: if files.is_empty() { RowOutcome::NothingToDo } else { RowOutcome::Moves },
        before: there.entries.first().and_then(version),
        after: wanted.entries.first().and_then(version),
        source_commit: source.tree.commit().to_string(),
        later: None,
        foreign: Vec::new(),
        commits: commits(kind, source, target, &wanted, &there),
        last_touched: target.tree.touches(file, MOST_COMMITS).next().map(reference),
        verified: Verified::NotKnown,
        warnings: warnings_of(&wanted, from),
        moves,
        stays,
    };
    Ok(Plan {
        kind,
        repository: None,
        from: from.to_owned(),
        to: to.to_owned(),
        commit: target.tree.commit().to_string(),
        hash: hash_of(kind, &app.base_path, to, &read, &after),
        rows: vec![row],
        warnings: Vec::new(),
        files,
    })
}

impl<'a> Side<'a> {
    fn of(tree: &'a Tree<'a>, place: &'a Place) -> Result<Self, PlanError> {
        let carrier = place.carriers.first();
        let kustomization = carrier.map_or("", |carrier| carrier.file.as_str());
        Ok(Self { tree, folder: place.folder.as_deref().unwrap_or_default(), kustomization })
    }

    fn read(&self) -> Result<Vec<u8>, TreeError> {
        self.tree.read(self.kustomization)
    }

    fn images(&self, bytes: &[u8]) -> Result<Images, PlanError> {
        let file = self.kustomization.to_owned();
        Images::read(bytes, &Limits::default())
            .map_err(|reason| PlanError::Edit { file, reason: Box::new(reason) })
    }

    /// What differs and does not travel: fields of the kustomization, then other files of the folder.
    fn differences(&self, bytes: &[u8], target: &Side<'_>, after: &[u8]) -> Result<Vec<Stay>, PlanError> {
        let parse = |side: &Side<'_>, bytes: &[u8]| {
            edit::Tree::read(bytes, &Limits::default()).map_err(|reason| PlanError::Unreadable {
                file: side.kustomization.to_owned(),
                reason: Box::new(reason),
            })
        };
        let (here, there) = (parse(self, bytes)?, parse(target, after)?);
        let name = target.relative(target.kustomization).to_owned();
        let fields = edit::difference(&here, &there).into_iter().map(|it| Stay {
            file: name.clone(),
            field: Some(it.path.to_string()),
            source: it.before.as_ref().map(ToString::to_string),
            target: it.after.as_ref().map(ToString::to_string),
            why: "not listed as what travels".to_owned(),
            expected: false,
        });
        Ok(fields.chain(self.other_files(target)?).collect())
    }

    fn other_files(&self, target: &Side<'_>) -> Result<Vec<Stay>, TreeError> {
        let ((here, odd_here), (there, odd_there)) = (self.other()?, target.other()?);
        let paths: BTreeSet<_> = here.keys().chain(there.keys()).collect();
        let differs = paths.into_iter().filter(|path| here.get(*path) != there.get(*path));
        let stay = |path: &String| {
            let (source, target) = (here.get(path), there.get(path));
            let why = match (source, target) {
                (_, None) => "the file is not there in the environment that changes",
                (None, _) => "the file is only there in the environment that changes",
                _ => "the file differs, and files do not travel",
            };
            let id = |it: Option<&Oid>| it.map(|id| id.to_string()[..10].to_owned());
            Stay {
                file: path.clone(),
                field: None,
                source: id(source),
                target: id(target),
                why: why.to_owned(),
                expected: false,
            }
        };
        let odd = odd_here.iter().chain(&odd_there).map(|error| Stay {
            file: target.folder.to_owned(),
            field: None,
            source: None,
            target: None,
            why: error.to_string(),
            expected: false,
        });
        Ok(differs.map(stay).chain(odd).collect())
    }

    /// The other files of the folder by their relative paths.
    fn other(&self) -> Result<(BTreeMap<String, Oid>, Vec<TreeError>), TreeError> {
        let (files, odd) = self.tree.files(self.folder)?;
        let others = files.into_iter().filter(|file| file.path != self.kustomization);
        let relative = |File { path, id }: File| (self.relative(&path).to_owned(), id);
        Ok((others.map(relative).collect(), odd))
    }

    fn relative<'p>(&self, path: &'p str) -> &'p str {
        path.strip_prefix(self.folder).map_or(path, |rest| rest.trim_start_matches('/'))
    }
}

/// The commits between what the one has and what the other has, by their images.
fn commits(
    kind: PlanKind,
    source: &Side<'_>,
    target: &Side<'_>,
    wanted: &Images,
    there: &Images,
) -> Vec<CommitRef> {
    let (side, until) = match kind {
        PlanKind::Promote | PlanKind::Introduce => (source, there),
        PlanKind::Rollback => (target, wanted),
    };
    if last_of_each(wanted).all(|it| there.of(&it.name).last() == Some(it)) {
        return Vec::new();
    }
    let file = side.kustomization;
    // What cannot be read there is not what is looked for.
    let images = |id| Images::read(&side.tree.content(file, id).ok()?, &Limits::default()).ok();
    let mut found = Vec::new();
    for touch in side.tree.touches(file, MOST_COMMITS) {
        // What only the other one has does not travel, and says nothing here.
        let is_there = touch.before.and_then(images).is_some_and(|images| {
            last_of_each(wanted).all(|it| images.of(&it.name).last() == until.of(&it.name).last())
        });
        found.push(reference(touch));
        if is_there || found.len() == MOST_LISTED {
            break;
        }
    }
    found
}

fn reference(touch: Touch) -> CommitRef {
    let Touch { commit, subject, author, at, .. } = touch;
    CommitRef { id: commit.to_string(), subject, author, at }
}

/// Of entries for the same image, kustomize's last word.
fn last_of_each(images: &Images) -> impl Iterator<Item = &Image> {
    let is_last =
        |(at, image): &(usize, &Image)| images.entries[at + 1..].iter().all(|later| later.name != image.name);
    images.entries.iter().enumerate().filter(is_last).map(|(_, image)| image)
}

fn identity_of(image: &Image, known: Option<&Image>) -> Option<Identity> {
    let new_name = match (&image.new_name, known.and_then(|it| it.new_name.as_ref())) {
        (Some(name), _) => NewName::Set(name.clone()),
        (None, Some(_)) => NewName::Remove,
        (None, None) => NewName::Keep,
    };
    let identity = Identity { new_name, new_tag: image.new_tag.clone(), digest: image.digest.clone() };
    (identity.new_tag.is_some() || identity.digest.is_some()).then_some(identity)
}

fn warnings_of(images: &Images, from: &str) -> Vec<String> {
    let moving = |image: &&Image| {
        image.digest.is_none() && image.new_tag.as_deref().is_some_and(|tag| FLOATING.contains(&tag))
    };
    let sentence = |image: &Image| {
        let tag = image.new_tag.as_deref().unwrap_or_default();
        format!(
            "{} has the tag {tag} in {from}, which names another image tomorrow: give it a digest or a version",
            image.name
        )
    };
    images.entries.iter().filter(moving).map(sentence).collect()
}

/// Covers what was read and would be written, and not the commit.
fn hash_of(kind: PlanKind, app: &str, to: &str, read: &[(&Side<'_>, &Vec<u8>)], after: &[u8]) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(match kind {
        PlanKind::Promote => b"promote",
        PlanKind::Rollback => b"rollback",
        PlanKind::Introduce => b"introduce",
    });
    part(app.as_bytes());
    part(to.as_bytes());
    for (side, bytes) in read {
        part(side.kustomization.as_bytes());
        part(bytes);
    }
    part(after);
    hex::encode(hash.finalize())
}
