//! One app of a plan: its fields are read, brought, compared and told.

use std::{collections::BTreeSet, rc::Rc};

use git2::Oid;
use model::plan::{Move, PlanKind, PlanRow, RowOutcome, Stay, Verified};

use super::{
    Moved, PlanError,
    carried::{Held, Values, has_identity, last_of_each, name_of},
    expected::Expected,
    files::Files,
    hash::Digest,
    history::History,
    pairs::{Pair, file_of, pairs},
    past::{Key, Ours, Past, State, value},
    stays::{Differences, left},
    touches::Touches,
};
use crate::git::{
    edit::{Images, Value},
    layout::{App, Carrier, Place, What},
    rules::Rules,
    tree::Tree,
};

/// Tags that name something else tomorrow (R2).
const FLOATING: [&str; 6] = ["latest", "main", "master", "stable", "edge", "nightly"];

/// What a row is made from.
pub(super) struct Ask<'a> {
    pub(super) kind: PlanKind,
    pub(super) rules: &'a Rules,
    pub(super) history: &'a dyn History,
    pub(super) app: &'a App,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    /// Where values come from.
    pub(super) source: &'a Tree<'a>,
    pub(super) sources: &'a [Place],
    pub(super) targets: &'a [Place],
    /// Whether what others changed is overwritten.
    pub(super) overwrite: bool,
    /// The commits that the record knows as ours, where there is one.
    pub(super) ours: Option<&'a BTreeSet<Oid>>,
    /// Of an undo: what was written, which alone goes back.
    pub(super) only: Option<&'a [Expected]>,
}

/// A row, and what the hash and the fleet are told of it.
pub(super) struct Made {
    pub(super) row: PlanRow,
    pub(super) moved: Moved,
    pub(super) expected: Vec<Expected>,
    pub(super) digest: Digest,
}

/// A carrier of the target with what it is to hold.
struct Carry {
    source: Carrier,
    target: Carrier,
    theirs: Held,
    ours: Held,
}

/// Plans one app; what it writes is in `files`, to be kept or forgotten.
///
/// # Errors
/// What cannot be read, paired or edited safely.
pub(super) fn row(ask: &Ask<'_>, files: &mut Files<'_>) -> Result<Made, PlanError> {
    let pairs = pairs(ask.app, (ask.from, ask.source, ask.sources), ask.targets)?;
    row_of(ask, &pairs, files)
}

/// Plans one app whose places are paired already.
///
/// # Errors
/// What cannot be read or edited safely.
pub(super) fn row_of(ask: &Ask<'_>, pairs: &[Pair<'_>], files: &mut Files<'_>) -> Result<Made, PlanError> {
    let (carries, mut stays) = carries(ask, files, pairs)?;
    if carries.iter().all(|it| it.theirs.values().is_empty()) {
        return Err(PlanError::Nothing { app: ask.app.name.clone(), from: ask.from.to_owned() });
    }
    let Brought { moves, moved, expected, versions } = bring(ask, files, &carries)?;
    // What is made after another place differs from that by what it moves.
    let is_new = ask.kind == PlanKind::Introduce;
    let differences = Differences { app: ask.app, rules: ask.rules, source: ask.source, files };
    for pair in pairs.iter().filter(|_| !is_new) {
        let mut found = differences.of(pair)?;
        if let ([_, _, ..], Some(region)) = (pairs, &pair.target.region) {
            found.iter_mut().for_each(|stay| stay.file = format!("{region}: {}", stay.file));
        }
        stays.extend(found);
    }
    let mut row = PlanRow {
        app: ask.app.name.clone(),
        slug: None,
        base_path: ask.app.base_path.clone(),
        outcome: if moves.is_empty() { RowOutcome::NothingToDo } else { RowOutcome::Moves },
        before: versions.0,
        after: versions.1,
        source_commit: ask.source.commit().to_string(),
        later: None,
        foreign: Vec::new(),
        commits: Vec::new(),
        last_touched: None,
        verified: Verified::NotKnown,
        warnings: warnings_of(ask, &carries),
        moves,
        stays,
    };
    if !is_new {
        look_back(ask, files.tree, &carries, &mut row);
    }
    let digest = digest(ask, files, &carries, &row);
    Ok(Made { row, moved, expected, digest })
}

