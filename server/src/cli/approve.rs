//! `quarterdeck approve`: says where a change is approved. A token never approves: it would be a person's word without the
//! person.

use app::routes;
use clap::Args;

use super::remote::Remote;

/// The flags of `quarterdeck approve`.
#[derive(Args)]
pub struct Approve {
    /// The number of a change, or the hash of a plan.
    #[arg(value_name = "CHANGE_OR_PLAN", value_parser = what)]
    what: What,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone)]
enum What {
    Change(u64),
    Plan(String),
}

impl Approve {
    /// Returns what to print.
    ///
    /// # Errors
    /// No Quarterdeck is named.
    pub fn words(&self) -> anyhow::Result<String> {
        let server = self.remote.url()?;
        let (page, place) = match &self.what {
            What::Change(id) => (routes::change(*id), ""),
            What::Plan(hash) => (routes::plan(hash), ", whose change is approved on its own page"),
        };
        Ok(format!(
            "{server}{page}\nNothing is approved yet: that takes a person who is signed in. Open the page{place}."
        ))
    }
}

fn what(text: &str) -> Result<What, String> {
    const HASH: usize = 64;
    if text.len() == HASH && text.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Ok(What::Plan(text.to_ascii_lowercase()));
    }
    let number = text.parse().map(What::Change);
    number.map_err(|_| "it is neither the number of a change nor the whole hash of a plan".to_owned())
}
