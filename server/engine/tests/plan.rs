//! Plans on real repositories: what travels, what stays, and what makes no plan. R1 to R13 are the rules of promotion.

mod again;
mod breakages;
mod expected;
mod fields;
mod introduce;
mod past;
mod patches;
mod repo;
mod rollback;
mod trains;
mod undo;

use engine::git::plan::AppAsk;

use repo::{Repo, moves};

const DEV: &str = "\
namespace: shop-dev
namePrefix: dev-
resources:
  - ../../base
  - debug.yaml
images:
  - name: shop/web # the one that travels
    newTag: \"1.5.0\"
replicas:
  - name: web
    count: 1
";
const PROD: &str = "\
# Ask the release managers.
namespace: shop-prod
resources: [../../base]
images:
- {name: shop/web, newTag: '1.4.2'} # keep me
replicas:
  - name: web
    count: 6
";

const DEV_FILE: &str = "apps/web/overlays/dev/kustomization.yaml";
const PROD_FILE: &str = "apps/web/overlays/prod/kustomization.yaml";

impl Repo {
    /// Two environments that differ in all that must not travel.
    fn of_shop() -> Self {
        Self::new(&[
            (DEV_FILE, DEV),
            ("apps/web/overlays/dev/debug.yaml", "kind: Pod\n"),
            (PROD_FILE, PROD),
            ("apps/web/overlays/prod/limits.yaml", "kind: LimitRange\n"),
            ("apps/web/base/kustomization.yaml", "resources: []\n"),
        ])
    }
}

#[test]
fn r1_only_images_travel_and_everything_else_that_differs_is_told() {
    let plan = Repo::of_shop().promote("dev", "prod").expect("plans").plan;
    let moves = moves(&plan.rows[0]);
    assert_eq!(moves.len(), 1, "{moves:?}");
    assert_eq!(moves[0].0, "images[0].newTag");
    let stays: Vec<_> = plan.rows[0]
        .stays
        .iter()
        .map(|it| (it.file.as_str(), it.field.as_deref().unwrap_or_default()))
        .collect();
    for expected in [
        ("kustomization.yaml", "namespace"),
        ("kustomization.yaml", "namePrefix"),
        ("kustomization.yaml", "resources[1]"),
        ("kustomization.yaml", "replicas[0].count"),
        ("debug.yaml", ""),
        ("limits.yaml", ""),
    ] {
        assert!(stays.contains(&expected), "{expected:?} is not in {stays:?}");
    }
}

#[test]
fn r6_nothing_but_the_tag_changes_in_the_file() {
    let plan = Repo::of_shop().promote("dev", "prod").expect("plans").plan;
    let [file] = &plan.files[..] else { panic!("one file: {plan:?}") };
    let changed: Vec<_> = file
        .patch
        .lines()
        .filter(|line| (line.starts_with('-') || line.starts_with('+')) && !line.starts_with("---"))
        .filter(|line| !line.starts_with("+++"))
        .collect();
    assert_eq!(
        changed,
        ["-- {name: shop/web, newTag: '1.4.2'} # keep me", "+- {name: shop/web, newTag: '1.5.0'} # keep me"]
    );
}

#[test]
fn r8_asked_again_after_it_is_done_there_is_nothing_to_do() {
    let repo = Repo::of_shop();
    repo.commit(&[(PROD_FILE, &PROD.replace("1.4.2", "1.5.0"))]);
    let plan = repo.promote("dev", "prod").expect("plans").plan;
    assert!(plan.is_empty() && plan.rows[0].moves.is_empty(), "{plan:?}");
}

#[test]
fn the_hash_is_that_of_what_matters() {
    let repo = Repo::of_shop();
    let before = repo.promote("dev", "prod").expect("plans").plan;
    repo.commit(&[("apps/other/overlays/dev/kustomization.yaml", DEV), ("README.md", "x")]);
    let elsewhere = repo.promote("dev", "prod").expect("plans").plan;
    assert_ne!(before.commit, elsewhere.commit);
    assert_eq!(before.hash, elsewhere.hash, "a commit elsewhere leaves it as it is");
    repo.commit(&[(DEV_FILE, &DEV.replace("1.5.0", "1.5.1"))]);
    assert_ne!(before.hash, repo.promote("dev", "prod").expect("plans").plan.hash);
}

#[test]
fn r2_a_moving_tag_and_one_that_kustomize_refuses_are_told() {
    let repo = Repo::of_shop();
    repo.commit(&[(DEV_FILE, &DEV.replace("\"1.5.0\"", "latest"))]);
    let plan = repo.promote("dev", "prod").expect("plans").plan;
    assert!(
        plan.rows[0].warnings[0].contains("shop/web has the tag latest in dev"),
        "{:?}",
        plan.rows[0].warnings
    );
    repo.commit(&[(DEV_FILE, &DEV.replace("\"1.5.0\"", "1.20"))]);
    let error = repo.promote("dev", "prod").expect_err("is refused").to_string();
    assert!(error.contains("images[0].newTag is 1.20, without quotes"), "{error}");
}

