//! From the click to a change: what is asked for is checked once more, and becomes a row, once.

use std::sync::Arc;

use model::{
    Actor, AppError,
    actor::ActorKind,
    application::ApplicationId,
    change::{ChangeState, StartChange, Started},
    gate::HoldFor,
    plan::{AskPlan, Plan, PlanKind, PlanRow},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{
    Changes, moved_on, object,
    store::{self, NewChange, NewStep, Reader, Standing, StoredApp, StoredApplication},
};
use crate::{
    Error, Result,
    access::Verb,
    audit::{self, Context, Entry, Intent},
    db::failed,
    fleet::index::{Row, Snapshot},
    gates::{NewHold, place_in, release_of_change},
    git::trailers::one_line,
    plans::{Ready, ReadyApp, asks_for_reason},
    repositories::{blocking, followed_by},
};

/// How long a reason may be.
const LONGEST_REASON: usize = 500;

impl Changes {
    /// Makes a change of a kept plan. Asked twice, it is the same change (rule R8).
    ///
    /// # Errors
    /// The plan is not there or does not hold any more; the actor may not; something is missing, or in the way for good.
    pub async fn start(&self, actor: &Actor, request: &StartChange) -> Result<Started> {
        self.planner.is_there(actor, &request.plan).await?;
        if let Some((id, state)) = self.of_plan(request).await?.filter(|(_, state)| state.is_open()) {
            return Ok(existing(id, state));
        }
        let ready = match self.planner.ready(actor, &request.plan).await {
            // It is done, maybe in this very moment, and nothing would change now. Else it is a new one: what was written is
            // gone again.
            Err(error @ Error::Answer(AppError::Conflict { .. })) => {
                let (id, state) = self.of_plan(request).await?.ok_or(error)?;
                return Ok(existing(id, state));
            }
            ready => ready?,
        };
        let snapshot = self.index.load();
        let draft = Draft::new(&snapshot, &ready)?;
        if let Err(answer) = draft.authorize(&snapshot, actor) {
            let entry = draft.entry(&ready, request);
            self.denials.deny(&self.db, actor, entry, answer.to_string()).await?;
            return Err(answer.into());
        }
        if let Err(answer) = self.refusal(actor, &draft, &ready, request).await? {
            let outcome = audit::Outcome::refused(answer.to_string());
            audit::refuse(&self.db, actor, draft.entry(&ready, request), outcome).await?;
            return Err(answer.into());
        }
        let started = self.insert(actor, &draft, &ready, request).await?;
        self.wake.notify_one();
        Ok(started)
    }

    async fn of_plan(&self, request: &StartChange) -> Result<Option<(i64, ChangeState)>> {
        store::of_plan(&self.db, &request.plan).await
    }

    /// Says why it cannot be, whoever may do it.
    async fn refusal(
        &self,
        actor: &Actor,
        draft: &Draft,
        ready: &Ready,
        request: &StartChange,
    ) -> Result<Result<(), AppError>> {
        let protected = self.is_protected(&draft.environment);
        if protected && request.typed_environment.trim() != draft.environment {
            let why = format!("this is {0}; type {0} to confirm", draft.environment);
            return Ok(Err(AppError::Invalid { field: "The typed environment".into(), why }));
        }
        if (protected || asks_for_reason(&ready.plan, &ready.ask)) && one_line(&request.reason).is_empty() {
            let why = "say why in one line: it stands in the record and in the commit".to_owned();
            return Ok(Err(AppError::Invalid { field: "The reason".into(), why }));
        }
        if request.reason.chars().count() > LONGEST_REASON {
            let why = format!("it has more than {LONGEST_REASON} characters");
            return Ok(Err(AppError::Invalid { field: "The reason".into(), why }));
        }
        if !ready.not_rendered.is_empty() && !request.confirm_unrendered {
            let seen = self.index.load().seen_by(actor);
            let (named, hidden): (Vec<_>, Vec<_>) =
                ready.not_rendered.iter().partition(|id| seen.row(id).is_some());
            let mut names: Vec<_> = named.iter().map(|id| id.name.clone()).collect();
            if !hidden.is_empty() {
                names.push(format!("{} that you may not see", hidden.len()));
            }
            let why = format!(
                "The objects of {} could not be rendered, so what becomes of them is not known: confirm that beside the \
                 button; programs by confirm_unrendered.",
                names.join(", ")
            );
            return Ok(Err(AppError::Conflict { why }));
        }
        let (mirror, revision) = (ready.mirror.clone(), draft.followed.revision.clone());
        if blocking(move || mirror.branch_of(&revision)).await??.is_none() {
            let why = format!(
                "Its Applications follow {}, which is a tag or a commit and not a branch: nothing can be pushed to it. Let \
                 them follow a branch.",
                draft.followed.revision
            );
            return Ok(Err(AppError::Conflict { why }));
        }
        Ok(Ok(()))
    }

    async fn insert(
        &self,
        actor: &Actor,
        draft: &Draft,
        ready: &Ready,
        request: &StartChange,
    ) -> Result<Started> {
        let asked = self.gates.asked(&draft.environment);
        let quorum = if ready.plan.kind == PlanKind::Rollback { 0 } else { asked.approvals };
        let gates = self.gates_of_draft(draft, ready, quorum).await?;
        let in_the_way = gates.iter().find(|gate| !gate.passed);
        let (state, why) = match in_the_way {
            _ if quorum > 0 => (ChangeState::AwaitingApproval, format!("0 of {quorum} approvals are given")),
            Some(gate) => (ChangeState::Waiting, gate.why.clone()),
            None => (ChangeState::Queued, String::new()),
        };
        let reason = one_line(&request.reason);
        let undoes = match &ready.ask {
            AskPlan::Undo(it) => Some(store::id_of(it.change)?),
            AskPlan::Promote(_) | AskPlan::Rollback(_) => None,
        };
        let is_rollback = ready.plan.kind == PlanKind::Rollback;
        let hold_for = if is_rollback { request.hold } else { HoldFor::None };
        let new = NewChange {
            state,
            why: &why,
            kind: ready.plan.kind,
            title: &draft.title,
            ask: &ready.ask,
            plan: &ready.plan,
            touched: &ready.reached,
            findings: &ready.findings,
            environment: &draft.environment,
            followed: &draft.followed,
            reader: &draft.reader,
            actor,
            reason: &reason,
            quorum,
            soak_seconds: u32::try_from(asked.soak.as_secs()).unwrap_or(u32::MAX),
            hold_for,
            undoes,
            apps: &draft.apps,
            applications: &draft.applications,
            files: &ready.files,
        };
        let mut tx = self.db.begin().await?;
        store::take_turn(&mut tx, &draft.environment, &draft.apps).await?;
        let standing = match store::insert(&mut tx, &new).await {
            Ok(standing) => standing,
            Err(error) if store::is_taken(&error) => {
                drop(tx);
                return self.taken(draft).await;
            }
            Err(source) => return Err(Error::Db { what: "write a change", source }),
        };
        let mut entry = draft.entry(ready, request);
        entry.intent.details["change"] = json!(standing.id);
        audit::record_in(&mut tx, actor, entry, audit::Outcome::succeeded()).await?;
        if hold_for != HoldFor::None {
            self.hold(&mut tx, actor, draft, standing, &reason, hold_for).await?;
        }
        self.supersede(&mut tx, draft, standing, ready.plan.kind).await?;
        tx.commit().await.map_err(failed("write a change"))?;
        let sentence = match state {
            ChangeState::Queued => format!("Change {} is on its way.", standing.id),
            _ => format!("Change {} is made, and waits: {}.", standing.id, why.trim_end_matches('.')),
        };
        Ok(Started { change: standing.id.unsigned_abs(), existed: false, sentence })
    }

    /// The same apps with the same values are on their way already: that change is the answer, or in the way.
    async fn taken(&self, draft: &Draft) -> Result<Started> {
        let keys: Vec<_> = draft.apps.iter().map(|app| app.key.clone()).collect();
        let taken = store::of_keys(&self.db, &keys).await?;
        let changes = store::read_all(&self.db, &taken).await?;
        for change in &changes {
            let theirs: Vec<_> = change.apps.iter().map(|app| &app.key).collect();
            if theirs.len() == keys.len() && keys.iter().all(|key| theirs.contains(&key)) {
                return Ok(existing(change.standing.id, change.standing.state));
            }
        }
        let Some(first) = changes.first() else {
            // It ended in this very moment.
            return Err(
                AppError::Conflict { why: "Somebody else was at the same apps; try again.".into() }.into()
            );
        };
        let why = format!(
            "Change {} by {} brings a part of these apps there already ({}). Follow it, or leave them out.",
            first.standing.id, first.actor.name, first.title
        );
        Err(AppError::Conflict { why }.into())
    }

    async fn hold(
        &self,
        tx: &mut sqlx::PgConnection,
        actor: &Actor,
        draft: &Draft,
        standing: Standing,
        reason: &str,
        lasts: HoldFor,
    ) -> Result<()> {
        for app in &draft.apps {
            let hold = NewHold {
                actor,
                app_key: &app.app_key,
                name: &app.name,
                slug: &app.slug,
                app: &app.app,
                project: &app.project,
                control_plane: &draft.reader.control_plane,
                environment: &draft.environment,
                version: app.after.as_deref(),
                reason,
                lasts,
                change: Some(standing.id),
                repository: &draft.followed.repository,
                revision: &draft.followed.revision,
                expected: &app.expected,
            };
            place_in(tx, hold).await?;
        }
        Ok(())
    }

    /// What was asked for before for the same app alone, and is not committed, gives way: the newest wins (rule R19).
    async fn supersede(
        &self,
        tx: &mut sqlx::PgConnection,
        draft: &Draft,
        standing: Standing,
        kind: PlanKind,
    ) -> Result<()> {
        let [app] = draft.apps.as_slice() else { return Ok(()) };
        // Locked as it is read: one that the writer takes from the queue in this moment is being pushed, and stays.
        let older: Vec<(i64, i64, String)> = sqlx::query_as(
            "SELECT c.id, c.version, c.state FROM changes AS c JOIN change_apps AS a ON a.change = c.id
             WHERE c.ended_at IS NULL AND c.state IN ('awaiting_approval', 'waiting', 'queued') AND c.id <> $1
                 AND c.environment = $2 AND a.app_key = $3 AND (c.kind <> 'rollback' OR $4)
                 AND (SELECT count(*) FROM change_apps WHERE change = c.id) = 1
             ORDER BY c.id FOR UPDATE OF c",
        )
        .bind(standing.id)
        .bind(&draft.environment)
        .bind(&app.app_key)
        .bind(kind == PlanKind::Rollback)
        .fetch_all(&mut *tx)
        .await
        .map_err(failed("read changes"))?;
        for (id, version, state) in older {
            let state = ChangeState::parse(&state).unwrap_or(ChangeState::Queued);
            give_way(tx, Standing { id, version, state }, standing.id).await?;
        }
        Ok(())
    }

    fn is_protected(&self, environment: &str) -> bool {
        self.repositories.order().iter().any(|it| it.name() == Some(environment) && it.is_protected())
    }
}

/// Ends a change, whose row is locked, in favour of another one.
async fn give_way(connection: &mut sqlx::PgConnection, older: Standing, newer: i64) -> Result<()> {
    let (why, text) = (format!("change {newer} took its place"), format!("Change {newer} took its place."));
    let step = NewStep { why: &why, who: "", text: &text };
    store::step_in(connection, older, ChangeState::Superseded, step).await?;
    release_of_change(connection, older.id, &why).await?;
    sqlx::query("UPDATE changes SET by_change = $2 WHERE id = $1")
        .bind(older.id)
        .bind(newer)
        .execute(connection)
        .await
        .map_err(failed("write a change"))?;
    Ok(())
}

fn existing(id: i64, state: ChangeState) -> Started {
    Started {
        change: id.unsigned_abs(),
        existed: true,
        sentence: format!("Change {id} does that already; it is {}.", state.label().to_lowercase()),
    }
}

/// What is about to be written, as rows.
pub(super) struct Draft {
    pub(super) title: String,
    pub(super) environment: String,
    pub(super) followed: crate::repositories::Followed,
    pub(super) reader: Reader,
    pub(super) apps: Vec<StoredApp>,
    pub(super) applications: Vec<StoredApplication>,
    verb: Verb,
}

impl Draft {
    fn new(snapshot: &Snapshot, ready: &Ready) -> Result<Self> {
        let plan = &ready.plan;
        if ready.apps.is_empty() {
            let why = "Nothing would change, so there is nothing to carry out.".to_owned();
            return Err(AppError::Conflict { why }.into());
        }
        let followed = followed_by(&ready.lead)
            .ok_or_else(|| Error::Bug("a plan of Applications that follow no branch".into()))?;
        let reader = Reader {
            control_plane: ready.lead.id.control_plane.clone(),
            project: ready.lead.project.clone(),
        };
        let mut apps = Vec::new();
        let mut applications = Vec::new();
        for app in &ready.apps {
            let row = &plan.rows[app.row];
            let first = app.target.first().or(app.source.first());
            let first = first.ok_or_else(|| Error::Bug("an app without Applications".into()))?;
            let position = apps.len();
            applications.extend(applications_of(snapshot, app, &plan.to, position));
            apps.push(StoredApp {
                app_key: first.identity.key.to_string(),
                base_path: row.base_path.clone(),
                name: first.identity.name.clone(),
                slug: snapshot.apps.slug_of(&first.identity.key).unwrap_or(&row.app).to_owned(),
                app: first.app.clone(),
                project: first.project.clone(),
                before: row.before.clone(),
                after: row.after.clone(),
                expected: app.expected.clone(),
                key: key_of(&followed, plan, row),
                by_change: None,
            });
        }
        let verb = if plan.kind == PlanKind::Rollback { Verb::RollBack } else { Verb::Promote };
        let title = match apps.as_slice() {
            [one] => format!("{} {}", plan.kind.word(), one.name),
            many => format!("{} {} apps", plan.kind.word(), many.len()),
        };
        Ok(Self { title, environment: plan.to.clone(), followed, reader, apps, applications, verb })
    }

    fn authorize(&self, snapshot: &Snapshot, actor: &Actor) -> model::AppResult<()> {
        self.applications.iter().try_for_each(|it| {
            let app = &self.apps[it.position];
            let object = object(snapshot, self.verb, it, (&self.environment, &app.app));
            snapshot.rights.authorize(actor, self.verb, &object).map_err(|error| match error {
                // Of what they may not see they learn no more than that it is there: its files are those of the app.
                AppError::NotFound { .. } => {
                    let (verb, app, to) = (self.verb.to_string(), &app.name, &self.environment);
                    AppError::Forbidden { verb, object: format!("every Application of {app} in {to}") }
                }
                other => other,
            })
        })
    }

    /// What is about to be done, with the exact difference.
    fn entry(&self, ready: &Ready, request: &StartChange) -> Entry {
        let apps: Vec<_> = self.apps.iter().map(|app| &app.slug).collect();
        let verb = match ready.plan.kind {
            PlanKind::Promote => "promote",
            PlanKind::Rollback => "rollback",
            PlanKind::Introduce => "introduce",
        };
        let intent = Intent {
            verb,
            object: format!(
                "{} in {}",
                apps.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", "),
                self.environment
            ),
            environment: Some(self.environment.clone()),
            details: json!({
                "plan": request.plan, "from": ready.plan.from, "to": ready.plan.to, "reason": one_line(&request.reason),
                "files": ready.plan.files, "repository": ready.plan.repository,
            }),
        };
        let context = Context {
            control_plane: Some(self.reader.control_plane.clone()),
            app: self.apps.first().map(|app| app.app.clone()),
            ..Context::default()
        };
        intent.within(context)
    }
}

