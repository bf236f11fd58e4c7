//! `quarterdeck hold`: keeps promotions from an app in an environment, and lets them on again.

use std::fmt::Write as _;

use clap::{
    ArgGroup, Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use model::{
    gate::{GateList, Hold as Held, HoldFor, PlaceHold},
    operation::Outcome,
};

use super::{
    print::{Output, safe},
    remote::Remote,
};

/// The flags of `quarterdeck hold`.
#[derive(Args)]
#[command(group = ArgGroup::new("act").required(true).args(["app", "release", "list"]))]
pub struct Hold {
    /// The app to hold, by the name in its page's URL.
    #[arg(long, requires = "env", requires = "reason")]
    app: Option<String>,
    /// The environment to hold it in.
    #[arg(long, value_name = "ENVIRONMENT", requires = "app")]
    env: Option<String>,
    /// Why.
    #[arg(long, value_name = "REASON", requires = "app")]
    reason: Option<String>,
    /// How long, unless somebody releases it.
    #[arg(long = "for", value_name = "TIME", default_value = "2d", value_parser = lasting(false), requires = "app")]
    lasts: HoldFor,
    /// Releases a hold, by the number that `--list` shows.
    #[arg(long, value_name = "NUMBER")]
    release: Option<u64>,
    /// Lists the holds.
    #[arg(long)]
    list: bool,
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Hold {
    /// Places, releases or lists; returns what to print.
    ///
    /// # Errors
    /// The server does not answer, or it refuses.
    #[tokio::main(flavor = "current_thread")]
    pub async fn run(&self) -> anyhow::Result<String> {
        if self.list {
            let GateList { holds, .. } = self.remote.get("/gates").await?;
            return match self.output {
                Output::Json => Ok(serde_json::to_string_pretty(&holds)?),
                Output::Text => Ok(words(&holds)),
            };
        }
        let outcome: Outcome = match (self.release, &self.app) {
            (Some(id), _) => self.remote.post(&format!("/holds/{id}/release"), &()).await?,
            (None, app) => {
                let given = |flag: &Option<String>| flag.clone().unwrap_or_default();
                let request = PlaceHold {
                    app: given(app),
                    environment: given(&self.env),
                    reason: given(&self.reason),
                    lasts: self.lasts,
                };
                self.remote.post("/holds", &request).await?
            }
        };
        match self.output {
            Output::Json => Ok(serde_json::to_string_pretty(&outcome)?),
            Output::Text => Ok(safe(outcome.sentence)),
        }
    }
}

/// Reads how long a hold lasts; also that there is to be none, where that can be.
pub(super) fn lasting(may_be_none: bool) -> impl TypedValueParser<Value = HoldFor> {
    const WORDS: [(&str, HoldFor); 5] = [
        ("1d", HoldFor::OneDay),
        ("2d", HoldFor::TwoDays),
        ("7d", HoldFor::OneWeek),
        ("until-released", HoldFor::UntilReleased),
        ("none", HoldFor::None),
    ];
    let words = WORDS.into_iter().filter(move |(_, lasts)| may_be_none || *lasts != HoldFor::None);
    let known = PossibleValuesParser::new(words.map(|(word, _)| word));
    known
        .map(|word| WORDS.into_iter().find(|(known, _)| *known == word).map_or(HoldFor::default(), |it| it.1))
}

fn words(holds: &[Held]) -> String {
    if holds.is_empty() {
        return "No holds.".into();
    }
    holds.iter().map(line_of).collect::<Vec<_>>().join("\n")
}

fn line_of(hold: &Held) -> String {
    let Held { id, app, environment, version, reason, owner, expires_at, broken_by, .. } = hold;
    let environment = environment.name().unwrap_or("an unknown environment");
    let at = version.as_ref().map(|version| format!(" at {}", safe(version))).unwrap_or_default();
    let until = expires_at.map_or_else(|| "released".to_owned(), |moment| moment.to_string());
    let mut line = format!(
        "{id}  {} in {}{at}, until {until}: {} ({})",
        safe(app),
        safe(environment),
        safe(reason),
        safe(owner)
    );
    if let Some(commit) = broken_by {
        // Writing to a string does not fail.
        let _ = write!(
            line,
            "\n    goes against it: {:.10} {}: {}",
            commit.id,
            safe(&commit.author),
            safe(&commit.subject)
        );
    }
    line
}
