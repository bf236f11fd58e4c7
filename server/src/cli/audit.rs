//! `quarterdeck audit`: verifies the record, and removes old events from it by export.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use engine::audit::{
    OwnedRecord,
    anchor::{Anchor, read_clone},
    chain::Place,
    verify::{AnchorCount, Break, Range, Verification, Whole},
};

use crate::config::{Secrets, database};

/// What to do with the record.
#[derive(Subcommand)]
pub enum Audit {
    /// Walks the chain, and names the first event that is not what it was when it was sealed. Prints the head, SEQ:HEX,
    /// which is an anchor for later runs if it is kept elsewhere. Exit status: 0 where all holds, 1 where it does not, and
    /// on an error.
    Verify(Verify),
    /// Exports the oldest events as NDJSON and removes them; a checkpoint keeps the rest verifiable. Exit status: 0 when
    /// done, also where there was nothing to do, 1 on an error.
    Prune(Prune),
}

/// The flags of `quarterdeck audit verify`.
#[derive(Args)]
pub struct Verify {
    /// The first event [default: the oldest that is at hand].
    #[arg(long, value_name = "SEQ")]
    from: Option<u64>,
    /// The last event [default: the newest].
    #[arg(long, value_name = "SEQ")]
    to: Option<u64>,
    /// What the chain has to agree with: a head that an earlier run printed, or a clone of the repository that heads are
    /// anchored in ([audit.anchor] of the settings), fetched before. Finds a record that was cut or written anew as a whole.
    #[arg(long, value_name = "SEQ:HEX|CLONE", value_parser = kept)]
    anchor: Option<Kept>,
    /// The branch of anchors in that clone, its own or that of origin.
    #[arg(long, value_name = "BRANCH", default_value = "quarterdeck-record")]
    anchor_branch: String,
    #[command(flatten)]
    record: Record,
}

/// What was kept of the chain elsewhere.
#[derive(Clone)]
enum Kept {
    Place(Place),
    Clone(PathBuf),
}

/// The flags of `quarterdeck audit prune`.
#[derive(Args)]
pub struct Prune {
    /// The moment before which events go, e.g. 2025-01-01 or 2025-01-01T00:00:00Z.
    #[arg(long, value_name = "DATE", value_parser = moment)]
    before: jiff::Timestamp,
    /// The new file that they are exported to first.
    #[arg(long, value_name = "FILE")]
    export: PathBuf,
    #[command(flatten)]
    record: Record,
}

/// Where the record is: as for `serve`, with `DATABASE_URL` before all.
#[derive(Args)]
struct Record {
    /// The TOML file with settings.
    #[arg(long, env = "QUARTERDECK_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the private PostgreSQL, which a `quarterdeck serve` has to run.
    #[arg(long, env = "QUARTERDECK_DATA_DIR", value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// Runs a command; an error is its exit status 1.
#[tokio::main(flavor = "current_thread")]
pub async fn run(command: Audit) -> anyhow::Result<()> {
    match command {
        Audit::Verify(flags) => verify(flags).await,
        Audit::Prune(flags) => prune(flags).await,
    }
}

async fn verify(flags: Verify) -> anyhow::Result<()> {
    // Read before the database is: what is anchored later is no matter of this run.
    let (anchors, lines) = match flags.anchor {
        None => (Vec::new(), Vec::new()),
        Some(Kept::Place(place)) => (vec![place], Vec::new()),
        Some(Kept::Clone(clone)) => {
            let lines = read_clone(&clone, &flags.anchor_branch)?;
            (lines.iter().map(|line| line.place).collect(), lines)
        }
    };
    let range = Range { from: flags.from, to: flags.to, anchors };
    match flags.record.open().await?.verify(range).await? {
        Verification::Whole(whole) => say(&holds(&whole)),
        Verification::Broken(broken) => anyhow::bail!(
            "{broken}{}. Keep the database as it is, and compare it with a backup and the exports",
            line_of(&broken, &lines)
        ),
    }
}

/// Tells where the anchor stands that the chain goes against: whoever judges which of them is false looks there.
fn line_of(broken: &Break, lines: &[Anchor]) -> String {
    let line = broken.anchor().and_then(|place| lines.iter().find(|line| line.place == place));
    line.map_or_else(String::new, |Anchor { at, file, line, .. }| format!(" ({file}, line {line}, of {at})"))
}

async fn prune(flags: Prune) -> anyhow::Result<()> {
    let pruned = flags.record.open().await?.prune(flags.before.into(), &flags.export).await?;
    let Some(pruned) = pruned else {
        return say(
            "Nothing to remove: no sealed event is that old, or the oldest is an act without an outcome.",
        );
    };
    let file = flags.export.display();
    say(&format!("{} events were exported to {file} and removed.", pruned.events))?;
    say(&format!("The rest is verified from the checkpoint {} on.", pruned.checkpoint))?;
    match pruned.held_by {
        Some(id) => {
            say(&format!("Later ones stay, for act {id} has no outcome: `quarterdeck serve` gives it one."))
        }
        None => Ok(()),
    }
}

fn holds(whole: &Whole) -> String {
    let waiting = match whole.waiting {
        0 => String::new(),
        waiting => {
            format!("{waiting} events wait for their seal; a `quarterdeck serve` that runs seals them.\n")
        }
    };
    format!("{} events hold together.\n{waiting}{}{}", whole.events, agree(whole.anchors), whole.head)
}

fn agree(anchors: AnchorCount) -> String {
    let AnchorCount { agreeing, removed, outside } = anchors;
    let mut text = match agreeing {
        0 => return String::new(),
        1 => "1 anchor agrees".to_owned(),
        _ => format!("{agreeing} anchors agree"),
    };
    if removed > 0 {
        text.push_str(&format!("; of {removed} older ones the events were removed by retention"));
    }
    if outside > 0 {
        text.push_str(&format!("; {outside} outside of the range were not compared"));
    }
    text + ".\n"
}

impl Record {
    async fn open(self) -> anyhow::Result<OwnedRecord> {
        let database = database(self.config, self.data_dir, Secrets::from_environment())?;
        Ok(OwnedRecord::open(&database).await?)
    }
}

fn kept(text: &str) -> Result<Kept, String> {
    if let Ok(place) = text.parse() {
        return Ok(Kept::Place(place));
    }
    let is_there = Path::new(text).is_dir();
    is_there.then(|| Kept::Clone(text.into())).ok_or_else(|| {
        "it is neither SEQ:HEX, as `quarterdeck audit verify` prints it, nor the folder of a clone".to_owned()
    })
}

fn moment(text: &str) -> Result<jiff::Timestamp, String> {
    let day =
        || text.parse::<jiff::civil::Date>()?.to_zoned(jiff::tz::TimeZone::UTC).map(|day| day.timestamp());
    text.parse().or_else(|_| day()).map_err(|_: jiff::Error| {
        "it is no date like 2025-01-01, nor a moment like 2025-01-01T00:00:00Z".to_owned()
    })
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
