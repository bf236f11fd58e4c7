//! Gates: what a change must pass, and what people put in its way: freezes and holds.
//!
//! ```text
//! freezes, holds, open changes (PostgreSQL) ──change_moves──▶ "watch changes" ──▶ GateBook ──▶ pages, plans
//! ```
//! The book is what was read last: good enough to show. What must be certain, right before a push, reads the tables anew
//! ([`GateBook::read`]). Whether a change passes is a pure function ([`gates`]). Nothing here writes to Git.

mod book;
mod broken;
mod check;
mod freeze;
mod hold;
mod page;
mod times;
mod words;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use model::{
    Actor, AppError, Timestamp,
    gate::{self, GateList},
    status::Environment,
};
use sqlx::Row as _;

use crate::{
    Error, Result,
    audit::{self, Denials, Entry},
    db::{Db, failed},
    fleet::{
        environment::Asked,
        index::{Change, Index, Snapshot},
    },
};

pub use book::{Freeze, GateBook, Hold, OpenChange, Own};
pub use broken::{HoldWatch, watch_holds};
pub use check::{Approvals, GateApp, GateInput, gates};
pub use freeze::NewFreeze;
pub use hold::{NewHold, place_in, release_of_change};
pub use times::{Standing, Times};

/// How often the database is asked whether something moved.
const POLL: Duration = Duration::from_millis(500);

/// Freezes, holds, and the book of what stands in the way; a cheap handle.
#[derive(Clone)]
pub struct Gates {
    db: Db,
    index: Index,
    denials: Denials,
    /// All environments, in the order of promotions.
    order: Arc<[Environment]>,
    asked: Arc<BTreeMap<String, Asked>>,
    book: Arc<ArcSwap<GateBook>>,
    /// Who reads the tables: one at a time, so that no older book takes the place of a newer one.
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl Gates {
    /// Makes a handle with an empty book; [`Self::reload`] fills it. `order` are all environments, `asked` what each asks of
    /// changes, by name.
    pub fn new(
        db: Db,
        index: Index,
        denials: Denials,
        order: Vec<Environment>,
        asked: BTreeMap<String, Asked>,
    ) -> Self {
        Self {
            db,
            index,
            denials,
            order: order.into(),
            asked: Arc::new(asked),
            book: Arc::default(),
            reading: Arc::default(),
        }
    }

    /// Returns what was read last.
    pub fn book(&self) -> Arc<GateBook> {
        self.book.load_full()
    }

    /// Returns what an environment asks of changes.
    pub fn asked(&self, environment: &str) -> Asked {
        self.asked.get(environment).copied().unwrap_or_default()
    }

    /// Reads the tables, and has pages drawn again.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn reload(&self) -> Result<()> {
        let reading = self.reading.lock().await;
        self.book.store(Arc::new(GateBook::read(&self.db, now()).await?));
        drop(reading);
        self.index.send(Change::ChangesMoved).await;
        Ok(())
    }

    /// Returns the page of freezes and holds.
    pub fn list(&self, actor: &Actor) -> GateList {
        let snapshot = self.index.load();
        let seen = snapshot.seen_by(actor);
        page::list(&self.book(), (&snapshot, &seen), actor, &self.order, now())
    }

    /// Returns the freezes that are now and concern what the actor, whose snapshot this is, sees.
    pub fn freezes_now(&self, seen: &Snapshot, actor: &Actor) -> Vec<gate::Freeze> {
        page::freezes_now(&self.book(), seen, actor, now())
    }

    /// Counts the freezes that are now, and the holds, that the actor, whose snapshot this is, may see.
    pub fn count(&self, seen: &Snapshot, actor: &Actor) -> u32 {
        page::count(&self.book(), seen, actor, now())
    }

    /// Has pages show what was written just now. Where that fails, the task that watches changes does it.
    async fn show(&self) {
        if let Err(error) = self.reload().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what stands in the way was not read again"
            );
        }
    }

    /// Writes down that the actor may not do this.
    async fn deny(&self, actor: &Actor, entry: impl Into<Entry>, answer: AppError) -> Result<Error> {
        self.denials.deny(&self.db, actor, entry, answer.to_string()).await?;
        Ok(Error::Answer(answer))
    }

    /// Writes down that what was asked makes no sense, or not now.
    async fn refuse(&self, actor: &Actor, entry: impl Into<Entry>, answer: AppError) -> Result<Error> {
        audit::refuse(&self.db, actor, entry, audit::Outcome::refused(answer.to_string())).await?;
        Ok(Error::Answer(answer))
    }
}

/// Reads the book again whenever a change, a freeze or a hold has moved, whichever replica moved it, and whenever a freeze
/// begins or ends or a hold expires. A supervised task: it ends by an error alone.
pub async fn watch_changes(gates: Gates) -> Result<()> {
    let mut seen: Option<i64> = None;
    // The sequence moves before the transaction commits: until all that ran then have ended, more may come to light.
    let mut unsettled: Option<i64> = None;
    loop {
        let moves = Moves::read(&gates.db).await?;
        if seen != Some(moves.last) {
            unsettled = Some(moves.next_transaction);
        }
        let is_turned = gates.book().turns_at().is_some_and(|at| at <= now());
        if unsettled.is_some() || is_turned {
            gates.reload().await?;
        }
        seen = Some(moves.last);
        unsettled = unsettled.filter(|transaction| moves.oldest_transaction < *transaction);
        tokio::time::sleep(POLL).await;
    }
}

/// How far the sequence of moves is, and which transactions run.
struct Moves {
    last: i64,
    oldest_transaction: i64,
    next_transaction: i64,
}

impl Moves {
    async fn read(db: &Db) -> Result<Self> {
        let read = sqlx::query(
            "SELECT last_value + is_called::int AS last,
                 pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest,
                 pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next
             FROM change_moves",
        )
        .fetch_one(db.pool())
        .await;
        let row = read.map_err(failed("tell whether changes moved"))?;
        let column = |name: &str| row.try_get(name).map_err(failed("tell whether changes moved"));
        Ok(Self {
            last: column("last")?,
            oldest_transaction: column("oldest")?,
            next_transaction: column("next")?,
        })
    }
}

fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}
