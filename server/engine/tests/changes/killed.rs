//! `kill -9` at every state of a change, and of two of three programs while many changes run. What was begun goes on in
//! the next program or ends there, and each commit is on the branch once.
//!
//! `QUARTERDECK_ROUNDS` is how often; without it three times at each state, and once of three programs.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use futures::StreamExt as _;
use model::change::ChangeState;
use sqlx::PgConnection;

use super::{
    house::{AFTER, House, person},
    orders::{ArgoCd, Orders},
    replica::Setup,
};

/// Where a program is killed.
#[derive(Clone, Copy, Debug)]
enum At {
    /// When it is about to leave this state: the database lets it wait.
    Leaving(ChangeState),
    /// While it stays in this state.
    In(ChangeState),
    /// By its own call of Git, at this moment of it.
    Git(&'static str),
}

const ROUNDS: u32 = 3;
/// So many states are tried at once.
const AT_ONCE: usize = 5;
/// Whoever has it keeps changes in their state.
const LOCK: i64 = 1_842;

const EVERYWHERE: [At; 13] = [
    At::Leaving(ChangeState::AwaitingApproval),
    At::Leaving(ChangeState::Waiting),
    At::Leaving(ChangeState::Queued),
    At::Git("[ $call = fetch ] && kill -9 $PPID && exit 1"),
    At::Git("[ $call = push ] && kill -9 $PPID && exit 1"),
    At::Git("[ $call = push ] && git \"$@\" && kill -9 $PPID && exit 1"),
    At::Git("[ $call = push ] && kill -9 $PPID"), // and the push goes on
    At::Leaving(ChangeState::Committing),
    At::Leaving(ChangeState::Pushed),
    At::Leaving(ChangeState::RollingOut),
    At::In(ChangeState::NeedsAttention),
    At::Leaving(ChangeState::Healthy),
    At::Leaving(ChangeState::Soaking),
];

#[tokio::test]
async fn r11_killed_at_every_state_a_change_goes_on_once() {
    let rounds = std::env::var("QUARTERDECK_ROUNDS").map_or(ROUNDS, |it| it.parse().expect("a number"));
    let all = futures::stream::iter(EVERYWHERE.map(|at| kill_often(at, rounds)));
    all.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
}

#[tokio::test]
async fn three_programs_and_two_of_them_killed_lose_and_double_nothing() {
    let rounds = std::env::var("QUARTERDECK_ROUNDS").map_or(1, |it| it.parse().expect("a number"));
    for _ in 0..rounds {
        two_of_three_killed(100).await;
    }
}

async fn kill_often(at: At, rounds: u32) {
    let approvals = u32::from(matches!(at, At::Leaving(ChangeState::AwaitingApproval)));
    let soak = Duration::from_secs(u64::from(matches!(at, At::Leaving(ChangeState::Soaking))));
    let asks = move |setup: &mut Setup| {
        setup.environments[1].approvals = approvals;
        setup.environments[1].soak = soak;
    };
    let house = House::of(&["web"], asks).await;
    let mut done = Vec::new();
    for round in 0..rounds {
        let tag = format!("2.0.{round}");
        house.release("web", &tag);
        done.push(kill_once(&house, at, round).await);
        assert_eq!(house.remote.tag_of("web", "staging"), tag, "{at:?}, round {round}");
        house.has_once(&done).await;
    }
    house.end().await;
}

/// Asks for a change, kills who carries it out, and has another program bring it to its end.
async fn kill_once(house: &House, at: At, round: u32) -> u64 {
    if matches!(at, At::Leaving(ChangeState::Waiting)) {
        house.freeze("staging").await;
    }
    let plan = house.plan(&["web"], "dev", "staging").await;
    let change = house.start(&person("ana"), &plan).await.expect("starts").change;
    let mirrors = format!("mirrors-of-child-{round}");
    match at {
        At::Leaving(state) => {
            let lock = keep_in(house, state).await;
            let first = Program::start(house, &mirrors, ArgoCd::Well);
            let_pass(house, change, state).await;
            house.wait(&format!("{at:?}: it is about to leave"), async || is_waited_for(house).await).await;
            assert_eq!(house.detail(change).await.row.state, state);
            first.kill();
            let_go(house, lock).await;
        }
        At::In(state) => {
            let first = Program::start(house, &mirrors, ArgoCd::Degraded);
            house.until(change, &[state]).await;
            first.kill();
        }
        At::Git(script) => {
            house.git_of_child_does(script);
            let mut first = Program::start(house, &mirrors, ArgoCd::Well);
            house.wait(&format!("{script}: it is killed"), async || first.has_ended()).await;
            house.git_of_child_does("");
        }
    }
    house.expire_leases().await;
    let second = Program::start(house, &mirrors, ArgoCd::Well);
    house.until(change, &[ChangeState::Done]).await;
    for state in ["pushed", "done"] {
        let steps =
            format!("SELECT count(*)::text FROM change_steps WHERE change = {change} AND state = '{state}'");
        assert_eq!(house.ask(&steps).await, "1", "{at:?}: it came to {state} once");
    }
    second.kill();
    house.expire_leases().await;
    change
}

/// Has the database keep changes in a state for as long as the connection's lock is held.
async fn keep_in(house: &House, state: ChangeState) -> PgConnection {
    let mut owner = house.db.as_owner().await.expect("connects");
    let sql = format!(
        "SELECT pg_advisory_lock({LOCK});
         CREATE OR REPLACE FUNCTION keep_in() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN PERFORM pg_advisory_xact_lock_shared({LOCK}); RETURN NEW; END $$;
         CREATE TRIGGER keep_in BEFORE UPDATE ON changes FOR EACH ROW
             WHEN (OLD.state = '{0}' AND NEW.state <> '{0}') EXECUTE FUNCTION keep_in();",
        state.word()
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut owner).await.expect("is set");
    owner
}

async fn is_waited_for(house: &House) -> bool {
    let sql = "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    house.ask(sql).await != "0"
}

async fn let_go(house: &House, mut lock: PgConnection) {
    let sql = format!("SELECT pg_advisory_unlock({LOCK})");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut lock).await.expect("is let go");
    house.sql("DROP TRIGGER keep_in ON changes").await;
}

