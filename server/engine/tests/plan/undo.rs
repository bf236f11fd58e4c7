//! Undoing a change of ours: what it wrote goes back, what others did stays, and what they changed is not taken away.

use engine::git::{
    plan::{AppAsk, PlanError, holds},
    rules::{Travel, TravelRule},
};
use model::plan::{PlanKind, RowOutcome};

use super::{
    DEV, DEV_FILE, PROD, PROD_FILE,
    repo::{Repo, moves},
};

const API_DEV: &str = "apps/api/overlays/dev/kustomization.yaml";
const API_PROD: &str = "apps/api/overlays/prod/kustomization.yaml";

fn of_two() -> Repo {
    let repo = Repo::of_shop();
    repo.commit(&[
        (API_DEV, &DEV.replace("shop/web", "shop/api")),
        (API_PROD, &PROD.replace("shop/web", "shop/api")),
    ]);
    repo
}

fn both() -> Vec<AppAsk> {
    ["web", "api"].map(AppAsk::named).into()
}

#[test]
fn r13_two_apps_that_were_promoted_together_go_back_together_and_nothing_else_does() {
    let repo = of_two();
    let before = repo.head().commit();
    let promoted = repo.promote_all("dev", "prod", both()).expect("plans");
    let commit = repo.carry_out(&promoted);
    repo.commit_by(
        "carol",
        "More",
        &[(PROD_FILE, &PROD.replace("1.4.2", "1.5.0").replace("count: 6", "count: 9"))],
    );
    let undone = repo.undo(&promoted, commit).expect("plans");
    repo.check_with_git(&undone);
    let plan = &undone.plan;
    assert_eq!((plan.kind, plan.to.as_str()), (PlanKind::Rollback, "prod"));
    assert_eq!(plan.from, before.to_string()[..10]);
    for row in &plan.rows {
        assert_eq!(row.outcome, RowOutcome::Moves, "{row:?}");
        assert_eq!((row.before.as_deref(), row.after.as_deref()), (Some("1.5.0"), Some("1.4.2")));
        assert_eq!(row.commits.iter().map(|it| it.id.clone()).collect::<Vec<_>>(), [commit.to_string()]);
    }
    assert!(plan.rows[0].stays.iter().any(|it| it.field.as_deref() == Some("replicas[0].count")));
    repo.carry_out(&undone);
    assert_eq!(repo.text(PROD_FILE), PROD.replace("count: 6", "count: 9"), "what carol did stays");
    assert_eq!(repo.text(API_PROD), PROD.replace("shop/web", "shop/api"));
    assert!(undone.expected.iter().all(|it| holds(&repo.head(), it)));
}

#[test]
fn r13_a_rollback_is_undone_as_well() {
    let repo = Repo::of_shop();
    let good = repo.head().commit();
    repo.carry_out(&repo.promote("dev", "prod").expect("plans"));
    for whole_path in [false, true] {
        let back = repo.rollback(good, whole_path).expect("plans");
        let commit = repo.carry_out(&back);
        assert_eq!(repo.text(PROD_FILE), PROD);
        let undone = repo.undo(&back, commit).expect("plans");
        repo.check_with_git(&undone);
        let row = &undone.plan.rows[0];
        assert_eq!((row.before.as_deref(), row.after.as_deref()), (Some("1.4.2"), Some("1.5.0")), "{row:?}");
        repo.carry_out(&undone);
        assert!(repo.text(PROD_FILE).contains("1.5.0"));
    }
}

#[test]
fn r13_an_app_that_others_changed_since_is_left_out_and_alone_it_is_refused() {
    let repo = of_two();
    let promoted = repo.promote_all("dev", "prod", both()).expect("plans");
    let commit = repo.carry_out(&promoted);
    repo.commit_by("carol", "By hand", &[(PROD_FILE, &PROD.replace("1.4.2", "1.5.1"))]);
    let plan = repo.undo(&promoted, commit).expect("plans").plan;
    let RowOutcome::Skipped { why } = &plan.rows[0].outcome else { panic!("{:?}", plan.rows[0]) };
    assert!(
        why.contains("images[name=shop/web].newTag") && why.contains("was changed by carol since"),
        "{why}"
    );
    assert_eq!(plan.rows[1].outcome, RowOutcome::Moves);
    assert_eq!(plan.files.iter().map(|it| it.path.as_str()).collect::<Vec<_>>(), [API_PROD]);

    let alone = {
        let mut alone = promoted.clone();
        alone.expected[1].clear();
        alone
    };
    let error = repo.undo(&alone, commit).expect_err("is refused");
    assert!(matches!(&error, PlanError::ChangedSince { by, .. } if by == "carol"), "{error}");
}

