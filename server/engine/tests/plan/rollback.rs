//! Rollbacks: the promoted fields, the whole path, and the states that there were.

use engine::git::plan::PlanError;
use model::plan::{PlanKind, Ran, RowOutcome};

use super::{DEV, DEV_FILE, PROD, PROD_FILE, repo::Repo};

const LIMITS: &str = "apps/web/overlays/prod/limits.yaml";

fn promoted() -> (Repo, git2::Oid) {
    let repo = Repo::of_shop();
    let good = repo.head().commit();
    repo.carry_out(&repo.promote("dev", "prod").expect("plans"));
    (repo, good)
}

#[test]
fn r13_the_whole_path_comes_back_where_only_we_touched_it() {
    let (repo, good) = promoted();
    let planned = repo.rollback(good, true).expect("plans");
    assert_eq!(planned.plan.kind, PlanKind::Rollback);
    repo.check_with_git(&planned);
    assert_eq!(planned.writes[PROD_FILE].after.as_deref(), Some(PROD.as_bytes()));
    let row = &planned.plan.rows[0];
    assert_eq!((row.before.as_deref(), row.after.as_deref()), (Some("1.5.0"), Some("1.4.2")));
    assert!(row.stays.is_empty(), "{:?}", row.stays);
}

#[test]
fn r13_files_come_back_and_go_with_the_whole_path() {
    let repo = Repo::of_shop();
    let good = repo.head().commit();
    let trailers = "Quarterdeck-Change: x\nQuarterdeck-Act: promote\nQuarterdeck-App: apps/web\n\
                    Quarterdeck-From: dev\nQuarterdeck-To: prod\n";
    let ours = format!("Carry out\n\n{trailers}");
    let blob = git2::FileMode::Blob;
    repo.commit_all(
        "quarterdeck",
        &ours,
        &[
            (LIMITS, None),
            ("apps/web/overlays/prod/deep/new \"ü\".yaml", Some((b"a: 1", blob))),
            ("apps/web/overlays/prod/empty", Some((b"", blob))),
            ("apps/web/overlays/prod/run.sh", Some((b"#!/bin/sh\n", git2::FileMode::BlobExecutable))),
            (
                PROD_FILE,
                Some((PROD.replace("1.4.2", "1.5.0").replace("count: 6", "count: 9").as_bytes(), blob)),
            ),
        ],
    );
    let planned = repo.rollback(good, true).expect("plans");
    repo.check_with_git(&planned);
    assert_eq!(planned.writes.len(), 5, "{:?}", planned.writes.keys());
    assert!(
        planned.writes[LIMITS].before.is_none()
            && planned.writes["apps/web/overlays/prod/empty"].after.is_none()
    );
    let files = planned.plan.rows[0].moves.iter().filter(|it| it.field == "(file)").count();
    assert_eq!(files, 5, "{:?}", planned.plan.rows[0].moves);
    repo.carry_out(&planned);
    assert!(repo.rollback(good, true).expect("plans").plan.is_empty());
    assert_eq!(repo.text(PROD_FILE), PROD);
}

#[test]
fn r13_who_touched_the_path_since_is_named_and_the_fields_can_still_be_restored() {
    let (repo, good) = promoted();
    repo.commit_by("carol", "Raise the limits", &[(LIMITS, "kind: LimitRange\nspec: {}\n")]);
    let error = repo.rollback(good, true).expect_err("is refused");
    assert!(matches!(&error, PlanError::TouchedByOthers { commits, .. } if commits.len() == 1));
    assert!(error.to_string().contains("by carol (Raise the limits)"), "{error}");
    let planned = repo.rollback(good, false).expect("plans");
    assert_eq!(planned.writes.keys().collect::<Vec<_>>(), [PROD_FILE]);
}

#[test]
fn a_commit_that_is_not_in_the_history_restores_no_whole_path() {
    let (repo, good) = promoted();
    let head = repo.head().commit();
    let file = PROD.replace("1.4.2", "1.3.0");
    let aside = repo.commit_on(
        &[good],
        "erin",
        "Aside",
        &[(PROD_FILE, Some((file.as_bytes(), git2::FileMode::Blob)))],
    );
    repo.repository.head().expect("a head").set_target(head, "back").expect("moves");
    let error = repo.rollback(aside, true).expect_err("is refused");
    assert!(matches!(error, PlanError::NotThere { .. }), "{error}");
    assert_eq!(repo.rollback(aside, false).expect("plans").plan.rows[0].after.as_deref(), Some("1.3.0"));
}

#[test]
fn r13_links_in_the_path_stop_the_whole_of_it() {
    let (repo, good) = promoted();
    repo.link("apps/web/overlays/prod/out.yaml", "/etc/passwd");
    assert!(repo.rollback(good, true).is_err());
}

#[test]
fn to_what_is_there_now_is_nothing_to_do() {
    let (repo, _) = promoted();
    let planned = repo.rollback(repo.head().commit(), true).expect("plans");
    assert!(planned.plan.is_empty());
    assert_eq!(planned.plan.rows[0].outcome, RowOutcome::NothingToDo);
}

#[test]
fn the_states_are_those_of_git_with_their_difference_to_now() {
    let (repo, good) = promoted();
    let promotion = repo.head().commit();
    repo.commit_by(
        "carol",
        "More of them",
        &[(PROD_FILE, &PROD.replace("1.4.2", "1.5.0").replace("count: 6", "count: 7"))],
    );
    let hotfix = repo.commit_by("carol", "Fix", &[(PROD_FILE, &PROD.replace("1.4.2", "1.5.1"))]);
    repo.commit(&[(DEV_FILE, &DEV.replace("1.5.0", "1.6.0"))]);
    let earlier = repo.states(50);
    let told: Vec<_> =
        earlier.states.iter().map(|it| (it.commit.id.clone(), it.version.as_deref())).collect();
    assert_eq!(
        told,
        [
            (hotfix.to_string(), Some("1.5.1")),
            (promotion.to_string(), Some("1.5.0")),
            (good.to_string(), Some("1.4.2"))
        ]
    );
    let [now, was, first] = &earlier.states[..] else { panic!("three") };
    assert_eq!(now.ran, Ran::Now { since: now.commit.at, healthy: None });
    assert_eq!(was.ran, Ran::Asked { from: was.commit.at, to: now.commit.at });
    assert!(now.moves.is_empty());
    assert_eq!(first.moves.len(), 1);
    assert_eq!(
        (first.moves[0].before.as_deref(), first.moves[0].after.as_deref()),
        (Some("\"1.5.1\""), Some("\"1.4.2\""))
    );
    let one = repo.states(1);
    assert_eq!((one.states.len(), one.total, one.note), (1, 3, None));
}

#[test]
fn an_app_that_was_not_there_then_is_told() {
    let repo = Repo::new(&[("README.md", "x")]);
    let before = repo.head().commit();
    repo.commit(&[(DEV_FILE, DEV), (PROD_FILE, PROD)]);
    let error = repo.rollback(before, false).expect_err("is refused").to_string();
    assert!(error.contains("there is no app"), "{error}");
}
