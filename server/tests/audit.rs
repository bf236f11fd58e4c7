//! `quarterdeck audit verify`, beside a PostgreSQL of its own: what anchors it takes, and what it says of them.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use engine::{
    DatabaseSetting,
    audit::{
        self, Intent, Outcome, OwnedRecord,
        chain::Place,
        verify::{Range, Verification},
    },
    db::{Db, PrivateServer},
    tasks::Tasks,
};
use model::{Actor, actor::ActorKind};

use crate::support::scratch;

/// A record with four sealed events in a private server, which is killed at the end where it was not stopped.
struct House {
    folder: PathBuf,
    tasks: Tasks,
    db: Db,
    server: Option<PrivateServer>,
}

impl House {
    async fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("quarterdeck-verify-{}", std::process::id()));
        let tasks = Tasks::default();
        let (db, server) = Db::private(&folder, &tasks).await.expect("starts");
        let house = Self { folder, tasks, db, server: Some(server) };
        house.act().await;
        house.act().await;
        house
    }

    async fn act(&self) {
        let actor = Actor {
            name: "ana".into(),
            kind: ActorKind::Person,
            groups: Vec::new(),
            subject: "ana".into(),
            session: None,
            scopes: Vec::new(),
            request_id: String::new(),
            address: None,
        };
        let object = "application lab/argocd/web-app".into();
        let intent = Intent { verb: "sync", object, environment: None, details: serde_json::json!({}) };
        audit::refuse(&self.db, &actor, intent, Outcome::refused("a window")).await.expect("writes");
        while audit::chain::seal(&self.db).await.expect("seals") > 0 {}
    }

    async fn head(&self) -> Place {
        let setting = DatabaseSetting::Private(Some(self.folder.clone()));
        let mut record = OwnedRecord::open(&setting).await.expect("opens");
        match record.verify(Range::default()).await.expect("walks") {
            Verification::Whole(whole) => whole.head,
            Verification::Broken(broken) => panic!("{broken}"),
        }
    }

    /// Returns the exit status, and what was printed where.
    fn verify(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output: Output = Command::new(env!("CARGO_BIN_EXE_quarterdeck"))
            .args(["audit", "verify", "--data-dir"])
            .arg(&self.folder)
            .args(arguments)
            .env_remove("DATABASE_URL")
            .env_remove("QUARTERDECK_CONFIG")
            .output()
            .expect("runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    async fn end(mut self) {
        self.tasks.shutdown().await;
        self.db.close().await;
        if let Some(server) = self.server.take() {
            server.stop().await.expect("stops");
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let pid = fs::read_to_string(self.folder.join("postgres/data/postmaster.pid")).unwrap_or_default();
        if let Some(pid) = pid.lines().next() {
            let _gone = Command::new("kill").args(["-9", pid]).status();
        }
        let _gone = fs::remove_dir_all(&self.folder);
    }
}

/// A clone with a branch of anchors.
struct Clone(PathBuf);

impl Clone {
    fn new(branch: &str) -> Self {
        let clone = Self(scratch(&format!("anchors-{branch}")));
        let _gone = fs::remove_dir_all(&clone.0);
        fs::create_dir_all(&clone.0).expect("a folder");
        clone.git(&["init", "-q", "-b", branch]);
        clone
    }

    fn shown(&self) -> String {
        self.0.display().to_string()
    }

    fn write(&self, lines: &[String]) {
        fs::create_dir_all(self.0.join("anchors")).expect("a folder");
        fs::write(self.0.join("anchors/2026-11.ndjson"), lines.join("\n")).expect("writes");
        self.git(&["add", "-A"]);
        self.git(&[
            "-c",
            "user.name=bot",
            "-c",
            "user.email=bot@quarterdeck.test",
            "commit",
            "-qm",
            "Anchor",
        ]);
    }

    fn git(&self, arguments: &[&str]) {
        let status = Command::new("git").arg("-C").arg(&self.0).args(arguments).status().expect("git runs");
        assert!(status.success(), "{arguments:?}");
    }
}

fn line(place: Place) -> String {
    format!("{{\"seq\":{},\"hash\":\"{}\",\"at\":\"2026-11-24T14:20:03Z\"}}", place.seq, place.hash)
}

#[tokio::test]
async fn the_record_is_compared_with_an_anchor_or_with_all_of_a_clone() {
    let house = House::new().await;
    let head = house.head().await;
    let printed = head.to_string();
    assert_eq!(house.verify(&[]), (Some(0), format!("4 events hold together.\n{printed}"), String::new()));
    let agrees = format!("4 events hold together.\n1 anchor agrees.\n{printed}");
    assert_eq!(house.verify(&["--anchor", &printed]), (Some(0), agrees.clone(), String::new()));

    let clone = Clone::new("quarterdeck-record");
    clone.write(&[line(head)]);
    assert_eq!(house.verify(&["--anchor", &clone.shown()]), (Some(0), agrees, String::new()));
    house.act().await;
    let later = house.head().await;
    clone.write(&[line(head), line(later)]);
    let (status, said, _) = house.verify(&["--anchor", &clone.shown()]);
    assert_eq!((status, said), (Some(0), format!("6 events hold together.\n2 anchors agree.\n{later}")));
    let (status, said, _) = house.verify(&["--anchor", &clone.shown(), "--to", "5"]);
    assert!(
        status == Some(0) && said.contains("1 anchor agrees; 1 outside of the range were not compared."),
        "{said}"
    );

    clone.write(&[line(head), line(Place { seq: 5, ..later })]);
    let (status, _, said) = house.verify(&["--anchor", &clone.shown()]);
    assert_eq!(status, Some(1));
    let place = "(anchors/2026-11.ndjson, line 2, of 2026-11-24T14:20:03Z). Keep the database as it is";
    assert!(
        said.contains("the record was rewritten: event 5 has the seal") && said.contains(place),
        "{said}"
    );
    clone.write(&[line(head), line(Place { seq: 9, ..later })]);
    let (status, _, said) = house.verify(&["--anchor", &clone.shown()]);
    assert!(status == Some(1) && said.contains("it ends with event 6, before the anchor 9:"), "{said}");
    clone.write(&[line(head), "nonsense".into()]);
    let (status, _, said) = house.verify(&["--anchor", &clone.shown()]);
    assert!(status == Some(1) && said.contains("anchors/2026-11.ndjson, line 2, is no anchor"), "{said}");

    let other = Clone::new("heads");
    other.write(&[line(head)]);
    let (status, _, said) = house.verify(&["--anchor", &other.shown()]);
    assert!(status == Some(1) && said.contains("has no branch quarterdeck-record"), "{said}");
    let (status, said, _) = house.verify(&["--anchor", &other.shown(), "--anchor-branch", "heads"]);
    assert!(status == Some(0) && said.contains("1 anchor agrees."), "{said}");
    for wrong in ["48213", "48213:9c41", "/nowhere"] {
        let (status, _, said) = house.verify(&["--anchor", wrong]);
        assert!(status == Some(2) && said.contains("neither SEQ:HEX"), "{said}");
    }
    house.end().await;
}
