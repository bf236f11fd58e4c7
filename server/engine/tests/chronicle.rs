//! What is remembered of a history is what a walk through it finds; and what was found holds as long as nothing decided
//! otherwise.

use engine::git::{
    chronicle::{Memory, since},
    layout::discover,
    plan::{History, Recalled, Walk},
    releases::{Limits, Releases},
    rules::Rules,
};
use git2::{FileMode, Oid};

use crate::bare::Bare;

const WEB_DEV: &str = "apps/web/overlays/dev/kustomization.yaml";
const WEB_PROD: &str = "apps/web/overlays/prod/kustomization.yaml";
const API_DEV: &str = "apps/api/overlays/dev/kustomization.yaml";
const FILES: [&str; 4] = [WEB_DEV, WEB_PROD, API_DEV, "README.md"];

fn images(tag: usize) -> String {
    format!("images:\n- name: web\n  newTag: v{tag}\n")
}

/// The same at each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("fits") % most
    }
}

/// A commit that changes, adds or removes one or two of the files, or merges a branch that did.
fn commit_something(repo: &Bare, chance: &mut Chance, number: usize) -> Oid {
    let tree = repo.tree();
    let there = |path: &&str| tree.has(path);
    let path = FILES[chance.below(FILES.len())];
    if chance.below(8) == 0 && there(&path) {
        return repo.commit_modes(&[], &[path]);
    }
    if chance.below(10) == 0 {
        return merge(repo, path, &images(number));
    }
    let (other, text) = (FILES[chance.below(FILES.len())], images(number));
    match chance.below(4) {
        0 if other != path => repo.commit(&[(path, &text), (other, &text)]),
        _ => repo.commit(&[(path, &text)]),
    }
}

/// Two commits on a branch, and the merge of it.
fn merge(repo: &Bare, path: &str, text: &str) -> Oid {
    let git = &repo.git;
    let main = git.head().expect("a head").peel_to_commit().expect("a commit");
    let branched = |parent: Oid, text: &str| {
        let mut update = git2::build::TreeUpdateBuilder::new();
        update.upsert(path, git.blob(text.as_bytes()).expect("a blob"), FileMode::Blob);
        let base = git.find_commit(parent).expect("a commit").tree().expect("a tree");
        let tree = git.find_tree(update.create_updated(git, &base).expect("a tree")).expect("a tree");
        let parent = git.find_commit(parent).expect("a commit");
        git.commit(None, &parent.author(), &parent.author(), "On a branch", &tree, &[&parent])
            .expect("commits")
    };
    let first = branched(main.id(), "images: []\n");
    let second = git.find_commit(branched(first, text)).expect("a commit");
    let tree = second.tree().expect("a tree");
    git.commit(Some("HEAD"), &main.author(), &main.author(), "Merge", &tree, &[&main, &second])
        .expect("commits")
}

fn head(repo: &Bare) -> Oid {
    repo.tree().commit()
}

/// All commits along first parents, the newest first.
fn commits(repo: &Bare) -> Vec<Oid> {
    let mut next = repo.git.find_commit(head(repo)).ok();
    std::iter::from_fn(|| {
        let commit = next.take()?;
        next = commit.parent(0).ok();
        Some(commit.id())
    })
    .collect()
}

fn check(repo: &Bare, memory: Memory<'_>, what: &str) -> usize {
    let walk = Walk::new(&repo.git, 10_000);
    let recalled = Recalled { memory, otherwise: &walk };
    let mut remembered = 0;
    for from in commits(repo) {
        let tree = repo.tree().at_commit(from).expect("a tree");
        for files in [&[WEB_DEV][..], &[WEB_PROD], &[API_DEV], &[WEB_DEV, WEB_PROD], &FILES] {
            remembered += usize::from(memory.touches(from, files).is_some());
            for limit in [1, 3, 1000] {
                let of = |history: &dyn History| {
                    history.touches(from, files, limit).collect::<Result<Vec<_>, _>>().expect("tells")
                };
                assert_eq!(of(&recalled), of(&walk), "{what}: {files:?} from {from}, {limit} of them");
            }
        }
        for file in FILES {
            if let Some(content) = memory.content_at(from, file) {
                let there = tree.entry(file).expect("reads").map(|it| it.id);
                assert_eq!(content, there, "{what}: {file} at {from}");
                remembered += 1;
            }
        }
    }
    remembered
}

#[test]
fn what_is_remembered_is_what_a_walk_would_find() {
    for seed in 0..12 {
        let mut chance = Chance(seed);
        let repo = Bare::of(&[(WEB_DEV, &images(0)), (WEB_PROD, &images(0))]);
        let mut number = 1;
        let mut more = |repo: &Bare, count: usize| {
            for _ in 0..count {
                commit_something(repo, &mut chance, number);
                number += 1;
            }
        };
        more(&repo, 15);
        let limits = Limits { commits: if seed % 3 == 0 { 6 } else { 1000 }, ..Limits::default() };
        let mut releases = Releases::read(&repo.git, head(&repo), &repo.found(), limits).expect("reads");
        let read = Memory { chronicle: releases.chronicle(), recent: &[] };
        assert!(check(&repo, read, "read") > 0);
        for round in 0..3 {
            more(&repo, 7);
            let known = releases.head();
            let (at, recent) =
                since(&repo.git, head(&repo), &[known], 100).expect("reads").expect("is not far");
            assert_eq!((at, recent.len()), (known, 7));
            let with_recent = Memory { chronicle: releases.chronicle(), recent: &recent };
            assert!(check(&repo, with_recent, &format!("recent {round}")) > 0);
            releases.extend(&repo.git, head(&repo), &repo.found()).expect("goes on");
            let extended = Memory { chronicle: releases.chronicle(), recent: &[] };
            assert!(check(&repo, extended, &format!("extended {round}")) > 0);
        }
    }
}

