//! Repositories that want more than to be rendered.

use std::{net::TcpListener, time::Instant};

use git2::FileMode;

use super::*;

/// A renderer whose kustomize does what `attack` says.
fn taken_over(bounds: Bounds) -> Renderer {
    let tool = PathBuf::from(env!("CARGO_BIN_EXE_misbehaving-tool"));
    renderer(Settings { kustomize: Some(tool), bounds, ..settings() })
}

async fn attack(what: &str, bounds: Bounds) -> Result<Arc<Rendered>, NotRendered> {
    let repo = Repo::new(&[("kustomization.yaml", "crds: [attack]\n"), ("attack", what)]);
    taken_over(bounds).render(repo.request(json!({"path": "."}))).await
}

#[tokio::test]
async fn a_tool_that_is_taken_over_reads_writes_and_reaches_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let victim = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("victim-{}", std::process::id()));
    std::fs::write(&victim, "ours").expect("a file");
    let repo = Repo::new(&[
        ("kustomization.yaml", "crds: [attack, address, victim]\n"),
        ("attack", "everything"),
        ("address", &address),
        ("victim", &victim.display().to_string()),
    ]);
    let rendered =
        taken_over(settings().bounds).render(repo.request(json!({"path": "."}))).await.expect("says it");
    assert_eq!(object(&rendered, "ConfigMap").get("data"), Some(&json!({"succeeded": "", "thread": "true"})));
    assert_eq!(std::fs::read_to_string(&victim).expect("still there"), "ours");
    std::fs::remove_file(&victim).expect("removed");
}

