//! Denials, counted: refusing must not fill the disk.
//!
//! The first denial of an act is written at once. The same actor, verb and object denied again within a minute is
//! counted in memory, and written as one event when the minute is over. What is kept in memory is bounded: beyond the
//! bounds, denials are counted together.

use std::{
    collections::{HashMap, hash_map},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::Actor;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{Entry, Intent, Outcome, refuse};
use crate::{db::Db, error::Result};

/// How long denials are counted as one.
const WINDOW: Duration = Duration::from_secs(60);
const PERIOD: Duration = Duration::from_secs(5);
/// How many different acts of one actor are counted apart at a time, and how many of all.
const ACTS_OF_ACTOR: usize = 100;
const ACTS: usize = 5000;
/// The object, and the key of the actor, of what is beyond the bounds.
const OTHER_OBJECTS: &str = "further objects";
const OTHER_ACTORS: &str = "further actors";

/// Counts denials; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Denials(Arc<Mutex<HashMap<Key, Count>>>);

/// What is counted together.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Key {
    actor: String,
    verb: &'static str,
    object: String,
}

#[derive(Clone, Debug)]
struct Count {
    since: Instant,
    /// Beside the first, which is written.
    times: u64,
    actor: Actor,
    entry: Entry,
    reason: String,
}

impl Denials {
    /// Writes down that `actor` may not do this, or counts it where that was written within a minute.
    pub async fn deny(
        &self,
        db: &Db,
        actor: &Actor,
        intent: impl Into<Entry>,
        reason: impl Into<String>,
    ) -> Result<()> {
        self.deny_at(db, actor, intent.into(), reason.into(), Instant::now()).await
    }

    /// As [`Denials::deny`], at a moment of the caller's.
    pub async fn deny_at(
        &self,
        db: &Db,
        actor: &Actor,
        entry: Entry,
        reason: String,
        now: Instant,
    ) -> Result<()> {
        let Some((key, count)) = self.count(actor, entry, reason, now) else { return Ok(()) };
        if let Some(over) = count.over
            && let Err(error) = write_count(db, &over, now).await
        {
            self.lock().insert(key, over);
            return Err(error);
        }
        let written = refuse(db, actor, count.first.entry, Outcome::denied(count.first.reason)).await;
        if written.is_err() {
            // The next one is a first again.
            self.lock().remove(&key);
        }
        written.map(drop)
    }

    /// Writes what was counted and is over at `now`, and forgets it.
    pub async fn flush(&self, db: &Db, now: Instant) -> Result<()> {
        self.write(db, now, |count| now.duration_since(count.since) >= WINDOW).await
    }

    /// Writes all that was counted: the program stops.
    pub async fn flush_all(&self, db: &Db) -> Result<()> {
        self.write(db, Instant::now(), |_| true).await
    }

    /// Returns how many acts are kept in memory.
    pub fn kept(&self) -> usize {
        self.lock().len()
    }

    async fn write(&self, db: &Db, now: Instant, is_over: impl Fn(&Count) -> bool) -> Result<()> {
        let over: Vec<_> = self.lock().extract_if(|_, count| is_over(count)).collect();
        let mut over = over.into_iter();
        while let Some((key, count)) = over.next() {
            if let Err(error) = write_count(db, &count, now).await {
                self.put_back(std::iter::once((key, count)).chain(over));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Counts a denial; returns what has to be written now.
    fn count(&self, actor: &Actor, mut entry: Entry, reason: String, now: Instant) -> Option<(Key, ToWrite)> {
        let mut counts = self.lock();
        let mut key =
            Key { actor: actor.name.clone(), verb: entry.intent.verb, object: entry.intent.object.clone() };
        if !counts.contains_key(&key) && is_full(&counts, &key.actor) {
            key.object = OTHER_OBJECTS.to_owned();
            entry.intent.object = OTHER_OBJECTS.to_owned();
            if counts.len() >= ACTS {
                key.actor = OTHER_ACTORS.to_owned();
            }
        }
        let first = Count { since: now, times: 0, actor: actor.clone(), entry, reason };
        match counts.entry(key.clone()) {
            hash_map::Entry::Vacant(place) => {
                place.insert(first.clone());
                Some((key, ToWrite { over: None, first }))
            }
            hash_map::Entry::Occupied(mut known) if now.duration_since(known.get().since) >= WINDOW => {
                let over = known.insert(first.clone());
                Some((key, ToWrite { over: Some(over), first }))
            }
            hash_map::Entry::Occupied(mut known) => {
                known.get_mut().times += 1;
                None
            }
        }
    }

    fn put_back(&self, counts: impl Iterator<Item = (Key, Count)>) {
        let mut known = self.lock();
        for (key, count) in counts {
            match known.entry(key) {
                hash_map::Entry::Vacant(place) => drop(place.insert(count)),
                hash_map::Entry::Occupied(mut newer) => newer.get_mut().times += count.times,
            }
        }
    }

    /// The map is whole at every moment, so a panic elsewhere while it was locked means nothing.
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what was counted, as its minute ends. A supervised task: it ends by an error alone.
pub async fn keep_flushed(db: Db, denials: Denials) -> Result<()> {
    loop {
        sleep(PERIOD).await;
        denials.flush(&db, Instant::now()).await?;
    }
}

/// A first denial, and the count before it that is over.
struct ToWrite {
    over: Option<Count>,
    first: Count,
}

/// Counting what one actor has is a walk over at most [`ACTS`] keys, for a denial that was not seen before.
fn is_full(counts: &HashMap<Key, Count>, actor: &str) -> bool {
    counts.len() >= ACTS || counts.keys().filter(|key| key.actor == actor).count() >= ACTS_OF_ACTOR
}

async fn write_count(db: &Db, count: &Count, now: Instant) -> Result<()> {
    if count.times == 0 {
        return Ok(());
    }
    let seconds = now.duration_since(count.since).min(WINDOW).as_secs().max(1);
    let entry = Entry {
        intent: Intent {
            details: json!({"times": count.times, "seconds": seconds}),
            ..count.entry.intent.clone()
        },
        context: count.entry.context.clone(),
    };
    let reason = format!("{} times more in {seconds} s: {}", count.times, count.reason);
    refuse(db, &count.actor, entry, Outcome::denied(reason)).await.map(drop)
}
