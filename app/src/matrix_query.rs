//! The query of the matrix, as it stands in the URL.

use model::{
    application::FacetValue,
    apps::{AppFacets, Density, GroupBy, ListApps},
};

/// How many rows a page has when the URL does not say.
const DEFAULT_PER_PAGE: u32 = 100;

/// A filter of the matrix that offers its values with their counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AppFacet {
    Project,
    Health,
    /// Chooses the columns; with none chosen all are shown.
    Environment,
}

impl AppFacet {
    /// All facets, in the order of the page.
    pub(crate) const ALL: [Self; 3] = [Self::Project, Self::Health, Self::Environment];

    /// Returns the name of the filter in the URL.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Health => "health",
            Self::Environment => "environment",
        }
    }

    /// Returns the name of the filter for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Project => "Project",
            Self::Health => "Health",
            Self::Environment => "Environment",
        }
    }

    /// Returns the word for no choice.
    pub(crate) fn any(self) -> &'static str {
        if self == Self::Environment { "all" } else { "any" }
    }

    /// Returns the values that the query asks for.
    pub(crate) fn chosen(self, query: &ListApps) -> &[String] {
        match self {
            Self::Project => &query.project,
            Self::Health => &query.health,
            Self::Environment => &query.environment,
        }
    }

    /// Returns the values to offer: all that are counted, and those asked for that nothing has.
    pub(crate) fn values(self, facets: &AppFacets, query: &ListApps) -> Vec<FacetValue> {
        let counted = match self {
            Self::Project => &facets.project,
            Self::Health => &facets.health,
            Self::Environment => &facets.environment,
        };
        let missing = self.chosen(query).iter().filter(|it| counted.iter().all(|value| value.value != **it));
        let missing = missing.map(|value| FacetValue { value: value.clone(), count: 0 });
        counted.iter().cloned().chain(missing).collect()
    }

    /// Returns the query with a value added, or taken back, on the first page.
    pub(crate) fn toggled(self, query: &ListApps, value: &str) -> ListApps {
        let mut query = ListApps { page: 0, ..query.clone() };
        let chosen = match self {
            Self::Project => &mut query.project,
            Self::Health => &mut query.health,
            Self::Environment => &mut query.environment,
        };
        match chosen.iter().position(|it| it == value) {
            Some(place) => drop(chosen.remove(place)),
            None => chosen.push(value.to_owned()),
        }
        query
    }
}

/// Reads the query from the values that `values` returns for each key. What makes no sense is left out.
pub(crate) fn from_values(values: impl Fn(&str) -> Vec<String>) -> ListApps {
    let last = |key: &str| values(key).pop().unwrap_or_default();
    let many = |key: &str| values(key).into_iter().filter(|value| !value.is_empty()).collect();
    ListApps {
        q: last("q").trim().to_owned(),
        project: many("project"),
        health: many("health"),
        environment: many("environment"),
        group: if last("group") == "none" { GroupBy::None } else { GroupBy::Project },
        density: if last("density") == "compact" { Density::Compact } else { Density::Regular },
        page: last("page").parse().unwrap_or(0),
        per_page: last("per_page").parse().unwrap_or(0),
    }
}

/// Returns the query as pairs of the URL, without what is the default.
pub(crate) fn to_pairs(query: &ListApps) -> Vec<(&'static str, String)> {
    let mut pairs = Vec::new();
    if !query.q.is_empty() {
        pairs.push(("q", query.q.clone()));
    }
    for (key, values) in
        [("project", &query.project), ("health", &query.health), ("environment", &query.environment)]
    {
        pairs.extend(values.iter().map(|value| (key, value.clone())));
    }
    pairs.extend(look_pairs(query));
    if query.page > 1 {
        pairs.push(("page", query.page.to_string()));
    }
    pairs
}

/// Returns the part of the query that a filter leaves as it is: groups, density and rows on a page.
pub(crate) fn look_pairs(query: &ListApps) -> Vec<(&'static str, String)> {
    let mut pairs = Vec::new();
    if query.group == GroupBy::None {
        pairs.push(("group", "none".to_owned()));
    }
    if query.density == Density::Compact {
        pairs.push(("density", "compact".to_owned()));
    }
    if !matches!(query.per_page, 0 | DEFAULT_PER_PAGE) {
        pairs.push(("per_page", query.per_page.to_string()));
    }
    pairs
}

/// Returns the query without what hides apps; columns, groups and density stay.
pub(crate) fn cleared(query: &ListApps) -> ListApps {
    ListApps { q: String::new(), project: Vec::new(), health: Vec::new(), page: 0, ..query.clone() }
}

/// Returns what hides apps, in words: `Health: Missing`, `text “web”`.
pub(crate) fn words(query: &ListApps) -> Vec<String> {
    let text = (!query.q.is_empty()).then(|| format!("text “{}”", query.q));
    let hiding = [AppFacet::Project, AppFacet::Health].into_iter().filter(|it| !it.chosen(query).is_empty());
    text.into_iter()
        .chain(hiding.map(|facet| format!("{}: {}", facet.title(), facet.chosen(query).join(" or "))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_survives_its_url() {
        let query = ListApps {
            q: "behind".into(),
            project: vec!["storefront".into(), "payments".into()],
            health: vec!["Sync failed".into()],
            environment: vec!["prod".into()],
            group: GroupBy::None,
            density: Density::Compact,
            page: 3,
            per_page: 200,
        };
        let pairs = to_pairs(&query);
        let values =
            |key: &str| pairs.iter().filter(|(it, _)| *it == key).map(|(_, value)| value.clone()).collect();
        assert_eq!(from_values(values), query);
    }

    #[test]
    fn a_value_that_nothing_has_can_be_taken_back() {
        let query = AppFacet::Health.toggled(&ListApps { page: 4, ..Default::default() }, "Missing");
        assert_eq!(query.page, 0, "another filter begins on its first page");
        assert_eq!(
            AppFacet::Health.values(&AppFacets::default(), &query),
            [FacetValue { value: "Missing".into(), count: 0 }]
        );
        assert!(!AppFacet::Health.toggled(&query, "Missing").is_filtered());
    }

    #[test]
    fn what_hides_apps_can_be_dropped_without_losing_the_columns() {
        let query = ListApps {
            q: "web".into(),
            project: vec!["a".into(), "b".into()],
            environment: vec!["prod".into()],
            density: Density::Compact,
            ..Default::default()
        };
        assert_eq!(words(&query), ["text “web”", "Project: a or b"]);
        assert_eq!(
            to_pairs(&cleared(&query)),
            [("environment", "prod".into()), ("density", "compact".to_owned())]
        );
    }
}