/// Does what a change in this state waits for.
async fn let_pass(house: &House, change: u64, state: ChangeState) {
    match state {
        ChangeState::AwaitingApproval => {
            house.approve(&person("ben"), change).await.expect("approves");
        }
        ChangeState::Waiting => house.thaw().await,
        _ => {}
    }
}

async fn two_of_three_killed(count: usize) {
    let apps: Vec<_> = (0..count).map(|n| format!("app-{n}")).collect();
    let house = House::of(&apps, |_| {}).await;
    let mut programs: Vec<_> =
        (0..3).map(|n| Program::start(&house, &format!("mirrors-of-child-{n}"), ArgoCd::Well)).collect();
    let mut kill_at =
        [rand::random_range(1..count / 2), rand::random_range(count / 2..count)].into_iter().peekable();
    let mut changes = Vec::new();
    for (asked, app) in apps.iter().enumerate() {
        changes.push(house.promote(&[app], "dev", "staging").await);
        if kill_at.next_if_eq(&asked).is_some() {
            programs.swap_remove(rand::random_range(0..programs.len())).kill();
        }
    }
    for change in &changes {
        house.until_pushed(*change).await;
    }
    house.expire_leases().await;
    for (change, app) in changes.iter().zip(&apps) {
        house.until(*change, &[ChangeState::Done]).await;
        assert_eq!(house.remote.tag_of(app, "staging"), AFTER);
    }
    house.has_once(&changes).await;
    drop(programs);
    house.end().await;
}

/// A child that writes and follows changes.
struct Program {
    child: Child,
}

impl Program {
    fn start(house: &House, mirrors: &str, argo_cd: ArgoCd) -> Self {
        let folder = house.folder();
        let orders = Orders {
            database: house.url.clone(),
            remote: house.remote.path.clone(),
            mirrors: folder.join(mirrors),
            git: folder.join("git-of-child"),
            apps: house.apps.clone(),
            argo_cd,
            lease_ms: 1_500,
        };
        let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).expect("a log");
        let child = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_change-writer")))
            .arg(serde_json::to_string(&orders).expect("is JSON"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Self { child: child.expect("starts") }
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("is a child").is_some()
    }

    /// Kills it in the middle of whatever it does.
    fn kill(self) {}
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
