//! What a mirror holds, when it is fetched, and when it goes.

use std::time::Duration;

use engine::git::{
    history::History,
    mirror::{MirrorError, Repo},
    tree::Tree,
};

use super::{Lab, Origin, repo, run, until};

const COUNTED: &str = r#"case " $* " in *" fetch "*)
    echo fetch >>"$here/calls"
    while [ -e "$here/hold" ]; do sleep 0.02; done ;;
esac
exec git "$@""#;

fn fetches(lab: &Lab) -> usize {
    lab.written("calls").lines().count()
}

#[tokio::test]
async fn branches_and_tags_come_and_what_is_gone_goes() {
    let (lab, origin) = (Lab::new(), Origin::new());
    let it = repo(&origin.url());
    let first = origin.commit("main", &[("a", "1")], "One");
    let other = origin.commit("feature/x", &[("a", "2")], "Two");
    let object = origin.repository.find_object(first, None).expect("a commit");
    origin.repository.tag_lightweight("v1", &object, false).expect("a tag");
    let path = lab.mirrors.ensure(&it).await.expect("is fetched");
    for (revision, expected) in [
        ("main", first),
        ("HEAD", first),
        ("refs/heads/main", first),
        ("v1", first),
        ("refs/tags/v1", first),
        ("feature/x", other),
        (&other.to_string(), other),
        (&other.to_string()[..10], other),
    ] {
        assert_eq!(path.resolve(revision), Ok(expected), "{revision}");
    }
    for odd in ["nothing", "main~1", "../x", "refs/quarterdeck/changes/1", "-x", ":/One", "@{u}", ""] {
        let found = path.resolve(odd);
        assert!(odd.is_empty() || matches!(found, Err(MirrorError::NoRevision { .. })), "{odd}: {found:?}");
    }

    origin.repository.find_reference("refs/heads/feature/x").expect("is there").delete().expect("deletes");
    origin.repository.find_reference("refs/tags/v1").expect("is there").delete().expect("deletes");
    let path = lab.mirrors.fresh(&it, Duration::ZERO).await.expect("is fetched");
    let gone = path.resolve("feature/x").expect_err("is gone").to_string();
    assert!(gone.contains("was deleted or is misspelt"), "{gone}");
    assert!(path.resolve("v1").is_err());
    lab.mirrors.set_known(vec![it]);
    let state = lab.state();
    assert_eq!(state.heads, [("main".to_owned(), first.to_string())]);
    assert_eq!(state.default_branch.as_deref(), Some("main"));
    assert!(state.fetched_at.is_some() && state.failing.is_none() && state.size > 0);
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn callers_share_a_fetch_unless_it_began_too_early() {
    let (lab, origin) = (Lab::with_script(COUNTED), Origin::new());
    let it = repo(&origin.url());
    let both = tokio::join!(lab.mirrors.ensure(&it), lab.mirrors.fresh(&it, Duration::from_secs(60)));
    assert!(both.0.is_ok() && both.1.is_ok());
    assert_eq!(fetches(&lab), 1);
    lab.mirrors.fresh(&it, Duration::from_secs(60)).await.expect("is fresh");
    assert_eq!(fetches(&lab), 1);

    // One is on its way, and may have missed a push: who knows of the push waits for the next, all for the same.
    std::fs::write(lab.folder.path().join("hold"), "").expect("writes");
    let hold = lab.folder.path().join("hold");
    let early = lab.mirrors.fresh(&it, Duration::ZERO);
    let late = async {
        until("a fetch began", || fetches(&lab) == 2).await;
        let pushed = origin.commit("main", &[("a", "pushed")], "Pushed");
        let one = lab.mirrors.fresh(&it, Duration::ZERO);
        let two = lab.mirrors.fresh(&it, Duration::ZERO);
        let release = async { std::fs::remove_file(&hold).expect("removes") };
        let (one, two, ()) = tokio::join!(one, two, release);
        assert_eq!(one.expect("is fetched").resolve("main"), Ok(pushed));
        assert!(two.is_ok());
    };
    let (early, ()) = tokio::join!(early, late);
    assert!(early.is_ok());
    assert!((3..=4).contains(&fetches(&lab)), "{}", fetches(&lab));
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn who_stops_waiting_stops_no_fetch() {
    let (lab, origin) = (Lab::with_script(COUNTED), Origin::new());
    let it = repo(&origin.url());
    let hold = lab.folder.path().join("hold");
    std::fs::write(&hold, "").expect("writes");
    tokio::select! {
        _ = lab.mirrors.ensure(&it) => panic!("it is held"),
        () = until("a fetch began", || fetches(&lab) == 1) => {}
    }
    std::fs::remove_file(hold).expect("removes");
    lab.mirrors.ensure(&it).await.expect("is fetched");
    assert_eq!(fetches(&lab), 1);
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn the_timer_fetches_what_is_known() {
    let lab = Lab::with(|settings| settings.interval = Duration::from_millis(100));
    let origin = Origin::new();
    lab.mirrors.set_known(vec![repo(&origin.url())]);
    until("it was fetched", || lab.state().fetched_at.is_some()).await;
    let pushed = origin.commit("main", &[("a", "2")], "Two").to_string();
    until("the push is seen", || lab.state().heads[0].1 == pushed).await;
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn changes_that_are_not_pushed_survive_prune_gc_and_eviction() {
    let lab = Lab::with(|settings| settings.most_bytes = 1);
    let (origin, other) = (Origin::new(), Origin::new());
    let it = repo(&origin.url());
    // The bound holds for the packs of one fetch as well: the first is made with a higher one.
    let lab = lab.restart(|settings| settings.most_bytes = 1 << 30).await;
    let path = lab.mirrors.ensure(&it).await.expect("is fetched");
    let git = path.open().expect("opens");
    let who = git2::Signature::now("Bot", "bot@example.com").expect("a name");
    let parent = git.find_commit(path.resolve("main").expect("is there")).expect("is there");
    let name = "refs/quarterdeck/changes/1";
    let tree = parent.tree().expect("a tree");
    let change = git.commit(Some(name), &who, &who, "A change", &tree, &[&parent]).expect("a commit");
    origin.commit("main", &[("a", "2")], "Two");
    let path = lab.mirrors.fresh(&it, Duration::ZERO).await.expect("is fetched");
    run("git", &["gc", "--prune=now", "--quiet"], path.path());
    assert_eq!(path.open().expect("opens").refname_to_id(name), Ok(change));
    assert!(path.open().expect("opens").find_commit(change).is_ok());
    let folder = path.path().to_owned();
    drop((path, tree, parent));
    drop(git);
    let lab = lab.restart(|settings| settings.most_bytes = 20_000).await;
    lab.mirrors.ensure(&repo(&other.url())).await.expect("is fetched");
    lab.tasks.shutdown().await;
    assert!(folder.join("HEAD").exists());
}

#[tokio::test]
async fn the_least_recently_used_mirror_makes_room_unless_it_is_held() {
    let origins: Vec<_> = (0..4).map(|_| Origin::new()).collect();
    let of = |n: usize| repo(&origins[n].url());
    let lab = Lab::new();
    let _first = lab.mirrors.ensure(&of(0)).await.expect("is fetched");
    lab.mirrors.set_known((0..4).map(of).collect());
    until("a size", || lab.mirrors.states().iter().any(|it| it.size > 0)).await;
    let one = lab.mirrors.states().iter().map(|it| it.size).max().expect("a size");
    let lab = lab.restart(|settings| settings.most_bytes = one * 5 / 2).await;
    let held = lab.mirrors.ensure(&of(0)).await.expect("is there");
    lab.mirrors.ensure(&of(1)).await.expect("is fetched");
    // What is still being packed cannot go.
    until("it is at rest", || lab.tasks.status().iter().all(|it| !it.name.starts_with("fetch file"))).await;
    lab.mirrors.ensure(&of(2)).await.expect("is fetched");
    lab.mirrors.set_known((0..3).map(of).collect());
    let evicted =
        |n: usize| lab.mirrors.states().into_iter().find(|it| it.repo == of(n)).expect("known").is_evicted;
    until("one had to go", || evicted(1)).await;
    assert!(!evicted(0) && held.resolve("main").is_ok());
    // It comes back when somebody reads it.
    let back = lab.mirrors.ensure(&of(1)).await.expect("is fetched");
    assert!(back.resolve("main").is_ok() && !evicted(1));
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn a_restart_keeps_mirrors_that_can_be_read_while_the_remote_is_down() {
    let (lab, origin) = (Lab::new(), Origin::new());
    let it = repo(&origin.url());
    let id = origin.commit("main", &[("a", "1")], "One");
    lab.mirrors.ensure(&it).await.expect("is fetched");
    std::fs::rename(origin.path(), origin.folder.path().join("away")).expect("moves");
    let lab = lab.restart(|_| {}).await;
    let path = lab.mirrors.ensure(&it).await.expect("is there");
    assert_eq!(path.resolve("main"), Ok(id));
    let why = lab.mirrors.fresh(&it, Duration::ZERO).await.expect_err("is away").to_string();
    assert!(why.contains("is not found there"), "{why}");
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn two_programs_do_not_share_a_folder() {
    let lab = Lab::new();
    let settings = engine::git::mirror::MirrorSettings::new(lab.folder.path().join("mirrors"));
    let metrics = engine::metrics::Metrics::default();
    let tasks = engine::tasks::Tasks::default();
    let second =
        engine::git::mirror::Mirrors::new(settings, std::sync::Arc::new(lab.given.clone()), metrics, tasks);
    assert!(matches!(second, Err(MirrorError::InUse { .. })), "{second:?}");
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn a_reader_opens_a_mirror_by_its_own_credentials_alone() {
    let (lab, origin) = (Lab::with_script(COUNTED), Origin::new());
    let it = repo(&origin.url());
    lab.mirrors.ensure(&it).await.expect("is fetched");
    std::fs::rename(origin.path(), origin.folder.path().join("away")).expect("moves");
    let other = Repo { project: "other".into(), ..it.clone() };
    let refused = lab.mirrors.ensure(&other).await;
    assert!(matches!(refused, Err(MirrorError::NotFound { .. })), "{refused:?}");
    assert!(lab.mirrors.ensure(&it).await.is_ok());
    assert_eq!(fetches(&lab), 2);
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn files_are_fetched_only_where_the_settings_allow_it() {
    let lab = Lab::with(|settings| settings.allow_files = false);
    let origin = Origin::new();
    for url in [origin.url(), origin.path().display().to_string()] {
        let refused = lab.mirrors.ensure(&repo(&url)).await;
        assert!(matches!(refused, Err(MirrorError::FilesNotAllowed { .. })), "{refused:?}");
    }
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn a_commit_has_its_facts_and_one_that_is_not_there_costs_one_fetch_a_minute() {
    let (lab, origin) = (Lab::with_script(COUNTED), Origin::new());
    let it = repo(&origin.url());
    lab.mirrors.ensure(&it).await.expect("is fetched");
    let id = origin.commit("main", &[("a", "1")], "Raise web\u{7} to 1.5\n\nBecause.");
    let facts = lab.mirrors.commit(&it, &id.to_string()).await.expect("is found");
    assert_eq!((facts.id, facts.subject.as_str(), facts.author.as_str()), (id, "Raise web to 1.5", "Ana"));
    assert_eq!(facts.at.0, 1_700_000_000_000);
    assert_eq!(lab.mirrors.commit(&it, "main").await, Ok(facts));
    assert_eq!(fetches(&lab), 2);
    for _ in 0..3 {
        let missing = lab.mirrors.commit(&it, &"a".repeat(40)).await;
        assert!(matches!(missing, Err(MirrorError::NoCommit { .. })), "{missing:?}");
    }
    assert_eq!(fetches(&lab), 2);
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn the_commits_that_changed_a_path_are_those_that_libgit2_finds() {
    let (lab, origin) = (Lab::new(), Origin::new());
    let it = repo(&origin.url());
    origin.commit("main", &[("apps/web/x*", "1"), ("b", "1")], "One\u{1} of two");
    origin.commit("main", &[("b", "2")], "Two");
    let last = origin.commit("main", &[("apps/web/x*", "2")], "Three");
    let path = lab.mirrors.ensure(&it).await.expect("is fetched");
    let history = History::new("git".as_ref(), path.path());
    let git = path.open().expect("opens");
    let tree = Tree::at(&git, &last.to_string()).expect("is there");
    for file in ["apps/web/x*", "b", "apps/web/kustomization.yaml", "missing"] {
        let expected: Vec<_> = tree.touches(file, 100).collect();
        assert_eq!(history.touches(last, file, 100).expect("is read"), expected, "{file}");
    }
    assert_eq!(history.touches(last, "apps", 2).expect("is read").len(), 2);
    assert!(history.touches(git2::Oid::from_bytes(&[7; 20]).expect("an id"), "b", 2).is_err());
    lab.tasks.shutdown().await;
}
