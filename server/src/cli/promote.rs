//! `quarterdeck promote`: brings apps from one environment to another, through Git.

use std::{io::Write, process::ExitCode};

use clap::Args;
use model::{
    gate::HoldFor,
    plan::{AskPlan, AskPromotion},
};

use super::carry::Carry;

/// The flags of `quarterdeck promote`.
#[derive(Args)]
pub struct Promote {
    /// The app, by the name in its page's URL; several make one change, of one commit.
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
    /// Takes the newest commit, whether it was verified or not.
    #[arg(long)]
    take_latest: bool,
    #[command(flatten)]
    carry: Carry,
}

impl Promote {
    /// Promotes; returns the exit status.
    ///
    /// # Errors
    /// As of any change: the server does not answer or refuses, a flag is missing, or the time is over.
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let all_if = |wanted: bool| if wanted { self.apps.clone() } else { Vec::new() };
        let ask = AskPromotion {
            apps: self.apps.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            take_latest: all_if(self.take_latest),
            overwrite: all_if(self.overwrite),
        };
        self.carry.carry_out(&AskPlan::Promote(ask), HoldFor::None, out)
    }
}
