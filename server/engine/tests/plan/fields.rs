//! What travels by rules: single values and whole files, between regions, with types and quotes.

use engine::git::{
    edit::Field,
    layout::{App, Carrier, Found, Layout, Place, What},
    plan::{AppAsk, PlanError, Planned, Promotion, Walk, promote},
    rules::{Travel, TravelRule},
};
use model::plan::{PlanRow, RowOutcome};

use super::{
    DEV, DEV_FILE, PROD, PROD_FILE,
    repo::{Repo, moves},
};

const DEV_SETTINGS: &str = "apps/web/overlays/dev/settings.yaml";
const PROD_SETTINGS: &str = "apps/web/overlays/prod/settings.yaml";

fn field(path: &str) -> Field {
    Field::new(path.parse().expect("a path"))
}

/// The shop, with a field of the settings that travels.
fn with_settings(path: &str, dev: &str, prod: &str) -> Repo {
    let mut repo = Repo::of_shop();
    let what = Travel::Field { file: "settings.yaml".to_owned(), field: field(path) };
    repo.rules.travels.push(TravelRule { apps: "apps/*".to_owned(), what });
    repo.commit(&[(DEV_SETTINGS, dev), (PROD_SETTINGS, prod)]);
    repo
}

fn planned(repo: &Repo) -> (Planned, PlanRow) {
    let planned = repo.promote("dev", "prod").expect("plans");
    repo.check_with_git(&planned);
    let row = planned.plan.rows[0].clone();
    (planned, row)
}

fn settings_after(planned: &Planned) -> &str {
    let after = planned.writes[PROD_SETTINGS].after.as_deref().expect("stays");
    std::str::from_utf8(after).expect("is text")
}

#[test]
fn r4_a_field_travels_where_a_rule_says_so_and_its_neighbours_do_not() {
    let repo = with_settings(
        "cache.size",
        "cache: {size: 20, host: dev}\n",
        "cache:\n  size: 10 # Mb\n  host: prod\n",
    );
    let (planned, row) = planned(&repo);
    assert_eq!(settings_after(&planned), "cache:\n  size: 20 # Mb\n  host: prod\n");
    assert!(moves(&row).contains(&("cache.size", Some("10"), Some("20"))));
    assert!(
        row.stays.iter().any(|it| it.file == "settings.yaml" && it.field.as_deref() == Some("cache.host"))
    );
    assert_eq!(planned.moved[0].fields, ["cache.size"]);
}

#[test]
fn a_rule_for_other_apps_moves_nothing() {
    let mut repo = with_settings("cache.size", "cache: {size: 20}\n", "cache: {size: 10}\n");
    repo.rules.travels[0].apps = "other/*".to_owned();
    let (planned, _) = planned(&repo);
    assert!(!planned.writes.contains_key(PROD_SETTINGS));
}

#[test]
fn a_text_stays_a_text_and_keeps_its_quotes() {
    let repo = with_settings("tag", "tag: 1.20\n", "tag: '1.10' # as text\n");
    assert_eq!(settings_after(&planned(&repo).0), "tag: '1.20' # as text\n");
    let repo = with_settings("tag", "tag: '1.20'\n", "tag: 1.10\n");
    let (planned, _) = planned(&repo);
    assert_eq!(settings_after(&planned), "tag: \"1.20\"\n", "a text does not become a number");
}

#[test]
fn what_the_source_does_not_set_stays_and_is_told() {
    let repo = with_settings("flag", "other: 1\n", "flag: on\nother: 1\n");
    let (planned, row) = planned(&repo);
    assert!(!planned.writes.contains_key(PROD_SETTINGS));
    let stay = row.stays.iter().find(|it| it.field.as_deref() == Some("flag")).expect("is told");
    assert!(stay.why.contains("dev does not set it"), "{}", stay.why);
}

#[test]
fn what_the_target_lacks_is_added_in_its_mapping() {
    let repo = with_settings("image.tag", "image: {tag: v2}\n", "image:\n  name: web\n");
    assert_eq!(settings_after(&planned(&repo).0), "image:\n  name: web\n  tag: v2\n");
}

#[test]
fn what_is_not_provable_is_refused_with_its_line() {
    for (dev, prod, word) in [
        ("tag: v2\n", "base: &a v1\ntag: *a\n", "its value is an alias"),
        ("tag: v2\n", "base: &a {tag: v1}\n<<: *a\n", "it comes from a merge"),
        ("tag: [v2]\n", "tag: v1\n", "a list of 1"),
        ("tag: v2\n", "tag: {v: 1}\n", "not a single value"),
        ("tag: v2\n", "tag: |\n  v1\n", "block text"),
    ] {
        let repo = with_settings("tag", dev, prod);
        let error = repo.promote("dev", "prod").expect_err("is refused").to_string();
        assert!(error.starts_with(PROD_SETTINGS) && error.contains(word), "{prod:?}: {error}");
        let apps = vec![AppAsk::named("web"), AppAsk::named("apps/web")];
        let plan = repo.promote_all("dev", "prod", apps).expect("plans").plan;
        assert!(matches!(plan.rows[0].outcome, RowOutcome::Skipped { .. }) && plan.is_empty());
    }
}

