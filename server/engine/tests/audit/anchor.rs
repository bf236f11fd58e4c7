//! Anchors: what is appended to the branch and when, what comes in between, and what they find.

use std::{fs, path::Path, sync::Arc, time::Duration};

use engine::{
    audit::{
        AnchorSetting, Anchoring,
        anchor::{Anchor, AnchorError, Turn, read_clone},
        chain::Place,
        prune,
        verify::{AnchorCount, Break, Range, Verification, Whole, verify},
    },
    db::Db,
    git::{commit::Committer, tree::Tree},
    metrics::Metrics,
};
use git2::Oid;
use model::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use super::{acts, prune as retention, seal_all};
use crate::{
    mirror::{Lab, Origin, install, run},
    support::{as_owner, count, database},
};

const BRANCH: &str = "quarterdeck-record";
const NOVEMBER: Timestamp = Timestamp(1_795_530_003_000);
const FILE: &str = "anchors/2026-11.ndjson";
const HOUR: Duration = Duration::from_secs(3600);

/// Every time that somebody pushes, this may happen once before: `other` has a commit that the branch is set to; `lost`
/// loses the remote's answer, `refused` is a hook that says no.
const BETWEEN: &str = r#"
case " $* " in *" push "*)
  if [ -e "$here/other" ]; then
    git --git-dir="$origin" update-ref refs/heads/quarterdeck-record "$(cat "$here/other")"
    rm "$here/other"
  elif [ -e "$here/lost" ]; then
    rm "$here/lost"
    git "$@"
    echo "fatal: the remote end hung up unexpectedly" >&2
    exit 128
  elif [ -e "$here/refused" ]; then
    rm "$here/refused"
    echo "remote: closed today" >&2
    echo " ! [remote rejected] x -> quarterdeck-record (pre-receive hook declined)" >&2
    exit 1
  fi ;;
esac
exec git "$@""#;

/// A record, and a repository that its heads are anchored in.
struct House {
    db: Db,
    origin: Origin,
    anchoring: Anchoring,
    /// The folder of the `git` that is a script around the real one.
    script: TempDir,
    lab: Lab,
}

impl House {
    async fn new() -> Self {
        Self::with(Origin::new()).await
    }

    async fn with(origin: Origin) -> Self {
        let (db, script) = (database().await, tempfile::tempdir().expect("a folder"));
        let git = script.path().join("git");
        let places = format!("here={}\norigin={}", script.path().display(), origin.path().display());
        install(&git, &format!("#!/bin/sh\n{places}\n{BETWEEN}\n"));
        let lab = Lab::with(|settings| settings.git = git);
        let committer = Committer { name: "Quarterdeck".into(), email: "bot@example.com".into(), key: None };
        let anchoring = Anchoring {
            db: db.clone(),
            mirrors: lab.mirrors.clone(),
            committer: Arc::new(committer),
            metrics: Metrics::default(),
            control_plane: "lab".into(),
            setting: AnchorSetting { repository: origin.url(), branch: BRANCH.into(), interval: HOUR },
        };
        Self { db, origin, anchoring, script, lab }
    }

    /// Three heads of a record, each anchored: at events 4, 8 and 12.
    async fn anchored() -> (Self, [Place; 3]) {
        let house = Self::new().await;
        let mut places = Vec::new();
        for number in [2, 1, 1] {
            house.act(number).await;
            places.push(house.anchor().await.expect("anchors").expect("a head"));
        }
        assert_eq!(places.iter().map(|it| it.seq).collect::<Vec<_>>(), [4, 8, 12]);
        (house, places.try_into().expect("three"))
    }

    /// Puts acts on record, and seals these and what waits already.
    async fn act(&self, number: u32) {
        acts(&self.db, number).await;
        seal_all(&self.db).await;
    }

    async fn anchor(&self) -> Result<Option<Place>, AnchorError> {
        self.anchoring.anchor(NOVEMBER).await
    }

    fn next_push(&self, what: &str, content: &str) {
        fs::write(self.script.path().join(what), content).expect("writes");
    }

    /// The tip of the branch of anchors; none where it is not there.
    fn tip(&self) -> Option<Oid> {
        self.origin.repository.refname_to_id(&format!("refs/heads/{BRANCH}")).ok()
    }

    fn commits(&self) -> usize {
        let mut walk = self.origin.repository.revwalk().expect("walks");
        let Some(tip) = self.tip() else { return 0 };
        walk.push(tip).expect("a commit");
        walk.count()
    }

    fn text(&self, file: &str) -> String {
        let tree = Tree::at(&self.origin.repository, BRANCH).expect("a branch");
        String::from_utf8(tree.read(file).expect("a file")).expect("text")
    }

