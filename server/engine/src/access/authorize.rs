//! The one question that every call of the engine asks.

use std::fmt;

use model::{Actor, AppError, AppResult, actor::ActorKind, application::ApplicationId, cluster::ClusterId};

use super::rights::{PlaneRights, Question, Rights, Source, is_above_policies};

/// What an actor wants to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verb {
    Get,
    /// To compare with Git again; who may see may ask for it.
    Refresh,
    Sync,
    Update,
    /// To bring an app to the environment of the Application.
    Promote,
    /// To give the app an earlier state in the environment of the Application.
    RollBack,
    /// To approve or decline a change of the app there.
    Approve,
    /// To end a change of the app there that somebody else asked for.
    CancelChange,
    /// To keep promotions away from the app there.
    PlaceHold,
    ReleaseHold,
    /// To end an operation; who may start one may end one.
    Terminate,
    Export,
    Create,
    Delete,
}

/// On what.
#[derive(Clone, Copy, Debug)]
pub enum Object<'a> {
    Application {
        id: &'a ApplicationId,
        project: &'a str,
        environment: Option<&'a str>,
        app: &'a str,
        /// Where Argo CD runs: an Application elsewhere is named with its namespace.
        home: &'a str,
    },
    /// The place of an app in an environment that has no Application of it yet, next to the one whose control plane and
    /// project these are.
    Absent { control_plane: &'a str, project: &'a str, environment: &'a str, app: &'a str },
    Cluster {
        id: &'a ClusterId,
        server: &'a str,
        /// The project that the cluster is registered for, where it is.
        project: Option<&'a str>,
    },
    /// What belongs to no Application and no cluster of a control plane: its warnings, its policies.
    ControlPlane(&'a str),
    /// What our own policy alone knows; without a control plane, all of them have to allow.
    Own { resource: &'a str, control_plane: Option<&'a str>, name: &'a str },
}

/// What no token may, whoever owns it.
const NOT_BY_TOKEN: [&str; 3] = ["approvals", "sessions", "tokens"];

/// The environment in the object of an Application that has none.
pub const NO_ENVIRONMENT: &str = "none";

impl Rights {
    /// Answers whether `actor` may do `verb` on `object`. What they may not even see is answered as if it were not there.
    pub fn authorize(&self, actor: &Actor, verb: Verb, object: &Object<'_>) -> AppResult<()> {
        if self.allows(actor, verb, object) {
            return Ok(());
        }
        let is_known = matches!(object, Object::Absent { .. }) || self.allows(actor, Verb::Get, object);
        if verb.right() != Verb::Get && is_known {
            return Err(AppError::Forbidden { verb: verb.to_string(), object: object.to_string() });
        }
        Err(AppError::NotFound { what: capitalized(&object.to_string()) })
    }

    /// Returns whether `actor` may do `verb` on `object`.
    pub fn allows(&self, actor: &Actor, verb: Verb, object: &Object<'_>) -> bool {
        if is_above_policies(actor) {
            return true;
        }
        let questions = self.questions(verb, object);
        !questions.is_empty() && self.is_in_scope(actor, &questions, object) && self.allow(actor, &questions)
    }

    /// Returns whether a token was made for this; for all others there is no scope.
    fn is_in_scope(&self, actor: &Actor, questions: &[Question<'_>], object: &Object<'_>) -> bool {
        if actor.kind != ActorKind::Token {
            return true;
        }
        let (person, object) = (self.person(actor), object.name());
        questions.iter().all(|it| {
            !NOT_BY_TOKEN.contains(&it.resource) && person.scopes_cover(it.resource, it.action, &object)
        })
    }

    /// Says which right `actor` lacks for `verb` on `object`, and who has it; none where they lack none.
    pub fn missing(&self, actor: &Actor, verb: Verb, object: &Object<'_>) -> Option<String> {
        /// More names say no more.
        const MOST_NAMES: usize = 4;
        if self.allows(actor, verb, object) {
            return None;
        }
        let questions = self.questions(verb, object);
        let lacking = questions.iter().find(|question| !self.allow(actor, std::slice::from_ref(question)));
        let right = lacking.or(questions.first()).map_or_else(String::new, |question| {
            format!("{}, {} on {}", question.resource, question.action, question.object)
        });
        let holders = self.holders(&questions);
        let more = holders.len().saturating_sub(MOST_NAMES);
        let mut names = holders.into_iter().take(MOST_NAMES).collect::<Vec<_>>().join(", ");
        if more > 0 {
            names = format!("{names} and {more} more");
        }
        let has = if names.is_empty() { "Nobody has it".into() } else { format!("It is held by {names}") };
        Some(format!("You lack the right {right}. {has}."))
    }

    /// Says in few words which right `actor` lacks for `verb` on `object`, e.g. `needs promotions/create`; none where
    /// they lack none.
    pub fn lacks(&self, actor: &Actor, verb: Verb, object: &Object<'_>) -> Option<String> {
        if self.allows(actor, verb, object) {
            return None;
        }
        let questions = self.questions(verb, object);
        let lacking = questions.iter().find(|question| !self.allow(actor, std::slice::from_ref(question)));
        let right = lacking.or(questions.first());
        Some(right.map_or_else(
            || "nobody may yet".to_owned(),
            |question| format!("needs {}/{}", question.resource, question.action),
        ))
    }

    /// Returns what has to be asked of which policy.
    pub fn questions<'a>(&'a self, verb: Verb, object: &Object<'a>) -> Vec<Question<'a>> {
        let action = verb.right().action();
        match *object {
            Object::Application { id, .. } if verb.own_resource().is_some() => {
                let (plane, resource) = (id.control_plane.as_str(), verb.own_resource().unwrap_or_default());
                let is_spoken_of = self.plane(plane).is_some_and(|it| it.own().speaks_of(resource));
                if verb.writes_to_git() && !is_spoken_of {
                    // Without a line of ours: who may sync and update the target.
                    let both = [Verb::Sync, Verb::Update];
                    return both.iter().flat_map(|verb| self.questions(*verb, object)).collect();
                }
                let object = object.name();
                vec![Question { plane, source: Source::Own, resource, action, object }]
            }
            Object::Absent { control_plane: plane, .. } => {
                let resource = verb.own_resource().unwrap_or("applications");
                let is_spoken_of = self.plane(plane).is_some_and(|it| it.own().speaks_of(resource));
                if verb.writes_to_git() && !is_spoken_of {
                    // Without a line of ours: who may sync and update whatever will be there, for its project and its
                    // name are not known yet.
                    let all = Object::ControlPlane(plane);
                    let both = [Verb::Sync, Verb::Update];
                    return both.iter().flat_map(|verb| self.questions(*verb, &all)).collect();
                }
                vec![Question { plane, source: Source::Own, resource, action, object: object.name() }]
            }
            Object::Application { id, project, home, .. } => {
                let name = if id.namespace == home {
                    format!("{project}/{}", id.name)
                } else {
                    format!("{project}/{}/{}", id.namespace, id.name)
                };
                let resource = "applications";
                let plane = id.control_plane.as_str();
                let source = Source::ArgoCd { project: Some(project) };
                let mut questions = vec![Question { plane, source, resource, action, object: name }];
                if self.plane(plane).is_some_and(PlaneRights::is_scoped) {
                    questions.push(Question {
                        plane,
                        source: Source::Own,
                        resource,
                        action,
                        object: object.name(),
                    });
                }
                questions
            }
            Object::Cluster { id, server, project } => {
                let (plane, resource) = (id.control_plane.as_str(), "clusters");
                if self.plane(plane).is_some_and(|it| it.own().speaks_of(resource)) {
                    let object = id.name.clone();
                    return vec![Question { plane, source: Source::Own, resource, action, object }];
                }
                let object =
                    project.map_or_else(|| server.to_owned(), |project| format!("{project}/{server}"));
                vec![Question { plane, source: Source::ArgoCd { project }, resource, action, object }]
            }
            // Who may see every Application that could be there.
            Object::ControlPlane(plane) => {
                let mut questions = vec![Question {
                    plane,
                    source: Source::ArgoCd { project: None },
                    resource: "applications",
                    action,
                    object: "*/*".into(),
                }];
                if self.plane(plane).is_some_and(PlaneRights::is_scoped) {
                    let object = "*/*/*".into();
                    questions.push(Question {
                        plane,
                        source: Source::Own,
                        resource: "applications",
                        action,
                        object,
                    });
                }
                questions
            }
            Object::Own { resource, control_plane, name } => {
                let planes =
                    self.planes().filter(|plane| control_plane.is_none_or(|wanted| wanted == *plane));
                let question = |plane| Question {
                    plane,
                    source: Source::Own,
                    resource,
                    action,
                    object: name.to_owned(),
                };
                planes.map(question).collect()
            }
        }
    }
}

impl Object<'_> {
    /// Returns the object as our own policy names it.
    fn name(&self) -> String {
        match *self {
            Object::Application { project, environment, app, .. } => {
                format!("{}/{project}/{app}", environment.unwrap_or(NO_ENVIRONMENT))
            }
            Object::Absent { project, environment, app, .. } => format!("{environment}/{project}/{app}"),
            Object::Cluster { id, .. } => id.name.clone(),
            Object::ControlPlane(_) => "*/*/*".into(),
            Object::Own { name, .. } => name.to_owned(),
        }
    }
}

impl Verb {
    /// Returns the right that the verb needs.
    fn right(self) -> Self {
        match self {
            Self::Refresh => Self::Get,
            Self::Terminate => Self::Sync,
            other => other,
        }
    }

    /// Returns the resource of our own policy that the verb is about on an Application; none where it is the Application
    /// itself.
    pub fn own_resource(self) -> Option<&'static str> {
        match self {
            Self::Promote | Self::CancelChange => Some("promotions"),
            Self::RollBack => Some("rollbacks"),
            Self::Approve => Some("approvals"),
            Self::PlaceHold | Self::ReleaseHold => Some("holds"),
            _ => None,
        }
    }

    /// Returns whether it ends in a commit.
    pub fn writes_to_git(self) -> bool {
        matches!(self, Self::Promote | Self::RollBack)
    }

    /// Returns the action that policies know.
    pub fn action(self) -> &'static str {
        match self {
            Self::Get | Self::Refresh => "get",
            Self::Sync | Self::Terminate => "sync",
            Self::Update => "update",
            Self::Promote | Self::RollBack | Self::Approve | Self::PlaceHold | Self::Create => "create",
            Self::CancelChange => "cancel",
            Self::ReleaseHold => "release",
            Self::Export => "export",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refresh => "refresh",
            Self::Terminate => "terminate",
            Self::Promote => "promote to",
            Self::RollBack => "roll back",
            Self::Approve => "approve changes of",
            Self::CancelChange => "cancel changes of",
            Self::PlaceHold => "place a hold on",
            Self::ReleaseHold => "release the hold on",
            other => other.action(),
        })
    }
}

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application { id, .. } => {
                write!(f, "Application {}/{}/{}", id.control_plane, id.namespace, id.name)
            }
            Self::Absent { environment, app, .. } => write!(f, "{environment}, where {app} is not yet"),
            Self::Cluster { id, .. } => write!(f, "cluster {}/{}", id.control_plane, id.name),
            Self::ControlPlane(name) => write!(f, "control plane {name}"),
            Self::Own { resource: "audit", .. } => f.write_str("the record"),
            Self::Own { resource, name: "*", .. } => write!(f, "the {resource} of others"),
            Self::Own { resource: "freezes", name, .. } => write!(f, "freezes of {name}"),
            Self::Own { resource, name, .. } => write!(f, "{resource} {name}"),
        }
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
