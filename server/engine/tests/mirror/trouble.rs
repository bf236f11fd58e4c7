//! Remotes and programs that misbehave: each ends in a sentence, and leaves a mirror that works.

use std::{fs, time::Duration};

use engine::git::{
    mirror::MirrorError,
    webhook::{WebhookSecrets, verify},
};
use http::HeaderMap;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{Lab, Origin, repo, until};

/// Does what the file `mode` says, where it is there.
const MODES: &str = r#"
mode=$(cat "$here/mode" 2>/dev/null)
case "$mode $*" in
  hang\ *\ fetch\ *) sleep 1000 & echo $! >"$here/sleeper"; wait ;;
  locks\ *\ fetch\ *)
    trap '' TERM
    touch "$2/packed-refs.lock" "$2/refs/remotes/origin/main.lock" "$2/objects/pack/tmp_pack_x"
    sleep 1000 ;;
  print\ *\ fetch\ *) yes ;;
  say\ *\ fetch\ *) yes "still at it" >&2 ;;
  fill\ *\ fetch\ *) truncate -s 64M "$2/objects/pack/tmp_pack_x"; sleep 1000 ;;
esac
exec git "$@""#;

fn set(lab: &Lab, mode: &str) {
    fs::write(lab.folder.path().join("mode"), mode).expect("writes");
}

