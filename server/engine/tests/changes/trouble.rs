//! What breaks off between two steps (R11): pushes of which nobody knows, programs and databases that are gone, clocks
//! that move. Git is asked what became of a change, and it goes on, once.

use model::{change::ChangeState, plan::RowOutcome};

use super::{
    fleet::Looks,
    house::{AFTER, BEFORE, House, person},
    remote::{kustomization, overlay},
    replica::Replica,
};
use crate::support::admin;

const HUNG_UP: &str = "echo 'fatal: the remote end hung up unexpectedly' >&2; exit 128";

#[tokio::test]
async fn r11_a_push_that_was_taken_and_whose_answer_was_lost_is_found() {
    let house = House::new().await;
    house.git_does(&format!("if first push lost; then git \"$@\" >/dev/null 2>&1; {HUNG_UP}; fi"));
    let _write = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    let pushed = house.until_pushed(change).await;
    assert!(house.has("was-push-lost"));
    assert_eq!(pushed.row.commit, Some(house.remote.head().to_string()));
    house.has_once(&[change]).await;
    house.end().await;
}

#[tokio::test]
async fn r11_a_push_that_was_never_taken_is_made_again() {
    let house = House::new().await;
    house.git_does(&format!("if first push one || first push two; then {HUNG_UP}; fi"));
    let _write = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(change).await;
    assert!(house.has("was-push-two"));
    assert_eq!(house.remote.tag_of("web", "staging"), AFTER);
    house.has_once(&[change]).await;
    house.end().await;
}

#[tokio::test]
async fn r11_a_push_that_lands_late_is_not_doubled() {
    let house = House::new().await;
    let remote = house.remote.path.display();
    house.git_does(&format!(
        "if first push late; then\n\
           (cd /; until [ -e $here/go ]; do sleep 0.02; done; git \"$@\") >/dev/null 2>&1 &\n\
           {HUNG_UP}\n\
         elif first push again; then\n\
           head=$(git --git-dir={remote} rev-parse main); touch $here/go\n\
           until [ $(git --git-dir={remote} rev-parse main) != $head ]; do sleep 0.02; done\n\
         fi"
    ));
    let _write = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(change).await;
    assert!(house.has("was-push-again"));
    house.has_once(&[change]).await;
    assert_eq!(house.remote.commits().len(), 2);
    house.end().await;
}

#[tokio::test]
async fn r11_a_remote_that_is_away_is_waited_for_and_said() {
    let house = House::new().await;
    let change = house.promote(&["web"], "dev", "staging").await;
    house.git_does(
        "if [ ! -e $here/back ]; then echo 'fatal: unable to access: Connection refused' >&2; exit 128; fi",
    );
    let _write = house.replica.write();
    // The first try may go by what was fetched a moment ago; then it has to be asked.
    house.until_why(change, "does not answer").await;
    house.touch("back");
    let pushed = house.until_pushed(change).await;
    assert_eq!(pushed.row.why, "");
    house.has_once(&[change]).await;
    house.end().await;
}

#[tokio::test]
async fn r11_a_program_that_lost_its_database_between_push_and_step_leaves_it_to_another() {
    let house = House::new().await;
    let dying = house.another().await;
    let change = house.promote(&["web"], "dev", "staging").await;
    house.git_does("if first push gone; then until [ -e $here/go ]; do sleep 0.02; done; fi");
    let _writes = dying.write();
    house.wait("it is about to push", async || house.has("was-push-gone")).await;
    dying.db.close().await;
    house.touch("go");
    house.wait("the push is there", async || house.remote.commits().len() == 2).await;
    dying.tasks.shutdown().await;
    assert_eq!(house.detail(change).await.row.state, ChangeState::Committing);
    house.expire_leases().await;
    let _write = house.replica.write();
    house.until_pushed(change).await;
    house.has_once(&[change]).await;
    assert_eq!(house.remote.commits().len(), 2, "nothing was written again");
    house.end().await;
}

#[tokio::test]
async fn r11_a_program_that_stops_between_taking_and_pushing_leaves_it_to_another() {
    let house = House::new().await;
    let dying = house.another().await;
    let change = house.promote(&["web"], "dev", "staging").await;
    house.git_does("if first push stop; then until [ -e $here/go ]; do sleep 0.02; done; exit 1; fi");
    let _writes = dying.write();
    house.wait("it is about to push", async || house.has("was-push-stop")).await;
    dying.tasks.shutdown().await;
    house.touch("go");
    assert_eq!(house.detail(change).await.row.state, ChangeState::Committing);
    house.expire_leases().await;
    let _write = house.replica.write();
    house.until_pushed(change).await;
    house.has_once(&[change]).await;
    house.end().await;
}

