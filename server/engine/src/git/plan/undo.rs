//! Undoing a change of ours (rule R13): what it wrote goes back to how it was before, and nothing else does. Where others
//! changed one of its fields since, it is not undone: what they did would be lost.

use std::collections::BTreeSet;

use git2::Oid;
use model::plan::{Move, PlanKind, PlanRow, RowOutcome, Verified};

use super::{
    Expected, Moved, PlanError, Planned,
    carried::{WHOLE, entry_of, has_identity, name_of},
    expected::{first_difference, whole_files},
    files::Files,
    hash::Digest,
    history::History,
    pairs::Pair,
    past::Past,
    promotion::finish,
    row::{self, Made, row_of},
    stays::listed,
};
use crate::git::{
    edit::{Image, Images, Limits},
    layout::{App, Carrier, Found, Layout, Place, What, complete},
    rules::Rules,
    tree::{Tree, TreeError},
};

/// What is asked for.
pub struct UndoAsk<'a> {
    /// The head, which is edited.
    pub tree: &'a Tree<'a>,
    pub rules: &'a Rules,
    /// What [`crate::git::layout::discover`] finds in `tree` by `rules`.
    pub found: &'a Found,
    pub history: &'a dyn History,
    pub environment: &'a str,
    /// The commit of the change: its first parent has what was there before.
    pub commit: Oid,
    pub apps: Vec<UndoApp>,
}

/// An app of a change that is undone.
#[derive(Clone, Debug)]
pub struct UndoApp {
    pub name: String,
    pub base_path: String,
    pub slug: Option<String>,
    /// What the change left there.
    pub wrote: Vec<Expected>,
    /// Why the fleet leaves it out.
    pub skip: Option<String>,
}

/// Plans to take back what a change wrote. Of several apps, one that fails is left out with the reason.
///
/// # Errors
/// A commit that is not there; of a single app also fields that others changed since, and what cannot be edited safely.
pub fn undo(ask: &UndoAsk<'_>) -> Result<Planned, PlanError> {
    let before = ask.tree.repository().find_commit(ask.commit).and_then(|it| it.parent_id(0));
    let revision = |reason| TreeError::Revision { revision: format!("{:.10}^", ask.commit), reason };
    let earlier = ask.tree.at_commit(before.map_err(revision)?)?;
    let from = format!("{:.10}", earlier.commit());
    let (mut files, mut rows) = (Files::new(ask.tree), Vec::with_capacity(ask.apps.len()));
    for app in &ask.apps {
        let undoing = Undoing { ask, app, earlier: &earlier, from: &from };
        match undoing.row(&mut files) {
            Ok(made) => {
                files.keep();
                rows.push(made);
            }
            Err(error) if ask.apps.len() == 1 => return Err(error),
            Err(error) => {
                files.forget();
                rows.push(undoing.left_out(error.to_string()));
            }
        }
    }
    Ok(finish(PlanKind::Rollback, (&from, ask.environment), rows, files))
}

/// One app that is undone.
struct Undoing<'a> {
    ask: &'a UndoAsk<'a>,
    app: &'a UndoApp,
    earlier: &'a Tree<'a>,
    from: &'a str,
}