#[tokio::test]
async fn a_child_that_hangs_or_spins_is_ended() {
    let bounds = Bounds { time: Duration::from_secs(4), ..Bounds::default() };
    for what in ["hang", "spin"] {
        let began = Instant::now();
        let why = attack(what, bounds).await.expect_err(what).to_string();
        assert!(why.contains("did not end within 4 s"), "{why}");
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}

#[tokio::test]
async fn a_child_that_prints_without_end_or_takes_all_memory_is_ended() {
    let bounds = Bounds { output: 1 << 20, memory: 256 << 20, ..settings().bounds };
    let why = attack("print", bounds).await.expect_err("too much").to_string();
    assert!(
        why.starts_with(
            "too much is to be rendered: kustomize v0.0.1 was stopped, for it prints more than 1 MiB"
        ),
        "{why}"
    );
    let why = attack("remember", bounds).await.expect_err("too much").to_string();
    assert!(why.contains("it needs more than 256 MiB of memory"), "{why}");
    let why = attack("complain", bounds).await.expect_err("fails").to_string();
    assert!(why.len() < 3_000, "{} bytes", why.len());
}

#[tokio::test]
async fn real_tools_end_at_their_bounds_too() {
    // 400 MB of text out of 400 kB of template.
    let template = "{{- range $i := until 100000 }}\n{{ repeat 4000 \"x\" }}\n{{- end }}\n";
    let repo = Repo::new(&[
        ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n"),
        ("templates/a.yaml", template),
    ]);
    let bounds = Bounds { memory: 512 << 20, ..settings().bounds };
    let small = renderer(Settings { bounds, ..settings() });
    let why = small.render(repo.request(json!({"path": "."}))).await.expect_err("too much");
    let is_bounded = matches!(why, NotRendered::TimedOut { .. } | NotRendered::TooLarge { .. });
    assert!(is_bounded, "{why}");
}

#[tokio::test]
async fn renderings_wait_for_their_turn_and_not_for_ever() {
    let repo = Repo::new(&[("kustomization.yaml", "crds: [attack]\n"), ("attack", "hang")]);
    let tool = PathBuf::from(env!("CARGO_BIN_EXE_misbehaving-tool"));
    let bounds = Bounds { time: Duration::from_secs(4), ..Bounds::default() };
    let patience = Duration::from_millis(200);
    let renderer = renderer(Settings { kustomize: Some(tool), bounds, patience, at_once: 1, ..settings() });
    let ask = || renderer.render(repo.request(json!({"path": "."})));
    let (first, second) = tokio::join!(ask(), ask());
    let said = [first, second].map(|it| it.expect_err("hangs").to_string());
    assert!(said.iter().any(|it| it.contains("others are rendering")), "{said:?}");
    assert!(said.iter().any(|it| it.contains("did not end")), "{said:?}");
}

#[tokio::test]
async fn a_kustomization_that_wants_the_network_is_refused_before_it_runs() {
    for reference in [
        "https://example.test/all.yaml",
        "github.com/org/repo//deploy?ref=v1",
        "git::https://example.test/x",
        "git@github.com:org/repo",
        "ssh://git@example.test/x",
        "example.test/org/repo",
    ] {
        let repo = Repo::new(&[("k/kustomization.yaml", &format!("resources: ['{reference}']\n"))]);
        let why = repo.refused(json!({"path": "k"})).await;
        let expected =
            format!("k/kustomization.yaml takes {reference:?} from elsewhere, and nothing is fetched");
        assert!(why.starts_with(&expected), "{why}");
    }
    for field in [
        "patches: [{path: 'http://example.test/p.yaml'}]",
        "configMapGenerator: [{name: a, files: ['http://example.test/p']}]",
        "openapi: {path: 'http://example.test/p'}",
        "components: ['https://github.com/org/repo']",
    ] {
        let repo = Repo::new(&[("kustomization.yaml", field)]);
        let why = repo.refused(json!({"path": "."})).await;
        assert!(why.contains("from elsewhere"), "{field}: {why}");
    }
}

#[tokio::test]
async fn a1_paths_that_leave_the_repository_are_refused() {
    for (file, sentence) in [
        ("resources: [../../../secrets]", "names \"../../../secrets\", which leads out of the repository"),
        ("resources: [/etc]", "leads out of the repository"),
        (
            "configMapGenerator: [{name: a, files: [/etc/passwd]}]",
            "names \"/etc/passwd\", which leads out of the repository",
        ),
        ("configMapGenerator: [{name: a, files: [x=../../../../etc/passwd]}]", "leads out of the repository"),
        ("secretGenerator: [{name: a, envs: [/home/somebody/.netrc]}]", "leads out of the repository"),
        ("patchesStrategicMerge: [../../../../home/somebody/.ssh/id_rsa]", "leads out of the repository"),
        ("resources: ['..\\..\\secrets']", "it has a NUL or a backslash"),
        ("resources: [\"a\\0b\"]", "it has a NUL or a backslash"),
    ] {
        let repo = Repo::new(&[("a/b/kustomization.yaml", file)]);
        let why = repo.refused(json!({"path": "a/b"})).await;
        assert!(why.contains(sentence), "{file}: {why}");
    }
    let repo = Repo::new(&[("a.yaml", "a: b")]);
    for path in ["../..", "/etc", "a/../../b", "a\0b"] {
        let why = repo.refused(json!({"path": path})).await;
        assert!(why.contains("leads out of the repository") || why.contains("it has a NUL"), "{path}: {why}");
    }
    let mut request = repo.request(json!({"path": "."}));
    request.replaced = Replaced::from([("../escaped".to_owned(), Vec::new())]);
    let why = RENDERER.render(request).await.expect_err("escapes").to_string();
    assert!(why.contains("leads out of the repository"), "{why}");
    // What is not known as a path is no path: kustomize finds nothing there.
    let inline = "generators:\n- |\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n  metadata: {name: a}\n  files: [/etc/passwd]\n";
    let repo = Repo::new(&[("kustomization.yaml", inline)]);
    let why = repo.refused(json!({"path": "."})).await;
    assert!(why.contains("fails") && !why.contains("root:"), "{why}");
}

#[tokio::test]
async fn a2_links_and_submodules_are_neither_followed_nor_written() {
    let good = ("base/kustomization.yaml", "resources: []\nnamePrefix: a-\n");
    for (path, target, asked) in [
        ("k", "/etc", "k"),
        ("k/kustomization.yaml", "../base/kustomization.yaml", "k"),
        ("k", "base", "k"),
        ("k", "..", "k/k"),
        ("chart/values.yaml", "/etc/passwd", "chart"),
        ("plain/link.yaml", "../base/kustomization.yaml", "plain"),
    ] {
        let repo = Repo::new(&[
            good,
            ("chart/Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n"),
            ("plain/a.yaml", ""),
        ]);
        repo.commit(&[], &[(path, target, FileMode::Link)]);
        let why = repo.refused(json!({ "path": asked })).await;
        assert_eq!(
            why,
            format!("{path} is a symbolic link, which is never followed: put the files themselves there")
        );
    }
    let repo = Repo::new(&[("k/kustomization.yaml", "resources: [secret.yaml]\n")]);
    repo.commit(&[], &[("k/secret.yaml", "/etc/passwd", FileMode::Link)]);
    let why = repo.refused(json!({"path": "k"})).await;
    assert!(why.starts_with("k/secret.yaml is a symbolic link"), "{why}");
}

#[tokio::test]
async fn programs_of_a_repository_are_never_run() {
    let exec = "apiVersion: v1\nkind: Anything\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ./run.sh}\n";
    for (file, sentence) in [
        (
            "helmCharts: [{name: a, repo: 'https://example.test'}]",
            "helmCharts in kustomization.yaml is rendered by Helm from within kustomize",
        ),
        ("generators: [plugin.yaml]", "plugin.yaml is rendered by a program that the repository names"),
        ("transformers: [plugin.yaml]", "plugin.yaml is rendered by a program that the repository names"),
    ] {
        let repo = Repo::new(&[
            ("kustomization.yaml", file),
            ("plugin.yaml", exec),
            ("run.sh", "#!/bin/sh\ntouch /tmp/x\n"),
        ]);
        let why = repo.refused(json!({"path": "."})).await;
        assert!(why.starts_with(sentence), "{why}");
    }
    // Written in place, kustomize itself refuses it: it was not told to allow it.
    let inline =
        format!("generators:\n- |\n{}", exec.lines().map(|it| format!("  {it}\n")).collect::<String>());
    let repo = Repo::new(&[("kustomization.yaml", &inline)]);
    let why = repo.refused(json!({"path": "."})).await;
    assert!(why.contains("fails") || why.contains("names"), "{why}");
}

#[tokio::test]
async fn alias_bombs_and_huge_files_are_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(", ")));
    }
    let repo = Repo::new(&[
        ("plain/a.yaml", &bomb),
        ("k/kustomization.yaml", &bomb),
        ("r/kustomization.yaml", "resources: [a.yaml]\n"),
        ("r/a.yaml", &format!("kind: A\napiVersion: v1\nmetadata: {{name: a}}\n{bomb}")),
    ]);
    for path in ["plain", "k"] {
        let why = repo.refused(json!({ "path": path })).await;
        assert!(why.contains("cannot be read"), "{why}");
    }
    let why = repo.refused(json!({"path": "r"})).await;
    assert!(why.contains("kustomize v5.8.1 fails") || why.contains("stopped"), "{why}");

    let huge = "#".repeat(50_000_000);
    let repo = Repo::new(&[
        ("plain/a.yaml", &huge),
        ("k/kustomization.yaml", "resources: [a.yaml]\n"),
        ("k/a.yaml", &huge),
    ]);
    for path in ["plain", "k"] {
        let why = repo.refused(json!({ "path": path })).await;
        assert!(
            why.contains("a.yaml has 50000000 bytes, more than the 5000000; make the source smaller"),
            "{why}"
        );
    }
    let many: Vec<_> = (0..6_000).map(|at| (format!("plain/{at}.yaml"), String::new())).collect();
    let repo = Repo::new(&many.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
    let why = repo.refused(json!({"path": "plain"})).await;
    assert!(why.contains("more than 5000 files"), "{why}");
}

