//! `quarterdeck plan` on a plain clone, and git's own opinion of its patches.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::support::scratch;

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=erin", "-c", "user.email=erin@quarterdeck.test"])
        .args(arguments)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A clone with an app in two environments; the file that changes has CRLF, and no end of its last line.
fn clone(name: &str) -> PathBuf {
    let folder = scratch(name);
    let _ = fs::remove_dir_all(&folder);
    for (environment, text) in [
        ("dev", "images:\n  - name: shop/web\n    newTag: 1.5.0\n"),
        ("prod", "# prod\r\nreplicas: []\r\nimages:\r\n  - name: shop/web\r\n    newTag: 1.4.2"),
    ] {
        let overlay = folder.join("apps/web/overlays").join(environment);
        fs::create_dir_all(&overlay).expect("a folder");
        fs::write(overlay.join("kustomization.yaml"), text).expect("a file");
    }
    git(&folder, &["init", "-q"]);
    git(&folder, &["config", "core.autocrlf", "false"]);
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "Begin"]);
    folder
}

fn plan(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quarterdeck"))
        .arg("plan")
        .args(arguments)
        .arg("--repo")
        .arg(folder)
        .output()
        .expect("runs")
}

const PROMOTE: [&str; 7] = ["promote", "--app", "web", "--from", "dev", "--to", "prod"];

#[test]
fn git_applies_the_patch_and_then_there_is_nothing_to_do() {
    let folder = clone("plan-clone");
    let patch = plan(&folder, &[&PROMOTE[..], &["--patch"]].concat());
    assert_eq!(patch.status.code(), Some(0));
    let file = folder.join("plan.patch");
    fs::write(&file, &patch.stdout).expect("a file");
    git(&folder, &["apply", "plan.patch"]);
    fs::remove_file(file).expect("removes");
    let changed =
        fs::read_to_string(folder.join("apps/web/overlays/prod/kustomization.yaml")).expect("reads");
    assert_eq!(changed, "# prod\r\nreplicas: []\r\nimages:\r\n  - name: shop/web\r\n    newTag: 1.5.0");

    git(&folder, &["commit", "-qam", "Promote"]);
    let again = plan(&folder, &PROMOTE);
    assert_eq!(again.status.code(), Some(2), "{}", String::from_utf8_lossy(&again.stderr));
    let back = plan(&folder, &["rollback", "--app", "web", "--env", "prod", "--to", "HEAD~1"]);
    let text = String::from_utf8_lossy(&back.stdout).into_owned();
    assert!(back.status.success() && text.contains("\"1.5.0\" -> \"1.4.2\""), "{text}");
}

#[test]
fn json_has_the_whole_plan() {
    let output = plan(&clone("plan-json"), &[&PROMOTE[..], &["--format", "json"]].concat());
    let plan: model::plan::Plan = serde_json::from_slice(&output.stdout).expect("a plan");
    assert_eq!((plan.rows[0].moves.len(), plan.files.len(), plan.hash.len()), (1, 1, 64));
}

#[test]
fn an_error_says_what_is_there() {
    let output = plan(&clone("plan-error"), &["promote", "--app", "api", "--from", "dev", "--to", "prod"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("there is no app \"api\""), "{said}");
    let nowhere = plan(&scratch("nowhere-at-all"), &PROMOTE);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("is no Git repository"));
}

#[test]
fn without_a_clone_it_says_what_to_name() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_quarterdeck")).arg("plan").args(PROMOTE).output().expect("runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--repo"));
}

#[test]
fn what_needs_a_fleet_reads_not_known_and_lists_are_readable() {
    let folder = clone("plan-words");
    fs::write(folder.join("apps/web/overlays/dev/odd\u{1b}[31m.yaml"), "x: 1\n").expect("a file");
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "Odd"]);
    let output = plan(&folder, &PROMOTE);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in
        ["Promote web from dev to prod\n", "1.4.2 -> 1.5.0\n", "Verified        not known", "\nBrings\n"]
    {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
    assert!(!text.contains('\u{1b}') && text.contains("odd\\u{1b}[31m.yaml"), "{text}");
}

#[test]
fn a_train_has_a_row_for_each_app_and_its_totals() {
    let folder = clone("plan-train");
    for (environment, tag) in [("dev", "2"), ("prod", "2")] {
        let overlay = folder.join("apps/api/overlays").join(environment);
        fs::create_dir_all(&overlay).expect("a folder");
        fs::write(overlay.join("kustomization.yaml"), format!("images: [{{name: api, newTag: v{tag}}}]\n"))
            .expect("a file");
    }
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "One more"]);
    let output = plan(&folder, &[&PROMOTE[..], &["--app", "api", "--app", "nowhere"]].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 move, 1 have nothing to do, 1 skipped, 0 stopped"), "{text}");
    assert!(text.contains("Skipped: there is no app \"nowhere\"") || text.contains("nowhere"), "{text}");
}

#[test]
fn what_a_person_must_decide_first_is_no_success() {
    let folder = clone("plan-stopped");
    let file = folder.join("apps/web/overlays/prod/kustomization.yaml");
    let before = fs::read_to_string(&file).expect("reads");
    let ours = "Quarterdeck-Change: 1\nQuarterdeck-Act: promote\nQuarterdeck-App: apps/web\n\
                Quarterdeck-From: dev\nQuarterdeck-To: prod";
    for (tag, message) in [("1.4.3", ours), ("1.4.3-hotfix", "By hand")] {
        fs::write(&file, before.replace("1.4.2", tag)).expect("a file");
        git(&folder, &["commit", "-qam", "Set the tag", "-m", message]);
    }
    let output = plan(&folder, &PROMOTE);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("is there now: \"1.4.3-hotfix\" (erin"), "{text}");
    assert!(plan(&folder, &[&PROMOTE[..], &["--overwrite"]].concat()).status.success());
}

#[test]
fn a_whole_path_is_restored_only_where_nobody_else_was() {
    let folder = clone("plan-whole");
    let file = folder.join("apps/web/overlays/prod/kustomization.yaml");
    let before = fs::read_to_string(&file).expect("reads");
    fs::write(&file, before.replace("1.4.2", "1.5.0")).expect("a file");
    git(&folder, &["commit", "-qam", "By hand"]);
    let rollback = ["rollback", "--app", "web", "--env", "prod", "--to", "HEAD~1"];
    let whole = plan(&folder, &[&rollback[..], &["--whole-path"]].concat());
    let said = String::from_utf8_lossy(&whole.stderr).into_owned();
    assert!(whole.status.code() == Some(1) && said.contains("by erin (By hand)"), "{said}");
    let fields = plan(&folder, &rollback);
    let text = String::from_utf8_lossy(&fields.stdout).into_owned();
    assert!(fields.status.success() && text.contains("\nTakes back\n"), "{text}");
}
