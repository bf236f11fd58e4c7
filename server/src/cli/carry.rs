//! What `quarterdeck promote` and `quarterdeck rollback` have in common: a plan is made and told in short, carried out, and
//! followed. The server decides; what would be refused for a flag is said before it is asked.

use std::{
    fmt::Write as _,
    io::Write,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use app::routes;
use clap::Args;
use model::{
    change::{ChangeDetail, ChangeGroup, ChangeState, StartChange, Started, Step},
    gate::HoldFor,
    plan::{AskPlan, Plan, PlanDetail},
};
use serde::Serialize;

use super::{
    plan::{status_of, words},
    print::{Output, safe},
    remote::{Remote, RemoteError},
};

/// Pauses between two looks at a change: short after news, then longer.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often a change is asked for, where the server does not answer.
const TRIES: u32 = 4;

/// The flags of every command that carries a plan out.
#[derive(Args)]
pub struct Carry {
    /// Why: for the record, the commit and the hold. Needed where the environment is protected, and of a rollback.
    #[arg(long, value_name = "REASON", default_value = "", hide_default_value = true)]
    reason: String,
    /// The environment that changes, typed once more; needed where it is protected.
    #[arg(long, value_name = "ENVIRONMENT", default_value = "", hide_default_value = true)]
    confirm: String,
    /// Goes on although the objects of some Application could not be rendered.
    #[arg(long)]
    confirm_unrendered: bool,
    /// Follows the change until it has ended or needs a person, and tells each step.
    #[arg(long)]
    wait: bool,
    /// How long it is followed at most, e.g. 30m; the change goes on by itself.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time, requires = "wait")]
    timeout: Duration,
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

/// All that came of it, as JSON has it.
#[derive(Serialize)]
struct Report<'a> {
    plan: &'a Plan,
    /// None where there was nothing to do.
    change: Option<Made>,
    /// The change as it stood when it was looked at last; none without `--wait`.
    detail: Option<ChangeDetail>,
}

#[derive(Serialize)]
struct Made {
    id: u64,
    url: String,
    /// Whether it had been asked for before.
    existed: bool,
}

impl Carry {
    /// Plans, carries out and follows; writes what people or programs read, and returns the exit status.
    ///
    /// # Errors
    /// The server does not answer or refuses, a flag is missing, or the change has not come to its end in time.
    #[tokio::main(flavor = "current_thread")]
    pub(super) async fn carry_out(
        &self,
        ask: &AskPlan,
        hold: HoldFor,
        out: &mut dyn Write,
    ) -> anyhow::Result<ExitCode> {
        let detail: PlanDetail = self.remote.post("/plans", ask).await?;
        let plan = &detail.plan;
        self.tell(out, &words::short(plan)?)?;
        if plan.is_empty() {
            self.report(out, &Report { plan, change: None, detail: None })?;
            return Ok(status_of(plan));
        }
        self.check(&detail)?;
        let request = StartChange {
            plan: plan.hash.clone(),
            reason: self.reason.clone(),
            typed_environment: self.confirm.clone(),
            hold,
            confirm_unrendered: self.confirm_unrendered,
        };
        let Started { change: id, existed, sentence } = self.start(&request).await?;
        let url = format!("{}{}", self.remote.url()?, routes::change(id));
        self.tell(out, &format!("\n{}\nChange {id}: {url}\n", safe(sentence)))?;
        let made = Some(Made { id, url, existed });
        if !self.wait {
            self.report(out, &Report { plan, change: made, detail: None })?;
            return Ok(ExitCode::SUCCESS);
        }
        let (detail, is_late) = self.follow(id, out).await?;
        let end = detail.as_ref().map(ending);
        let state = detail.as_ref().map(|it| it.row.state);
        self.report(out, &Report { plan, change: made, detail })?;
        match (end, is_late) {
            (Some(end), false) => self.tell(out, &end)?,
            (Some(end), true) => bail!(
                "it was followed for {:?}, and the change goes on by itself. {}",
                self.timeout,
                end.trim_end()
            ),
            (None, _) => {
                bail!("change {id} could not be looked at for {:?}; it goes on by itself", self.timeout)
            }
        }
        Ok(if state == Some(ChangeState::Done) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Asks for the change; again where no answer came, for asked twice it is one change.
    async fn start(&self, request: &StartChange) -> Result<Started, RemoteError> {
        let mut pause = SHORTEST_PAUSE;
        for _ in 1..TRIES {
            match self.remote.post("/changes", request).await {
                Err(error) if error.is_passing() => tokio::time::sleep(pause).await,
                answer => return answer,
            }
            pause = longer(pause);
        }
        self.remote.post("/changes", request).await
    }

    /// Says which flag is missing, before the server refuses.
    fn check(&self, detail: &PlanDetail) -> anyhow::Result<()> {
        if let Some(environment) = detail.typed_environment.as_ref().filter(|it| **it != self.confirm) {
            bail!(
                "{environment} is protected: type it once more, by --confirm {environment}. Nothing was changed"
            );
        }
        if detail.needs_reason && self.reason.trim().is_empty() {
            bail!("a reason is needed: give it by --reason. Nothing was changed");
        }
        let unrendered = detail.rendered.iter().find_map(|it| Some((it, it.not_rendered.as_ref()?)));
        if let Some((rendered, why)) = unrendered.filter(|_| !self.confirm_unrendered) {
            bail!(
                "what {} would become cannot be told: {}. Look at the plan ({}{}), and go on by --confirm-unrendered. \
                 Nothing was changed",
                safe(&rendered.application.name),
                safe(why.trim_end_matches('.')),
                self.remote.url()?,
                routes::plan(&detail.plan.hash),
            );
        }
        Ok(())
    }

    /// Follows a change until it has ended or needs a person, and tells each step; returns it as it was seen last, and
    /// whether the time is over.
    async fn follow(&self, id: u64, out: &mut dyn Write) -> anyhow::Result<(Option<ChangeDetail>, bool)> {
        let begin = Instant::now();
        let (mut told, mut pause, mut seen) = (0, SHORTEST_PAUSE, None);
        loop {
            match self.remote.get::<ChangeDetail>(&format!("/changes/{id}")).await {
                Ok(detail) => {
                    let news = detail.timeline.get(told..).unwrap_or_default();
                    pause = if news.is_empty() { longer(pause) } else { SHORTEST_PAUSE };
                    for step in news {
                        self.tell(out, &line_of(step))?;
                    }
                    told = detail.timeline.len();
                    let is_over = !detail.row.state.is_open() || waits_for_person(detail.row.state);
                    seen = Some(detail);
                    if is_over {
                        return Ok((seen, false));
                    }
                }
                // The change goes on without us; a restart of the server takes a moment.
                Err(error) if error.is_passing() => pause = longer(pause),
                Err(error) => return Err(lost(error, id)),
            }
            let left = self.timeout.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Ok((seen, true));
            }
            tokio::time::sleep(pause.min(left)).await;
        }
    }

    fn tell(&self, out: &mut dyn Write, text: &str) -> anyhow::Result<()> {
        if self.output == Output::Text {
            out.write_all(text.as_bytes())?;
            // A pipe would hold the steps back until the end.
            out.flush()?;
        }
        Ok(())
    }

    fn report(&self, out: &mut dyn Write, report: &Report<'_>) -> anyhow::Result<()> {
        if self.output == Output::Json {
            writeln!(out, "{}", serde_json::to_string_pretty(report)?)?;
        }
        Ok(())
    }
}

fn waits_for_person(state: ChangeState) -> bool {
    state.group() == ChangeGroup::ForPerson
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).min(LONGEST_PAUSE)
}

fn lost(error: RemoteError, id: u64) -> anyhow::Error {
    anyhow::Error::from(error).context(format!("change {id} was asked for, and cannot be followed"))
}

fn line_of(Step { at, state, who, text }: &Step) -> String {
    let who = if who.is_empty() { String::new() } else { format!(" ({})", safe(who)) };
    format!("{at}  {:<17}  {}{who}\n", state.label(), safe(text))
}

/// Says how a change stands at the end.
fn ending(detail: &ChangeDetail) -> String {
    let row = &detail.row;
    let mut text = format!("Change {} {}", row.id, stands(row.state));
    if !row.why.is_empty() {
        // Writing to a string does not fail.
        let _ = write!(text, ": {}", safe(row.why.trim_end_matches('.')));
    }
    text + ".\n"
}

fn stands(state: ChangeState) -> &'static str {
    match state {
        ChangeState::AwaitingApproval => "waits for approval",
        ChangeState::Waiting => "waits",
        ChangeState::Queued => "is queued",
        ChangeState::Committing => "is being committed",
        ChangeState::Pushed => "is committed",
        ChangeState::RollingOut => "is rolling out",
        ChangeState::NeedsAttention => "needs attention",
        ChangeState::Healthy => "is Healthy",
        ChangeState::Soaking => "is Healthy, and has to stay so",
        ChangeState::Done => "is done",
        ChangeState::Failed => "failed",
        ChangeState::Cancelled => "was cancelled",
        ChangeState::Superseded => "was superseded",
        ChangeState::RolledBack => "was rolled back",
    }
}

fn time(text: &str) -> anyhow::Result<Duration> {
    let time: jiff::SignedDuration = text.parse().context("it is no length of time like 90s, 30m or 2h")?;
    let time = Duration::try_from(time).ok().filter(|time| !time.is_zero());
    time.context("it has to be longer than nothing")
}
