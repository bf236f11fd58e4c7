//! A repository to plan on, and git's own opinion of the patches.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use engine::git::{
    layout::{self, Found},
    plan::{
        AppAsk, Earlier, PlanError, Planned, Promotion, RollbackAsk, StatesAsk, UndoApp, UndoAsk, Walk,
        earlier_states, promote, rollback, undo,
    },
    rules::Rules,
    trailers::{Act, Trailers},
    tree::Tree,
};
use git2::{FileMode, Oid, Repository, Signature, Time, build::TreeUpdateBuilder};
use model::plan::{PlanKind, PlanRow};

/// A path, and what it holds; none where it is removed.
type File<'a> = (&'a str, Option<(&'a [u8], FileMode)>);

/// A bare repository in a folder of its own, which goes with the test.
pub(super) struct Repo {
    pub(super) repository: Repository,
    pub(super) folder: PathBuf,
    pub(super) rules: Rules,
    clock: AtomicU32,
}

impl Drop for Repo {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Repo {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("plan-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let repository = Repository::init_bare(&folder).expect("a repository");
        let repo = Self { repository, folder, rules: Rules::default(), clock: AtomicU32::new(0) };
        repo.commit(files);
        repo
    }

    pub(super) fn commit(&self, files: &[(&str, &str)]) -> Oid {
        self.commit_by("erin", "Change", files)
    }

    pub(super) fn commit_by(&self, who: &str, message: &str, files: &[(&str, &str)]) -> Oid {
        let files: Vec<_> =
            files.iter().map(|(path, text)| (*path, Some((text.as_bytes(), FileMode::Blob)))).collect();
        self.commit_all(who, message, &files)
    }

    pub(super) fn remove(&self, path: &str) -> Oid {
        self.commit_all("erin", "Remove", &[(path, None)])
    }

    pub(super) fn link(&self, path: &str, to: &str) -> Oid {
        self.commit_all("erin", "Link", &[(path, Some((to.as_bytes(), FileMode::Link)))])
    }

    pub(super) fn commit_all(&self, who: &str, message: &str, files: &[File<'_>]) -> Oid {
        let parents: Vec<_> = self.repository.head().ok().and_then(|it| it.target()).into_iter().collect();
        self.commit_on(&parents, who, message, files)
    }

    /// Commits on parents, and moves the head there.
    pub(super) fn commit_on(&self, parents: &[Oid], who: &str, message: &str, files: &[File<'_>]) -> Oid {
        let git = &self.repository;
        let parents: Vec<_> = parents.iter().map(|it| git.find_commit(*it).expect("a commit")).collect();
        let mut update = TreeUpdateBuilder::new();
        for (path, content) in files {
            match content {
                Some((bytes, mode)) => update.upsert(*path, git.blob(bytes).expect("a blob"), *mode),
                None => update.remove(*path),
            };
        }
        let empty = || {
            git.find_tree(git.treebuilder(None).expect("a builder").write().expect("a tree")).expect("a tree")
        };
        let base = parents.first().map_or_else(empty, |it| it.tree().expect("a tree"));
        let tree = git.find_tree(update.create_updated(git, &base).expect("a tree")).expect("a tree");
        // A minute between commits: the order is seen, and every run has the same ids.
        let minutes = i64::from(self.clock.fetch_add(1, Ordering::Relaxed));
        let at = Time::new(1_790_000_000 + 60 * minutes, 0);
        let who = Signature::new(who, &format!("{who}@quarterdeck.test"), &at).expect("a signature");
        let commit = git
            .commit(None, &who, &who, message, &tree, &parents.iter().collect::<Vec<_>>())
            .expect("commits");
        let head = git.find_reference("HEAD").expect("a head");
        let branch = head.symbolic_target().expect("a name").expect("a branch").to_owned();
        git.reference(&branch, commit, true, "test").expect("moves");
        commit
    }

    pub(super) fn head(&self) -> Tree<'_> {
        Tree::at(&self.repository, "HEAD").expect("a tree")
    }

    pub(super) fn found(&self) -> Found {
        layout::discover(&self.head(), &self.rules).expect("is found")
    }

    pub(super) fn promote(&self, from: &str, to: &str) -> Result<Planned, PlanError> {
        self.promote_all(from, to, vec![AppAsk::named("web")])
    }

    pub(super) fn promote_all(&self, from: &str, to: &str, apps: Vec<AppAsk>) -> Result<Planned, PlanError> {
        self.promote_knowing(None, from, to, apps)
    }

    /// With the commits that a record knows as ours.
    pub(super) fn promote_knowing(
        &self,
        ours: Option<&BTreeSet<Oid>>,
        from: &str,
        to: &str,
        apps: Vec<AppAsk>,
    ) -> Result<Planned, PlanError> {
        let (tree, found) = (self.head(), self.found());
        let history = Walk::new(&self.repository, 2000);
        promote(&Promotion {
            tree: &tree,
            rules: &self.rules,
            found: &found,
            history: &history,
            from,
            to,
            apps,
            ours,
        })
    }

    pub(super) fn rollback(&self, to: Oid, whole_path: bool) -> Result<Planned, PlanError> {
        let (tree, found) = (self.head(), self.found());
        let earlier = tree.at_commit(to)?;
        let history = Walk::new(&self.repository, 2000);
        rollback(&RollbackAsk {
            tree: &tree,
            rules: &self.rules,
            found: &found,
            history: &history,
            app: "web",
            environment: "prod",
            earlier: &earlier,
            whole_path,
            ours: None,
        })
    }

    /// Undoes what a plan wrote that was carried out by a commit.
    pub(super) fn undo(&self, planned: &Planned, commit: Oid) -> Result<Planned, PlanError> {
        let (tree, found) = (self.head(), self.found());
        let history = Walk::new(&self.repository, 2000);
        let rows = planned.plan.rows.iter().zip(&planned.expected).filter(|(_, wrote)| !wrote.is_empty());
        let app = |(row, wrote): (&PlanRow, &Vec<_>)| UndoApp {
            name: row.app.clone(),
            base_path: row.base_path.clone(),
            slug: Some(row.app.clone()),
            wrote: wrote.clone(),
            skip: None,
        };
        undo(&UndoAsk {
            tree: &tree,
            rules: &self.rules,
            found: &found,
            history: &history,
            environment: &planned.plan.to,
            commit,
            apps: rows.map(app).collect(),
        })
    }

    pub(super) fn states(&self, limit: usize) -> Earlier {
        let (tree, found) = (self.head(), self.found());
        let app = found.apps.iter().find(|app| app.name == "web").expect("web");
        let history = Walk::new(&self.repository, 2000);
        let environment = "prod";
        earlier_states(&StatesAsk { tree: &tree, history: &history, app, environment, limit }).expect("tells")
    }

    /// Commits what was planned, with our trailers.
    pub(super) fn carry_out(&self, planned: &Planned) -> Oid {
        let files: Vec<_> = planned
            .writes
            .iter()
            .map(|(path, write)| (path.as_str(), write.after.as_deref().map(|it| (it, FileMode::Blob))))
            .collect();
        let plan = &planned.plan;
        let trailers = Trailers {
            change: plan.hash[..16].to_owned(),
            act: match plan.kind {
                PlanKind::Promote => Act::Promote,
                PlanKind::Rollback => Act::Rollback,
                PlanKind::Introduce => Act::Introduce,
            },
            apps: plan.rows.iter().map(|row| row.base_path.clone()).collect(),
            from: plan.from.clone(),
            to: plan.to.clone(),
            ..Trailers::default()
        };
        self.commit_all("quarterdeck", &trailers.message("Carry out", None), &files)
    }

    pub(super) fn text(&self, path: &str) -> String {
        String::from_utf8(self.head().read(path).expect("reads")).expect("is text")
    }

    /// Applies the patches with git to a clone; each file must be as the plan says, and all others as they were.
    pub(super) fn check_with_git(&self, planned: &Planned) {
        let clone = self.folder.with_extension("clone");
        let _ = std::fs::remove_dir_all(&clone);
        git(&self.folder, &["clone", "-q", "--no-checkout", ".", clone.to_str().expect("a path")], &[]);
        git(&clone, &["-c", "core.autocrlf=false", "checkout", "-q", "-f", "HEAD"], &[]);
        let patch: String = planned.plan.files.iter().map(|file| file.patch.as_str()).collect();
        git(
            &clone,
            &["-c", "core.autocrlf=false", "apply", "--index", "--whitespace=nowarn", "-"],
            patch.as_bytes(),
        );
        let changed = git(&clone, &["diff", "--cached", "--name-only", "-z"], &[]);
        let mut changed: Vec<_> = changed.split('\0').filter(|it| !it.is_empty()).collect();
        changed.sort_unstable();
        assert_eq!(changed, planned.writes.keys().map(String::as_str).collect::<Vec<_>>());
        for (path, write) in &planned.writes {
            let there = std::fs::read(clone.join(path)).ok();
            assert_eq!(there, write.after, "{path}");
        }
        std::fs::remove_dir_all(clone).expect("removes");
    }
}

fn git(folder: &Path, arguments: &[&str], input: &[u8]) -> String {
    use std::{io::Write as _, process::Stdio};
    let mut child = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git runs");
    child.stdin.take().expect("an input").write_all(input).expect("writes");
    let output = child.wait_with_output().expect("ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}\n{}", String::from_utf8_lossy(input));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The moves of a row without their files.
pub(super) fn moves(row: &PlanRow) -> Vec<(&str, Option<&str>, Option<&str>)> {
    row.moves.iter().map(|it| (it.field.as_str(), it.before.as_deref(), it.after.as_deref())).collect()
}
