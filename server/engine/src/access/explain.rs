//! The Permissions page: what somebody can do, who can do something, and which lines of policy do not do what they seem
//! to do.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Actor, AppError, AppResult,
    access::{AskPermission, Capability, PermissionAnswer, Permissions, PolicyProblem, TraceStep},
    actor::ActorKind,
};

use super::{
    authorize::{Object, Verb},
    policy::{Effect, Policy, Rule},
    rights::{PlaneRights, Question, Rights, Source, is_above_policies},
};
use crate::fleet::index::{ARGO_CD_POLICY, OWN_POLICY, Snapshot};

/// Argo CD's resources with their actions (`util/rbac/rbac.go`); what follows a slash is free.
const ARGO_CD_RESOURCES: [(&str, &[&str]); 12] = [
    (
        "applications",
        &[
            "get", "create", "update", "delete", "sync", "override", "rollback", "action", "update/",
            "delete/", "action/",
        ],
    ),
    ("applicationsets", &["get", "create", "update", "delete"]),
    ("logs", &["get"]),
    ("exec", &["create"]),
    ("clusters", &["get", "create", "update", "delete"]),
    ("repositories", &["get", "create", "update", "delete"]),
    ("write-repositories", &["get", "create", "update", "delete"]),
    ("projects", &["get", "create", "update", "delete"]),
    ("accounts", &["get", "update"]),
    ("certificates", &["get", "create", "delete"]),
    ("gpgkeys", &["get", "create", "delete"]),
    ("extensions", &["invoke"]),
];

/// Ours (docs/security.md).
const OWN_RESOURCES: [(&str, &[&str]); 13] = [
    (
        "applications",
        &[
            "get", "sync", "update", "delete", "create", "override", "rollback", "action/", "update/",
            "delete/",
        ],
    ),
    ("logs", &["get"]),
    ("promotions", &["get", "create", "cancel"]),
    ("rollbacks", &["create"]),
    ("approvals", &["create", "revoke"]),
    ("holds", &["get", "create", "release"]),
    ("freezes", &["get", "create", "update", "delete"]),
    ("lines", &["get", "create", "update", "delete"]),
    ("gates", &["override"]),
    ("clusters", &["get", "create", "update", "delete", "rotate", "test"]),
    ("audit", &["get", "export"]),
    ("tokens", &["get", "create", "delete"]),
    ("sessions", &["get", "create", "delete"]),
];

/// What the page tells of, as far as it can be done so far.
const ACTS: [(&str, Verb); 9] = [
    ("See Applications", Verb::Get),
    ("Refresh", Verb::Refresh),
    ("Sync and terminate", Verb::Sync),
    ("Promote to", Verb::Promote),
    ("Roll back", Verb::RollBack),
    ("Approve changes", Verb::Approve),
    ("Cancel changes of others", Verb::CancelChange),
    ("Place holds", Verb::PlaceHold),
    ("Release holds", Verb::ReleaseHold),
];

/// Draws the Permissions page. `environments` are in the order of promotions; `snapshot` is the whole fleet.
pub fn permissions(
    snapshot: &Snapshot,
    seen: &Snapshot,
    environments: Vec<String>,
    actor: &Actor,
    ask: AskPermission,
) -> Permissions {
    let rights = &snapshot.rights;
    let planes: Vec<String> = seen.planes.keys().cloned().collect();
    let readable: Vec<&String> =
        planes.iter().filter(|plane| rights.allows(actor, Verb::Get, &Object::ControlPlane(plane))).collect();
    let answer =
        if ask.resource.is_empty() { Ok(None) } else { answer(snapshot, seen, actor, ask).map(Some) };
    let (answer, unanswered) = answer.map_or_else(|error| (None, Some(error)), |answer| (answer, None));
    let problems = (!readable.is_empty()).then(|| {
        let of_plane = |plane: &&String| rights.plane(plane).map(|it| problems(snapshot, plane, it));
        readable.iter().filter_map(of_plane).flatten().collect()
    });
    Permissions {
        now: jiff::Timestamp::now().into(),
        actor: actor.name.clone(),
        subject: actor.subject.clone(),
        groups: actor.groups.clone(),
        roles: roles(rights, actor),
        is_above_policies: is_above_policies(actor),
        can: ACTS.iter().map(|(act, verb)| capability(seen, &environments, actor, act, *verb)).collect(),
        control_planes: planes,
        environments,
        answer,
        unanswered,
        problems,
    }
}

