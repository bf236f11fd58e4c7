//! The tools: where they are, which version, and that they run in the sandbox.

use std::{
    fs::Permissions,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{
    error::NotRendered,
    sandbox::{Job, Sandbox, Wall},
};

/// Its name in the folder that is its root, which no tree can have: trees lie in a folder beside it.
pub(super) const PROGRAM: &str = "tool";
/// Where a tree lies in the folder that is its root: a name that is found again in what tools say.
pub(super) const TREE: &str = "quarterdeck-tree";

/// A tool that may be there.
#[derive(Debug)]
pub(super) struct Tool {
    name: &'static str,
    /// What the settings say; none: PATH.
    set: Option<PathBuf>,
    version_arguments: &'static [&'static str],
    ready: OnceCell<Ready>,
}

/// A tool that works.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    /// Name and version.
    pub(super) title: String,
    pub(super) wall: Wall,
    /// A copy that nobody changes, on the disk where trees are written.
    program: PathBuf,
}

impl Tool {
    pub(super) fn kustomize(set: Option<PathBuf>) -> Self {
        Self { name: "kustomize", set, version_arguments: &["version"], ready: OnceCell::new() }
    }

    pub(super) fn helm(set: Option<PathBuf>) -> Self {
        Self {
            name: "helm",
            set,
            version_arguments: &["version", "--template={{.Version}}"],
            ready: OnceCell::new(),
        }
    }

    /// Returns the tool, looked for and tried out the first time. A tool that is not there is looked for again.
    pub(super) async fn ready(&self, sandbox: &Sandbox, place: &Path) -> Result<&Ready, NotRendered> {
        self.ready.get_or_try_init(|| self.find(sandbox, place)).await
    }

    async fn find(&self, sandbox: &Sandbox, place: &Path) -> Result<Ready, NotRendered> {
        let found = self.path().ok_or(NotRendered::ToolMissing { tool: self.name })?;
        let no_place = |error: std::io::Error| NotRendered::Place { why: error.to_string() };
        // It stays with the folder that it is in, for the copy is used again and again.
        let root = own_folder(place, "tool-").map_err(no_place)?.keep();
        // The copy lies in a root of its own, as it lies in that of each tree.
        std::fs::DirBuilder::new().mode(0o700).create(root.join(TREE)).map_err(no_place)?;
        let program = root.join(PROGRAM);
        std::fs::copy(&found, &program).map_err(|error| NotRendered::Tool {
            tool: self.name,
            why: format!("{}: {error}", found.display()),
        })?;
        let wall = sandbox.prove(&root).await.map_err(|why| NotRendered::Sandbox { why })?;
        let mut walls = vec![Wall::Root, Wall::Rules];
        if wall == Wall::Rules {
            walls.remove(0);
        }
        let mut why = String::new();
        // A program that is not of one piece does not start where its libraries are not.
        for wall in walls {
            match self.version(sandbox, &root, wall).await {
                Ok(version) => {
                    let title = format!("{} {version}", self.name);
                    tracing::info!(tool = title, ?wall, "a tool to render with is ready");
                    return Ok(Ready { title, wall, program });
                }
                Err(error) => why = error,
            }
        }
        let _ = std::fs::remove_dir_all(&root);
        Err(NotRendered::Tool { tool: self.name, why })
    }

    async fn version(&self, sandbox: &Sandbox, root: &Path, wall: Wall) -> Result<String, String> {
        let args = self.version_arguments.iter().map(|it| (*it).to_owned()).collect();
        let job = Job { wall, root, program: PROGRAM, args, folder: TREE };
        let output = sandbox.run(job).await.map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.printed).trim().to_owned();
        let is_version = |it: &str| it.starts_with('v') && it.len() < 40 && !it.contains(char::is_whitespace);
        if output.status.success() && is_version(&said) {
            return Ok(said);
        }
        let first = output.complaint.lines().next().unwrap_or_default();
        Err(format!("it ends with {} and says {:?}", output.status, format!("{said}{first}")))
    }

    fn path(&self) -> Option<PathBuf> {
        if let Some(set) = &self.set {
            return set.is_file().then(|| set.clone());
        }
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join(self.name)).find(|it| it.is_file())
    }
}

/// Makes a folder that nobody else can look into.
pub(super) fn own_folder(place: &Path, prefix: &str) -> std::io::Result<TempDir> {
    tempfile::Builder::new().prefix(prefix).permissions(Permissions::from_mode(0o700)).tempdir_in(place)
}

impl Ready {
    /// Puts the tool into a folder that will be its root.
    pub(super) fn put_into(&self, root: &Path) -> std::io::Result<()> {
        std::fs::hard_link(&self.program, root.join(PROGRAM))
    }
}
