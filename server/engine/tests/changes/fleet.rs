//! Applications as Argo CD tells of them: one for each app in each environment, each environment with its cluster.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use engine::fleet::{
    credentials::{AccessSettings, Registration},
    index::{Change, Index, Indexer},
    probe::Contact,
};
use git2::Oid;
use model::{Timestamp, cluster::ClusterId};
use serde_json::{Value, json};

use super::remote::ENVIRONMENTS;

/// The only control plane.
pub(crate) const PLANE: &str = "lab";

/// Who belongs to this group may do all.
pub(crate) const CREW: &str = "crew";

/// Tells the index, as the watch of a control plane does.
pub(crate) struct Fleet {
    pub(crate) index: Index,
    indexer: Mutex<Indexer>,
    url: String,
}

/// How an Application is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looks<'a> {
    pub(crate) health: &'a str,
    pub(crate) sync: &'a str,
    pub(crate) auto_sync: bool,
    /// Since when it has its health.
    pub(crate) since: Timestamp,
}

impl Default for Looks<'_> {
    fn default() -> Self {
        let since = now().plus_seconds(-24 * 3600);
        Self { health: "Healthy", sync: "Synced", auto_sync: true, since }
    }
}

impl Fleet {
    /// Knows nothing yet; `url` is the repository of all Applications.
    pub(crate) fn new(index: Index, indexer: Indexer, url: &str) -> Self {
        Self { index, indexer: Mutex::new(indexer), url: url.to_owned() }
    }

    /// Says what the control plane lists at first: its clusters, and who may do what.
    pub(crate) fn listed(&self) {
        let registration = |name: &&str| Registration {
            name: (*name).into(),
            server: format!("https://{name}"),
            ..Registration::in_cluster(PLANE, &AccessSettings::default())
        };
        let registrations = ENVIRONMENTS.iter().map(registration).collect();
        let mut changes = vec![Change::Clusters { plane: PLANE.into(), registrations }];
        changes.extend(ENVIRONMENTS.iter().map(|name| {
            let cluster = ClusterId { control_plane: PLANE.into(), name: (*name).into() };
            let contact = Contact::Answered { version: "v1.36.3".into(), latency: Duration::from_millis(9) };
            Change::Contact { cluster, contact }
        }));
        changes.push(Change::ApplicationsListed { plane: PLANE.into(), present: Default::default() });
        self.tell(changes);
        self.set_policy(&format!("g, {CREW}, role:admin"), "");
    }

    pub(crate) fn tell(&self, changes: impl IntoIterator<Item = Change>) {
        self.indexer().apply(changes, now());
    }

    /// Sets Argo CD's policy, and our own.
    pub(crate) fn set_policy(&self, argo_cd: &str, own: &str) {
        let data = |text: &str| [("policy.csv".to_owned(), text.to_owned())].into_iter().collect();
        self.tell([
            Change::ArgoCdPolicy { plane: PLANE.into(), data: data(argo_cd) },
            Change::OwnPolicy { plane: PLANE.into(), data: data(own) },
        ]);
    }

    /// Says that Argo CD compared an Application at a commit.
    pub(crate) fn runs(&self, app: &str, environment: &str, revision: Oid, looks: Looks<'_>) {
        self.tell([self.application(app, environment, revision, looks)]);
    }

    /// Says that all apps are well in all environments, at a commit.
    pub(crate) fn all_run(&self, apps: &[impl AsRef<str>], revision: Oid) {
        let of_app = |app: &str| ENVIRONMENTS.map(|it| self.application(app, it, revision, Looks::default()));
        self.tell(apps.iter().flat_map(|app| of_app(app.as_ref())));
    }

    /// Says that an Application is gone.
    pub(crate) fn lost(&self, app: &str, environment: &str) {
        let name = format!("{app}-{environment}");
        self.tell([Change::ApplicationGone { plane: PLANE.into(), namespace: "argocd".into(), name }]);
    }

    fn application(&self, app: &str, environment: &str, revision: Oid, looks: Looks<'_>) -> Change {
        let object = self.object(app, environment, revision, looks);
        let application = Box::new(serde_json::from_value(object).expect("an Application"));
        Change::Application { plane: PLANE.into(), application }
    }

    /// Writes an Application as Argo CD does.
    pub(crate) fn object(&self, app: &str, environment: &str, revision: Oid, looks: Looks<'_>) -> Value {
        let Looks { health, sync, auto_sync, since } = looks;
        let at =
            |moment: Timestamp| jiff::Timestamp::from_millisecond(moment.0).expect("a moment").to_string();
        let policy = if auto_sync { json!({"automated": {}}) } else { json!({}) };
        json!({
            "metadata": {"name": format!("{app}-{environment}"), "namespace": "argocd",
                "uid": format!("uid-{app}-{environment}"), "resourceVersion": "1"},
            "spec": {
                "project": "shop",
                "source": {"repoURL": self.url, "path": format!("apps/{app}/overlays/{environment}"), "targetRevision": "main"},
                "destination": {"name": environment, "namespace": format!("shop-{environment}")},
                "syncPolicy": policy,
            },
            "status": {
                "health": {"status": health, "lastTransitionTime": at(since)},
                "sync": {"status": sync, "revision": revision.to_string()},
                "reconciledAt": at(now()),
                "summary": {"images": ["shop/web:1.0.0"]}
            }
        })
    }

    fn indexer(&self) -> MutexGuard<'_, Indexer> {
        self.indexer.lock().expect("no panic")
    }
}

/// Names a folder's repository as Applications do.
pub(crate) fn url_of(path: &Path) -> String {
    format!("file://{}", path.display())
}

pub(crate) fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}
