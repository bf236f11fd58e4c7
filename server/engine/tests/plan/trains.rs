//! Several apps in one plan: a row for each, one change.

use engine::git::{
    edit::{Document, Field},
    layout::{App, Carrier, Found, Layout, Place, What},
    plan::{AppAsk, Planned, Promotion, Walk, promote},
};
use model::plan::{RowOutcome, Verified};

use super::{DEV, DEV_FILE, PROD, PROD_FILE, repo::Repo};

fn train(repo: &Repo, apps: &[&str]) -> Planned {
    repo.promote_all("dev", "prod", apps.iter().map(|it| AppAsk::named(*it)).collect()).expect("plans")
}

fn with_more(more: &[(&str, &str, &str)]) -> Repo {
    let repo = Repo::of_shop();
    for (app, dev, prod) in more {
        repo.commit(&[
            (&format!("apps/{app}/overlays/dev/kustomization.yaml"), dev),
            (&format!("apps/{app}/overlays/prod/kustomization.yaml"), prod),
        ]);
    }
    repo
}

#[test]
fn r10_a_train_is_one_change_with_a_row_for_each_app() {
    let repo = with_more(&[
        ("api", &DEV.replace("shop/web", "shop/api"), &PROD.replace("shop/web", "shop/api")),
        ("done", DEV, &PROD.replace("1.4.2", "1.5.0")),
        ("broken", DEV, "images: ["),
    ]);
    let planned = train(&repo, &["web", "api", "done", "broken", "nowhere"]);
    let plan = &planned.plan;
    let outcomes: Vec<_> = plan.rows.iter().map(|it| (it.app.as_str(), it.outcome.clone())).collect();
    assert_eq!(outcomes[0], ("web", RowOutcome::Moves));
    assert_eq!(outcomes[1], ("api", RowOutcome::Moves));
    assert_eq!(outcomes[2], ("done", RowOutcome::NothingToDo));
    for (row, word) in
        [(3, "apps/broken/overlays/prod/kustomization.yaml: line"), (4, "there is no app \"nowhere\"")]
    {
        let RowOutcome::Skipped { why } = &outcomes[row].1 else { panic!("{outcomes:?}") };
        assert!(why.contains(word), "{why}");
    }
    let paths: Vec<_> = plan.files.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, ["apps/api/overlays/prod/kustomization.yaml", PROD_FILE]);
    repo.check_with_git(&planned);
}

#[test]
fn what_the_fleet_leaves_out_is_a_row_with_its_reason() {
    let repo = with_more(&[("api", DEV, PROD)]);
    let apps = vec![
        AppAsk {
            skip: Some("it is on hold".to_owned()),
            slug: Some("web-1".to_owned()),
            ..AppAsk::named("web")
        },
        AppAsk {
            verified: Verified::Healthy { since: None },
            overrides: vec!["the Application sets it".to_owned()],
            ..AppAsk::named("apps/api")
        },
    ];
    let plan = repo.promote_all("dev", "prod", apps).expect("plans").plan;
    assert_eq!(plan.rows[0].outcome, RowOutcome::Skipped { why: "it is on hold".to_owned() });
    assert_eq!((plan.rows[0].slug.as_deref(), plan.rows[0].base_path.as_str()), (Some("web-1"), "apps/web"));
    assert_eq!(plan.rows[1].verified, Verified::Healthy { since: None });
    assert!(plan.rows[1].warnings.contains(&"the Application sets it".to_owned()));
    assert_eq!(plan.files.len(), 1);
}

#[test]
fn several_apps_that_share_a_file_edit_it_one_after_the_other() {
    let manifests = |web: &str, api: &str| {
        let one = |name: &str, tag: &str| {
            format!("# {name}\nkind: Deployment\nmetadata: {{name: {name}}}\ntag: {tag}\n")
        };
        format!("{}---\n{}", one("web", web), one("api", api))
    };
    let repo = Repo::new(&[("dev.yaml", &manifests("v2", "v9")), ("prod.yaml", &manifests("v1", "v7"))]);
    let place = |app: &str, environment: &str| {
        let field =
            Field { document: Document::of_object("Deployment", app), path: "tag".parse().expect("a path") };
        let file = format!("{environment}.yaml");
        let carrier = Carrier { role: "all.yaml".to_owned(), file: file.clone(), what: What::Field(field) };
        let files = vec![("all.yaml".to_owned(), file)];
        (environment.to_owned(), vec![Place { region: None, folder: None, files, carriers: vec![carrier] }])
    };
    let app = |name: &str| App {
        name: name.to_owned(),
        base_path: name.to_owned(),
        layout: Layout::Kustomize,
        doubts: std::collections::BTreeMap::new(),
        places: ["dev", "prod"].map(|it| place(name, it)).into(),
    };
    let found = Found { apps: vec![app("web"), app("api")], ..Found::default() };
    let (tree, history) = (repo.head(), Walk::new(&repo.repository, 100));
    let apps = ["web", "api"].map(AppAsk::named).into();
    let ask = Promotion {
        tree: &tree,
        rules: &repo.rules,
        found: &found,
        history: &history,
        from: "dev",
        to: "prod",
        apps,
        ours: None,
    };
    let planned = promote(&ask).expect("plans");
    let [(path, write)] = &planned.writes.iter().collect::<Vec<_>>()[..] else { panic!("one file") };
    assert_eq!(path.as_str(), "prod.yaml");
    assert_eq!(write.after.as_deref(), Some(manifests("v2", "v9").as_bytes()));
    assert_eq!(planned.plan.rows.iter().map(|it| it.moves.len()).collect::<Vec<_>>(), [1, 1]);
    repo.check_with_git(&planned);
}

#[test]
fn r8_the_hash_covers_what_is_asked_read_and_written_and_nothing_else() {
    let repo = with_more(&[("api", DEV, PROD)]);
    let hash = |apps: &[&str]| train(&repo, apps).plan.hash;
    let before = hash(&["web"]);
    assert_eq!(before.len(), 64);
    assert_ne!(before, hash(&["api"]));
    assert_ne!(before, hash(&["web", "api"]));
    repo.commit(&[("apps/api/overlays/prod/kustomization.yaml", "images: []\n"), ("README.md", "x")]);
    assert_eq!(before, hash(&["web"]), "a commit elsewhere leaves it as it is");
    repo.commit(&[(DEV_FILE, &format!("# A comment.\n{DEV}"))]);
    assert_eq!(before, hash(&["web"]), "what is not taken does not count");
    repo.commit(&[(PROD_FILE, &format!("{PROD}# A comment.\n"))]);
    let there = hash(&["web"]);
    assert_ne!(before, there, "the file that is edited does");
    repo.commit(&[(DEV_FILE, &DEV.replace("1.5.0", "1.5.1"))]);
    assert_ne!(there, hash(&["web"]));
}
