//! The policies in force: each control plane's own, and ours beside it; and what each person may do by them.
//!
//! A value is never changed: a change of policy makes a new one, and what was remembered of people goes with the old.
//! Until the policies of a control plane are read, nobody has a right there.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use model::{Actor, actor::ActorKind};

use super::{
    policy::{Compiled, Decision, Policy, PolicyError, ProjectRole, Request, Subjects},
    scope::Scope,
};

/// How many people are remembered.
const MANY_PEOPLE: usize = 500;

/// The data of a ConfigMap.
pub type Data = BTreeMap<String, String>;

/// The policies of all control planes.
#[derive(Debug, Default)]
pub struct Rights {
    planes: BTreeMap<String, PlaneRights>,
    people: Mutex<HashMap<PersonKey, Arc<Person>>>,
}

/// The policies of one control plane.
#[derive(Clone, Debug)]
pub struct PlaneRights {
    argo_cd: Arc<Policy>,
    own: Arc<Policy>,
    argo_cd_data: Option<Data>,
    own_data: Option<Data>,
    /// Whether lines of ours for Applications or logs exist: then both policies have to allow.
    is_scoped: bool,
    /// The claims beside groups that count as groups.
    by_email: bool,
    roles: BTreeMap<String, Vec<ProjectRole>>,
    with_project: BTreeMap<String, Arc<Policy>>,
}

/// Which policy is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source<'a> {
    /// Argo CD's, with the roles of a project where one is concerned.
    ArgoCd { project: Option<&'a str> },
    /// Ours.
    Own,
}

/// One question to one policy; an act is allowed when all its questions are.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    pub plane: &'a str,
    pub source: Source<'a>,
    pub resource: &'a str,
    pub action: &'a str,
    pub object: String,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct PersonKey {
    kind: ActorKind,
    subject: String,
    groups: Vec<String>,
    scopes: Vec<String>,
}

/// What is remembered of a person under these policies.
#[derive(Debug, Default)]
pub struct Person {
    planes: Mutex<HashMap<String, Arc<OnPlane>>>,
    scopes: Vec<Scope>,
    /// Whether the person may see what stands at each index: 0 is not asked yet, 1 no, 2 yes.
    pub(crate) visible: Mutex<Vec<u8>>,
}

#[derive(Debug)]
struct OnPlane {
    argo_cd: Arc<Compiled>,
    own: Compiled,
    by_project: Mutex<HashMap<String, Arc<Compiled>>>,
}

impl Rights {
    /// Returns rights in which a control plane's `argocd-rbac-cm` reads so.
    ///
    /// # Errors
    /// The first line that cannot be loaded; these rights stay in force.
    pub fn with_argo_cd(&self, plane: &str, data: &Data) -> Result<Self, PolicyError> {
        let mut changed = self.plane_or_new(plane);
        changed.argo_cd = Arc::new(Policy::from_config_map(data)?);
        changed.by_email = data.get("scopes").is_some_and(|scopes| scopes.contains("email"));
        changed.argo_cd_data = Some(data.clone());
        Ok(self.with(plane, changed))
    }

    /// Returns rights in which a control plane's `quarterdeck-rbac-cm` reads so.
    ///
    /// # Errors
    /// The first line that cannot be loaded; these rights stay in force.
    pub fn with_own(&self, plane: &str, data: Data) -> Result<Self, PolicyError> {
        let mut changed = self.plane_or_new(plane);
        Policy::own_from_config_map(&data, &changed.argo_cd)?;
        changed.own_data = Some(data);
        Ok(self.with(plane, changed))
    }

    /// Returns rights in which a control plane's projects have these roles, and the projects whose roles cannot be
    /// loaded: they give nobody anything.
    pub fn with_projects(
        &self,
        plane: &str,
        roles: BTreeMap<String, Vec<ProjectRole>>,
    ) -> (Self, Vec<(String, PolicyError)>) {
        let mut changed = self.plane_or_new(plane);
        let empty = Policy::from_csv("");
        let mut broken = Vec::new();
        changed.roles = roles;
        changed.roles.retain(|project, roles| {
            let Ok(Err(error)) = empty.as_ref().map(|empty| empty.with_project(project, roles)) else {
                return true;
            };
            broken.push((project.clone(), error));
            false
        });
        (self.with(plane, changed), broken)
    }

    /// Returns whether all policies of a control plane were read.
    pub fn is_known(&self, plane: &str) -> bool {
        self.planes.get(plane).is_some_and(|it| it.argo_cd_data.is_some() && it.own_data.is_some())
    }