    fn seqs(&self, file: &str) -> Vec<u64> {
        let line = |line: &str| {
            serde_json::from_str::<Value>(line).expect("JSON")["seq"].as_u64().expect("a number")
        };
        self.text(file).lines().map(line).collect()
    }

    /// Adds a line by hand.
    fn forge(&self, line: &str) {
        let text = format!("{}{line}\n", self.text(FILE));
        self.origin.commit(BRANCH, &[(FILE, &text)], "Forge");
    }

    /// What the branch has, as the command reads it.
    fn read(&self) -> Result<Vec<Anchor>, AnchorError> {
        read_clone(&self.origin.path(), BRANCH)
    }

    async fn verify(&self) -> engine::Result<Verification> {
        let anchors = self.read().expect("reads").iter().map(|it| it.place).collect();
        let mut owner = self.db.as_owner().await.expect("connects");
        verify(&mut owner, Range { anchors, ..Range::default() }).await
    }

    async fn whole(&self) -> Whole {
        match self.verify().await.expect("walks") {
            Verification::Whole(whole) => whole,
            Verification::Broken(broken) => panic!("{broken}"),
        }
    }

    async fn broken(&self) -> Break {
        match self.verify().await.expect("walks") {
            Verification::Broken(broken) => broken,
            Verification::Whole(whole) => panic!("{whole:?}"),
        }
    }

    /// The outcomes of anchors on record, with their reasons.
    async fn outcomes(&self) -> Vec<(String, String)> {
        sqlx::query_as("SELECT outcome, reason FROM audit_events WHERE verb = 'anchor' ORDER BY at, id")
            .fetch_all(self.db.pool())
            .await
            .expect("reads")
    }

    fn figure(&self, name: &str) -> String {
        let text = self.anchoring.metrics.encode();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("quarterdeck_{name} ")));
        line.expect("a figure").to_owned()
    }

    async fn end(&self) {
        self.lab.tasks.shutdown().await;
    }
}

/// The file that a task writes to, which has a clock.
fn file_of_now() -> String {
    format!("anchors/{}.ndjson", jiff::Timestamp::now().strftime("%Y-%m"))
}

#[tokio::test]
async fn heads_are_appended_by_month_on_a_branch_that_is_made_from_nothing() {
    let house = House::new().await;
    assert_eq!(house.anchor().await.expect("reads"), None, "an empty record has no head");
    assert_eq!(house.tip(), None);

    house.act(2).await;
    let first = house.anchor().await.expect("anchors").expect("a head");
    let line = json!({"seq": 4, "hash": first.hash.to_string(), "at": "2026-11-24T14:20:03Z"});
    assert_eq!(serde_json::from_str::<Value>(&house.text(FILE)).expect("one line of JSON"), line);
    let commit = house.origin.repository.find_commit(house.tip().expect("a branch")).expect("a commit");
    assert_eq!(
        (commit.parent_count(), commit.summary().ok().flatten()),
        (0, Some("Anchor the record at event 4"))
    );
    assert_eq!(commit.tree().expect("a tree").len(), 1, "nothing of the other branches");
    let (seq, hash, commit_id): (String, String, String) = sqlx::query_as(
        "SELECT intent.details->>'seq', intent.details->>'hash', outcome.details->>'commit'
         FROM audit_events AS intent JOIN audit_events AS outcome ON outcome.outcome_of = intent.id
         WHERE intent.verb = 'anchor' AND outcome.outcome = 'succeeded' AND intent.actor_kind = 'system'",
    )
    .fetch_one(house.db.pool())
    .await
    .expect("is on record");
    assert_eq!((seq, hash, commit_id), ("4".into(), first.hash.to_string(), commit.id().to_string()));
    drop(commit);

    house.act(1).await;
    let second = house.anchor().await.expect("anchors").expect("a head");
    assert_eq!((second.seq, house.seqs(FILE)), (8, vec![4, 8]), "two of these eight are the anchor's own");
    house.act(1).await;
    house.anchoring.anchor(NOVEMBER.plus_seconds(7 * 86_400)).await.expect("anchors");
    assert_eq!((house.seqs(FILE), house.seqs("anchors/2026-12.ndjson")), (vec![4, 8], vec![12]));
    assert_eq!(house.commits(), 3);
    assert_eq!(house.whole().await.anchors, AnchorCount { agreeing: 3, ..AnchorCount::default() });
    house.end().await;
}

#[tokio::test]
async fn nothing_is_pushed_when_nothing_happened_but_the_anchor_itself() {
    let house = House::new().await;
    house.act(1).await;
    let place = house.anchor().await.expect("anchors");
    for _ in 0..3 {
        seal_all(&house.db).await;
        assert_eq!(house.anchor().await.expect("reads"), place);
    }
    assert_eq!((house.commits(), count(&house.db, "SELECT count(*) FROM audit_events").await), (1, 4));
    house.end().await;
}

