//! `quarterdeck rbac can`, beside argocd's own where that is installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::scratch;

fn file(name: &str, text: &str) -> PathBuf {
    let path = scratch(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(&path, text).expect("a file");
    path
}

fn can(policy: &Path, rest: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_quarterdeck"))
        .args(["rbac", "can"])
        .args(rest)
        .arg("--policy")
        .arg(policy)
        .output()
        .expect("runs");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

#[test]
fn the_answer_names_the_line_that_decides() {
    let policy =
        file("policy.csv", "# roles\np, role:dev, applications, get, shop/*, allow\ng, devs, role:dev\n");
    let (yes, text) = can(&policy, &["devs", "get", "app", "shop/web"]);
    assert!(yes && text.starts_with("yes\nfor devs, by policy.csv, line 2: p, role:dev"), "{text}");
    let (yes, text) = can(&policy, &["devs", "sync", "applications", "shop/web"]);
    assert!(!yes && text == "no\nno line says anything of it\n", "{text}");
    let (yes, _) = can(&policy, &["ann", "get", "applications", "shop/web", "--groups", "other,devs"]);
    assert!(yes);
}

#[test]
fn without_a_file_the_control_plane_is_asked_and_named_where_it_does_not_answer() {
    let kubeconfig = nowhere();
    let output = Command::new(env!("CARGO_BIN_EXE_quarterdeck"))
        .args(["rbac", "can", "devs", "get", "applications", "--context", "x", "--kubeconfig"])
        .arg(kubeconfig)
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("control plane x"), "{said}");
}

#[test]
fn a_manifest_and_a_project_are_read() {
    let policy = file(
        "cm.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-rbac-cm}\ndata:\n  policy.default: role:readonly\n",
    );
    assert!(can(&policy, &["anybody", "get", "applications"]).0);
    let project = file(
        "project.yaml",
        "kind: AppProject\nmetadata: {name: shop}\nspec:\n  roles:\n  - name: dev\n    groups: [devs]\n    policies:\n    - p, proj:shop:dev, applications, sync, shop/*, allow\n",
    );
    let project = project.to_string_lossy().into_owned();
    assert!(!can(&policy, &["devs", "sync", "applications", "shop/web"]).0);
    assert!(can(&policy, &["devs", "sync", "applications", "shop/web", "--project", &project]).0);
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_place() {
    let policy = file("broken.csv", "\np, role:dev, applications\n");
    let (yes, text) = can(&policy, &["devs", "get", "applications"]);
    assert!(
        !yes && text.contains("broken.csv") && text.contains("policy.csv, line 2: a p line has 6 fields"),
        "{text}"
    );
}

/// A small generator, so that a failure can be seen again.
struct Dice(u64);

impl Dice {
    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        from[(self.0 >> 33) as usize % from.len()]
    }
}

/// On random policies, the answers are argocd's: of the binary that the lab builds.
#[test]
fn the_answers_are_those_of_argocd() {
    const POLICIES: u64 = 12;
    const QUESTIONS: usize = 4;
    // Without the lab there is nothing to compare with; CI has it.
    let Some(argocd) = ArgoCd::find() else { return };
    let subjects = ["ann", "bob", "team-a", "role:x", "role:y", "role:readonly"];
    let resources = ["applications", "clusters", "projects", "*", "{applications,projects}", "app*"];
    let actions = ["get", "sync", "update/*", "*", "{get,sync}", "[gs]*", "action/*"];
    let objects = [
        "*",
        "*/*",
        "shop/*",
        "shop/web",
        "*/web",
        "s?op/*",
        "{shop,bank}/*",
        "shop/w[a-f]b",
        "shop/**",
        "[",
        "a\\*",
    ];
    for seed in 0..POLICIES {
        let mut dice = Dice(seed);
        let mut text = String::new();
        for _ in 0..8 {
            let (subject, resource, action) =
                (dice.pick(&subjects), dice.pick(&resources), dice.pick(&actions));
            let (object, effect) = (dice.pick(&objects), dice.pick(&["allow", "allow", "deny"]));
            text += &format!("p, {subject}, \"{resource}\", \"{action}\", \"{object}\", {effect}\n");
            text += &format!(
                "g, {}, {}\n",
                dice.pick(&subjects),
                dice.pick(&["role:x", "role:y", "role:readonly", "role:admin"])
            );
        }
        let policy = file(&format!("random-{seed}.csv"), &text);
        let default = dice.pick(&["", "role:x", "role:readonly"]);
        for _ in 0..QUESTIONS {
            let subject = dice.pick(&subjects);
            let (resource, action) = (
                dice.pick(&["applications", "clusters", "projects"]),
                dice.pick(&["get", "sync", "update/apps/x"]),
            );
            let object = dice.pick(&["shop/web", "bank/web", "shop/ns/web", "a*", "https://x"]);
            let question = [subject, action, resource, object];
            let (ours, said) = can(&policy, &[&question[..], &["--default-role", default]].concat());
            let theirs = argocd.can(&policy, question, default);
            assert_eq!(ours, theirs, "{question:?} with default {default:?} on\n{text}\nours: {said}");
        }
    }
}

/// A chain of roles counts for as many steps as argocd lets it.
#[test]
fn a_chain_of_roles_ends_where_that_of_argocd_ends() {
    let Some(argocd) = ArgoCd::find() else { return };
    for length in 9..=12 {
        let name = |number: usize| if number == 0 { "ann".to_owned() } else { format!("role:{number}") };
        let mut text = format!("p, {}, applications, get, *, allow\n", name(length));
        for number in 0..length {
            text += &format!("g, {}, {}\n", name(number), name(number + 1));
        }
        let policy = file(&format!("chain-{length}.csv"), &text);
        let question = ["ann", "get", "applications", "shop/web"];
        let (ours, _) = can(&policy, &question);
        assert_eq!(ours, argocd.can(&policy, question, ""), "a chain of {length}");
        assert_eq!(ours, length <= 10, "a chain of {length}");
    }
}

/// A kubeconfig of an API server that is not there.
fn nowhere() -> PathBuf {
    file(
        &format!("nowhere-{:?}.kubeconfig", std::thread::current().id()),
        "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{name: x, cluster: {server: 'http://127.0.0.1:9'}}]\n\
         users: [{name: x, user: {}}]\ncontexts: [{name: x, context: {cluster: x, user: x}}]\n",
    )
}

/// The argocd of the lab.
struct ArgoCd {
    program: PathBuf,
    /// It wants a cluster to be named, and asks it nothing.
    kubeconfig: PathBuf,
}

impl ArgoCd {
    fn find() -> Option<Self> {
        let set = |name| std::env::var_os(name).map(PathBuf::from);
        let cache = || {
            let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
            Some(cache.join("quarterdeck-lab-bin"))
        };
        let program = set("LAB_CACHE").or_else(cache)?.join("bin/argocd");
        let kubeconfig = nowhere();
        program.is_file().then_some(Self { program, kubeconfig })
    }

    /// Asks `argocd admin settings rbac can`.
    fn can(&self, policy: &Path, question: [&str; 4], default_role: &str) -> bool {
        let output = Command::new(&self.program)
            .args(["admin", "settings", "rbac", "can"])
            .args(question)
            .args(["--strict=false", "--default-role", default_role, "--policy-file"])
            .arg(policy)
            .env("KUBECONFIG", &self.kubeconfig)
            .output()
            .expect("runs");
        match String::from_utf8_lossy(&output.stdout).trim() {
            "Yes" => true,
            "No" => false,
            _ => panic!("argocd does not answer: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }
}
