//! Plans for the fleet: what is asked for in terms of apps becomes a plan of their repository, and the fleet says what of
//! it was verified, what it reaches, and what its Applications would become. Nothing here changes anything.

mod fleet;
mod gates;
mod reach;
mod ready;
mod rendered;
mod states;
mod store;
mod written;

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use git2::Oid;
use model::{
    Actor, AppError, Timestamp,
    apps::{CellId, Comparison, FieldDifference},
    change::ChangeState,
    plan::{
        AskPlan, AskPromotion, AskRollback, EarlierStates, Plan, PlanChange, PlanDetail, PlanRow, RowOutcome,
        Standing,
    },
    status::Environment,
};
use sha2::{Digest as _, Sha256};

pub use self::reach::Reached;
pub use store::prune;

use self::{
    fleet::{Asked, Sight},
    store::Kept,
};
pub(crate) use self::{
    gates::asks_for_reason,
    reach::touched,
    ready::{Ready, ReadyApp},
};
use crate::{
    Error, Result,
    access::Verb,
    db::Db,
    fleet::{
        app::{lacks_elsewhere, lacks_to_introduce},
        detail::Details,
        index::{Index, Row, Snapshot},
    },
    gates::{Approvals, GateBook, Gates, Own},
    git::{
        self,
        mirror::{MirrorError, MirrorPath, shown},
        plan::{self, AppAsk, History, PlanError, Planned, Promotion, Recalled, RollbackAsk, UndoAsk},
        tree::{Tree, TreeError},
    },
    render::Renderer,
    repositories::{Facts, Repositories, blocking, followed_by},
};

/// How old what was fetched may be when a plan is made, unless a test says otherwise.
pub const MAX_AGE: Duration = Duration::from_secs(10);
/// The program that tells the history of files.
const GIT: &str = "git";

/// Makes plans; a cheap handle.
#[derive(Clone)]
pub struct Planner {
    pub db: Db,
    pub index: Index,
    pub details: Details,
    pub repositories: Repositories,
    pub renderer: Renderer,
    pub gates: Gates,
    /// How old what was fetched may be when a plan is made.
    pub max_age: Duration,
}

/// A plan of a repository, and where it was made.
struct Made {
    asked: Asked,
    planned: Planned,
    mirror: MirrorPath,
    head: Oid,
}

impl Planner {
    /// Computes a plan without keeping it.
    ///
    /// # Errors
    /// What is not there for this actor, what cannot be planned, and a repository that cannot be read.
    pub async fn preview(&self, actor: &Actor, ask: AskPlan) -> Result<PlanDetail> {
        let kept = self.make(actor, &ask).await?;
        Ok(self.detail(actor, kept, Standing::Valid))
    }

    /// Computes a plan and keeps it.
    ///
    /// # Errors
    /// As [`Planner::preview`].
    pub async fn make_and_keep(&self, actor: &Actor, ask: AskPlan) -> Result<PlanDetail> {
        let made = self.make(actor, &ask).await?;
        store::keep(&self.db, actor, &made).await?;
        let kept = store::find(&self.db, &made.plan.hash).await?.unwrap_or(made);
        self.with_change(self.detail(actor, kept, Standing::Valid)).await
    }

    /// Returns a kept plan, and whether it still holds.
    ///
    /// # Errors
    /// There is none, or it has an app that the actor may not see.
    pub async fn find(&self, actor: &Actor, hash: &str) -> Result<PlanDetail> {
        let kept = self.kept(actor, hash).await?;
        let standing = self.standing(actor, &kept).await;
        self.with_change(self.detail(actor, kept, standing)).await
    }

    /// Returns the states that an app had in an environment.
    ///
    /// # Errors
    /// The app is not there, for this actor.
    pub async fn earlier_states(&self, actor: &Actor, id: &CellId) -> Result<EarlierStates> {
        states::earlier_states(self, actor, id).await
    }

    /// Tells what differs between two environments of an app.
    ///
    /// # Errors
    /// As [`Planner::preview`].
    pub async fn compare(&self, actor: &Actor, slug: &str, from: &str, to: &str) -> Result<Comparison> {
        let only = vec![slug.to_owned()];
        let ask = AskPromotion {
            apps: only.clone(),
            from: from.to_owned(),
            to: to.to_owned(),
            take_latest: only.clone(),
            overwrite: only,
        };
        // Whatever is in the way of a promotion is in nobody's way to compare.
        let made = self.plan(actor, &AskPlan::Promote(ask), &GateBook::default(), Own::None).await?;
        let Plan { rows, commit, .. } = made.planned.plan;
        let row = rows.into_iter().next().ok_or_else(|| Error::Bug("a plan without its app".into()))?;
        match row.outcome {
            RowOutcome::Skipped { why } => Err(AppError::Conflict { why }.into()),
            _ => Ok(comparison(row, slug, (from, to), commit)),
        }
    }