#[test]
fn r13_a_later_promotion_of_the_same_field_is_not_taken_away() {
    let repo = Repo::of_shop();
    let first = repo.promote("dev", "prod").expect("plans");
    let commit = repo.carry_out(&first);
    repo.commit(&[(DEV_FILE, &DEV.replace("1.5.0", "1.6.0"))]);
    repo.carry_out(&repo.promote("dev", "prod").expect("plans"));
    let error = repo.undo(&first, commit).expect_err("is refused").to_string();
    assert!(error.contains("was changed by quarterdeck since"), "{error}");
}

#[test]
fn r13_other_images_of_the_file_stay_as_they_are() {
    let with = |text: &str, tag: &str| {
        let entry = format!("- {{name: shop/proxy, newTag: {tag}}}\nreplicas:");
        text.replace("  - name: shop/web", "- name: shop/web")
            .replace("    newTag", "  newTag")
            .replace("replicas:", &entry)
    };
    let repo = Repo::of_shop();
    repo.commit(&[(DEV_FILE, &with(DEV, "v1")), (PROD_FILE, &with(PROD, "v1"))]);
    let first = repo.promote("dev", "prod").expect("plans");
    let commit = repo.carry_out(&first);
    repo.commit(&[(DEV_FILE, &with(DEV, "v2"))]);
    repo.carry_out(&repo.promote("dev", "prod").expect("plans"));
    let undone = repo.undo(&first, commit).expect("plans");
    let row = &undone.plan.rows[0];
    assert_eq!(moves(row), [("images[0].newTag", Some("\"1.5.0\""), Some("\"1.4.2\""))]);
    repo.carry_out(&undone);
    assert!(repo.text(PROD_FILE).contains("newTag: v2"), "{}", repo.text(PROD_FILE));
}

#[test]
fn r13_an_entry_that_a_promotion_added_stays_and_that_is_told() {
    let repo = Repo::of_shop();
    repo.commit(&[(DEV_FILE, &DEV.replace("replicas:", "  - {name: shop/proxy, newTag: v1}\nreplicas:"))]);
    let promoted = repo.promote("dev", "prod").expect("plans");
    let commit = repo.carry_out(&promoted);
    let undone = repo.undo(&promoted, commit).expect("plans");
    let row = &undone.plan.rows[0];
    assert_eq!(row.outcome, RowOutcome::Moves);
    assert!(row.warnings.iter().any(|it| it.contains("images[name=shop/proxy]")), "{:?}", row.warnings);

    let repo = Repo::of_shop();
    repo.commit(&[(PROD_FILE, "resources: []\n")]);
    let promoted = repo.promote("dev", "prod").expect("plans");
    let commit = repo.carry_out(&promoted);
    let error = repo.undo(&promoted, commit).expect_err("is refused").to_string();
    assert!(error.contains("only added images[name=shop/web] in apps/web/overlays/prod"), "{error}");
}

#[test]
fn r13_what_was_introduced_goes_again() {
    let repo = Repo::new(&[(DEV_FILE, DEV), ("apps/web/overlays/dev/debug.yaml", "kind: Pod\n")]);
    let introduced = repo.promote("dev", "prod").expect("plans");
    assert_eq!(introduced.plan.kind, PlanKind::Introduce);
    let commit = repo.carry_out(&introduced);
    repo.commit(&[("apps/web/overlays/prod/added.yaml", "kind: Job\n")]);
    let undone = repo.undo(&introduced, commit).expect("plans");
    repo.check_with_git(&undone);
    let row = &undone.plan.rows[0];
    assert_eq!((undone.plan.kind, &row.outcome), (PlanKind::Rollback, &RowOutcome::Moves));
    assert_eq!((row.before.as_deref(), row.after.as_deref()), (Some("1.5.0"), None));
    assert_eq!(undone.writes.len(), 2);
    assert!(undone.writes.values().all(|it| it.after.is_none()));
    let said = row.warnings.join("\n");
    assert!(said.contains("finds nothing any more") && said.contains("added.yaml stays"), "{said}");
    repo.carry_out(&undone);
    assert!(holds(&repo.head(), &undone.expected[0]));
}

