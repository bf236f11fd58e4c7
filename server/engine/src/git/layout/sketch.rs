//! What is found so far: apps, folders that are taken, and what is to be told.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use model::repository::NotUnderstood;

use super::{
    App, Found, Layout, Place,
    kustomize::HOLDERS,
    last_of, split, upwards,
    words::{Named, Words},
};
use crate::git::{rules::Rules, tree::TreeError};

/// More are not told.
const MOST_TOLD: usize = 200;
/// Folders between an app and its environments that do not name it.
const LAYERS: [&str; 9] =
    ["chart", "deploy", "deployment", "helm", "k8s", "kubernetes", "kustomize", "manifests", "gitops"];

/// Apps in the making.
#[derive(Default)]
pub(super) struct Sketch {
    apps: BTreeMap<String, Draft>,
    /// Folders that belong to a place.
    taken: HashSet<String>,
    /// Names of apps by their base paths, where something else than the path tells them.
    names: BTreeMap<String, String>,
    told: Vec<NotUnderstood>,
    looked_into: BTreeSet<String>,
}

struct Draft {
    layout: Layout,
    places: BTreeMap<String, Vec<Place>>,
}

/// Which environment, and which of its regions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Where {
    pub(super) environment: String,
    pub(super) region: Option<String>,
}

impl Sketch {
    /// Adds a place to an app; what is there for the same environment and region is joined where only one has a folder.
    pub(super) fn add(&mut self, base: &str, layout: Layout, at: Where, place: Place) {
        if let Some(folder) = &place.folder {
            self.taken.insert(folder.clone());
        }
        let place = Place { region: at.region, ..place };
        let draft =
            self.apps.entry(base.to_owned()).or_insert_with(|| Draft { layout, places: BTreeMap::new() });
        let places = draft.places.entry(at.environment).or_default();
        let same = places
            .iter_mut()
            .find(|it| it.region == place.region && (it.folder.is_none() || place.folder.is_none()));
        match same {
            Some(known) => {
                known.folder = known.folder.take().or(place.folder);
                known.files.extend(place.files);
                known.carriers.extend(place.carriers);
            }
            None => places.push(place),
        }
    }

    /// Adds what travels to the place that has a folder, or to the places of an app in an environment.
    pub(super) fn places_mut(&mut self, base: &str, environment: &str) -> Option<&mut Vec<Place>> {
        self.apps.get_mut(base)?.places.get_mut(environment)
    }

    /// Whether an app is at this base path.
    pub(super) fn has_app(&self, base: &str) -> bool {
        self.apps.contains_key(base)
    }

    /// Whether a folder is a place's or in one.
    pub(super) fn is_taken(&self, folder: &str) -> bool {
        upwards(folder).any(|it| self.taken.contains(it))
    }

    /// Whether a folder is an app's or in one; what is at the root belongs to none.
    pub(super) fn is_in_app(&self, folder: &str) -> bool {
        upwards(folder).any(|it| self.apps.contains_key(it) || self.taken.contains(it))
    }

    /// Returns the app and the environment that a folder belongs to.
    pub(super) fn place_at(&self, folder: &str) -> Option<(&str, &str)> {
        let base = upwards(folder).find(|it| self.apps.contains_key(*it)).unwrap_or_default();
        let (base, draft) = self.apps.get_key_value(base)?;
        let is_there = |place: &&Place| place.folder.as_deref() == Some(folder);
        let environment = draft.places.iter().find(|(_, places)| places.iter().any(|it| is_there(&it)));
        environment.map(|(environment, _)| (base.as_str(), environment.as_str()))
    }

    /// Tells that a place is not understood; of each place the first reason.
    pub(super) fn tell(&mut self, path: &str, why: impl Into<String>) {
        let path = path.escape_debug().to_string();
        if self.told.len() < MOST_TOLD && !self.told.iter().any(|it| it.path == path) {
            let why = why.into().replace(char::is_control, " ");
            self.told.push(NotUnderstood { path, why });
        }
    }

    /// Notes that the content of a file decides what is found.
    pub(super) fn look_into(&mut self, path: &str) {
        self.looked_into.insert(path.to_owned());
    }

    /// Gives an app the name that a pattern or an Application tells.
    pub(super) fn name(&mut self, base: &str, name: &str) {
        self.names.insert(base.to_owned(), name.to_owned());
    }

