//! The faults of a repository, each with its place and the mend: what will do harm at the next sync, and what will
//! surprise somebody.
//!
//! Only what the repository says, and what its Applications follow, is looked at: no cluster, no network, no rendering.
//! How much is read and told is bounded; where a bound is met, that is told as well. Values of Secrets are never shown.

mod applications;
mod images;
mod kustomizations;
mod layouts;
mod manifests;
mod reading;

use model::repository::{Finding, Severity};

use self::reading::Reading;
use super::{layout::Found, rules::Rules, tree::Tree};

/// More findings are not told; the worst come first.
pub const MOST_FINDINGS: usize = 500;

/// What an Application follows in the repository.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ApplicationSource {
    pub name: String,
    /// The path in the repository; empty for its root and for charts.
    pub path: String,
    /// The branch, tag or commit; empty for the default branch.
    pub target_revision: String,
    /// The environment that it deploys to, where that is known.
    pub environment: Option<String>,
    pub cluster: String,
    pub namespace: String,
    /// The values files that it names, as it names them.
    pub value_files: Vec<String>,
}

/// Finds the faults of a repository, the worst first.
///
/// Of the rules only the words of environments matter here: with or without those of the repository itself.
///
/// `applications` are those of the fleet that come from this repository; for a plain clone there are none, and those
/// whose manifests are in the repository are looked at alone.
pub fn lint(
    tree: &Tree<'_>,
    found: &Found,
    rules: &Rules,
    applications: &[ApplicationSource],
) -> Vec<Finding> {
    let mut reading = Reading::of(tree, rules);
    let mut report = Report::default();
    layouts::check(&reading, found, &mut report);
    kustomizations::check(&mut reading, found, &mut report);
    manifests::check(&mut reading, found, &mut report);
    applications::check(&mut reading, found, applications, &mut report);
    if let Some(what) = reading.bound() {
        report.add(Severity::Hint, "bounded", "", None, what, "Split the repository, or lint a part of it.");
    }
    report.finish()
}

/// What is found so far.
#[derive(Default)]
struct Report {
    findings: Vec<Finding>,
    left_out: usize,
}

impl Report {
    /// How many are kept before the worst are chosen.
    const MOST_KEPT: usize = 20_000;

    fn add(
        &mut self,
        severity: Severity,
        check: &str,
        path: &str,
        line: Option<u32>,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) {
        if self.findings.len() >= Self::MOST_KEPT {
            self.left_out += 1;
            return;
        }
        self.findings.push(Finding {
            severity,
            check: check.to_owned(),
            path: path.escape_debug().to_string(),
            line,
            what: one_line(what.into()),
            mend: mend.into(),
        });
    }

    fn finish(mut self) -> Vec<Finding> {
        let key = |it: &Finding| (it.severity, it.path.clone(), it.line, it.check.clone());
        self.findings.sort_by_key(key);
        self.findings.dedup();
        let left_out = self.left_out + self.findings.len().saturating_sub(MOST_FINDINGS);
        if left_out > 0 {
            self.findings.truncate(MOST_FINDINGS - 1);
            self.findings.push(Finding {
                severity: Severity::Hint,
                check: "bounded".to_owned(),
                path: String::new(),
                line: None,
                what: format!("{} more findings are not told.", left_out + 1),
                mend: "Mend these first, then lint again.".to_owned(),
            });
        }
        self.findings
    }
}

/// Names and values come from the repository, where anybody may have written anything.
fn one_line(text: String) -> String {
    const LONGEST: usize = 500;
    if text.len() <= LONGEST && !text.contains(char::is_control) {
        return text;
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}
