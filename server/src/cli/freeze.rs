//! `quarterdeck freeze`: closes an environment to promotions for a time, and opens it again.

use clap::{ArgGroup, Args};
use model::{
    Timestamp,
    gate::{CreateFreeze, Freeze as Frozen, FreezeTimes, GateList, Span},
    operation::Outcome,
};

use super::{
    print::{Output, safe},
    remote::Remote,
};

/// The flags of `quarterdeck freeze`.
#[derive(Args)]
#[command(group = ArgGroup::new("act").required(true).args(["env", "all_environments", "end", "list"]))]
#[command(group = ArgGroup::new("new").args(["env", "all_environments"]))]
#[command(group = ArgGroup::new("time").args(["until", "schedule"]))]
pub struct Freeze {
    /// The environment to freeze.
    #[arg(long, value_name = "ENVIRONMENT", requires = "reason", requires = "time")]
    env: Option<String>,
    /// Freezes all environments instead.
    #[arg(long, requires = "reason", requires = "time")]
    all_environments: bool,
    /// The project to freeze [default: all projects].
    #[arg(long, requires = "new")]
    project: Option<String>,
    /// Why.
    #[arg(long, value_name = "REASON", requires = "new")]
    reason: Option<String>,
    /// When it begins, e.g. 2026-12-03T18:00 [default: now].
    #[arg(long, value_name = "TIME", requires = "until")]
    from: Option<String>,
    /// When it ends, e.g. 2026-12-04T08:00.
    #[arg(long, value_name = "TIME", requires = "new")]
    until: Option<String>,
    /// When it begins again and again, in the five fields of cron, e.g. "0 22 * * 5".
    #[arg(long, value_name = "CRON", requires = "duration", requires = "new", conflicts_with = "from")]
    schedule: Option<String>,
    /// How long each time lasts, e.g. 8h.
    #[arg(long, value_name = "TIME", requires = "schedule")]
    duration: Option<String>,
    /// The time zone of these times, e.g. Europe/Berlin [default: UTC].
    #[arg(long, requires = "new")]
    zone: Option<String>,
    /// Ends a freeze, or keeps it from beginning, by the number that `--list` shows.
    #[arg(long, value_name = "NUMBER")]
    end: Option<u64>,
    /// Lists the freezes, those that are now and those to come.
    #[arg(long)]
    list: bool,
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Freeze {
    /// Freezes, ends or lists; returns what to print.
    ///
    /// # Errors
    /// The server does not answer, or it refuses.
    #[tokio::main(flavor = "current_thread")]
    pub async fn run(&self) -> anyhow::Result<String> {
        if self.list {
            let GateList { freezes, .. } = self.remote.get("/gates").await?;
            return match self.output {
                Output::Json => Ok(serde_json::to_string_pretty(&freezes)?),
                Output::Text => Ok(words(&freezes)),
            };
        }
        let outcome: Outcome = match self.end {
            Some(id) => self.remote.delete(&format!("/freezes/{id}")).await?,
            None => self.remote.post("/freezes", &self.asked()).await?,
        };
        match self.output {
            Output::Json => Ok(serde_json::to_string_pretty(&outcome)?),
            Output::Text => Ok(safe(outcome.sentence)),
        }
    }

    fn asked(&self) -> CreateFreeze {
        let given = |flag: &Option<String>| flag.clone().unwrap_or_default();
        CreateFreeze {
            environment: given(&self.env),
            project: given(&self.project),
            reason: given(&self.reason),
            from: given(&self.from),
            until: given(&self.until),
            schedule: given(&self.schedule),
            duration: given(&self.duration),
            zone: given(&self.zone),
        }
    }
}

fn words(freezes: &[Frozen]) -> String {
    if freezes.is_empty() {
        return "No freezes.".into();
    }
    freezes.iter().map(line_of).collect::<Vec<_>>().join("\n")
}

fn line_of(freeze: &Frozen) -> String {
    let Frozen { id, environment, project, reason, by, times, now, next, .. } = freeze;
    let environment = environment.as_ref().map_or_else(|| "all environments".to_owned(), safe);
    let project = project.as_ref().map(|project| format!(" for {}", safe(project))).unwrap_or_default();
    let stands = match (now, next) {
        (Some(Span { until, .. }), _) => format!("frozen until {until}"),
        (None, Some(Span { from, until })) => format!("from {from} until {until}"),
        (None, None) => "over".to_owned(),
    };
    format!("{id}  {environment}{project}, {stands}{}: {} ({})", repeats(times), safe(reason), safe(by))
}

fn repeats(times: &FreezeTimes) -> String {
    match times {
        FreezeTimes::Once { .. } => String::new(),
        FreezeTimes::Repeating { schedule, seconds, zone } => {
            let length = Timestamp(0).took(Timestamp(0).plus_seconds(i64::from(*seconds)));
            format!(", again at \"{}\" {} for {length}", safe(schedule), safe(zone))
        }
    }
}