    async fn kept(&self, actor: &Actor, hash: &str) -> Result<Kept> {
        let absent = || Error::Answer(AppError::NotFound { what: format!("Plan {hash:.12}") });
        if !is_hash(hash) {
            return Err(absent());
        }
        let kept = store::find(&self.db, hash).await?.ok_or_else(absent)?;
        // Whoever may not see all of its apps learns of none: a plan is one whole.
        let seen = self.index.load().seen_by(actor);
        if self.may_see(&seen, &kept.plan, &kept.ask) { Ok(kept) } else { Err(absent()) }
    }

    /// Adds the change that carries the plan out. One that is done counts only where the plan would do nothing new.
    async fn with_change(&self, detail: PlanDetail) -> Result<PlanDetail> {
        let change = crate::changes::of_plan(&self.db, &detail.plan.hash).await?;
        let counts = |state: ChangeState| state.is_open() || detail.standing != Standing::Valid;
        let change = change.filter(|(_, state)| counts(*state));
        let change = change.map(|(id, state)| PlanChange { id: id.unsigned_abs(), state });
        Ok(PlanDetail { change, ..detail })
    }

    /// Computes a plan, and what the fleet adds to it.
    async fn make(&self, actor: &Actor, ask: &AskPlan) -> Result<Kept> {
        let mut made = self.plan(actor, ask, &self.gates.book(), Own::None).await?;
        let snapshot = self.index.load();
        let reached = reach::reached(&snapshot, &made).await?;
        let specs = rendered::read_specs(self, &reached).await;
        rendered::warn_of_overrides(&mut made, &reached, &specs);
        let rendered = rendered::render(self, &snapshot, &made, &reached, &specs).await;
        Ok(Kept {
            ask: made.asked.ask,
            plan: made.planned.plan,
            reached,
            rendered,
            asked_by: actor.name.clone(),
            asked_at: now(),
        })
    }

    /// Computes what the repository says. `own` is in nobody's way.
    async fn plan(&self, actor: &Actor, ask: &AskPlan, book: &GateBook, own: Own<'_>) -> Result<Made> {
        let asked = self.asked(actor, ask, book, own).await?;
        let (mirror, head, late) = self.newest(&asked.lead, asked.commits()).await?;
        let mut made = self.plan_at(asked, mirror, head).await?;
        made.planned.plan.warnings.extend(late);
        Ok(made)
    }

    /// Finds what is asked for in the fleet.
    async fn asked(&self, actor: &Actor, ask: &AskPlan, book: &GateBook, own: Own<'_>) -> Result<Asked> {
        let seen = self.index.load().seen_by(actor);
        let written = match ask {
            AskPlan::Undo(it) => written::find(&self.db, it.change).await?,
            AskPlan::Promote(_) | AskPlan::Rollback(_) => None,
        };
        let in_the_way = fleet::InTheWay { book, own, now: now() };
        Ok(fleet::ask(&seen, self.repositories.order(), ask, written.as_ref(), in_the_way)?)
    }

    /// Computes what the repository says at a commit.
    async fn plan_at(&self, asked: Asked, mirror: MirrorPath, head: Oid) -> Result<Made> {
        let ours = written::commits_of(&self.db, &asked.keys()).await?;
        let (at, question, repositories) = (mirror.clone(), asked.clone(), self.repositories.clone());
        let work = move || plan_in(&at, head, &repositories, &question, &ours);
        let mut planned = blocking(work).await??;
        planned.plan.repository = Some(shown(&asked.lead.repo_url));
        planned.plan.hash = hash_in(&asked.lead, &planned.plan.hash);
        planned.plan.warnings.extend(asked.warnings.iter().cloned());
        Ok(Made { asked, planned, mirror, head })
    }

    /// Fetches the repository, again where it lacks what runs; where that fails, what was fetched before has to do, and the plan says so.
    async fn newest(&self, lead: &Row, needed: Vec<Oid>) -> Result<(MirrorPath, Oid, Option<String>)> {
        let mut fetched = self.repositories.fresh(lead, self.max_age).await;
        if let Ok((mirror, _)) = &fetched
            && lacks(mirror, needed).await?
        {
            fetched = self.repositories.fresh(lead, Duration::ZERO).await;
        }
        match fetched {
            Ok((mirror, head)) => Ok((mirror, head, None)),
            Err(error) => {
                let late = format!(
                    "The repository could not be fetched just now, so this is planned on what was there before: {error}"
                );
                let known = self.repositories.known(lead).await;
                let (mirror, head) = known.map_err(|_| Error::from(error))?;
                Ok((mirror, head, Some(late)))
            }
        }
    }

