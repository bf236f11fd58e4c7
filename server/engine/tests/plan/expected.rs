//! What is expected of a plan once it is written: it holds then, not before, and not after others changed it.

use engine::git::{
    plan::{AppAsk, Expected, Planned, holds, state_now},
    rules::Rules,
};

use model::plan::{PlanKind, RowOutcome};

use super::{DEV, DEV_FILE, PROD, PROD_FILE, repo::Repo};

/// A repository, what a rule lets travel, and a foreign edit: of what moves, and of what does not.
struct Case {
    name: &'static str,
    rules: &'static str,
    files: Vec<(String, String)>,
    file: &'static str,
    /// After the plan is written: what somebody replaces, and by what.
    same_field: (&'static str, &'static str),
    other_field: (&'static str, &'static str),
}

fn both(path: &str, dev: &str, prod: &str) -> Vec<(String, String)> {
    let of = |environment: &str, text: &str| (path.replace("ENV", environment), text.to_owned());
    vec![of("dev", dev), of("prod", prod)]
}

fn cases() -> Vec<Case> {
    let deployment = |tag: &str, replicas: u8| {
        format!(
            "kind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {replicas}\n  template:\n    spec:\n      containers:\n        \
             - name: web\n          image: shop/web:{tag}\n"
        )
    };
    let chart = |environment: &str, version: &str| {
        format!(
            "kind: Application\napiVersion: argoproj.io/v1alpha1\nmetadata: {{name: web-{environment}}}\nspec:\n  source:\n    \
             repoURL: https://charts.example.com\n    chart: web\n    targetRevision: {version}\n  destination: {{name: {environment}, \
             namespace: a}}\n"
        )
    };
    let overlay = "apps/web/overlays/ENV/kustomization.yaml";
    let patched = {
        let mut files =
            both(overlay, "patches: [{path: version.yaml}]\n", "patches: [{path: version.yaml}]\n");
        files.extend(both(
            "apps/web/overlays/ENV/version.yaml",
            &deployment("1.5.0", 1),
            &deployment("1.4.2", 6),
        ));
        files
    };
    vec![
        Case {
            name: "images of a kustomization",
            rules: "",
            files: both(overlay, DEV, PROD),
            file: PROD_FILE,
            same_field: ("1.5.0", "1.9.9"),
            other_field: ("count: 6", "count: 7"),
        },
        Case {
            name: "images of a patch",
            rules: "",
            files: patched,
            file: "apps/web/overlays/prod/version.yaml",
            same_field: ("1.5.0", "1.9.9"),
            other_field: ("replicas: 6", "replicas: 7"),
        },
        Case {
            name: "a value of Helm",
            rules: "[[travels]]\nhelm_value = \"image.tag\"\n",
            files: {
                let mut files =
                    both("web/values-ENV.yaml", "image: {tag: v2}\n", "image: {tag: v1}\nreplicas: 6\n");
                files.push(("web/Chart.yaml".to_owned(), "name: web\n".to_owned()));
                files
            },
            file: "web/values-prod.yaml",
            same_field: ("v2", "v3"),
            other_field: ("replicas: 6", "replicas: 7"),
        },
        Case {
            name: "a field of plain manifests",
            rules: "[[travels]]\nfile = \"deployment.yaml\"\nfield = \"spec.template.spec.containers[name=web].image\"\n",
            files: both("apps/web/ENV/deployment.yaml", &deployment("1.5.0", 1), &deployment("1.4.2", 6))
                .into_iter()
                .map(|(path, text)| (path, format!("apiVersion: apps/v1\n{text}")))
                .collect(),
            file: "apps/web/prod/deployment.yaml",
            same_field: ("1.5.0", "1.9.9"),
            other_field: ("replicas: 6", "replicas: 7"),
        },
        Case {
            name: "the version of a chart in Applications",
            rules: "[[travels]]\nchart_version = true\n",
            files: vec![
                ("clusters/dev/applications.yaml".to_owned(), chart("dev", "1.2.3")),
                ("clusters/prod/applications.yaml".to_owned(), chart("prod", "1.2.0")),
            ],
            file: "clusters/prod/applications.yaml",
            same_field: ("1.2.3", "9.9.9"),
            other_field: ("namespace: a", "namespace: b"),
        },
        Case {
            name: "a layout by a pattern",
            rules: "[[layouts]]\npattern = \"deploy/{environment}/{app}\"\n",
            files: both("deploy/ENV/web/kustomization.yaml", DEV, PROD),
            file: "deploy/prod/web/kustomization.yaml",
            same_field: ("1.5.0", "1.9.9"),
            other_field: ("count: 6", "count: 7"),
        },
    ]
}

