//! Changes as pages show them: one with its timeline, and lists, filtered after rights.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Actor, AppError, Timestamp,
    application::ApplicationId,
    change::{
        ChangeApp, ChangeDetail, ChangeGroup, ChangeList, ChangeRow, ChangeState, ListChanges, May, Rollout,
        RolloutStage, Step,
    },
    plan::PlanKind,
    status::{Environment, Health},
};
use sqlx::{Row as _, postgres::PgRow};

use super::{
    Changes,
    gated::now,
    store::{self, Stored, StoredApp, StoredApplication, kind_of, state_of},
};
use crate::{
    Result,
    access::Verb,
    db::{Moment, failed},
    fleet::index::Snapshot,
    git::mirror,
};

const READ: &str = "read changes";
/// How many changes a list looks through; older ones are in the record.
const LOOKED_THROUGH: i64 = 5_000;
const PER_PAGE: u32 = 50;
/// How many open changes the overview shows.
const ON_OVERVIEW: usize = 10;

/// A change as lists know it, without its plan.
pub(super) struct Light {
    pub(super) row: ChangeRow,
    pub(super) applications: Vec<StoredApplication>,
    pub(super) apps: Vec<StoredApp>,
    pub(super) subject: String,
}

impl Changes {
    /// Returns one change with all that is known of it, and remembers that the actor looked at it.
    ///
    /// # Errors
    /// There is none with this number, for this actor.
    pub async fn get(&self, actor: &Actor, number: u64) -> Result<ChangeDetail> {
        let change = self.find(actor, number).await?;
        let snapshot = self.index.load();
        let row = self.row(&change);
        let gates = match &change.gates {
            Some(gates) if change.commit.is_some() => gates.clone(),
            _ if change.ended_at.is_some() => Vec::new(),
            _ => self.gates_now(std::iter::once(&change)).await?.pop().unwrap_or_default(),
        };
        let decisions = self.decisions(&change).await?;
        let approvals = decisions.into_iter().map(|it| {
            let is_gone = super::authorize(&snapshot, &it.actor, Verb::Approve, &change).is_err();
            let lost = is_gone.then(|| format!("{} may not approve any more", it.approval.who));
            let void = it.approval.void.clone().or(lost.filter(|_| change.ended_at.is_none()));
            model::change::Approval { void, is_own: it.actor.subject == actor.subject, ..it.approval }
        });
        let approvals = approvals.collect();
        self.note_look(actor, change.standing.id).await?;
        Ok(ChangeDetail {
            now: now(),
            plan: change.plan_hash.clone(),
            repository: change
                .plan
                .repository
                .clone()
                .unwrap_or_else(|| mirror::shown(&change.followed.repository)),
            branch: change.followed.revision.clone(),
            message: change.message.clone(),
            files: change.plan.files.clone(),
            timeline: self.timeline(change.standing.id, None).await?,
            gates,
            rollout: self.rollout_of(&snapshot, actor, &change).await?,
            approvals,
            quorum: change.quorum,
            soak_seconds: change.soak_seconds,
            decide: self.decide_of(actor, &change),
            cancel: self.cancel_of(actor, &change),
            undo: undo_of(&snapshot, actor, &change),
            row,
        })
    }

