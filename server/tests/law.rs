//! The law of dependencies: model ← app ← client, model ← engine, app + engine ← server.

use std::process::Command;

const WASM: [&str; 2] = ["--target", "wasm32-unknown-unknown"];
const HEAVY: [&str; 4] = ["engine", "sqlx", "kube", "git2"];

/// Returns the names of all packages that one needs.
fn reached_by(package: &str, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(["--package", package])
        .args(arguments)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("text");
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn never_reaches(package: &str, arguments: &[&str], forbidden: &[&str]) {
    let reached = reached_by(package, arguments);
    assert!(reached.len() > 5, "{reached:?}");
    for name in forbidden {
        assert!(!reached.iter().any(|reached| reached == name), "{package} reaches {name}");
    }
}

#[test]
fn the_face_never_reaches_what_is_heavy() {
    never_reaches("app", &["--features", "ssr"], &HEAVY);
}

#[test]
fn the_browser_never_reaches_what_is_the_servers() {
    never_reaches("client", &WASM, &[&HEAVY[..], &["tokio", "axum"]].concat());
}

#[test]
fn the_engine_never_reaches_the_face() {
    never_reaches("engine", &[], &["app", "leptos", "leptos_axum"]);
}

#[test]
fn the_contract_reaches_neither() {
    never_reaches("model", &[], &[&HEAVY[..], &["leptos", "axum"]].concat());
}
