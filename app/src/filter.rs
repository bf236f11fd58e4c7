//! The query of the list of Applications, as it stands in the URL.

use model::application::{FacetValue, Facets, ListApplications, SortBy};

/// How many rows a page has when the URL does not say.
const DEFAULT_PER_PAGE: u32 = 50;

/// A filter of the list that offers its values with their counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Facet {
    Health,
    Sync,
    Operation,
    Environment,
    Project,
    Cluster,
}

impl Facet {
    /// All facets, in the order of the page.
    pub(crate) const ALL: [Self; 6] =
        [Self::Health, Self::Sync, Self::Environment, Self::Project, Self::Cluster, Self::Operation];

    /// Returns the name of the filter in the URL.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Sync => "sync",
            Self::Operation => "operation",
            Self::Environment => "environment",
            Self::Project => "project",
            Self::Cluster => "cluster",
        }
    }

    /// Returns the name of the filter for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Health => "Health",
            Self::Sync => "Sync",
            Self::Operation => "Operation",
            Self::Environment => "Environment",
            Self::Project => "Project",
            Self::Cluster => "Cluster",
        }
    }

    /// Returns the values that the query asks for.
    pub(crate) fn chosen(self, query: &ListApplications) -> &[String] {
        match self {
            Self::Health => &query.health,
            Self::Sync => &query.sync,
            Self::Operation => &query.operation,
            Self::Environment => &query.environment,
            Self::Project => &query.project,
            Self::Cluster => &query.cluster,
        }
    }

    /// Returns the values to offer: all that are counted, and those asked for that nothing has.
    pub(crate) fn values(self, facets: &Facets, query: &ListApplications) -> Vec<FacetValue> {
        let counted = match self {
            Self::Health => &facets.health,
            Self::Sync => &facets.sync,
            Self::Operation => &facets.operation,
            Self::Environment => &facets.environment,
            Self::Project => &facets.project,
            Self::Cluster => &facets.cluster,
        };
        let missing = self
            .chosen(query)
            .iter()
            .filter(|value| !counted.iter().any(|it| it.value == **value))
            .map(|value| FacetValue { value: value.clone(), count: 0 });
        counted.iter().cloned().chain(missing).collect()
    }

    /// Returns the query with `value` taken in or out of this filter, on its first page.
    pub(crate) fn toggled(self, query: &ListApplications, value: &str) -> ListApplications {
        let mut query = ListApplications { page: 0, ..query.clone() };
        let chosen = match self {
            Self::Health => &mut query.health,
            Self::Sync => &mut query.sync,
            Self::Operation => &mut query.operation,
            Self::Environment => &mut query.environment,
            Self::Project => &mut query.project,
            Self::Cluster => &mut query.cluster,
        };
        match chosen.iter().position(|it| it == value) {
            Some(place) => drop(chosen.remove(place)),
            None => chosen.push(value.to_owned()),
        }
        query
    }
}

/// The words of the orders in the URL.
const SORTS: [(SortBy, &str); 8] = [
    (SortBy::Worst, "worst"),
    (SortBy::Name, "name"),
    (SortBy::Health, "health"),
    (SortBy::Sync, "sync"),
    (SortBy::Environment, "environment"),
    (SortBy::Cluster, "cluster"),
    (SortBy::Project, "project"),
    (SortBy::Changed, "changed"),
];

/// Returns the word of an order in the URL.
pub(crate) fn sort_word(sort: SortBy) -> &'static str {
    SORTS.iter().find(|(it, _)| *it == sort).map_or("worst", |(_, word)| word)
}

