//! How renderings differ, and what of it asks for a second look.

use engine::render::{Finding, FindingRules, Noise, findings};

use super::*;

const SECRET: &str = "\
apiVersion: v1
kind: Secret
metadata:
  name: login
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{\"stringData\": {\"password\": \"s3cr3t-value\"}}'
data:
  password: czNjcjN0LXZhbHVl
stringData:
  again: s3cr3t-value
  other: different
";

async fn plain(files: &[(&str, &str)]) -> Arc<Rendered> {
    Repo::new(files).render(".").await.expect("reads")
}

fn found(before: &Rendered, after: &Rendered) -> Vec<String> {
    let rules = FindingRules { namespace: "shop-prod".to_owned(), ..FindingRules::default() };
    findings(Ok(before), Ok(after), &diff(before, after), &rules).iter().map(Finding::to_string).collect()
}

#[tokio::test]
async fn changes_are_told_by_object_and_field() {
    let before = plain(&[
        ("a.yaml", &deployment("web", "shop/web:1")),
        ("b.yaml", &config_map("gone", &BTreeMap::new())),
        ("c.yaml", &config_map("same", &BTreeMap::new())),
    ])
    .await;
    let after = plain(&[
        ("a.yaml", &deployment("web", "shop/web:2").replace("replicas: 1", "replicas: 3\n  paused: true")),
        ("b.yaml", &config_map("new", &BTreeMap::new())),
        ("c.yaml", &config_map("same", &BTreeMap::new())),
    ])
    .await;
    let diff = diff(&before, &after);
    assert_eq!((diff.added.len(), diff.changed.len(), diff.removed.len(), diff.unchanged), (1, 1, 1, 1));
    let fields: Vec<_> = diff.changed[0]
        .fields
        .iter()
        .map(|it| (it.path.as_str(), it.before.as_deref(), it.after.as_deref()))
        .collect();
    assert_eq!(
        fields,
        [
            ("spec.paused", None, Some("true")),
            ("spec.replicas", Some("1"), Some("3")),
            ("spec.template.spec.containers[name=web].image", Some("shop/web:1"), Some("shop/web:2")),
        ]
    );
    let text = &diff.changed[0].text;
    assert!(text.contains("\n-  replicas: 1\n") && text.contains("\n+  replicas: 3\n"), "{text}");
    assert!(diff.added[0].text.contains("+kind: ConfigMap"), "{}", diff.added[0].text);
}

#[tokio::test]
async fn a14_values_of_secrets_are_marks_that_can_be_compared() {
    let repo = Repo::new(&[
        ("k/kustomization.yaml", "resources: [a.yaml]\n"),
        ("k/a.yaml", SECRET),
        ("p/a.yaml", SECRET),
    ]);
    let nested = format!(
        "apiVersion: x/v1\nkind: Wrapper\nmetadata: {{name: w}}\nspec:\n  manifest:\n{}",
        SECRET.lines().map(|it| format!("    {it}\n")).collect::<String>()
    );
    repo.commit(&[("p/nested.yaml", &nested)], &[]);
    for path in ["k", "p"] {
        let rendered = repo.render(path).await.expect("renders");
        let secret = object(&rendered, "Secret");
        let all = format!("{rendered:?}{secret}");
        for leak in ["s3cr3t", "czNjcjN0", "different", "last-applied"] {
            assert!(!all.contains(leak), "{leak}: {all}");
        }
        let (password, again) = (secret.pointer("/data/password"), secret.pointer("/stringData/again"));
        assert!(password.is_some_and(|it| it.as_str().is_some_and(|it| it.starts_with("hidden:"))));
        assert_eq!(password, again);
        assert_ne!(again, secret.pointer("/stringData/other"));
    }
    let before = repo.render("p").await.expect("renders");
    repo.commit(&[("p/a.yaml", &SECRET.replace("different", "changed-now"))], &[]);
    let after = repo.render("p").await.expect("renders");
    let diff = diff(&before, &after);
    assert_eq!(diff.changed[0].fields[0].path, "stringData.other");
    assert!(!format!("{diff:?}").contains("changed-now"));
}

#[tokio::test]
async fn a14_what_a_tool_says_holds_no_secret() {
    let repo = Repo::new(&[
        (
            "kustomization.yaml",
            "resources: [a.yaml]\nsecretGenerator: [{name: x, literals: ['s3cr3t-literal']}]\n",
        ),
        ("a.yaml", SECRET),
    ]);
    let why = repo.refused(json!({"path": "."})).await;
    assert!(why.contains("fails") && !why.contains("s3cr3t"), "{why}");
}

#[tokio::test]
async fn generated_names_and_tracking_labels_are_noise() {
    let files = |value: &str, tag: &str, chart: &str| {
        let deployment = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, labels: {{helm.sh/chart: {chart}}}}}\nspec:\n  template:\n    spec:\n      \
             containers: [{{name: web, image: 'shop/web:{tag}', envFrom: [{{configMapRef: {{name: settings}}}}]}}]\n"
        );
        let kustomization = format!(
            "resources: [web.yaml]\nconfigMapGenerator: [{{name: settings, literals: [a={value}]}}]\n"
        );
        Repo::new(&[("kustomization.yaml", &kustomization), ("web.yaml", &deployment)])
    };
    let before = files("1", "1", "web-1.0").render(".").await.expect("renders");
    let after = files("2", "1", "web-1.1").render(".").await.expect("renders");
    let told = diff(&before, &after);
    assert!(told.added.is_empty() && told.removed.is_empty(), "{told:?}");
    let map = told.changed.iter().find(|it| it.after.kind == "ConfigMap").expect("the map");
    let fields: Vec<_> = map.fields.iter().map(|it| (it.path.as_str(), it.noise)).collect();
    assert_eq!(fields, [("data.a", None), ("metadata.name", Some(Noise::GeneratedName))]);
    assert!(!map.is_noise);
    let web = told.changed.iter().find(|it| it.after.kind == "Deployment").expect("the deployment");
    assert!(web.is_noise, "{web:?}");
    let noise: Vec<_> = web.fields.iter().map(|it| (it.path.as_str(), it.noise)).collect();
    assert_eq!(
        noise,
        [
            ("metadata.labels.\"helm.sh/chart\"", Some(Noise::Tracking)),
            (
                "spec.template.spec.containers[name=web].envFrom[0].configMapRef.name",
                Some(Noise::GeneratedName)
            ),
        ]
    );
    assert_eq!(found(&before, &after), Vec::<String>::new());
    let after = files("2", "2", "web-1.1").render(".").await.expect("renders");
    assert!(diff(&before, &after).changed.iter().all(|it| !it.is_noise));
}

