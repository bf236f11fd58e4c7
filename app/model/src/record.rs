//! The record: who did what, on what, and what came of it; and the chain that proves it.

use jiff::{civil::Date, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How many events a page has where nothing is said, and at most.
pub const PER_PAGE: u32 = 50;
pub const MOST_PER_PAGE: u32 = 200;

/// Which events are asked for; all of it is in the URL. Empty filters take all, and all that are set must hold.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema, utoipa::IntoParams))]
#[serde(default)]
pub struct ListEvents {
    /// The actor's name.
    pub who: String,
    pub verb: String,
    pub app: String,
    pub environment: String,
    /// The word of an [`EventOutcome`]; another one takes none.
    pub outcome: String,
    /// The whole object, e.g. `application lab/argocd/web-app-prod`.
    pub object: String,
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
    /// Where the page begins, as a list said it; empty for the newest.
    pub cursor: String,
    /// 1 to 200; 0 is the default of 50.
    pub per_page: u32,
}

impl ListEvents {
    /// Reads the query from the values of the URL. What makes no sense is left out.
    pub fn from_values(value: impl Fn(&str) -> Option<String>) -> Self {
        let text = |key| value(key).unwrap_or_default().trim().to_owned();
        Self {
            who: text("who"),
            verb: text("verb"),
            app: text("app"),
            environment: text("environment"),
            outcome: text("outcome"),
            object: text("object"),
            from: moment(&text("from")),
            to: moment(&text("to")),
            cursor: text("cursor"),
            per_page: text("per_page").parse().unwrap_or(0),
        }
    }

    /// Returns the query as keys and values of the URL; what is the default is left out.
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = self.filters();
        if !self.cursor.is_empty() {
            pairs.push(("cursor", self.cursor.clone()));
        }
        if !matches!(self.per_page, 0 | PER_PAGE) {
            pairs.push(("per_page", self.per_page.to_string()));
        }
        pairs
    }

    /// Returns the filters that are set, as keys and values of the URL.
    pub fn filters(&self) -> Vec<(&'static str, String)> {
        let moment = |at: Option<Timestamp>| at.map(Timestamp::iso).unwrap_or_default();
        let all = [
            ("who", self.who.clone()),
            ("verb", self.verb.clone()),
            ("app", self.app.clone()),
            ("environment", self.environment.clone()),
            ("outcome", self.outcome.clone()),
            ("object", self.object.clone()),
            ("from", moment(self.from)),
            ("to", moment(self.to)),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    /// Returns the query without the filter `key`, on its first page.
    pub fn without(&self, key: &str) -> Self {
        let kept = self.filters();
        let value = |wanted: &str| {
            let pair = kept.iter().find(|(it, _)| *it == wanted && wanted != key);
            pair.map(|(_, value)| value.clone())
        };
        Self { per_page: self.per_page, ..Self::from_values(value) }
    }
}

/// Reads a moment as a form or a script writes it: `2026-11-24`, `2026-11-24T14:20`, with seconds, or RFC 3339. Without
/// an offset it is UTC.
fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(moment.into());
    }
    let civil = text
        .parse::<DateTime>()
        .ok()
        .or_else(|| Some(text.parse::<Date>().ok()?.to_datetime(Default::default())));
    Some(civil?.to_zoned(TimeZone::UTC).ok()?.timestamp().into())
}

/// What came of an act.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EventOutcome {
    /// It is asked for, and has not ended.
    Requested,
    Succeeded,
    /// It was tried and did not work.
    Failed,
    /// The state of things forbade it.
    Refused,
    /// The actor may not.
    Denied,
}

impl EventOutcome {
    pub const ALL: [Self; 5] = [Self::Requested, Self::Succeeded, Self::Failed, Self::Refused, Self::Denied];

    /// Returns the word in the record.
    pub fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Denied => "denied",
        }
    }

    /// Reads the word of the record.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.word() == word)
    }

    /// Returns the word for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Requested => "Asked for",
            Self::Succeeded => "Done",
            Self::Failed => "Failed",
            Self::Refused => "Refused",
            Self::Denied => "Denied",
        }
    }
}

/// One act in the list: its outcome, or its intent while it has none.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    pub id: String,
    pub at: Timestamp,
    pub actor: String,
    pub verb: String,
    pub object: String,
    pub environment: Option<String>,
    pub app: Option<String>,
    pub outcome: EventOutcome,
    /// In words; empty where there is nothing to say.
    pub reason: String,
    /// The address that it came from, where known.
    pub address: Option<String>,
    /// Seen in a cluster, and not done by Quarterdeck.
    pub observed: bool,
}

