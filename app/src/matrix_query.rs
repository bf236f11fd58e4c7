//! The query of the matrix, as it stands in the URL.

use model::apps::{Density, GroupBy, ListApps};

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
    if query.group == GroupBy::None {
        pairs.push(("group", "none".to_owned()));
    }
    if query.density == Density::Compact {
        pairs.push(("density", "compact".to_owned()));
    }
    if query.page > 1 {
        pairs.push(("page", query.page.to_string()));
    }
    if query.per_page > 0 {
        pairs.push(("per_page", query.per_page.to_string()));
    }
    pairs
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
}