#[tokio::test]
async fn r11_what_another_program_takes_back_while_it_is_pushed_is_found_when_it_goes_on() {
    let house = House::new().await;
    let slow = house.another().await;
    let change = house.promote(&["web"], "dev", "staging").await;
    house.git_does("if first push slow; then until [ -e $here/go ]; do sleep 0.02; done; fi");
    let _slow = slow.write();
    house.wait("it is about to push", async || house.has("was-push-slow")).await;
    // Its lease is over, and a freeze begins: the other program has the change wait.
    house.freeze("staging").await;
    expire_always(&house).await;
    let _write = house.replica.write();
    // What may still come to the branch is neither put back nor cancelled.
    house.until_why(change, "did not say whether").await;
    let error = house.cancel(&admin(), change).await.expect_err("is being pushed");
    assert!(error.to_string().contains("is committing"), "{error}");
    house.touch("go");
    // Git is the truth: no gate takes back what is on the branch, and it is known how they stood.
    let pushed = house.until_pushed(change).await;
    assert!(pushed.gates.iter().all(|gate| gate.passed), "{:?}", pushed.gates);
    house.has_once(&[change]).await;
    assert_eq!(house.remote.commits().len(), 2);
    slow.tasks.shutdown().await;
    house.end().await;
}

/// No lease holds any more.
async fn expire_always(house: &House) {
    let sql = "CREATE FUNCTION expire() RETURNS trigger LANGUAGE plpgsql AS $$
                   BEGIN NEW.until := now() - interval '1 second'; RETURN NEW; END $$;
               CREATE TRIGGER expire BEFORE INSERT OR UPDATE ON leases FOR EACH ROW EXECUTE FUNCTION expire();
               UPDATE leases SET until = now();";
    house.sql(sql).await;
}

#[tokio::test]
async fn a_program_that_begins_anew_changes_nothing_before_it_knows_the_fleet() {
    let house = House::new().await;
    house.freeze("staging").await;
    let ana = person("ana");
    let plan = house.plan(&["web"], "dev", "staging").await;
    let waiting = house.start(&ana, &plan).await.expect("starts").change;
    let queued = {
        let plan = house.plan(&["web"], "staging", "prod").await;
        house.start(&ana, &plan).await.expect("starts").change
    };
    let blank: Replica = house.blank().await;
    let _write = blank.write();
    house.until_why(queued, "not read yet").await;
    house.thaw().await;
    assert_eq!(house.detail(waiting).await.row.state, ChangeState::Waiting);
    blank.tasks.shutdown().await;
    house.expire_leases().await;
    let _write = house.replica.write();
    house.until_pushed(waiting).await;
    house.until_pushed(queued).await;
    house.end().await;
}

#[tokio::test]
async fn the_clock_goes_back_and_nothing_is_lost() {
    let house = House::with(|setup| setup.environments[1].approvals = 1).await;
    let plan = house.plan(&["web"], "dev", "staging").await;
    let change = house.start(&person("ana"), &plan).await.expect("starts").change;
    house.approve(&person("ben"), change).await.expect("approves");
    // All of it was written by a clock that was a day ahead, and a program that is gone had the branch.
    house
        .sql(
            "UPDATE changes SET asked_at = asked_at + interval '1 day', since = since + interval '1 day';
             UPDATE approvals SET at = at + interval '1 day', expires_at = expires_at + interval '1 day';
             INSERT INTO leases (name, holder, until) SELECT 'write ' || repository || ' ' || revision, 'gone', now() + interval '1 day' FROM changes",
        )
        .await;
    let _write = (house.replica.write(), house.replica.follow());
    house.until_pushed(change).await;
    house
        .sql("UPDATE changes SET since = since + interval '1 day', pushed_at = pushed_at + interval '1 day'")
        .await;
    house.all_run(&house.replica);
    house.until(change, &[ChangeState::Done]).await;
    house.has_once(&[change]).await;
    house.end().await;
}

#[tokio::test]
async fn the_clock_goes_forward_and_nothing_is_lost() {
    let house = House::with(|setup| setup.environments[1].approvals = 1).await;
    let plan = house.plan(&["web"], "dev", "staging").await;
    let change = house.start(&person("ana"), &plan).await.expect("starts").change;
    house.approve(&person("ben"), change).await.expect("approves");
    // Nobody had the time to look at it: a week went by at once.
    house
        .sql(
            "UPDATE changes SET asked_at = asked_at - interval '5 days', since = since - interval '5 days';
             UPDATE approvals SET at = at - interval '5 days', expires_at = expires_at - interval '5 days'",
        )
        .await;
    let _write = house.replica.write();
    let detail = house.until(change, &[ChangeState::AwaitingApproval]).await;
    assert_eq!(detail.approvals[0].void.as_deref(), Some("it expired"));
    house.approve(&person("ben"), change).await.expect("approves again");
    house.until_pushed(change).await;
    house.end().await;
}

#[tokio::test]
async fn what_nobody_decides_for_a_week_is_dropped() {
    let house = House::with(|setup| setup.environments[1].approvals = 1).await;
    let plan = house.plan(&["web"], "dev", "staging").await;
    let change = house.start(&person("ana"), &plan).await.expect("starts").change;
    house.sql("UPDATE changes SET since = since - interval '8 days'").await;
    let _write = house.replica.write();
    let dropped = house.until(change, &[ChangeState::Cancelled]).await;
    assert!(dropped.row.why.contains("7 days"), "{}", dropped.row.why);
    assert_eq!(house.remote.tag_of("web", "staging"), BEFORE);
    house.end().await;
}