    /// Tells whether a kept plan still holds, by computing it again.
    async fn standing(&self, actor: &Actor, kept: &Kept) -> Standing {
        match self.plan(actor, &kept.ask, &self.gates.book(), Own::Plan(&kept.plan.hash)).await {
            Ok(made) if made.planned.plan.hash == kept.plan.hash => Standing::Valid,
            Ok(made) => Standing::Stale { why: why_stale(&kept.plan, &made.planned.plan) },
            Err(error) => Standing::NotKnown { why: error.into_answer(actor).to_string() },
        }
    }

    fn may_see(&self, seen: &Snapshot, plan: &Plan, ask: &AskPlan) -> bool {
        let order = self.repositories.order();
        let is_there = |slug: &str, environment: &str| {
            let rank = fleet::rank_of(order, environment).ok();
            let app = fleet::find(seen, order, slug).ok();
            rank.zip(app).is_some_and(|(rank, app)| !app.rows[rank].is_empty())
        };
        let is_hidden = |slug: &str| {
            let (rank, key) = (fleet::rank_of(order, &plan.to).ok(), seen.apps.find(slug));
            rank.zip(key).is_some_and(|(rank, key)| {
                matches!(fleet::sight(seen, order, key, (rank, &plan.to)), Sight::Hidden)
            })
        };
        plan.rows.iter().all(|row| {
            let slug = row.slug.as_deref().unwrap_or(&row.app);
            match ask {
                AskPlan::Promote(it) => is_there(slug, &it.from) && !is_hidden(slug),
                AskPlan::Rollback(it) => is_there(slug, &it.environment),
                AskPlan::Undo(_) => !is_hidden(slug),
            }
        })
    }

    /// Draws a plan for an actor: of what it reaches, what they may see.
    fn detail(&self, actor: &Actor, kept: Kept, standing: Standing) -> PlanDetail {
        let snapshot = self.index.load();
        let seen = snapshot.seen_by(actor);
        let denied = self.denied(&snapshot, actor, &kept);
        let gates = self.gates_of(&snapshot, &kept.plan, &kept.ask, Approvals::default(), &self.gates.book());
        let order = self.repositories.order();
        let target = order.iter().find(|it| it.name() == Some(&kept.plan.to)).cloned();
        let is_protected = target.as_ref().is_some_and(Environment::is_protected);
        let (rendered, unseen): (Vec<_>, Vec<_>) =
            kept.rendered.into_iter().partition(|it| seen.row(&it.application).is_some());
        let unrendered = unseen.iter().filter(|it| it.not_rendered.is_some()).count();
        PlanDetail {
            now: now(),
            gates,
            typed_environment: is_protected.then(|| kept.plan.to.clone()),
            needs_reason: is_protected || gates::asks_for_reason(&kept.plan, &kept.ask),
            change: None,
            target: target.unwrap_or(Environment::Unknown { why: "the settings do not name it".into() }),
            touched: reach::touched(&seen, &kept.reached),
            rendered,
            unseen_unrendered: u32::try_from(unrendered).unwrap_or(u32::MAX),
            plan: kept.plan,
            ask: kept.ask,
            asked_by: kept.asked_by,
            asked_at: kept.asked_at,
            standing,
            denied,
        }
    }

    /// What the actor lacks to carry a plan out; none where nothing would change.
    fn denied(&self, snapshot: &Snapshot, actor: &Actor, kept: &Kept) -> Option<String> {
        let order = self.repositories.order();
        let lacks = |verb| move |row: &Arc<Row>| snapshot.rights.lacks(actor, verb, &snapshot.object_of(row));
        kept.plan.rows.iter().filter(|row| row.outcome == RowOutcome::Moves).find_map(|row| {
            let app = fleet::find(snapshot, order, row.slug.as_deref().unwrap_or(&row.app)).ok()?;
            match &kept.ask {
                AskPlan::Rollback(_) | AskPlan::Undo(_) => {
                    let rank = fleet::rank_of(order, &kept.plan.to).ok()?;
                    match (&app.rows[rank][..], app.rows.iter().flatten().next()) {
                        ([], Some(other)) => {
                            lacks_elsewhere(snapshot, actor, Verb::RollBack, other, &kept.plan.to)
                        }
                        (targets, _) => targets.iter().find_map(|row| lacks(Verb::RollBack)(row)),
                    }
                }
                AskPlan::Promote(it) => {
                    let (from, to) =
                        (fleet::rank_of(order, &it.from).ok()?, fleet::rank_of(order, &it.to).ok()?);
                    match (&app.rows[to][..], app.rows[from].first()) {
                        ([], Some(source)) => lacks_to_introduce(snapshot, actor, source, &it.to),
                        (targets, _) => targets.iter().find_map(|row| lacks(Verb::Promote)(row)),
                    }
                }
            }
        })
    }
}

