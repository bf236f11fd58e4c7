//! R20: the result is verified, and never silently green.

use super::*;

const COMMIT: &str = "c0ffee0000000000000000000000000000000000";
const OLDER: &str = "0ddba11000000000000000000000000000000000";
const LATER: &str = "a11ce00000000000000000000000000000000000";
const NOW: Timestamp = Timestamp(1_800_000_000_000);
const OURS: &str = "0198c0de-0000-7000-8000-000000000000";

/// An Application, in a world where all is well unless a test says otherwise.
struct World {
    id: ApplicationId,
    told: Option<Told>,
    listed: bool,
    freshness: Freshness,
    window: Option<WindowVerdict>,
    git: Git,
    operation_git: Git,
    taken: Option<Taken>,
    unread: Option<String>,
    asked: Asked,
    refreshed_at: Option<Timestamp>,
}

fn seconds_ago(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 - seconds * 1000)
}

fn operation(phase: Phase, revision: &str) -> Operation {
    Operation {
        phase,
        message: String::new(),
        failure: None,
        started_at: Some(seconds_ago(60)),
        finished_at: phase.is_over().then(|| seconds_ago(40)),
        revision: Some(revision.into()),
        started_by: None,
        automated: true,
        dry_run: false,
        audit_id: None,
    }
}

impl World {
    /// Argo CD synced it to the commit by itself, and it is Healthy.
    fn well() -> Self {
        let told = Told {
            auto_sync: true,
            sync: Sync::Synced,
            health: Health::Healthy,
            revision: Some(COMMIT.into()),
            operation: Some(operation(Phase::Succeeded, COMMIT)),
            requested: None,
            reconciled_at: Some(seconds_ago(20)),
            condition: None,
            refreshing: false,
            deleting: false,
        };
        Self {
            id: ApplicationId {
                control_plane: "lab".into(),
                namespace: "argocd".into(),
                name: "web-prod".into(),
            },
            told: Some(told),
            listed: true,
            freshness: Freshness::Live,
            window: None,
            git: Git::Ours,
            operation_git: Git::Ours,
            taken: None,
            unread: None,
            asked: Asked::Not,
            refreshed_at: None,
        }
    }

    /// Argo CD is at the commit before.
    fn before() -> Self {
        Self { git: Git::Before, operation_git: Git::Before, ..Self::well() }.with(|told| {
            told.revision = Some(OLDER.into());
            told.operation = Some(operation(Phase::Succeeded, OLDER));
        })
    }

    /// Argo CD has seen the commit, and nothing was synced.
    fn seen() -> Self {
        Self { operation_git: Git::Before, ..Self::well() }.with(|told| {
            told.sync = Sync::OutOfSync;
            told.operation = Some(operation(Phase::Succeeded, OLDER));
        })
    }

    fn seen_without_auto_sync() -> Self {
        Self::seen().with(|told| told.auto_sync = false)
    }

    fn with(mut self, change: impl FnOnce(&mut Told)) -> Self {
        change(self.told.as_mut().expect("an Application"));
        self
    }

    fn judged(&self) -> Judged {
        judge(&Case {
            application: &self.id,
            cluster: "prod",
            told: self.told.as_ref(),
            listed: self.listed,
            freshness: &self.freshness,
            window: self.window.as_ref(),
            commit: COMMIT,
            git: self.git,
            operation_git: self.operation_git,
            taken: self.taken.as_ref(),
            unread: self.unread.as_deref(),
            asked: &self.asked,
            stage: RolloutStage::Committed,
            refreshed_at: self.refreshed_at,
            good_for: Duration::from_secs(30),
            now: NOW,
        })
    }
}

fn unreachable() -> Freshness {
    Freshness::Unreachable { since: seconds_ago(60), why: "connection refused".into() }
}

fn denying() -> Option<WindowVerdict> {
    Some(WindowVerdict { allowed: false, why: "the deny window \"0 22 * * *\" for 8h (UTC) is open".into() })
}

