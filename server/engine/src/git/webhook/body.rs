//! The shapes of deliveries. Everything may be missing or null; what is not looked at is passed over.

use serde::Deserialize;

use super::Forge;
use crate::git::mirror::Remote;

/// More URLs or references of one delivery are not looked at.
const MOST: usize = 100;

/// What a delivery says.
#[derive(Default)]
pub(super) struct Told {
    urls: Vec<Option<String>>,
    /// References with the commit that each has afterwards.
    changes: Vec<(Option<String>, Option<String>)>,
}

impl Told {
    pub(super) fn remotes(&self) -> Vec<Remote> {
        let urls = self.urls.iter().flatten().take(MOST);
        urls.filter_map(|url| Remote::read(url).ok()).collect()
    }

    pub(super) fn branches(&self) -> Vec<(String, Option<String>)> {
        let branch =
            |name: &Option<String>| name.as_deref()?.strip_prefix("refs/heads/").map(ToOwned::to_owned);
        let is_there = |id: &String| !id.is_empty() && id.chars().any(|c| c != '0');
        let changes = self.changes.iter().take(MOST);
        // A tag or an odd reference is a change that no branch shows.
        let all =
            changes.map(|(name, after)| (branch(name).unwrap_or_default(), after.clone().filter(is_there)));
        all.collect()
    }
}

/// Reads a body whose signature holds; none where it is not what the forge sends.
pub(super) fn read(forge: Forge, body: &[u8]) -> Option<Told> {
    match forge {
        Forge::GitHub | Forge::GitLab | Forge::Gogs => json::<Common>(body).map(Common::told),
        Forge::BitbucketServer => json::<Bitbucket>(body).map(Bitbucket::told),
        Forge::BitbucketCloud => json::<Bitbucket>(body).map(Bitbucket::told),
        Forge::AzureDevOps => json::<Azure>(body).map(Azure::told),
    }
}

fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// GitHub, GitLab, Gitea, Forgejo and Gogs.
#[derive(Deserialize)]
struct Common {
    #[serde(rename = "ref")]
    reference: Option<String>,
    after: Option<String>,
    repository: Option<Repository>,
    /// GitLab's.
    project: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    html_url: Option<String>,
    clone_url: Option<String>,
    ssh_url: Option<String>,
    git_http_url: Option<String>,
    git_ssh_url: Option<String>,
    web_url: Option<String>,
}

impl Common {
    fn told(self) -> Told {
        let all = [self.repository, self.project].into_iter().flatten();
        let urls = all.flat_map(|it| {
            [it.html_url, it.clone_url, it.ssh_url, it.git_http_url, it.git_ssh_url, it.web_url]
        });
        Told { urls: urls.collect(), changes: vec![(self.reference, self.after)] }
    }
}

/// Bitbucket Server has `links.clone` and `changes`, Bitbucket Cloud `links.html` and `push.changes`.
#[derive(Deserialize)]
struct Bitbucket {
    repository: Option<BitbucketRepository>,
    changes: Option<Vec<Option<ServerChange>>>,
}

#[derive(Deserialize)]
struct BitbucketRepository {
    full_name: Option<String>,
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Links {
    clone: Option<Vec<Option<Link>>>,
    html: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerChange {
    ref_id: Option<String>,
    to_hash: Option<String>,
}

impl Bitbucket {
    fn told(self) -> Told {
        let mut urls = Vec::new();
        if let Some(repository) = self.repository {
            let links = repository.links.map(|links| (links.clone.unwrap_or_default(), links.html));
            let (clone, html) = links.unwrap_or_default();
            urls.extend(clone.into_iter().flatten().chain(html).map(|link| link.href));
            urls.push(repository.full_name.map(|name| format!("https://bitbucket.org/{name}")));
        }
        let changes = self.changes.unwrap_or_default().into_iter().flatten();
        Told { urls, changes: changes.map(|it| (it.ref_id, it.to_hash)).collect() }
    }
}

#[derive(Deserialize)]
struct Azure {
    resource: Option<AzureResource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AzureResource {
    repository: Option<AzureRepository>,
    ref_updates: Option<Vec<Option<AzureChange>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AzureRepository {
    remote_url: Option<String>,
    ssh_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AzureChange {
    name: Option<String>,
    new_object_id: Option<String>,
}

impl Azure {
    fn told(self) -> Told {
        let Some(resource) = self.resource else { return Told::default() };
        let urls = resource.repository.map(|it| vec![it.remote_url, it.ssh_url]).unwrap_or_default();
        let changes = resource.ref_updates.unwrap_or_default().into_iter().flatten();
        Told { urls, changes: changes.map(|it| (it.name, it.new_object_id)).collect() }
    }
}