    /// Returns whether an actor may what all of the questions ask.
    pub fn allow(&self, actor: &Actor, questions: &[Question<'_>]) -> bool {
        if is_above_policies(actor) {
            return true;
        }
        let person = self.person(actor);
        questions.iter().all(|question| {
            self.planes.get(question.plane).is_some_and(|plane| person.allows(plane, actor, question))
        })
    }

    /// Answers one question with the line that decides.
    pub fn decide(&self, actor: &Actor, question: &Question<'_>) -> Decision {
        let nobody = Decision { allowed: false, line: None, subject: None };
        let Some(plane) = self.planes.get(question.plane) else { return nobody };
        let groups = plane.groups_of(actor);
        plane
            .policy(question.source)
            .decide(Subjects { user: &actor.subject, groups: &groups }, question.request())
    }

    /// Returns everybody, people and groups, who may what all of the questions ask; sorted.
    pub fn holders(&self, questions: &[Question<'_>]) -> Vec<String> {
        let planes = questions.iter().filter_map(|question| self.planes.get(question.plane));
        let mut people: Vec<&str> = planes.flat_map(|plane| plane.people()).collect();
        people.sort_unstable();
        people.dedup();
        let may = |name: &&str| {
            let groups = [(*name).to_owned()];
            questions.iter().all(|question| {
                self.planes.get(question.plane).is_some_and(|plane| {
                    let subjects = Subjects { user: name, groups: &groups };
                    plane.policy(question.source).decide(subjects, question.request()).allowed
                })
            })
        };
        people.into_iter().filter(may).map(str::to_owned).collect()
    }

    /// Returns the policies of a control plane, where it is one of ours.
    pub fn plane(&self, name: &str) -> Option<&PlaneRights> {
        self.planes.get(name)
    }

    /// Returns the names of the control planes.
    pub fn planes(&self) -> impl Iterator<Item = &str> {
        self.planes.keys().map(String::as_str)
    }

    /// Returns what is remembered of a person.
    pub(crate) fn person(&self, actor: &Actor) -> Arc<Person> {
        let key = PersonKey {
            kind: actor.kind,
            subject: actor.subject.clone(),
            groups: actor.groups.clone(),
            scopes: actor.scopes.clone(),
        };
        let mut people = lock(&self.people);
        if people.len() >= MANY_PEOPLE && !people.contains_key(&key) {
            people.clear();
        }
        Arc::clone(people.entry(key).or_insert_with(|| Arc::new(Person::of(actor))))
    }

    fn plane_or_new(&self, plane: &str) -> PlaneRights {
        self.planes.get(plane).cloned().unwrap_or_default()
    }

    fn with(&self, plane: &str, changed: PlaneRights) -> Self {
        let mut planes = self.planes.clone();
        planes.insert(plane.to_owned(), changed.settled());
        Self { planes, people: Mutex::default() }
    }
}

impl PlaneRights {
    /// Returns Argo CD's policy without the roles of projects.
    pub fn argo_cd(&self) -> &Policy {
        &self.argo_cd
    }

    /// Returns the text of Argo CD's policy that is in force; none before it was read.
    pub fn argo_cd_data(&self) -> Option<&Data> {
        self.argo_cd_data.as_ref()
    }

    /// Returns the text of our own policy that is in force; none before it was read.
    pub fn own_data(&self) -> Option<&Data> {
        self.own_data.as_ref()
    }

    /// Returns our own policy.
    pub fn own(&self) -> &Policy {
        &self.own
    }

    /// Returns whether both policies have to allow what concerns Applications and logs.
    pub fn is_scoped(&self) -> bool {
        self.is_scoped
    }

    /// Returns the roles of the projects.
    pub fn project_roles(&self) -> &BTreeMap<String, Vec<ProjectRole>> {
        &self.roles
    }

    /// Makes what follows from the texts.
    fn settled(mut self) -> Self {
        let own = match &self.own_data {
            Some(data) => Policy::own_from_config_map(data, &self.argo_cd),
            None => Policy::own_from_config_map(&Data::new(), &self.argo_cd),
        };
        if let Ok(own) = own {
            self.own = Arc::new(own);
        }
        // While ours is not read, its lines may say no to all but administrators.
        self.is_scoped =
            self.own_data.is_none() || self.own.speaks_of("applications") || self.own.speaks_of("logs");
        self.with_project = self
            .roles
            .iter()
            .filter_map(|(project, roles)| {
                Some((project.clone(), Arc::new(self.argo_cd.with_project(project, roles).ok()?)))
            })
            .collect();
        self
    }

    fn policy(&self, source: Source<'_>) -> &Policy {
        match source {
            Source::ArgoCd { project } => {
                project.and_then(|project| self.with_project.get(project)).unwrap_or(&self.argo_cd)
            }
            Source::Own => &self.own,
        }
    }

    fn people(&self) -> impl Iterator<Item = &str> {
        let of_projects =
            self.roles.values().flatten().flat_map(|role| role.groups.iter().map(String::as_str));
        self.argo_cd.people().into_iter().chain(self.own.people()).chain(of_projects)
    }

    fn groups_of(&self, actor: &Actor) -> Vec<String> {
        let email = Some(&actor.name).filter(|name| self.by_email && name.contains('@'));
        actor.groups.iter().chain(email).cloned().collect()
    }
}

impl Default for PlaneRights {
    fn default() -> Self {
        // The built-in lines are good.
        let empty = Policy::empty();
        Self {
            own: Arc::new(empty.clone()),
            argo_cd: Arc::new(empty),
            argo_cd_data: None,
            own_data: None,
            is_scoped: true,
            by_email: false,
            roles: BTreeMap::new(),
            with_project: BTreeMap::new(),
        }
    }
}

impl Question<'_> {
    /// Returns the question as a policy takes it.
    pub fn request(&self) -> Request<'_> {
        Request { resource: self.resource, action: self.action, object: &self.object }
    }
}