    /// Returns one page of changes.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn list(&self, actor: &Actor, query: &ListChanges) -> Result<ChangeList> {
        let visible = self.visible(actor, Which::All).await?;
        let total = count(visible.len());
        let people: BTreeSet<String> = visible.iter().map(|it| it.row.who.clone()).collect();
        let others: Vec<_> = visible.into_iter().map(|it| it.row).filter(|row| matches(query, row)).collect();
        let groups = ChangeGroup::ALL
            .map(|group| (group, count(others.iter().filter(|row| row.state.group() == group).count())));
        let mut rows: Vec<_> = others.into_iter().filter(|row| in_group(query, row)).collect();
        rows.sort_by_key(|row| (!row.state.is_open(), std::cmp::Reverse((row.asked_at, row.id))));
        let matching = count(rows.len());
        let per_page = if query.per_page == 0 { PER_PAGE } else { query.per_page.clamp(10, 200) };
        let page = query.page.clamp(1, matching.div_ceil(per_page).max(1));
        let first = ((page - 1) * per_page) as usize;
        let rows = rows.into_iter().skip(first).take(per_page as usize).collect();
        Ok(ChangeList {
            now: now(),
            rows,
            matching,
            total,
            page,
            per_page,
            groups: groups.to_vec(),
            people: people.into_iter().collect(),
            environments: self.repositories.order().to_vec(),
        })
    }

    /// Returns the open changes that the actor may see, the newest first; at most so many as the overview shows.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn open(&self, actor: &Actor) -> Result<Vec<ChangeRow>> {
        let open = self.visible(actor, Which::Open).await?;
        Ok(open.into_iter().map(|it| it.row).take(ON_OVERVIEW).collect())
    }

    /// Returns how many open changes the actor may see, and how many wait for their decision.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn counts(&self, actor: &Actor) -> Result<(u32, u32)> {
        // Mostly there are none, and then nothing is asked.
        if !self.gates.book().has_changes() {
            return Ok((0, 0));
        }
        Ok((count(self.visible(actor, Which::Open).await?.len()), self.waiting_count(actor).await?))
    }

    /// Returns the changes that the actor may see, the newest first.
    pub(super) async fn visible(&self, actor: &Actor, which: Which) -> Result<Vec<Light>> {
        let all = self.light(which).await?;
        let snapshot = self.index.load();
        let may_see = |light: &Light| {
            !light.applications.is_empty()
                && light.applications.iter().all(|it| {
                    let Some(app) = light.apps.get(it.position) else { return false };
                    let environment = light.row.environment.name().unwrap_or_default();
                    let object = super::object(&snapshot, Verb::Get, it, (environment, &app.app));
                    snapshot.rights.allows(actor, Verb::Get, &object)
                })
        };
        Ok(all.into_iter().filter(may_see).collect())
    }

    async fn light(&self, which: Which) -> Result<Vec<Light>> {
        let rows = sqlx::query(match which {
            Which::All => {
                "SELECT id, kind, state, why, steps, title, source, environment, commit, actor_name,
                     actor ->> 'subject' AS subject, reason, by_change, asked_at, since, ended_at
                 FROM changes ORDER BY id DESC LIMIT $1"
            }
            Which::Open => {
                "SELECT id, kind, state, why, steps, title, source, environment, commit, actor_name,
                     actor ->> 'subject' AS subject, reason, by_change, asked_at, since, ended_at
                 FROM changes WHERE ended_at IS NULL ORDER BY id DESC LIMIT $1"
            }
        })
        .bind(LOOKED_THROUGH)
        .fetch_all(self.db.pool())
        .await
        .map_err(failed(READ))?;
        let mut all: Vec<(i64, Light)> = rows
            .iter()
            .map(|row| self.light_of(row))
            .collect::<std::result::Result<_, _>>()
            .map_err(failed(READ))?;
        let ids: Vec<i64> = all.iter().map(|(id, _)| *id).collect();
        let (mut apps, mut applications) =
            (store::apps_of(&self.db, &ids).await?, store::applications_of(&self.db, &ids).await?);
        for (id, light) in &mut all {
            light.apps = apps.remove(id).unwrap_or_default();
            light.row.apps = light.apps.iter().map(change_app).collect();
            light.applications = applications.remove(id).unwrap_or_default();
        }
        Ok(all.into_iter().map(|(_, light)| light).collect())
    }

    fn light_of(&self, row: &PgRow) -> std::result::Result<(i64, Light), sqlx::Error> {
        let id: i64 = row.try_get("id")?;
        let environment: String = row.try_get("environment")?;
        let change = ChangeRow {
            id: id.unsigned_abs(),
            kind: kind_of(row.try_get("kind")?),
            title: row.try_get("title")?,
            from: row.try_get("source")?,
            environment: self.environment(&environment),
            apps: Vec::new(),
            state: state_of(row)?,
            why: row.try_get("why")?,
            who: row.try_get("actor_name")?,
            reason: row.try_get("reason")?,
            asked_at: row.try_get::<Moment, _>("asked_at")?.0,
            since: row.try_get::<Moment, _>("since")?.0,
            ended_at: row.try_get::<Option<Moment>, _>("ended_at")?.map(|it| it.0),
            commit: row.try_get("commit")?,
            steps: u8::try_from(row.try_get::<i16, _>("steps")?).unwrap_or_default(),
            by: row.try_get::<Option<i64>, _>("by_change")?.map(i64::unsigned_abs),
        };
        let subject: Option<String> = row.try_get("subject")?;
        let light = Light {
            row: change,
            applications: Vec::new(),
            apps: Vec::new(),
            subject: subject.unwrap_or_default(),
        };
        Ok((id, light))
    }

    /// Draws a change as lists show it.
    pub(super) fn row(&self, change: &Stored) -> ChangeRow {
        ChangeRow {
            id: change.number(),
            kind: change.kind,
            title: change.title.clone(),
            from: change.source.clone(),
            environment: self.environment(&change.environment),
            apps: change.apps.iter().map(change_app).collect(),
            state: change.standing.state,
            why: change.why.clone(),
            who: change.actor.name.clone(),
            reason: change.reason.clone(),
            asked_at: change.asked_at,
            since: change.since,
            ended_at: change.ended_at,
            commit: change.commit.clone(),
            steps: change.steps,
            by: change.by_change.map(i64::unsigned_abs),
        }
    }

    fn environment(&self, name: &str) -> Environment {
        let known = self.repositories.order().iter().find(|it| it.name() == Some(name)).cloned();
        known.unwrap_or_else(|| Environment::Unknown {
            why: format!("the settings do not name {name} any more"),
        })
    }

    /// Returns what happened to a change, since a moment where one is given.
    pub(super) async fn timeline(&self, id: i64, since: Option<Timestamp>) -> Result<Vec<Step>> {
        let rows = sqlx::query(
            "SELECT * FROM change_steps WHERE change = $1 AND ($2::timestamptz IS NULL OR at > $2) ORDER BY id",
        )
        .bind(id)
        .bind(since.map(Moment))
        .fetch_all(self.db.pool())
        .await
        .map_err(failed(READ))?;
        let step = |row: &PgRow| {
            Ok(Step {
                at: row.try_get::<Moment, _>("at")?.0,
                state: state_of(row)?,
                who: row.try_get("who")?,
                text: row.try_get("text")?,
            })
        };
        rows.iter().map(step).collect::<std::result::Result<_, _>>().map_err(failed(READ))
    }

    async fn rollout_of(&self, snapshot: &Snapshot, actor: &Actor, change: &Stored) -> Result<Vec<Rollout>> {
        if change.commit.is_none() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(
            "SELECT * FROM change_applications WHERE change = $1 AND NOT is_guess ORDER BY position, cluster, namespace, name",
        )
        .bind(change.standing.id)
        .fetch_all(self.db.pool())
        .await
        .map_err(failed(READ))?;
        let seen = snapshot_seen(snapshot, actor);
        let drawn = rows.iter().map(|row| {
            let id = ApplicationId {
                control_plane: row.try_get("control_plane")?,
                namespace: row.try_get("namespace")?,
                name: row.try_get("name")?,
            };
            let healthy_at = row.try_get::<Option<Moment>, _>("healthy_at")?.map(|it| it.0);
            let known = snapshot.row(&id);
            let took = healthy_at
                .zip(change.pushed_at)
                .map(|(healthy, pushed)| (healthy.0 - pushed.0).max(0) / 1000);
            Ok(Rollout {
                cluster: row.try_get("cluster")?,
                stage: stage_of(row.try_get("stage")?),
                health: known.map_or(Health::Unknown, |row| row.health),
                revision: known.and_then(|row| row.revision.clone()),
                why: row.try_get("why")?,
                since: row.try_get::<Moment, _>("since")?.0,
                took_seconds: took.map(|it| u32::try_from(it).unwrap_or(u32::MAX)),
                application: id,
            })
        });
        let drawn: Vec<Rollout> =
            drawn.collect::<std::result::Result<_, sqlx::Error>>().map_err(failed(READ))?;
        Ok(drawn.into_iter().filter(|it| seen(&it.application)).collect())
    }

    fn decide_of(&self, actor: &Actor, change: &Stored) -> Option<May> {
        let is_open = matches!(change.standing.state, ChangeState::AwaitingApproval | ChangeState::Waiting);
        (is_open && change.quorum > 0).then(|| may(self.may_decide(actor, change)))
    }

    fn cancel_of(&self, actor: &Actor, change: &Stored) -> Option<May> {
        let state = change.standing.state;
        let can = state.is_before_commit() || state == ChangeState::NeedsAttention;
        can.then(|| may(self.may_cancel(actor, change)))
    }

    pub(super) async fn note_look(&self, actor: &Actor, change: i64) -> Result<()> {
        sqlx::query(
            "INSERT INTO looks (kind, subject, change) VALUES ($1, $2, $3)
             ON CONFLICT (kind, subject, change) DO UPDATE SET at = clock_timestamp()
             WHERE looks.at < clock_timestamp() - interval '10 seconds'",
        )
        .bind(look_kind(actor))
        .bind(&actor.subject)
        .bind(change)
        .execute(self.db.pool())
        .await
        .map_err(failed("note a look"))?;
        Ok(())
    }

    /// Returns when the actor looked at changes last.
    pub(super) async fn looks_of(&self, actor: &Actor) -> Result<BTreeMap<i64, Timestamp>> {
        let rows: Vec<(i64, Moment)> =
            sqlx::query_as("SELECT change, at FROM looks WHERE kind = $1 AND subject = $2")
                .bind(look_kind(actor))
                .bind(&actor.subject)
                .fetch_all(self.db.pool())
                .await
                .map_err(failed("read looks"))?;
        Ok(rows.into_iter().map(|(change, at)| (change, at.0)).collect())
    }
}

