//! What differs between two places and does not travel (rules R1 and R4): field by field in YAML files that both have,
//! else file by file.

use std::collections::{BTreeMap, BTreeSet};

use git2::Oid;
use model::plan::Stay;

use super::{PlanError, files::Files, pairs::Pair};
use crate::git::{
    edit::{self, Limits},
    layout::{App, Carrier, Place, What},
    rules::Rules,
    tree::{Tree, TreeError},
};

/// Larger files are told as such.
const LARGEST_READ: usize = 65_536;
/// Of a file with more differences, this many are told.
const MOST_FIELDS: usize = 60;
/// A plan tells so many.
const MOST: usize = 400;
/// A file's name by its role in the place, and its content.
type Listed = BTreeMap<String, (String, Oid)>;

/// Whose differences are told, and by which rules.
pub(super) struct Differences<'a> {
    pub(super) app: &'a App,
    pub(super) rules: &'a Rules,
    pub(super) source: &'a Tree<'a>,
    pub(super) files: &'a Files<'a>,
}

impl Differences<'_> {
    /// Returns what differs, with the target as the plan leaves it.
    ///
    /// # Errors
    /// Folders that cannot be read.
    pub(super) fn of(&self, pair: &Pair<'_>) -> Result<Vec<Stay>, PlanError> {
        let ((here, odd_here), (there, odd_there)) =
            (listed(self.source, pair.source)?, listed(self.files.tree, pair.target)?);
        let travels: BTreeSet<_> =
            pair.carriers.iter().filter(|it| it.0.what == What::File).map(|it| it.0.role.clone()).collect();
        let mut stays = Vec::new();
        let roles: BTreeSet<_> = here.keys().chain(there.keys()).collect();
        for role in roles.into_iter().filter(|role| !travels.contains(*role)) {
            match (here.get(role), there.get(role)) {
                (Some(source), Some(target)) => self.both(role, source, target, &mut stays)?,
                (source, target) => stays.push(self.whole(role, source, target)),
            }
            if stays.len() >= MOST {
                break;
            }
        }
        stays.extend(odd_here.iter().chain(&odd_there).map(|odd| self.odd(odd)));
        stays.truncate(MOST);
        Ok(stays)
    }

    fn both(
        &self,
        role: &str,
        source: &(String, Oid),
        target: &(String, Oid),
        stays: &mut Vec<Stay>,
    ) -> Result<(), PlanError> {
        // A file that both environments are in has no difference.
        if source.0 == target.0 {
            return Ok(());
        }
        let edited = self.files.changed().find(|it| *it.0 == target.0).and_then(|it| it.1.after.clone());
        if edited.is_none() && source.1 == target.1 {
            return Ok(());
        }
        match self.fields(role, source, target, edited)? {
            Some(fields) => stays.extend(fields),
            None => stays.push(self.whole(role, Some(source), Some(target))),
        }
        Ok(())
    }

    fn fields(
        &self,
        role: &str,
        source: &(String, Oid),
        target: &(String, Oid),
        edited: Option<Vec<u8>>,
    ) -> Result<Option<Vec<Stay>>, PlanError> {
        let is_yaml =
            [".yaml", ".yml", ".json"].iter().any(|end| role.ends_with(end)) || role == "Kustomization";
        if !is_yaml {
            return Ok(None);
        }
        let here = self.source.content(&source.0, source.1)?;
        let there = match edited {
            Some(edited) => edited,
            None => self.files.tree.content(&target.0, target.1)?,
        };
        if here.len().max(there.len()) > LARGEST_READ {
            return Ok(None);
        }
        let parse = |bytes: &[u8]| edit::Tree::read(bytes, &Limits::default()).ok();
        let (Some(here), Some(there)) = (parse(&here), parse(&there)) else { return Ok(None) };
        let shown = |value: &Option<edit::Value>| value.as_ref().map(ToString::to_string);
        let several = here.documents() > 1 || there.documents() > 1;
        let stay = |it: edit::Change| {
            let field = match several {
                true => format!("{} of document {}", it.path, it.document + 1),
                false => it.path.to_string(),
            };
            let reason = self.rules.is_expected(self.app, role, Some(&it.path.to_string()));
            Stay {
                file: role.to_owned(),
                source: shown(&it.before),
                target: shown(&it.after),
                why: reason.unwrap_or("not listed as what travels").to_owned(),
                expected: reason.is_some(),
                field: Some(field),
            }
        };
        let differences = edit::difference(&here, &there);
        let more = differences.len().saturating_sub(MOST_FIELDS);
        let mut stays: Vec<_> = differences.into_iter().take(MOST_FIELDS).map(stay).collect();
        if more > 0 {
            let why = format!("{more} more fields differ, and do not travel");
            stays.push(Stay { why, ..self.whole(role, Some(source), Some(target)) });
        }
        Ok(Some(stays))
    }

    fn whole(&self, role: &str, source: Option<&(String, Oid)>, target: Option<&(String, Oid)>) -> Stay {
        let why = match (source, target) {
            (_, None) => "the file is not there in the environment that changes",
            (None, _) => "the file is only there in the environment that changes",
            _ => "the file differs, and files do not travel",
        };
        let id = |it: Option<&(String, Oid)>| it.map(|it| it.1.to_string()[..10].to_owned());
        Stay {
            file: role.to_owned(),
            field: None,
            source: id(source),
            target: id(target),
            why: why.to_owned(),
            expected: self.rules.is_expected(self.app, role, None).is_some(),
        }
    }

    fn odd(&self, error: &TreeError) -> Stay {
        let file = match error {
            TreeError::NotFollowed { path, .. } => path.clone(),
            _ => self.app.base_path.clone(),
        };
        Stay { file, field: None, source: None, target: None, why: error.to_string(), expected: false }
    }
}

/// Returns what a carrier has and the plan leaves alone.
pub(super) fn left(
    carrier: &Carrier,
    field: String,
    values: (Option<String>, Option<String>),
    why: String,
) -> Stay {
    let (source, target) = values;
    Stay { file: carrier.role.clone(), field: Some(field), source, target, why, expected: false }
}

/// The files of a place by their roles.
pub(super) fn listed(tree: &Tree<'_>, place: &Place) -> Result<(Listed, Vec<TreeError>), TreeError> {
    let (mut found, mut odd) = (Listed::new(), Vec::new());
    if let Some(folder) = &place.folder {
        let (files, others) = tree.files(folder)?;
        odd = others;
        for file in files {
            let role = file
                .path
                .strip_prefix(folder.as_str())
                .map_or(file.path.as_str(), |it| it.trim_start_matches('/'));
            found.insert(role_of(place, &file.path, role), (file.path.clone(), file.id));
        }
    }
    for (role, path) in &place.files {
        match tree.entry(path) {
            Ok(Some(entry)) => {
                found.insert(role.clone(), (path.clone(), entry.id));
            }
            Ok(None) => {}
            Err(error) => odd.push(error),
        }
    }
    Ok((found, odd))
}

/// A kustomization may have another of its names in each place.
fn role_of(place: &Place, path: &str, role: &str) -> String {
    let carrier = place.carriers.iter().find(|it| it.file == path);
    carrier.map_or(role, |it| it.role.as_str()).to_owned()
}
