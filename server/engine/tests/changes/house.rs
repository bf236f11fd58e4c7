//! A house for changes: a repository, a PostgreSQL, and as many replicas as a test wants.

use std::{
    cell::Cell,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use engine::{Error, db::Db};
use git2::Oid;
use model::{
    Actor, AppError,
    actor::ActorKind,
    change::{ChangeDetail, ChangeState, DecideChange, StartChange, Started, Verdict},
    gate::HoldFor,
    plan::{AskPlan, AskPromotion, AskRollback, AskUndo, PlanDetail},
};
use sqlx::{AssertSqlSafe, Row as _};
use tempfile::TempDir;

use super::{
    fleet::{CREW, Looks},
    remote::{Remote, VERSIONS},
    replica::{Replica, Setup},
};
use crate::support::{admin, database_url};

/// How long something may take that has to come, on a machine that is busy with much else.
const PATIENCE: Duration = Duration::from_secs(120);

/// `git` as a replica has it: what the file beside it says comes first, with the name of the call in `$call`. A script
/// that is written while others start programs may be found busy, so that this one is written once.
const GIT: &str = r#"#!/bin/sh
for word in "$@"; do case $word in push | fetch | ls-remote) call=$word ;; esac; done
here=${0%/*}
first() { [ "$call" = "$1" ] && mkdir "$here/was-$1-$2" 2>/dev/null; }
case $call in push | fetch | ls-remote) [ ! -e "$0.does" ] || . "$0.does" ;; esac
exec git "$@"
"#;

/// A fleet with one repository.
pub(crate) struct House {
    pub(crate) db: Db,
    pub(crate) remote: Remote,
    pub(crate) replica: Replica,
    pub(crate) apps: Vec<String>,
    /// Of the database, for other programs.
    pub(crate) url: String,
    setup: Box<dyn Fn(&mut Setup)>,
    folder: TempDir,
    replicas: Cell<u32>,
}

impl House {
    /// Web and api in three environments; see [`VERSIONS`].
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// As [`House::new`], with replicas that are set up differently.
    pub(crate) async fn with(setup: impl Fn(&mut Setup) + 'static) -> Self {
        Self::of(&["web", "api"], setup).await
    }

    /// As [`House::with`], with other apps.
    pub(crate) async fn of(apps: &[impl AsRef<str>], setup: impl Fn(&mut Setup) + 'static) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let remote = Remote::make(&folder.path().join("remote.git"), apps);
        for program in ["git", "git-of-child"] {
            let path = folder.path().join(program);
            fs::write(&path, GIT).expect("writes");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("may run");
        }
        let url = database_url().await;
        let db = Db::connect(&url).await.expect("connects and migrates");
        let setup: Box<dyn Fn(&mut Setup)> = Box::new(setup);
        let own = Db::connect(&url).await.expect("connects");
        let replica = Self::make(&own, &remote, folder.path(), 0, &*setup);
        let apps: Vec<_> = apps.iter().map(|it| it.as_ref().to_owned()).collect();
        let house = Self { db, remote, replica, apps, url, setup, folder, replicas: Cell::new(1) };
        house.replica.fleet.listed();
        house.all_run(&house.replica);
        house
    }

    /// Starts another program on the same database and repository, which knows the fleet.
    pub(crate) async fn another(&self) -> Replica {
        let replica = self.blank().await;
        replica.fleet.listed();
        self.all_run(&replica);
        replica
    }

    /// As [`House::another`], before it has read anything of the fleet.
    pub(crate) async fn blank(&self) -> Replica {
        let number = self.replicas.replace(self.replicas.get() + 1);
        let db = Db::connect(&self.url).await.expect("connects");
        Self::make(&db, &self.remote, self.folder.path(), number, &*self.setup)
    }

    fn make(db: &Db, remote: &Remote, folder: &Path, number: u32, change: &dyn Fn(&mut Setup)) -> Replica {
        let mut setup = Setup::new(db.clone(), remote.url(), folder.join(format!("mirrors-{number}")));
        setup.git = folder.join("git");
        change(&mut setup);
        Replica::new(setup)
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Has the replicas' `git` do this before it fetches or pushes; `$call` says which, `first CALL NAME` holds once.
    pub(crate) fn git_does(&self, script: &str) {
        self.program_does("git", script);
    }

    /// As [`House::git_does`], of the `git` of children.
    pub(crate) fn git_of_child_does(&self, script: &str) {
        self.program_does("git-of-child", script);
    }

    fn program_does(&self, program: &str, script: &str) {
        let (new, does) =
            (self.folder.path().join("new"), self.folder.path().join(format!("{program}.does")));
        fs::write(&new, format!("{script}\n")).and_then(|()| fs::rename(new, does)).expect("writes");
    }

    /// Returns whether a file is there, e.g. one that [`House::git_does`] left.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.folder.path().join(name).exists()
    }

    pub(crate) fn touch(&self, name: &str) {
        fs::write(self.folder.path().join(name), "").expect("writes");
    }

    /// Plans apps from one environment to another.
    pub(crate) async fn plan(&self, apps: &[&str], from: &str, to: &str) -> PlanDetail {
        self.plan_of(&self.replica, &promotion(apps, from, to)).await
    }

    pub(crate) async fn plan_of(&self, replica: &Replica, ask: &AskPlan) -> PlanDetail {
        let plan = replica.planner.make_and_keep(&admin(), ask.clone()).await;
        plan.unwrap_or_else(|error| panic!("{ask:?}: {error}"))
    }

    /// Plans and starts, as the local administrator.
    pub(crate) async fn promote(&self, apps: &[&str], from: &str, to: &str) -> u64 {
        let plan = self.plan(apps, from, to).await;
        self.start(&admin(), &plan).await.expect("starts").change
    }

    /// Starts a plan, with all that is asked for.
    pub(crate) async fn start(&self, actor: &Actor, plan: &PlanDetail) -> Result<Started, AppError> {
        start(&self.replica, actor, &clicked(plan)).await
    }

    /// Goes back to an earlier commit.
    pub(crate) async fn roll_back(&self, app: &str, environment: &str, to: Oid, hold: HoldFor) -> u64 {
        let plan = self.plan_of(&self.replica, &rollback(app, environment, to)).await;
        let request = StartChange { hold, ..clicked(&plan) };
        start(&self.replica, &admin(), &request).await.expect("starts").change
    }

    /// Takes a change back.
    pub(crate) async fn undo(&self, change: u64) -> u64 {
        let plan = self.plan_of(&self.replica, &AskPlan::Undo(AskUndo { change })).await;
        let request = StartChange { hold: HoldFor::None, ..clicked(&plan) };
        start(&self.replica, &admin(), &request).await.expect("starts").change
    }

    /// Approves the plan that a change has now.
    pub(crate) async fn approve(&self, actor: &Actor, change: u64) -> Result<String, AppError> {
        self.decide(actor, change, Verdict::Approve).await
    }

    pub(crate) async fn decide(
        &self,
        actor: &Actor,
        change: u64,
        verdict: Verdict,
    ) -> Result<String, AppError> {
        let detail = self.detail(change).await;
        let request = DecideChange {
            change,
            plan: detail.plan,
            verdict,
            comment: "looked at it".into(),
            typed_environment: detail.row.environment.name().unwrap_or_default().into(),
        };
        let decided = self.replica.changes.decide(actor, &request).await;
        decided.map(|it| it.sentence).map_err(|error| error.into_answer(actor))
    }

    pub(crate) async fn cancel(&self, actor: &Actor, change: u64) -> Result<String, AppError> {
        let cancelled = self.replica.changes.cancel(actor, change).await;
        cancelled.map(|it| it.sentence).map_err(|error| error.into_answer(actor))
    }

    pub(crate) async fn detail(&self, change: u64) -> ChangeDetail {
        self.replica
            .changes
            .get(&admin(), change)
            .await
            .unwrap_or_else(|error| panic!("change {change}: {error}"))
    }

    /// Waits until a change is in one of these states; returns how it stands then.
    pub(crate) async fn until(&self, change: u64, states: &[ChangeState]) -> ChangeDetail {
        let is_there = async {
            loop {
                let detail = self.detail(change).await;
                if states.contains(&detail.row.state) {
                    return detail;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, is_there).await {
            Ok(detail) => detail,
            Err(_) => panic!("change {change} never came to {states:?}: {:#?}", self.detail(change).await),
        }
    }

    /// Waits until a commit of the change is on the branch, by what the program says.
    pub(crate) async fn until_pushed(&self, change: u64) -> ChangeDetail {
        self.until(change, &PUSHED).await
    }

    /// Waits until what a change waits for says this.
    pub(crate) async fn until_why(&self, change: u64, says: &str) -> ChangeDetail {
        let mut detail = self.detail(change).await;
        self.wait(&format!("change {change} says {says}"), async || {
            detail = self.detail(change).await;
            detail.row.why.contains(says)
        })
        .await;
        detail
    }

    /// Waits until something holds.
    pub(crate) async fn wait(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let waits = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waits).await;
        waited.unwrap_or_else(|_| panic!("not in time: {what}"));
    }

    /// Checks that each of these changes is on the branch once, and nothing of ours beside them.
    pub(crate) async fn has_once(&self, changes: &[u64]) {
        let mut expected = Vec::new();
        for change in changes {
            expected.push(self.token_of(*change).await);
        }
        let mut there = self.remote.tokens();
        expected.sort();
        there.sort();
        assert_eq!(there, expected, "the tokens on the branch are those of {changes:?}");
    }

    pub(crate) async fn token_of(&self, change: u64) -> String {
        self.ask(&format!("SELECT token::text FROM changes WHERE id = {change}")).await
    }

    /// Returns the text that a query asks for.
    pub(crate) async fn ask(&self, sql: &str) -> String {
        let row = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_one(self.db.pool()).await;
        row.unwrap_or_else(|error| panic!("{sql}: {error}")).get(0)
    }

    /// Runs statements as the owner: what a test does behind the program's back.
    pub(crate) async fn sql(&self, sql: &str) {
        let mut owner = self.db.as_owner().await.expect("connects");
        let run = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut owner).await;
        run.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Waits until so many wait for locks in the database.
    pub(crate) async fn until_locked(&self, many: i64) {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let mut owner = self.db.as_owner().await.expect("connects");
        self.wait(&format!("{many} wait for locks"), async || {
            let waiting: i64 = sqlx::query_scalar(sql).fetch_one(&mut owner).await.expect("reads");
            waiting >= many
        })
        .await;
    }

    /// What was held by programs that are gone is free now, as it would be after a while.
    pub(crate) async fn expire_leases(&self) {
        self.sql("UPDATE leases SET until = now() - interval '1 second'").await;
    }

    /// Freezes an environment, or all.
    pub(crate) async fn freeze(&self, environment: &str) {
        self.sql(&format!(
            "INSERT INTO freezes (environment, reason, made_by, from_at, until_at, zone)
             VALUES ('{environment}', 'quarter-end close', 'jonas', now() - interval '1 hour', now() + interval '1 day', 'UTC')"
        ))
        .await;
        self.replica.gates.reload().await.expect("reads");
    }

    /// Ends all freezes.
    pub(crate) async fn thaw(&self) {
        self.sql("UPDATE freezes SET ended_at = now() WHERE ended_at IS NULL").await;
        self.replica.gates.reload().await.expect("reads");
        self.replica.changes.wake.notify_one();
    }

    /// Says that Argo CD has compared all with the head, and all is well.
    pub(crate) fn all_run(&self, replica: &Replica) {
        replica.fleet.all_run(&self.apps, self.remote.head());
    }

    /// Says that an app runs the head in an environment, and how.
    pub(crate) fn runs(&self, app: &str, environment: &str, looks: Looks<'_>) {
        self.replica.fleet.runs(app, environment, self.remote.head(), looks);
    }

    /// Gives dev a new version that runs well there.
    pub(crate) fn release(&self, app: &str, tag: &str) {
        let (path, text) = (super::remote::overlay(app, "dev"), super::remote::kustomization("dev", tag));
        self.remote.commit(&[(path, text)], "Release");
        self.runs(app, "dev", Looks::default());
    }

    pub(crate) async fn end(self) {
        self.replica.tasks.shutdown().await;
        self.replica.db.close().await;
        self.db.close().await;
    }
}

/// The states of a change whose commit is on the branch.
pub(crate) const PUSHED: [ChangeState; 6] = [
    ChangeState::Pushed,
    ChangeState::RollingOut,
    ChangeState::NeedsAttention,
    ChangeState::Healthy,
    ChangeState::Soaking,
    ChangeState::Done,
];

/// What staging has at first, and what a promotion from dev brings.
pub(crate) const BEFORE: &str = VERSIONS[1];
pub(crate) const AFTER: &str = VERSIONS[0];

pub(crate) fn promotion(apps: &[&str], from: &str, to: &str) -> AskPlan {
    AskPlan::Promote(AskPromotion {
        apps: apps.iter().map(ToString::to_string).collect(),
        from: from.into(),
        to: to.into(),
        ..AskPromotion::default()
    })
}

pub(crate) fn rollback(app: &str, environment: &str, to: Oid) -> AskPlan {
    AskPlan::Rollback(AskRollback {
        app: app.into(),
        environment: environment.into(),
        revision: to.to_string(),
        whole_path: false,
    })
}

/// A click on a plan, with all that is asked for.
pub(crate) fn clicked(plan: &PlanDetail) -> StartChange {
    StartChange {
        plan: plan.plan.hash.clone(),
        reason: "for the sale".into(),
        typed_environment: plan.target.name().unwrap_or_default().into(),
        hold: HoldFor::None,
        confirm_unrendered: true,
    }
}

pub(crate) async fn start(
    replica: &Replica,
    actor: &Actor,
    request: &StartChange,
) -> Result<Started, AppError> {
    replica.changes.start(actor, request).await.map_err(|error: Error| error.into_answer(actor))
}

/// Somebody who may do all.
pub(crate) fn person(name: &str) -> Actor {
    of_groups(name, &[CREW])
}

/// Somebody of these groups.
pub(crate) fn of_groups(name: &str, groups: &[&str]) -> Actor {
    Actor {
        name: format!("{name}@quarterdeck.test"),
        subject: format!("u-{name}"),
        kind: ActorKind::Person,
        groups: groups.iter().map(ToString::to_string).collect(),
        ..admin()
    }
}

/// An API token of somebody's that may do what they may.
pub(crate) fn token(owner: &Actor) -> Actor {
    Actor {
        name: format!("{} (ci)", owner.name),
        kind: ActorKind::Token,
        scopes: vec!["*, *, *".into()],
        ..owner.clone()
    }
}