fn roles(rights: &Rights, actor: &Actor) -> Vec<String> {
    let mut roles = BTreeSet::new();
    for plane in rights.planes().filter_map(|name| rights.plane(name)) {
        let subjects = std::iter::once(&actor.subject).chain(&actor.groups);
        let closure = subjects.flat_map(|subject| plane.own().closure(subject));
        roles.extend(
            closure.filter(|name| name.starts_with("role:") || name.starts_with("proj:")).map(str::to_owned),
        );
    }
    roles.into_iter().collect()
}

fn capability(seen: &Snapshot, environments: &[String], actor: &Actor, act: &str, verb: Verb) -> Capability {
    let count = |environment: &String| {
        let rows = seen.rows.iter().filter(|row| row.environment.name() == Some(environment));
        let (mut may, mut all) = (0, 0);
        for row in rows {
            all += 1;
            may += u32::from(seen.rights.allows(actor, verb, &seen.object_of(row)));
        }
        (may, all)
    };
    let right = format!("{}, {}", verb.own_resource().unwrap_or("applications"), verb.action());
    Capability { act: act.to_owned(), right, in_environments: environments.iter().map(count).collect() }
}

/// Answers who may do what is asked. What the actor may not see is answered as if it were not there.
fn answer(
    snapshot: &Snapshot,
    seen: &Snapshot,
    actor: &Actor,
    ask: AskPermission,
) -> AppResult<PermissionAnswer> {
    let rights = &snapshot.rights;
    let plane =
        if ask.control_plane.is_empty() { seen.planes.keys().next() } else { Some(&ask.control_plane) };
    let absent = || AppError::NotFound { what: format!("Control plane {}", ask.control_plane) };
    let plane = plane.filter(|name| seen.planes.contains_key(*name)).ok_or_else(absent)?.clone();
    let may_read_all = rights.allows(actor, Verb::Get, &Object::ControlPlane(&plane));
    let questions = questions(seen, &plane, rights, &ask, may_read_all)?;
    let asked_for = if ask.subject.is_empty() || ask.subject == actor.subject {
        actor.clone()
    } else if may_read_all {
        somebody(&ask.subject)
    } else {
        let why =
            "you may ask for yourself; for others you need to see every Application of the control plane.";
        return Err(AppError::Invalid { field: "Who".into(), why: why.into() });
    };
    let trace: Vec<TraceStep> = questions.iter().map(|question| step(rights, &asked_for, question)).collect();
    let allowed =
        is_above_policies(&asked_for) || (!trace.is_empty() && trace.iter().all(|step| step.allowed));
    let holders = rights.holders(&questions);
    Ok(PermissionAnswer { asked: AskPermission { control_plane: plane, ..ask }, allowed, trace, holders })
}

/// An Application that the actor sees is asked for as the buttons ask; anything else is asked of one policy, by those
/// who may read it.
fn questions<'a>(
    seen: &'a Snapshot,
    plane: &'a str,
    rights: &'a Rights,
    ask: &'a AskPermission,
    may_read_all: bool,
) -> AppResult<Vec<Question<'a>>> {
    if ask.resource == "applications" {
        let named = |row: &&std::sync::Arc<crate::fleet::index::Row>| {
            row.id.control_plane == plane
                && (ask.object == format!("{}/{}", row.project, row.id.name) || ask.object == row.id.name)
        };
        if let Some(row) = seen.rows.iter().find(named) {
            let questions = rights.questions(Verb::Get, &seen.object_of(row));
            let asked = questions.into_iter().map(|question| Question { action: &ask.action, ..question });
            return Ok(asked.collect());
        }
    }
    if !may_read_all {
        return Err(AppError::NotFound { what: format!("{} {}", ask.resource, ask.object) });
    }
    let is_own = !ARGO_CD_RESOURCES.iter().any(|(resource, _)| *resource == ask.resource);
    let project = ask.object.split_once('/').map(|(project, _)| project);
    let source = if is_own { Source::Own } else { Source::ArgoCd { project } };
    let (resource, action) = (ask.resource.as_str(), ask.action.as_str());
    Ok(vec![Question { plane, source, resource, action, object: ask.object.clone() }])
}