/// Which changes are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Which {
    All,
    Open,
}

fn look_kind(actor: &Actor) -> &'static str {
    match actor.kind {
        model::actor::ActorKind::LocalAdmin => "local_admin",
        model::actor::ActorKind::Person => "person",
        model::actor::ActorKind::Token => "token",
        model::actor::ActorKind::System => "system",
    }
}

fn snapshot_seen<'a>(snapshot: &'a Snapshot, actor: &'a Actor) -> impl Fn(&ApplicationId) -> bool + 'a {
    move |id| {
        // One that is gone was seen with the change.
        snapshot.row(id).is_none_or(|row| snapshot.rights.allows(actor, Verb::Get, &snapshot.object_of(row)))
    }
}

fn undo_of(snapshot: &Snapshot, actor: &Actor, change: &Stored) -> Option<May> {
    let can_be = change.commit.is_some()
        && !matches!(
            change.standing.state,
            ChangeState::Failed | ChangeState::Superseded | ChangeState::RolledBack
        )
        && change.apps.iter().any(|app| app.by_change.is_none());
    can_be.then(|| may(super::authorize(snapshot, actor, Verb::RollBack, change)))
}

fn may(answer: model::AppResult<()>) -> May {
    match answer {
        Ok(()) => May::Yes,
        Err(AppError::Conflict { why }) => May::No { why },
        Err(error) => May::No { why: error.to_string() },
    }
}