#[tokio::test]
async fn what_others_push_in_between_stays_below_the_anchor() {
    let house = House::new().await;
    house.act(1).await;
    // The branch comes into being between fetch and push.
    let other = house.origin.commit("other", &[("README.md", "Do not touch.\n")], "Explain");
    house.next_push("other", &other.to_string());
    house.anchor().await.expect("anchors");
    assert_eq!((house.seqs(FILE), house.text("README.md")), (vec![2], "Do not touch.\n".to_owned()));

    // Another replica adds an anchor to the very file.
    house.act(1).await;
    let head = house.whole().await.head;
    let tip = house.tip().expect("a branch");
    house.origin.repository.reference("refs/heads/other", tip, true, "").expect("a branch");
    let older = house.text(FILE);
    let other =
        house.origin.commit("other", &[(FILE, &older.repeat(2)), ("README.md", "")], "Explain no more");
    house.next_push("other", &other.to_string());
    assert_eq!(house.anchor().await.expect("anchors"), Some(head));
    assert_eq!((house.seqs(FILE), house.text("README.md")), (vec![2, 2, 6], String::new()));
    assert_eq!(house.whole().await.anchors.agreeing, 2, "equal ones count once");
    let outcomes = house.outcomes().await;
    assert_eq!(outcomes.iter().filter(|(outcome, _)| outcome == "succeeded").count(), 2, "{outcomes:?}");
    house.end().await;
}

#[tokio::test]
async fn a_push_whose_answer_was_lost_makes_no_second_line() {
    let house = House::new().await;
    house.act(1).await;
    house.next_push("lost", "");
    assert_eq!(house.anchor().await.expect("anchors").map(|it| it.seq), Some(2));
    assert_eq!((house.commits(), house.seqs(FILE)), (1, vec![2]));
    assert_eq!(house.outcomes().await[1].0, "succeeded");
    house.end().await;
}

#[tokio::test]
async fn a_push_that_is_refused_is_told_in_the_record() {
    let house = House::new().await;
    house.act(1).await;
    house.next_push("refused", "");
    let error = house.anchor().await.expect_err("is refused").to_string();
    assert!(error.contains("closed today"), "{error}");
    assert_eq!(house.outcomes().await[1], ("failed".to_owned(), error));
    seal_all(&house.db).await;
    assert_eq!(house.anchor().await.expect("anchors").map(|it| it.seq), Some(4));
    house.end().await;
}

#[tokio::test]
async fn a_failure_is_a_figure_and_tried_again_and_of_two_programs_one_anchors() {
    let house = House::with(Origin::empty()).await;
    house.act(1).await;
    let now = Instant::now();
    let mut turn = Turn::new(house.anchoring.clone(), now);
    turn.take(now).await.expect("the lease");
    assert_eq!(house.figure("audit_anchor_failing"), "1", "the repository is empty");

    house.origin.commit("main", &[("README.md", "")], "Begin");
    turn.take(now + Duration::from_secs(59)).await.expect("the lease");
    assert_eq!((house.tip(), house.figure("audit_anchor_failing")), (None, "1".into()), "not yet");
    let again = now + Duration::from_secs(60);
    turn.take(again).await.expect("the lease");
    assert_eq!((house.seqs(&file_of_now()), house.figure("audit_anchored")), (vec![2], "2".into()));
    assert_eq!(house.figure("audit_anchor_failing"), "0");

    house.act(1).await;
    let mut other = Turn::new(house.anchoring.clone(), now);
    other.take(again).await.expect("no lease");
    turn.take(again + HOUR - Duration::from_secs(1)).await.expect("the lease");
    assert_eq!(house.commits(), 1, "one has no lease, and the other's time has not come");
    turn.take(again + HOUR).await.expect("the lease");
    assert_eq!((house.commits(), house.figure("audit_anchored")), (2, "6".into()));
    seal_all(&house.db).await;
    house
        .origin
        .repository
        .find_reference(&format!("refs/heads/{BRANCH}"))
        .expect("is there")
        .delete()
        .expect("deletes");
    turn.take(again + 2 * HOUR).await.expect("the lease");
    assert_eq!(house.tip(), None, "where nothing happened nothing is fetched");
    house.end().await;
}

#[tokio::test]
async fn a_chain_that_was_made_anew_goes_against_the_first_anchor_behind_the_change() {
    let (house, [_, second, _]) = House::anchored().await;
    assert_eq!(house.whole().await.anchors.agreeing, 3);
    as_owner(
        &house.db,
        "SET session_replication_role = replica;
         UPDATE audit_events SET actor = 'somebody else' WHERE id = (SELECT event FROM audit_chain WHERE seq = 7);
         INSERT INTO audit_unsealed SELECT event FROM audit_chain;
         DELETE FROM audit_chain",
    )
    .await;
    house.act(2).await;
    let found = house.broken().await;
    assert!(matches!(found, Break::Rewritten { anchor, .. } if anchor == second), "{found}");
    let told = house.anchor().await.expect_err("the program itself sees it").to_string();
    assert!(told.contains("not the one that was anchored: the record was rewritten"), "{told}");
    assert_eq!(house.commits(), 3, "nothing is added to the anchors of another chain");
    house.end().await;
}

