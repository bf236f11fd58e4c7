//! What the history says: three-way comparison by our trailers, who was there last, where values come from.

use std::collections::BTreeSet;

use engine::git::plan::{AppAsk, RollbackAsk, Walk, rollback};
use git2::{FileMode, Oid};
use model::plan::RowOutcome;

use super::{
    DEV, DEV_FILE, PROD, PROD_FILE,
    repo::{Repo, moves},
};

/// Dev at another tag.
fn dev(tag: &str) -> String {
    DEV.replace("1.5.0", tag)
}

fn prod(tag: &str) -> String {
    PROD.replace("1.4.2", tag)
}

/// Promoted once, then changed by hand in production, then new in development.
fn with_hotfix() -> (Repo, [String; 3]) {
    let repo = Repo::of_shop();
    let promoted = repo.carry_out(&repo.promote("dev", "prod").expect("plans"));
    let hotfix = repo.commit_by("carol", "Fix it by hand", &[(PROD_FILE, &prod("1.5.0-hotfix"))]);
    let newer = repo.commit_by("dave", "Release", &[(DEV_FILE, &dev("1.6.0"))]);
    (repo, [promoted, hotfix, newer].map(|it| it.to_string()))
}

#[test]
fn r5_a_foreign_edit_stops_and_shows_both_sides() {
    let (repo, [promoted, hotfix, newer]) = with_hotfix();
    let plan = repo.promote("dev", "prod").expect("plans").plan;
    let row = &plan.rows[0];
    let RowOutcome::Stopped { why } = &row.outcome else { panic!("{:?}", row.outcome) };
    assert!(why.contains("changed by carol since the last promotion"), "{why}");
    assert!(plan.is_empty(), "nothing is written");
    let [edit] = &row.foreign[..] else { panic!("one: {:?}", row.foreign) };
    assert_eq!((edit.file.as_str(), edit.field.as_str()), (PROD_FILE, "images[name=shop/web].newTag"));
    let values = [&edit.base, &edit.ours, &edit.theirs].map(|it| it.clone().unwrap_or_default());
    assert_eq!(values, ["\"1.5.0\"", "\"1.5.0-hotfix\"", "\"1.6.0\""]);
    let commits = [&edit.promoted_by, &edit.changed_by, &edit.source_changed_by];
    let commits = commits.map(|it| it.clone().expect("is known"));
    assert_eq!(commits.clone().map(|it| it.id), [promoted, hotfix, newer]);
    assert_eq!(commits.clone().map(|it| it.author), ["quarterdeck", "carol", "dave"]);
    assert!(commits[0].at < commits[1].at && commits[1].at < commits[2].at);
}

#[test]
fn r5_a_named_decision_overwrites_and_makes_another_plan() {
    let (repo, _) = with_hotfix();
    let stopped = repo.promote("dev", "prod").expect("plans").plan;
    let ask = AppAsk { overwrite: true, ..AppAsk::named("web") };
    let planned = repo.promote_all("dev", "prod", vec![ask]).expect("plans");
    assert_eq!(planned.plan.rows[0].outcome, RowOutcome::Moves);
    assert_eq!(planned.plan.rows[0].foreign.len(), 1, "it is still told");
    assert_ne!(planned.plan.hash, stopped.hash);
    repo.check_with_git(&planned);
}

#[test]
fn r5_what_is_equal_on_both_sides_is_nothing_to_do_whoever_did_it() {
    let (repo, _) = with_hotfix();
    repo.commit_by("dave", "Take the fix", &[(DEV_FILE, &dev("1.5.0-hotfix"))]);
    let row = repo.promote("dev", "prod").expect("plans").plan.rows.remove(0);
    assert_eq!((row.outcome, row.foreign.len()), (RowOutcome::NothingToDo, 0));
}

