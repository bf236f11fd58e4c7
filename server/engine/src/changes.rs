//! Stub of the branch wt-doors: the settings of changes; the lead writes the rest.

use std::time::Duration;

use secrecy::SecretString;

/// How changes are committed, and how long they wait.
#[derive(Clone, Debug)]
pub struct ChangeSettings {
    pub approval: Duration,
    pub rollout: Duration,
    pub committer_name: String,
    pub committer_email: String,
    pub signing_key: Option<SecretString>,
}

impl Default for ChangeSettings {
    fn default() -> Self {
        Self {
            approval: Duration::from_secs(24 * 3600),
            rollout: Duration::from_secs(600),
            committer_name: "Quarterdeck".into(),
            committer_email: "quarterdeck@localhost".into(),
            signing_key: None,
        }
    }
}
