//! Pushes: one commit to one branch, if the branch is still where it was. A push never forces: it is a comparison and a
//! swap, made by the remote.

use std::{sync::Arc, time::Instant};

use git2::Oid;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Credentials, Mirror, MirrorError, Mirrors, Remote, Repo,
    bare::Heads,
    call::Call,
    child::{Bounds, Failure},
    explain::{Asked, mask},
    fetching::{CREDENTIALS, OUTPUT, folder},
    remote::Kind,
};

/// Why a commit is not on its branch, as far as is known.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PushError {
    /// The branch is not where it was; nothing was changed.
    #[error("{branch} has moved meanwhile")]
    Moved { branch: String },
    /// The remote does not take it: a hook, a protection, or missing rights; nothing was changed.
    #[error("the push to {branch} was refused: {said}")]
    Refused { branch: String, said: String },
    /// There are no credentials to push with.
    #[error("{0}")]
    NoCredentials(String),
    /// The call broke off. The remote may have taken the commit, or not: a fetch tells.
    #[error("whether the push was taken is not known: {0}")]
    NotKnown(MirrorError),
}

/// A push whose turn it is: nothing is waited for any more but the remote.
pub struct ReadyPush {
    repo: Repo,
    remote: Remote,
    credentials: Credentials,
    mirror: Arc<Mirror>,
    call: Call,
    _turn: OwnedSemaphorePermit,
}

impl Mirrors {
    /// Waits until a repository may be pushed to, for other calls may be under way and credentials have to be read; what
    /// has to hold right before a push is looked at between this and [`Mirrors::push`].
    ///
    /// # Errors
    /// There are no credentials to push with.
    pub async fn prepare_push(&self, repo: &Repo) -> Result<ReadyPush, PushError> {
        let remote = Remote::read(&repo.url).map_err(not_begun)?;
        let mirror = self.mirror_of(repo).map_err(not_begun)?;
        let credentials = self.write_credentials(repo, &remote).await?;
        let call = Call::prepare(&self.shared.settings.folder.join("calls"), &remote, &credentials)
            .map_err(|error| not_begun(folder("written to", &error)))?;
        let turn = Arc::clone(&self.shared.pushes).acquire_owned().await;
        let turn = turn.map_err(|_| not_begun(MirrorError::Interrupted { url: remote.to_string() }))?;
        Ok(ReadyPush { repo: repo.clone(), remote, credentials, mirror, call, _turn: turn })
    }

    /// Pushes a commit to a branch that has to be at `expected` still; with none, the branch must not be there.
    ///
    /// # Errors
    /// Why it is not there; after [`PushError::NotKnown`] it may be.
    pub async fn push(
        &self,
        push: ReadyPush,
        branch: &str,
        expected: Option<Oid>,
        commit: Oid,
    ) -> Result<(), PushError> {
        let begin = Instant::now();
        let result = self.call_push(&push, branch, expected, commit).await;
        let outcome = match &result {
            Ok(()) => "ok",
            Err(PushError::NotKnown(error)) => error.outcome(),
            Err(_) => "error",
        };
        self.shared.metrics.external_call("git_push", outcome, begin.elapsed());
        if result.is_ok() {
            self.note_pushed(&push.repo, branch, commit).await;
        }
        result
    }

    async fn call_push(
        &self,
        push: &ReadyPush,
        branch: &str,
        expected: Option<Oid>,
        commit: Oid,
    ) -> Result<(), PushError> {
        // To Git an empty value means that there is no such branch.
        let expected = expected.map(|id| id.to_string()).unwrap_or_default();
        let ReadyPush { remote, credentials, mirror, call, .. } = push;
        let settings = &self.shared.settings;
        let asked = Asked { remote, credentials, most_bytes: settings.most_bytes };
        let mut command = call.command(&settings.git);
        command.arg("--git-dir").arg(&mirror.bare.path).args([
            "push",
            "--no-verify",
            "--no-follow-tags",
            "--recurse-submodules=no",
            &format!("--force-with-lease=refs/heads/{branch}:{expected}"),
            "--end-of-options",
            &remote.for_git(),
            &format!("{commit}:refs/heads/{branch}"),
        ]);
        let bounds = Bounds { deadline: settings.deadline, silence: settings.deadline, output: OUTPUT };
        match super::child::run(command, bounds, || true).await {
            Ok(_) => Ok(()),
            Err(Failure::Failed(text)) => Err(read(branch, &text, &asked)),
            Err(failure) => Err(PushError::NotKnown(asked.explain(failure))),
        }
    }