#[tokio::test]
async fn a3_odd_names_stay_names() {
    let odd = config_map("../../outside/\nmarker", &BTreeMap::new());
    let other = r#"{"apiVersion": "v1", "kind": "../outside/marker", "metadata": {"name": "a/b"}}"#;
    let repo = Repo::new(&[("plain/new\nline.yaml", &odd), ("plain/b.yaml", other)]);
    let rendered = repo.render("plain").await.expect("reads");
    assert_eq!(names(&rendered), ["../outside/marker a/b", "ConfigMap ../../outside/\\nmarker"]);
    let nothing =
        Rendered { objects: Vec::new(), by: String::new(), inputs: BTreeMap::new(), notes: Vec::new() };
    let diff = diff(&nothing, &rendered);
    assert!(
        diff.added.iter().all(|it| it.text.lines().take(2).all(|line| !line.contains("../"))),
        "{diff:?}"
    );
    repo.commit(&[("plain/new\nline.yaml", "a: b: c")], &[]);
    let why = repo.refused(json!({"path": "plain"})).await;
    assert!(why.starts_with("plain/new\\nline.yaml cannot be read") && !why.contains('\n'), "{why}");
}

#[tokio::test]
async fn a_chart_sees_neither_the_cluster_nor_this_machine() {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  passwd: {{ .Files.Get \"/etc/passwd\" | quote }}\n  \
                    up: {{ .Files.Get \"../../../etc/passwd\" | quote }}\n  found: {{ lookup \"v1\" \"Secret\" \"\" \"\" | toJson | quote }}\n  \
                    dns: {{ getHostByName \"example.test\" | quote }}\n  home: {{ env \"HOME\" | quote }}\n";
    let without = template
        .lines()
        .filter(|line| !line.contains("env "))
        .map(|line| format!("{line}\n"))
        .collect::<String>();
    let chart = ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n");
    let repo = Repo::new(&[chart, ("templates/a.yaml", &without)]);
    let rendered = repo.render(".").await.expect("renders");
    let expected = json!({"passwd": "", "up": "", "found": "{}", "dns": ""});
    assert_eq!(object(&rendered, "ConfigMap").get("data"), Some(&expected));
    let repo = Repo::new(&[chart, ("templates/a.yaml", template)]);
    let why = repo.refused(json!({"path": "."})).await;
    assert!(why.contains("function \"env\" not defined"), "{why}");
    for file in ["/etc/passwd", "../../../../etc/passwd", "https://example.test/values.yaml"] {
        let why = repo.refused(json!({"path": ".", "helm": {"valueFiles": [file]}})).await;
        let is_refused = ["leads out of the repository", "is not in the repository", "from elsewhere"]
            .iter()
            .any(|it| why.contains(it));
        assert!(is_refused, "{file}: {why}");
    }
}

#[tokio::test]
async fn without_a_sandbox_nothing_is_rendered() {
    let nowhere = renderer(Settings { launcher: "/nonexistent/launcher".into(), ..settings() });
    let repo = Repo::new(&[("kustomization.yaml", "namePrefix: a-\n")]);
    let why = nowhere.render(repo.request(json!({"path": "."}))).await.expect_err("no launcher").to_string();
    assert!(
        why.starts_with(
            "there is no sandbox to render in, and nothing is rendered without: a child cannot be started"
        ),
        "{why}"
    );
    // A launcher that does nothing of what it is told.
    let idle = renderer(Settings { launcher: "/bin/false".into(), ..settings() });
    let why = idle.render(repo.request(json!({"path": "."}))).await.expect_err("no sandbox").to_string();
    assert!(why.starts_with("there is no sandbox to render in"), "{why}");
}