/// Asserts stage, outlook and act, and that the sentence has these words.
#[track_caller]
fn assert_judged(world: &World, stage: RolloutStage, outlook: Outlook, act: Act, words: &[&str]) {
    let judged = world.judged();
    assert_eq!((judged.stage, judged.outlook, judged.act), (stage, outlook, act), "{}", judged.why);
    for word in words {
        assert!(judged.why.contains(word), "{word} is not in: {}", judged.why);
    }
    assert!(judged.why.is_empty() == (outlook == Outlook::Well), "{}", judged.why);
}

use Act::{Nothing, Refresh};
use Outlook::{ForPerson, NotKnown, TakenBack, Waits, Well};
use RolloutStage::{Committed, Healthy, Seen, Synced, Syncing};

#[test]
fn r20_synced_at_our_commit_and_healthy_is_success() {
    assert_judged(&World::well(), Healthy, Well, Nothing, &[]);
}

#[test]
fn r20_green_at_the_commit_before_is_no_success() {
    assert_judged(&World::before(), Committed, Waits, Refresh, &["0ddba11", "c0ffee0"]);
    let nothing_known = World { git: Git::NotKnown, ..World::well() }.with(|told| told.revision = None);
    assert_judged(&nothing_known, Committed, Waits, Refresh, &["has not compared it with Git"]);
    let not_fetched = World { git: Git::NotKnown, ..World::well() };
    assert_judged(&not_fetched, Committed, Waits, Refresh, &["is not fetched yet"]);
}

#[test]
fn r20_a_repository_that_cannot_be_read_is_no_success_and_is_said() {
    let unread = Some("it did not answer".to_owned());
    let world = World { git: Git::NotKnown, unread, ..World::well() };
    assert_judged(&world, Committed, NotKnown, Refresh, &["cannot be read now: it did not answer."]);
}

#[test]
fn r20_green_and_out_of_sync_is_no_success() {
    assert_judged(&World::seen(), Seen, Waits, Nothing, &["about to sync"]);
}

#[test]
fn r20_a_commit_that_changes_no_rendered_object_is_success_without_an_operation() {
    let moved_on = World { operation_git: Git::Before, ..World::well() }
        .with(|told| told.operation = Some(operation(Phase::Succeeded, OLDER)));
    assert_judged(&moved_on, Healthy, Well, Nothing, &[]);
    let never_synced = World::well().with(|told| told.operation = None);
    assert_judged(&never_synced, Healthy, Well, Nothing, &[]);
    let by_hand = World { operation_git: Git::Before, ..World::well() }.with(|told| {
        told.auto_sync = false;
        told.operation = Some(operation(Phase::Succeeded, OLDER));
    });
    assert_judged(&by_hand, Healthy, Well, Nothing, &[]);
}

#[test]
fn r20_a_descendant_that_holds_our_values_is_success_and_one_that_reverts_us_is_not() {
    let later =
        World { git: Git::After { holds: true }, operation_git: Git::After { holds: true }, ..World::well() }
            .with(|told| told.revision = Some(LATER.into()));
    assert_judged(&later, Healthy, Well, Nothing, &[]);
    let taken = Some(Taken { commit: Some("a11ce00 by erin (Revert)".into()), change: None });
    let reverted = World { git: Git::After { holds: false }, taken, ..later };
    assert_judged(&reverted, Seen, TakenBack, Nothing, &["a11ce00 by erin (Revert)", "took back", "c0ffee0"]);
}

#[test]
fn r20_what_a_later_change_of_ours_wrote_is_not_taken_back_by_others() {
    let taken =
        Some(Taken { commit: Some("a11ce00 by quarterdeck (Roll back web)".into()), change: Some(43) });
    let world = World { git: Git::After { holds: false }, taken, ..World::well() };
    assert_judged(&world, Seen, Waits, Nothing, &["Change 43"]);
}

#[test]
fn r20_a_squash_of_our_commit_counts_by_its_values() {
    let squashed = World {
        git: Git::Rewritten { holds: true },
        operation_git: Git::Rewritten { holds: true },
        ..World::well()
    };
    assert_judged(&squashed, Healthy, Well, Nothing, &[]);
    let lost = World { git: Git::Rewritten { holds: false }, ..squashed };
    assert_judged(&lost, Seen, TakenBack, Nothing, &["does not hold any more"]);
}

