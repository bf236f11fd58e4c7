//! The repository of a made-up fleet, apps in environments as kustomize overlays; and others who write to it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use git2::{
    Commit, FileMode, Oid, Repository, RepositoryInitOptions, Signature, Sort, build::TreeUpdateBuilder,
};

/// The environments, in the order of promotions.
pub(crate) const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];
/// What each of them runs at the beginning.
pub(crate) const VERSIONS: [&str; 3] = ["1.6.0", "1.5.0", "1.4.0"];

const BRANCH: &str = "refs/heads/main";
const TOKEN: &str = "Quarterdeck-Token: ";

/// A bare repository.
pub(crate) struct Remote {
    pub(crate) path: PathBuf,
    git: Repository,
}

/// Writes the overlay of an app.
pub(crate) fn kustomization(environment: &str, tag: &str) -> String {
    format!(
        "namespace: shop-{environment}\nresources: [../../base]\nimages:\n  - name: shop/web # moved by promotions\n    newTag: {tag:?}\n"
    )
}

/// Names the file of an overlay.
pub(crate) fn overlay(app: &str, environment: &str) -> String {
    format!("apps/{app}/overlays/{environment}/kustomization.yaml")
}

impl Remote {
    /// Makes one in which each app has its versions in all environments.
    pub(crate) fn make(path: &Path, apps: &[impl AsRef<str>]) -> Self {
        let mut options = RepositoryInitOptions::new();
        options.bare(true).initial_head("main");
        let git = Repository::init_opts(path, &options).expect("a repository");
        // Git's own settings for a call of the program name no folder of hooks: a forge has its own.
        let hooks = path.join("hooks");
        git.config()
            .and_then(|mut it| it.set_str("core.hooksPath", &hooks.to_string_lossy()))
            .expect("is set");
        let remote = Self { path: path.to_owned(), git };
        let mut files = Vec::new();
        for app in apps.iter().map(AsRef::as_ref) {
            files.push((format!("apps/{app}/base/kustomization.yaml"), "resources: []\n".to_owned()));
            let overlays = ENVIRONMENTS.iter().zip(VERSIONS);
            files.extend(
                overlays
                    .map(|(environment, tag)| (overlay(app, environment), kustomization(environment, tag))),
            );
        }
        remote.commit(&files, "Begin");
        remote
    }

    /// Opens one that is there.
    pub(crate) fn open(path: &Path) -> Self {
        Self { path: path.to_owned(), git: Repository::open_bare(path).expect("a repository") }
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.path.display())
    }

    pub(crate) fn head(&self) -> Oid {
        self.git.refname_to_id(BRANCH).expect("a branch")
    }

    /// Commits as somebody else, on whatever is there.
    pub(crate) fn commit(&self, files: &[(impl AsRef<str>, impl AsRef<str>)], message: &str) -> Oid {
        loop {
            let commit = self.prepare(files, message);
            let parent = self.git.find_commit(commit).expect("is there").parent_id(0).ok();
            // A push may come in between.
            let set = match parent {
                Some(parent) => self.git.reference_matching(BRANCH, commit, true, parent, "commit"),
                None => self.git.reference(BRANCH, commit, false, "commit"),
            };
            if set.is_ok() {
                return commit;
            }
        }
    }

    /// Makes a commit on the head that the branch does not have yet.
    pub(crate) fn prepare(&self, files: &[(impl AsRef<str>, impl AsRef<str>)], message: &str) -> Oid {
        let git = &self.git;
        let parent = git.refname_to_id(BRANCH).ok().map(|it| git.find_commit(it).expect("a commit"));
        let mut update = TreeUpdateBuilder::new();
        for (path, text) in files {
            match text.as_ref() {
                "" => update.remove(path.as_ref()),
                text => {
                    update.upsert(path.as_ref(), git.blob(text.as_bytes()).expect("a blob"), FileMode::Blob)
                }
            };
        }
        let empty = || {
            git.treebuilder(None).and_then(|it| it.write()).and_then(|it| git.find_tree(it)).expect("a tree")
        };
        let base = parent.as_ref().map_or_else(empty, |it| it.tree().expect("a tree"));
        let tree = update.create_updated(git, &base).and_then(|it| git.find_tree(it)).expect("a tree");
        let who = Signature::now("erin", "erin@quarterdeck.test").expect("a signature");
        let parents: Vec<&Commit<'_>> = parent.iter().collect();
        git.commit(None, &who, &who, message, &tree, &parents).expect("commits")
    }

    /// Sets the branch, whatever was there.
    pub(crate) fn force(&self, commit: Oid) {
        self.git.reference(BRANCH, commit, true, "forced").expect("is set");
    }

    /// Sets what looks at each push before it is taken; it reads lines of `old new ref`.
    pub(crate) fn set_hook(&self, script: &str) {
        let hooks = self.path.join("hooks");
        let (new, hook) = (hooks.join("new"), hooks.join("pre-receive"));
        fs::create_dir_all(&hooks).expect("a folder");
        fs::write(&new, format!("#!/bin/sh\n{script}\n")).expect("writes");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("may run");
        fs::rename(new, hook).expect("is there");
    }

    /// Returns a file at the head.
    pub(crate) fn text_of(&self, path: &str) -> Option<String> {
        let tree = self.git.find_commit(self.head()).and_then(|it| it.tree()).expect("a tree");
        let blob = tree.get_path(Path::new(path)).ok()?.to_object(&self.git).and_then(|it| it.peel_to_blob());
        Some(String::from_utf8(blob.expect("a file").content().to_vec()).expect("text"))
    }

    /// Returns the tag of an app at the head.
    pub(crate) fn tag_of(&self, app: &str, environment: &str) -> String {
        let text = self.text_of(&overlay(app, environment)).expect("an overlay");
        let line = text.lines().find_map(|line| line.trim().strip_prefix("newTag: ")).expect("a tag");
        line.trim_matches('"').to_owned()
    }

    /// Returns the commits of the branch with their messages, the newest first.
    pub(crate) fn commits(&self) -> Vec<(Oid, String)> {
        let mut walk = self.git.revwalk().expect("a walk");
        walk.set_sorting(Sort::TOPOLOGICAL).and_then(|()| walk.push(self.head())).expect("begins");
        let message =
            |id: Oid| self.git.find_commit(id).expect("a commit").message().expect("text").to_owned();
        walk.map(|id| id.expect("goes on")).map(|id| (id, message(id))).collect()
    }

    /// Returns the tokens of changes on the branch, as often as they are there.
    pub(crate) fn tokens(&self) -> Vec<String> {
        let commits = self.commits();
        let tokens =
            commits.iter().flat_map(|(_, message)| message.lines().filter_map(|it| it.strip_prefix(TOKEN)));
        tokens.map(str::to_owned).collect()
    }

    /// Returns the paths that a commit changed.
    pub(crate) fn changed_by(&self, commit: Oid) -> Vec<String> {
        let commit = self.git.find_commit(commit).expect("a commit");
        let before = commit.parent(0).and_then(|it| it.tree()).ok();
        let difference =
            self.git.diff_tree_to_tree(before.as_ref(), Some(&commit.tree().expect("a tree")), None);
        let difference = difference.expect("compares");
        let path =
            |delta: git2::DiffDelta<'_>| delta.new_file().path().expect("a path").display().to_string();
        difference.deltas().map(path).collect()
    }

    /// Returns whether a commit is in the branch.
    pub(crate) fn has(&self, commit: Oid) -> bool {
        commit == self.head() || self.git.graph_descendant_of(self.head(), commit).expect("compares")
    }

    pub(crate) fn git(&self) -> &Repository {
        &self.git
    }
}