#[test]
fn r2_a_digest_takes_the_place_of_a_tag() {
    let repo = Repo::of_shop();
    let digest = format!("sha256:{}", "ab".repeat(32));
    let pinned = DEV.replace("newTag: \"1.5.0\"", &format!("digest: {digest}"));
    repo.commit(&[(DEV_FILE, &pinned)]);
    repo.commit(&[(PROD_FILE, "images:\n- name: shop/web\n  newTag: 1.4.2\n")]);
    let plan = repo.promote("dev", "prod").expect("plans").plan;
    let fields: Vec<_> =
        plan.rows[0].moves.iter().map(|it| (it.field.as_str(), it.after.is_some())).collect();
    assert!(
        fields.contains(&("images[0].newTag", false)) && fields.contains(&("images[0].digest", true)),
        "{fields:?}"
    );
}

#[test]
fn r13_a_rollback_restores_the_images_and_leaves_what_changed_since() {
    let repo = Repo::of_shop();
    let good = repo.repository.head().expect("a head").peel_to_commit().expect("a commit").id();
    let later = PROD.replace("1.4.2", "1.5.0").replace("count: 6", "count: 9");
    repo.commit(&[(PROD_FILE, &later)]);
    let plan = repo.rollback(good, false).expect("plans").plan;
    assert_eq!(plan.rows[0].moves.len(), 1);
    assert!(plan.files[0].patch.contains("+- {name: shop/web, newTag: '1.4.2'} # keep me"));
    assert!(!plan.files[0].patch.contains("count: 6"), "{}", plan.files[0].patch);
    assert!(
        plan.rows[0].stays.iter().any(|it| it.field.as_deref() == Some("replicas[0].count")),
        "{:?}",
        plan.rows[0].stays
    );
}

#[test]
fn a2_links_out_of_the_repository_are_told_and_not_followed() {
    let repo = Repo::of_shop();
    repo.link("apps/web/overlays/prod/secret.yaml", "/etc/passwd");
    let plan = repo.promote("dev", "prod").expect("plans").plan;
    assert!(
        plan.rows[0].stays.iter().any(|it| it.why.contains("secret.yaml is a symbolic link")),
        "{:?}",
        plan.rows[0].stays
    );

    repo.link(PROD_FILE, "../dev/kustomization.yaml");
    let error = repo.promote("dev", "prod").expect_err("is refused").to_string();
    assert!(error.contains("apps/web/overlays/prod is there already"), "{error}");
}

#[test]
fn a1_names_that_are_paths_find_nothing() {
    let repo = Repo::of_shop();
    for environment in ["../../prod", "/etc", "dev/../prod", "prod\0", "%2e%2e", ""] {
        let error = repo.promote("dev", environment).expect_err("is refused").to_string();
        assert!(error.contains("has no overlay of environment"), "{environment:?}: {error}");
    }
    let tree = repo.head();
    for path in ["../x", "/etc/passwd", "apps/../../x", "apps\\web", "apps//web", "a\0b", ""] {
        assert!(tree.read(path).is_err(), "{path:?}");
    }
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let repo = Repo::of_shop();
    let of = |app: &str| repo.promote_all("dev", "prod", vec![AppAsk::named(app)]);
    let error = of("wbe").expect_err("is refused").to_string();
    assert!(error.contains("there is no app \"wbe\"") && error.ends_with("there are web"), "{error}");
    let error = repo.promote("dev", "qa").expect_err("is refused").to_string();
    assert!(error.ends_with("it has dev, prod"), "{error}");
    assert!(repo.promote("dev", "dev").is_err());
    repo.commit(&[("more/web/overlays/dev/kustomization.yaml", DEV)]);
    let error = repo.promote("dev", "prod").expect_err("is refused").to_string();
    assert!(error.contains("several apps: apps/web, more/web"), "{error}");
    repo.commit(&[
        ("apps/api/overlays/dev/kustomization.yaml", "images: ["),
        ("apps/api/overlays/prod/kustomization.yaml", PROD),
    ]);
    let error = of("api").expect_err("is refused").to_string();
    assert!(error.starts_with("apps/api/overlays/dev/kustomization.yaml: line "), "{error}");
}

#[test]
fn a_plan_names_the_commits_that_it_brings_or_takes_back_and_who_was_there_last() {
    let repo = Repo::of_shop();
    let initial = repo.head().commit();
    let (dev, prod) = (DEV_FILE, PROD_FILE);
    let dev_at = |tag: &str| DEV.replace("1.5.0", tag);
    repo.commit(&[(dev, &dev_at("1.4.2"))]);
    let first = repo.commit(&[(dev, &dev_at("1.4.3"))]);
    repo.commit(&[("README.md", "elsewhere")]);
    let second = repo.commit(&[(dev, &dev_at("1.4.4"))]);
    let last = repo.commit(&[(prod, &PROD.replace("count: 6", "count: 7"))]);
    let plan = repo.promote("dev", "prod").expect("plans").plan;
    let ids: Vec<_> = plan.rows[0].commits.iter().map(|it| it.id.clone()).collect();
    assert_eq!(ids, [second.to_string(), first.to_string()]);
    assert_eq!(
        plan.rows[0].last_touched.clone().map(|it| (it.id, it.author)),
        Some((initial.to_string(), "erin".to_owned())),
        "who changed the field, and not who changed something else in the file"
    );

    let promoted = repo.commit(&[(prod, &PROD.replace("1.4.2", "1.4.4"))]);
    let plan = repo.rollback(last, false).expect("plans").plan;
    assert_eq!(
        plan.rows[0].commits.iter().map(|it| it.id.clone()).collect::<Vec<_>>(),
        [promoted.to_string()]
    );
    assert_eq!(plan.rows[0].commits[0].subject, "Change");
}