    /// Tells odd names, and the links and submodules that stand where an environment or a kustomization would.
    pub(super) fn tell_links(&mut self, odd: &[TreeError], words: &Words) {
        for error in odd {
            let (path, what) = match error {
                TreeError::NotFollowed { path, what } => (path, what),
                TreeError::Path { path, .. } | TreeError::TooDeep { path } => {
                    self.tell(path, error.to_string());
                    continue;
                }
                _ => continue,
            };
            let is_in_app = path.split('/').any(|part| {
                HOLDERS.contains(&part)
                    || super::KUSTOMIZATIONS.contains(&part)
                    || words.named_in(part) != Named::Nothing
            });
            if is_in_app {
                self.tell(
                    path,
                    format!("it is {what}, which is never followed; put the files themselves there"),
                );
            }
        }
    }

    pub(super) fn finish(mut self, rules: &Rules) -> Found {
        let ids: BTreeMap<_, _> = rules.apps.iter().map(|it| (it.path.as_str(), it.id.as_str())).collect();
        for rule in &rules.apps {
            if !self.apps.contains_key(&rule.path) {
                self.tell(
                    &rule.path,
                    format!("the rules call it {}, and no app is found there; correct the path", rule.id),
                );
            }
        }
        let drafts = std::mem::take(&mut self.apps);
        let mut apps = Vec::with_capacity(drafts.len());
        for (base_path, Draft { layout, mut places }) in drafts {
            let doubts = self.doubts(&mut places);
            let id = ids.get(base_path.as_str()).map(|id| (*id).to_owned());
            let name = id.or_else(|| self.names.remove(&base_path)).unwrap_or_else(|| name_of(&base_path));
            apps.push(App { name, base_path, layout, places, doubts });
        }
        Found { apps, not_understood: self.told, looked_into: self.looked_into }
    }

    /// Takes out the environments that have two places of one region.
    fn doubts(&mut self, places: &mut BTreeMap<String, Vec<Place>>) -> BTreeMap<String, String> {
        let mut doubts = BTreeMap::new();
        places.retain(|environment, places| {
            places.sort_by(|a, b| (&a.region, &a.folder).cmp(&(&b.region, &b.folder)));
            let Some(twice) = places.windows(2).find(|pair| pair[0].region == pair[1].region) else {
                return true;
            };
            let [first, second] = [0, 1].map(|at| path_of(&twice[at]));
            let why = format!(
                "{first} and {second} both mean {environment}; rename one, or tell them apart in the settings"
            );
            self.tell(&second, why.clone());
            doubts.insert(environment.clone(), why);
            false
        });
        doubts
    }
}

fn path_of(place: &Place) -> String {
    let file = place.files.first().map(|(_, path)| path.clone());
    place.folder.clone().or(file).unwrap_or_default()
}

/// The last folder that is no mere layer names the app.
fn name_of(base_path: &str) -> String {
    let folder = upwards(base_path).map(last_of).find(|name| !LAYERS.contains(name) && *name != "*");
    let name = folder.or_else(|| Some(last_of(base_path)).filter(|name| !name.is_empty()));
    name.unwrap_or("app").to_owned()
}

impl Where {
    /// Tells the environment from the name of a folder: by words, else, below a folder of environments, its own name.
    ///
    /// # Errors
    /// A name that holds several environments, in words.
    pub(super) fn of_folder(folder: &str, words: &Words) -> Result<Option<Self>, String> {
        let (parent, name) = split(folder);
        match words.named_in(name) {
            Named::One(stage) => {
                Ok(Some(Self { environment: stage.environment.clone(), region: stage.region() }))
            }
            Named::Several(environments) => Err(format!(
                "its name holds {}; rename it, or name it in the settings",
                environments.join(" and ")
            )),
            Named::Nothing if HOLDERS.contains(&last_of(parent)) => {
                Ok(Some(Self { environment: name.to_owned(), region: None }))
            }
            Named::Nothing => Ok(None),
        }
    }
}

/// The base path and a holder, of the folder of an environment.
pub(super) fn base_of(folder: &str) -> (String, Option<&str>) {
    let (parent, _) = split(folder);
    let (base, holder) = split(parent);
    if HOLDERS.contains(&holder) { (base.to_owned(), Some(holder)) } else { (parent.to_owned(), None) }
}