    async fn write_credentials(&self, repo: &Repo, remote: &Remote) -> Result<Credentials, PushError> {
        if remote.kind() == Kind::File {
            return Ok(Credentials::default());
        }
        let url = remote.to_string();
        let asked = tokio::time::timeout(CREDENTIALS, self.shared.credentials.write_credentials(repo)).await;
        let late = || Err(format!("they were not read within {} s", CREDENTIALS.as_secs()));
        asked.unwrap_or_else(|_| late()).map_err(|why| {
            let why = mask(&why, remote, &Credentials::default());
            PushError::NoCredentials(format!("{url} cannot be pushed to: {why}"))
        })
    }

    /// What reads the mirror need not wait for the next fetch.
    async fn note_pushed(&self, repo: &Repo, branch: &str, commit: Oid) {
        let Ok(mirror) = self.mirror_of(repo) else { return };
        let _alone = mirror.work.lock().await;
        let (bare, name) = (mirror.bare.clone(), format!("refs/remotes/origin/{branch}"));
        let set = tokio::task::spawn_blocking(move || {
            let repository = bare.open()?;
            repository.reference(&name, commit, true, "pushed")?;
            bare.heads()
        });
        // Where that fails, the next fetch tells.
        if let Ok(Ok(heads)) = set.await {
            let heads: Heads = heads;
            mirror.state().heads = Arc::new(heads);
        }
    }
}

/// What happened before the call: the remote knows nothing of it.
fn not_begun(error: MirrorError) -> PushError {
    PushError::NoCredentials(error.to_string())
}

/// Reads what Git says of a push that it did not make. Source: `transport.c` and `builtin/receive-pack.c` of Git.
fn read(branch: &str, text: &str, asked: &Asked<'_>) -> PushError {
    let branch = branch.to_owned();
    let rejected = text.lines().find(|line| line.trim_start().starts_with('!'));
    let Some(rejected) = rejected else {
        let error = asked.explain(Failure::Failed(text.to_owned()));
        return if error.is_denial() || matches!(error, MirrorError::NoSuchHost { .. }) {
            PushError::Refused { branch, said: error.to_string() }
        } else {
            PushError::NotKnown(error)
        };
    };
    const MOVED: [&str; 7] = [
        "stale info",
        "fetch first",
        "non-fast-forward",
        "cannot lock ref",
        "failed to update ref",
        "incorrect old value",
        "reference already exists",
    ];
    if MOVED.iter().any(|words| rejected.contains(words) || text.contains(&format!("({words})"))) {
        return PushError::Moved { branch };
    }
    // The words of hooks, and Git's own reason in the parentheses at the end.
    let words = text.lines().filter_map(|line| line.trim().strip_prefix("remote:")).map(str::trim);
    let words: Vec<_> = words.filter(|line| !line.is_empty()).collect();
    let reason = rejected.rsplit_once('(').map_or(rejected, |(_, reason)| reason.trim_end_matches(')'));
    let said = if words.is_empty() { reason.to_owned() } else { format!("{} ({reason})", words.join(" ")) };
    PushError::Refused { branch, said: mask(&said, asked.remote, asked.credentials) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> PushError {
        let remote = Remote::read("https://git.example.com/shop/deploy").expect("a remote");
        let credentials = Credentials::default();
        read("main", text, &Asked { remote: &remote, credentials: &credentials, most_bytes: 0 })
    }

    #[test]
    fn a_branch_that_moved_is_told_from_a_refusal() {
        let stale = " ! [rejected]        abc -> main (stale info)\nerror: failed to push some refs";
        assert!(matches!(told(stale), PushError::Moved { .. }));
        let lock =
            " ! [remote rejected] abc -> main (cannot lock ref 'refs/heads/main': is at 1 but expected 2)";
        assert!(matches!(told(lock), PushError::Moved { .. }));
        let hook =
            "remote: main is closed today\n ! [remote rejected] abc -> main (pre-receive hook declined)";
        let PushError::Refused { said, .. } = told(hook) else { panic!("it is refused") };
        assert_eq!(said, "main is closed today (pre-receive hook declined)");
    }

    #[test]
    fn a_connection_that_breaks_off_leaves_it_open() {
        let cut = "fatal: the remote end hung up unexpectedly";
        assert!(matches!(told(cut), PushError::NotKnown(_)));
        let no = "fatal: Authentication failed for 'https://git.example.com/shop/deploy/'";
        assert!(matches!(told(no), PushError::Refused { .. }));
    }
}