#[tokio::test]
async fn a_cut_end_goes_against_the_newest_anchor() {
    let (house, [.., third]) = House::anchored().await;
    as_owner(
        &house.db,
        "SET session_replication_role = replica;
         DELETE FROM audit_events USING audit_chain WHERE event = id AND seq > 9;
         DELETE FROM audit_chain WHERE seq > 9;
         DELETE FROM audit_unsealed",
    )
    .await;
    let found = house.broken().await;
    assert!(
        matches!(found, Break::Truncated { anchor, head } if (anchor, head.seq) == (third, 9)),
        "{found}"
    );
    let told = house.anchor().await.expect_err("the program itself sees it").to_string();
    assert!(told.contains("the record was truncated"), "{told}");

    // Where it goes on, the anchor is no more beyond its end.
    house.act(5).await;
    let found = house.broken().await;
    assert!(matches!(found, Break::Rewritten { anchor, .. } if anchor == third), "{found}");
    house.end().await;
}

#[tokio::test]
async fn a_forged_line_is_told_with_its_place() {
    let (house, [first, ..]) = House::anchored().await;
    house.act(1).await;
    let lie = json!({"seq": 5, "hash": first.hash.to_string(), "at": "2026-11-24T15:00:00Z"});
    house.forge(&lie.to_string());
    let Break::Rewritten { anchor, found } = house.broken().await else { panic!("it lies") };
    let line = house.read().expect("reads").into_iter().find(|it| it.place == anchor).expect("the line");
    assert_eq!((anchor.seq, anchor.hash, line.file.as_str(), line.line), (5, first.hash, FILE, 4));
    assert_ne!(found, first.hash);

    house.forge("{\"seq\": 6}");
    let told = [
        house.read().expect_err("no anchor"),
        house.anchor().await.expect_err("nor for the program that runs"),
    ];
    for error in told.map(|error| error.to_string()) {
        assert!(error.starts_with("anchors/2026-11.ndjson, line 5, is no anchor: missing field"), "{error}");
    }
    assert_eq!(house.commits(), 5, "two by hand");
    house.end().await;
}

#[tokio::test]
async fn anchors_of_what_retention_removed_are_counted_and_judge_nothing() {
    let (house, _) = House::anchored().await;
    let mut owner = house.db.as_owner().await.expect("connects");
    prune(&mut owner, retention::soon(), &retention::file()).await.expect("prunes").expect("there are some");
    // The last of them is the checkpoint, whose seal is still there.
    assert_eq!(house.whole().await.anchors, AnchorCount { agreeing: 1, removed: 2, outside: 0 });

    house.act(1).await;
    house.anchor().await.expect("anchors");
    let whole = house.whole().await;
    assert_eq!(whole.anchors, AnchorCount { agreeing: 2, removed: 2, outside: 0 });
    let range = Range { to: Some(whole.head.seq - 1), anchors: vec![whole.head], ..Range::default() };
    let error = verify(&mut owner, range).await.expect_err("is outside").to_string();
    assert!(error.contains("widen the range"), "{error}");
    house.end().await;
}

#[tokio::test]
async fn a_clone_is_read_by_its_own_branch_and_that_of_origin() {
    let (house, [first, second, third]) = House::anchored().await;
    let folder = tempfile::tempdir().expect("a folder");
    let clone = folder.path().join("clone");
    let places = |clone: &Path| -> Vec<Place> {
        read_clone(clone, BRANCH).expect("reads").iter().map(|it| it.place).collect()
    };
    run("git", &["clone", "-q", &house.origin.url(), "clone"], folder.path());
    assert_eq!(places(&clone), [first, second, third], "of origin alone");
    run("git", &["branch", "-q", "--no-track", BRANCH, &format!("origin/{BRANCH}~1")], &clone);
    assert_eq!(places(&clone), [first, second, third], "its own is behind");
    run("git", &["update-ref", "-d", &format!("refs/remotes/origin/{BRANCH}")], &clone);
    assert_eq!(places(&clone), [first, second]);

    for (branch, why) in
        [("absent", "has no branch absent"), ("main", "has no anchors"), ("-x:y", "no branch")]
    {
        let told = read_clone(&clone, branch).expect_err(branch).to_string();
        assert!(told.contains(why), "{told}");
    }
    let told = read_clone(folder.path(), BRANCH).expect_err("no clone").to_string();
    assert!(told.contains("no Git repository"), "{told}");
    house.end().await;
}
