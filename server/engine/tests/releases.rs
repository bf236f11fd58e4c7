//! Releases on real histories: who asked for what when, once, and again as commits come.

use engine::git::releases::{Limits, Releases};
use git2::{FileMode, Oid};

use crate::bare::Bare;

fn kustomization(version: &str) -> String {
    format!("images:\n  - name: shop/web\n    newTag: \"{version}\"\n")
}

fn file(app: &str, environment: &str) -> String {
    format!("apps/{app}/overlays/{environment}/kustomization.yaml")
}

fn commit(repo: &Bare, app: &str, environment: &str, version: &str) -> Oid {
    repo.commit(&[(&file(app, environment), &kustomization(version))])
}

fn read(repo: &Bare) -> Releases {
    Releases::read(&repo.git, head(repo), &repo.found(), Limits::default()).expect("reads")
}

fn head(repo: &Bare) -> Oid {
    repo.tree().commit()
}

fn versions(releases: &Releases, app: &str, environment: &str) -> Vec<String> {
    let entries = releases.of(&format!("apps/{app}"), environment).iter();
    entries.map(|it| it.version.as_deref().unwrap_or("gone").to_owned()).collect()
}

#[test]
fn each_version_is_told_once_with_who_asked_for_it() {
    let repo = Bare::new();
    let first = commit(&repo, "web", "dev", "1");
    commit(&repo, "api", "dev", "9");
    let second = commit(&repo, "web", "dev", "2");
    commit(&repo, "web", "prod", "1");
    repo.commit(&[(&file("web", "dev"), &format!("# a comment\n{}", kustomization("2"))), ("README", "x")]);
    commit(&repo, "web", "dev", "1");
    let releases = read(&repo);
    assert_eq!(versions(&releases, "web", "dev"), ["1", "2", "1"]);
    assert_eq!(versions(&releases, "web", "prod"), ["1"]);
    assert_eq!(versions(&releases, "api", "dev"), ["9"]);
    assert_eq!(versions(&releases, "none", "dev"), Vec::<String>::new());
    let entries = releases.of("apps/web", "dev");
    assert_eq!((entries[0].commit, entries[1].commit), (first, second));
    assert_eq!((&*entries[1].subject, &*entries[1].author), ("Change 2", "erin"));
    assert_eq!(entries[1].images[0].name, "shop/web");
    assert!(releases.is_whole());
}

#[test]
fn a_later_head_takes_what_came_since_and_gives_the_same_as_reading_anew() {
    let repo = Bare::new();
    commit(&repo, "web", "dev", "1");
    commit(&repo, "web", "prod", "1");
    let mut releases = read(&repo);
    commit(&repo, "web", "dev", "2");
    repo.commit_modes(&[], &[&file("web", "prod")]);
    commit(&repo, "new", "dev", "7");
    commit(&repo, "web", "prod", "2");
    releases.extend(&repo.git, head(&repo), &repo.found()).expect("extends");
    let anew = read(&repo);
    for (app, environment) in [("web", "dev"), ("web", "prod"), ("new", "dev")] {
        let (own, fresh) =
            (releases.of(&format!("apps/{app}"), environment), anew.of(&format!("apps/{app}"), environment));
        assert_eq!(own, fresh, "{app} {environment}");
    }
    assert_eq!(versions(&releases, "web", "prod"), ["1", "gone", "2"]);
    assert_eq!(releases.head(), head(&repo));
    releases.extend(&repo.git, head(&repo), &repo.found()).expect("nothing new");
    assert_eq!(releases.len(), anew.len());
}

#[test]
fn a27_a_rewritten_history_is_read_anew() {
    let repo = Bare::new();
    let first = commit(&repo, "web", "dev", "1");
    commit(&repo, "web", "dev", "2");
    let mut releases = read(&repo);
    repo.git.reference("refs/heads/master", first, true, "rewritten").expect("moves");
    repo.git.reference("refs/heads/main", first, true, "rewritten").expect("moves");
    commit(&repo, "web", "dev", "3");
    releases.extend(&repo.git, head(&repo), &repo.found()).expect("reads anew");
    assert_eq!(versions(&releases, "web", "dev"), ["1", "3"]);
}

#[test]
fn of_a_long_history_the_newest_part_is_read_and_that_is_told() {
    let repo = Bare::new();
    for version in 0..30 {
        commit(&repo, "web", "dev", &version.to_string());
    }
    let limits = Limits { commits: 10, entries: 5 };
    let releases = Releases::read(&repo.git, head(&repo), &repo.found(), limits).expect("reads");
    assert!(!releases.is_whole());
    let versions = versions(&releases, "web", "dev");
    assert!(versions.len() <= 5 && versions.last().is_some_and(|it| it == "29"), "{versions:?}");
}

#[test]
fn what_cannot_be_read_at_a_commit_leaves_what_was_asked_for() {
    let repo = Bare::new();
    commit(&repo, "web", "dev", "1");
    repo.commit(&[(&file("web", "dev"), "images: [\n")]);
    repo.commit_modes(&[(&file("web", "dev"), b"/etc/passwd", FileMode::Link)], &[]);
    commit(&repo, "web", "dev", "2");
    assert_eq!(versions(&read(&repo), "web", "dev"), ["1", "gone", "2"], "a link is no file of ours");
}

#[test]
fn images_of_patches_and_regions_are_told_as_well() {
    let patch = |tag: &str| {
        format!(
            "kind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n        - {{name: web, image: 'r:5000/web:{tag}'}}\n"
        )
    };
    let repo = Bare::of(&[
        ("envs/prod-eu/kustomization.yaml", "patches: [{path: version.yml}]\n"),
        ("envs/prod-eu/version.yml", &patch("1")),
        ("envs/prod-us/kustomization.yaml", "patches: [{path: version.yml}]\n"),
        ("envs/prod-us/version.yml", &patch("1")),
    ]);
    repo.commit(&[("envs/prod-us/version.yml", &patch("2"))]);
    let releases = read(&repo);
    let regions: Vec<_> = releases
        .regions("", "prod")
        .map(|(region, entries)| {
            (
                region.unwrap_or_default(),
                entries.len(),
                entries.last().and_then(|it| it.version.as_deref()).unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(regions, [("eu", 1, "1"), ("us", 2, "2")]);
}