#[test]
fn r13_what_was_introduced_and_changed_since_stays() {
    let repo = Repo::new(&[(DEV_FILE, DEV)]);
    let introduced = repo.promote("dev", "prod").expect("plans");
    let commit = repo.carry_out(&introduced);
    let text = repo.text(PROD_FILE);
    repo.commit_by("carol", "More", &[(PROD_FILE, &text.replace("count: 1", "count: 3"))]);
    let error = repo.undo(&introduced, commit).expect_err("is refused").to_string();
    assert!(error.contains(&format!("{PROD_FILE} was changed by carol since")), "{error}");
}

#[test]
fn r13_fields_and_files_that_rules_named_then_go_back_although_no_rule_names_them_now() {
    let mut repo = Repo::of_shop();
    let (dev, prod) = ("apps/web/overlays/dev/flags.json", "apps/web/overlays/prod/flags.json");
    let settings = ("apps/web/overlays/dev/settings.yaml", "apps/web/overlays/prod/settings.yaml");
    let travel = |what| TravelRule { apps: String::new(), what };
    repo.rules.travels.push(travel(Travel::File { file: "flags.json".to_owned() }));
    let field = engine::git::edit::Field::new("cache.size".parse().expect("a path"));
    repo.rules.travels.push(travel(Travel::Field { file: "settings.yaml".to_owned(), field }));
    repo.commit(&[(dev, "{\"a\": 1}"), (settings.0, "cache: {size: 2}\n"), (settings.1, "cache: {}\n")]);
    let promoted = repo.promote("dev", "prod").expect("plans");
    let commit = repo.carry_out(&promoted);
    assert_eq!(
        (repo.text(prod).as_str(), repo.text(settings.1).as_str()),
        ("{\"a\": 1}", "cache: {size: 2}\n")
    );
    repo.rules.travels.clear();
    let undone = repo.undo(&promoted, commit).expect("plans");
    repo.check_with_git(&undone);
    assert!(undone.writes[prod].after.is_none(), "the file was new");
    assert_eq!(undone.writes[settings.1].after.as_deref(), Some(&b"cache: {}\n"[..]));
    assert_eq!(undone.writes[PROD_FILE].after.as_deref(), Some(PROD.as_bytes()));
}

#[test]
fn r13_several_apps_of_one_file_go_back_one_after_the_other() {
    let chart = |environment: &str, name: &str, version: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}-{environment}}}\nspec:\n  source:\n    \
             repoURL: https://charts.example.com\n    chart: {name}\n    targetRevision: {version}\n  destination: {{name: \
             {environment}, namespace: {name}}}\n"
        )
    };
    let all = |environment: &str, one: &str, other: &str| {
        format!("{}---\n{}", chart(environment, "redis", one), chart(environment, "kafka", other))
    };
    let file = "clusters/prod/applications.yaml";
    let mut repo = Repo::new(&[
        ("clusters/dev/applications.yaml", &all("dev", "1.2.3", "4.0.0")),
        (file, &all("prod", "1.2.0", "3.9.0")),
    ]);
    repo.rules = engine::git::rules::Rules::parse("[[travels]]\nchart_version = true\n").expect("rules");
    let apps = || ["redis", "kafka"].map(AppAsk::named).into();
    let promoted = repo.promote_all("dev", "prod", apps()).expect("plans");
    let commit = repo.carry_out(&promoted);
    let undone = repo.undo(&promoted, commit).expect("plans");
    assert_eq!(undone.writes.len(), 1);
    assert_eq!(undone.writes[file].after.as_deref(), Some(all("prod", "1.2.0", "3.9.0").as_bytes()));

    repo.commit_by("carol", "By hand", &[(file, &all("prod", "1.2.3", "4.0.1"))]);
    let undone = repo.undo(&promoted, commit).expect("plans");
    assert!(matches!(undone.plan.rows[1].outcome, RowOutcome::Skipped { .. }));
    assert_eq!(undone.writes[file].after.as_deref(), Some(all("prod", "1.2.0", "4.0.1").as_bytes()));
}

#[test]
fn r13_undone_already_it_is_refused_and_a_commit_that_is_not_there_is_told() {
    let repo = Repo::of_shop();
    let promoted = repo.promote("dev", "prod").expect("plans");
    let commit = repo.carry_out(&promoted);
    repo.carry_out(&repo.undo(&promoted, commit).expect("plans"));
    let error = repo.undo(&promoted, commit).expect_err("is refused").to_string();
    assert!(error.contains("was changed by quarterdeck since"), "{error}");
    let nowhere = git2::Oid::from_str(&"1".repeat(40)).expect("an id");
    assert!(matches!(repo.undo(&promoted, nowhere), Err(PlanError::Tree(_))));
}
