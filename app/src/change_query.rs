//! The query of the list of changes, as it stands in the URL.

use model::{
    change::{ChangeGroup, ListChanges},
    plan::PlanKind,
};

/// How many rows a page has when the URL does not say.
const DEFAULT_PER_PAGE: u32 = 50;

/// A filter that offers its values behind a chip. The states are chips by themselves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ChangeFilter {
    Environment,
    Kind,
    Who,
}

impl ChangeFilter {
    /// All filters, in the order of the page.
    pub(crate) const ALL: [Self; 3] = [Self::Environment, Self::Kind, Self::Who];

    /// Returns the name of the filter in the URL.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Kind => "kind",
            Self::Who => "who",
        }
    }

    /// Returns the name of the filter for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Environment => "Environment",
            Self::Kind => "Kind",
            Self::Who => "Who",
        }
    }

    /// Returns the word for no choice.
    pub(crate) fn any(self) -> &'static str {
        if self == Self::Who { "anyone" } else { "any" }
    }

    /// Returns the values that the query asks for.
    pub(crate) fn chosen(self, query: &ListChanges) -> &[String] {
        match self {
            Self::Environment => &query.environment,
            Self::Kind => &query.kind,
            Self::Who => &query.who,
        }
    }

    /// Returns a value in the words of people.
    pub(crate) fn label(self, value: &str) -> String {
        let kind = KINDS.iter().find(|(word, _)| self == Self::Kind && *word == value);
        kind.map_or(value, |(_, kind)| kind.word()).to_owned()
    }

    /// Returns the query with a value added, or taken back, on the first page.
    pub(crate) fn toggled(self, query: &ListChanges, value: &str) -> ListChanges {
        let mut query = ListChanges { page: 0, ..query.clone() };
        let chosen = match self {
            Self::Environment => &mut query.environment,
            Self::Kind => &mut query.kind,
            Self::Who => &mut query.who,
        };
        match chosen.iter().position(|it| it == value) {
            Some(place) => drop(chosen.remove(place)),
            None => chosen.push(value.to_owned()),
        }
        query
    }
}

/// The words of the kinds in the URL.
pub(crate) const KINDS: [(&str, PlanKind); 3] =
    [("promote", PlanKind::Promote), ("rollback", PlanKind::Rollback), ("introduce", PlanKind::Introduce)];

/// Reads the query from the values that `values` returns for each key. What makes no sense is left out.
pub(crate) fn from_values(values: impl Fn(&str) -> Vec<String>) -> ListChanges {
    let last = |key: &str| values(key).pop().unwrap_or_default();
    let many =
        |key: &str| -> Vec<String> { values(key).into_iter().filter(|value| !value.is_empty()).collect() };
    let mut state = many("state");
    state.retain(|word| ChangeGroup::parse(word).is_some());
    let mut kind = many("kind");
    kind.retain(|word| KINDS.iter().any(|(it, _)| it == word));
    ListChanges {
        q: last("q").trim().to_owned(),
        environment: many("environment"),
        state,
        kind,
        who: many("who"),
        page: last("page").parse().unwrap_or(0),
        per_page: last("per_page").parse().unwrap_or(0),
    }
}

/// Returns the query as pairs of the URL, without what is the default.
pub(crate) fn to_pairs(query: &ListChanges) -> Vec<(&'static str, String)> {
    let mut pairs = Vec::new();
    if !query.q.is_empty() {
        pairs.push(("q", query.q.clone()));
    }
    for filter in ChangeFilter::ALL {
        pairs.extend(filter.chosen(query).iter().map(|value| (filter.key(), value.clone())));
    }
    pairs.extend(kept_pairs(query));
    if query.page > 1 {
        pairs.push(("page", query.page.to_string()));
    }
    pairs
}

/// Returns the part of the query that the form of the filters leaves as it is: states and rows on a page.
pub(crate) fn kept_pairs(query: &ListChanges) -> Vec<(&'static str, String)> {
    let mut pairs: Vec<_> = query.state.iter().map(|word| ("state", word.clone())).collect();
    if !matches!(query.per_page, 0 | DEFAULT_PER_PAGE) {
        pairs.push(("per_page", query.per_page.to_string()));
    }
    pairs
}

/// Returns the query with changes of one group alone, or of all.
pub(crate) fn of_group(query: &ListChanges, group: Option<ChangeGroup>) -> ListChanges {
    let state = group.map(|group| group.word().to_owned()).into_iter().collect();
    ListChanges { state, page: 0, ..query.clone() }
}

/// Returns the query without its filters.
pub(crate) fn cleared(query: &ListChanges) -> ListChanges {
    ListChanges { per_page: query.per_page, ..ListChanges::default() }
}

/// Returns what hides changes, in words: `Kind: Promote`, `text “web”`.
pub(crate) fn words(query: &ListChanges) -> Vec<String> {
    let text = (!query.q.is_empty()).then(|| format!("text “{}”", query.q));
    let states: Vec<_> = query.state.iter().filter_map(|word| ChangeGroup::parse(word)).collect();
    let states: Vec<_> = states.into_iter().map(ChangeGroup::label).collect();
    let states = (!states.is_empty()).then(|| format!("State: {}", states.join(" or ")));
    let filters =
        ChangeFilter::ALL.into_iter().filter(|filter| !filter.chosen(query).is_empty()).map(|filter| {
            let values: Vec<_> = filter.chosen(query).iter().map(|value| filter.label(value)).collect();
            format!("{}: {}", filter.title(), values.join(" or "))
        });
    text.into_iter().chain(states).chain(filters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, String)]) -> ListChanges {
        from_values(|key| pairs.iter().filter(|(it, _)| *it == key).map(|(_, value)| value.clone()).collect())
    }

    #[test]
    fn a_query_survives_its_url() {
        let query = ListChanges {
            q: "web & co".into(),
            environment: vec!["staging".into(), "prod".into()],
            state: vec!["in_flight".into()],
            kind: vec!["rollback".into()],
            who: vec!["Maya Lindqvist".into()],
            page: 3,
            per_page: 200,
        };
        assert_eq!(read(&to_pairs(&query)), query);
    }

    #[test]
    fn nonsense_is_left_out() {
        let pairs = [("state", "lost".to_owned()), ("kind", "teleport".into()), ("page", "-1".into())];
        assert_eq!(read(&pairs), ListChanges::default());
    }

    #[test]
    fn what_hides_changes_is_told_in_the_words_of_the_page() {
        let query = ListChanges {
            q: "web".into(),
            state: vec!["for_person".into()],
            kind: vec!["rollback".into(), "promote".into()],
            page: 4,
            ..ListChanges::default()
        };
        assert_eq!(
            words(&query),
            ["text “web”", "State: Waiting for a person", "Kind: Roll back or Promote"]
        );
        assert_eq!(of_group(&query, None).page, 0, "another filter begins on its first page");
        assert!(words(&cleared(&query)).is_empty());
    }
}
