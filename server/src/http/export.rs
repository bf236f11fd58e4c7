//! `GET /audit/export?format=ndjson|csv&…`: the sealed record, as far as the filters take it, in the order of its chain.
//!
//! It is read part by part while it is sent, so its length does not matter. What was written within the last second may
//! not be sealed yet, and is then missing at the end. `docs/audit.md` tells how to verify the NDJSON.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Extension,
    body::Body,
    extract::{Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use engine::audit::FORMAT;
use futures::stream;
use model::{
    Actor, AppError, AppResult,
    backend::Backend,
    record::{ExportFormat, ExportPart, ListEvents, SealedEvent},
};
use serde_json::json;

use super::{HttpState, error_page::Failure};

const COLUMNS: [&str; 20] = [
    "seq",
    "at",
    "actor",
    "actor_kind",
    "actor_groups",
    "verb",
    "object",
    "environment",
    "app",
    "control_plane",
    "outcome",
    "reason",
    "details",
    "address",
    "session",
    "request_id",
    "observed",
    "id",
    "outcome_of",
    "hash",
];

/// Sends the export. Whoever may not read the record learns so before anything is sent.
pub(super) async fn export(
    State(http): State<HttpState>,
    Extension(actor): Extension<Actor>,
    Query(values): Query<HashMap<String, String>>,
) -> Result<Response, Failure> {
    let format = format_of(values.get("format").map_or("", String::as_str))?;
    let query = ListEvents::from_values(|key| values.get(key).cloned());
    let backend = http.services.backend.clone();
    let first = backend.export_events(&actor, query.clone(), 0).await?;
    let export =
        Export { backend, actor, query, format, after: first.next, ready: Some(head(format, &first)) };
    let parts = stream::try_unfold((export, Some(first)), |(mut export, part)| async move {
        let text = export.next(part).await?;
        Ok::<_, AppError>(text.map(|text| (text, (export, None))))
    });
    Ok((headers(format), Body::from_stream(parts)).into_response())
}

/// An export on its way.
struct Export {
    backend: Arc<dyn Backend>,
    actor: Actor,
    query: ListEvents,
    format: ExportFormat,
    /// The place that the next part follows; none at the end.
    after: Option<u64>,
    /// What stands before the first part.
    ready: Option<String>,
}

impl Export {
    /// Returns the text of `part`, or of the next one; none at the end. An error breaks the answer off, so that nobody
    /// takes it for a whole one.
    async fn next(&mut self, part: Option<ExportPart>) -> AppResult<Option<String>> {
        let part = match (part, self.after) {
            (Some(part), _) => part,
            (None, None) => return Ok(None),
            (None, Some(after)) => self.backend.export_events(&self.actor, self.query.clone(), after).await?,
        };
        self.after = part.next;
        let mut text = self.ready.take().unwrap_or_default();
        for event in &part.events {
            line(self.format, event, &mut text);
        }
        Ok(Some(text))
    }
}

fn format_of(word: &str) -> AppResult<ExportFormat> {
    match word {
        "ndjson" | "" => Ok(ExportFormat::Ndjson),
        "csv" => Ok(ExportFormat::Csv),
        _ => Err(AppError::Invalid { field: "format".into(), why: "it is ndjson or csv.".into() }),
    }
}

fn headers(format: ExportFormat) -> [(header::HeaderName, &'static str); 2] {
    let (kind, name) = match format {
        ExportFormat::Ndjson => ("application/x-ndjson", "attachment; filename=\"quarterdeck-audit.ndjson\""),
        ExportFormat::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"quarterdeck-audit.csv\""),
    };
    [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)]
}

/// Returns what stands before the events: where the chain goes on from, or the names of the columns.
fn head(format: ExportFormat, first: &ExportPart) -> String {
    match format {
        ExportFormat::Ndjson => {
            let (seq, hash) = (first.after.seq, &first.after.hash);
            format!("{}\n", json!({"format": FORMAT, "after_seq": seq, "after_hash": hash}))
        }
        ExportFormat::Csv => format!("{}\r\n", COLUMNS.join(",")),
    }
}

fn line(format: ExportFormat, event: &SealedEvent, text: &mut String) {
    match format {
        ExportFormat::Ndjson => {
            text.push_str(&serde_json::to_string(event).unwrap_or_default());
            text.push('\n');
        }
        ExportFormat::Csv => {
            let cells = cells(event).map(|value| cell(&value));
            text.push_str(&cells.join(","));
            text.push_str("\r\n");
        }
    }
}

/// Returns the cells of an event, in the order of [`COLUMNS`].
fn cells(sealed: &SealedEvent) -> [String; 20] {
    let event = sealed.event.clone();
    let or_empty = Option::unwrap_or_default;
    [
        sealed.seq.to_string(),
        event.at,
        event.actor,
        event.actor_kind,
        event.actor_groups.join(" "),
        event.verb,
        event.object,
        or_empty(event.environment),
        or_empty(event.app),
        or_empty(event.control_plane),
        event.outcome,
        event.reason,
        event.details,
        or_empty(event.address),
        or_empty(event.session),
        event.request_id,
        event.observed.to_string(),
        event.id,
        or_empty(event.outcome_of),
        sealed.hash.clone(),
    ]
}

/// Writes a cell so that no spreadsheet takes it for a formula, nor for two cells.
fn cell(value: &str) -> String {
    let guard = if value.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if guard.is_empty() && !value.contains([',', '"', '\n', '\r']) {
        return value.to_owned();
    }
    format!("\"{guard}{}\"", value.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(cell("plain words"), "plain words");
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)"] {
            assert_eq!(cell(formula), format!("\"'{formula}\""));
        }
        assert_eq!(cell("two\nlines"), "\"two\nlines\"");
    }
}
