//! The task "follow changes": looks at each change that rolls out, does what is due, and takes it to its next step.
//!
//! Any replica may run it, and several at once do no harm: the lease saves work, each step is a compare-and-set, and each
//! act is claimed before it is done. Nothing is kept here that a restart would miss.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use git2::Oid;
use model::{
    Timestamp,
    application::ApplicationId,
    change::ChangeState,
    status::{Freshness, Phase, Sync},
};
use uuid::Uuid;

use super::{
    course::{AppStand, ApplicationStand, Stand},
    git::{Branch, Said, Sayings, descends},
    judge::{Act, Asked, Case, Git, Judged, Outlook, Taken, Told, judge},
    rows::{self, App, Change, Followed},
};
use crate::{
    Result,
    argo::operation::{NOT_SEEN, Operator},
    audit::AuditId,
    changes::store::{self, NewStep},
    db::take_lease,
    fleet::index::{Row, Snapshot},
    git::mirror::{MirrorError, MirrorPath, Mirrors, Repo},
    repositories::{blocking, followed_by},
};

const LEASE: &str = "follow changes";
const LEASE_TTL: Duration = Duration::from_secs(10);
/// How often is looked where nothing moves, and how soon at the earliest where much does.
const QUIET: Duration = Duration::from_secs(1);
const BUSY: Duration = Duration::from_millis(200);
/// How many changes are looked at together.
const AT_ONCE: usize = 8;
/// How many steps a change may take in one look.
const STEPS_AT_ONCE: usize = 6;
/// How long a look waits for a mirror; what was begun goes on.
const MIRROR_TIMEOUT: Duration = Duration::from_secs(5);
/// After which a refresh is asked for again: while it rolls out, and where it waits for a person.
const REFRESHED_AGAIN: Duration = Duration::from_secs(30);
const REFRESHED_SELDOM: Duration = Duration::from_secs(300);
/// After which what did not work is tried again, at first and at most.
const FIRST_FETCH_PAUSE: Duration = Duration::from_secs(5);
const FIRST_SYNC_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// After which a sync that nobody sees and that has no end on record was never written, for whoever was at it is gone.
const LOST_MS: i64 = 120_000;

/// Follows changes; a cheap handle.
#[derive(Clone)]
pub struct Follower {
    operator: Operator,
    mirrors: Mirrors,
    /// How long a rollout may take before a person is asked to look.
    limit: Duration,
    /// This program among those that share the database.
    holder: Arc<str>,
    sayings: Arc<Sayings>,
    memory: Arc<Mutex<Memory>>,
}

/// What saves work and is made anew by a restart.
#[derive(Default)]
struct Memory {
    /// The changes whose branch was fetched since their push.
    sure: HashSet<i64>,
    /// The head on whose branch the commit of a change was found.
    on_branch: HashMap<i64, Oid>,
    /// By the reader and the commit that was looked for.
    fetches: HashMap<(Repo, String), Pause>,
    syncs: HashMap<(i64, ApplicationId), (Pause, String)>,
}

/// Something that did not work, and is tried again after a pause that doubles.
#[derive(Clone, Copy)]
struct Pause {
    until: Instant,
    length: Duration,
}

/// A branch of a repository, for whoever's credentials open it.
type BranchName = (Repo, String);

/// A mirror with the head of a branch, or why there is none.
type Head = Result<(MirrorPath, Oid), String>;

/// A mirror with what is known of a change's branch, or why nothing is.
type Place = Result<(MirrorPath, Branch), String>;

/// An Application of a change, and what the index and Git have of it.
struct Seen<'a> {
    followed: &'a Followed,
    row: Option<&'a Row>,
    compared: Said,
    operation: Git,
}