impl Case {
    fn repo(&self) -> Repo {
        let files: Vec<_> = self.files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let mut repo = Repo::new(&files);
        repo.rules = Rules::parse(self.rules).expect("rules");
        repo
    }
}

/// Written to JSON and read back, as the database keeps it.
fn kept(planned: &Planned) -> Vec<Expected> {
    let text = serde_json::to_string(&planned.expected).expect("is written");
    let read: Vec<Vec<Expected>> = serde_json::from_str(&text).expect("is read");
    assert_eq!(read, planned.expected, "{text}");
    assert_eq!(read.len(), planned.plan.rows.len());
    read.into_iter().flatten().collect()
}

fn replace(repo: &Repo, file: &str, (old, new): (&str, &str)) {
    let text = repo.text(file);
    assert!(text.contains(old), "{old:?} is not in {text}");
    repo.commit(&[(file, &text.replace(old, new))]);
}

#[test]
fn in_every_layout_it_holds_once_written_until_others_change_one_of_its_fields() {
    for case in cases() {
        let (repo, name) = (case.repo(), case.name);
        let planned = repo.promote("dev", "prod").expect(name);
        let expected = kept(&planned);
        assert!(!expected.is_empty(), "{name}");
        assert!(!holds(&repo.head(), &expected), "{name}: not before");
        repo.carry_out(&planned);
        assert!(holds(&repo.head(), &expected), "{name}: once written: {expected:?}");
        replace(&repo, case.file, case.other_field);
        assert!(holds(&repo.head(), &expected), "{name}: another field of the file");
        replace(&repo, case.file, case.same_field);
        assert!(!holds(&repo.head(), &expected), "{name}: one of its fields");
    }
}

#[test]
fn how_a_value_is_quoted_does_not_count() {
    let repo = Repo::of_shop();
    let planned = repo.promote("dev", "prod").expect("plans");
    repo.carry_out(&planned);
    replace(&repo, PROD_FILE, ("'1.5.0'", "1.5.0"));
    assert!(holds(&repo.head(), &kept(&planned)));
}

#[test]
fn a_digest_beside_the_tag_is_another_image() {
    let repo = Repo::of_shop();
    let planned = repo.promote("dev", "prod").expect("plans");
    repo.carry_out(&planned);
    let pinned = format!("newTag: '1.5.0', digest: sha256:{}", "ab".repeat(32));
    replace(&repo, PROD_FILE, ("newTag: '1.5.0'", &pinned));
    assert!(!holds(&repo.head(), &kept(&planned)));
}

#[test]
fn images_that_did_not_move_may_change() {
    let more = "  - {name: shop/proxy, newTag: v1}\n";
    let repo = Repo::of_shop();
    let dev = DEV.replace("replicas:", &format!("{more}replicas:"));
    let prod = PROD.replace("replicas:", "- {name: shop/proxy, newTag: v1}\nreplicas:");
    repo.commit(&[(DEV_FILE, &dev), (PROD_FILE, &prod)]);
    let planned = repo.promote("dev", "prod").expect("plans");
    repo.carry_out(&planned);
    replace(&repo, PROD_FILE, ("newTag: v1", "newTag: v2"));
    assert!(holds(&repo.head(), &kept(&planned)));
}

#[test]
fn a_file_that_is_gone_or_broken_holds_nothing() {
    for break_it in [
        |repo: &Repo| repo.remove(PROD_FILE),
        |repo: &Repo| repo.commit(&[(PROD_FILE, "images: [")]),
        |repo: &Repo| repo.link(PROD_FILE, "../dev/kustomization.yaml"),
    ] {
        let repo = Repo::of_shop();
        let planned = repo.promote("dev", "prod").expect("plans");
        repo.carry_out(&planned);
        break_it(&repo);
        assert!(!holds(&repo.head(), &kept(&planned)));
    }
}