/// Its Applications in the target, whoever sees them, for all of them take what is written; where it is not there yet,
/// the one that would be named like the source's.
fn applications_of(snapshot: &Snapshot, app: &ReadyApp, to: &str, position: usize) -> Vec<StoredApplication> {
    let stored = |row: &Arc<Row>, id: ApplicationId| StoredApplication {
        position,
        id,
        cluster: row.cluster.name.clone(),
        project: row.project.clone(),
        is_guess: app.target.is_empty(),
    };
    if let Some(first) = app.target.first() {
        let is_of_app =
            |row: &&Arc<Row>| row.identity.key == first.identity.key && row.environment.name() == Some(to);
        return snapshot.rows.iter().filter(is_of_app).map(|row| stored(row, row.id.clone())).collect();
    }
    let would_be = |row: &Arc<Row>| {
        let here = row.environment.name().unwrap_or_default();
        stored(row, ApplicationId { name: row.id.name.replace(here, to), ..row.id.clone() })
    };
    app.source.first().map(would_be).into_iter().collect()
}

/// What makes an app of a change the same as one that was asked for before: the app, the environment, the values, and the
/// commit that put there what stands there now. A foreign commit elsewhere does not change it.
fn key_of(followed: &crate::repositories::Followed, plan: &Plan, row: &PlanRow) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    part(store::kind_word(plan.kind));
    part(&followed.repository);
    part(&followed.revision);
    part(&row.base_path);
    part(&plan.from);
    part(&plan.to);
    part(row.last_touched.as_ref().map_or("", |commit| &commit.id));
    let mut moves: Vec<_> = row.moves.iter().collect();
    moves.sort_by(|one, other| (&one.file, &one.field).cmp(&(&other.file, &other.field)));
    for it in moves {
        part(&it.file);
        part(&it.field);
        part(it.before.as_deref().unwrap_or("\0"));
        part(it.after.as_deref().unwrap_or("\0"));
    }
    hex::encode(hash.finalize())
}

