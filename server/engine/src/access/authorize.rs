//! The one question that every call of the engine asks.

use std::fmt;

use model::{Actor, AppError, AppResult, actor::ActorKind, application::ApplicationId, cluster::ClusterId};

/// What an actor wants to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verb {
    Get,
    /// To compare with Git again; who may see may ask for it.
    Refresh,
    Sync,
    /// To end an operation; who may start one may end one.
    Terminate,
}

/// On what.
#[derive(Clone, Copy, Debug)]
pub enum Object<'a> {
    Application {
        id: &'a ApplicationId,
        project: &'a str,
        environment: Option<&'a str>,
    },
    Cluster(&'a ClusterId),
    /// What belongs to no Application and no cluster: the overview, the warnings, the control planes.
    Fleet,
}

/// Answers whether `actor` may do `verb` on `object`. What they may not even see is answered as if it were not there.
pub fn authorize(actor: &Actor, verb: Verb, object: &Object<'_>) -> AppResult<()> {
    let right = verb.right();
    if allows(actor, right, object) {
        return Ok(());
    }
    if right != Verb::Get && allows(actor, Verb::Get, object) {
        return Err(AppError::Forbidden { verb: verb.to_string(), object: object.to_string() });
    }
    Err(AppError::NotFound { what: capitalized(&object.to_string()) })
}

/// The local administrator and Quarterdeck itself may do everything, and nobody else anything: there are no rules yet.
fn allows(actor: &Actor, _right: Verb, _object: &Object<'_>) -> bool {
    match actor.kind {
        ActorKind::LocalAdmin | ActorKind::System => true,
        ActorKind::Person => false,
    }
}

impl Verb {
    /// Returns the right that the verb needs.
    fn right(self) -> Self {
        match self {
            Self::Get | Self::Refresh => Self::Get,
            Self::Sync | Self::Terminate => Self::Sync,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "get",
            Self::Refresh => "refresh",
            Self::Sync => "sync",
            Self::Terminate => "terminate",
        })
    }
}

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application { id, .. } => {
                write!(f, "Application {}/{}/{}", id.control_plane, id.namespace, id.name)
            }
            Self::Cluster(id) => write!(f, "cluster {}/{}", id.control_plane, id.name),
            Self::Fleet => f.write_str("the fleet"),
        }
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use model::{Actor, AppError, actor::ActorKind, application::ApplicationId, cluster::ClusterId};

    use super::{Object, Verb, authorize};

    const VERBS: [Verb; 4] = [Verb::Get, Verb::Refresh, Verb::Sync, Verb::Terminate];

    fn actor(kind: ActorKind) -> Actor {
        Actor {
            name: "alice".into(),
            kind,
            groups: vec!["ops".into()],
            request_id: "r".into(),
            address: None,
        }
    }

    fn with_each_object(check: impl Fn(&Object<'_>)) {
        let id = ApplicationId {
            control_plane: "lab".into(),
            namespace: "argocd".into(),
            name: "web-app-prod".into(),
        };
        let cluster = ClusterId { control_plane: "lab".into(), name: "prod".into() };
        check(&Object::Application { id: &id, project: "shop", environment: Some("prod") });
        check(&Object::Cluster(&cluster));
        check(&Object::Fleet);
    }

    #[test]
    fn the_local_administrator_and_the_system_may_do_everything() {
        with_each_object(|object| {
            for (kind, verb) in
                [ActorKind::LocalAdmin, ActorKind::System].into_iter().flat_map(|k| VERBS.map(|v| (k, v)))
            {
                assert_eq!(authorize(&actor(kind), verb, object), Ok(()));
            }
        });
    }

    #[test]
    fn to_all_others_nothing_is_there_whatever_their_groups() {
        with_each_object(|object| {
            for verb in VERBS {
                let answer = authorize(&actor(ActorKind::Person), verb, object);
                assert!(matches!(answer, Err(AppError::NotFound { .. })), "{verb} {object}: {answer:?}");
            }
        });
    }
}
