//! Measures how fast clicks become commits: many changes at once on one branch, or one by one, on a remote of this
//! machine's disk. A checker replays what was asked for against the tree that came of it.
//!
//! `cargo run --release -p engine --example changes_scale [--changes N] [--rejecting] [--slow] [--busy]`
//! `cargo run --release -p engine --example changes_scale -- --one-by-one N [--pause MS]`
//!
//! `--rejecting`: the remote refuses every second push. `--slow`: each call of `git` to it takes 200 ms longer.
//! `--busy`: somebody else pushes every two seconds. Figures worth keeping go into `docs/performance.md`.

#[path = "../tests/changes/fleet.rs"]
#[expect(dead_code, reason = "all is well with this fleet")]
mod fleet;
#[path = "../tests/changes/remote.rs"]
#[expect(dead_code, reason = "nobody rewrites this branch")]
mod remote;
#[path = "../tests/changes/replica.rs"]
#[expect(dead_code, reason = "nothing is rolled out here")]
mod replica;

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    io::{Write as _, stdout},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use engine::{
    changes::Changes,
    db::{Db, PrivateServer},
    plans::MAX_AGE,
    tasks::Tasks,
};
use futures::future::try_join_all;
use git2::{ObjectType, Repository, TreeWalkMode, TreeWalkResult};
use model::{
    Actor, Timestamp,
    actor::ActorKind,
    change::StartChange,
    plan::{AskPlan, AskPromotion},
};
use remote::{ENVIRONMENTS, Remote, VERSIONS, kustomization, overlay};
use replica::{Replica, Setup};
use sqlx::Row as _;
use tempfile::TempDir;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// How long all of it may take before it counts as hung.
const HUNG: Duration = Duration::from_secs(300);

