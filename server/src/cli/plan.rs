//! `quarterdeck plan`: what a promotion or a rollback would change. From a plain clone it needs no server and no cluster;
//! what only those know then reads "not known".

pub(super) mod words;

use std::{path::PathBuf, process::ExitCode};

use anyhow::bail;
use clap::{Args, Subcommand};
use engine::git::{
    layout,
    plan::{AppAsk, Promotion, RollbackAsk, Walk, promote, rollback},
    rules::Rules,
    tree::{self, Tree},
};
use model::plan::{AskPlan, AskPromotion, AskRollback, Plan, PlanDetail, RowOutcome};

use super::{print::Output, remote::Remote};

/// So many commits of a clone are looked at for one question.
const MOST_COMMITS: usize = 50_000;

/// What to plan. Exit status: 0 where something would change, 2 where there is nothing to do, 1 on an error and where a
/// person must decide first.
#[derive(Subcommand)]
pub enum Command {
    /// Brings what apps run in an environment to another one.
    Promote(Promote),
    /// Gives an environment the versions that it had at an earlier commit.
    Rollback(Rollback),
}

/// The flags of `quarterdeck plan promote`.
#[derive(Args)]
pub struct Promote {
    /// The app, by its name or its base path; several make one plan.
    #[arg(long = "app", value_name = "APP", required = true)]
    apps: Vec<String>,
    /// The environment that values come from.
    #[arg(long, value_name = "ENVIRONMENT")]
    from: String,
    /// The environment that changes.
    #[arg(long, value_name = "ENVIRONMENT")]
    to: String,
    /// Overwrites what others changed since the last promotion.
    #[arg(long)]
    overwrite: bool,
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
    /// Restores all files of the environment, where nobody else touched them since.
    #[arg(long)]
    whole_path: bool,
    #[command(flatten)]
    source: Source,
}

/// Where the repository is, and how the plan is printed.
#[derive(Args)]
struct Source {
    /// A clone, or a bare repository: neither a server nor a cluster is asked then.
    #[arg(long, value_name = "PATH")]
    repo: Option<PathBuf>,
    #[command(flatten)]
    remote: Remote,
    /// The branch, tag or commit to plan on.
    #[arg(long, default_value = "HEAD")]
    revision: String,
    #[arg(long, value_enum, default_value_t = Output::Text)]
    format: Output,
    /// Prints a patch that `git apply` takes, and nothing else.
    #[arg(long, conflicts_with = "format")]
    patch: bool,
}

impl Command {
    /// Plans; returns what to print, and the exit status.
    ///
    /// # Errors
    /// A repository, revision, app or environment that is not there; files that cannot be read or edited safely.
    pub fn plan(&self) -> anyhow::Result<(String, ExitCode)> {
        let source = match self {
            Self::Promote(it) => &it.source,
            Self::Rollback(it) => &it.source,
        };
        let plan = match &source.repo {
            Some(repo) => self.of_clone(repo, &source.revision)?,
            None => source.of_server(&self.asked())?,
        };
        let text = match source.format {
            _ if source.patch => plan.files.iter().map(|file| file.patch.as_str()).collect(),
            Output::Json => serde_json::to_string_pretty(&plan)?,
            Output::Text => words::of(&plan)?,
        };
        Ok((text.trim_end_matches('\n').to_owned(), status_of(&plan)))
    }

    /// What a Quarterdeck is asked for.
    fn asked(&self) -> AskPlan {
        match self {
            Self::Promote(it) => AskPlan::Promote(AskPromotion {
                apps: it.apps.clone(),
                from: it.from.clone(),
                to: it.to.clone(),
                overwrite: if it.overwrite { it.apps.clone() } else { Vec::new() },
                take_latest: Vec::new(),
            }),
            Self::Rollback(it) => AskPlan::Rollback(AskRollback {
                app: it.app.clone(),
                environment: it.env.clone(),
                revision: it.to.clone(),
                whole_path: it.whole_path,
            }),
        }
    }

    fn of_clone(&self, repo: &std::path::Path, revision: &str) -> anyhow::Result<Plan> {
        let repository = tree::open(repo)?;
        let tree = Tree::at(&repository, revision)?;
        let (rules, trouble) = Rules::default().read(&tree);
        let found = layout::discover(&tree, &rules)?;
        let history = Walk::new(&repository, MOST_COMMITS);
        let planned = match self {
            Self::Promote(it) => promote(&Promotion {
                tree: &tree,
                rules: &rules,
                found: &found,
                history: &history,
                from: &it.from,
                to: &it.to,
                apps: it
                    .apps
                    .iter()
                    .map(|app| AppAsk { overwrite: it.overwrite, ..AppAsk::named(app) })
                    .collect(),
                ours: None,
            })?,
            Self::Rollback(it) => rollback(&RollbackAsk {
                tree: &tree,
                rules: &rules,
                found: &found,
                history: &history,
                app: &it.app,
                environment: &it.env,
                earlier: &Tree::at(&repository, &it.to)?,
                whole_path: it.whole_path,
                ours: None,
            })?,
        };
        let mut plan = planned.plan;
        plan.warnings.extend(trouble.map(|it| format!("{}: {}", it.path, it.why)));
        Ok(plan)
    }
}

impl Source {
    #[tokio::main(flavor = "current_thread")]
    async fn of_server(&self, ask: &AskPlan) -> anyhow::Result<Plan> {
        if self.remote.server.is_none() {
            bail!(
                "name a clone by --repo, or a Quarterdeck by --server (or the variable QUARTERDECK_SERVER)"
            );
        }
        Ok(self.remote.post::<PlanDetail>("/plans", ask).await?.plan)
    }
}

/// The exit status of a plan.
pub(super) fn status_of(plan: &Plan) -> ExitCode {
    let is_stopped = plan.rows.iter().any(|row| matches!(row.outcome, RowOutcome::Stopped { .. }));
    match plan.is_empty() {
        false => ExitCode::SUCCESS,
        true if is_stopped => ExitCode::FAILURE,
        true => ExitCode::from(2),
    }
}