#[test]
fn of_a_rollback_it_is_the_fields_and_of_the_whole_path_the_files() {
    let repo = Repo::of_shop();
    let good = repo.head().commit();
    repo.carry_out(&repo.promote("dev", "prod").expect("plans"));
    let (fields, whole) =
        (repo.rollback(good, false).expect("plans"), repo.rollback(good, true).expect("plans"));
    repo.carry_out(&whole);
    assert!(holds(&repo.head(), &kept(&fields)) && holds(&repo.head(), &kept(&whole)));
    replace(&repo, PROD_FILE, ("count: 6", "count: 7"));
    assert!(holds(&repo.head(), &kept(&fields)));
    assert!(!holds(&repo.head(), &kept(&whole)), "all of the file was restored");
}

#[test]
fn of_a_whole_path_also_what_goes() {
    let repo = Repo::of_shop();
    let good = repo.head().commit();
    let ours = "Carry out\n\nQuarterdeck-Change: 1\nQuarterdeck-Act: promote\nQuarterdeck-App: apps/web\n\
                Quarterdeck-From: dev\nQuarterdeck-To: prod\n";
    let extra = "apps/web/overlays/prod/extra.yaml";
    repo.commit_by("quarterdeck", ours, &[(extra, "kind: Secret\n")]);
    let planned = repo.rollback(good, true).expect("plans");
    assert!(!holds(&repo.head(), &kept(&planned)));
    repo.carry_out(&planned);
    assert!(holds(&repo.head(), &kept(&planned)));
    repo.commit(&[(extra, "kind: Secret\n")]);
    assert!(!holds(&repo.head(), &kept(&planned)));
}

#[test]
fn of_what_is_introduced_it_is_the_files() {
    let repo = Repo::new(&[(DEV_FILE, DEV), ("apps/web/overlays/dev/debug.yaml", "kind: Pod\n")]);
    let planned = repo.promote("dev", "prod").expect("plans");
    assert_eq!(planned.plan.kind, PlanKind::Introduce);
    let expected = kept(&planned);
    assert_eq!(expected.len(), 2, "{expected:?}");
    assert!(!holds(&repo.head(), &expected));
    repo.carry_out(&planned);
    assert!(holds(&repo.head(), &expected));
    replace(&repo, "apps/web/overlays/prod/debug.yaml", ("Pod", "Job"));
    assert!(!holds(&repo.head(), &expected));
}

#[test]
fn each_row_has_its_own_and_those_that_do_not_move_have_none() {
    let repo = Repo::of_shop();
    let of = |app: &str| format!("apps/{app}/overlays/prod/kustomization.yaml");
    for (app, prod) in [("api", PROD), ("done", &PROD.replace("1.4.2", "1.5.0")), ("broken", "images: [")] {
        repo.commit(&[(&format!("apps/{app}/overlays/dev/kustomization.yaml"), DEV), (&of(app), prod)]);
    }
    let promoted = repo.promote_all("dev", "prod", vec![AppAsk::named("api")]).expect("plans");
    repo.carry_out(&promoted);
    replace(&repo, &of("api"), ("1.5.0", "1.5.1"));
    let apps = ["web", "api", "done", "broken"].map(AppAsk::named).into();
    let planned = repo.promote_all("dev", "prod", apps).expect("plans");
    assert!(matches!(planned.plan.rows[1].outcome, RowOutcome::Stopped { .. }));
    let files: Vec<Vec<_>> =
        planned.expected.iter().map(|row| row.iter().map(|it| it.file.as_str()).collect()).collect();
    assert_eq!(files, [vec![PROD_FILE], vec![], vec![], vec![]]);
}

#[test]
fn what_an_environment_has_now_holds_until_others_change_it() {
    for case in cases() {
        let (repo, name) = (case.repo(), case.name);
        let found = repo.found();
        let state = |environment| state_now(&repo.head(), &found.apps[0], environment);
        let now = state("prod");
        assert!(!now.is_empty() && holds(&repo.head(), &now), "{name}: {now:?}");
        assert!(state("qa").is_empty());
        replace(&repo, case.file, case.other_field);
        assert!(holds(&repo.head(), &now), "{name}");
        repo.carry_out(&repo.promote("dev", "prod").expect(name));
        assert!(!holds(&repo.head(), &now), "{name}");
    }
}
