//! The writer of a branch (R9): what others push meanwhile is neither lost nor merged as text.

use model::change::ChangeState;

use super::{
    house::{AFTER, BEFORE, House, PUSHED, person},
    remote::{VERSIONS, kustomization, overlay},
};
use crate::support::{admin, count};

/// Has somebody else push a commit right before our first push.
fn others_are_faster(house: &House, commit: git2::Oid) {
    let remote = house.remote.path.display();
    house.git_does(&format!(
        "first push others && git --git-dir={remote} update-ref refs/heads/main {commit}"
    ));
}

#[tokio::test]
async fn r9_a_push_onto_a_branch_that_moved_is_made_again_on_the_new_head() {
    let house = House::new().await;
    let change = house.promote(&["web"], "dev", "staging").await;
    let foreign = house.remote.prepare(&[("README.md", "elsewhere")], "Elsewhere");
    others_are_faster(&house, foreign);
    let _write = house.replica.write();
    let pushed = house.until_pushed(change).await;
    assert!(house.has("was-push-others"));
    let commits = house.remote.commits();
    assert_eq!(commits[1].0, foreign, "ours is right on top of theirs");
    assert_eq!(house.remote.text_of("README.md").as_deref(), Some("elsewhere"));
    assert_eq!(house.remote.tag_of("web", "staging"), AFTER);
    assert!(pushed.timeline.iter().any(|it| it.text.contains("try 2")), "{:?}", pushed.timeline);
    house.has_once(&[change]).await;
    house.end().await;
}

#[tokio::test]
async fn r9_another_field_of_the_same_file_goes_on_and_both_are_there() {
    let house = House::new().await;
    let change = house.promote(&["web"], "dev", "staging").await;
    let with_labels = format!("{}commonLabels:\n  tier: front\n", kustomization("staging", BEFORE));
    let foreign = house.remote.prepare(&[(overlay("web", "staging"), with_labels)], "Label it");
    others_are_faster(&house, foreign);
    let _write = house.replica.write();
    let pushed = house.until_pushed(change).await;
    let text = house.remote.text_of(&overlay("web", "staging")).expect("is there");
    assert_eq!(text, format!("{}commonLabels:\n  tier: front\n", kustomization("staging", AFTER)));
    assert!(pushed.timeline.iter().any(|it| it.text.contains("made again")), "{:?}", pushed.timeline);
    house.has_once(&[change]).await;
    house.end().await;
}

#[tokio::test]
async fn r9_the_same_field_asks_a_person_and_nothing_is_written() {
    let house = House::new().await;
    let change = house.promote(&["web"], "dev", "staging").await;
    let by_hand = [(overlay("web", "staging"), kustomization("staging", "1.5.9"))];
    let foreign = house.remote.prepare(&by_hand, "A fix by hand");
    others_are_faster(&house, foreign);
    let _write = house.replica.write();
    let failed = house.until(change, &[ChangeState::Failed]).await;
    assert!(failed.row.why.contains("web") && failed.row.why.contains("Plan it again"), "{}", failed.row.why);
    assert_eq!(house.remote.head(), foreign);
    assert_eq!(house.remote.tag_of("web", "staging"), "1.5.9");
    house.has_once(&[]).await;
    // The person looks, and decides to go on.
    let plan = house.plan(&["web"], "dev", "staging").await;
    assert!(
        plan.plan.files.is_empty() || plan.plan.rows[0].before.as_deref() == Some("1.5.9"),
        "{:?}",
        plan.plan.rows
    );
    house.end().await;
}

#[tokio::test]
async fn r9_a_file_that_is_gone_asks_a_person() {
    let house = House::new().await;
    let change = house.promote(&["web"], "dev", "staging").await;
    let foreign = house.remote.prepare(&[(overlay("web", "staging"), "")], "Take it out of staging");
    others_are_faster(&house, foreign);
    let _write = house.replica.write();
    let failed = house.until(change, &[ChangeState::Failed]).await;
    assert!(!failed.row.why.is_empty());
    assert_eq!(house.remote.head(), foreign);
    house.end().await;
}

