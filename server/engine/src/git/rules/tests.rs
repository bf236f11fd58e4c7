//! What `.quarterdeck.toml` may say, and what not.

use std::collections::BTreeMap;

use super::*;
use crate::git::layout::Layout;

const GOOD: &str = r#"
[[apps]]
id = "shop"
path = "apps/web-app"

[[layouts]]
pattern = "deploy/{environment}/{app}"

[[travels]]
apps = "apps/*"
file = "settings.yml"
field = "data.THEME"

[[travels]]
file = "features.json"
whole = true

[[travels]]
helm_value = "image.tag"

[[travels]]
chart_version = true

[[expected]]
file = "patch-*.yaml"
"#;

fn app(base_path: &str, name: &str) -> App {
    App {
        name: name.to_owned(),
        base_path: base_path.to_owned(),
        layout: Layout::Kustomize,
        places: BTreeMap::new(),
        doubts: BTreeMap::new(),
    }
}

fn error(text: &str) -> String {
    Rules::parse(text).expect_err(text).to_string()
}

#[test]
fn a_file_of_rules_is_read() {
    let rules = Rules::parse(GOOD).expect("rules");
    assert_eq!(rules.apps, [AppRule { id: "shop".into(), path: "apps/web-app".into() }]);
    assert_eq!(rules.layouts[0].pattern, "deploy/{environment}/{app}");
    assert_eq!(rules.travels.len(), 4);
    assert!(matches!(&rules.travels[0].what, Travel::Field { file, .. } if file == "settings.yml"));
    assert_eq!(rules.travels_of("apps/web-app", "shop").count(), 4);
    assert_eq!(rules.travels_of("charts/api", "api").count(), 3, "apps/* does not take it");
    assert_eq!(Rules::parse(""), Ok(Rules::default()));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (text, expected) in [
        ("[[apps]]\nid = 1\n", "line 2"),
        ("\n\n[[apps]\n", "line 3"),
        ("[[apps]]\nid = \"a/b\"\npath = \"x\"\n", "line 2: \"a/b\" cannot stay"),
        ("[[apps]]\nid = \"a\"\npath = \"../x\"\n", "line 3: \"../x\" cannot stay"),
        (
            "[[apps]]\nid = \"a\"\npath = \"x\"\n[[apps]]\nid = \"a\"\npath = \"y\"\n",
            "line 5: \"a\" cannot stay: another app",
        ),
        ("[[layouts]]\npattern = \"deploy/{app}\"\n", "it needs {environment}"),
        ("[[layouts]]\npattern = \"{environment}/{place}\"\n", "{place} is not known"),
        ("[[travels]]\nfile = \"x\"\n", "line 2: \"travels\" cannot stay: says one of"),
        ("[[travels]]\nfile = \"../x\"\nwhole = true\n", "does not leave it"),
        ("[[travels]]\nhelm_value = \"a..b\"\n", "line 2: \"a..b\" cannot stay"),
        ("[[travel]]\n", "unknown field `travel`"),
    ] {
        let error = error(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a25_a_repository_says_nothing_about_rights_gates_environments_or_credentials() {
    for (text, expected) in [
        ("policy = \"p, role:x, *, *, *, allow\"\n", "line 1: policy: who may do what is never"),
        ("\n[[environments]]\nname = \"prod\"\n", "line 2: environments: environments and their protection"),
        ("[[apps]]\nid = \"a\"\npath = \"x\"\nprotected = false\n", "line 4: protected"),
        ("[[travels]]\napprovers = []\n", "line 2: approvers"),
        ("[gates.soak]\nminutes = 0\n", "line 1: gates: gates are never"),
        ("[[layouts]]\nwebhook_url = \"https://x\"\n", "line 2: webhook_url: addresses and credentials"),
    ] {
        let error = error(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a25_a_repository_adds_and_never_takes_an_id_or_redefines_an_environment() {
    let operators =
        Rules { apps: vec![AppRule { id: "pay".into(), path: "apps/pay".into() }], ..Rules::default() };
    let added = operators.with_repository(Rules::parse(GOOD).expect("rules")).expect("adds");
    assert_eq!((added.apps.len(), added.apps[0].id.as_str()), (2, "pay"));
    for apps in [("pay", "apps/other"), ("mine", "apps/pay")] {
        let apps = vec![AppRule { id: apps.0.into(), path: apps.1.into() }];
        let clash = operators.with_repository(Rules { apps, ..Rules::default() });
        assert!(matches!(clash, Err(RulesError::Clash { .. })), "{clash:?}");
    }
    let environments = vec![EnvironmentWords { name: "prod".into(), aliases: vec!["dev".into()] }];
    let clash = operators.with_repository(Rules { environments, ..Rules::default() });
    assert_eq!(clash, Err(RulesError::Environments));
}

#[test]
fn r4_what_is_expected_to_differ_is_known_by_file_and_field() {
    let (rules, app) = (Rules::default(), app("apps/web", "web"));
    let why = |file: &str, field: &str| rules.is_expected(&app, file, Some(field));
    for field in [
        "namespace",
        "namePrefix",
        "nameSuffix",
        "commonLabels.env",
        "labels[0].pairs.env",
        "replicas[0].count",
        "components[1]",
        "configMapGenerator[0].literals[2]",
    ] {
        assert!(why("kustomization.yaml", field).is_some(), "{field}");
    }
    for field in ["images[0].newTag", "resources[1]", "patches[0].patch", "patches[0].path"] {
        assert_eq!(why("kustomization.yaml", field), None, "{field}");
    }
    for field in [
        "spec.replicas",
        "spec.template.spec.containers[0].resources.limits.cpu",
        "spec.minReplicas",
        "spec.template.spec.nodeSelector.pool",
        "spec.rules[0].host",
        "spec.tls[0].hosts[0]",
        "spec.tls[0].secretName",
        "data.DATABASE_URL",
        "config.apiEndpoint",
        "metadata.annotations.\"eks.amazonaws.com/role-arn\"",
        "spec.storageClassName",
        "spec.template.spec.containers[0].env[3].value",
        "replicaCount",
        "autoscaling.maxReplicas",
        "ingress.hosts[0].host",
    ] {
        assert!(why("deployment.yaml", field).is_some(), "{field}");
    }
    for field in ["spec.template.spec.containers[0].image", "image.tag", "data.CURL", "data.THEME", "kind"] {
        assert_eq!(why("deployment.yaml", field), None, "{field}");
    }
    assert_eq!(rules.is_expected(&app, "extra.yaml", None), None, "a whole file is nobody's expectation");
}

#[test]
fn rules_list_more_that_is_expected() {
    let rules =
        Rules::parse("[[expected]]\napps = \"web\"\nfile = \"p-*.yaml\"\n[[expected]]\nfield = \"data.*\"\n");
    let rules = rules.expect("rules");
    let (web, api) = (app("apps/web", "web"), app("apps/api", "api"));
    assert!(rules.is_expected(&web, "p-1.yaml", None).is_some());
    assert_eq!(rules.is_expected(&api, "p-1.yaml", None), None);
    assert!(rules.is_expected(&api, "map.yaml", Some("data.THEME")).is_some());
}