#[tokio::test]
async fn a_remote_that_never_answers_meets_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let url = format!("http://{}/fleet.git", listener.local_addr().expect("an address"));
    let lab = Lab::with(|settings| settings.deadline = Duration::from_millis(500));
    let it = repo(&url);
    lab.mirrors.set_known(vec![it.clone()]);
    let why = lab.mirrors.ensure(&it).await.expect_err("hangs");
    assert!(matches!(why, MirrorError::Stalled { .. } | MirrorError::TimedOut { .. }), "{why}");
    assert!(why.to_string().contains("look whether its host is"), "{why}");
    let state = lab.state();
    assert_eq!(state.failing.expect("fails").why, why);
    assert!(state.fetched_at.is_none());
    // Whoever asks in the next moment is not made to wait again.
    assert_eq!(lab.mirrors.ensure(&it).await.err(), Some(why));
    until("no task is stuck", || lab.tasks.status().iter().all(|task| !task.name.starts_with("fetch http")))
        .await;
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn what_is_no_git_server_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let url = format!("http://{}/fleet.git", listener.local_addr().expect("an address"));
    let serve = async {
        loop {
            let (mut stream, _) = listener.accept().await.expect("accepts");
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n")
                && stream.read_buf(&mut asked).await.is_ok_and(|read| read > 0)
            {}
            let answer =
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>Sign in</html>";
            let _ended = stream.write_all(answer.as_bytes()).await;
        }
    };
    let (lab, it) = (Lab::new(), repo(&url));
    tokio::select! {
        () = serve => {}
        fetched = lab.mirrors.ensure(&it) => {
            let why = fetched.expect_err("is no Git");
            assert!(matches!(why, MirrorError::NotGit { .. } | MirrorError::NotFound { .. }), "{why}");
        }
    }
    let why = lab.mirrors.ensure(&repo("https://quarterdeck.invalid/x")).await.expect_err("is nowhere");
    assert!(matches!(why, MirrorError::NoSuchHost { .. }), "{why}");
    drop(listener);
    let why = lab.mirrors.ensure(&repo(&format!("{url}2"))).await.expect_err("does not listen");
    assert!(matches!(why, MirrorError::NoConnection { .. }), "{why}");
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn a_fetch_that_was_killed_leaves_a_mirror_that_works() {
    let (lab, origin) = (Lab::with_short_script(MODES), Origin::new());
    let it = repo(&origin.url());
    lab.mirrors.ensure(&it).await.expect("is fetched");
    set(&lab, "locks");
    let why = lab.mirrors.fresh(&it, Duration::ZERO).await.expect_err("hangs");
    assert!(matches!(why, MirrorError::TimedOut { .. } | MirrorError::Stalled { .. }), "{why}");
    // What was fetched before can be read.
    assert!(lab.mirrors.ensure(&it).await.expect("is there").resolve("main").is_ok());
    set(&lab, "");
    let pushed = origin.commit("main", &[("a", "2")], "Two");
    origin.commit("other", &[("a", "3")], "Three");
    let path = lab.mirrors.fresh(&it, Duration::ZERO).await.expect("is fetched");
    assert_eq!(path.resolve("main"), Ok(pushed));
    assert!(!lab.only_mirror().join("objects/pack/tmp_pack_x").exists());
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn a_first_fetch_that_was_killed_begins_anew() {
    let (lab, origin) = (Lab::with_short_script(MODES), Origin::new());
    let it = repo(&origin.url());
    set(&lab, "hang");
    assert!(lab.mirrors.ensure(&it).await.is_err());
    let sleeper = lab.written("sleeper");
    let stat = format!("/proc/{}/stat", sleeper.trim());
    until("its whole group is gone", || !fs::read_to_string(&stat).is_ok_and(|it| !it.contains(") Z ")))
        .await;
    set(&lab, "");
    let path = lab.mirrors.fresh(&it, Duration::ZERO).await.expect("is fetched");
    assert!(path.resolve("main").is_ok());
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn output_without_end_is_bounded_on_every_way() {
    let (lab, origin) = (Lab::with_short_script(MODES), Origin::new());
    let it = repo(&origin.url());
    for (mode, expected) in [("print", "lists more"), ("say", "did not answer within 4 s")] {
        set(&lab, mode);
        let why = lab.mirrors.fresh(&it, Duration::ZERO).await.expect_err("has no end").to_string();
        assert!(why.contains(expected), "{mode}: {why}");
    }
    let lab = lab.restart(|settings| settings.most_bytes = 32 << 20).await;
    set(&lab, "fill");
    let why = lab.mirrors.fresh(&it, Duration::ZERO).await.expect_err("is too large").to_string();
    assert!(why.contains("is larger than the 33554432 bytes"), "{why}");
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn an_empty_repository_is_said_until_its_first_commit() {
    let (lab, origin) = (Lab::new(), Origin::empty());
    let it = repo(&origin.url());
    let why = lab.mirrors.ensure(&it).await.expect_err("is empty");
    assert!(matches!(why, MirrorError::Empty { .. }), "{why}");
    let first = origin.commit("main", &[("a", "1")], "One");
    let path = lab.mirrors.fresh(&it, Duration::ZERO).await.expect("is fetched");
    assert_eq!(path.resolve("main"), Ok(first));
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn a_damaged_mirror_is_made_anew() {
    let (lab, origin) = (Lab::new(), Origin::new());
    let it = repo(&origin.url());
    let path = lab.mirrors.ensure(&it).await.expect("is fetched");
    let objects = path.path().join("objects");
    for entry in fs::read_dir(&objects).expect("a folder").flatten() {
        fs::remove_dir_all(entry.path()).expect("removes");
    }
    origin.commit("main", &[("a", "2")], "Two");
    let mut fetched = lab.mirrors.fresh(&it, Duration::ZERO).await;
    if fetched.is_err() {
        fetched = lab.mirrors.fresh(&it, Duration::ZERO).await;
    }
    assert!(fetched.expect("is fetched").resolve("main").is_ok());
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn a18_a_push_fetches_what_is_known_and_nothing_else() {
    let (lab, origin) = (Lab::new(), Origin::new());
    let known = repo(&origin.url());
    lab.mirrors.ensure(&known).await.expect("is fetched");
    lab.mirrors.set_known(vec![known.clone()]);
    let secrets = WebhookSecrets { gitlab: Some("s".into()), ..WebhookSecrets::default() };
    let mut headers = HeaderMap::new();
    headers.insert("x-gitlab-event", "Push Hook".parse().expect("a value"));
    headers.insert("x-gitlab-token", "s".parse().expect("a value"));
    let push = |url: &str, after: &str| {
        let body =
            format!(r#"{{"ref":"refs/heads/main","after":"{after}","project":{{"git_http_url":"{url}"}}}}"#);
        verify(&headers, body.as_bytes(), &secrets).expect("is signed")
    };
    let pushed = origin.commit("main", &[("a", "2")], "Two").to_string();
    assert_eq!(lab.mirrors.on_push(&push("file:///etc/passwd", &pushed)), 0);
    assert_eq!(lab.mirrors.on_push(&push(&known.url, &pushed)), 1);
    until("it is fetched", || lab.state().heads[0].1 == pushed).await;
    assert_eq!(lab.mirrors.on_push(&push(&known.url, &pushed)), 0);
    lab.tasks.shutdown().await;
}
