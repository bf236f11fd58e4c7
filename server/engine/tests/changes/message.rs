//! What our commits say, and who made them (R17).

use std::{fs, path::Path, process::Command};

use engine::changes::ChangeSettings;
use model::{
    change::{ChangeState, StartChange},
    gate::HoldFor,
};
use secrecy::SecretString;

use super::{
    house::{House, clicked, person, start},
    remote::{Remote, overlay},
};
use crate::support::admin;

#[tokio::test]
async fn r17_a_message_is_one_human_line_a_reason_and_trailers() {
    let house = House::with(|setup| setup.environments[1].approvals = 1).await;
    let _write = house.replica.write();
    let source = house.remote.head();
    let plan = house.plan(&["web"], "dev", "staging").await;
    let (ana, ben) = (person("ana"), person("ben"));
    let change = house.start(&ana, &plan).await.expect("starts").change;
    house.until(change, &[ChangeState::AwaitingApproval]).await;
    house.approve(&ben, change).await.expect("approves");
    let pushed = house.until_pushed(change).await;
    let message = house.remote.commits()[0].1.clone();
    let token = house.token_of(change).await;
    let expected = format!(
        "Promote web 1.6.0 to staging\n\nfor the sale\n\nQuarterdeck-Change: {change}\nQuarterdeck-Token: {token}\n\
         Quarterdeck-Act: promote\nQuarterdeck-App: apps/web\nQuarterdeck-From: dev\nQuarterdeck-To: staging\n\
         Quarterdeck-Source: {source}\nPromoted-By: {}\nApproved-By: {}\n",
        ana.name, ben.name
    );
    assert_eq!(message, expected);
    assert_eq!(pushed.message, Some(message), "the page shows it");
    house.end().await;
}

#[tokio::test]
async fn r17_nobody_writes_a_trailer_through_a_reason() {
    let house = House::new().await;
    let _write = house.replica.write();
    let plan = house.plan(&["web"], "dev", "staging").await;
    let token = uuid::Uuid::new_v4();
    let reason = format!(
        "fix\r\n\r\nApproved-By: the queen\n\nQuarterdeck-Token: {token}\u{2028}Quarterdeck-Change: 1\u{85}Promoted-By: mallory\u{202e}"
    );
    let request = StartChange { reason, ..clicked(&plan) };
    let change = start(&house.replica, &person("ana"), &request).await.expect("starts").change;
    house.until_pushed(change).await;
    let (head, message) = house.remote.commits()[0].clone();
    assert_eq!(
        message.lines().nth(2),
        Some(format!("fix Approved-By: the queen Quarterdeck-Token: {token} Quarterdeck-Change: 1 Promoted-By: mallory").as_str())
    );
    let trailers = git(&house.remote, &["log", "-1", "--format=%(trailers:only)", &head.to_string()]);
    assert!(!trailers.contains("queen") && !trailers.contains("mallory"), "{trailers}");
    assert_eq!(trailers.matches("Quarterdeck-Token: ").count(), 1, "{trailers}");
    assert_eq!(trailers.matches("Promoted-By: ").count(), 1, "{trailers}");
    house.has_once(&[change]).await;
    house.end().await;
}

#[tokio::test]
async fn r17_commits_are_made_by_the_bot_of_the_settings() {
    let house = House::with(|setup| {
        setup.settings = ChangeSettings {
            committer_name: "Shop Bot".into(),
            committer_email: "bot@quarterdeck.test".into(),
            ..ChangeSettings::default()
        };
    })
    .await;
    let _write = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(change).await;
    let who = git(&house.remote, &["log", "-1", "--format=%an %ae %cn %ce"]);
    assert_eq!(who.trim(), "Shop Bot bot@quarterdeck.test Shop Bot bot@quarterdeck.test");
    house.end().await;
}

