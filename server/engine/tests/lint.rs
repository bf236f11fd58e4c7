//! Lint on real repositories: each check with its place, and nothing where nothing is wrong.

use engine::git::{
    lint::{ApplicationSource, MOST_FINDINGS, lint},
    rules::Rules,
};
use git2::FileMode;
use model::repository::{Finding, Severity};

use crate::bare::Bare;

const BASE: &str = "resources: [deployment.yaml]\n";
const WORKLOAD: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n        - name: web\n          image: shop/web\n";

fn overlay(environment: &str) -> String {
    format!(
        "namespace: shop-{environment}\nresources: [../../base]\nimages:\n  - name: shop/web\n    newTag: \"1.5.0\"\n"
    )
}

/// A sound app in three environments, with changes.
fn repo(changes: &[(&str, &str)]) -> Bare {
    let repo =
        Bare::of(&[("apps/web/base/kustomization.yaml", BASE), ("apps/web/base/deployment.yaml", WORKLOAD)]);
    for environment in ["dev", "staging", "prod"] {
        repo.commit(&[(
            &format!("apps/web/overlays/{environment}/kustomization.yaml"),
            &overlay(environment),
        )]);
    }
    repo.commit(changes);
    repo
}

fn findings(repo: &Bare) -> Vec<Finding> {
    findings_with(repo, &[])
}

fn findings_with(repo: &Bare, applications: &[ApplicationSource]) -> Vec<Finding> {
    let (rules, _) = Rules::default().read(&repo.tree());
    lint(&repo.tree(), &repo.found_by(&rules), &Rules::default(), applications)
}

/// The findings of a check as `path:line`.
fn places(findings: &[Finding], check: &str) -> Vec<String> {
    let of_check = findings.iter().filter(|it| it.check == check);
    of_check.map(|it| format!("{}:{}", it.path, it.line.unwrap_or_default())).collect()
}

#[track_caller]
fn has(changes: &[(&str, &str)], check: &str, place: &str, severity: Severity) -> Finding {
    let findings = findings(&repo(changes));
    assert_eq!(places(&findings, check), [place], "{findings:#?}");
    let found = findings.into_iter().find(|it| it.check == check).expect("a finding");
    assert_eq!(found.severity, severity);
    assert!(found.what.ends_with('.') && found.mend.ends_with('.'), "sentences: {found:?}");
    found
}

const PROD: &str = "apps/web/overlays/prod/kustomization.yaml";

#[test]
fn a_sound_repository_has_no_findings() {
    assert_eq!(findings(&repo(&[])), []);
}

#[test]
fn breakage_01_an_overlay_that_renders_into_another_environments_namespace_is_an_error() {
    let found = has(
        &[(PROD, &overlay("dev"))],
        "foreign-namespace",
        "apps/web/overlays/prod/kustomization.yaml:1",
        Severity::Error,
    );
    assert_eq!(found.what, "This is prod's overlay, and it renders into shop-dev, the namespace of dev.");
}

#[test]
fn tags_that_float_lack_or_need_quotes_are_told() {
    let tag = |tag: &str| overlay("prod").replace("\"1.5.0\"", tag);
    has(&[(PROD, &tag("latest"))], "floating-tag", &format!("{PROD}:5"), Severity::Warning);
    has(&[(PROD, &tag("1.20"))], "unquoted-tag", &format!("{PROD}:5"), Severity::Error);
    has(
        &[(PROD, &overlay("prod").replace("    newTag: \"1.5.0\"\n", ""))],
        "no-tag",
        &format!("{PROD}:4"),
        Severity::Warning,
    );
    let without = "resources: [../../base]\n";
    has(&[(PROD, without)], "no-tag", "apps/web/base/deployment.yaml:10", Severity::Warning);
    let plain = [(
        "apps/job/dev/job.yaml",
        "apiVersion: batch/v1\nkind: Job\nspec: {template: {spec: {containers: [{image: 'r:5000/job:edge'}]}}}\n",
    )];
    has(&plain, "floating-tag", "apps/job/dev/job.yaml:3", Severity::Warning);
    let digest = overlay("prod").replace("newTag: \"1.5.0\"", "newTag: latest\n    digest: sha256:ab");
    assert_eq!(findings(&repo(&[(PROD, &digest)])), [], "a digest does not float");
}

#[test]
fn images_that_are_listed_twice_or_match_nothing_are_told() {
    let twice = format!("{}  - name: shop/web\n    newTag: \"1.6.0\"\n", overlay("prod"));
    has(&[(PROD, &twice)], "image-twice", &format!("{PROD}:6"), Severity::Warning);
    let typo = format!("{}  - name: shop/wbe\n    newTag: \"1.6.0\"\n", overlay("prod"));
    let found = has(&[(PROD, &typo)], "unused-image", &format!("{PROD}:6"), Severity::Warning);
    assert!(found.what.contains("what is rendered has shop/web"), "{found:?}");
    let remote = typo.replace("[../../base]", "[../../base, 'https://example.com/x.yaml']");
    let findings = findings(&repo(&[(PROD, &remote)]));
    assert_eq!(places(&findings, "unused-image"), Vec::<String>::new(), "not known what is there");
    assert_eq!(places(&findings, "remote-base"), [format!("{PROD}:2")]);
}

