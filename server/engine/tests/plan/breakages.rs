//! The eleven ways in which a copy of one overlay over another breaks, each as a case that a plan does not.

use engine::git::plan::{AppAsk, PlanError};
use git2::Oid;
use model::plan::RowOutcome;

use super::{DEV, DEV_FILE, PROD, PROD_FILE, repo::Repo};

/// What the plan leaves in production, with nothing else touched.
fn prod_after(repo: &Repo) -> String {
    let planned = repo.promote("dev", "prod").expect("plans");
    repo.check_with_git(&planned);
    let [(path, write)] = &planned.writes.iter().collect::<Vec<_>>()[..] else {
        panic!("one file: {:?}", planned.plan.files)
    };
    assert_eq!(path.as_str(), PROD_FILE);
    String::from_utf8(write.after.clone().expect("stays")).expect("is text")
}

fn dev_with(lines: &str) -> Repo {
    let repo = Repo::of_shop();
    repo.commit(&[(DEV_FILE, &format!("{DEV}{lines}"))]);
    repo
}

#[test]
fn breakage_01_namespace_prefix_components_and_labels_of_the_source_stay_there() {
    let repo = dev_with("components: [../../variants/debug]\nlabels:\n- pairs: {environment: dev}\n");
    assert_eq!(prod_after(&repo), PROD.replace("1.4.2", "1.5.0"));
}

#[test]
fn breakage_02_hosts_urls_and_secret_references_stay_there() {
    let repo = Repo::of_shop();
    let ingress = |host: &str| format!("kind: Ingress\nspec:\n  rules:\n  - host: {host}\n");
    repo.commit(&[
        ("apps/web/overlays/dev/ingress.yaml", &ingress("web.dev.test")),
        ("apps/web/overlays/prod/ingress.yaml", &ingress("web.test")),
        ("apps/web/overlays/dev/database.env", "URL=postgres://dev-db\n"),
        ("apps/web/overlays/prod/database.env", "URL=postgres://prod-db\n"),
    ]);
    assert_eq!(prod_after(&repo), PROD.replace("1.4.2", "1.5.0"));
    let row = repo.promote("dev", "prod").expect("plans").plan.rows.remove(0);
    let host = row.stays.iter().find(|it| it.file == "ingress.yaml").expect("is told");
    assert_eq!(host.field.as_deref(), Some("spec.rules[0].host"));
    assert_eq!(host.target.as_deref(), Some("\"web.test\""));
    assert!(row.stays.iter().any(|it| it.file == "database.env" && it.field.is_none()));
}

#[test]
fn breakage_03_replicas_and_resources_stay_there() {
    let repo = Repo::of_shop();
    assert!(prod_after(&repo).contains("count: 6"));
    let row = repo.promote("dev", "prod").expect("plans").plan.rows.remove(0);
    let count =
        row.stays.iter().find(|it| it.field.as_deref() == Some("replicas[0].count")).expect("is told");
    assert_eq!((count.source.as_deref(), count.target.as_deref()), (Some("1"), Some("6")));
    assert!(count.expected, "environments are there to differ in it");
}

#[test]
fn breakage_04_no_file_comes_or_goes() {
    let repo = Repo::of_shop();
    repo.remove("apps/web/overlays/dev/debug.yaml");
    repo.commit(&[("apps/web/overlays/dev/new.yaml", "kind: Pod\n")]);
    prod_after(&repo);
}

#[test]
fn breakage_05_what_was_verified_is_taken_and_not_what_came_since() {
    let repo = Repo::of_shop();
    let verified = repo.head().commit();
    let slipped = repo.commit(&[(DEV_FILE, &DEV.replace("1.5.0", "1.6.0"))]);
    let ask = |take_latest| AppAsk { source: Some(verified), take_latest, ..AppAsk::named("web") };
    let planned = repo.promote_all("dev", "prod", vec![ask(false)]).expect("plans");
    let row = &planned.plan.rows[0];
    assert_eq!(
        (row.after.as_deref(), row.source_commit.as_str()),
        (Some("1.5.0"), verified.to_string().as_str())
    );
    assert_eq!(row.later.as_ref().map(|it| it.id.clone()), Some(slipped.to_string()), "it is offered");
    let latest = repo.promote_all("dev", "prod", vec![ask(true)]).expect("plans").plan;
    assert_eq!((latest.rows[0].after.as_deref(), &latest.rows[0].later), (Some("1.6.0"), &None));
    assert_ne!(latest.hash, planned.plan.hash);
}

