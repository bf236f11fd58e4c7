//! An app that is not in an environment yet: its files are made after those of the nearest environment.
//!
//! Files are copied as they are. Of their content only what is proven to name the environment changes: the namespace, the
//! prefix and suffix of names, labels that are the environment's name, and references that are there for the new one, too.
//! Whatever else names the old environment is told, for a person to check.

mod words;

use std::collections::BTreeMap;

use git2::{ObjectType, Oid};
use model::plan::{Move, RowOutcome};

use self::words::Words;
use super::{
    PlanError,
    carried::WHOLE,
    expected::whole_files,
    files::Files,
    row::{self, Ask, Made},
    stays::listed,
};
use crate::git::{
    edit::{self, Change, Edit, Field, Limits, Scalar, Step},
    layout::{Carrier, Found, Layout, LayoutError, Place, words::environments},
    tree::{Entry, Tree},
};

/// So many places that should be checked are told.
const MOST_CHECKS: usize = 50;
/// The fields of a kustomization that name the environment by themselves.
const NAMES: [&str; 3] = ["namespace", "namePrefix", "nameSuffix"];
/// The fields of a kustomization that refer to files.
const REFERENCES: [&str; 9] = [
    "resources",
    "bases",
    "components",
    "patches",
    "patchesStrategicMerge",
    "configurations",
    "crds",
    "generators",
    "transformers",
];

/// Plans the app's files in an environment that it is not in; what it writes is in `files`.
///
/// # Errors
/// `missing` where the environment is not known at all; a reason where it cannot be done safely.
pub(super) fn introduce(
    found: &Found,
    ask: &Ask<'_>,
    files: &mut Files<'_>,
    missing: LayoutError,
    alone: bool,
) -> Result<Made, PlanError> {
    let (app, to) = (ask.app, ask.to);
    let refuse = |why: String| PlanError::Introduce { app: app.name.clone(), to: to.to_owned(), why };
    let order = environments(ask.rules);
    let is_known =
        order.iter().any(|it| it.name == to) || found.apps.iter().any(|it| it.places.contains_key(to));
    if !is_known {
        return Err(missing.into());
    }
    if !alone {
        return Err(refuse("it is not there yet; plan it alone".to_owned()));
    }
    if !matches!(app.layout, Layout::Kustomize | Layout::Helm | Layout::Plain) {
        return Err(refuse(format!("its layout, {}, is not copied; add it by hand", app.layout.words())));
    }
    let nearest = words::nearest(app, &order, to).ok_or(missing)?;
    let words = Words::new(&order, nearest, &words::word_of(found, app, &order, to));
    let mut scaffold =
        Scaffold { base_path: &app.base_path, to, words: &words, moves: Vec::new(), checks: Vec::new() };
    let mut places = Vec::new();
    for place in app.places(nearest)? {
        places.push(scaffold.place(place, files).map_err(|error| match error {
            Trouble::Why(why) => refuse(why),
            Trouble::Plan(error) => error,
        })?);
    }
    let Scaffold { moves, checks, .. } = scaffold;
    let mut made = row::row(&Ask { targets: &places, ..*ask }, files)?;
    made.expected = whole_files(files);
    let row = &mut made.row;
    row.outcome = RowOutcome::Moves;
    row.before = None;
    row.moves = moves.into_iter().chain(std::mem::take(&mut row.moves)).collect();
    for made in row.moves.iter_mut().filter(|it| it.field == WHOLE) {
        let bytes = files.read(&made.file)?.unwrap_or_default();
        let id = Oid::hash_object(ObjectType::Blob, &bytes).ok();
        made.after = id.map(|id| id.to_string()[..10].to_owned());
    }
    row.warnings.push(format!(
        "the files are made after those of {nearest}: its replicas, resources, hosts and secrets hold until they are changed"
    ));
    row.warnings.extend(told(checks));
    Ok(made)
}

fn told(checks: Vec<String>) -> Vec<String> {
    let more = checks.len().saturating_sub(MOST_CHECKS);
    let mut told: Vec<_> = checks.into_iter().take(MOST_CHECKS).collect();
    if more > 0 {
        told.push(format!("{more} more places name the environment that was copied: check them"));
    }
    told
}

/// Why a place cannot be made.
enum Trouble {
    Why(String),
    Plan(PlanError),
}

