//! Bare repositories of a test: made of files, gone with it.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use engine::git::{
    layout::{Found, discover},
    rules::Rules,
    tree::Tree,
};
use git2::{FileMode, Oid, Repository, Signature, Time, build::TreeUpdateBuilder};

/// A bare repository in a folder of its own.
pub(crate) struct Bare {
    pub(crate) git: Repository,
    folder: PathBuf,
    commits: AtomicU32,
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Bare {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bare-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let git = Repository::init_bare(&folder).expect("a repository");
        Self { git, folder, commits: AtomicU32::new(0) }
    }

    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let repo = Self::new();
        repo.commit(files);
        repo
    }

    pub(crate) fn commit(&self, files: &[(&str, &str)]) -> Oid {
        let files = files.iter().map(|(path, text)| (*path, text.as_bytes(), FileMode::Blob));
        self.commit_modes(&files.collect::<Vec<_>>(), &[])
    }

    pub(crate) fn commit_modes(&self, files: &[(&str, &[u8], FileMode)], removed: &[&str]) -> Oid {
        let git = &self.git;
        let parent = git.head().ok().map(|head| head.peel_to_commit().expect("a commit"));
        let mut update = TreeUpdateBuilder::new();
        for (path, bytes, mode) in files {
            let id = match mode {
                FileMode::Commit => Oid::from_str("1234567890123456789012345678901234567890").expect("an id"),
                _ => git.blob(bytes).expect("a blob"),
            };
            update.upsert(*path, id, *mode);
        }
        for path in removed {
            update.remove(*path);
        }
        let empty = || {
            git.find_tree(git.treebuilder(None).expect("a builder").write().expect("a tree")).expect("a tree")
        };
        let base = parent.as_ref().map_or_else(empty, |it| it.tree().expect("a tree"));
        let tree = update.create_updated(git, &base).expect("a tree");
        self.commit_tree(tree, parent.as_ref().map(git2::Commit::id))
    }

    pub(crate) fn commit_tree(&self, tree: Oid, parent: Option<Oid>) -> Oid {
        let git = &self.git;
        let count = self.commits.fetch_add(1, Ordering::Relaxed);
        let time = Time::new(1_790_000_000 + i64::from(count) * 60, 0);
        let who = Signature::new("erin", "erin@quarterdeck.test", &time).expect("a signature");
        let parents: Vec<_> = parent.map(|it| git.find_commit(it).expect("a commit")).into_iter().collect();
        let tree = git.find_tree(tree).expect("a tree");
        let subject = format!("Change {count}");
        let head = if git.head().ok().and_then(|it| it.target()) == parent { Some("HEAD") } else { None };
        git.commit(head, &who, &who, &subject, &tree, &parents.iter().collect::<Vec<_>>()).expect("commits")
    }

    pub(crate) fn tree(&self) -> Tree<'_> {
        Tree::at(&self.git, "HEAD").expect("a tree")
    }

    pub(crate) fn found(&self) -> Found {
        self.found_by(&Rules::default())
    }

    pub(crate) fn found_by(&self, rules: &Rules) -> Found {
        discover(&self.tree(), rules).expect("finds")
    }
}