/// Reads the query from the values that `values` returns for each key. What makes no sense is left out.
pub(crate) fn from_values(values: impl Fn(&str) -> Vec<String>) -> ListApplications {
    let last = |key: &str| values(key).pop().unwrap_or_default();
    let many = |facet: Facet| values(facet.key()).into_iter().filter(|value| !value.is_empty()).collect();
    let sort = last("sort");
    ListApplications {
        q: last("q").trim().to_owned(),
        health: many(Facet::Health),
        sync: many(Facet::Sync),
        operation: many(Facet::Operation),
        project: many(Facet::Project),
        cluster: many(Facet::Cluster),
        environment: many(Facet::Environment),
        sort: SORTS.iter().find(|(_, word)| *word == sort).map(|(sort, _)| *sort).unwrap_or_default(),
        reverse: last("reverse") == "1",
        page: last("page").parse().unwrap_or(0),
        per_page: last("per_page").parse().unwrap_or(0),
        cursor: String::new(),
    }
}

/// Returns the query as keys and values; what is the default is left out.
pub(crate) fn to_pairs(query: &ListApplications) -> Vec<(&'static str, String)> {
    let mut pairs = Vec::new();
    if !query.q.is_empty() {
        pairs.push(("q", query.q.clone()));
    }
    for facet in Facet::ALL {
        pairs.extend(facet.chosen(query).iter().map(|value| (facet.key(), value.clone())));
    }
    pairs.extend(order_pairs(query));
    if query.page > 1 {
        pairs.push(("page", query.page.to_string()));
    }
    pairs
}

/// Returns the part of the query that a filter leaves as it is: order and rows on a page.
pub(crate) fn order_pairs(query: &ListApplications) -> Vec<(&'static str, String)> {
    let mut pairs = Vec::new();
    if query.sort != SortBy::default() {
        pairs.push(("sort", sort_word(query.sort).into()));
    }
    if query.reverse {
        pairs.push(("reverse", "1".into()));
    }
    if !matches!(query.per_page, 0 | DEFAULT_PER_PAGE) {
        pairs.push(("per_page", query.per_page.to_string()));
    }
    pairs
}

/// Returns the query without its filters, in the same order.
pub(crate) fn cleared(query: &ListApplications) -> ListApplications {
    ListApplications {
        sort: query.sort,
        reverse: query.reverse,
        per_page: query.per_page,
        ..Default::default()
    }
}

/// Returns the filters in words: `Health: Missing`, `text “web”`.
pub(crate) fn words(query: &ListApplications) -> Vec<String> {
    let text = (!query.q.is_empty()).then(|| format!("text “{}”", query.q));
    let facets = Facet::ALL.into_iter().filter(|facet| !facet.chosen(query).is_empty());
    text.into_iter()
        .chain(facets.map(|facet| format!("{}: {}", facet.title(), facet.chosen(query).join(" or "))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, String)]) -> ListApplications {
        from_values(|key| pairs.iter().filter(|(it, _)| *it == key).map(|(_, value)| value.clone()).collect())
    }

    #[test]
    fn a_query_survives_the_url() {
        let query = ListApplications {
            q: "web & co".into(),
            health: vec!["Degraded".into(), "Stale".into()],
            cluster: vec!["prod-eu-1".into()],
            sort: SortBy::Changed,
            reverse: true,
            page: 3,
            per_page: 20,
            ..Default::default()
        };
        assert_eq!(read(&to_pairs(&query)), query);
    }

    #[test]
    fn nonsense_is_left_out() {
        let pairs = [("page", "-1".to_owned()), ("sort", "bogus".into()), ("health", String::new())];
        assert_eq!(read(&pairs), ListApplications::default());
    }

    #[test]
    fn a_filter_that_nothing_has_can_be_taken_back() {
        let query = Facet::Health.toggled(&ListApplications { page: 4, ..Default::default() }, "Missing");
        assert_eq!(query.page, 0, "another filter begins on its first page");
        assert_eq!(
            Facet::Health.values(&Facets::default(), &query),
            [FacetValue { value: "Missing".into(), count: 0 }]
        );
        assert!(!Facet::Health.toggled(&query, "Missing").is_filtered());
    }
}
