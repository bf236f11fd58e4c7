//! `quarterdeck lint`: the faults of a repository, from a plain clone, with no server and no cluster.

use std::{fmt::Write as _, path::PathBuf};

use clap::Args;
use engine::git::{
    layout::discover,
    lint::lint,
    rules::Rules,
    tree::{self, Tree},
};
use model::repository::{Finding, Severity};

use super::print::Output;

/// The flags of `quarterdeck lint`.
#[derive(Args)]
pub struct Lint {
    /// A clone, or a bare repository.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The branch, tag or commit to look at; changes that are not committed are not seen.
    #[arg(long, default_value = "HEAD")]
    revision: String,
    #[arg(long, value_enum, default_value_t = Output::Text)]
    format: Output,
}

impl Lint {
    /// Looks for faults; returns what to print, and whether one of them is an error.
    ///
    /// # Errors
    /// A repository or revision that is not there, or a tree that cannot be read.
    pub fn look(&self) -> anyhow::Result<(String, bool)> {
        let repository = tree::open(&self.path)?;
        let tree = Tree::at(&repository, &self.revision)?;
        let operators = Rules::default();
        // What is wrong with the repository's own rules is a finding.
        let (rules, _) = operators.read(&tree);
        let found = discover(&tree, &rules)?;
        let findings = lint(&tree, &found, &operators, &[]);
        let has_errors = findings.iter().any(|it| it.severity == Severity::Error);
        let text = match self.format {
            Output::Json => serde_json::to_string_pretty(&findings)?,
            Output::Text => words(&findings)?,
        };
        Ok((text.trim_end_matches('\n').to_owned(), has_errors))
    }
}

fn words(findings: &[Finding]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for Finding { severity, check, path, line, what, mend } in findings {
        // A name of a file may hold what a terminal would obey; the path is escaped where it was found.
        let place = if path.is_empty() { "the repository" } else { path };
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        writeln!(text, "{place}{line}: {} [{check}]", severity.word().to_lowercase())?;
        writeln!(text, "    {}\n    {}", what.escape_debug(), mend.escape_debug())?;
    }
    let count = |severity| findings.iter().filter(|it| it.severity == severity).count();
    let counts = [Severity::Error, Severity::Warning, Severity::Hint].map(count);
    let [errors, warnings, hints] = counts;
    match findings {
        [] => writeln!(text, "No faults found.")?,
        _ => writeln!(
            text,
            "{}, {}, {}",
            many(errors, "error"),
            many(warnings, "warning"),
            many(hints, "hint")
        )?,
    }
    Ok(text)
}

fn many(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
