//! Why something is not rendered. A plan says so, and a change of it asks for more then; it is no failure of ours.

use super::sandbox::Failure;

/// Why something is not rendered. Paths are relative to the repository, and shown with controls escaped.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotRendered {
    #[error(
        "{file} takes {reference:?} from elsewhere, and nothing is fetched to render: bring it into the repository, \
         or look at the change in Argo CD"
    )]
    Remote { file: String, reference: String },
    #[error(
        "the chart {chart:?} lies in a registry, and nothing is fetched to render: Argo CD alone renders it"
    )]
    Registry { chart: String },
    #[error(
        "{file} needs the chart {dependency:?}{from}, which is not in {folder}: put it there (`helm dependency \
         build`), for nothing is fetched to render"
    )]
    Dependency { file: String, dependency: String, from: String, folder: String },
    #[error("{value_file:?} is in another source of the Application, which is not looked into")]
    OtherSource { value_file: String },
    #[error("{place} is rendered by {plugin}, which is not run here: Argo CD alone renders it")]
    Plugin { place: String, plugin: String },
    #[error("the build option {option:?} of Argo CD is not honoured here: {why}")]
    BuildOption { option: String, why: &'static str },
    #[error("{tool} is not installed on this server: put it on PATH, or set its place in the settings")]
    ToolMissing { tool: &'static str },
    #[error("{tool} cannot be asked for its version: {why}")]
    Tool { tool: &'static str, why: String },
    #[error("there is no sandbox to render in, and nothing is rendered without: {why}")]
    Sandbox { why: String },
    #[error("{tool} was stopped: {why}; make the source smaller, or raise the limit")]
    TimedOut { tool: String, why: String },
    #[error("too much is to be rendered: {what}; make the source smaller, or raise the limit")]
    TooLarge { what: String },
    #[error("others are rendering, and no turn came within {seconds} s: try again")]
    Busy { seconds: u64 },
    #[error("{path} is {what}, which is never followed: put the files themselves there")]
    NotFollowed { path: String, what: &'static str },
    #[error("{file} names {reference:?}, which leads out of the repository: nothing outside of it is read")]
    Outside { file: String, reference: String },
    #[error("{path:?} is no path inside of a repository: {why}")]
    Path { path: String, why: &'static str },
    #[error("{path} is not in the repository at this commit; check spec.source of the Application")]
    Missing { path: String },
    #[error("{file} cannot be read: {why}")]
    Unreadable { file: String, why: String },
    #[error("spec.source cannot be read: {why}")]
    Source { why: String },
    /// The tool's own words.
    #[error("{tool} fails: {message}")]
    Build { tool: String, message: String },
    #[error("what {tool} printed cannot be read: {why}")]
    Printed { tool: String, why: String },
    #[error("the repository cannot be read: {why}")]
    Repository { why: String },
    #[error("there is no place to render in: {why}; see to the folder of temporary files")]
    Place { why: String },
}

impl NotRendered {
    /// Returns a word for it, for figures.
    pub fn word(&self) -> &'static str {
        match self {
            Self::TimedOut { .. } => "timeout",
            Self::Sandbox { .. } => "no_sandbox",
            Self::Busy { .. } => "busy",
            Self::Build { .. } => "fails",
            _ => "error",
        }
    }

    pub(super) fn of(failure: Failure, tool: &str) -> Self {
        let tool = tool.to_owned();
        match failure {
            Failure::TimedOut(_) | Failure::Memory(_) => Self::TimedOut { tool, why: failure.to_string() },
            Failure::Output(_) => Self::TooLarge { what: format!("{tool} was stopped, for {failure}") },
            Failure::Start(_) | Failure::Refused(_) => Self::Sandbox { why: failure.to_string() },
        }
    }
}

/// A text from a repository, without what would garble a line.
pub(super) fn shown(text: &str) -> String {
    text.chars()
        .take(300)
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}