/// Counts the pushes, and is slow where it is asked to be.
const GIT: &str = r#"#!/bin/sh
here=${0%/*}
for word in "$@"; do case $word in push | fetch) echo >>"$here/$word"; [ ! -e "$here/slow" ] || sleep 0.2 ;; esac; done
exec git "$@"
"#;

/// Refuses every second push.
const REJECTING: &str =
    "here=${0%/*}; if mkdir $here/turn 2>/dev/null; then echo not now >&2; exit 1; fi; rmdir $here/turn";

/// What is measured.
struct Variant {
    changes: usize,
    one_by_one: Option<usize>,
    pause: Duration,
    is_rejecting: bool,
    is_slow: bool,
    is_busy: bool,
}

/// All that it is measured in.
struct House {
    folder: TempDir,
    remote: Remote,
    replica: Replica,
    server: PrivateServer,
    server_tasks: Tasks,
    data: PathBuf,
    apps: Vec<String>,
}

#[tokio::main]
async fn main() -> Outcome {
    let variant = Variant::read(std::env::args().skip(1))?;
    let house = House::new(&variant).await?;
    house.say_conditions(&variant)?;
    let measured = match variant.one_by_one {
        Some(count) => house.one_by_one(count, variant.pause).await,
        None => house.all_at_once(&variant).await,
    };
    house.end().await?;
    measured
}

impl Variant {
    fn read(mut arguments: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut variant = Self {
            changes: 200,
            one_by_one: None,
            pause: Duration::from_millis(1_100),
            is_rejecting: false,
            is_slow: false,
            is_busy: false,
        };
        while let Some(argument) = arguments.next() {
            let mut number =
                || Ok::<_, Box<dyn Error>>(arguments.next().ok_or("a number is missing")?.parse()?);
            match argument.as_str() {
                "--changes" => variant.changes = number()?,
                "--one-by-one" => variant.one_by_one = Some(number()?),
                "--pause" => variant.pause = Duration::from_millis(number()? as u64),
                "--rejecting" => variant.is_rejecting = true,
                "--slow" => variant.is_slow = true,
                "--busy" => variant.is_busy = true,
                other => {
                    return Err(
                        format!("{other} is not known; the first lines of the program say what is").into()
                    );
                }
            }
        }
        Ok(variant)
    }

    fn words(&self) -> String {
        let named = [
            (self.is_rejecting, "every second push is refused"),
            (self.is_slow, "each call of git takes 200 ms longer"),
            (self.is_busy, "somebody else pushes every 2 s"),
        ];
        let named: Vec<_> = named.into_iter().filter(|(is, _)| *is).map(|(_, words)| words).collect();
        if named.is_empty() { "plain".to_owned() } else { named.join(", ") }
    }
}

impl House {
    async fn new(variant: &Variant) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let apps: Vec<_> = (0..variant.changes.max(variant.one_by_one.unwrap_or(0)))
            .map(|n| format!("app-{n:03}"))
            .collect();
        let remote = Remote::make(&folder.path().join("remote.git"), &apps);
        if variant.is_rejecting {
            remote.set_hook(REJECTING);
        }
        let git = folder.path().join("git");
        fs::write(&git, GIT)?;
        fs::set_permissions(&git, fs::Permissions::from_mode(0o755))?;
        if variant.is_slow {
            fs::write(folder.path().join("slow"), "")?;
        }
        let server_tasks = Tasks::default();
        let data = std::env::temp_dir().join(format!("quarterdeck-changes-{}", std::process::id()));
        let (db, server) = Db::private(&data, &server_tasks).await?;
        let mut replica =
            Replica::new(Setup { git, ..Setup::new(db, remote.url(), folder.path().join("mirrors")) });
        replica.planner.max_age = MAX_AGE;
        replica.changes.planner.max_age = MAX_AGE;
        replica.fleet.listed();
        replica.fleet.all_run(&apps, remote.head());
        let _write = replica.write();
        let repositories = replica.changes.repositories.clone();
        replica.tasks.supervise("read repositories", move || repositories.clone().keep_read());
        let house = Self { folder, remote, replica, server, server_tasks, data, apps };
        house.wait_until_read().await;
        Ok(house)
    }

    /// As it is in a program that runs for a while.
    async fn wait_until_read(&self) {
        let row = self.replica.fleet.index.load().rows[0].clone();
        while self.replica.changes.repositories.book().facts_of(&row).is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn say_conditions(&self, variant: &Variant) -> Outcome {
        let build = if cfg!(debug_assertions) { "a debug build" } else { "a release build" };
        let cores = std::thread::available_parallelism()?;
        say(&format!(
            "{}; {} apps in {} environments, {build}, {cores} cores, PostgreSQL (private, fsync on) and the remote beside it",
            variant.words(),
            self.apps.len(),
            ENVIRONMENTS.len(),
        ))
    }

    async fn all_at_once(&self, variant: &Variant) -> Outcome {
        let plans = self.plans(variant.changes).await?;
        let first = self.remote.head();
        let others = variant.is_busy.then(|| Others::push_every(Duration::from_secs(2), &self.remote));
        let began = Instant::now();
        let clicks = plans.iter().map(|plan| self.click(plan));
        let asked: BTreeMap<u64, Timestamp> = try_join_all(clicks).await?.into_iter().collect();
        let took_asking = began.elapsed();
        let pushed = self.until_pushed(&asked.keys().copied().collect::<Vec<_>>()).await?;
        let took = began.elapsed();
        let by_others = others.map_or(0, Others::stop);
        let times = asked.iter().map(|(change, at)| millis(pushed[change].0 - at.0)).collect();
        say(&format!(
            "all {} pushed in {:.2} s; all asked for in {:.2} s",
            asked.len(),
            took.as_secs_f64(),
            took_asking.as_secs_f64()
        ))?;
        say(&format!("request → pushed: {}", spread(times)))?;
        let tries: i64 = sqlx::query_scalar("SELECT coalesce(sum(tries), 0)::bigint FROM changes")
            .fetch_one(self.db().pool())
            .await?;
        say(&format!(
            "{} pushes and {} fetches for {} commits; changes were tried again {tries} times; {by_others} commits by others",
            self.calls("push"),
            self.calls("fetch"),
            asked.len(),
        ))?;
        self.check(first, asked.len(), by_others).await
    }

    async fn one_by_one(&self, count: usize, pause: Duration) -> Outcome {
        let first = self.remote.head();
        let mut times = Vec::new();
        for plan in &self.plans(count).await? {
            tokio::time::sleep(pause).await;
            let began = Instant::now();
            let (change, _) = self.click(plan).await?;
            self.until_pushed(&[change]).await?;
            times.push(began.elapsed());
        }
        say(&format!(
            "request → pushed, {count} one by one, {} ms apart: {}",
            pause.as_millis(),
            spread(times)
        ))?;
        self.check(first, count, 0).await
    }

    async fn plans(&self, count: usize) -> Outcome<Vec<String>> {
        let mut plans = Vec::new();
        for app in self.apps.iter().take(count) {
            let ask = AskPromotion {
                apps: vec![app.clone()],
                from: "dev".into(),
                to: "staging".into(),
                ..Default::default()
            };
            let plan = self.replica.planner.make_and_keep(&actor(), AskPlan::Promote(ask)).await?;
            plans.push(plan.plan.hash);
        }
        Ok(plans)
    }

    /// Clicks; returns the change, and when that was.
    async fn click(&self, plan: &str) -> Outcome<(u64, Timestamp)> {
        let at = fleet::now();
        let request =
            StartChange { plan: plan.to_owned(), confirm_unrendered: true, ..StartChange::default() };
        let started = self.changes().start(&actor(), &request).await?;
        if started.existed {
            return Err(format!("change {} was there before", started.change).into());
        }
        Ok((started.change, at))
    }

    /// Waits until all are pushed; returns when each of them was.
    async fn until_pushed(&self, changes: &[u64]) -> Outcome<BTreeMap<u64, Timestamp>> {
        let ids: Vec<i64> = changes.iter().map(|it| it.cast_signed()).collect();
        let began = Instant::now();
        loop {
            let sql = "SELECT id, (extract(epoch FROM pushed_at) * 1000)::bigint AS at FROM changes
                       WHERE id = ANY($1) AND pushed_at IS NOT NULL";
            let rows = sqlx::query(sql).bind(&ids).fetch_all(self.db().pool()).await?;
            if rows.len() == ids.len() {
                return Ok(rows
                    .iter()
                    .map(|row| (row.get::<i64, _>(0).cast_unsigned(), Timestamp(row.get(1))))
                    .collect());
            }
            let lost =
                "SELECT id || ': ' || why FROM changes WHERE id = ANY($1) AND ended_at IS NOT NULL LIMIT 1";
            let lost: Option<String> =
                sqlx::query_scalar(lost).bind(&ids).fetch_optional(self.db().pool()).await?;
            if let Some(lost) = lost {
                return Err(format!("a change ended: {lost}").into());
            }
            if began.elapsed() > HUNG {
                return Err(
                    format!("{} of {} are pushed after {} s", rows.len(), ids.len(), HUNG.as_secs()).into()
                );
            }
            tokio::time::sleep(Duration::from_millis(if ids.len() == 1 { 2 } else { 50 })).await;
        }
    }

    /// Replays what was asked for: the tree that came of it has that and nothing else, in one commit for each.
    async fn check(&self, first: git2::Oid, count: usize, by_others: u32) -> Outcome {
        let mut expected = files(self.remote.git(), first)?;
        for app in self.apps.iter().take(count) {
            expected.insert(overlay(app, "staging"), kustomization("staging", VERSIONS[0]));
        }
        let there = files(self.remote.git(), self.remote.head())?;
        let is_ours = |path: &String| path != NOTE;
        let differ: Vec<_> = there
            .iter()
            .filter(|(path, text)| is_ours(path) && expected.get(*path) != Some(text))
            .map(|(path, _)| path)
            .collect();
        let lost: Vec<_> = expected.keys().filter(|path| !there.contains_key(*path)).collect();
        let tokens: Vec<String> = sqlx::query_scalar("SELECT token::text FROM changes ORDER BY 1")
            .fetch_all(self.db().pool())
            .await?;
        let mut on_branch = self.remote.tokens();
        on_branch.sort();
        let commits = self.remote.commits().len() - 1;
        if !differ.is_empty()
            || !lost.is_empty()
            || tokens != on_branch
            || commits != count + by_others as usize
        {
            return Err(format!(
                "NOT as asked for: {differ:?} differ, {lost:?} are gone; {} tokens on the branch for {} changes; {commits} commits",
                on_branch.len(),
                tokens.len()
            )
            .into());
        }
        say(&format!(
            "checked: {count} changes, each once on the branch; the tree is what was asked for, and nothing else"
        ))
    }

    fn calls(&self, of: &str) -> usize {
        fs::read_to_string(self.folder.path().join(of)).map_or(0, |text| text.lines().count())
    }

    fn db(&self) -> &Db {
        &self.replica.db
    }

    fn changes(&self) -> &Changes {
        &self.replica.changes
    }

    async fn end(self) -> Outcome {
        self.replica.tasks.shutdown().await;
        self.server_tasks.shutdown().await;
        self.replica.db.close().await;
        self.server.stop().await?;
        Ok(fs::remove_dir_all(self.data)?)
    }
}

/// What others write.
const NOTE: &str = "NOTES.md";

/// Somebody else who pushes to the same branch.
struct Others {
    stop: Arc<AtomicBool>,
    pushed: Arc<AtomicU32>,
    thread: std::thread::JoinHandle<()>,
}

impl Others {
    fn push_every(pause: Duration, remote: &Remote) -> Self {
        let (stop, pushed, path) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)), remote.path.clone());
        let (is_over, counter) = (stop.clone(), pushed.clone());
        let thread = std::thread::spawn(move || {
            let remote = Remote::open(&path);
            while !is_over.load(Ordering::Relaxed) {
                let round = counter.fetch_add(1, Ordering::Relaxed);
                remote.commit(&[(NOTE, format!("note {round}"))], "Note");
                std::thread::park_timeout(pause);
            }
        });
        Self { stop, pushed, thread }
    }

    /// Returns how many commits there were.
    fn stop(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        let _ended = self.thread.join();
        self.pushed.load(Ordering::Relaxed)
    }
}

/// All files of a commit.
fn files(git: &Repository, commit: git2::Oid) -> Outcome<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    git.find_commit(commit)?.tree()?.walk(TreeWalkMode::PreOrder, |folder, entry| {
        if entry.kind() == Some(ObjectType::Blob)
            && let (Ok(name), Ok(blob)) = (entry.name(), git.find_blob(entry.id()))
        {
            files.insert(format!("{folder}{name}"), String::from_utf8_lossy(blob.content()).into_owned());
        }
        TreeWalkResult::Ok
    })?;
    Ok(files)
}

fn actor() -> Actor {
    Actor {
        name: "admin".into(),
        subject: "admin".into(),
        kind: ActorKind::LocalAdmin,
        groups: Vec::new(),
        session: None,
        scopes: Vec::new(),
        request_id: String::new(),
        address: None,
    }
}

fn millis(count: i64) -> Duration {
    Duration::from_millis(count.max(0).unsigned_abs())
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1000.0;
    format!("p50 {:.0} ms, p95 {:.0} ms, longest {:.0} ms", at(50), at(95), at(100))
}

fn say(line: &str) -> Outcome {
    Ok(writeln!(stdout(), "{line}")?)
}
