//! `quarterdeck plan`: what a promotion or a rollback would change, from a plain clone, with no server and no cluster.

use std::{fmt::Write as _, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use engine::git::{
    plan::{promote, rollback},
    rules::Rules,
    tree::{self, Tree},
};
use model::plan::{CommitRef, Plan, PlanKind, PlanRow, RowOutcome, Stay};

/// What to plan. Exit status: 0 where something would change, 2 where there is nothing to do, 1 on an error.
#[derive(Subcommand)]
pub enum Command {
    /// Brings what an environment runs to another one.
    Promote(Promote),
    /// Gives an environment the versions that it had at an earlier commit.
    Rollback(Rollback),
}

/// The flags of `quarterdeck plan promote`.
#[derive(Args)]
pub struct Promote {
    /// The app, by its name or its base path.
    #[arg(long)]
    app: String,
    /// The environment that values come from.
    #[arg(long, value_name = "ENVIRONMENT")]
    from: String,
    /// The environment that changes.
    #[arg(long, value_name = "ENVIRONMENT")]
    to: String,
    #[command(flatten)]
    source: Source,
}

/// The flags of `quarterdeck plan rollback`.
#[derive(Args)]
pub struct Rollback {
    /// The app, by its name or its base path.
    #[arg(long)]
    app: String,
    /// The environment that changes.
    #[arg(long, value_name = "ENVIRONMENT")]
    env: String,
    /// The commit, tag or branch that the versions are taken from.
    #[arg(long, value_name = "REVISION")]
    to: String,
    #[command(flatten)]
    source: Source,
}

/// Where the repository is, and how the plan is printed.
#[derive(Args)]
struct Source {
    /// A clone, or a bare repository.
    #[arg(long, value_name = "PATH", default_value = ".")]
    repo: PathBuf,
    /// The branch, tag or commit to plan on.
    #[arg(long, default_value = "HEAD")]
    revision: String,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Prints a patch that `git apply` takes, and nothing else.
    #[arg(long, conflicts_with = "format")]
    patch: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Command {
    /// Plans; returns what to print, and whether something would change.
    ///
    /// # Errors
    /// A repository, revision, app or environment that is not there; files that cannot be read or edited safely.
    pub fn plan(&self) -> anyhow::Result<(String, bool)> {
        let source = match self {
            Self::Promote(it) => &it.source,
            Self::Rollback(it) => &it.source,
        };
        let repository = tree::open(&source.repo)?;
        let tree = Tree::at(&repository, &source.revision)?;
        let rules = Rules::default();
        let plan = match self {
            Self::Promote(it) => promote(&tree, &rules, &it.app, &it.from, &it.to)?,
            Self::Rollback(it) => rollback(&tree, &Tree::at(&repository, &it.to)?, &rules, &it.app, &it.env)?,
        };
        let text = match source.format {
            _ if source.patch => plan.files.iter().map(|file| file.patch.as_str()).collect(),
            Format::Json => serde_json::to_string_pretty(&plan)?,
            Format::Text => words(&plan)?,
        };
        Ok((text.trim_end_matches('\n').to_owned(), !plan.is_empty()))
    }
}

fn words(plan: &Plan) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let Plan { kind, from, to, commit, hash, .. } = plan;
    let arrow = if *kind == PlanKind::Rollback { "for" } else { "to" };
    let apps: Vec<_> = plan.rows.iter().map(|row| row.app.escape_debug().to_string()).collect();
    let (act, apps) = (kind.word(), apps.join(", "));
    writeln!(text, "{act} {apps} from {from:.12} {arrow} {to}, at commit {commit:.10} (plan {hash:.12})")?;
    for warning in &plan.warnings {
        writeln!(text, "! {}", warning.escape_debug())?;
    }
    for row in &plan.rows {
        row_words(&mut text, plan, row)?;
    }
    Ok(text)
}

fn row_words(text: &mut String, plan: &Plan, row: &PlanRow) -> std::fmt::Result {
    let to = &plan.to;
    if plan.rows.len() > 1 {
        writeln!(text, "\n{}", row.app.escape_debug())?;
    }
    for warning in &row.warnings {
        writeln!(text, "! {}", warning.escape_debug())?;
    }
    match &row.outcome {
        RowOutcome::NothingToDo => writeln!(text, "\nNothing to do: {to} has these versions already.")?,
        RowOutcome::Skipped { why } => writeln!(text, "\nSkipped: {}", why.escape_debug())?,
        RowOutcome::Stopped { why } => writeln!(text, "\nStopped: {}", why.escape_debug())?,
        RowOutcome::Moves => writeln!(text, "\nMoves")?,
    }
    for it in &row.moves {
        let (before, after) = (shown(&it.before), shown(&it.after));
        writeln!(text, "  {}\n    {}: {before} -> {after}", it.file.escape_debug(), it.field)?;
    }
    if let Some(last) = row.last_touched.as_ref().filter(|_| row.outcome == RowOutcome::Moves) {
        let CommitRef { id, subject, author, .. } = last;
        writeln!(text, "  last changed by {author}: {subject} ({id:.10})")?;
    }
    if !row.commits.is_empty() {
        writeln!(text, "\n{}", if plan.kind == PlanKind::Rollback { "Takes back" } else { "Brings" })?;
    }
    for CommitRef { id, subject, author, .. } in &row.commits {
        writeln!(text, "  {id:.10} {author}: {subject}")?;
    }
    if !row.stays.is_empty() {
        writeln!(text, "\nStays")?;
    }
    for Stay { file, field, source, target, why, .. } in &row.stays {
        // A name of a file may hold what a terminal would obey.
        let (file, why) = (file.escape_debug(), why.escape_debug());
        match field {
            Some(field) => {
                let (source, target) = (shown(source), shown(target));
                writeln!(text, "  {file} {field}: {target}, there {source} ({why})")?;
            }
            None => writeln!(text, "  {file} ({why})")?,
        }
    }
    Ok(())
}

fn shown(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("nothing")
}
