//! What Argo CD would render, from kustomize, Helm and plain manifests.

use engine::render::Replaced;

use super::*;

const CHART: &str = "apiVersion: v2\nname: web\nversion: 0.1.0\n";
const TEMPLATE: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
data:
  {{- range $key, $value := .Values }}
  {{ $key }}: {{ $value | toJson | quote }}
  {{- end }}
  kube: {{ .Capabilities.KubeVersion.Version }}
  monitored: {{ .Capabilities.APIVersions.Has \"monitoring.coreos.com/v1\" | quote }}
";

#[tokio::test]
async fn an_overlay_is_rendered_from_what_it_needs_alone() {
    let repo = Repo::new(&[
        ("base/kustomization.yaml", "resources: [web.yaml]\ncomponents: [../parts/labels]\n"),
        ("base/web.yaml", &deployment("web", "shop/web:1")),
        (
            "parts/labels/kustomization.yml",
            "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\ncommonLabels: {team: shop}\n",
        ),
        (
            "prod/Kustomization",
            "resources: [../base]\nnamespace: shop-prod\nimages: [{name: shop/web, newTag: '2'}]\npatches: [{path: patch.yaml}]\n\
             configMapGenerator: [{name: settings, files: [key=files/settings.txt], envs: [vars.env]}]\n",
        ),
        (
            "prod/patch.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 6}\n",
        ),
        ("prod/files/settings.txt", "a"),
        ("prod/vars.env", "B=b\n"),
        ("prod/unused.yaml", "nothing"),
        ("elsewhere/large.txt", "nothing"),
    ]);
    let rendered = repo.render("prod").await.expect("renders");
    let web = object(&rendered, "Deployment");
    assert_eq!(web.pointer("/spec/replicas"), Some(&json!(6)));
    assert_eq!(web.pointer("/spec/template/spec/containers/0/image"), Some(&json!("shop/web:2")));
    assert_eq!(web.pointer("/metadata/labels/team"), Some(&json!("shop")));
    assert_eq!(object(&rendered, "ConfigMap").pointer("/data"), Some(&json!({"key": "a", "B": "b"})));
    assert!(rendered.by.starts_with("kustomize v5."), "{}", rendered.by);
    let read: Vec<_> = rendered.inputs.keys().map(String::as_str).collect();
    assert_eq!(
        read,
        [
            "base/kustomization.yaml",
            "base/web.yaml",
            "parts/labels/kustomization.yml",
            "prod/Kustomization",
            "prod/files/settings.txt",
            "prod/patch.yaml",
            "prod/vars.env",
        ]
    );
}

#[tokio::test]
async fn what_is_planned_stands_in_place_of_what_is_committed() {
    let repo = Repo::new(&[
        ("prod/kustomization.yaml", "resources: [web.yaml]\n"),
        ("prod/web.yaml", &deployment("web", "shop/web:1")),
    ]);
    let before = repo.render("prod").await.expect("renders");
    let mut request = repo.request(json!({"path": "prod"}));
    request.replaced = Replaced::from([
        ("prod/kustomization.yaml".to_owned(), b"resources: [web.yaml, more/new.yaml]\n".to_vec()),
        ("prod/more/new.yaml".to_owned(), config_map("new", &BTreeMap::new()).into_bytes()),
    ]);
    let after = RENDERER.render(request).await.expect("renders");
    assert_eq!(names(&before), ["Deployment web"]);
    assert_eq!(names(&after), ["ConfigMap new", "Deployment web"]);
}

#[tokio::test]
async fn what_is_unchanged_is_not_rendered_again_whatever_the_commit() {
    let repo = Repo::new(&[
        ("prod/kustomization.yaml", "resources: [web.yaml]\n"),
        ("prod/web.yaml", &deployment("web", "a")),
    ]);
    let first = repo.render("prod").await.expect("renders");
    repo.commit(&[("elsewhere.yaml", "a: b\n")], &[]);
    let second = repo.render("prod").await.expect("renders");
    assert!(Arc::ptr_eq(&first, &second));
    repo.commit(&[("prod/web.yaml", &deployment("web", "b"))], &[]);
    let third = repo.render("prod").await.expect("renders");
    assert_ne!(first.objects, third.objects);
}

#[tokio::test]
async fn the_kustomize_fields_of_an_application_are_those_of_kustomize_edit() {
    let repo = Repo::new(&[
        (
            "web/kustomization.yaml",
            "resources: [web.yaml]\nnamePrefix: old-\nimages:\n- {name: shop/web, newName: mirror/web, newTag: '1'}\n",
        ),
        ("web/web.yaml", &deployment("web", "shop/web:0")),
        (
            "extra/kustomization.yaml",
            "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nresources: [more.yaml]\n",
        ),
        ("extra/more.yaml", &config_map("more", &BTreeMap::new())),
    ]);
    let source = json!({"path": "web", "kustomize": {
        "namePrefix": "new-", "nameSuffix": "-x", "namespace": "there",
        "images": ["shop/web=other/web:2"],
        "replicas": [{"name": "web", "count": "4"}],
        "commonLabels": {"team": "shop"},
        "commonAnnotations": {"app": "${ARGOCD_APP_NAME}"}, "commonAnnotationsEnvsubst": true,
        "components": ["../extra", "../missing"], "ignoreMissingComponents": true,
        "patches": [{"target": {"kind": "Deployment"}, "patch": "- {op: add, path: /spec/paused, value: true}"}],
        "version": "v4.5.7", "someNewField": 1,
    }});
    let rendered = RENDERER.render(repo.request(source)).await.expect("renders");
    assert_eq!(names(&rendered), ["ConfigMap new-more-x in there", "Deployment new-web-x in there"]);
    let web = object(&rendered, "Deployment");
    assert_eq!(web.pointer("/spec/template/spec/containers/0/image"), Some(&json!("other/web:2")));
    assert_eq!(web.pointer("/spec/replicas"), Some(&json!(4)));
    assert_eq!(web.pointer("/spec/paused"), Some(&json!(true)));
    assert_eq!(web.pointer("/spec/selector/matchLabels/team"), Some(&json!("shop")));
    assert_eq!(web.pointer("/metadata/annotations/app"), Some(&json!("shop")));
    assert!(rendered.notes[0].contains("asks for kustomize v4.5.7"), "{:?}", rendered.notes);

    let twice = json!({"path": "web", "kustomize": {"commonLabels": {"team": "a"}}});
    repo.commit(&[("web/kustomization.yaml", "resources: [web.yaml]\ncommonLabels: {team: b}\n")], &[]);
    let why = repo.refused(twice).await;
    assert!(why.contains("commonLabels has \"team\" already"), "{why}");
}

#[tokio::test]
async fn a_file_beside_the_manifests_changes_the_source_as_argo_cd_has_it() {
    let repo = Repo::new(&[
        ("web/kustomization.yaml", "resources: [web.yaml]\n"),
        ("web/web.yaml", &deployment("web", "shop/web:0")),
        (
            "web/.argocd-source.yaml",
            "kustomize: {nameSuffix: -all, images: ['shop/web:1']}\npath: ../../etc\n",
        ),
        ("web/.argocd-source-shop.yaml", "kustomize: {images: ['shop/web:2']}\n"),
        ("web/.argocd-source-other.yaml", "kustomize: {images: ['shop/web:3']}\n"),
    ]);
    let rendered = repo.render("web").await.expect("renders");
    assert_eq!(names(&rendered), ["Deployment web-all"]);
    let image = object(&rendered, "Deployment").pointer("/spec/template/spec/containers/0/image");
    assert_eq!(image, Some(&json!("shop/web:2")));
}

#[tokio::test]
async fn build_options_of_argo_cd_are_honoured_where_they_are_safe() {
    let repo = Repo::new(&[
        ("web/kustomization.yaml", "resources: [../shared/web.yaml]\n"),
        ("shared/web.yaml", &deployment("web", "a")),
    ]);
    let build = async |options: &str| {
        let request = Request { build_options: options.to_owned(), ..repo.request(json!({"path": "web"})) };
        RENDERER.render(request).await
    };
    let why = build("").await.expect_err("outside of its root").to_string();
    assert!(why.contains("fails") && why.contains("is not in or below"), "{why}");
    assert!(!why.contains("quarterdeck-tree") && !why.contains("/tmp"), "{why}");
    assert_eq!(
        names(&build("--load-restrictor LoadRestrictionsNone").await.expect("renders")),
        ["Deployment web"]
    );
    build("--load-restrictor=LoadRestrictionsNone --reorder none").await.expect("renders");
    for (options, why) in [
        ("--enable-helm", "kustomize would start Helm, which may fetch charts"),
        ("--load-restrictor LoadRestrictionsNone --enable-alpha-plugins --enable-exec", "never run"),
        ("--output /tmp/x", "not among those that are known to be safe"),
        ("--load-restrictor Whatever", "kustomize has no such restriction"),
    ] {
        let said = build(options).await.expect_err(options).to_string();
        assert!(said.contains(why), "{said}");
    }
}

#[tokio::test]
async fn a_chart_is_rendered_as_argo_cd_does() {
    let repo = Repo::new(&[
        ("charts/web/Chart.yaml", CHART),
        ("charts/web/values.yaml", "a: chart\nb: chart\nc: chart\nd: chart\n"),
        ("charts/web/values-prod.yaml", "b: prod\nc: prod\nd: prod\n"),
        ("charts/web/templates/map.yaml", TEMPLATE),
        (
            "charts/web/crds/thing.yaml",
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.test}\n",
        ),
        ("shared/values.yaml", "c: shared\nd: shared\n"),
        ("shared/text.txt", "from a file"),
    ]);
    let source = json!({"path": "charts/web", "helm": {
        "valueFiles": ["values-prod.yaml", "/shared/values.yaml", "missing.yaml"], "ignoreMissingValueFiles": true,
        "valuesObject": {"d": "$ARGOCD_APP_NAME"},
        "parameters": [{"name": "e", "value": "1,2"}, {"name": "f", "value": "7", "forceString": true}, {"name": "g", "value": "7"}],
        "fileParameters": [{"name": "h", "path": "../../shared/text.txt"}],
        "kubeVersion": "1.30.0", "apiVersions": ["monitoring.coreos.com/v1"],
    }});
    let rendered = RENDERER.render(repo.request(source)).await.expect("renders");
    assert!(rendered.by.starts_with("helm v4."), "{}", rendered.by);
    assert_eq!(
        names(&rendered),
        ["CustomResourceDefinition things.example.test", "ConfigMap shop in shop-prod"]
    );
    let expected = json!({
        "a": "\"chart\"", "b": "\"prod\"", "c": "\"shared\"", "d": "\"shop\"", "e": "\"1,2\"", "f": "\"7\"", "g": "7",
        "h": "\"from a file\"", "kube": "v1.30.0", "monitored": "true",
    });
    assert_eq!(object(&rendered, "ConfigMap").get("data"), Some(&expected));

    let source = json!({"path": "charts/web", "helm": {"releaseName": "named", "namespace": "there", "skipCrds": true}});
    let rendered = RENDERER.render(repo.request(source)).await.expect("renders");
    assert_eq!(names(&rendered), ["ConfigMap named in there"]);
}

#[tokio::test]
async fn plain_manifests_are_those_that_argo_cd_reads() {
    let one = |name| config_map(name, &BTreeMap::new());
    let repo = Repo::new(&[
        (
            "plain/a.yaml",
            "---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: one}}\n- {apiVersion: v1, kind: Service, metadata: {name: two}}\n",
        ),
        ("plain/b.json", &one("b")),
        ("plain/deep/c.yml", &one("c")),
        ("plain/deep/d.yaml", &one("d")),
        ("plain/skipped.yaml", &format!("# +argocd:skip-file-rendering\n{}", one("skipped"))),
        ("plain/README.md", "# no manifest"),
    ]);
    let rendered = repo.render("plain").await.expect("reads");
    assert_eq!(names(&rendered), ["Service one", "Service two", "ConfigMap b"]);
    let source = json!({"path": "plain", "directory": {"recurse": true, "include": "*.{yml,json,yaml}", "exclude": "deep/d*"}});
    let rendered = RENDERER.render(repo.request(source)).await.expect("reads");
    assert_eq!(names(&rendered), ["Service one", "Service two", "ConfigMap b", "ConfigMap c"]);
    repo.commit(&[("plain/main.jsonnet", "{}")], &[]);
    let why = repo.render("plain").await.expect_err("jsonnet").to_string();
    assert_eq!(
        why,
        "plain/main.jsonnet is rendered by Jsonnet, which is not run here: Argo CD alone renders it"
    );
}

#[tokio::test]
async fn what_cannot_be_rendered_here_says_why() {
    let repo = Repo::new(&[
        (
            "chart/Chart.yaml",
            "apiVersion: v2\nname: c\nversion: 0.1.0\ndependencies: [{name: redis, version: 1.x.x, repository: 'https://charts.example.test'}]\n",
        ),
        ("web/kustomization.yaml", "resources: [gone.yaml]\n"),
        ("bad/kustomization.yaml", "resources: [web.yaml]\nnoSuchField: 1\n"),
        ("bad/web.yaml", &deployment("web", "a")),
    ]);
    for (source, sentence) in [
        (
            json!({"path": "chart"}),
            "chart/Chart.yaml needs the chart \"redis\" of https://charts.example.test, which is not in chart/charts",
        ),
        (
            json!({"chart": "redis", "repoURL": "https://charts.example.test"}),
            "the chart \"redis\" lies in a registry",
        ),
        (
            json!({"path": "web", "plugin": {"name": "x"}}),
            "a plugin for config management, which is not run here",
        ),
        (
            json!({"path": "web", "helm": {"releaseName": "a"}, "directory": {"recurse": true}}),
            "more than one of kustomize, helm and directory",
        ),
        (json!({"path": "nowhere"}), "nowhere is not in the repository at this commit"),
        (
            json!({"path": "web"}),
            "web/gone.yaml, which web/kustomization.yaml names, is not in the repository",
        ),
        (json!({"path": "bad"}), "unknown field \"noSuchField\""),
        (
            json!({"path": "chart", "helm": {"valueFiles": ["$values/prod.yaml"]}}),
            "is in another source of the Application",
        ),
    ] {
        let why = repo.refused(source.clone()).await;
        // The missing dependency comes first where there is one.
        let is_said =
            why.contains(sentence) || (source["path"] == "chart" && why.contains("needs the chart"));
        assert!(is_said, "{source}: {why}");
    }
    let absent = renderer(Settings { kustomize: Some("/nonexistent/kustomize".into()), ..settings() });
    repo.commit(&[("web/kustomization.yaml", "resources: []\nnamePrefix: a-\n")], &[]);
    let why = absent.render(repo.request(json!({"path": "web"}))).await.expect_err("absent").to_string();
    assert_eq!(
        why,
        "kustomize is not installed on this server: put it on PATH, or set its place in the settings"
    );
}

#[tokio::test]
async fn the_seed_of_the_lab_renders_in_every_environment() {
    // What lab.sh makes of the seed: one app with all parts, three overlays.
    let seed = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../end2end/lab/seed");
    let fill = |text: String, environment: &str| {
        let known = [
            ("APP", "shop"),
            ("PROJECT", "shop"),
            ("ENV", environment),
            ("IMAGE", "registry.example.test/shop/web"),
            ("TAG", "1.2.3"),
            ("REPLICAS", "2"),
            ("CPU", "10m"),
            ("MEMORY", "16Mi"),
        ];
        known.iter().fold(text, |text, (name, value)| text.replace(&format!("@{name}@"), value))
    };
    let mut files = Vec::new();
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(seed.join("parts")).expect("the parts") {
        let path = entry.expect("a part").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        files.push((
            format!("apps/shop/base/{name}"),
            fill(std::fs::read_to_string(&path).expect("a part"), "base"),
        ));
        parts.push(name);
    }
    files.push((
        "apps/shop/base/kustomization.yaml".to_owned(),
        format!("resources: [{}]\n", parts.join(", ")),
    ));
    let overlay = std::fs::read_to_string(seed.join("overlay/kustomization.yaml")).expect("the overlay");
    for environment in ["dev", "staging", "prod"] {
        let path = format!("apps/shop/overlays/{environment}/kustomization.yaml");
        files.push((path, fill(overlay.clone(), environment)));
    }
    let repo =
        Repo::new(&files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
    for environment in ["dev", "staging", "prod"] {
        let rendered = repo.render(&format!("apps/shop/overlays/{environment}")).await.expect(environment);
        assert!(rendered.objects.len() >= parts.len(), "{:?}", names(&rendered));
        assert!(rendered.objects.iter().any(|it| it.id.kind == "Deployment"), "{:?}", names(&rendered));
    }
}
