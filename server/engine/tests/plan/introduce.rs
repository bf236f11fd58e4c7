//! Apps that are not in an environment yet.

use engine::git::plan::{AppAsk, PlanError};
use model::plan::{PlanKind, RowOutcome};

use super::{
    DEV, DEV_FILE, PROD,
    repo::{Repo, moves},
};

const STAGING: &str = "\
# The app in staging.
namespace: shop-staging
nameSuffix: -staging
resources:
- ../../base
- ../../variants/staging
- ../../only/staging
- ingress.yaml
components: [../../variants/staging]
labels:
- pairs:
    environment: staging # its own
    team: staging-tools
images:
- name: shop/web
  newTag: 1.5.0
patches:
- path: patch-staging.yaml
";
const FOLDER: &str = "apps/web/overlays/staging";

fn repo() -> Repo {
    let staging = |name: &str| format!("{FOLDER}/{name}");
    let repo = Repo::new(&[
        (DEV_FILE, &DEV.replace("1.5.0", "1.6.0")),
        (&staging("kustomization.yaml"), STAGING),
        (&staging("ingress.yaml"), "kind: Ingress\r\nspec: {host: web.staging.test}\r\n"),
        (&staging("patch-staging.yaml"), "kind: Deployment"),
        (&staging("certificate.env"), "NAME=web\nHOST=staging.test\n"),
        ("apps/web/variants/staging/kustomization.yaml", "kind: Component\n"),
        ("apps/web/variants/prod/kustomization.yaml", "kind: Component\n"),
        ("apps/web/only/staging/kustomization.yaml", "kind: Component\n"),
        ("apps/api/overlays/prod/kustomization.yaml", PROD),
    ]);
    let program: (&[u8], _) = (b"#!/bin/sh\nexit 0\n", git2::FileMode::BlobExecutable);
    repo.commit_all(
        "erin",
        "Tool",
        &[
            (&staging("check.sh"), Some(program)),
            (&staging("raw"), Some((b"\xff\x00\n", git2::FileMode::Blob))),
        ],
    );
    repo
}

fn after<'a>(planned: &'a engine::git::plan::Planned, name: &str) -> &'a str {
    let write = &planned.writes[&format!("apps/web/overlays/prod/{name}")];
    assert!(write.before.is_none());
    std::str::from_utf8(write.after.as_deref().expect("is new")).expect("is text")
}

#[test]
fn b24_the_new_folder_is_made_after_the_nearest_with_what_is_proven() {
    let repo = repo();
    let planned = repo.promote("staging", "prod").expect("plans");
    assert_eq!(planned.plan.kind, PlanKind::Introduce);
    repo.check_with_git(&planned);
    let expected = STAGING
        .replace("namespace: shop-staging", "namespace: shop-prod")
        .replace("nameSuffix: -staging", "nameSuffix: \"-prod\"")
        .replace("../../variants/staging", "../../variants/prod")
        .replace("environment: staging", "environment: prod");
    assert_eq!(after(&planned, "kustomization.yaml"), expected);
    assert_eq!(after(&planned, "ingress.yaml"), "kind: Ingress\r\nspec: {host: web.staging.test}\r\n");
    assert!(planned.writes["apps/web/overlays/prod/check.sh"].executable);
    assert_eq!(planned.writes.len(), 6);
    let row = &planned.plan.rows[0];
    assert_eq!(
        (&row.outcome, row.before.as_deref(), row.after.as_deref()),
        (&RowOutcome::Moves, None, Some("1.5.0"))
    );
    assert!(
        moves(row).contains(&("namespace", Some("\"shop-staging\""), Some("\"shop-prod\""))),
        "{:?}",
        row.moves
    );
    assert_eq!(row.moves.iter().filter(|it| it.field == "(file)").count(), 6);
}

#[test]
fn b24_whatever_else_names_the_old_environment_is_told_to_be_checked() {
    let row = repo().promote("staging", "prod").expect("plans").plan.rows.remove(0);
    let said = row.warnings.join("\n");
    for place in [
        "ingress.yaml: spec.host names staging",
        "kustomization.yaml: labels[0].pairs.team names staging",
        "kustomization.yaml: resources[2] names staging",
        "kustomization.yaml: patches[0].path names staging",
        "certificate.env: line 2 names staging",
        "raw is no text",
        "made after those of staging",
    ] {
        assert!(said.contains(place), "{place:?} is not in {said}");
    }
    assert!(!said.contains("web.staging.test"), "values may be secret: {said}");
}

#[test]
fn b24_the_values_are_those_of_the_environment_that_was_named() {
    let planned = repo().promote("dev", "prod").expect("plans");
    assert!(after(&planned, "kustomization.yaml").contains("newTag: 1.6.0"));
    assert!(
        after(&planned, "kustomization.yaml").contains("nameSuffix: \"-prod\""),
        "the files are those of staging"
    );
}

#[test]
fn b24_the_folder_is_called_as_the_others_call_it() {
    let repo = Repo::new(&[
        (DEV_FILE, DEV),
        ("apps/api/overlays/production/kustomization.yaml", PROD),
        ("apps/api/overlays/dev/kustomization.yaml", DEV),
    ]);
    let planned = repo.promote("dev", "prod").expect("plans");
    assert!(planned.writes.contains_key("apps/web/overlays/production/kustomization.yaml"));
}

#[test]
fn a_namespace_that_would_be_shared_is_told() {
    for (dev, word) in [
        ("images: [{name: a, newTag: v1}]\n", "names no namespace"),
        ("namespace: shop\nimages: [{name: a, newTag: v1}]\n", "the namespace stays \"shop\""),
    ] {
        let row = Repo::new(&[(DEV_FILE, dev)]).promote("dev", "prod").expect("plans").plan.rows.remove(0);
        assert!(row.warnings.iter().any(|it| it.contains(word)), "{:?}", row.warnings);
    }
}

#[test]
fn a2_what_is_linked_or_there_already_is_not_scaffolded() {
    let repo = repo();
    repo.commit(&[("apps/web/overlays/prod/notes.txt", "x")]);
    let error = repo.promote("staging", "prod").expect_err("is refused");
    assert!(
        matches!(&error, PlanError::Introduce { why, .. } if why.contains("is there already")),
        "{error}"
    );
    repo.remove("apps/web/overlays/prod/notes.txt");
    repo.link(&format!("{FOLDER}/out"), "/etc/passwd");
    let error = repo.promote("staging", "prod").expect_err("is refused").to_string();
    assert!(error.contains("out is a symbolic link"), "{error}");
}

#[test]
fn an_environment_that_nobody_knows_is_an_error_and_a_train_does_not_introduce() {
    let repo = repo();
    for to in ["qa", "../prod", "", "prod/x", "Prod"] {
        let error = repo.promote("staging", to).expect_err("is refused").to_string();
        assert!(error.contains("has no overlay of environment"), "{to:?}: {error}");
    }
    repo.commit(&[("apps/api/overlays/staging/kustomization.yaml", STAGING)]);
    let apps = vec![AppAsk::named("web"), AppAsk::named("api")];
    let plan = repo.promote_all("staging", "prod", apps).expect("plans").plan;
    let RowOutcome::Skipped { why } = &plan.rows[0].outcome else { panic!("{:?}", plan.rows[0].outcome) };
    assert!(why.contains("plan it alone"), "{why}");
    assert_eq!((plan.rows[1].outcome.clone(), plan.kind), (RowOutcome::Moves, PlanKind::Promote));
}