#[tokio::test]
async fn r7_what_asks_for_a_second_look_is_found() {
    let map = |name: &str| config_map(name, &BTreeMap::new());
    let many = |from: usize, to: usize| {
        (from..to).map(|at| format!("---\n{}\n", map(&format!("m{at}")))).collect::<String>()
    };
    let before = plain(&[("a.yaml", &many(0, 6))]).await;
    assert_eq!(found(&before, &before), Vec::<String>::new());

    let fewer = plain(&[("a.yaml", &many(0, 2))]).await;
    assert_eq!(
        found(&before, &fewer),
        [
            "of 6 objects 2 would be left",
            "ConfigMap m2, ConfigMap m3, ConfigMap m4, ConfigMap m5 would be deleted where Argo CD prunes",
        ]
    );
    let one_less = plain(&[("a.yaml", &many(0, 5))]).await;
    assert_eq!(found(&before, &one_less), ["ConfigMap m5 would be deleted where Argo CD prunes"]);

    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}\n";
    let more = plain(&[("a.yaml", &many(0, 6)), ("b.yaml", role)]).await;
    assert_eq!(
        found(&before, &more),
        [
            "1 object of kind ClusterRole (rbac.authorization.k8s.io) would be new, and there is none now",
            "ClusterRole all would be new, which concerns the whole cluster",
        ]
    );

    let elsewhere = many(0, 6).replace("\"name\":\"m0\"", "\"name\":\"m0\",\"namespace\":\"kube-system\"");
    let moved = plain(&[("a.yaml", &elsewhere)]).await;
    assert_eq!(
        found(&before, &moved),
        [
            "1 object would go into the namespace kube-system, where it has none now",
            "ConfigMap m0 would move from the namespace shop-prod to kube-system",
            "ConfigMap m0 would be deleted where Argo CD prunes",
        ]
    );

    let broken = NotRendered::Missing { path: "a.yaml".to_owned() };
    let rules = FindingRules::default();
    let said = |before, after| {
        findings(before, after, &RenderedDiff::default(), &rules)
            .iter()
            .map(Finding::to_string)
            .collect::<Vec<_>>()
    };
    let after = said(Ok(&*before), Err(&broken));
    assert!(after[0].starts_with("it renders now, and would not after this change: a.yaml"), "{after:?}");
    let both = said(Err(&broken), Err(&broken));
    assert!(both[0].starts_with("it does not render now, so nothing can be compared"), "{both:?}");
}

#[tokio::test]
async fn a_large_difference_is_told_in_part() {
    let many = |value: &str| {
        (0..50)
            .map(|at| {
                format!(
                    "---\n{}\n",
                    config_map(&format!("m{at}"), &BTreeMap::from([("a", value), ("b", value)]))
                )
            })
            .collect::<String>()
    };
    let (before, after) =
        (plain(&[("a.yaml", &many("1"))]).await, plain(&[("a.yaml", &many(&"2".repeat(500)))]).await);
    let limits = DiffLimits { objects: 10, fields: 1, text: 100_000, texts: 3_000, value: 20 };
    let diff = engine::render::difference(&before, &after, &limits);
    assert_eq!((diff.changed.len(), diff.unlisted, diff.changed[0].unlisted), (10, 40, 1));
    assert_eq!(diff.changed[0].fields[0].after.as_deref(), Some(format!("{}…", "2".repeat(20)).as_str()));
    let bytes: usize = diff.changed.iter().map(|it| it.text.len()).sum();
    assert!(bytes <= 3_000 && bytes > 0, "{bytes}");
}