#[test]
fn what_is_too_far_back_or_elsewhere_is_not_told() {
    let repo = Bare::of(&[(WEB_DEV, &images(0))]);
    let first = head(&repo);
    for number in 1..5 {
        repo.commit(&[(WEB_DEV, &images(number))]);
    }
    let of =
        |known: &[Oid], most| since(&repo.git, head(&repo), known, most).expect("reads").map(|it| it.1.len());
    assert_eq!((of(&[first], 4), of(&[first], 3), of(&[head(&repo)], 0)), (Some(4), None, Some(0)));
    let aside = Bare::of(&[(WEB_DEV, &images(9))]);
    assert_eq!(of(&[head(&aside)], 100), None, "it is not in this history");
}

const APPLICATION: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: redis-dev}\nspec:\n  \
                           source: {repoURL: https://charts.example.com, chart: redis, targetRevision: 1.0.0}\n";

/// A repository with all that is looked into.
fn of_all_kinds() -> Bare {
    Bare::of(&[
        (WEB_DEV, &images(1)),
        (WEB_PROD, &images(1)),
        ("apps/web/base/deployment.yaml", "kind: Deployment\n"),
        ("apps/plain/dev/a.yaml", "apiVersion: v1\nkind: ConfigMap\n"),
        ("apps/plain/dev/b.yaml", "apiVersion: v1\nkind: ConfigMap\n"),
        ("clusters/dev/applications.yaml", APPLICATION),
        ("charts/api/Chart.yaml", "name: api\n"),
        ("charts/api/values-dev.yaml", "image: {tag: v1}\n"),
        ("notes.yaml", "a: 1\n"),
    ])
}

fn outlasts(repo: &Bare, change: impl FnOnce(&Bare) -> Oid) -> bool {
    let (before, found) = (head(repo), repo.found());
    change(repo);
    let (_, recent) = since(&repo.git, head(repo), &[before], 100).expect("reads").expect("is not far");
    let outlasts = found.outlasts(&recent);
    let now = discover(&repo.tree(), &Rules::default()).expect("is found");
    assert!(!outlasts || now == found, "{recent:?}");
    outlasts
}

#[test]
fn contents_that_decide_nothing_leave_what_was_found() {
    let repo = of_all_kinds();
    assert!(outlasts(&repo, |it| {
        it.commit(&[(WEB_DEV, &images(2))]);
        it.commit(&[(WEB_PROD, "images: [")])
    }));
    let others = [("apps/web/base/deployment.yaml", "kind: Job\n"), ("charts/api/values-dev.yaml", "x: 1\n")];
    assert!(outlasts(&repo, |it| it.commit(&others)));
    let program: (&str, &[u8], FileMode) = (WEB_DEV, b"images: []\n", FileMode::BlobExecutable);
    assert!(outlasts(&repo, |it| it.commit_modes(&[program], &[])));
}

const QA: (&str, &str) = ("apps/web/overlays/qa/kustomization.yaml", "a: 1\n");
const RULES: &str = ".quarterdeck.toml";

/// What somebody commits, by its name.
type Named = (&'static str, fn(&Bare) -> Oid);

#[test]
fn what_decides_is_looked_at_again() {
    let changes: [Named; 8] = [
        ("a new file", |it| it.commit(&[QA])),
        ("a file that went", |it| it.commit_modes(&[], &[WEB_PROD])),
        ("a link", |it| it.commit_modes(&[(WEB_DEV, b"/etc/passwd", FileMode::Link)], &[])),
        ("an Application", |it| {
            it.commit(&[("clusters/dev/applications.yaml", &APPLICATION.replace("redis", "kafka"))])
        }),
        ("what may become one", |it| it.commit(&[("notes.yaml", APPLICATION)])),
        ("the first manifest of a folder", |it| it.commit(&[("apps/plain/dev/a.yaml", "title: none\n")])),
        ("rules", |it| it.commit(&[(RULES, "")])),
        ("one of several commits", |it| {
            it.commit(&[QA]);
            it.commit(&[(WEB_DEV, &images(7))])
        }),
    ];
    for (name, change) in changes {
        assert!(!outlasts(&of_all_kinds(), change), "{name}");
    }
    let repo = of_all_kinds();
    repo.commit(&[(RULES, "")]);
    assert!(!outlasts(&repo, |it| it.commit(&[(RULES, "# More.\n")])), "rules that change");
}
