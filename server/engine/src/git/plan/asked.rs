//! From what is asked for to what was found.

use super::PlanError;
use crate::git::{
    layout::{App, Found, LayoutError, Place, complete, find_app},
    rules::Rules,
    tree::Tree,
};

/// Finds an app by its base path, else by its name, with all that travels of it.
pub(super) fn app_of(found: &Found, tree: &Tree<'_>, name: &str) -> Result<App, LayoutError> {
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
    let is_there =
        |place: &Place| place.carriers.iter().any(|it| matches!(then.entry(&it.file), Ok(Some(_))));
    if !now.is_empty() && now.iter().all(is_there) {
        return Ok(now.to_vec());
    }
    Ok(find_app(then, rules, &app.base_path)?.places(environment)?.to_vec())
}