#[test]
fn r5_without_a_promotion_nothing_is_foreign_and_the_fields_last_author_is_told() {
    let repo = Repo::of_shop();
    let set = repo.commit_by("carol", "Set the tag", &[(PROD_FILE, &prod("1.4.3"))]);
    repo.commit_by("dave", "More of them", &[(PROD_FILE, &prod("1.4.3").replace("count: 6", "count: 7"))]);
    let row = repo.promote("dev", "prod").expect("plans").plan.rows.remove(0);
    assert_eq!((row.outcome, row.foreign.len()), (RowOutcome::Moves, 0));
    let last = row.last_touched.expect("is known");
    assert_eq!((last.author.as_str(), last.id), ("carol", set.to_string()), "of the field, not of the file");
}

#[test]
fn r5_a_rollback_is_a_base_too() {
    let repo = Repo::of_shop();
    let good = repo.head().commit();
    repo.carry_out(&repo.promote("dev", "prod").expect("plans"));
    repo.carry_out(&repo.rollback(good, false).expect("plans"));
    let row = repo.promote("dev", "prod").expect("plans").plan.rows.remove(0);
    assert_eq!((row.outcome, row.foreign.len()), (RowOutcome::Moves, 0));
}

#[test]
fn r5_a_commit_for_another_app_or_environment_is_no_base() {
    let repo = Repo::of_shop();
    let promoted = prod("1.5.0");
    for (app, to) in [("apps/api", "prod"), ("apps/web", "staging"), ("apps/web-app", "prod")] {
        let message = format!(
            "Promote\n\nQuarterdeck-Change: x\nQuarterdeck-Act: promote\nQuarterdeck-App: {app}\n\
             Quarterdeck-From: dev\nQuarterdeck-To: {to}\n"
        );
        repo.commit_by(
            "quarterdeck",
            &message,
            &[(PROD_FILE, &promoted.replace("count: 6", &format!("count: {}", app.len() * to.len())))],
        );
    }
    repo.commit_by("carol", "By hand", &[(PROD_FILE, &prod("1.4.9"))]);
    assert!(repo.promote("dev", "prod").expect("plans").plan.rows[0].foreign.is_empty());
}

#[test]
fn a27_who_quotes_our_trailers_makes_no_base() {
    let (repo, _) = with_hotfix();
    let ours = "Quarterdeck-Change: x\nQuarterdeck-Act: promote\nQuarterdeck-App: apps/web\n\
                Quarterdeck-From: dev\nQuarterdeck-To: prod";
    let quoting = format!("Look what it wrote\n\n{ours}\n\nThat was all.");
    repo.commit_by("mallory", &quoting, &[(PROD_FILE, &prod("6.6.6"))]);
    let row = repo.promote("dev", "prod").expect("plans").plan.rows.remove(0);
    let edit = row.foreign.first().expect("is still foreign");
    assert_eq!(edit.changed_by.as_ref().map(|it| it.author.as_str()), Some("mallory"));
}

/// What anybody who can push can write.
fn forged() -> String {
    let trailers = "Quarterdeck-Change: 7\nQuarterdeck-Token: 0b9c7f9e-4f7e-4f0e-8a53-0d1f0a4a0001\n\
                    Quarterdeck-Act: promote\nQuarterdeck-App: apps/web\nQuarterdeck-From: dev\nQuarterdeck-To: prod\n";
    format!("Promote web to prod\n\n{trailers}")
}

