//! The private PostgreSQL: started, killed, adopted, stopped.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use engine::{
    DatabaseSetting,
    audit::{
        OwnedRecord,
        verify::{Range, Verification},
    },
    db::Db,
    tasks::Tasks,
};
use tokio::time::{Instant, sleep};

/// A data directory that is removed at the end, its server killed.
struct DataDir(PathBuf);

impl DataDir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("quarterdeck-private-{name}-{}", std::process::id()));
        Self(path)
    }

    fn pid(&self) -> String {
        self.known_pid().expect("runs")
    }

    /// None while none runs, or one is just starting.
    fn known_pid(&self) -> Option<String> {
        pid_in(&self.0)
    }

    fn kill(&self) {
        assert!(Command::new("kill").args(["-9", &self.pid()]).status().expect("runs").success());
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.0.join("postgres/data/postmaster.pid").exists() {
            self.kill();
        }
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn the_record_is_verified_beside_the_program_that_runs_the_server() {
    let (folder, tasks) = (DataDir::new("record"), Tasks::default());
    let setting = DatabaseSetting::Private(Some(folder.0.clone()));
    let missing = OwnedRecord::open(&setting).await.expect_err("nothing runs").to_string();
    assert!(missing.contains("start `quarterdeck serve`"), "{missing}");

    let (db, server) = Db::private(&folder.0, &tasks).await.expect("starts");
    let mut record = OwnedRecord::open(&setting).await.expect("opens");
    let found = record.verify(Range::default()).await.expect("walks");
    assert!(matches!(found, Verification::Whole(whole) if whole.events == 0));
    drop(record);

    tasks.shutdown().await;
    db.close().await;
    server.stop().await.expect("stops");
    assert!(OwnedRecord::open(&setting).await.is_err(), "its socket is gone");
}

#[tokio::test]
async fn a_killed_server_comes_back_with_its_data() {
    let (folder, tasks) = (DataDir::new("killed"), Tasks::default());
    let (db, server) = Db::private(&folder.0, &tasks).await.expect("starts");
    let mode = std::fs::metadata(folder.0.join("postgres")).expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "nobody else may use the socket");
    let leases = "INSERT INTO leases VALUES ('kept', 'me', now())";
    sqlx::query(leases).execute(db.pool()).await.expect("writes");

    let killed = folder.pid();
    folder.kill();
    let until = Instant::now() + Duration::from_secs(30);
    // A process of the killed one may answer for a moment still.
    while folder.known_pid().is_none_or(|pid| pid == killed) || db.ping().await.is_err() {
        assert!(Instant::now() < until, "it does not come back");
        sleep(Duration::from_millis(100)).await;
    }
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM leases").fetch_one(db.pool()).await.expect("reads");
    assert_eq!(kept, 1);

    tasks.shutdown().await;
    db.close().await;
    server.stop().await.expect("stops");
    assert!(!folder.0.join("postgres/data/postmaster.pid").exists());
}

#[tokio::test]
async fn a_server_that_outlived_us_is_adopted_and_a_dead_one_is_started() {
    let folder = DataDir::new("adopted");
    let first = start_and_vanish(&folder.0).await;
    let second = start_and_vanish(&folder.0).await;
    assert_eq!((first.as_str(), second.as_str()), (folder.pid().as_str(), folder.pid().as_str()));

    folder.kill();
    let tasks = Tasks::default();
    let (db, server) = Db::private(&folder.0, &tasks).await.expect("starts anew");
    assert_ne!(folder.pid(), first);
    db.ping().await.expect("answers");
    tasks.shutdown().await;
    db.close().await;
    server.stop().await.expect("stops");
}

#[tokio::test]
async fn two_programs_do_not_share_a_server() {
    let (folder, tasks) = (DataDir::new("shared"), Tasks::default());
    let (_db, _server) = Db::private(&folder.0, &tasks).await.expect("starts");
    let error = Db::private(&folder.0, &tasks).await.expect_err("is taken").to_string();
    assert!(error.contains("another Quarterdeck"), "{error}");
    tasks.shutdown().await;
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_is_refused_in_words() {
    let folder = DataDir::new(&"deep".repeat(30));
    let error = Db::private(&folder.0, &Tasks::default()).await.expect_err("is too long").to_string();
    assert!(error.contains("shorter data directory"), "{error}");
}

/// Starts or adopts the server, and goes away without stopping it, as `kill -9` of the program would. Returns its pid.
async fn start_and_vanish(folder: &Path) -> String {
    let tasks = Tasks::default();
    let (db, server) = Db::private(folder, &tasks).await.expect("starts or adopts");
    db.ping().await.expect("answers");
    tasks.shutdown().await;
    db.close().await;
    drop(server);
    pid_in(folder).expect("runs")
}

fn pid_in(folder: &Path) -> Option<String> {
    let file = std::fs::read_to_string(folder.join("postgres/data/postmaster.pid")).ok()?;
    file.lines().next().map(str::to_owned)
}
