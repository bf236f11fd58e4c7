//! From what is asked for to what was found.

use crate::git::{
    layout::{App, Found, LayoutError, Place, find_app},
    rules::Rules,
    tree::Tree,
};

use super::{PlanError, pairs::carriers};

/// Finds an app by its base path, else by its name.
pub(super) fn app_of<'f>(found: &'f Found, name: &str) -> Result<&'f App, LayoutError> {
    if let Some(app) = found.apps.iter().find(|app| app.base_path == name) {
        return Ok(app);
    }
    let matching: Vec<_> = found.apps.iter().filter(|app| app.name == name).collect();
    match matching[..] {
        [one] => Ok(one),
        [] => Err(LayoutError::NoApp {
            name: name.to_owned(),
            known: found.apps.iter().map(|app| app.name.clone()).collect(),
        }),
        _ => Err(LayoutError::Several {
            name: name.to_owned(),
            paths: matching.into_iter().map(|app| app.base_path.clone()).collect(),
        }),
    }
}

/// Returns where an app was for an environment at another commit: where it is now, if its files were there already, else
/// where it is found.
pub(super) fn places_at(
    then: &Tree<'_>,
    rules: &Rules,
    app: &App,
    environment: &str,
) -> Result<Vec<Place>, PlanError> {
    let now = app.places.get(environment).map(Vec::as_slice).unwrap_or_default();
    let is_there = |file: &str| matches!(then.entry(file), Ok(Some(_)));
    let all_there = |place: &Place| carriers(app, rules, place).iter().any(|it| is_there(&it.file));
    if !now.is_empty() && now.iter().all(all_there) {
        return Ok(now.to_vec());
    }
    Ok(find_app(then, rules, &app.base_path)?.places(environment)?.to_vec())
}
