//! Layouts on real repositories: what is found without a word, what rules add, and what is told and not guessed.

use engine::git::{
    layout::{App, Found, Layout, LayoutError, What, discover, find_app},
    rules::Rules,
};
use git2::FileMode;

use crate::bare::Bare;

const IMAGES: &str = "images:\n  - name: shop/web\n    newTag: \"1.5.0\"\n";
const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n        - name: web\n          image: shop/web:1.4\n";

/// `name: environment[region] …` of each app, for comparison at a glance.
fn shown(found: &Found) -> Vec<String> {
    found.apps.iter().map(app_shown).collect()
}

fn app_shown(app: &App) -> String {
    let mut text = format!("{} {}:", app.name, app.base_path);
    for (environment, places) in &app.places {
        for place in places {
            text.push_str(&format!(" {environment}"));
            if let Some(region) = &place.region {
                text.push_str(&format!("[{region}]"));
            }
        }
    }
    text
}

fn carried(app: &App, environment: &str) -> Vec<String> {
    let carriers = app.places[environment].iter().flat_map(|it| &it.carriers);
    let what = |what: &What| match what {
        What::Images => "images".to_owned(),
        What::Field(field) => field.path.to_string(),
        What::File => "all".to_owned(),
    };
    carriers.map(|it| format!("{} {} {}", it.role, it.file, what(&it.what))).collect()
}

fn told(found: &Found, path: &str) -> String {
    let it = found.not_understood.iter().find(|it| it.path == path);
    it.unwrap_or_else(|| panic!("{path} is not told: {:?}", found.not_understood)).why.clone()
}

fn files<'a>(paths: &'a [&'a str], text: &'a str) -> Vec<(&'a str, &'a str)> {
    paths.iter().map(|path| (*path, text)).collect()
}

#[test]
fn overlays_per_app_are_found_whatever_the_folder_of_environments_is_called() {
    let repo = Bare::of(&files(
        &[
            "apps/web/base/kustomization.yaml",
            "apps/web/overlays/dev/kustomization.yaml",
            "apps/web/overlays/production/kustomization.yml",
            "apps/api/envs/staging/Kustomization",
            "apps/api/envs/qa/kustomization.yaml",
            "apps/worker/environments/prod/kustomization.yaml",
            "apps/cron/dev/kustomization.yaml",
            "apps/cron/prod/kustomization.yaml",
            "services/mail/k8s/overlays/dev/kustomization.yaml",
        ],
        IMAGES,
    ));
    let found = repo.found();
    assert_eq!(
        shown(&found),
        [
            "api apps/api: qa staging",
            "cron apps/cron: dev prod",
            "web apps/web: dev prod",
            "worker apps/worker: prod",
            "mail services/mail/k8s: dev",
        ]
    );
    assert!(found.not_understood.is_empty(), "{:?}", found.not_understood);
    assert_eq!(
        carried(&found.apps[2], "prod"),
        ["kustomization.yaml apps/web/overlays/production/kustomization.yml images"]
    );
}

#[test]
fn s4_shared_overlays_are_one_app_and_applications_beside_them_are_none_of_their_own() {
    let application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: shop-ENV\nspec:\n  source:\n    repoURL: https://git.example.com/fleet.git\n    path: apps/overlays/ENV\n    targetRevision: main\n  destination:\n    name: ENV\n    namespace: shop\n";
    let mut all = Vec::new();
    for environment in ["dev", "staging", "prod"] {
        all.push((format!("apps/overlays/{environment}/kustomization.yaml"), IMAGES.to_owned()));
        all.push((
            format!("clusters/{environment}/applications.yaml"),
            application.replace("ENV", environment),
        ));
    }
    all.push(("apps/base/kustomization.yaml".to_owned(), "resources: []\n".to_owned()));
    all.push((
        "bootstrap/root-app.yaml".to_owned(),
        application.replace("apps/overlays/ENV", "clusters").replace("-ENV", ""),
    ));
    let all: Vec<_> = all.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let repo = Bare::of(&all);
    assert_eq!(shown(&repo.found()), ["apps apps: dev prod staging"]);
    let rules = Rules::parse("[[travels]]\ntarget_revision = true\n").expect("rules");
    let app = find_app(&repo.tree(), &rules, "apps").expect("an app");
    assert_eq!(
        carried(&app, "dev"),
        [
            "kustomization.yaml apps/overlays/dev/kustomization.yaml images",
            "Application of apps clusters/dev/applications.yaml spec.source.targetRevision",
        ]
    );
    let pairs = |a: &str, b: &str| app.places[a][0].carriers[1].pairs_with(&app.places[b][0].carriers[1]);
    assert!(pairs("dev", "prod"), "though the Applications are called otherwise");
}