#[test]
fn a1_bases_that_are_missing_or_leave_the_repository_are_errors() {
    let base = |path: &str| overlay("prod").replace("../../base", path);
    has(&[(PROD, &base("../../bsae"))], "missing-base", &format!("{PROD}:2"), Severity::Error);
    has(&[(PROD, &base("../../../../../etc"))], "leaves-repository", &format!("{PROD}:2"), Severity::Error);
    has(&[(PROD, &base("/etc/passwd"))], "leaves-repository", &format!("{PROD}:2"), Severity::Error);
}

#[test]
fn a4_remote_bases_are_told() {
    for address in [
        "https://169.254.169.254/x",
        "git@github.com:a/b.git",
        "github.com/a/b//base?ref=v1",
        "git::https://x/y",
    ] {
        let text = format!("{}components: ['{address}']\n", overlay("prod"));
        has(&[(PROD, &text)], "remote-base", &format!("{PROD}:6"), Severity::Warning);
    }
}

#[test]
fn a2_links_and_submodules_are_told() {
    let repo = repo(&[]);
    repo.commit_modes(
        &[("apps/web/overlays/qa", b"/etc", FileMode::Link), ("docs/sub", b"", FileMode::Commit)],
        &[],
    );
    let findings = findings(&repo);
    assert_eq!(places(&findings, "link"), ["apps/web/overlays/qa:0", "docs/sub:0"]);
    assert_eq!(findings[0].severity, Severity::Error, "in an app: {findings:?}");
}

#[test]
fn a19_what_cannot_be_read_is_told_and_the_rest_is_looked_at() {
    for text in
        ["a: [\n", "a: 1\na: 2\n", "images:\n  - name: x\n    digest: |1\n\u{85}\n", "\u{feff}? [a]\n: b\n"]
    {
        let findings =
            findings(&repo(&[(PROD, text), ("apps/web/overlays/dev/kustomization.yaml", &overlay("prod"))]));
        assert_eq!(places(&findings, "foreign-namespace").len(), 1, "{findings:?}");
    }
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ('b'..='k').zip('a'..) {
        bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 9].join(", ")));
    }
    let findings = findings(&repo(&[(PROD, &bomb)]));
    assert_eq!(places(&findings, "unreadable").len(), 1, "{findings:?}");
}

fn application(name: &str, path: &str, revision: &str, namespace: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: {name}\nspec:\n  source:\n    repoURL: https://git.example.com/fleet.git\n    path: {path}\n    targetRevision: {revision}\n  destination:\n    name: prod\n    namespace: {namespace}\n"
    )
}

#[test]
fn applications_in_the_repository_are_compared_with_it() {
    let all = [
        application("web-prod", "apps/web/overlays/prod", "HEAD", "shop-prod"),
        application("web-again", "apps/web/overlays/prod", "HEAD", "shop-prod"),
        application("api-prod", "apps/api/overlays/prod", "HEAD", "api-prod"),
        application("old-prod", "apps/web/overlays/dev", "no-such-branch", "x"),
        application("bad-prod", "apps/web/overlays/staging", "HEAD", "shop-dev"),
        application("other", "somewhere/else", "HEAD", "y").replace("fleet.git", "other.git"),
    ];
    let findings = findings(&repo(&[("clusters/prod/applications.yaml", &all.join("---\n"))]));
    let file = "clusters/prod/applications.yaml";
    assert_eq!(places(&findings, "same-target"), [format!("{file}:20")]);
    assert_eq!(places(&findings, "missing-path"), [format!("{file}:33")]);
    assert_eq!(places(&findings, "missing-revision"), [format!("{file}:46")]);
    assert_eq!(places(&findings, "foreign-namespace"), [format!("{file}:64")]);
    assert_eq!(findings.len(), 4, "{findings:#?}");
}

#[test]
fn applications_of_the_fleet_are_compared_with_it() {
    let of = |name: &str, path: &str, revision: &str| ApplicationSource {
        name: name.into(),
        path: path.into(),
        target_revision: revision.into(),
        environment: Some("prod".into()),
        cluster: "prod".into(),
        namespace: "shop-prod".into(),
        value_files: Vec::new(),
    };
    let applications = [
        of("good", "apps/web/overlays/prod", "HEAD"),
        of("twice", "apps/web/overlays/prod", ""),
        of("lost", "apps/lost", "HEAD"),
        of("gone", "apps/web/overlays/dev", "gone"),
        ApplicationSource { namespace: "shop-dev".into(), ..of("bad", "apps/web/overlays/staging", "HEAD") },
        of("range", "apps/web/overlays/staging", ">=1.0"),
    ];
    let findings = findings_with(&repo(&[]), &applications);
    for (check, path) in [
        ("same-target", "apps/web/overlays/prod:0"),
        ("missing-path", "apps/lost:0"),
        ("missing-revision", "apps/web/overlays/dev:0"),
        ("foreign-namespace", "apps/web/overlays/staging:0"),
    ] {
        assert_eq!(places(&findings, check), [path], "{findings:#?}");
    }
    assert_eq!(findings.len(), 4, "{findings:#?}");
}