#[tokio::test]
async fn r9_texts_are_never_merged_the_edit_finds_its_field_wherever_it_is_now() {
    let house = House::new().await;
    let change = house.promote(&["web"], "dev", "staging").await;
    // Every line of it is new: a merge of texts would conflict, or write into the wrong image.
    let moved = |tag: &str| {
        format!(
            "# The shop's front\nimages:\n- newTag: \"1.5.0\" # a sidecar\n  name: shop/proxy\n- newTag: {tag:?} # moved by promotions\n  name: shop/web\nresources:\n- ../../base\nnamespace: shop-staging\n"
        )
    };
    let foreign = house.remote.prepare(&[(overlay("web", "staging"), moved(BEFORE))], "Write it anew");
    others_are_faster(&house, foreign);
    let _write = house.replica.write();
    let ended = house.until(change, &[&PUSHED[..], &[ChangeState::Failed]].concat()).await;
    let text = house.remote.text_of(&overlay("web", "staging")).expect("is there");
    match ended.row.state {
        // Another image is in the file now: a person may have to look, but nothing is half written.
        ChangeState::Failed => assert_eq!(text, moved(BEFORE), "{}", ended.row.why),
        _ => assert_eq!(text, moved(AFTER)),
    }
    house.end().await;
}

#[tokio::test]
async fn r9_what_a_hook_refuses_fails_alone() {
    let house = House::of(&["web", "api", "bad"], |_| {}).await;
    house.remote.set_hook(
        "while read old new name; do\n\
         if git diff --name-only $old $new | grep -q ^apps/bad/; then echo apps/bad is closed today >&2; exit 1; fi\ndone",
    );
    let (web, bad, api) = (
        house.promote(&["web"], "dev", "staging").await,
        house.promote(&["bad"], "dev", "staging").await,
        house.promote(&["api"], "dev", "staging").await,
    );
    let _write = house.replica.write();
    let failed = house.until(bad, &[ChangeState::Failed]).await;
    assert!(failed.row.why.contains("apps/bad is closed today"), "{}", failed.row.why);
    house.until_pushed(web).await;
    house.until_pushed(api).await;
    assert_eq!(house.remote.tag_of("bad", "staging"), BEFORE);
    house.has_once(&[web, api]).await;
    house.end().await;
}

#[tokio::test]
async fn r9_a_branch_that_never_stands_still_ends_in_a_sentence() {
    let house = House::new().await;
    let change = house.promote(&["web"], "dev", "staging").await;
    let remote = house.remote.path.display();
    house.git_does(&format!(
        "if [ $call = push ]; then\n\
         at=$(git --git-dir={remote} rev-parse main)\n\
         new=$(git --git-dir={remote} -c user.name=erin -c user.email=erin@quarterdeck.test commit-tree -p $at -m Elsewhere $at^{{tree}})\n\
         git --git-dir={remote} update-ref refs/heads/main $new\nfi"
    ));
    let _write = house.replica.write();
    let failed = house.until(change, &[ChangeState::Failed]).await;
    assert!(failed.row.why.contains("The branch moved at each of 40 tries"), "{}", failed.row.why);
    house.has_once(&[]).await;
    house.end().await;
}

#[tokio::test]
async fn r9_two_writers_at_once_do_no_harm() {
    let apps: Vec<_> = (0..12).map(|n| format!("app-{n}")).collect();
    let house = House::of(&apps, |_| {}).await;
    let other = house.another().await;
    let mut changes = Vec::new();
    for app in &apps {
        changes.push(house.promote(&[app], "dev", "staging").await);
    }
    // Nobody's lease holds: both believe that the branch is theirs.
    house
        .sql(
            "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
               CREATE TRIGGER forget BEFORE DELETE ON leases FOR EACH ROW EXECUTE FUNCTION forget();
               CREATE OR REPLACE FUNCTION old() RETURNS trigger LANGUAGE plpgsql AS $$
               BEGIN NEW.until := now() - interval '1 second'; RETURN NEW; END $$;
               CREATE TRIGGER old BEFORE INSERT OR UPDATE ON leases FOR EACH ROW EXECUTE FUNCTION old();",
        )
        .await;
    let _write = (house.replica.write(), other.write());
    for change in &changes {
        house.until_pushed(*change).await;
    }
    house.has_once(&changes).await;
    for app in &apps {
        assert_eq!(house.remote.tag_of(app, "staging"), AFTER);
    }
    other.tasks.shutdown().await;
    house.end().await;
}

