//! From what is asked for to what was found.

use crate::git::{
    layout::{App, Found, LayoutError, Place, complete, find_app},
    rules::Rules,
    tree::Tree,
};

use super::{PlanError, pairs::carriers};

/// Finds an app by its base path, else by its name, with all that travels of it.
pub(super) fn complete_app(tree: &Tree<'_>, found: &Found, name: &str) -> Result<App, LayoutError> {
    let mut app = found.app(name)?.clone();
    complete(tree, &mut app);
    Ok(app)
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