#[test]
fn environments_of_several_regions_with_split_files_carry_the_images_of_their_patches() {
    let kustomization = "resources: [../../base]\ncomponents: [../../variants/prod]\npatches:\n  - path: version.yml\n  - path: replicas.yml\n  - path: settings.yml\n";
    let version = DEPLOYMENT
        .replace("        - name", "        - name: side\n          image: shop/side:2\n        - name");
    let mut all: Vec<(String, &str)> = Vec::new();
    for folder in ["prod-eu", "prod-us", "staging-asia", "qa"] {
        all.push((format!("envs/{folder}/kustomization.yml"), kustomization));
        all.push((format!("envs/{folder}/version.yml"), &version));
        all.push((format!("envs/{folder}/replicas.yml"), "kind: Deployment\nspec: {replicas: 2}\n"));
        all.push((format!("envs/{folder}/settings.yml"), "kind: Deployment\n"));
    }
    all.push(("base/kustomization.yml".to_owned(), "resources: []\n"));
    all.push(("variants/prod/kustomization.yml".to_owned(), "kind: Component\n"));
    let all: Vec<_> = all.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let repo = Bare::of(&all);
    let found = repo.found();
    assert_eq!(shown(&found), ["app : prod[eu] prod[us] qa staging[asia]"]);
    assert!(found.not_understood.is_empty(), "{:?}", found.not_understood);
    let app = find_app(&repo.tree(), &Rules::default(), "app").expect("an app");
    assert_eq!(
        carried(&app, "qa"),
        [
            "version.yml envs/qa/version.yml spec.template.spec.containers[name=side].image",
            "version.yml envs/qa/version.yml spec.template.spec.containers[name=web].image",
        ]
    );
    assert_eq!(app.places("prod").expect("places").len(), 2);
}

#[test]
fn helm_values_are_found_beside_and_below_a_chart_and_carry_what_rules_list() {
    let values = "image:\n  tag: \"1\"\n";
    let repo = Bare::of(&files(
        &[
            "charts/api/Chart.yaml",
            "charts/api/values.yaml",
            "charts/api/values-dev.yaml",
            "charts/api/values.prod-eu.yaml",
            "charts/api/templates/deployment.yaml",
            "charts/api/charts/redis/Chart.yaml",
            "charts/api/charts/redis/values-prod.yaml",
            "web/chart/Chart.yaml",
            "web/envs/dev/values.yaml",
            "web/envs/prod/values.yaml",
            "job/Chart.yaml",
            "job/values/staging.yaml",
            "job/values/prod.yaml",
            "mail/Chart.yaml",
            "mail/dev/values.yaml",
            "remote/values-dev.yaml",
            "remote/values-prod.yaml",
            "alone/values-dev.yaml",
        ],
        values,
    ));
    let rules = Rules::parse("[[travels]]\nhelm_value = \"image.tag\"\n").expect("rules");
    let found = repo.found_by(&rules);
    assert_eq!(
        shown(&found),
        [
            "api charts/api: dev prod[eu]",
            "job job: prod staging",
            "mail mail: dev",
            "remote remote: dev prod",
            "web web: dev prod",
        ]
    );
    assert!(found.apps.iter().all(|app| app.layout == Layout::Helm));
    assert_eq!(carried(&found.apps[0], "dev"), ["values.yaml charts/api/values-dev.yaml image.tag"]);
    assert_eq!(carried(&found.apps[4], "prod"), ["values.yaml web/envs/prod/values.yaml image.tag"]);
    assert!(carried(&repo.found().apps[0], "dev").is_empty(), "R1: nothing of Helm travels by itself");
}

