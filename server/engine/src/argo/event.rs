//! Kubernetes Events of our acts, as Argo CD's API server writes them: who looks at an Application with kubectl or in
//! Argo CD's own pages sees them there.
//!
//! Source: Argo CD's `util/argo/audit_logger.go`. An Event tells and proves nothing: the record is ours.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Event, EventSource, ObjectReference},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use kube::{Api, Client, api::PostParams};
use model::{Actor, application::ApplicationId};

use crate::error::explain_kube;

const TIMEOUT: Duration = Duration::from_secs(10);

/// What happened, by Argo CD's words for it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reason {
    OperationStarted,
    ResourceUpdated,
}

/// Writes an Event about an Application; one that cannot be written is a line in the log, for the act was done.
pub(super) async fn write(
    client: Client,
    actor: &Actor,
    id: &ApplicationId,
    uid: &str,
    reason: Reason,
    what: &str,
) {
    let api = Api::<Event>::namespaced(client, &id.namespace);
    let (params, event) = (PostParams::default(), event(actor, id, uid, reason, what));
    let why = match tokio::time::timeout(TIMEOUT, api.create(&params, &event)).await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => explain_kube(&error),
        Err(_) => format!("no answer within {} s", TIMEOUT.as_secs()),
    };
    tracing::warn!(application = %id.name, "the Event of an act could not be written: {why}");
}

fn event(actor: &Actor, id: &ApplicationId, uid: &str, reason: Reason, what: &str) -> Event {
    let now = Timestamp::now();
    Event {
        metadata: ObjectMeta {
            // Argo CD's way: the object's name and a moment.
            name: Some(format!("{}.{:x}", id.name, now.as_nanosecond())),
            namespace: Some(id.namespace.clone()),
            annotations: Some(BTreeMap::from([("user".to_owned(), actor.name.clone())])),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some("argoproj.io/v1alpha1".into()),
            kind: Some("Application".into()),
            name: Some(id.name.clone()),
            namespace: Some(id.namespace.clone()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        },
        reason: Some(format!("{reason:?}")),
        message: Some(format!("{} {what}", actor.name)),
        type_: Some("Normal".into()),
        source: Some(EventSource { component: Some("quarterdeck".into()), host: None }),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        count: Some(1),
        ..Event::default()
    }
}