#[tokio::test]
async fn r17_a_rollback_says_what_it_goes_back_to() {
    let house = House::new().await;
    let before = house.remote.head();
    let _write = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(change).await;
    let back = house.roll_back("web", "staging", before, HoldFor::None).await;
    house.until_pushed(back).await;
    let message = house.remote.commits()[0].1.clone();
    assert!(message.starts_with("Roll back web in staging to 1.5.0\n\nfor the sale\n\n"), "{message}");
    assert!(message.contains("Quarterdeck-Act: rollback\n"), "{message}");
    assert!(message.contains(&format!("Quarterdeck-From: {before}\n")), "{message}");
    assert_eq!(house.remote.changed_by(house.remote.head()), [overlay("web", "staging")]);
    house.end().await;
}

#[tokio::test]
async fn r17_signed_commits_verify_with_each_kind_of_key() {
    for kind in [&["-t", "ed25519"][..], &["-t", "ecdsa", "-b", "256"], &["-t", "rsa", "-b", "3072"]] {
        let keys = tempfile::tempdir().expect("a folder");
        let key = keys.path().join("key");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-C", "bot", "-f"])
            .arg(&key)
            .args(kind)
            .status();
        assert!(made.expect("ssh-keygen is there").success());
        let private = fs::read_to_string(&key).expect("a key");
        let house = House::with(move |setup| {
            setup.settings.signing_key = Some(SecretString::from(private.clone()));
        })
        .await;
        let _write = house.replica.write();
        let change = house.promote(&["web"], "dev", "staging").await;
        house.until_pushed(change).await;
        let public = fs::read_to_string(keys.path().join("key.pub")).expect("a key");
        assert!(verifies(&house.remote, keys.path(), &public), "{kind:?}");
        let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl other";
        assert!(!verifies(&house.remote, keys.path(), other), "{kind:?}: by another key");
        house.end().await;
    }
}

#[tokio::test]
async fn r17_a_key_with_a_passphrase_is_told_at_the_start() {
    let keys = tempfile::tempdir().expect("a folder");
    let key = keys.path().join("key");
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "secret", "-f"]).arg(&key).status();
    assert!(made.expect("ssh-keygen is there").success());
    let private = fs::read_to_string(&key).expect("a key");
    let settings = ChangeSettings { signing_key: Some(private.clone().into()), ..ChangeSettings::default() };
    let error = settings.committer().expect_err("cannot sign").to_string();
    assert!(error.contains("without a passphrase"), "{error}");
    assert!(!format!("{settings:?}{error}").contains(&private), "and never shown");
}

#[tokio::test]
async fn a_reason_that_is_needed_is_asked_for() {
    let house = House::new().await;
    let plan = house.plan(&["web"], "staging", "prod").await;
    for reason in ["", " \n\t ", "\u{200b}"] {
        let request = StartChange { reason: reason.into(), ..clicked(&plan) };
        let error = start(&house.replica, &admin(), &request).await.expect_err("is asked for");
        assert!(error.to_string().contains("eason"), "{error}");
    }
    let request = StartChange { typed_environment: "staging".into(), ..clicked(&plan) };
    let error = start(&house.replica, &admin(), &request).await.expect_err("is asked for");
    assert!(error.to_string().contains("type prod"), "{error}");
    house.start(&admin(), &plan).await.expect("starts");
    house.end().await;
}

fn verifies(remote: &Remote, folder: &Path, public: &str) -> bool {
    let signers = folder.join("signers");
    let public: Vec<_> = public.split_whitespace().take(2).collect();
    fs::write(&signers, format!("bot@quarterdeck.test {}\n", public.join(" "))).expect("writes");
    let output = Command::new("git")
        .arg("--git-dir")
        .arg(&remote.path)
        .arg("-c")
        .arg(format!("gpg.ssh.allowedSignersFile={}", signers.display()))
        .args(["verify-commit", "main"])
        .output()
        .expect("runs");
    output.status.success()
}

fn git(remote: &Remote, arguments: &[&str]) -> String {
    let output =
        Command::new("git").arg("--git-dir").arg(&remote.path).args(arguments).output().expect("runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