/// What says something to Argo CD, and is none of its objects.
const ANNOTATED: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: worker\n  annotations: {argocd.argoproj.io/sync-wave: \"-2\"}\n";

#[test]
fn r1_plain_folders_are_found_and_carry_nothing_that_no_rule_lists() {
    let repo = Bare::of(&[
        ("apps/worker/dev/deployment.yaml", DEPLOYMENT),
        ("apps/worker/prod/deployment.yaml", DEPLOYMENT),
        ("apps/worker/prod/config.yaml", ANNOTATED),
        ("apps/worker/staging/config.yaml", ANNOTATED),
        ("apps/sender/dev/config.yaml", ANNOTATED),
        ("argocd/dev/project.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\n"),
        ("docs/dev/notes.yaml", "title: no manifest\n"),
        (".github/dev/deployment.yaml", DEPLOYMENT),
    ]);
    assert_eq!(shown(&repo.found()), ["sender apps/sender: dev", "worker apps/worker: dev prod staging"]);
    assert!(carried(&repo.found().apps[1], "dev").is_empty());
    let rules = "[[travels]]\napps = \"worker\"\nfile = \"deployment.yaml\"\nfield = \"spec.template.spec.containers[name=web].image\"\n[[travels]]\nfile = \"missing.yaml\"\nwhole = true\n";
    let found = repo.found_by(&Rules::parse(rules).expect("rules"));
    assert_eq!(
        carried(&found.apps[1], "prod"),
        ["deployment.yaml apps/worker/prod/deployment.yaml spec.template.spec.containers[name=web].image"]
    );
}

#[test]
fn applications_of_charts_are_apps_whose_versions_travel_by_a_rule() {
    let application = |environment: &str, name: &str, version: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: {name}-{environment}\nspec:\n  sources:\n    - repoURL: https://charts.example.com\n      chart: {name}\n      targetRevision: {version}\n  destination: {{name: {environment}, namespace: {name}}}\n"
        )
    };
    let dev =
        format!("{}---\n{}", application("dev", "redis", "1.2.3"), application("dev", "kafka", "4.0.0"));
    let prod =
        format!("{}---\n{}", application("prod", "redis", "1.2.0"), application("prod", "kafka", "3.9.0"));
    let repo = Bare::of(&[
        ("clusters/dev/applications.yaml", &dev),
        ("clusters/prod/applications.yaml", &prod),
        ("clusters/dev/odd-prod.yaml", &application("prod", "odd", "1")),
    ]);
    let rules = Rules::parse("[[travels]]\nchart_version = true\n").expect("rules");
    let found = repo.found_by(&rules);
    assert_eq!(shown(&found), ["kafka clusters#kafka: dev prod", "redis clusters#redis: dev prod"]);
    assert_eq!(
        carried(&found.apps[1], "dev"),
        ["Application of redis clusters/dev/applications.yaml spec.sources[0].targetRevision"]
    );
    assert!(
        told(&found, "clusters/dev/odd-prod.yaml").contains("its path holds dev and prod"),
        "{:?}",
        found.not_understood
    );
    let What::Field(field) = &found.apps[1].places["dev"][0].carriers[0].what else { panic!("a field") };
    let bytes = repo.tree().read("clusters/dev/applications.yaml").expect("reads");
    let value = engine::git::edit::read(&bytes, field, &engine::git::edit::Limits::default());
    assert_eq!(value.expect("reads").expect("a value").as_text(), Some("1.2.3"), "among several documents");
}

#[test]
fn inputs_of_applicationsets_are_apps_too() {
    let set = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata:\n  name: SET\nspec:\n  generators:\nGEN  template:\n    spec:\n      source: {path: x}\n";
    let matrix = "    - matrix:\n        generators:\n          - list:\n              elements:\n                - {env: dev, tag: '2'}\n                - {env: prod, tag: '1'}\n          - git:\n              files:\n                - path: settings/**/config.json\n";
    let folders = "    - git:\n        directories:\n          - path: sites/*/envs/*\n";
    let repo = Bare::of(&[
        ("sets/shop.yaml", &set.replace("SET", "shop").replace("GEN", matrix)),
        ("sets/sites.yaml", &set.replace("SET", "sites").replace("GEN", folders)),
        ("settings/mail/dev/config.json", "{\"image\": {\"tag\": \"1\"}}"),
        ("settings/mail/prod/config.json", "{\"image\": {\"tag\": \"0\"}}"),
        ("sites/blog/envs/dev/site.txt", "x"),
    ]);
    let rules = "[[travels]]\nfile = \"shop.yaml\"\nfield = \"tag\"\n[[travels]]\nfile = \"config.json\"\nfield = \"image.tag\"\n";
    let found = repo.found_by(&Rules::parse(rules).expect("rules"));
    assert_eq!(
        shown(&found),
        ["shop sets#shop: dev prod", "mail settings/mail: dev prod", "blog sites/blog: dev"]
    );
    let path = "spec.generators[0].matrix.generators[0].list.elements";
    assert_eq!(carried(&found.apps[0], "dev"), [format!("shop.yaml tag sets/shop.yaml {path}[0].tag")]);
    let [dev, prod] = ["dev", "prod"].map(|it| &found.apps[0].places[it][0].carriers[0]);
    assert!(dev.pairs_with(prod), "elements of one list");
    assert_eq!(carried(&found.apps[1], "prod"), ["config.json settings/mail/prod/config.json image.tag"]);
}