#[test]
fn breakage_06_a_hotfix_in_the_target_is_not_overwritten_without_a_word() {
    let repo = Repo::of_shop();
    repo.carry_out(&repo.promote("dev", "prod").expect("plans"));
    repo.commit_by("carol", "Fix it by hand", &[(PROD_FILE, &PROD.replace("1.4.2", "1.5.0-hotfix"))]);
    repo.commit(&[(DEV_FILE, &DEV.replace("1.5.0", "1.6.0"))]);
    let planned = repo.promote("dev", "prod").expect("plans");
    assert!(matches!(planned.plan.rows[0].outcome, RowOutcome::Stopped { .. }) && planned.writes.is_empty());
}

#[test]
fn breakage_07_keys_that_nobody_listed_do_not_flow() {
    let repo = dev_with("configMapGenerator:\n- name: half-done\n  literals: [FLAG=on]\n");
    assert_eq!(prod_after(&repo), PROD.replace("1.4.2", "1.5.0"));
    let row = repo.promote("dev", "prod").expect("plans").plan.rows.remove(0);
    assert!(
        row.stays.iter().any(|it| it.field.as_deref() == Some("configMapGenerator[0].name")),
        "{:?}",
        row.stays
    );
}

#[test]
fn breakage_08_asked_twice_it_is_one_change_and_says_what_it_is() {
    let repo = Repo::of_shop();
    let (one, two) =
        (repo.promote("dev", "prod").expect("plans"), repo.promote("dev", "prod").expect("plans"));
    assert_eq!(one.plan, two.plan);
    repo.carry_out(&one);
    let again = repo.promote("dev", "prod").expect("plans");
    assert!(again.plan.is_empty() && again.plan.rows[0].outcome == RowOutcome::NothingToDo);
    let message = repo.repository.find_commit(repo.head().commit()).expect("a commit");
    let message = message.message().expect("text").to_owned();
    assert!(
        message.contains("Quarterdeck-App: apps/web\n") && message.contains("Quarterdeck-To: prod\n"),
        "{message}"
    );
}

#[test]
fn breakage_09_links_are_not_followed() {
    let repo = Repo::of_shop();
    repo.link("apps/web/overlays/dev/outside.yaml", "../../../../../etc/passwd");
    prod_after(&repo);
    repo.link(PROD_FILE, "/etc/passwd");
    assert!(repo.promote("dev", "prod").is_err());
}

#[test]
fn breakage_10_hidden_files_and_odd_names_are_told() {
    let repo = Repo::of_shop();
    let odd = "apps/web/overlays/dev/$(touch x); \"y\"\n-rf";
    repo.commit(&[("apps/web/overlays/dev/.env", "SECRET=dev\n"), (odd, "x\n")]);
    prod_after(&repo);
    let row = repo.promote("dev", "prod").expect("plans").plan.rows.remove(0);
    for name in [".env", "$(touch x); \"y\"\n-rf"] {
        assert!(row.stays.iter().any(|it| it.file == name), "{name:?} is not in {:?}", row.stays);
    }
}

#[test]
fn breakage_11_it_is_taken_back_alone() {
    let repo = Repo::of_shop();
    let good = repo.head().commit();
    repo.carry_out(&repo.promote("dev", "prod").expect("plans"));
    let promoted = repo.text(PROD_FILE);
    repo.commit(&[
        (PROD_FILE, &promoted.replace("count: 6", "count: 9")),
        ("apps/web/overlays/prod/new.yaml", "x: 1\n"),
    ]);
    let planned = repo.rollback(good, false).expect("plans");
    repo.check_with_git(&planned);
    let [write] = &planned.writes.values().collect::<Vec<_>>()[..] else { panic!("one file") };
    let after = String::from_utf8(write.after.clone().expect("stays")).expect("is text");
    assert_eq!(after, PROD.replace("count: 6", "count: 9"));
}

#[test]
fn a_commit_that_is_not_there_is_an_error() {
    let repo = Repo::of_shop();
    let ask = AppAsk { source: Some(Oid::ZERO_SHA1), ..AppAsk::named("web") };
    let error = repo.promote_all("dev", "prod", vec![ask]).expect_err("is refused");
    assert!(matches!(error, PlanError::Tree(_)), "{error}");
}
