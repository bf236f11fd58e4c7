//! The clients of control planes and clusters, for whoever reads or acts. Credentials stay inside of them.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use kube::Client;
use model::cluster::ClusterId;

/// All clients; a cheap handle.
#[derive(Clone, Default)]
pub struct Clients {
    planes: Arc<HashMap<String, Client>>,
    clusters: Arc<RwLock<HashMap<ClusterId, Client>>>,
}

impl Clients {
    /// Starts with the clients of the control planes.
    pub fn new(planes: HashMap<String, Client>) -> Self {
        Self { planes: Arc::new(planes), clusters: Arc::default() }
    }

    /// Returns the client of a control plane.
    pub fn of_plane(&self, name: &str) -> Option<Client> {
        self.planes.get(name).cloned()
    }

    /// Returns the client of a cluster; none where it is not registered or cannot be connected to.
    pub fn of_cluster(&self, id: &ClusterId) -> Option<Client> {
        self.clusters.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Sets the client of a cluster.
    pub(super) fn put(&self, id: ClusterId, client: Client) {
        self.clusters.write().unwrap_or_else(PoisonError::into_inner).insert(id, client);
    }

    /// Forgets the clients of a control plane's clusters that are gone.
    pub(super) fn retain(&self, control_plane: &str, is_there: impl Fn(&str) -> bool) {
        let mut clusters = self.clusters.write().unwrap_or_else(PoisonError::into_inner);
        clusters.retain(|id, _| id.control_plane != control_plane || is_there(&id.name));
    }
}