impl<E: Into<PlanError>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Plan(error.into())
    }
}

struct Scaffold<'a> {
    base_path: &'a str,
    to: &'a str,
    words: &'a Words,
    moves: Vec<Move>,
    /// Sentences about what a person should check.
    checks: Vec<String>,
}

impl Scaffold<'_> {
    /// Copies a place; returns the new one.
    fn place(&mut self, place: &Place, files: &mut Files<'_>) -> Result<Place, Trouble> {
        let tree = files.tree;
        let (listed, odd) = listed(tree, place)?;
        if let Some(odd) = odd.first() {
            return Err(Trouble::Why(odd.to_string()));
        }
        let copies = self.copies(place, listed.into_values().map(|it| it.0))?;
        let new = self.renamed(place, &copies)?;
        if let Some(folder) = &new.folder
            && tree.id(folder)?.is_some()
        {
            return Err(Trouble::Why(format!("{folder} is there already; what is in it is not understood")));
        }
        for (path, copy) in &copies {
            if tree.id(copy)?.is_some() {
                return Err(Trouble::Why(format!("{copy} is there already")));
            }
            let Some(entry) = tree.entry(path)? else { continue };
            self.copy(&new, (path, copy), entry, files)?;
        }
        Ok(new)
    }

    /// By path: the path of the copy.
    fn copies(
        &self,
        place: &Place,
        paths: impl Iterator<Item = String>,
    ) -> Result<BTreeMap<String, String>, Trouble> {
        let folder = place.folder.as_deref().map(|folder| Some((folder, self.path(folder)?)));
        let folder = folder.flatten();
        let mut copies = BTreeMap::new();
        for path in paths {
            let in_folder =
                folder.as_ref().and_then(|(old, new)| Some(format!("{new}{}", path.strip_prefix(old)?)));
            let copy =
                in_folder.or_else(|| self.path(&path)).filter(|copy| *copy != path).ok_or_else(|| {
                    Trouble::Why(format!(
                        "the name of {path} does not tell one environment from another; add the files by hand"
                    ))
                })?;
            copies.insert(path, copy);
        }
        match copies.is_empty() {
            true => Err(Trouble::Why("there is nothing that could be copied".to_owned())),
            false => Ok(copies),
        }
    }

    fn renamed(&self, place: &Place, copies: &BTreeMap<String, String>) -> Result<Place, Trouble> {
        let shared = |path: &str| {
            Trouble::Why(format!(
                "it is defined in {path}, which is not this environment's alone; add it there by hand"
            ))
        };
        let copy = |path: &String| copies.get(path).cloned().ok_or_else(|| shared(path));
        let carrier = |it: &Carrier| {
            Ok(Carrier { file: copy(&it.file)?, role: it.role.clone(), what: it.what.clone() })
        };
        let file = |(role, path): &(String, String)| Ok((role.clone(), copy(path)?));
        Ok(Place {
            folder: place.folder.as_deref().and_then(|folder| self.path(folder)),
            files: place.files.iter().map(file).collect::<Result<_, Trouble>>()?,
            carriers: place.carriers.iter().map(carrier).collect::<Result<_, Trouble>>()?,
            ..place.clone()
        })
    }

    /// An app may be called as an environment is, so its own path stays.
    fn path(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(self.base_path).filter(|rest| rest.starts_with('/'));
        match rest {
            Some(rest) if !self.base_path.is_empty() => {
                Some(format!("{}{}", self.base_path, self.words.in_text(rest)?))
            }
            _ => self.words.in_text(path),
        }
    }

    fn copy(
        &mut self,
        place: &Place,
        (path, copy): (&str, &str),
        entry: Entry,
        files: &mut Files<'_>,
    ) -> Result<(), Trouble> {
        let bytes = files.tree.content(path, entry.id)?;
        // Its id is told when nothing changes it any more.
        self.moves.push(Move { file: copy.to_owned(), field: WHOLE.to_owned(), before: None, after: None });
        let is_kustomization =
            place.carriers.iter().any(|it| it.file == copy && it.role == "kustomization.yaml");
        let bytes = match edit::Tree::read(&bytes, &Limits::default()) {
            Ok(read) if is_kustomization => self.kustomization(copy, bytes, &read, files.tree)?,
            Ok(read) if [".yaml", ".yml", ".json"].iter().any(|end| copy.ends_with(end)) => {
                self.check(copy, &read.leaves());
                bytes
            }
            // Almost any text is YAML of one value, which tells no line.
            _ => {
                self.check_text(copy, &bytes);
                bytes
            }
        };
        files.write(copy, Some(bytes), Some(entry.executable))?;
        Ok(())
    }

    /// Changes what is proven to name the environment.
    fn kustomization(
        &mut self,
        copy: &str,
        bytes: Vec<u8>,
        read: &edit::Tree,
        tree: &Tree<'_>,
    ) -> Result<Vec<u8>, Trouble> {
        let leaves = read.leaves();
        let (mut edits, mut rest) = (Vec::new(), Vec::new());
        for leaf in &leaves {
            match self.replacement(copy, leaf, tree) {
                Some(text) => {
                    let document = edit::Document::Index(leaf.document);
                    let field = Field { document, path: leaf.path.clone() };
                    edits.push(Edit::Set { field, value: Scalar::text(text) });
                }
                None => rest.push(leaf.clone()),
            }
        }
        self.namespace(copy, &leaves, &edits);
        self.check(copy, &rest);
        let edited = edit::apply(&bytes, &edits, &Limits::default())
            .map_err(|reason| PlanError::edit(copy, reason))?;
        let shown = |value: &Option<edit::Value>| value.as_ref().map(ToString::to_string);
        self.moves.extend(edited.changes.iter().map(|it| Move {
            file: copy.to_owned(),
            field: it.path.to_string(),
            before: shown(&it.before),
            after: shown(&it.after),
        }));
        Ok(edited.bytes)
    }

    fn replacement(&self, copy: &str, leaf: &Change, tree: &Tree<'_>) -> Option<String> {
        let text = leaf.after.as_ref()?.as_text()?;
        let [Step::Key(first), rest @ ..] = leaf.path.steps() else { return None };
        if NAMES.contains(&first.as_str()) && rest.is_empty() {
            return self.words.in_text(text);
        }
        let is_label =
            first == "commonLabels" || (first == "labels" && rest.contains(&Step::Key("pairs".to_owned())));
        if is_label && self.words.is_whole(text) {
            return self.words.in_text(text);
        }
        if REFERENCES.contains(&first.as_str()) && self.words.are_in(text) && !text.contains(['\n', ':']) {
            let new = self.words.in_text(text)?;
            let folder = copy.rsplit_once('/').map_or("", |it| it.0);
            let target = resolved(folder, &new)?;
            return matches!(tree.id(&target), Ok(Some(_))).then_some(new);
        }
        None
    }

    /// Two environments in one namespace of one cluster would take each other's objects away.
    fn namespace(&mut self, copy: &str, leaves: &[Change], edits: &[Edit]) {
        let path = edit::Path::root().key("namespace");
        if edits.iter().any(|it| it.field().path == path) {
            return;
        }
        let to = self.to;
        self.checks.push(match leaves.iter().find(|it| it.path == path).and_then(|it| it.after.as_ref()) {
            Some(value) => {
                format!("{copy}: the namespace stays {value}: check that it is the right one for {to}")
            }
            None => {
                format!("{copy}: it names no namespace: check that the objects of {to} get one of their own")
            }
        });
    }

    /// Tells where the old environment is named; not what stands there, which may be a secret.
    fn check(&mut self, copy: &str, leaves: &[Change]) {
        let named = leaves.iter().filter(|it| {
            it.after.as_ref().and_then(edit::Value::as_text).is_some_and(|text| self.words.are_in(text))
        });
        let old = self.words.old();
        self.checks.extend(named.map(|it| format!("{copy}: {} names {old}: check it", it.path)));
    }

    fn check_text(&mut self, copy: &str, bytes: &[u8]) {
        let old = self.words.old();
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                let lines = text.lines().enumerate().filter(|(_, line)| self.words.are_in(line));
                let sentence = |(at, _)| format!("{copy}: line {} names {old}: check it", at + 1);
                self.checks.extend(lines.map(sentence));
            }
            Err(_) => self.checks.push(format!("{copy} is no text: check whether it is {old}'s alone")),
        }
    }
}

/// Where a relative path leads from a folder; none where it leaves the repository.
fn resolved(folder: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<_> = folder.split('/').filter(|it| !it.is_empty()).collect();
    for part in relative.trim_end_matches('/').split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