fn somebody(subject: &str) -> Actor {
    Actor {
        name: subject.to_owned(),
        subject: subject.to_owned(),
        kind: ActorKind::Person,
        groups: vec![subject.to_owned()],
        session: None,
        scopes: Vec::new(),
        request_id: String::new(),
        address: None,
    }
}

fn step(rights: &Rights, actor: &Actor, question: &Question<'_>) -> TraceStep {
    let decision = rights.decide(actor, question);
    let policy = match question.source {
        Source::ArgoCd { .. } => ARGO_CD_POLICY,
        Source::Own => OWN_POLICY,
    };
    TraceStep {
        policy: policy.to_owned(),
        question: format!("{}, {}, {}", question.resource, question.action, question.object),
        allowed: decision.allowed,
        line: decision.line.map(|line| line.to_string()).unwrap_or_default(),
        subject: decision.subject.unwrap_or_default(),
    }
}

/// Finds the lines of a control plane's policies that do not do what they seem to do.
fn problems(snapshot: &Snapshot, plane: &str, rights: &PlaneRights) -> Vec<PolicyProblem> {
    let mut found = Vec::new();
    let mut tell = |policy: &str, line: String, (why, mend): (String, String)| {
        let (control_plane, policy) = (plane.to_owned(), policy.to_owned());
        found.push(PolicyProblem { control_plane, policy, line, why, mend });
    };
    let known = Known::of(snapshot, plane);
    for (name, policy, resources) in [
        (ARGO_CD_POLICY, rights.argo_cd(), ARGO_CD_RESOURCES.as_slice()),
        (OWN_POLICY, rights.own(), OWN_RESOURCES.as_slice()),
    ] {
        for line in policy.ignored() {
            let mend = "Begin it with p or g, or with # for a comment.".into();
            tell(name, line.to_string(), ("It is passed over.".into(), mend));
        }
        for rule in policy.rules() {
            for problem in known.faults(policy, rule, resources, name == OWN_POLICY) {
                tell(name, rule.line.to_string(), problem);
            }
        }
        let is_defined =
            |role: &str| policy.rules().any(|rule| rule.subject == role) || BUILT_IN_ROLES.contains(&role);
        for grouping in policy.groupings() {
            let role = grouping.role.as_str();
            let leads_on = policy.groupings().iter().any(|it| it.member == role);
            let is_defined = is_defined(role) || rights.own().rules().any(|rule| rule.subject == role);
            if role.starts_with("role:") && !leads_on && !is_defined {
                let mend = format!("Add p lines for {role}, or name a role that has some.");
                tell(name, grouping.line.to_string(), (format!("No line says what {role} may."), mend));
            }
        }
    }
    found
}

const BUILT_IN_ROLES: [&str; 2] = ["role:admin", "role:readonly"];

/// What is there for lines to match.
struct Known<'a> {
    projects: BTreeSet<&'a str>,
    clusters: BTreeMap<&'a str, &'a str>,
    environments: BTreeSet<&'a str>,
}

impl<'a> Known<'a> {
    fn of(snapshot: &'a Snapshot, plane: &'a str) -> Self {
        let rows = || snapshot.rows.iter().filter(|row| row.id.control_plane == plane);
        let clusters = snapshot.clusters.values().filter(|cluster| cluster.id.control_plane == plane);
        Self {
            projects: rows().map(|row| row.project.as_str()).chain(snapshot.projects_of(plane)).collect(),
            clusters: clusters.map(|it| (it.id.name.as_str(), it.server.as_str())).collect(),
            environments: rows().filter_map(|row| row.environment.name()).collect(),
        }
    }