#[test]
fn a14_a_secret_in_plain_text_is_told_without_its_values() {
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\nstringData:\n  password: canary-hunter2\n";
    let found = has(
        &[("apps/web/base/secret.yaml", secret)],
        "plain-secret",
        "apps/web/base/secret.yaml:6",
        Severity::Warning,
    );
    assert!(!format!("{found:?}").contains("hunter2"));
    let sealed = secret.replace("kind: Secret", "kind: SealedSecret");
    let encrypted = format!("{secret}sops: {{version: 3}}\n");
    let empty = "apiVersion: v1\nkind: Secret\ndata: {}\n";
    let sound = repo(&[("a/sealed.yaml", &sealed), ("a/sops.yaml", &encrypted), ("a/empty.yaml", empty)]);
    assert_eq!(findings(&sound), []);
}

#[test]
fn values_that_no_application_takes_are_told() {
    let application = application("api-dev", "charts/api", "HEAD", "api-dev")
        .replace("    targetRevision", "    helm: {valueFiles: [values-dev.yaml]}\n    targetRevision");
    let changes = [
        ("charts/api/Chart.yaml", "name: api\n"),
        ("charts/api/values-dev.yaml", "a: 1\n"),
        ("charts/api/values-prod.yaml", "a: 1\n"),
        ("clusters/dev/api.yaml", &application),
    ];
    has(&changes, "unused-values", "charts/api/values-prod.yaml:0", Severity::Warning);
}

#[test]
fn layouts_that_differ_lack_or_are_not_understood_are_told() {
    let mut changes = vec![("odd/kustomization.yaml".to_owned(), BASE.replace("deployment.yaml", "x.yaml"))];
    changes.push(("odd/x.yaml".to_owned(), "kind: X\n".to_owned()));
    for app in ["a", "b", "c"] {
        for environment in ["dev", "staging", "prod"] {
            if (app, environment) != ("b", "prod") {
                let name = if (app, environment) == ("c", "prod") {
                    "kustomization.yml"
                } else {
                    "kustomization.yaml"
                };
                changes.push((
                    format!("apps/{app}/overlays/{environment}/{name}"),
                    format!("namespace: {app}\n"),
                ));
            }
        }
    }
    let changes: Vec<_> = changes.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let findings = findings(&repo(&changes));
    assert_eq!(places(&findings, "missing-environment"), ["apps/b:0"], "{findings:#?}");
    assert_eq!(places(&findings, "kustomization-names"), ["apps/c/overlays/prod/kustomization.yml:0"]);
    assert_eq!(places(&findings, "not-understood"), ["odd:0"]);
    let two = [("apps/web/overlays/prod/kustomization.yml", "namespace: shop-prod\n")];
    has(&two, "several-kustomizations", "apps/web/overlays/prod/kustomization.yml:0", Severity::Error);
}

#[test]
fn a25_rules_that_are_wrong_are_told_with_their_line() {
    let found = has(
        &[(".quarterdeck.toml", "\npolicy = \"allow\"\n")],
        "rules",
        ".quarterdeck.toml:2",
        Severity::Error,
    );
    assert!(found.what.contains("who may do what is never a repository's to say"), "{found:?}");
    let good = repo(&[(".quarterdeck.toml", "[[apps]]\nid = \"shop\"\npath = \"apps/web\"\n")]);
    assert_eq!(findings(&good), [], "its own rules do not clash with themselves");
}

#[test]
fn a19_findings_are_bounded_and_the_worst_come_first() {
    let secret = "apiVersion: v1\nkind: Secret\ndata: {a: b}\n";
    let changes: Vec<_> = (0..MOST_FINDINGS + 100).map(|it| format!("s/{it}.yaml")).collect();
    let mut changes: Vec<_> = changes.iter().map(|path| (path.as_str(), secret)).collect();
    let bad = overlay("dev");
    changes.push((PROD, &bad));
    let findings = findings(&repo(&changes));
    assert_eq!(findings.len(), MOST_FINDINGS);
    assert_eq!(findings[0].check, "foreign-namespace");
    assert!(findings.last().expect("some").what.contains("more findings are not told"));
}

#[test]
fn a27_names_and_values_with_control_characters_are_told_on_one_line() {
    let text = "namespace: \"shop-dev\\u001b[31m\\nx\"\n";
    let findings =
        findings(&repo(&[(PROD, text), ("s/a\nb.yaml", "apiVersion: v1\nkind: Secret\ndata: {a: b}\n")]));
    assert!(!findings.is_empty());
    for it in &findings {
        assert!(![&it.path, &it.what, &it.mend].iter().any(|text| text.contains(char::is_control)), "{it:?}");
    }
}