#[test]
fn r5_r17_forged_trailers_hide_no_foreign_edit_where_the_record_knows_ours() {
    let repo = Repo::of_shop();
    let promoted = repo.carry_out(&repo.promote("dev", "prod").expect("plans"));
    let forged = repo.commit_by("mallory", &forged(), &[(PROD_FILE, &prod("6.6.6"))]);
    repo.commit_by("dave", "Release", &[(DEV_FILE, &dev("1.6.0"))]);
    let of = |ours: Option<&BTreeSet<Oid>>| {
        let planned = repo.promote_knowing(ours, "dev", "prod", vec![AppAsk::named("web")]);
        planned.expect("plans").plan.rows.remove(0)
    };
    assert_eq!(of(None).outcome, RowOutcome::Moves, "a clone at hand has nothing but trailers");
    let row = of(Some(&[promoted].into()));
    assert!(matches!(row.outcome, RowOutcome::Stopped { .. }), "{:?}", row.outcome);
    let [edit] = &row.foreign[..] else { panic!("one: {:?}", row.foreign) };
    assert_eq!(edit.changed_by.as_ref().map(|it| it.id.clone()), Some(forged.to_string()));
    assert_eq!(edit.promoted_by.as_ref().map(|it| it.id.clone()), Some(promoted.to_string()));
    let unknown = of(Some(&BTreeSet::new()));
    assert_eq!((unknown.outcome, unknown.foreign.len()), (RowOutcome::Moves, 0), "nothing of ours, no base");
}

#[test]
fn r13_r17_forged_trailers_do_not_let_a_whole_path_be_restored() {
    let repo = Repo::of_shop();
    let good = repo.head().commit();
    let promoted = repo.carry_out(&repo.promote("dev", "prod").expect("plans"));
    repo.commit_by("mallory", &forged(), &[(PROD_FILE, &prod("6.6.6"))]);
    assert!(repo.rollback(good, true).is_ok());
    let (tree, found) = (repo.head(), repo.found());
    let history = Walk::new(&repo.repository, 100);
    let refused = rollback(&RollbackAsk {
        tree: &tree,
        rules: &repo.rules,
        found: &found,
        history: &history,
        app: "web",
        environment: "prod",
        earlier: &tree.at_commit(good).expect("a tree"),
        whole_path: true,
        ours: Some(&[promoted].into()),
    });
    let error = refused.expect_err("is refused").to_string();
    assert!(error.contains("by mallory"), "{error}");
}

#[test]
fn r5_a_merged_branch_with_our_commit_is_a_base() {
    let repo = Repo::of_shop();
    let main = repo.head().commit();
    let ours = repo.carry_out(&repo.promote("dev", "prod").expect("plans"));
    let promoted = prod("1.5.0");
    let files = [(PROD_FILE, Some((promoted.as_bytes(), FileMode::Blob)))];
    repo.commit_on(&[main, ours], "carol", "Merge pull request 7", &files);
    repo.commit_by("carol", "By hand", &[(PROD_FILE, &prod("1.4.9"))]);
    repo.commit(&[(DEV_FILE, &dev("1.6.0"))]);
    let row = repo.promote("dev", "prod").expect("plans").plan.rows.remove(0);
    let edit = row.foreign.first().expect("is foreign");
    assert_eq!(edit.promoted_by.as_ref().map(|it| it.id.clone()), Some(ours.to_string()));
    assert_eq!(edit.base.as_deref(), Some("\"1.5.0\""));
}

#[test]
fn commits_that_leave_the_value_alone_are_not_brought() {
    let repo = Repo::of_shop();
    repo.commit(&[(DEV_FILE, &dev("1.4.2"))]);
    let release = repo.commit_by("dave", "Release", &[(DEV_FILE, &dev("1.5.0"))]);
    repo.commit_by("dave", "A word", &[(DEV_FILE, &format!("# A comment.\n{}", dev("1.5.0")))]);
    let row = repo.promote("dev", "prod").expect("plans").plan.rows.remove(0);
    assert_eq!(row.commits.iter().map(|it| it.id.clone()).collect::<Vec<_>>(), [release.to_string()]);
    assert!(row.warnings.is_empty(), "{:?}", row.warnings);
}

#[test]
fn where_the_history_does_not_show_the_beginning_it_is_said() {
    let row = Repo::of_shop().promote("dev", "prod").expect("plans").plan.rows.remove(0);
    assert_eq!(row.commits.len(), 1);
    assert!(row.warnings.iter().any(|it| it.contains("does not show where these versions begin")));
    assert_eq!(moves(&row), [("images[0].newTag", Some("\"1.4.2\""), Some("\"1.5.0\""))]);
}