    fn faults(
        &self,
        policy: &Policy,
        rule: &Rule,
        resources: &[(&str, &[&str])],
        is_own: bool,
    ) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        let named: Vec<_> =
            resources.iter().filter(|(name, _)| policy.covers(&rule.resource, name)).collect();
        if rule.effect == Effect::Nothing {
            faults.push((
                "Its effect is neither allow nor deny, so it does nothing.".into(),
                "End it with allow or deny.".into(),
            ));
        }
        if policy.broken().any(|broken| broken.line == rule.line) {
            faults.push((
                "A pattern in it cannot be read, so it matches nothing.".into(),
                "Close each bracket and brace.".into(),
            ));
        } else if named.is_empty() {
            let names: Vec<_> = resources.iter().map(|(name, _)| *name).collect();
            faults.push((
                format!("No resource is called {}.", rule.resource),
                format!("Use one of {}.", names.join(", ")),
            ));
        } else if !named
            .iter()
            .any(|(_, actions)| actions.iter().any(|action| may_mean(policy, &rule.action, action)))
        {
            let mend = match rule.action.as_str() {
                "list" | "read" | "view" | "watch" => {
                    "Use get: lists are made of what one may get.".to_owned()
                }
                _ => format!("Use one of {}.", named[0].1.join(", ")),
            };
            faults
                .push((format!("{} has no action {}, so it is never asked.", named[0].0, rule.action), mend));
        }
        if !is_own && matches!(rule.resource.as_str(), "applications" | "applicationsets" | "logs" | "exec") {
            faults.extend(self.project_fault(policy, &rule.object));
        }
        if is_own
            && matches!(
                rule.resource.as_str(),
                "applications" | "logs" | "promotions" | "rollbacks" | "approvals" | "holds"
            )
        {
            faults.extend(self.environment_fault(policy, &rule.object));
        }
        faults
    }

    fn project_fault(&self, policy: &Policy, object: &str) -> Option<(String, String)> {
        let Some((project, _)) = object.split_once('/') else {
            let is_all = policy.covers(object, "a/b");
            let mend = format!("Write */{object}, or the project before the slash.");
            return (!is_all)
                .then(|| ("Its object has no project, and every Application's has.".into(), mend));
        };
        if self.projects.iter().any(|known| policy.covers(project, known)) {
            return None;
        }
        let mend = match self.clusters.contains_key(project) || self.environments.contains(project) {
            true => format!(
                "{project} is a cluster or environment: say it in {OWN_POLICY}, e.g. p, <role>, applications, get, {project}/*/*, allow."
            ),
            false => {
                let names: Vec<_> = self.projects.iter().copied().take(5).collect();
                format!("What stands before the slash is a project, e.g. {}.", names.join(", "))
            }
        };
        Some((format!("There is no project {project}, so it matches nothing."), mend))
    }

    fn environment_fault(&self, policy: &Policy, object: &str) -> Option<(String, String)> {
        let parts: Vec<_> = object.split('/').collect();
        let mend = "Write <environment>/<project>/<app>, e.g. dev/*/*.".to_owned();
        if parts.len() < 3 && !policy.covers(object, "a/b/c") {
            return Some(("Its object has too few parts, so it matches nothing.".into(), mend));
        }
        let environment = parts[0];
        let is_known = self.environments.iter().any(|known| policy.covers(environment, known))
            || policy.covers(environment, super::NO_ENVIRONMENT);
        (!is_known).then(|| (format!("No Application is in an environment {environment}."), mend))
    }
}

/// Whether a pattern could be meant for an action; one that ends in a slash has free parts after it.
fn may_mean(policy: &Policy, pattern: &str, action: &str) -> bool {
    policy.covers(pattern, action) || (action.ends_with('/') && pattern.starts_with(action))
}