impl Undoing<'_> {
    fn row(&self, files: &mut Files<'_>) -> Result<Made, PlanError> {
        if let Some(why) = &self.app.skip {
            return Ok(self.left_out(why.clone()));
        }
        if let Some((file, what, field)) = first_difference(self.ask.tree, &self.app.wrote) {
            return Err(self.changed(file, what, field));
        }
        let is_whole = self.app.wrote.iter().all(|it| it.what == What::File);
        let mut made = if is_whole { self.whole(files)? } else { self.fields(files)? };
        made.row.slug.clone_from(&self.app.slug);
        made.digest.text("undo").text(&self.ask.commit.to_string());
        Ok(made)
    }

    /// Takes back fields, each in the file that it was written to.
    fn fields(&self, files: &mut Files<'_>) -> Result<Made, PlanError> {
        let app = self.found();
        let places = self.places(&app);
        let pair = |place| Pair::with_itself(place);
        let pairs: Vec<_> = places.iter().map(pair).collect();
        let ask = row::Ask {
            kind: PlanKind::Rollback,
            rules: self.ask.rules,
            history: self.ask.history,
            app: &app,
            from: self.from,
            to: self.ask.environment,
            source: self.earlier,
            sources: &places,
            targets: &places,
            overwrite: true,
            ours: None,
            only: Some(&self.app.wrote),
        };
        let added = self.added(files.tree)?;
        let mut made = row_of(&ask, &pairs, files).map_err(|error| match error {
            PlanError::Nothing { app, .. } if !added.is_empty() => PlanError::OnlyAdded {
                app,
                environment: self.ask.environment.to_owned(),
                added: added.join(", "),
            },
            other => other,
        })?;
        let stays =
            |it| format!("{it} stays, for the change added it: remove it by hand where it is not wanted");
        made.row.warnings.extend(added.iter().map(stays));
        Ok(made)
    }

    /// Entries of images that were not there before: no edit takes a whole entry away.
    fn added(&self, tree: &Tree<'_>) -> Result<Vec<String>, PlanError> {
        let mut added = Vec::new();
        for it in self.app.wrote.iter().filter(|it| it.what == What::Images) {
            let images = |tree: &Tree<'_>| -> Result<Images, PlanError> {
                let bytes = tree.read_if_there(&it.file)?.unwrap_or_default();
                Images::read(&bytes, &Limits::default()).map_err(|reason| PlanError::edit(&it.file, reason))
            };
            let (then, now) = (images(self.earlier)?, images(tree)?);
            let is_new = |image: &&Image| {
                !then.entries.iter().any(|other| other.name == image.name && has_identity(other))
            };
            for image in now.entries.iter().filter(is_new) {
                let entry = entry_of(&image.name);
                if it.values.contains_key(&entry.clone().key("newTag").to_string()) {
                    added.push(format!("{entry} in {}", it.file));
                }
            }
        }
        Ok(added)
    }

    /// Takes back whole files: those that it made go.
    fn whole(&self, files: &mut Files<'_>) -> Result<Made, PlanError> {
        let mut made = self.made(RowOutcome::NothingToDo);
        for it in &self.app.wrote {
            let (then, now) = (self.earlier.entry(&it.file)?, self.ask.tree.entry(&it.file)?);
            let after = then.map(|entry| self.earlier.content(&it.file, entry.id)).transpose()?;
            files.write(&it.file, after, then.map(|entry| entry.executable))?;
            let (then, now) = (then.map(|it| it.id.to_string()), now.map(|it| it.id.to_string()));
            made.digest.text(&it.file).maybe(then.as_ref().map(String::as_bytes));
            if then != now {
                let short = |id: String| id[..10].to_owned();
                let (file, field) = (it.file.clone(), WHOLE.to_owned());
                made.row.moves.push(Move { file, field, before: now.map(short), after: then.map(short) });
            }
        }
        if made.row.moves.is_empty() {
            return Ok(made);
        }
        made.row.outcome = RowOutcome::Moves;
        made.expected = whole_files(files);
        made.row.last_touched = self.ask.tree.reference(self.ask.commit);
        made.row.commits.extend(made.row.last_touched.clone());
        let app = self.found();
        let places = app.places(self.ask.environment).unwrap_or_default();
        let carriers: Vec<_> = places.iter().flat_map(|place| place.carriers.clone()).collect();
        let past = Past::new(self.ask.tree, self.ask.history, &carriers);
        made.row.before = past.version_at(self.ask.tree.commit());
        made.row.after = past.version_at(self.earlier.commit());
        if made.row.moves.iter().all(|it| it.after.is_none()) {
            made.row.warnings = self.warnings_of_going(places)?;
        }
        Ok(made)
    }

    fn warnings_of_going(&self, places: &[Place]) -> Result<Vec<String>, PlanError> {
        let (name, to) = (&self.app.name, self.ask.environment);
        let mut warnings = vec![format!(
            "the files of {name} in {to} go: an Application that reads them finds nothing any more, so remove it as well"
        )];
        let wrote: BTreeSet<_> = self.app.wrote.iter().map(|it| it.file.as_str()).collect();
        for place in places {
            let others = listed(self.ask.tree, place)?.0.into_values().map(|it| it.0);
            let others = others.filter(|path| !wrote.contains(path.as_str()));
            warnings.extend(others.map(|path| format!("{path} stays: others added it since")));
        }
        Ok(warnings)
    }

    /// The app as it is found now; what is not found any more is known by what was written alone.
    fn found(&self) -> App {
        let found = self.ask.found.apps.iter().find(|it| it.base_path == self.app.base_path);
        let Some(mut app) = found.cloned() else {
            return App {
                name: self.app.name.clone(),
                base_path: self.app.base_path.clone(),
                layout: Layout::Plain,
                places: Default::default(),
                doubts: Default::default(),
            };
        };
        complete(self.ask.tree, &mut app);
        app
    }

    /// The places of an app, with those carriers alone that were written.
    fn places(&self, app: &App) -> Vec<Place> {
        let mut left: Vec<_> = self.app.wrote.iter().collect();
        let mut places = app.places(self.ask.environment).unwrap_or_default().to_vec();
        for place in &mut places {
            place.carriers.retain(|carrier| {
                let at = left.iter().position(|it| it.file == carrier.file && it.what == carrier.what);
                at.map(|at| left.remove(at)).is_some()
            });
        }
        places.retain(|place| !place.carriers.is_empty());
        if !left.is_empty() {
            let carrier = |it: &Expected| Carrier {
                role: it.file.clone(),
                file: it.file.clone(),
                what: it.what.clone(),
            };
            places.push(Place { carriers: left.into_iter().map(carrier).collect(), ..Place::default() });
        }
        places
    }

    fn changed(&self, file: &str, what: &What, field: &str) -> PlanError {
        let carrier = Carrier { role: file.to_owned(), file: file.to_owned(), what: what.clone() };
        let carriers = [carrier];
        let past = Past::new(self.ask.tree, self.ask.history, &carriers);
        let author = past.author(&(0, field.to_owned()));
        let field = match what {
            What::File => file.to_owned(),
            _ => format!("{} in {file}", name_of(what, field)),
        };
        PlanError::ChangedSince {
            app: self.app.name.clone(),
            environment: self.ask.environment.to_owned(),
            field,
            by: author.map_or_else(|| "others".to_owned(), |it| it.author),
        }
    }

    fn left_out(&self, why: String) -> Made {
        self.made(RowOutcome::Skipped { why })
    }

    /// A row without any effect yet.
    fn made(&self, outcome: RowOutcome) -> Made {
        let mut digest = Digest::default();
        digest.text(&self.app.base_path).outcome(&outcome);
        let row = PlanRow {
            app: self.app.name.clone(),
            slug: self.app.slug.clone(),
            base_path: self.app.base_path.clone(),
            outcome,
            before: None,
            after: None,
            source_commit: self.earlier.commit().to_string(),
            later: None,
            moves: Vec::new(),
            stays: Vec::new(),
            foreign: Vec::new(),
            commits: Vec::new(),
            last_touched: None,
            verified: Verified::NotKnown,
            warnings: Vec::new(),
        };
        Made { row, moved: Moved::default(), expected: Vec::new(), digest }
    }
}