fn change_app(app: &StoredApp) -> ChangeApp {
    ChangeApp {
        name: app.name.clone(),
        slug: app.slug.clone(),
        before: app.before.clone(),
        after: app.after.clone(),
        by: app.by_change.map(i64::unsigned_abs),
    }
}

fn stage_of(word: &str) -> RolloutStage {
    match word {
        "seen" => RolloutStage::Seen,
        "syncing" => RolloutStage::Syncing,
        "synced" => RolloutStage::Synced,
        "healthy" => RolloutStage::Healthy,
        "soaked" => RolloutStage::Soaked,
        _ => RolloutStage::Committed,
    }
}

/// All filters but that of the group.
fn matches(query: &ListChanges, row: &ChangeRow) -> bool {
    let is_in = |list: &[String], word: &str| list.is_empty() || list.iter().any(|it| it == word);
    let environment = row.environment.name().unwrap_or_default();
    is_in(&query.environment, environment)
        && is_in(&query.kind, kind_word(row.kind))
        && is_in(&query.who, &row.who)
        && query.q.split_whitespace().all(|word| has(row, &word.to_lowercase()))
}

fn in_group(query: &ListChanges, row: &ChangeRow) -> bool {
    query.state.is_empty() || query.state.iter().any(|it| it == row.state.group().word())
}

fn has(row: &ChangeRow, word: &str) -> bool {
    let in_text = |text: &str| text.to_lowercase().contains(word);
    let in_app = |app: &ChangeApp| {
        in_text(&app.name) || [&app.before, &app.after].into_iter().flatten().any(|version| in_text(version))
    };
    row.id.to_string() == word.trim_start_matches('#')
        || in_text(&row.title)
        || in_text(&row.who)
        || in_text(&row.reason)
        || in_text(row.environment.name().unwrap_or_default())
        || row.commit.as_deref().is_some_and(|commit| commit.starts_with(word))
        || row.apps.iter().any(in_app)
}

fn kind_word(kind: PlanKind) -> &'static str {
    store::kind_word(kind)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
