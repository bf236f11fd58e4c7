//! `quarterdeck rollback`: gives an app in an environment an earlier state, or takes a change back, through Git.

use std::{io::Write, process::ExitCode};

use clap::Args;
use model::{
    gate::HoldFor,
    plan::{AskPlan, AskRollback, AskUndo},
};

use super::{carry::Carry, hold::lasting};

/// The flags of `quarterdeck rollback`.
#[derive(Args)]
pub struct Rollback {
    /// The app, by the name in its page's URL.
    #[arg(long, required_unless_present = "change", requires = "env", requires = "to")]
    app: Option<String>,
    /// The environment that changes.
    #[arg(long, value_name = "ENVIRONMENT", requires = "app")]
    env: Option<String>,
    /// The commit whose state is wanted, by its id.
    #[arg(long, value_name = "COMMIT", requires = "app")]
    to: Option<String>,
    /// Restores all files of the environment, where nobody else touched them since.
    #[arg(long, requires = "app")]
    whole_path: bool,
    /// Takes back what this change wrote, of all its apps, instead.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["app", "env", "to", "whole_path"])]
    change: Option<u64>,
    /// How long the next promotions leave the app alone.
    #[arg(long, value_name = "TIME", default_value = "2d", value_parser = lasting(true))]
    hold: HoldFor,
    #[command(flatten)]
    carry: Carry,
}

impl Rollback {
    /// Rolls back; returns the exit status.
    ///
    /// # Errors
    /// As of any change: the server does not answer or refuses, a flag is missing, or the time is over.
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        self.carry.carry_out(&self.asked(), self.hold, out)
    }

    fn asked(&self) -> AskPlan {
        if let Some(change) = self.change {
            return AskPlan::Undo(AskUndo { change });
        }
        let given = |flag: &Option<String>| flag.clone().unwrap_or_default();
        AskPlan::Rollback(AskRollback {
            app: given(&self.app),
            environment: given(&self.env),
            revision: given(&self.to),
            whole_path: self.whole_path,
        })
    }
}