impl Seen<'_> {
    /// Returns what to sync to where that is not the commit of the change: a later one that holds the same, and was synced
    /// already; or what is compared now, where the history was written anew and the commit may be nowhere any more.
    fn to_sync_to(&self) -> Option<String> {
        let row = self.row?;
        let later = row.operation.as_ref().filter(|it| it.phase == Phase::Succeeded && !it.dry_run);
        match (self.compared.git, self.operation) {
            (Git::Rewritten { .. }, _) => row.revision.clone(),
            (_, Git::After { holds: true }) => later?.revision.clone(),
            _ => None,
        }
    }
}

impl Follower {
    /// Makes a follower that acts through `operator`; `limit` is how long a rollout may take before a person is asked to
    /// look.
    pub fn new(operator: Operator, mirrors: Mirrors, limit: Duration) -> Self {
        let holder = Uuid::new_v4().to_string().into();
        Self { operator, mirrors, limit, holder, sayings: Arc::default(), memory: Arc::default() }
    }

    /// Looks whenever the fleet has moved, and each second; never returns.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn run(self) -> Result<()> {
        let mut generations = self.operator.index.generations();
        loop {
            generations.borrow_and_update();
            if take_lease(&self.operator.db, LEASE, &self.holder, LEASE_TTL).await? {
                self.look().await?;
            }
            tokio::time::sleep(BUSY).await;
            let _quiet = tokio::time::timeout(QUIET, generations.changed()).await;
        }
    }

    /// Looks at all changes that roll out, once, whoever holds the lease. What ails one change holds up no other.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn look(&self) -> Result<()> {
        let snapshot = self.operator.index.load();
        let changes = rows::all(&self.operator.db, &snapshot).await?;
        self.forget_others(&changes);
        let heads = self.heads(&changes).await;
        let follow = async |change: Change| {
            let id = change.standing.id;
            if let Err(error) = self.follow(&snapshot, &heads, change).await {
                let error = &error as &dyn std::error::Error;
                tracing::error!(change = id, error, "a change cannot be followed");
            }
        };
        futures::stream::iter(changes).for_each_concurrent(AT_ONCE, follow).await;
        Ok(())
    }

    async fn follow(
        &self,
        snapshot: &Snapshot,
        heads: &HashMap<BranchName, Head>,
        mut change: Change,
    ) -> Result<()> {
        // Where other changes have all of it, these decide.
        if change.apps.is_empty() {
            return Ok(());
        }
        self.adopt(snapshot, &mut change).await?;
        let place = self.place(heads, &change).await;
        let (mut stands, mut healthy_now) = (Vec::new(), None);
        for app in &change.apps {
            let mut applications = Vec::new();
            for followed in &app.applications {
                let row = snapshot.row(&followed.id).map(|row| &**row);
                let seen = self.seen(&change, &place, app, followed, row).await;
                let judged = self.judged(snapshot, &change, &place, &seen).await?;
                let healthy_at = healthy_at(&seen, &judged, change.now);
                healthy_now = healthy_now.max(healthy_at);
                self.write(&change, followed, &judged, healthy_at).await?;
                self.act(&change, &seen, judged.act).await?;
                applications.push(ApplicationStand {
                    name: followed.id.name.clone(),
                    revision: row.and_then(|row| row.revision.clone()),
                    outlook: judged.outlook,
                    why: judged.why,
                });
            }
            let (name, base_path) = (app.name.clone(), app.base_path.clone());
            stands.push(AppStand { name, base_path, applications });
        }
        self.take_steps(&change, &stands, healthy_now).await
    }

    /// Takes the change as far as it goes now.
    async fn take_steps(
        &self,
        change: &Change,
        apps: &[AppStand],
        healthy_now: Option<Timestamp>,
    ) -> Result<()> {
        let db = &self.operator.db;
        let (mut standing, mut why) = (change.standing, change.why.clone());
        let mut stand = Stand {
            state: standing.state,
            commit: &change.commit,
            environment: &change.environment,
            apps,
            soak: Duration::from_secs(u64::try_from(change.soak_seconds).unwrap_or(0)),
            healthy_at: change.healthy_at,
            healthy_now,
            since: change.since,
            limit: self.limit,
            now: change.now,
        };
        for _ in 0..STEPS_AT_ONCE {
            let Some(next) = stand.next() else { break };
            let step = NewStep { why: &next.why, who: "", text: &next.text };
            // Where somebody else was faster, they go on from there.
            let Some(stepped) = store::step(db, standing, next.to, step).await? else { return Ok(()) };
            standing = stepped;
            (stand.state, stand.since, why) = (next.to, change.now, next.why);
            match next.to {
                ChangeState::Done => rows::write_soaked(db, change).await?,
                ChangeState::Healthy | ChangeState::RollingOut | ChangeState::NeedsAttention => {
                    stand.healthy_at = healthy_now.filter(|_| next.to == ChangeState::Healthy);
                    rows::write_healthy_at(db, standing, stand.healthy_at).await?;
                }
                _ => {}
            }
        }
        let said = stand.why(&why);
        if said == why { Ok(()) } else { store::set_why(db, standing, &said).await }
    }

    /// Finds the Applications of apps that had none in the environment.
    async fn adopt(&self, snapshot: &Snapshot, change: &mut Change) -> Result<()> {
        let branch = crate::repositories::Followed {
            repository: change.repository.clone(),
            revision: change.revision.clone(),
        };
        let (introduces, environment) = (change.introduces, change.environment.as_str());
        for app in change.apps.iter_mut().filter(|app| introduces || app.applications.is_empty()) {
            let is_of_app = |row: &&Arc<Row>| {
                *row.identity.key == *app.key
                    && row.environment.name() == Some(environment)
                    && followed_by(row).as_ref() == Some(&branch)
                    && app.applications.iter().all(|it| it.id != row.id)
            };
            for row in snapshot.rows.iter().filter(is_of_app).cloned().collect::<Vec<_>>() {
                rows::adopt(&self.operator.db, change.standing.id, app.position, &row).await?;
                app.applications.push(Followed::new(row.id.clone(), row.cluster.name.clone()));
            }
        }
        Ok(())
    }

    async fn judged(
        &self,
        snapshot: &Snapshot,
        change: &Change,
        place: &Place,
        seen: &Seen<'_>,
    ) -> Result<Judged> {
        let Seen { followed, row, .. } = seen;
        let told = row.map(Told::of);
        let to_apply = row.filter(|row| row.sync != Sync::Synced && seen.compared.git.has_it());
        let window = to_apply.and_then(|row| snapshot.rollout_verdict(row));
        let (taken, asked) = (self.taken(change, seen).await?, self.asked(change, seen).await?);
        let is_listed = snapshot.planes.get(&followed.id.control_plane).is_some_and(|plane| plane.listed);
        let needs_person = change.standing.state == ChangeState::NeedsAttention;
        Ok(judge(&Case {
            application: &followed.id,
            cluster: &followed.cluster,
            told: told.as_ref(),
            listed: is_listed,
            freshness: row.map_or(&Freshness::Connecting, |row| snapshot.freshness(row)),
            window: window.as_ref(),
            commit: &change.commit,
            git: seen.compared.git,
            operation_git: seen.operation,
            taken: taken.as_ref(),
            unread: place.as_ref().err().map(String::as_str),
            asked: &asked,
            stage: followed.stage,
            refreshed_at: followed.refreshed_at,
            good_for: if needs_person { REFRESHED_SELDOM } else { REFRESHED_AGAIN },
            now: change.now,
        }))
    }

    /// Whose commit took back what the change wrote, where one did.
    async fn taken(&self, change: &Change, seen: &Seen<'_>) -> Result<Option<Taken>> {
        let Some(by) = &seen.compared.taken_by else { return Ok(None) };
        let of_ours = match by.token {
            Some(token) => rows::change_with(&self.operator.db, token, &by.id).await?,
            None => None,
        };
        let of_ours = of_ours.filter(|it| *it != change.standing.id);
        Ok(Some(Taken { commit: Some(by.words.clone()), change: of_ours }))
    }

    /// What became of the sync that was asked for.
    async fn asked(&self, change: &Change, seen: &Seen<'_>) -> Result<Asked> {
        let refused = || {
            let memory = self.memory();
            let known = memory.syncs.get(&(change.standing.id, seen.followed.id.clone()));
            let known = known.filter(|(pause, _)| !pause.is_over());
            known.map_or(Asked::Not, |(_, why)| Asked::Refused { why: why.clone() })
        };
        let Some(sync) = seen.followed.sync else { return Ok(refused()) };
        let audit_id = sync.to_string();
        let of_row = |row: &Row| {
            let requested = row.requested.as_ref().and_then(|it| it.audit_id.as_ref());
            let operation = row.operation.as_ref().and_then(|it| it.audit_id.as_ref());
            requested == Some(&audit_id) || operation == Some(&audit_id)
        };
        if seen.row.is_some_and(of_row) {
            return Ok(Asked::Underway { audit_id });
        }
        let age = rows::made_at(sync).map_or(0, |at| change.now.0.saturating_sub(at.0));
        Ok(match rows::ending_of(&self.operator.db, sync).await? {
            Some(reason) if reason == NOT_SEEN => refused(),
            Some(_) => Asked::Over,
            None if age > LOST_MS => refused(),
            None => Asked::Underway { audit_id },
        })
    }

    async fn write(
        &self,
        change: &Change,
        followed: &Followed,
        judged: &Judged,
        healthy_at: Option<Timestamp>,
    ) -> Result<()> {
        let before = (followed.stage, &followed.why, followed.healthy_at);
        if judged.outlook == Outlook::NotKnown || before == (judged.stage, &judged.why, healthy_at) {
            return Ok(());
        }
        let (stage, why) = (judged.stage, &judged.why);
        rows::write_stage(&self.operator.db, change.standing.id, followed, stage, why, healthy_at).await
    }

    /// Does what is due, once it is noted that it is being done; nothing waits for it.
    async fn act(&self, change: &Change, seen: &Seen<'_>, act: Act) -> Result<()> {
        let (db, number) = (&self.operator.db, change.standing.id);
        match act {
            Act::Nothing => {}
            Act::Refresh if rows::claim_refresh(db, number, seen.followed).await? => {
                self.refresh(change, &seen.followed.id);
            }
            Act::Refresh => {}
            Act::Sync => {
                let (new, known) = (AuditId::fresh(), seen.followed.sync);
                if rows::swap_sync(db, number, &seen.followed.id, known, Some(new.uuid())).await? {
                    self.sync(change, seen, new);
                }
            }
        }
        Ok(())
    }

    fn refresh(&self, change: &Change, id: &ApplicationId) {
        let (operator, actor, id, number) =
            (self.operator.clone(), change.actor.clone(), id.clone(), change.standing.id);
        self.operator.tasks.spawn_once(format!("refresh {} for change {number}", id.name), async move {
            operator.refresh_for_change(&actor, &id, number).await
        });
    }

    fn sync(&self, change: &Change, seen: &Seen<'_>, audit_id: AuditId) {
        let revision = seen.to_sync_to().unwrap_or_else(|| change.commit.clone());
        let (follower, actor, number) = (self.clone(), change.actor.clone(), change.standing.id);
        let (id, known) = (seen.followed.id.clone(), seen.followed.sync);
        self.operator.tasks.spawn_once(format!("sync {} for change {number}", id.name), async move {
            let operator = &follower.operator;
            let written = operator.sync_for_change(&actor, audit_id, &id, number, &revision).await;
            if let Err(error) = written {
                follower.note_refused((number, id.clone()), error.into_answer(&actor).to_string());
                rows::swap_sync(&operator.db, number, &id, Some(audit_id.uuid()), known).await?;
            }
            Ok(())
        });
    }

    fn note_refused(&self, key: (i64, ApplicationId), why: String) {
        let mut memory = self.memory();
        let pause = Pause::after(memory.syncs.get(&key).map(|(pause, _)| pause), FIRST_SYNC_PAUSE);
        memory.syncs.insert(key, (pause, why));
    }

    /// Finds the heads of all branches that changes are on.
    async fn heads(&self, changes: &[Change]) -> HashMap<BranchName, Head> {
        let names: HashSet<_> = changes.iter().filter_map(branch_of).collect();
        let find = async |name: BranchName| {
            let head = self.head(&name).await;
            (name, head)
        };
        futures::stream::iter(names).map(find).buffer_unordered(AT_ONCE).collect().await
    }

    async fn head(&self, (reader, revision): &BranchName) -> Head {
        let ensured = tokio::time::timeout(MIRROR_TIMEOUT, self.mirrors.ensure(reader)).await;
        let mirror = ensured.map_err(|_| "it is being fetched".to_owned())?.map_err(|it| it.to_string())?;
        let (at, revision) = (mirror.clone(), revision.clone());
        let head = blocking(move || at.resolve(&revision)).await.and_then(|it| it);
        Ok((mirror, head.map_err(|it| it.to_string())?))
    }

    /// Finds the commit of a change on its branch, fetching that where it is not there.
    async fn place(&self, heads: &HashMap<BranchName, Head>, change: &Change) -> Place {
        let Some(name) = branch_of(change) else {
            return Err("no Application of its project follows it now".to_owned());
        };
        let Some(head) = heads.get(&name).cloned() else { return Err("it is not looked at yet".to_owned()) };
        let number = change.standing.id;
        let commit =
            Oid::from_str(&change.commit).map_err(|_| format!("{:?} is no commit", change.commit))?;
        let (mirror, head) = head?;
        if self.is_on_branch(number, &mirror, commit, head).await? {
            return Ok((mirror, Branch { commit, head, is_sure: self.is_sure(number) }));
        }
        if !self.is_sure(number) && self.fetch(&name.0, &change.commit).await {
            self.memory().sure.insert(number);
            let (mirror, head) = self.head(&name).await?;
            return Ok((mirror, Branch { commit, head, is_sure: true }));
        }
        Ok((mirror, Branch { commit, head, is_sure: self.is_sure(number) }))
    }

    /// Each head is looked at once.
    async fn is_on_branch(
        &self,
        change: i64,
        mirror: &MirrorPath,
        commit: Oid,
        head: Oid,
    ) -> Result<bool, String> {
        if self.memory().on_branch.get(&change) == Some(&head) {
            return Ok(true);
        }
        let mirror = mirror.clone();
        let look = move || {
            let repository = mirror.open()?;
            let is_there = repository.find_commit(commit).is_ok();
            Ok::<_, MirrorError>(is_there && descends(&repository, head, commit).unwrap_or(false))
        };
        let is_there = blocking(look).await.and_then(|it| it).map_err(|it| it.to_string())?;
        if is_there {
            self.memory().on_branch.insert(change, head);
        }
        Ok(is_there)
    }

    fn is_sure(&self, change: i64) -> bool {
        self.memory().sure.contains(&change)
    }

    /// What Git says of the revisions that an Application is at.
    async fn seen<'a>(
        &self,
        change: &Change,
        place: &Place,
        app: &'a App,
        followed: &'a Followed,
        row: Option<&'a Row>,
    ) -> Seen<'a> {
        let compared = row.and_then(|row| row.revision.clone());
        let operation = row.and_then(|row| row.operation.as_ref()?.revision.clone());
        let mut said = self.said(change, place, app, compared.as_deref()).await;
        // What runs and is not there was pushed after the last fetch.
        if let (Git::NotKnown, Some(revision), Ok(_), Some(reader)) =
            (said.git, &compared, place, &change.reader)
            && self.fetch(reader, revision).await
        {
            said = self.said(change, place, app, Some(revision)).await;
        }
        let operation = self.said(change, place, app, operation.as_deref()).await.git;
        Seen { followed, row, compared: said, operation }
    }

    async fn said(&self, change: &Change, place: &Place, app: &App, revision: Option<&str>) -> Said {
        match (place, revision) {
            (Ok((mirror, branch)), Some(revision)) => self.say(change, mirror, *branch, app, revision).await,
            _ => Said::nothing(),
        }
    }

    async fn say(
        &self,
        change: &Change,
        mirror: &MirrorPath,
        branch: Branch,
        app: &App,
        revision: &str,
    ) -> Said {
        let key = (change.standing.id, app.position, revision.to_owned());
        if let Some(said) = self.sayings.known(&key, branch) {
            return said;
        }
        let (mirror, sayings, wrote) = (mirror.clone(), self.sayings.clone(), app.wrote.clone());
        let work = move || {
            let repository = mirror.open()?;
            Ok::<_, MirrorError>(sayings.say(&repository, branch, key, &wrote))
        };
        match blocking(work).await.and_then(|it| it) {
            Ok(Ok(said)) => said,
            Ok(Err(error)) => {
                tracing::warn!(
                    change = change.standing.id,
                    "{revision} cannot be told from Git: {}",
                    error.message()
                );
                Said::nothing()
            }
            Err(error) => {
                tracing::warn!(change = change.standing.id, "{error}");
                Said::nothing()
            }
        }
    }

    /// Fetches a repository for a commit that is not there, unless that was tried a moment ago; returns whether it was
    /// fetched.
    async fn fetch(&self, reader: &Repo, commit: &str) -> bool {
        {
            let mut memory = self.memory();
            let key = (reader.clone(), commit.to_owned());
            let before = memory.fetches.get(&key);
            if before.is_some_and(|pause| !pause.is_over()) {
                return false;
            }
            let pause = Pause::after(before, FIRST_FETCH_PAUSE);
            memory.fetches.insert(key, pause);
        }
        let fetched = tokio::time::timeout(MIRROR_TIMEOUT, self.mirrors.fresh(reader, Duration::ZERO)).await;
        matches!(fetched, Ok(Ok(_)))
    }

    fn forget_others(&self, changes: &[Change]) {
        let followed: HashSet<_> = changes.iter().map(|change| change.standing.id).collect();
        self.sayings.retain(|change| followed.contains(&change));
        let mut memory = self.memory();
        memory.sure.retain(|change| followed.contains(change));
        memory.on_branch.retain(|change, _| followed.contains(change));
        memory.syncs.retain(|(change, _), _| followed.contains(change));
        memory.fetches.retain(|_, pause| pause.until.elapsed() < LONGEST_PAUSE);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pause {
    fn after(before: Option<&Self>, first: Duration) -> Self {
        let length = before.map_or(first, |it| (it.length * 2).min(LONGEST_PAUSE));
        Self { until: Instant::now() + length, length }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

fn branch_of(change: &Change) -> Option<BranchName> {
    Some((change.reader.clone()?, change.revision.clone()))
}

/// Since when it is Healthy, without a break that Argo CD tells of.
fn healthy_at(seen: &Seen<'_>, judged: &Judged, now: Timestamp) -> Option<Timestamp> {
    let before = seen.followed.healthy_at;
    match judged.outlook {
        Outlook::NotKnown => before,
        Outlook::Well => {
            let turned = seen.row.and_then(|row| row.health_since);
            let lasts = before.filter(|at| turned.is_none_or(|turned| turned <= *at));
            // Argo CD's clock may be ahead of the database's.
            lasts.or(Some(turned.map_or(now, |turned| turned.max(now))))
        }
        _ => None,
    }
}