/// One page of acts, newest first.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventList {
    pub now: Timestamp,
    pub events: Vec<Event>,
    /// Where the next page, of older events, begins; none on the last one.
    pub next_cursor: Option<String>,
    /// Where the page before, of newer events, begins; none on the first one.
    pub previous_cursor: Option<String>,
    pub chain: ChainStatus,
}

/// Where the chain stands.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChainStatus {
    /// The newest seal.
    pub head: Option<Head>,
    /// How many events are sealed and at hand.
    pub sealed: u64,
    /// How many wait for their seal; the count stops at 10,000.
    pub unsealed: u64,
    /// How many were exported and removed by retention.
    pub removed: u64,
    /// When the whole chain was last walked.
    pub verified_at: Option<Timestamp>,
    /// What was broken then, first of all.
    pub broken: Option<String>,
}

/// A place in the chain, with its hash in hexadecimal.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Head {
    pub seq: u64,
    pub hash: String,
}

/// All that the record has on one act.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventDetail {
    pub now: Timestamp,
    /// The intent; where retention removed it, the outcome.
    pub intent: Event,
    /// What came of it, where it ended.
    pub outcome: Option<Event>,
    pub groups: Vec<String>,
    pub session: Option<String>,
    pub control_plane: Option<String>,
    pub request_id: String,
    /// The details of the intent, as JSON for people; empty where there are none.
    pub asked: String,
    /// The details of the outcome.
    pub answered: String,
    /// What the act changed, where the details say before and after.
    pub differences: Vec<Difference>,
    /// The seals of intent and outcome, in this order, as far as they are sealed.
    pub seals: Vec<Seal>,
}

/// One value that an act changed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Difference {
    /// E.g. `spec.replicas`.
    pub path: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// The seal of an event.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Seal {
    pub seq: u64,
    pub hash: String,
    /// The hash of the event before it; none where that is the beginning.
    pub before: Option<String>,
}

/// The formats of an export.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// One JSON object on each line, with all that verification needs.
    Ndjson,
    Csv,
}

/// A part of an export; the next part follows `next`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExportPart {
    /// The place before the first event that is at hand.
    pub after: Head,
    pub events: Vec<SealedEvent>,
    /// The last place that this part looked at; none at the end of the chain.
    pub next: Option<u64>,
}

/// An event with its seal, in the order of the export.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SealedEvent {
    pub seq: u64,
    pub hash: String,
    pub event: CanonicalEvent,
}

/// An event as it is hashed: all of it is text, truth values and null, so that every language writes it alike.
///
/// Its fields stand in the order of their names, so its compact JSON is its canonical form. A field is never added
/// here without a new beginning of the chain.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CanonicalEvent {
    pub actor: String,
    pub actor_groups: Vec<String>,
    pub actor_kind: String,
    pub address: Option<String>,
    pub app: Option<String>,
    /// In UTC with microseconds: `2026-11-24T14:20:03.123456Z`.
    pub at: String,
    pub control_plane: Option<String>,
    /// JSON, as PostgreSQL writes it.
    pub details: String,
    pub environment: Option<String>,
    pub id: String,
    pub object: String,
    pub observed: bool,
    pub outcome: String,
    pub outcome_of: Option<String>,
    pub reason: String,
    pub request_id: String,
    pub session: Option<String>,
    pub verb: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, String)]) -> ListEvents {
        ListEvents::from_values(|key| pairs.iter().find(|(it, _)| *it == key).map(|(_, value)| value.clone()))
    }

    #[test]
    fn a_query_survives_the_url() {
        let query = ListEvents {
            who: "alice".into(),
            outcome: "denied".into(),
            object: "application lab/argocd/web-app-prod".into(),
            from: Some(Timestamp(1_795_617_120_000)),
            cursor: "older.1.x".into(),
            per_page: 20,
            ..Default::default()
        };
        assert_eq!(read(&query.to_pairs()), query);
        assert_eq!(query.without("who").who, "");
        assert_eq!(query.without("who").cursor, "", "another filter begins on its first page");
        assert_eq!(query.without("who").from, query.from);
    }

    #[test]
    fn moments_are_read_as_forms_write_them() {
        let wanted = Some(Timestamp(1_795_564_800_000));
        for text in ["2026-11-25", "2026-11-25T00:00", "2026-11-25T00:00:00Z", "2026-11-25T01:00:00+01:00"] {
            assert_eq!(moment(text), wanted, "{text}");
        }
        assert_eq!(moment("yesterday"), None);
        assert_eq!(moment(""), None);
    }
}