#[test]
fn r20_health_from_before_the_operation_ended_is_not_trusted() {
    let early = World::well().with(|told| told.reconciled_at = Some(seconds_ago(41)));
    assert_judged(&early, Synced, Waits, Refresh, &["before the sync ended"]);
    let never = World::well().with(|told| told.reconciled_at = None);
    assert_judged(&never, Synced, Waits, Refresh, &["before the sync ended"]);
    let asked = World { refreshed_at: Some(seconds_ago(5)), ..early };
    assert_judged(&asked, Synced, Waits, Nothing, &[]);
    let at_once = World::well().with(|told| told.reconciled_at = Some(seconds_ago(40)));
    assert_judged(&at_once, Healthy, Well, Nothing, &[]);
}

#[test]
fn r20_degraded_after_the_sync_needs_a_person() {
    let degraded = World::well().with(|told| told.health = Health::Degraded);
    assert_judged(&degraded, Synced, ForPerson, Nothing, &["Degraded", "c0ffee0"]);
}

#[test]
fn r20_any_other_health_is_waited_for_and_named() {
    for health in [Health::Progressing, Health::Missing, Health::Suspended] {
        let world = World::well().with(|told| told.health = health);
        assert_judged(&world, Synced, Waits, Nothing, &[health.word()]);
    }
    assert_judged(&World::well().with(|told| told.health = Health::Unknown), Synced, Waits, Nothing, &[]);
}

#[test]
fn r20_a_failed_operation_needs_a_person_and_says_its_cause() {
    for phase in [Phase::Failed, Phase::Error] {
        let failed = World { operation_git: Git::Ours, ..World::seen() }.with(|told| {
            let failure = Some("Deployment web: quota exceeded".into());
            told.operation = Some(Operation { failure, ..operation(phase, COMMIT) });
        });
        assert_judged(&failed, Syncing, ForPerson, Nothing, &["c0ffee0", "Deployment web: quota exceeded"]);
    }
    let hook = World::well().with(|told| told.operation = Some(operation(Phase::Failed, COMMIT)));
    assert_judged(&hook, Syncing, ForPerson, Nothing, &["failed"]);
}

#[test]
fn r20_an_operation_that_failed_at_the_commit_before_says_nothing_of_ours() {
    let world = World::seen().with(|told| told.operation = Some(operation(Phase::Failed, OLDER)));
    assert_judged(&world, Seen, Waits, Nothing, &["about to sync"]);
}

#[test]
fn r20_a_running_operation_names_what_it_waits_for() {
    let message = "waiting for healthy state of apps/Deployment/web";
    let running = World { operation_git: Git::Ours, ..World::seen() }.with(|told| {
        told.operation = Some(Operation { message: message.into(), ..operation(Phase::Running, COMMIT) });
    });
    assert_judged(&running, Syncing, Waits, Nothing, &[message]);
    let begun = World { operation_git: Git::NotKnown, ..World::seen() }.with(|told| {
        told.operation = Some(Operation { revision: None, ..operation(Phase::Running, "") });
    });
    assert_judged(&begun, Syncing, Waits, Nothing, &["Argo CD syncs it"]);
}

#[test]
fn r20_a_failed_sync_that_is_tried_again_at_the_commit_before_keeps_ours_out_and_is_said() {
    let pinned = World::seen().with(|told| {
        let message = "one or more objects failed to apply. Retrying attempt #3".into();
        let again = operation(Phase::Running, OLDER);
        told.operation = Some(Operation { message, finished_at: Some(seconds_ago(10)), ..again });
    });
    let words = ["0ddba11", "tried again", "keeps c0ffee0 out", "web-prod", "Retrying attempt #3"];
    assert_judged(&pinned, Seen, Waits, Nothing, &words);
    let running = World::seen().with(|told| told.operation = Some(operation(Phase::Running, OLDER)));
    assert_judged(&running, Seen, Waits, Nothing, &["0ddba11", "has to end before c0ffee0"]);
}