/// Why the repository has no plan for what is asked.
#[derive(Debug, thiserror::Error)]
enum Unplanned {
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("how {app} is laid out in its repository is not understood: see Repositories")]
    NotUnderstood { app: String },
    #[error("there is no change that could be undone")]
    NoChange,
}

impl From<Unplanned> for Error {
    fn from(error: Unplanned) -> Self {
        let why = sentence(&error.to_string());
        match error {
            Unplanned::Mirror(error) => error.into(),
            Unplanned::Tree(TreeError::Revision { revision, .. }) => {
                Self::Answer(AppError::NotFound { what: format!("Revision {revision:.40}") })
            }
            _ => Self::Answer(AppError::Conflict { why }),
        }
    }
}

/// Plans what is asked for at a commit. Blocks.
fn plan_in(
    mirror: &MirrorPath,
    head: Oid,
    repositories: &Repositories,
    asked: &Asked,
    ours: &BTreeSet<Oid>,
) -> Result<Planned, Unplanned> {
    with_facts(mirror, head, repositories, &asked.lead, |tree, facts, history| {
        let on = On { tree, facts, history, ours };
        match &asked.ask {
            AskPlan::Promote(ask) => promote(&on, asked, ask),
            AskPlan::Rollback(ask) => roll_back(&on, asked, ask),
            AskPlan::Undo(_) => undo(&on, asked),
        }
    })
}

/// What is planned on.
struct On<'a> {
    tree: &'a Tree<'a>,
    facts: &'a Facts,
    history: &'a dyn History,
    /// The commits that the record knows as ours.
    ours: &'a BTreeSet<Oid>,
}