/// Reads what is to be carried, and tells what is not.
fn carries(
    ask: &Ask<'_>,
    files: &Files<'_>,
    pairs: &[Pair<'_>],
) -> Result<(Vec<Carry>, Vec<Stay>), PlanError> {
    let (mut carries, mut stays) = (Vec::new(), Vec::new());
    for pair in pairs {
        for (source, target) in &pair.carriers {
            let bytes = ask.source.read_if_there(&source.file)?;
            let theirs = held(bytes.as_deref(), source)?;
            theirs.check(&source.file)?;
            let theirs = limited(ask, source, theirs);
            let Some(target) = target.clone().or_else(|| new_file(source, pair.target)) else {
                stays.push(absent(ask, source, &theirs));
                continue;
            };
            let bytes = files.read(&target.file)?;
            let ours = held(bytes.as_deref(), &target)?;
            if bytes.is_none() && target.what != What::File {
                stays.push(absent(ask, source, &theirs));
                continue;
            }
            let theirs = theirs.in_place_of(&ours);
            stays.extend(without_value(ask, &target, &theirs, &ours));
            carries.push(Carry { source: source.clone(), target, theirs, ours });
        }
    }
    Ok((carries, stays))
}

/// Of an undo, of all images those that were written.
fn limited(ask: &Ask<'_>, carrier: &Carrier, theirs: Held) -> Held {
    let is_it = |it: &&Expected| it.file == carrier.file && it.what == carrier.what;
    match ask.only.and_then(|only| only.iter().find(is_it)) {
        Some(wrote) => theirs.limited_to(&wrote.values),
        None => theirs,
    }
}

/// A file that travels as a whole may be new in the target.
fn new_file(source: &Carrier, target: &Place) -> Option<Carrier> {
    let file = (source.what == What::File).then(|| file_of(target, &source.role))??;
    Some(Carrier { role: source.role.clone(), file, what: What::File })
}

fn absent(ask: &Ask<'_>, source: &Carrier, theirs: &Held) -> Stay {
    let (field, value) = theirs.values().into_iter().next().unwrap_or_default();
    let why = format!("the file that would carry it is not there in {}", ask.to);
    left(source, name_of(&source.what, &field), (value, None), why)
}

/// What has no value in the source stays as it is in the target; a rollback removes it.
fn without_value(ask: &Ask<'_>, target: &Carrier, theirs: &Held, ours: &Held) -> Vec<Stay> {
    let from = ask.from;
    match (theirs, ours) {
        (Held::Images(images), _) => {
            let nameless = last_of_each(images).filter(|it| !has_identity(it));
            let why = format!("{from} has neither a tag nor a digest for it");
            let stay = |name: &str| left(target, format!("images[name={name}]"), (None, None), why.clone());
            nameless.map(|image| stay(&image.name)).collect()
        }
        (Held::Field(field, None), Held::Field(_, Some(there))) if ask.kind != PlanKind::Rollback => {
            let why = format!("{from} does not set it, so nothing can be taken from there");
            vec![left(target, field.to_string(), (None, Some(there.to_string())), why)]
        }
        (Held::File(None), Held::File(Some(_))) if ask.kind != PlanKind::Rollback => {
            let why = format!("{from} does not have the file, so nothing can be taken from there");
            vec![left(target, super::carried::WHOLE.to_owned(), (None, None), why)]
        }
        _ => Vec::new(),
    }
}

fn held(bytes: Option<&[u8]>, carrier: &Carrier) -> Result<Held, PlanError> {
    Held::read(bytes, &carrier.what).map_err(|reason| PlanError::edit(&carrier.file, reason))
}

type Versions = (Option<String>, Option<String>);

/// What came of all edits of a row.
#[derive(Default)]
struct Brought {
    moves: Vec<Move>,
    moved: Moved,
    expected: Vec<Expected>,
    versions: Versions,
}

fn bring(ask: &Ask<'_>, files: &mut Files<'_>, carries: &[Carry]) -> Result<Brought, PlanError> {
    let restore = ask.kind == PlanKind::Rollback;
    let mut all = Brought::default();
    let mut versions: Option<(bool, Versions)> = None;
    for Carry { target, theirs, ours, source: _ } in carries {
        if matches!(theirs, Held::File(None)) && !restore {
            continue;
        }
        let before = files.read(&target.file)?;
        let brought = theirs.bring(before.as_deref(), &target.what, restore);
        let brought = brought.map_err(|reason| PlanError::edit(&target.file, reason))?;
        let is_moving = !brought.moves.is_empty();
        let known = ours.versions(theirs);
        if known.1.is_some() && versions.as_ref().is_none_or(|it| is_moving && !it.0) {
            versions = Some((is_moving, known));
        }
        if is_moving {
            all.expected.extend(Expected::of(target, ours, &held(brought.bytes.as_deref(), target)?));
            files.write(&target.file, brought.bytes, None)?;
            all.moved.note(target, theirs, ours);
        }
        let file = &target.file;
        all.moves.extend(brought.moves.into_iter().map(|(field, before, after)| Move {
            file: file.clone(),
            field,
            before,
            after,
        }));
    }
    all.versions = versions.map(|it| it.1).unwrap_or_default();
    Ok(all)
}

/// Fills in what the history says.
fn look_back(ask: &Ask<'_>, head: &Tree<'_>, carries: &[Carry], row: &mut PlanRow) {
    if row.moves.is_empty() {
        return;
    }
    let targets: Vec<_> = carries.iter().map(|it| it.target.clone()).collect();
    let sources: Vec<_> = carries.iter().map(|it| it.source.clone()).collect();
    // Both sides at one commit have one history, which is asked for once.
    let (target, source) = if head.commit() == ask.source.commit() {
        let files = targets.iter().chain(&sources).map(|it| it.file.as_str());
        let touches = Touches::new(ask.history, head.commit(), files);
        (Past::within(head, Rc::clone(&touches), &targets), Past::within(ask.source, touches, &sources))
    } else {
        (Past::new(head, ask.history, &targets), Past::new(ask.source, ask.history, &sources))
    };
    let (wanted, there): (State, State) =
        carries.iter().map(|it| (it.theirs.values(), it.ours.values())).unzip();
    let keys = differing(&wanted, &there);
    // A rollback overwrites, so where the last promotion was does not matter.
    let ours = Ours { base_path: &row.base_path, environment: ask.to, known: ask.ours };
    let known = target.known(&keys, Some(&ours).filter(|_| ask.kind != PlanKind::Rollback));
    row.last_touched = known.last.and_then(|commit| head.reference(commit));
    if ask.kind != PlanKind::Rollback {
        row.foreign = known.foreign(&target, &source, &wanted, &there);
        if let (Some(gap), None) = (&known.gap, &known.base) {
            row.warnings.push(format!(
                "{gap}: whether others changed these fields since the last promotion is not known"
            ));
        }
    }
    if !row.foreign.is_empty() && !ask.overwrite {
        let first = &row.foreign[0];
        let by = first.changed_by.as_ref().map_or("others", |it| it.author.as_str());
        let why = format!(
            "{} in {} was changed by {by} since the last promotion: overwrite it, or leave this app out",
            first.field, ask.to
        );
        row.outcome = RowOutcome::Stopped { why };
    }
    let along = match ask.kind {
        PlanKind::Rollback => target.since(&until(&keys, &wanted)),
        PlanKind::Promote | PlanKind::Introduce => source.since(&until(&keys, &there)),
    };
    if !along.complete && !along.commits.is_empty() {
        row.warnings.push(
            "the history does not show where these versions begin, so the list of commits is not exact"
                .to_owned(),
        );
    }
    row.commits = along.commits;
}

/// The fields that would change.
pub(super) fn differing(wanted: &State, there: &State) -> Vec<Key> {
    let mut keys = Vec::new();
    for (position, values) in wanted.iter().enumerate() {
        let changes = |field: &&String| {
            let key = (position, (*field).clone());
            value(wanted, &key) != value(there, &key)
        };
        keys.extend(values.keys().filter(changes).map(|field| (position, field.clone())));
    }
    keys
}

fn until(keys: &[Key], state: &State) -> Vec<(Key, Option<String>)> {
    keys.iter().map(|key| (key.clone(), value(state, key).cloned())).collect()
}

fn warnings_of(ask: &Ask<'_>, carries: &[Carry]) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    for carry in carries {
        let sentences = match &carry.theirs {
            Held::Images(images) => floating(images, ask.from),
            Held::Field(field, Some(value)) => floating_value(&field.to_string(), value, ask.from),
            _ => Vec::new(),
        };
        for sentence in sentences {
            if !warnings.contains(&sentence) {
                warnings.push(sentence);
            }
        }
    }
    warnings
}

