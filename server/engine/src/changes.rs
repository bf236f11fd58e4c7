//! Changes: plans that were clicked become commits, once, and are followed until they run.
//!
//! ```text
//! click ──▶ awaiting approval ──▶ waiting ──▶ queued ──▶ committing ──▶ pushed ──▶ rolling out ──▶ healthy ──▶ soaking ──▶ done
//!           people decide          gates      └── the writer of a branch ──┘        └────────── rollout ──────────┘
//! ```
//! Every step is a compare-and-set in PostgreSQL ([`store`]); any replica may make it. What is true of a commit, Git says:
//! after a crash the commit is found by the token in its trailers, or it was never made. Gates and rights are asked at
//! the click, when a change is taken from the queue, and right before the push.

mod decide;
mod gated;
mod read;
pub mod rollout;
mod start;
pub(crate) mod store;
mod waiting;
mod writer;

use std::{sync::Arc, time::Duration};

use model::{Actor, AppError, AppResult, change::ChangeState};
use secrecy::SecretString;
use serde_json::json;
use tokio::sync::Notify;

pub(crate) use self::store::{Reader, of_plan, system};
use self::store::{Stored, StoredApplication};
pub use self::writer::Writing;
use crate::{
    Error, Result,
    access::{Object, Verb},
    audit::{self, Context, Denials, Entry, Intent},
    db::Db,
    fleet::index::{Index, Row, Snapshot},
    gates::Gates,
    git::{
        commit::{Committer, SigningKey},
        mirror::Repo,
    },
    plans::Planner,
    repositories::{Followed, Repositories, followed_by, repo_of},
    tasks::Tasks,
};

/// How often the gates of what waits are looked at, where nothing happens.
const LOOK: Duration = Duration::from_secs(1);
/// After that time without a sign of its holder, another program takes a branch over.
pub const LEASE: Duration = Duration::from_secs(9);

/// How changes are made.
#[derive(Clone, Debug)]
pub struct ChangeSettings {
    /// How long an approval counts.
    pub approval: Duration,
    /// After that time from its push, a change that does not run needs attention.
    pub rollout: Duration,
    pub committer_name: String,
    pub committer_email: String,
    /// In OpenSSH's form, without a passphrase; commits are signed with it.
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

impl ChangeSettings {
    /// Reads who commits.
    ///
    /// # Errors
    /// A signing key that cannot be used.
    pub fn committer(&self) -> Result<Committer> {
        let key = self.signing_key.as_ref().map(SigningKey::read).transpose();
        Ok(Committer {
            name: self.committer_name.clone(),
            email: self.committer_email.clone(),
            key: key.map_err(|error| Error::Setting(format!("changes: {error}")))?,
        })
    }
}

/// Makes changes and reads them; a cheap handle.
#[derive(Clone)]
pub struct Changes {
    pub db: Db,
    pub denials: Denials,
    pub index: Index,
    pub planner: Planner,
    pub repositories: Repositories,
    pub gates: Gates,
    pub settings: Arc<ChangeSettings>,
    pub committer: Arc<Committer>,
    pub tasks: Tasks,
    /// Wakes whoever writes: something is new.
    pub wake: Arc<Notify>,
    pub writing: Writing,
    /// Names this program in leases.
    pub holder: Arc<str>,
    /// How long a lease lasts without a sign; [`LEASE`] but in tests.
    pub lease: Duration,
}

impl Changes {
    /// Brings what waits through its gates and writes what is queued; never returns.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn keep_written(self) -> Result<()> {
        loop {
            self.pass_gates().await?;
            self.write_queued().await?;
            let _quiet = tokio::time::timeout(LOOK, self.wake.notified()).await;
        }
    }

    /// Finds a change that the actor may see.
    async fn find(&self, actor: &Actor, number: u64) -> Result<Stored> {
        let absent = || Error::Answer(AppError::NotFound { what: format!("Change {number}") });
        let stored = store::read(&self.db, store::id_of(number)?).await?.ok_or_else(absent)?;
        if self.may_see(&self.index.load(), actor, &stored) { Ok(stored) } else { Err(absent()) }
    }

    fn may_see(&self, snapshot: &Snapshot, actor: &Actor, change: &Stored) -> bool {
        !change.applications.is_empty()
            && objects(snapshot, Verb::Get, change).all(|it| snapshot.rights.allows(actor, Verb::Get, &it))
    }
}

/// The Applications of a change as rights know them, by what was stored of them.
pub(crate) fn objects<'a>(
    snapshot: &'a Snapshot,
    verb: Verb,
    change: &'a Stored,
) -> impl Iterator<Item = Object<'a>> + 'a {
    change.applications.iter().filter_map(move |application| {
        let app = change.apps.get(application.position)?;
        Some(object(snapshot, verb, application, (&change.environment, &app.app)))
    })
}

/// An Application of an app in an environment, as rights know it for a verb.
fn object<'a>(
    snapshot: &'a Snapshot,
    verb: Verb,
    application: &'a StoredApplication,
    (environment, app): (&'a str, &'a str),
) -> Object<'a> {
    let StoredApplication { id, project, .. } = application;
    if application.is_guess && verb.writes_to_git() {
        return Object::Absent { control_plane: &id.control_plane, project, environment, app };
    }
    let home = snapshot.planes.get(&id.control_plane).map(|plane| plane.namespace.as_str());
    Object::Application { id, project, environment: Some(environment), app, home: home.unwrap_or_default() }
}

/// Finds the repository as a reader of it follows it: by an Application of its project. None where none follows it any
/// more.
pub(crate) fn repository_of(snapshot: &Snapshot, reader: &Reader, followed: &Followed) -> Option<Repo> {
    let follows = |row: &&Arc<Row>| {
        row.id.control_plane == reader.control_plane
            && row.project == reader.project
            && followed_by(row).as_ref() == Some(followed)
    };
    snapshot.rows.iter().find(follows).map(|row| repo_of(row))
}

/// Checks that an actor may do something on all Applications of a change.
pub(super) fn authorize(snapshot: &Snapshot, actor: &Actor, verb: Verb, change: &Stored) -> AppResult<()> {
    objects(snapshot, verb, change).try_for_each(|object| snapshot.rights.authorize(actor, verb, &object))
}

/// What is about to be done with a change, for the record.
fn entry(verb: &'static str, change: &Stored, mut details: serde_json::Value) -> Entry {
    details["change"] = json!(change.standing.id);
    let context = Context {
        control_plane: change.applications.first().map(|it| it.id.control_plane.clone()),
        app: change.apps.first().map(|it| it.app.clone()),
        ..Context::default()
    };
    let intent = Intent {
        verb,
        object: format!("change {}", change.standing.id),
        environment: Some(change.environment.clone()),
        details,
    };
    intent.within(context)
}

/// Says that the state of things forbids it, and writes that down.
async fn refuse(db: &Db, actor: &Actor, entry: Entry, answer: AppError) -> Result<Error> {
    audit::refuse(db, actor, entry, audit::Outcome::refused(answer.to_string())).await?;
    Ok(Error::Answer(answer))
}

/// The answer where somebody was faster.
fn moved_on(number: i64, state: ChangeState) -> AppError {
    AppError::Conflict { why: format!("Change {number} is {} by now.", state.label().to_lowercase()) }
}