#[test]
fn whole_files_travel_one_by_one_and_may_be_new() {
    let mut repo = Repo::of_shop();
    for file in ["flags.json", "logo.png"] {
        let what = Travel::File { file: file.to_owned() };
        repo.rules.travels.push(TravelRule { apps: String::new(), what });
    }
    let logo: &[u8] = b"\x89PNG\r\n\x00\xff\xfe not text";
    let mode = git2::FileMode::Blob;
    repo.commit_all(
        "erin",
        "Files",
        &[
            ("apps/web/overlays/dev/flags.json", Some((b"{\"a\": 1}", mode))),
            ("apps/web/overlays/prod/flags.json", Some((b"{\"a\": 0}\r\n", mode))),
            ("apps/web/overlays/dev/logo.png", Some((logo, mode))),
        ],
    );
    let (planned, row) = planned(&repo);
    assert_eq!(planned.writes["apps/web/overlays/prod/logo.png"].after.as_deref(), Some(logo));
    assert_eq!(
        planned.writes["apps/web/overlays/prod/flags.json"].after.as_deref(),
        Some(&b"{\"a\": 1}"[..])
    );
    let files: Vec<_> =
        row.moves.iter().filter(|it| it.field == "(file)").map(|it| it.before.is_some()).collect();
    assert_eq!(files, [true, false]);
    assert!(!row.stays.iter().any(|it| it.file == "flags.json"), "{:?}", row.stays);
}

fn region(environment: &str, region: Option<&str>) -> Place {
    let folder = region.map_or_else(|| environment.to_owned(), |region| format!("{environment}-{region}"));
    let file = format!("envs/{folder}/kustomization.yaml");
    let carrier = Carrier { role: "kustomization.yaml".to_owned(), file, what: What::Images };
    let folder = Some(format!("envs/{folder}"));
    Place { region: region.map(str::to_owned), folder, files: Vec::new(), carriers: vec![carrier] }
}

fn of_regions(repo: &Repo, from: &[Option<&str>], to: &[Option<&str>]) -> Result<Planned, PlanError> {
    let places = |environment: &str, regions: &[Option<&str>]| {
        (environment.to_owned(), regions.iter().map(|it| region(environment, *it)).collect())
    };
    let app = App {
        name: "web".to_owned(),
        base_path: "envs".to_owned(),
        layout: Layout::Kustomize,
        doubts: std::collections::BTreeMap::new(),
        places: [places("staging", from), places("prod", to)].into(),
    };
    let (tree, history) = (repo.head(), Walk::new(&repo.repository, 100));
    let (rules, apps) = (&repo.rules, vec![AppAsk::named("web")]);
    let found = Found { apps: vec![app], ..Found::default() };
    promote(&Promotion {
        tree: &tree,
        rules,
        found: &found,
        history: &history,
        from: "staging",
        to: "prod",
        apps,
        ours: None,
    })
}

fn repo_of_regions(tags: &[(&str, &str)]) -> Repo {
    let file = |(folder, tag): &(&str, &str)| {
        (format!("envs/{folder}/kustomization.yaml"), format!("images:\n- name: web\n  newTag: {tag}\n"))
    };
    let files: Vec<_> = tags.iter().map(file).collect();
    Repo::new(&files.iter().map(|it| (it.0.as_str(), it.1.as_str())).collect::<Vec<_>>())
}

#[test]
fn all_regions_of_the_target_change_each_after_its_own() {
    let repo =
        repo_of_regions(&[("staging-eu", "v2"), ("staging-us", "v3"), ("prod-eu", "v1"), ("prod-us", "v1")]);
    let both = [Some("eu"), Some("us")];
    let planned = of_regions(&repo, &both, &both).expect("plans");
    let row = &planned.plan.rows[0];
    let after: Vec<_> = row.moves.iter().map(|it| (it.file.as_str(), it.after.as_deref())).collect();
    assert_eq!(
        after,
        [
            ("envs/prod-eu/kustomization.yaml", Some("\"v2\"")),
            ("envs/prod-us/kustomization.yaml", Some("\"v3\""))
        ]
    );
    repo.check_with_git(&planned);
}

#[test]
fn one_source_feeds_all_regions_and_several_must_agree() {
    let repo = repo_of_regions(&[("staging", "v2"), ("prod-eu", "v1"), ("prod-us", "v1")]);
    let planned = of_regions(&repo, &[None], &[Some("eu"), Some("us")]).expect("plans");
    assert_eq!(planned.writes.len(), 2);

    let sources = [("staging-eu", "v2"), ("staging-us", "v2"), ("prod", "v1")];
    let (both, one) = ([Some("eu"), Some("us")], [None]);
    assert_eq!(of_regions(&repo_of_regions(&sources), &both, &one).expect("plans").writes.len(), 1);
    let torn = [("staging-eu", "v2"), ("staging-us", "v3"), ("prod", "v1")];
    let error = of_regions(&repo_of_regions(&torn), &both, &one).expect_err("is refused").to_string();
    assert!(error.contains("different values in the regions of staging (eu, us)"), "{error}");
}

#[test]
fn differences_that_rules_expect_are_marked() {
    let mut repo = Repo::of_shop();
    repo.commit(&[(DEV_FILE, &format!("{DEV}buildMetadata: [originAnnotations]\n")), (PROD_FILE, PROD)]);
    let is_expected = |repo: &Repo| {
        let row = repo.promote("dev", "prod").expect("plans").plan.rows.remove(0);
        let stay = row.stays.into_iter().find(|it| it.field.as_deref() == Some("buildMetadata[0]"));
        stay.expect("is told").expected
    };
    assert!(!is_expected(&repo));
    repo.rules.expected.push(engine::git::rules::ExpectedRule {
        apps: String::new(),
        file: "kustomization.yaml".to_owned(),
        field: "buildMetadata*".to_owned(),
    });
    assert!(is_expected(&repo));
}