fn floating(images: &Images, from: &str) -> Vec<String> {
    let moving = |tag: &&str| FLOATING.contains(tag);
    let of = |image: &crate::git::edit::Image| {
        let tag = image.new_tag.as_deref().filter(|_| image.digest.is_none()).filter(moving)?;
        Some(format!(
            "{} has the tag {tag} in {from}, which names another image tomorrow: give it a digest or a version",
            image.name
        ))
    };
    last_of_each(images).filter_map(of).collect()
}

fn floating_value(field: &str, value: &Value, from: &str) -> Vec<String> {
    let text = value.as_text().filter(|text| FLOATING.contains(text) || *text == "HEAD");
    let sentence =
        |text| format!("{field} is {text} in {from}, which names something else tomorrow: give it a version");
    text.map(sentence).into_iter().collect()
}

/// What the hash of a plan covers of this row: decisions, what was read, what was taken.
fn digest(ask: &Ask<'_>, files: &Files<'_>, carries: &[Carry], row: &PlanRow) -> Digest {
    let mut digest = Digest::default();
    digest.text(&row.base_path).flag(ask.overwrite).outcome(&row.outcome);
    for Carry { source, target, theirs, .. } in carries {
        digest.text(&source.role).text(&source.file).text(&target.file).text(&kind_of(&target.what));
        digest.values(&theirs.values());
        // The file as it is at the head, by its content.
        if let Ok(entry) = files.tree.entry(&target.file) {
            digest.text(&entry.map(|it| it.id.to_string()).unwrap_or_default());
        }
    }
    let foreign = row.foreign.iter().map(|it| (it.field.clone(), it.ours.clone()));
    digest.values(&foreign.collect::<Values>());
    digest
}

fn kind_of(what: &What) -> String {
    match what {
        What::Images => "images".to_owned(),
        What::Field(field) => format!("field {field}"),
        What::File => "file".to_owned(),
    }
}