/// Opens a repository at a commit, with what is found in it there and what is remembered of its history. Blocks.
fn with_facts<T>(
    mirror: &MirrorPath,
    head: Oid,
    repositories: &Repositories,
    lead: &Row,
    work: impl FnOnce(&Tree<'_>, &Facts, &dyn History) -> Result<T, Unplanned>,
) -> Result<T, Unplanned> {
    let repository = mirror.open()?;
    let tree = Tree::at(&repository, &head.to_string())?;
    let ground = repositories.ground(&tree, followed_by(lead).as_ref())?;
    let asked = git::history::History::new(Path::new(GIT), mirror.path());
    match ground.memory() {
        Some(memory) => work(&tree, ground.facts(), &Recalled { memory, otherwise: &asked }),
        None => work(&tree, ground.facts(), &asked),
    }
}

fn promote(on: &On<'_>, asked: &Asked, ask: &AskPromotion) -> Result<Planned, Unplanned> {
    let On { tree, facts, history, ours } = *on;
    let apps = asked.apps.iter().map(|app| app_ask(facts, app, ask));
    Ok(plan::promote(&Promotion {
        tree,
        rules: &facts.rules,
        found: &facts.found,
        history,
        from: &ask.from,
        to: &ask.to,
        apps: apps.collect::<Result<_, Unplanned>>()?,
        ours: Some(ours),
    })?)
}

fn roll_back(on: &On<'_>, asked: &Asked, ask: &AskRollback) -> Result<Planned, Unplanned> {
    let On { tree, facts, history, ours } = *on;
    let app = asked.apps.first().and_then(|app| base_path_of(facts, &app.target));
    let app = app.ok_or_else(|| Unplanned::NotUnderstood { app: ask.app.clone() })?;
    let earlier = Tree::at(tree.repository(), &ask.revision)?;
    let mut planned = plan::rollback(&RollbackAsk {
        tree,
        rules: &facts.rules,
        found: &facts.found,
        history,
        app,
        environment: &ask.environment,
        earlier: &earlier,
        whole_path: ask.whole_path,
        ours: Some(ours),
    })?;
    for row in &mut planned.plan.rows {
        row.slug = Some(ask.app.clone());
    }
    Ok(planned)
}

fn undo(on: &On<'_>, asked: &Asked) -> Result<Planned, Unplanned> {
    let On { tree, facts, history, ours: _ } = *on;
    let undo = asked.undo.as_ref().ok_or(Unplanned::NoChange)?;
    Ok(plan::undo(&UndoAsk {
        tree,
        rules: &facts.rules,
        found: &facts.found,
        history,
        environment: &undo.environment,
        commit: undo.commit,
        apps: undo.apps.clone(),
    })?)
}

fn app_ask(facts: &Facts, app: &fleet::AskedApp, ask: &AskPromotion) -> Result<AppAsk, Unplanned> {
    let base_path = base_path_of(facts, &app.source);
    let mut skip = app.skip.clone();
    if base_path.is_none() && skip.is_none() {
        if ask.apps.len() == 1 {
            return Err(Unplanned::NotUnderstood { app: app.slug.clone() });
        }
        skip = Some("How it is laid out in its repository is not understood: see Repositories.".into());
    }
    Ok(AppAsk {
        app: base_path.map_or_else(|| app.name.clone(), str::to_owned),
        slug: Some(app.slug.clone()),
        source: app.commit,
        take_latest: ask.take_latest.contains(&app.slug),
        overwrite: ask.overwrite.contains(&app.slug),
        verified: app.verified.clone(),
        skip,
        overrides: Vec::new(),
    })
}

fn base_path_of<'a>(facts: &'a Facts, rows: &'a [Arc<Row>]) -> Option<&'a str> {
    rows.iter().find_map(|row| facts.place_of(row)).map(|(app, _)| app.base_path.as_str())
}

fn comparison(row: PlanRow, slug: &str, (from, to): (&str, &str), commit: String) -> Comparison {
    let travels = row.moves.into_iter().map(|it| FieldDifference {
        file: it.file,
        field: Some(it.field),
        from: it.after,
        to: it.before,
        why: String::new(),
    });
    let stays = row.stays.into_iter().map(|it| {
        let difference =
            FieldDifference { file: it.file, field: it.field, from: it.source, to: it.target, why: it.why };
        (it.expected, difference)
    });
    let (expected, unlisted): (Vec<_>, Vec<_>) = stays.partition(|(expected, _)| *expected);
    let only = |list: Vec<(bool, FieldDifference)>| list.into_iter().map(|(_, it)| it).collect();
    Comparison {
        slug: slug.to_owned(),
        name: row.app,
        from: from.to_owned(),
        to: to.to_owned(),
        commit,
        travels: travels.collect(),
        unlisted: only(unlisted),
        expected: only(expected),
    }
}

/// Tells whether a commit that runs came after the last fetch: Argo CD may have synced what was just pushed.
async fn lacks(mirror: &MirrorPath, commits: Vec<Oid>) -> Result<bool> {
    let at = mirror.clone();
    let lacks = move || at.open().map(|it| commits.iter().any(|commit| it.find_commit(*commit).is_err()));
    Ok(blocking(lacks).await??)
}

/// Whether it could be the hash of a plan: anything may stand in a URL.
fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|it| it.is_ascii_hexdigit())
}

/// Two repositories may hold the same, byte for byte: what is planned in one of them is not planned in the other.
fn hash_in(lead: &Row, hash: &str) -> String {
    let followed = followed_by(lead).map(|it| (it.repository, it.revision)).unwrap_or_default();
    let mut all = Sha256::new();
    for part in [followed.0.as_str(), &followed.1, hash] {
        all.update((part.len() as u64).to_be_bytes());
        all.update(part.as_bytes());
    }
    hex::encode(all.finalize())
}

/// Says what is different now, as far as it can be told.
fn why_stale(before: &Plan, now: &Plan) -> String {
    let name = |row: &PlanRow| row.app.clone();
    let changed: BTreeSet<_> = before
        .rows
        .iter()
        .zip(&now.rows)
        .filter(|(before, now)| (&before.outcome, &before.moves) != (&now.outcome, &now.moves))
        .map(|(_, now)| name(now))
        .collect();
    let at = format!("at commit {:.7}", now.commit);
    if before.rows.len() != now.rows.len() {
        return format!("Other apps are in {} now, {at}.", now.from);
    }
    if changed.is_empty() {
        return format!("What it read has changed since, {at}; what would move has not.");
    }
    let changed: Vec<_> = changed.into_iter().take(5).collect();
    format!("Something else would happen to {} now, {at}.", changed.join(", "))
}

/// A sentence of an answer begins with a capital and ends with a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}