#[tokio::test]
async fn r9_one_push_brings_what_was_queued_together() {
    let apps: Vec<_> = (0..10).map(|n| format!("app-{n}")).collect();
    let house = House::of(&apps, |_| {}).await;
    let before = house.remote.commits().len();
    let mut changes = Vec::new();
    for app in &apps {
        changes.push(house.promote(&[app], "dev", "staging").await);
    }
    let counter = house.folder().join("pushes");
    house.git_does(&format!("[ $call = push ] && echo >>{}", counter.display()));
    let _write = house.replica.write();
    for change in &changes {
        house.until_pushed(*change).await;
    }
    assert_eq!(house.remote.commits().len(), before + apps.len(), "one commit for each change");
    let pushes = std::fs::read_to_string(counter).expect("was pushed").lines().count();
    assert_eq!(pushes, 1, "one push for many");
    house.has_once(&changes).await;
    house.end().await;
}

#[tokio::test]
async fn without_credentials_to_push_with_the_change_fails_and_says_so() {
    // To a forge, by name; its address is the folder's.
    let house = House::with(|setup| {
        setup.url = "https://git.quarterdeck.test/shop.git".into();
        setup.lacks = Some("no Secret of type repository-write is for it");
    })
    .await;
    let remote = house.remote.url();
    house.git_does(&format!(
        "set -- -c protocol.file.allow=always -c safe.directory='*' -c url.{remote}.insteadOf=https://git.quarterdeck.test/shop.git \"$@\""
    ));
    let change = house.promote(&["web"], "dev", "staging").await;
    let _write = house.replica.write();
    let failed = house.until(change, &[ChangeState::Failed]).await;
    assert!(failed.row.why.contains("no Secret of type repository-write is for it"), "{}", failed.row.why);
    assert_eq!(house.remote.tag_of("web", "staging"), BEFORE);
    house.end().await;
}

#[tokio::test]
async fn two_people_promote_different_apps_at_once_and_both_are_written() {
    let house = House::new().await;
    let (web, api) =
        (house.plan(&["web"], "dev", "staging").await, house.plan(&["api"], "dev", "staging").await);
    let (ana, ben) = (person("ana"), person("ben"));
    let _write = house.replica.write();
    let (web, api) = tokio::join!(house.start(&ana, &web), house.start(&ben, &api));
    let (web, api) = (web.expect("starts").change, api.expect("starts").change);
    assert_ne!(web, api);
    assert_eq!(house.until_pushed(web).await.row.who, ana.name);
    assert_eq!(house.until_pushed(api).await.row.who, ben.name);
    assert_eq!(
        (house.remote.tag_of("web", "staging"), house.remote.tag_of("api", "staging")),
        (AFTER.into(), AFTER.into())
    );
    house.has_once(&[web, api]).await;
    house.end().await;
}

#[tokio::test]
async fn two_people_at_the_same_app_with_different_versions_leave_one_of_them_there() {
    let house = House::new().await;
    let _write = house.replica.write();
    let (ana, ben) = (person("ana"), person("ben"));
    // Ana goes on to what dev has, Ben back to what prod has.
    let (on, back) =
        (house.plan(&["web"], "dev", "staging").await, house.plan(&["web"], "prod", "staging").await);
    let (on, back) = tokio::join!(house.start(&ana, &on), house.start(&ben, &back));
    let mut pushed = Vec::new();
    for change in [on, back].into_iter().flatten() {
        let ends = [&PUSHED[..], &[ChangeState::Failed, ChangeState::Superseded]].concat();
        let ended = house.until(change.change, &ends).await;
        if ended.row.commit.is_some() {
            pushed.push(change.change);
        } else {
            assert!(!ended.row.why.is_empty(), "{ended:?}");
        }
    }
    assert!(!pushed.is_empty());
    house.has_once(&pushed).await;
    let tag = house.remote.tag_of("web", "staging");
    assert!(tag == AFTER || tag == VERSIONS[2], "{tag}");
    house.end().await;
}