#[test]
fn r20_our_own_failed_sync_that_is_tried_again_is_waited_for() {
    let world = World { operation_git: Git::Ours, ..World::seen() }.with(|told| {
        let again = operation(Phase::Running, COMMIT);
        told.operation =
            Some(Operation { finished_at: Some(seconds_ago(10)), message: "no".into(), ..again });
    });
    assert_judged(&world, Syncing, Waits, Nothing, &["tries it again"]);
}

#[test]
fn r20_where_auto_sync_is_on_nothing_but_a_refresh_is_ever_asked_for() {
    let phases = [None, Some(Phase::Succeeded), Some(Phase::Failed), Some(Phase::Running)];
    let states =
        [Git::NotKnown, Git::Before, Git::Ours, Git::After { holds: true }, Git::After { holds: false }];
    for (phase, git) in phases.iter().flat_map(|phase| states.iter().map(move |git| (phase, git))) {
        for (sync, operation_git) in [(Sync::OutOfSync, Git::Before), (Sync::Unknown, Git::Ours)] {
            let world = World { git: *git, operation_git, ..World::seen() }.with(|told| {
                told.sync = sync;
                told.operation = phase.map(|phase| operation(phase, OLDER));
            });
            assert_ne!(world.judged().act, Act::Sync, "{phase:?} {git:?} {sync:?}");
        }
    }
}

#[test]
fn r20_where_auto_sync_is_off_it_is_refreshed_first_and_then_synced_once() {
    let before = World::before().with(|told| told.auto_sync = false);
    assert_judged(&before, Committed, Waits, Refresh, &[]);
    let seen = World::seen_without_auto_sync();
    assert_judged(&seen, Seen, Waits, Act::Sync, &["to be synced to c0ffee0"]);
    let later = World { git: Git::After { holds: true }, ..World::seen_without_auto_sync() };
    assert_eq!(later.judged().act, Act::Sync);
    let asked = World { asked: Asked::Underway { audit_id: OURS.into() }, ..World::seen_without_auto_sync() };
    assert_judged(&asked, Syncing, Waits, Nothing, &["has not begun"]);
    let refused = Asked::Refused { why: "Another operation is already in progress".into() };
    let refused = World { asked: refused, ..World::seen_without_auto_sync() };
    assert_judged(&refused, Seen, Waits, Nothing, &["Another operation is already in progress."]);
}

#[test]
fn r20_a_sync_of_others_after_ours_is_not_fought() {
    let world = World { asked: Asked::Over, ..World::seen_without_auto_sync() };
    assert_judged(&world, Seen, ForPerson, Nothing, &["by others"]);
}

#[test]
fn r20_our_own_sync_counts_where_a_later_commit_makes_it_out_of_sync() {
    let mut world = World {
        git: Git::After { holds: true },
        operation_git: Git::Ours,
        ..World::seen_without_auto_sync()
    };
    world.asked = Asked::Underway { audit_id: OURS.into() };
    let world = world.with(|told| {
        told.revision = Some(LATER.into());
        told.operation =
            Some(Operation { audit_id: Some(OURS.into()), ..operation(Phase::Succeeded, COMMIT) });
    });
    assert_judged(&world, Healthy, Well, Nothing, &[]);
    let same = world.with(|told| told.revision = Some(COMMIT.into()));
    assert_judged(&same, Syncing, Waits, Nothing, &["out of sync still"]);
}

#[test]
fn r20_a_part_that_somebody_synced_is_not_the_whole() {
    let world = World { operation_git: Git::Ours, ..World::seen_without_auto_sync() }
        .with(|told| told.operation = Some(operation(Phase::Succeeded, COMMIT)));
    assert_eq!(world.judged().act, Act::Sync);
    let by_itself = World { operation_git: Git::Ours, ..World::seen() }
        .with(|told| told.operation = Some(operation(Phase::Succeeded, COMMIT)));
    assert_judged(&by_itself, Syncing, Waits, Nothing, &["out of sync still"]);
}