#[test]
fn rules_name_other_layouts_words_and_ids() {
    let repo = Bare::of(&[
        ("deploy/dev/web/kustomization.yaml", IMAGES),
        ("deploy/test-eu/web/kustomization.yaml", IMAGES),
        ("sites/blog/prod-eu-1/page.yaml", DEPLOYMENT),
        ("config/api-dev.yaml", "tag: '1'\n"),
        ("config/api-live.yaml", "tag: '1'\n"),
        ("apps/pay/overlays/dev/kustomization.yaml", IMAGES),
    ]);
    let rules = "[[layouts]]\npattern = \"deploy/{environment}/{app}\"\n[[layouts]]\npattern = \"sites/{app}/{environment}-{region}\"\n[[layouts]]\npattern = \"config/{app}-{environment}.yaml\"\n[[apps]]\nid = \"payments\"\npath = \"apps/pay\"\n[[apps]]\nid = \"ghost\"\npath = \"apps/ghost\"\n[[travels]]\nfile = \"values.yaml\"\nfield = \"tag\"\n";
    let found = repo.found_by(&Rules::parse(rules).expect("rules"));
    assert_eq!(
        shown(&found),
        [
            "payments apps/pay: dev",
            "api config/api-*.yaml: dev prod",
            "web deploy/*/web: dev test-eu",
            "blog sites/blog: prod[eu-1]",
        ]
    );
    assert!(told(&found, "apps/ghost").contains("the rules call it ghost"));
    let app = &found.apps[1];
    assert_eq!(carried(app, "prod"), ["values.yaml config/api-live.yaml tag"]);
    let untaught = repo.found();
    assert!(untaught.app("deploy/*/web").is_err());
}

#[test]
fn what_could_mean_two_things_is_told_and_not_guessed() {
    let repo = Bare::of(&files(
        &[
            "apps/web/overlays/prod/kustomization.yaml",
            "apps/web/overlays/production/kustomization.yaml",
            "apps/web/overlays/dev/kustomization.yaml",
            "apps/api/overlays/dev-prod/kustomization.yaml",
            "flat/web-prod/kustomization.yaml",
            "envs/dev/shop/kustomization.yaml",
            "single/kustomization.yaml",
        ],
        IMAGES,
    ));
    let found = repo.found();
    assert_eq!(shown(&found), ["web apps/web: dev"]);
    assert!(told(&found, "apps/web/overlays/production").contains("both mean prod"));
    assert!(told(&found, "apps/api/overlays/dev-prod").contains("dev and prod"));
    assert!(told(&found, "flat/web-prod").contains("could be an app in prod or a region of prod"));
    assert!(told(&found, "envs/dev/shop").contains("{environment}/{app}"));
    assert!(told(&found, "single").contains("no folder for each environment"));
    let app = find_app(&repo.tree(), &Rules::default(), "web").expect("an app");
    let error = app.places("prod").expect_err("no guess").to_string();
    assert!(error.contains("web in prod could be several things"), "{error}");
}

#[test]
fn an_app_is_found_by_path_or_name_and_an_environment_by_its_folder_too() {
    let repo = Bare::of(&files(
        &["a/api/overlays/dev/kustomization.yaml", "b/api/overlays/production/kustomization.yaml"],
        IMAGES,
    ));
    let (tree, rules) = (repo.tree(), Rules::default());
    let several = find_app(&tree, &rules, "api").expect_err("two of them").to_string();
    assert_eq!(several, "\"api\" is the name of several apps: a/api, b/api; name one by its path");
    let app = find_app(&tree, &rules, "b/api").expect("an app");
    assert_eq!(app.places("production").expect("by its folder"), app.places("prod").expect("by its name"));
    assert!(matches!(app.places("dev"), Err(LayoutError::NoEnvironment { .. })));
    assert!(matches!(find_app(&tree, &rules, "web"), Err(LayoutError::NoApp { .. })));
}

