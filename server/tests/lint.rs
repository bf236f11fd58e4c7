//! `quarterdeck lint` on a plain clone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::support::scratch;

fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=erin", "-c", "user.email=erin@quarterdeck.test"])
        .args(arguments)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn clone(name: &str, namespace: &str) -> PathBuf {
    let folder = scratch(name);
    let _ = fs::remove_dir_all(&folder);
    for environment in ["dev", "prod"] {
        let overlay = folder.join("apps/web/overlays").join(environment);
        fs::create_dir_all(&overlay).expect("a folder");
        let text =
            format!("namespace: {}\nresources: [deployment.yaml]\n", namespace.replace("ENV", environment));
        fs::write(overlay.join("kustomization.yaml"), text).expect("a file");
        let text = "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n        - image: web:1.0\n";
        fs::write(overlay.join("deployment.yaml"), text).expect("a file");
    }
    git(&folder, &["init", "-q"]);
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "Begin"]);
    folder
}

fn lint(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quarterdeck")).arg("lint").args(arguments).output().expect("runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_clean_clone_has_no_faults_and_the_status_says_so() {
    let folder = clone("lint-clean", "shop-ENV");
    let output = lint(&[&folder.to_string_lossy()]);
    assert_eq!((output.status.code(), text(&output.stdout).trim()), (Some(0), "No faults found."));
}

#[test]
fn a_fault_has_its_place_and_its_mend_and_fails_the_command() {
    let folder = clone("lint-faulty", "shop-dev");
    let output = lint(&[&folder.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert!(
        shown.starts_with("apps/web/overlays/prod/kustomization.yaml:1: error [foreign-namespace]\n"),
        "{shown}"
    );
    assert!(shown.contains("it renders into shop-dev, the namespace of dev"), "{shown}");
    assert!(shown.ends_with("1 error, 0 warnings, 0 hints\n"), "{shown}");
    let output = lint(&[&folder.to_string_lossy(), "--format", "json"]);
    let findings: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(findings[0]["check"], "foreign-namespace");
    assert_eq!(findings[0]["line"], 1);
}

#[test]
fn what_is_not_there_is_an_error_in_words() {
    let folder = clone("lint-revision", "shop-ENV");
    for arguments in [&["/nowhere"][..], &[&folder.to_string_lossy(), "--revision", "absent"][..]] {
        let output = lint(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains("quarterdeck: "), "{arguments:?}");
    }
}