#[test]
fn r20_what_somebody_only_tried_says_nothing() {
    let tried = |phase| {
        World { operation_git: Git::Ours, ..World::well() }
            .with(|told| told.operation = Some(Operation { dry_run: true, ..operation(phase, COMMIT) }))
    };
    for phase in [Phase::Failed, Phase::Error, Phase::Succeeded] {
        assert_judged(&tried(phase), Healthy, Well, Nothing, &[]);
    }
}

#[test]
fn r20_a_window_that_denies_is_waited_for_and_named() {
    for world in [World::seen(), World::seen_without_auto_sync()] {
        let world = World { window: denying(), ..world };
        assert_judged(&world, Seen, Waits, Nothing, &["sync window denies it", "0 22 * * *"]);
    }
    let held = World { operation_git: Git::Ours, ..World::seen() }.with(|told| {
        let message = "Sync operation blocked by sync window".into();
        told.operation = Some(Operation { message, ..operation(Phase::Running, COMMIT) });
    });
    assert_judged(&held, Syncing, Waits, Nothing, &["sync window holds the operation"]);
}

#[test]
fn r20_a_cluster_that_does_not_answer_is_neither_success_nor_failure() {
    let stale = Freshness::Stale { since: seconds_ago(60), why: "no answer in 5 s".into() };
    let failed = World::well().with(|told| told.operation = Some(operation(Phase::Error, COMMIT)));
    for freshness in [unreachable(), stale] {
        for world in [World::well(), World::before(), World::seen_without_auto_sync(), World::seen()] {
            let judged = World { freshness: freshness.clone(), ..world }.judged();
            assert_eq!((judged.outlook, judged.act), (Waits, Nothing), "{}", judged.why);
            assert!(judged.why.contains("it takes the commit when it returns"), "{}", judged.why);
        }
        let world = World { freshness, told: failed.told.clone(), ..World::well() };
        assert_judged(&world, Syncing, Waits, Nothing, &["Cluster prod does not answer"]);
    }
    let well = World { freshness: unreachable(), ..World::well() };
    assert_eq!(well.judged().stage, Synced, "green in Argo CD is not green here");
}

#[test]
fn r20_what_a_fresh_start_does_not_know_yet_is_neither_success_nor_worse() {
    let connecting = World { freshness: Freshness::Connecting, ..World::well() };
    assert_judged(&connecting, Committed, NotKnown, Nothing, &["prod"]);
    let not_listed = World { told: None, listed: false, ..World::well() };
    assert_judged(&not_listed, Committed, NotKnown, Nothing, &["lab"]);
}

#[test]
fn r20_a_deleted_application_needs_a_person() {
    let gone = World { told: None, ..World::well() };
    assert_judged(&gone, Committed, ForPerson, Nothing, &["web-prod", "was deleted"]);
    let going = World::well().with(|told| told.deleting = true);
    assert_judged(&going, Committed, ForPerson, Nothing, &["being deleted"]);
}

#[test]
fn r20_a_refresh_is_asked_for_again_only_after_a_while() {
    let asked = |seconds| World { refreshed_at: Some(seconds_ago(seconds)), ..World::before() };
    assert_eq!(asked(29).judged().act, Nothing);
    assert_eq!(asked(30).judged().act, Refresh);
    let pending = asked(300).with(|told| told.refreshing = true);
    assert_judged(&pending, Committed, Waits, Nothing, &["has not begun"]);
}

#[test]
fn r20_what_keeps_argo_cd_from_comparing_is_said() {
    let broken = "ComparisonError: kustomize build failed";
    let world = World::seen().with(|told| {
        told.sync = Sync::Unknown;
        told.condition = Some(broken.into());
    });
    assert_judged(&world, Seen, Waits, Refresh, &["cannot compare it", broken]);
    let before = World::before().with(|told| told.condition = Some(broken.into()));
    assert_judged(&before, Committed, Waits, Refresh, &[broken]);
}
