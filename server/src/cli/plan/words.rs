//! A plan as a terminal shows it. What repositories hold is escaped: a terminal would obey some of it.

use std::fmt::{Error, Write as _};

use model::plan::{CommitRef, ForeignEdit, Move, Plan, PlanKind, PlanRow, RowOutcome, Stay, Verified};

use crate::cli::print::safe;

/// So many lines of a list are shown; `--format json` has them all.
const MOST_LINES: usize = 40;

/// Writes a plan.
///
/// # Errors
/// None; writing to a string does not fail.
pub(in crate::cli) fn of(plan: &Plan) -> Result<String, Error> {
    let mut text = String::new();
    let Plan { commit, hash, rows, .. } = plan;
    writeln!(text, "{}", title(plan))?;
    writeln!(text, "at commit {commit:.10}, plan {hash:.12}")?;
    for warning in &plan.warnings {
        writeln!(text, "! {}", safe(warning))?;
    }
    for one in rows {
        row(&mut text, plan, one)?;
    }
    if rows.len() > 1 {
        totals(&mut text, rows)?;
    }
    Ok(text)
}

/// Writes what becomes of each app of a plan, and nothing else.
///
/// # Errors
/// None; writing to a string does not fail.
pub(in crate::cli) fn short(plan: &Plan) -> Result<String, Error> {
    let mut text = String::new();
    writeln!(text, "{}", title(plan))?;
    for warning in &plan.warnings {
        writeln!(text, "! {}", safe(warning))?;
    }
    for row in &plan.rows {
        let outcome = match &row.outcome {
            RowOutcome::NothingToDo => format!("nothing to do: {} has this already", plan.to),
            RowOutcome::Skipped { why } => format!("skipped: {}", safe(why.trim_end_matches('.'))),
            RowOutcome::Stopped { why } => format!("stopped: {}", safe(why.trim_end_matches('.'))),
            RowOutcome::Moves => versions(row).unwrap_or_else(|| "moves".to_owned()),
        };
        writeln!(text, "  {}  {outcome}", safe(&row.app))?;
        for warning in &row.warnings {
            writeln!(text, "  ! {}", safe(warning))?;
        }
    }
    writeln!(text, "plan {:.12}", plan.hash)?;
    Ok(text)
}

fn title(Plan { kind, from, to, rows, .. }: &Plan) -> String {
    let what = match &rows[..] {
        [row] => safe(&row.app),
        _ => format!("{} apps", rows.len()),
    };
    let act = kind.word();
    match kind {
        PlanKind::Rollback => format!("{act} {what} in {to} to {from:.10}"),
        _ => format!("{act} {what} from {from} to {to}"),
    }
}

fn versions(row: &PlanRow) -> Option<String> {
    let before = row.before.as_deref().unwrap_or("nothing");
    Some(format!("{} -> {}", safe(before), safe(row.after.as_ref()?)))
}

fn totals(text: &mut String, rows: &[PlanRow]) -> Result<(), Error> {
    let count = |is: fn(&RowOutcome) -> bool| rows.iter().filter(|row| is(&row.outcome)).count();
    writeln!(
        text,
        "\n{} move, {} have nothing to do, {} skipped, {} stopped",
        count(|it| matches!(it, RowOutcome::Moves)),
        count(|it| matches!(it, RowOutcome::NothingToDo)),
        count(|it| matches!(it, RowOutcome::Skipped { .. })),
        count(|it| matches!(it, RowOutcome::Stopped { .. })),
    )
}

fn row(text: &mut String, plan: &Plan, row: &PlanRow) -> Result<(), Error> {
    let to = &plan.to;
    writeln!(text)?;
    if plan.rows.len() > 1 {
        writeln!(text, "{} ({})", safe(&row.app), safe(&row.base_path))?;
    }
    match &row.outcome {
        RowOutcome::NothingToDo => writeln!(text, "Nothing to do: {to} has this already.")?,
        RowOutcome::Skipped { why } => writeln!(text, "Skipped: {}.", safe(why))?,
        RowOutcome::Stopped { why } => writeln!(text, "Stopped: {}.", safe(why))?,
        RowOutcome::Moves => {
            if let Some(versions) = versions(row) {
                writeln!(text, "{versions}")?;
            }
        }
    }
    for warning in &row.warnings {
        writeln!(text, "! {}", safe(warning))?;
    }
    moves(text, row)?;
    foreign(text, &row.foreign)?;
    commits(text, plan.kind, &row.commits)?;
    if matches!(row.outcome, RowOutcome::Moves | RowOutcome::Stopped { .. }) {
        facts(text, plan.kind, row)?;
    }
    stays(text, &row.stays)
}