impl Changes {
    /// Ends a change that is not committed yet, or that needs attention and is left as it is. Who asked for it may always;
    /// others need the right to cancel.
    ///
    /// # Errors
    /// It is not there, the actor may not, or it goes on by itself.
    pub async fn cancel(&self, actor: &Actor, number: u64) -> Result<model::operation::Outcome> {
        let change = self.find(actor, number).await?;
        let entry = super::entry("cancel", &change, change.details());
        if let Err(answer) = self.may_cancel(actor, &change) {
            self.denials.deny(&self.db, actor, entry, answer.to_string()).await?;
            return Err(answer.into());
        }
        let standing = change.standing;
        let is_before_commit = standing.state.is_before_commit();
        if !is_before_commit && standing.state != ChangeState::NeedsAttention {
            let answer = moved_on(standing.id, standing.state);
            return Err(super::refuse(&self.db, actor, entry, answer).await?);
        }
        let (to, text) = match is_before_commit {
            true => (ChangeState::Cancelled, format!("Cancelled by {}.", actor.name)),
            false => {
                let was = change.why.trim();
                (ChangeState::Failed, format!("{} left it as it is: {was}", actor.name))
            }
        };
        let mut tx = self.db.begin().await?;
        let why = if is_before_commit { "" } else { &text };
        let step = NewStep { why, who: &actor.name, text: &text };
        if store::step_in(&mut tx, standing, to, step).await?.is_none() {
            drop(tx);
            let now = store::read(&self.db, change.standing.id)
                .await?
                .map_or(change.standing.state, |it| it.standing.state);
            return Err(super::refuse(&self.db, actor, entry, moved_on(change.standing.id, now)).await?);
        }
        if is_before_commit {
            release_of_change(&mut tx, standing.id, "the rollback was cancelled").await?;
        }
        let id = audit::record_in(&mut tx, actor, entry, audit::Outcome::succeeded()).await?;
        tx.commit().await.map_err(failed("cancel a change"))?;
        let sentence = match is_before_commit {
            true => format!("Change {number} is cancelled. Nothing was written to Git."),
            false => format!("Change {number} is ended as it is. What it wrote stays in Git."),
        };
        Ok(model::operation::Outcome { audit_id: id.to_string(), sentence })
    }

    pub(super) fn may_cancel(&self, actor: &Actor, change: &super::Stored) -> model::AppResult<()> {
        // A name is no proof, and a token may no more than it was made for: but what it asked for it may take back.
        let is_the_token = actor.session.is_some() && actor.session == change.actor.session;
        let is_asker =
            actor.subject == change.actor.subject && (actor.kind != ActorKind::Token || is_the_token);
        if is_asker {
            return Ok(());
        }
        super::authorize(&self.index.load(), actor, Verb::CancelChange, change)
    }
}

/// Whether two actors are one person: by the provider's id, or by the name, which is the address of both logins.
pub(super) fn is_same_person(one: &Actor, other: &Actor) -> bool {
    // A token's name has its own name behind its owner's.
    let name = |actor: &Actor| actor.name.split(" (").next().unwrap_or_default().to_lowercase();
    one.subject == other.subject || name(one) == name(other)
}