impl Person {
    /// A line of a scope that cannot be read gives nothing.
    fn of(actor: &Actor) -> Self {
        let scopes = actor.scopes.iter().filter_map(|line| Scope::parse(line).ok()).collect();
        Self { scopes, ..Self::default() }
    }

    /// Returns whether the lines of a token's scope cover this.
    pub(super) fn scopes_cover(&self, resource: &str, action: &str, object: &str) -> bool {
        self.scopes.iter().any(|scope| scope.covers(resource, action, object))
    }

    fn allows(&self, plane: &PlaneRights, actor: &Actor, question: &Question<'_>) -> bool {
        let on_plane = self.on_plane(plane, actor, question.plane);
        match question.source {
            Source::Own => on_plane.own.allows(question.request()),
            Source::ArgoCd { project } => {
                on_plane.for_project(plane, actor, project).allows(question.request())
            }
        }
    }

    fn on_plane(&self, plane: &PlaneRights, actor: &Actor, name: &str) -> Arc<OnPlane> {
        let mut planes = lock(&self.planes);
        if let Some(known) = planes.get(name) {
            return Arc::clone(known);
        }
        let groups = plane.groups_of(actor);
        let subjects = Subjects { user: &actor.subject, groups: &groups };
        let made = Arc::new(OnPlane {
            argo_cd: Arc::new(Compiled::new(&plane.argo_cd, subjects)),
            own: Compiled::new(&plane.own, subjects),
            by_project: Mutex::default(),
        });
        planes.insert(name.to_owned(), Arc::clone(&made));
        made
    }
}

impl OnPlane {
    /// Most people have no role in most projects: for them the policy without the project's lines is the same.
    fn for_project(&self, plane: &PlaneRights, actor: &Actor, project: Option<&str>) -> Arc<Compiled> {
        let Some((project, policy)) =
            project.and_then(|project| plane.with_project.get(project).map(|policy| (project, policy)))
        else {
            return Arc::clone(&self.argo_cd);
        };
        let mut by_project = lock(&self.by_project);
        if let Some(known) = by_project.get(project) {
            return Arc::clone(known);
        }
        let groups = plane.groups_of(actor);
        let compiled = Compiled::new(policy, Subjects { user: &actor.subject, groups: &groups });
        let compiled =
            if compiled.is_same(&self.argo_cd) { Arc::clone(&self.argo_cd) } else { Arc::new(compiled) };
        by_project.insert(project.to_owned(), Arc::clone(&compiled));
        compiled
    }
}

/// The local administrator breaks glass, and Quarterdeck itself only does what somebody was allowed.
pub(super) fn is_above_policies(actor: &Actor) -> bool {
    match actor.kind {
        ActorKind::LocalAdmin | ActorKind::System => true,
        ActorKind::Person | ActorKind::Token => false,
    }
}

/// What is locked is whole at every moment, so a panic elsewhere means nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