fn moves(text: &mut String, row: &PlanRow) -> Result<(), Error> {
    if row.moves.is_empty() {
        return Ok(());
    }
    writeln!(text, "\nMoves")?;
    let mut last = "";
    for Move { file, field, before, after } in row.moves.iter().take(MOST_LINES) {
        if last != file.as_str() {
            writeln!(text, "  {}", safe(file))?;
            last = file;
        }
        match (field.as_str(), before, after) {
            ("(file)", None, _) => writeln!(text, "    a new file")?,
            ("(file)", _, None) => writeln!(text, "    the file goes")?,
            ("(file)", ..) => writeln!(text, "    the whole file")?,
            _ => writeln!(text, "    {}: {} -> {}", safe(field), shown(before), shown(after))?,
        }
    }
    more(text, row.moves.len())
}

fn foreign(text: &mut String, edits: &[ForeignEdit]) -> Result<(), Error> {
    if edits.is_empty() {
        return Ok(());
    }
    writeln!(text, "\nChanged by others since the last promotion")?;
    let by = |commit: &Option<CommitRef>| match commit {
        Some(CommitRef { id, author, at, .. }) => format!(" ({}, {at}, {id:.10})", safe(author)),
        None => String::new(),
    };
    for edit in edits {
        writeln!(text, "  {} {}", safe(&edit.file), safe(&edit.field))?;
        writeln!(text, "    was promoted: {}{}", shown(&edit.base), by(&edit.promoted_by))?;
        writeln!(text, "    is there now: {}{}", shown(&edit.ours), by(&edit.changed_by))?;
        writeln!(text, "    would come:   {}{}", shown(&edit.theirs), by(&edit.source_changed_by))?;
    }
    Ok(())
}

fn commits(text: &mut String, kind: PlanKind, commits: &[CommitRef]) -> Result<(), Error> {
    if commits.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n{}", if kind == PlanKind::Rollback { "Takes back" } else { "Brings" })?;
    for commit in commits.iter().take(MOST_LINES) {
        writeln!(text, "  {}", line_of(commit))?;
    }
    more(text, commits.len())
}

/// What the history and the fleet say.
fn facts(text: &mut String, kind: PlanKind, row: &PlanRow) -> Result<(), Error> {
    writeln!(text)?;
    match &row.last_touched {
        Some(commit) => writeln!(text, "Last changed    {}", line_of(commit))?,
        None if kind == PlanKind::Introduce => {}
        None => writeln!(text, "Last changed    not known")?,
    }
    if let Some(later) = &row.later {
        writeln!(text, "Later there     {}", line_of(later))?;
    }
    match &row.verified {
        Verified::Healthy { since: Some(since) } => writeln!(text, "Verified        healthy since {since}")?,
        Verified::Healthy { since: None } => writeln!(text, "Verified        healthy")?,
        Verified::Not { why } => writeln!(text, "Verified        no: {}", safe(why))?,
        Verified::NotKnown => writeln!(text, "Verified        not known")?,
    }
    Ok(())
}

fn stays(text: &mut String, stays: &[Stay]) -> Result<(), Error> {
    let told: Vec<_> = stays.iter().filter(|stay| !stay.expected).collect();
    if !stays.is_empty() {
        writeln!(text, "\nStays as it is")?;
    }
    for Stay { file, field, source, target, why, .. } in told.iter().take(MOST_LINES) {
        let (file, why) = (safe(file), safe(why));
        match field {
            Some(field) => {
                let (source, target) = (shown(source), shown(target));
                writeln!(text, "  {file} {}: {target}, there {source} ({why})", safe(field))?;
            }
            None => writeln!(text, "  {file} ({why})")?,
        }
    }
    more(text, told.len())?;
    match stays.len() - told.len() {
        0 => Ok(()),
        1 => writeln!(text, "  1 difference is expected"),
        expected => writeln!(text, "  {expected} differences are expected"),
    }
}

fn line_of(CommitRef { id, subject, author, .. }: &CommitRef) -> String {
    format!("{id:.10} {}: {}", safe(author), safe(subject))
}

fn more(text: &mut String, length: usize) -> Result<(), Error> {
    match length.saturating_sub(MOST_LINES) {
        0 => Ok(()),
        more => writeln!(text, "  and {more} more"),
    }
}

/// A value has its own escapes where it is a text.
fn shown(value: &Option<String>) -> String {
    value.as_ref().map_or_else(|| "nothing".to_owned(), |it| it.chars().filter(|c| !c.is_control()).collect())
}
