//! R9: a change is applied again to a newer head only where it still does what was agreed on.

use engine::git::plan::{AppAsk, Planned, PlannedFile, same_files, same_moves};
use git2::{ObjectType, Oid};
use model::plan::Plan;

use super::{DEV, DEV_FILE, PROD, PROD_FILE, repo::Repo};

fn planned(repo: &Repo) -> Planned {
    repo.promote("dev", "prod").expect("plans")
}

/// As the database keeps them.
fn files_of(planned: &Planned) -> Vec<PlannedFile> {
    let id = |bytes: &Vec<u8>| Oid::hash_object(ObjectType::Blob, bytes).expect("an id");
    let file = |(path, write): (&String, &engine::git::plan::Write)| PlannedFile {
        path: path.clone(),
        before: write.before.as_ref().map(id),
        after: write.after.clone(),
        executable: write.executable,
    };
    planned.writes.iter().map(file).collect()
}

fn said(before: &Plan, repo: &Repo) -> String {
    same_moves(before, &planned(repo).plan).expect_err("differs")
}

#[test]
fn r9_commits_elsewhere_leave_the_files_as_the_plan_saw_them() {
    let repo = Repo::of_shop();
    let planned = planned(&repo);
    let files = files_of(&planned);
    assert!(same_files(&repo.head(), &files));
    repo.commit(&[("README.md", "elsewhere"), (DEV_FILE, &DEV.replace("1.5.0", "1.6.0"))]);
    assert!(same_files(&repo.head(), &files), "what is read is not what is written");
    repo.commit(&[(PROD_FILE, &format!("{PROD}# A comment.\n"))]);
    assert!(!same_files(&repo.head(), &files), "one byte is enough");
    repo.remove(PROD_FILE);
    assert!(!same_files(&repo.head(), &files));
    repo.link(PROD_FILE, "../dev/kustomization.yaml");
    assert!(!same_files(&repo.head(), &files));
}

#[test]
fn r9_a_new_file_needs_its_place_empty() {
    let new = |path: &str| {
        vec![PlannedFile {
            path: path.to_owned(),
            before: None,
            after: Some(b"x".to_vec()),
            executable: false,
        }]
    };
    let repo = Repo::of_shop();
    assert!(same_files(&repo.head(), &new("apps/web/overlays/staging/kustomization.yaml")));
    for taken in [PROD_FILE, "apps/web/overlays", "README.md/x"] {
        repo.commit(&[("README.md", "x")]);
        assert!(!same_files(&repo.head(), &new(taken)), "{taken}");
    }
    repo.link("apps/linked", "/etc");
    assert!(!same_files(&repo.head(), &new("apps/linked/passwd")), "no link is followed");
}

#[test]
fn r9_what_changed_around_the_fields_leaves_the_moves_as_they_were() {
    let repo = Repo::of_shop();
    let before = planned(&repo).plan;
    repo.commit_by("carol", "More", &[(PROD_FILE, &PROD.replace("count: 6", "count: 7"))]);
    repo.commit_by("carol", "Quotes", &[(PROD_FILE, &PROD.replace("'1.4.2'", "1.4.2"))]);
    let now = planned(&repo).plan;
    assert_ne!(before.hash, now.hash);
    assert_eq!(same_moves(&before, &now), Ok(()));
}

#[test]
fn r9_another_value_in_the_target_is_told_with_who_put_it_there() {
    let repo = Repo::of_shop();
    let before = planned(&repo).plan;
    repo.commit_by("erin", "By hand", &[(PROD_FILE, &PROD.replace("1.4.2", "1.9.9"))]);
    assert_eq!(
        said(&before, &repo),
        format!("images[0].newTag in {PROD_FILE} is 1.9.9 now, put there by erin: 1.4.2 was planned on")
    );
}

#[test]
fn r9_another_value_in_the_source_is_told() {
    let repo = Repo::of_shop();
    let before = planned(&repo).plan;
    repo.commit(&[(DEV_FILE, &DEV.replace("1.5.0", "1.6.0"))]);
    assert_eq!(
        said(&before, &repo),
        format!("images[0].newTag in {PROD_FILE} would become 1.6.0 now: 1.5.0 was planned")
    );
}

#[test]
fn r9_what_somebody_did_already_is_nothing_to_change() {
    let repo = Repo::of_shop();
    let before = planned(&repo).plan;
    repo.commit(&[(PROD_FILE, &PROD.replace("1.4.2", "1.5.0"))]);
    assert!(said(&before, &repo).starts_with("web has what it was to get already"));
}

#[test]
fn r9_fields_that_come_or_go_are_told() {
    let repo = Repo::of_shop();
    let before = planned(&repo).plan;
    let dev = DEV.replace("replicas:", "  - {name: shop/proxy, newTag: v2}\nreplicas:");
    let prod = PROD.replace("replicas:", "- {name: shop/proxy, newTag: v1}\nreplicas:");
    repo.commit(&[(DEV_FILE, &dev), (PROD_FILE, &prod)]);
    let more = planned(&repo).plan;
    let said = |before, now| same_moves(before, now).expect_err("differs");
    assert_eq!(
        said(&before, &more),
        format!("images[1].newTag in {PROD_FILE} would change now as well, which was not planned")
    );
    assert_eq!(said(&more, &before), format!("images[1].newTag in {PROD_FILE} would not change any more"));
}

#[test]
fn r9_rows_that_stop_or_come_or_go_are_told() {
    let repo = Repo::of_shop();
    repo.commit(&[
        ("apps/api/overlays/dev/kustomization.yaml", DEV),
        ("apps/api/overlays/prod/kustomization.yaml", PROD),
    ]);
    let of = |apps: &[&str]| {
        repo.promote_all("dev", "prod", apps.iter().map(|it| AppAsk::named(*it)).collect())
            .expect("plans")
            .plan
    };
    let (both, one) = (of(&["web", "api"]), of(&["web"]));
    let said = |before, now| same_moves(before, now).expect_err("differs");
    assert_eq!(said(&one, &both), "api would move now as well, which was not planned");
    assert_eq!(said(&both, &one), "api is not part of it any more");
    let mut skipped = both.clone();
    skipped.rows[1].outcome = model::plan::RowOutcome::Skipped { why: "it is on hold".into() };
    assert_eq!(said(&both, &skipped), "api would be left out now: it is on hold");
    assert_eq!(same_moves(&skipped, &one), Ok(()), "what did not move does not count");
}

#[test]
fn r5_r9_a_foreign_edit_stops_what_is_applied_again() {
    let repo = Repo::of_shop();
    repo.carry_out(&planned(&repo));
    repo.commit(&[(DEV_FILE, &DEV.replace("1.5.0", "1.6.0"))]);
    let before = planned(&repo).plan;
    repo.commit_by("carol", "By hand", &[(PROD_FILE, &PROD.replace("1.4.2", "1.5.0-fix"))]);
    assert!(said(&before, &repo).contains("was changed by carol since the last promotion"));
}