#[test]
fn a1_no_name_leads_out_of_the_repository() {
    let kustomization = "patches:\n  - path: ../../../../etc/passwd\n  - path: /etc/passwd\n  - path: ../prod/version.yml\n  - path: good.yml\n";
    let repo = Bare::of(&[
        ("apps/web/overlays/dev/kustomization.yaml", kustomization),
        ("apps/web/overlays/dev/good.yml", DEPLOYMENT),
        ("apps/web/overlays/prod/version.yml", DEPLOYMENT),
        ("apps/%2e%2e/overlays/dev/kustomization.yaml", IMAGES),
    ]);
    let (tree, rules) = (repo.tree(), Rules::default());
    let app = find_app(&tree, &rules, "apps/web").expect("an app");
    assert_eq!(
        carried(&app, "dev"),
        ["good.yml apps/web/overlays/dev/good.yml spec.template.spec.containers[name=web].image"]
    );
    for name in ["../../prod", "/etc", "apps/web/../web", "apps\\web", "apps/web\0"] {
        assert!(matches!(find_app(&tree, &rules, name), Err(LayoutError::NoApp { .. })), "{name}");
    }
    assert_eq!(find_app(&tree, &rules, "apps/%2e%2e").expect("a folder like any other").name, "%2e%2e");
}

#[test]
fn a2_links_and_submodules_are_told_and_no_app_is_made_of_them() {
    let repo = Bare::new();
    repo.commit_modes(
        &[
            ("apps/web/overlays/dev/kustomization.yaml", IMAGES.as_bytes(), FileMode::Blob),
            ("apps/web/overlays/staging", b"/etc", FileMode::Link),
            (
                "apps/api/overlays/dev/kustomization.yaml",
                b"../../../web/overlays/dev/kustomization.yaml",
                FileMode::Link,
            ),
            ("apps/sub/overlays/prod", b"", FileMode::Commit),
            (".quarterdeck.toml", b"/etc/passwd", FileMode::Link),
            ("docs/readme", b"../README", FileMode::Link),
        ],
        &[],
    );
    let found = repo.found();
    assert_eq!(shown(&found), ["web apps/web: dev"]);
    assert!(told(&found, "apps/web/overlays/staging").contains("a symbolic link"));
    assert!(told(&found, "apps/api/overlays/dev/kustomization.yaml").contains("a symbolic link"));
    assert!(told(&found, "apps/sub/overlays/prod").contains("a submodule"));
    assert_eq!(found.not_understood.len(), 3, "{:?}", found.not_understood);
    let (rules, why) = Rules::default().read(&repo.tree());
    assert_eq!(rules, Rules::default());
    assert!(why.expect("told").why.contains("a symbolic link"));
}

#[test]
fn a19_a_file_of_rules_that_is_huge_or_no_text_is_not_taken() {
    for bytes in [&b"[[apps]]\nid = \"\xff\""[..], &vec![b'#'; 300_000][..]] {
        let repo = Bare::new();
        repo.commit_modes(&[(".quarterdeck.toml", bytes, FileMode::Blob)], &[]);
        let (rules, why) = Rules::default().read(&repo.tree());
        assert_eq!(rules, Rules::default());
        assert_eq!(why.expect("told").path, ".quarterdeck.toml");
    }
}

#[test]
fn a27_names_with_line_breaks_make_no_app_and_are_told_on_one_line() {
    let repo = Bare::of(&[
        ("apps/we\nb/overlays/dev/kustomization.yaml", IMAGES),
        ("apps/a\u{1b}[31m/overlays/dev/kustomization.yaml", IMAGES),
    ]);
    let found = repo.found();
    assert!(found.apps.is_empty(), "{:?}", found.apps);
    assert_eq!(found.not_understood.len(), 2);
    assert!(found.not_understood.iter().all(|it| !it.path.contains(char::is_control)));
}

#[test]
fn what_is_found_is_a_function_of_the_tree_and_the_rules() {
    let repo = Bare::of(&files(&["apps/web/overlays/dev/kustomization.yaml"], IMAGES));
    let first = repo.tree().root();
    repo.commit(&[]);
    assert_eq!(repo.tree().root(), first, "an answer may be kept by it");
    assert_eq!(discover(&repo.tree(), &Rules::default()).expect("finds"), repo.found());
}