#[tokio::test]
async fn r20_a_later_commit_that_takes_our_values_back_is_no_success() {
    let house = House::new().await;
    let _write = (house.replica.write(), house.replica.follow());
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(change).await;
    let reverted = [(overlay("web", "staging"), kustomization("staging", BEFORE))];
    house.remote.commit(&reverted, "Revert");
    house.all_run(&house.replica);
    let ended = house.until(change, &[ChangeState::Failed, ChangeState::NeedsAttention]).await;
    assert!(ended.row.why.contains("took back"), "{}", ended.row.why);
    house.end().await;
}

#[tokio::test]
async fn r20_a_squash_of_our_commit_that_holds_its_values_is_success() {
    let house = House::new().await;
    let _write = (house.replica.write(), house.replica.follow());
    let begin = house.remote.head();
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(change).await;
    // The branch is written anew, with all of it in one commit.
    house.remote.force(begin);
    let ours = [(overlay("web", "staging"), kustomization("staging", AFTER))];
    house.remote.commit(&ours, "Squashed");
    house.all_run(&house.replica);
    house.until(change, &[ChangeState::Done]).await;
    house.end().await;
}

#[tokio::test]
async fn r20_what_is_ill_needs_attention_and_mends() {
    let house = House::new().await;
    let _write = (house.replica.write(), house.replica.follow());
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(change).await;
    house.all_run(&house.replica);
    house.runs("web", "staging", Looks { health: "Degraded", ..Looks::default() });
    let ill = house.until(change, &[ChangeState::NeedsAttention]).await;
    assert!(ill.row.why.contains("Degraded"), "{}", ill.row.why);
    house.runs("web", "staging", Looks::default());
    house.until(change, &[ChangeState::Done]).await;
    house.end().await;
}

#[tokio::test]
async fn what_needs_attention_can_be_left_as_it_is() {
    let house = House::new().await;
    let _write = (house.replica.write(), house.replica.follow());
    let change = house.promote(&["web", "api"], "dev", "staging").await;
    house.until_pushed(change).await;
    // One of two is taken back by hand: neither will it be well, nor is all of it lost.
    house.remote.commit(&[(overlay("web", "staging"), kustomization("staging", BEFORE))], "Revert");
    house.all_run(&house.replica);
    house.until(change, &[ChangeState::NeedsAttention]).await;
    house.release("api", "1.7.0");
    house.replica.gates.reload().await.expect("reads");
    let of_api = async || {
        let next = house.plan(&["web", "api"], "dev", "staging").await;
        next.plan.rows.into_iter().find(|row| row.app == "api").expect("a row").outcome
    };
    let stays = of_api().await;
    assert!(matches!(&stays, RowOutcome::Skipped { why } if why.contains("in flight")), "{stays:?}");
    let told = house.cancel(&admin(), change).await.expect("is left");
    assert!(told.contains("stays in Git"), "{told}");
    let ended = house.until(change, &[ChangeState::Failed]).await;
    assert!(
        ended.row.why.contains("left it as it is") && ended.row.why.contains("took back"),
        "{}",
        ended.row.why
    );
    assert_eq!(house.remote.tag_of("api", "staging"), AFTER, "what it wrote stays");
    house.replica.gates.reload().await.expect("reads");
    assert_eq!(of_api().await, RowOutcome::Moves);
    house.end().await;
}

#[tokio::test]
async fn r9_a_train_whose_files_others_changed_is_not_in_its_own_way() {
    let house = House::new().await;
    let train = house.promote(&["web", "api"], "dev", "staging").await;
    house.replica.gates.reload().await.expect("reads");
    let labelled = format!("{}commonLabels:\n  tier: front\n", kustomization("staging", BEFORE));
    house.remote.commit(&[(overlay("web", "staging"), labelled)], "Label it");
    // Dev runs a later commit, which brings nothing new to the apps.
    house.all_run(&house.replica);
    let _write = house.replica.write();
    house.until_pushed(train).await;
    house.has_once(&[train]).await;
    house.end().await;
}

#[tokio::test]
async fn r12_an_approval_that_expires_while_it_is_pushed_counts_no_more() {
    let house = House::with(|setup| setup.environments[1].approvals = 1).await;
    let plan = house.plan(&["web"], "dev", "staging").await;
    let change = house.start(&person("ana"), &plan).await.expect("starts").change;
    house.approve(&person("ben"), change).await.expect("approves");
    // Each push is refused at first, so that the change stays in the hands of the writer.
    house.git_does("if [ $call = push ] && [ ! -e $here/go ]; then echo ' ! [remote rejected] a -> main (busy)' >&2; touch $here/tried; exit 1; fi");
    let _write = house.replica.write();
    house.wait("it was tried", async || house.has("tried")).await;
    house.sql("UPDATE approvals SET expires_at = now() - interval '1 minute'").await;
    house.touch("go");
    let waits = house.until(change, &[ChangeState::AwaitingApproval]).await;
    assert_eq!(waits.approvals[0].void.as_deref(), Some("it expired"));
    assert_eq!(house.remote.tag_of("web", "staging"), BEFORE);
    house.end().await;
}