#[tokio::test]
async fn r19_the_newest_wins_over_what_is_not_committed() {
    let house = House::new().await;
    house.freeze("staging").await;
    let _write = house.replica.write();
    let older = house.promote(&["web"], "dev", "staging").await;
    house.until(older, &[ChangeState::Waiting]).await;
    house.release("web", "1.7.0");
    let newer = house.promote(&["web"], "dev", "staging").await;
    let superseded = house.until(older, &[ChangeState::Superseded]).await;
    assert_eq!(superseded.row.by, Some(newer));
    assert!(superseded.row.why.contains(&newer.to_string()), "{}", superseded.row.why);
    house.thaw().await;
    house.until_pushed(newer).await;
    assert_eq!(house.remote.tag_of("web", "staging"), "1.7.0");
    house.has_once(&[newer]).await;
    house.end().await;
}

#[tokio::test]
async fn r19_what_the_writer_takes_in_the_same_moment_is_not_superseded() {
    let house = House::new().await;
    let older = house.promote(&["web"], "dev", "staging").await;
    let newer = house.plan(&["web"], "prod", "staging").await;
    // The writer's transaction, which is not yet to be seen when the newer one is asked for.
    let mut writer = house.db.pool().begin().await.expect("begins");
    let taken = "UPDATE changes SET state = 'committing', version = version + 1 WHERE id = $1";
    sqlx::query(taken)
        .bind(i64::try_from(older).expect("is small"))
        .execute(&mut *writer)
        .await
        .expect("takes");
    let committed = async {
        house.until_locked(1).await;
        writer.commit().await.expect("commits");
    };
    let actor = admin();
    let (started, ()) = tokio::join!(house.start(&actor, &newer), committed);
    let newer = started.expect("starts").change;
    assert_eq!(house.detail(older).await.row.state, ChangeState::Committing);
    let _write = house.replica.write();
    house.until_pushed(older).await;
    // What it was planned against is not there any more: a person looks.
    let ended = house.until(newer, &[ChangeState::Failed]).await;
    assert!(ended.row.why.contains("Plan it again"), "{}", ended.row.why);
    house.has_once(&[older]).await;
    house.end().await;
}

#[tokio::test]
async fn r19_of_two_that_are_asked_for_at_once_the_newer_wins() {
    let house = House::new().await;
    house.freeze("staging").await;
    let older = house.plan(&["web"], "dev", "staging").await;
    let newer = house.plan(&["web"], "prod", "staging").await;
    house
        .sql(
            "CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END $$;
             CREATE TRIGGER wait_for_test BEFORE INSERT ON change_steps
                 FOR EACH ROW WHEN (NEW.state = 'waiting') EXECUTE FUNCTION wait_for_test();",
        )
        .await;
    let mut holds = house.db.pool().begin().await.expect("begins");
    sqlx::query("SELECT pg_advisory_xact_lock(7)").execute(&mut *holds).await.expect("locks");
    let (ana, ben) = (person("ana"), person("ben"));
    let both_wait = async {
        house.until_locked(2).await;
        holds.commit().await.expect("lets go");
    };
    // The first has its row written, and not to be seen yet, when the second begins.
    let second = async {
        house.until_locked(1).await;
        house.start(&ben, &newer).await
    };
    let (first, second, ()) = tokio::join!(house.start(&ana, &older), second, both_wait);
    let (first, second) = (first.expect("starts").change, second.expect("starts").change);
    assert_eq!(house.detail(first).await.row.by, Some(second), "{:?}", house.detail(first).await.row);
    assert_eq!(house.detail(second).await.row.state, ChangeState::Waiting);
    house.end().await;
}

#[tokio::test]
async fn r19_a_train_is_not_taken_apart_by_a_change_of_one_of_its_apps() {
    let house = House::with(|setup| setup.environments[1].approvals = 1).await;
    let train = house.promote(&["web", "api"], "dev", "staging").await;
    house.release("web", "1.7.0");
    let newer = house.plan(&["web"], "dev", "staging").await;
    let _newer = house.start(&admin(), &newer).await;
    assert_ne!(house.detail(train).await.row.state, ChangeState::Superseded);
    assert!(count(&house.db, "SELECT count(*) FROM changes WHERE state = 'awaiting_approval'").await >= 1);
    house.end().await;
}
