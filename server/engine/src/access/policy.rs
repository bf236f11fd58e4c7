//! Argo CD's policy language: lines of `p` (who may do what on what) and `g` (who is what), evaluated as Argo CD does.
//!
//! Source: Argo CD's `util/rbac/rbac.go`, `server/rbacpolicy/rbacpolicy.go`, `assets/model.conf` and
//! `assets/builtin-policy.csv`. What is surprising here is so there: the default role is asked first and its allow
//! stands against any deny; each subject is asked on its own, so a deny of one group does not touch what another group
//! allows; a group counts only where some `g` line names it.

mod compiled;
mod lines;
mod pattern;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

pub use compiled::Compiled;
pub use lines::{Effect, Grouping, Line, PolicyError, Rule};

use lines::{Parsed, parse};
use pattern::{Matching, Pattern};

/// A glob whose `*` spans slashes, as everywhere in policies.
#[derive(Debug)]
pub struct Glob(Pattern);

/// How many steps a chain of `g` lines may have, as in casbin's role manager.
const LONGEST_CHAIN: usize = 10;

const BUILT_IN: (&str, &str) = ("built-in policy", include_str!("policy/built-in.csv"));
const BUILT_IN_OWN: (&str, &str) =
    ("built-in policy of Quarterdeck", include_str!("policy/built-in-own.csv"));

/// A policy, parsed and ready to be asked.
#[derive(Clone, Debug)]
pub struct Policy {
    rules: Vec<Arc<CompiledRule>>,
    /// How many of the rules are built in.
    built_in: usize,
    groupings: Vec<Grouping>,
    /// From a member to its roles.
    roles_of: HashMap<String, Vec<String>>,
    default_roles: Vec<String>,
    ignored: Vec<Line>,
    matching: Matching,
}

/// What somebody wants to do: Argo CD's resource, action and object, e.g. `applications`, `sync`, `shop/web-app-dev`.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub resource: &'a str,
    pub action: &'a str,
    pub object: &'a str,
}

/// Who asks: a user, and groups of their identity provider.
#[derive(Clone, Copy, Debug)]
pub struct Subjects<'a> {
    pub user: &'a str,
    pub groups: &'a [String],
}

/// An answer, and what it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    pub allowed: bool,
    /// The line that allowed or denied; none where no line says anything.
    pub line: Option<Line>,
    /// For whom the line was reached: a default role, the user or a group.
    pub subject: Option<String>,
}

/// The roles of a project: what its lines add where the project's objects are concerned.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProjectRole {
    pub name: String,
    pub policies: Vec<String>,
    pub groups: Vec<String>,
}

#[derive(Debug)]
struct CompiledRule {
    rule: Rule,
    resource: Pattern,
    action: Pattern,
    object: Pattern,
}

impl Policy {
    /// Reads `argocd-rbac-cm`: `policy.csv`, then each `policy.*.csv` in the order of their keys, `policy.default` and
    /// `policy.matchMode`.
    ///
    /// # Errors
    /// The first line that Argo CD could not load; the whole policy is then worth nothing, and the last good one counts.
    pub fn from_config_map(data: &BTreeMap<String, String>) -> Result<Self, PolicyError> {
        Self::read(BUILT_IN, data)
    }

    /// Reads `quarterdeck-rbac-cm`, which has the same keys. Whoever has a role in Argo CD's policy has it here.
    ///
    /// # Errors
    /// The first line that cannot be loaded.
    pub fn own_from_config_map(data: &BTreeMap<String, String>, argo_cd: &Self) -> Result<Self, PolicyError> {
        let mut policy = Self::read(BUILT_IN_OWN, data)?;
        for grouping in &argo_cd.groupings {
            policy.join(&grouping.member, &grouping.role);
        }
        // A default role of Argo CD counts as far as lines here name it.
        policy.default_roles.extend(argo_cd.default_roles.iter().cloned());
        Ok(policy)
    }

    /// Returns a policy that gives nobody anything, not even what is built in.
    pub fn empty() -> Self {
        Self {
            rules: Vec::new(),
            built_in: 0,
            groupings: Vec::new(),
            roles_of: HashMap::new(),
            default_roles: Vec::new(),
            ignored: Vec::new(),
            matching: Matching::Glob,
        }
    }

    /// Reads a policy from one text, as a file holds it.
    ///
    /// # Errors
    /// The first line that Argo CD could not load.
    pub fn from_csv(text: &str) -> Result<Self, PolicyError> {
        Self::from_config_map(&BTreeMap::from([("policy.csv".to_owned(), text.to_owned())]))
    }

    /// Returns the policy for objects of a project: with the project's own lines, and the groups of its roles.
    ///
    /// # Errors
    /// The first line that cannot be loaded.
    pub fn with_project(&self, project: &str, roles: &[ProjectRole]) -> Result<Self, PolicyError> {
        let mut policy = self.clone();
        for role in roles {
            let subject = format!("proj:{project}:{}", role.name);
            // Who has a role of a project may see the project.
            let own = format!("p, {subject}, projects, get, {project}, allow\n");
            let text = role.policies.iter().fold(own, |text, line| text + line + "\n");
            policy.add(parse(&format!("role {} of project {project}", role.name), &text)?);
            for group in &role.groups {
                policy.join(group, &subject);
            }
        }
        Ok(policy)
    }

    /// Answers whether somebody may do something, and by which line. Reads every line: for many questions, there is
    /// [`Compiled`].
    pub fn decide(&self, subjects: Subjects<'_>, request: Request<'_>) -> Decision {
        let mut first = None;
        for subject in self.asked(subjects) {
            let decision = self.decide_for(subject, request);
            if decision.allowed {
                return decision;
            }
            first = first.or(Some(decision).filter(|it| it.line.is_some()));
        }
        first.unwrap_or(Decision { allowed: false, line: None, subject: None })
    }

    /// Answers for one string as it stands, be it a user, a group or a role, after the default role.
    pub fn decide_plainly(&self, subject: &str, request: Request<'_>) -> Decision {
        self.decide(Subjects { user: subject, groups: &[] }, request)
    }

    /// Returns whether some line that is not built in speaks of a resource.
    pub fn speaks_of(&self, resource: &str) -> bool {
        self.rules[self.built_in..].iter().any(|it| it.resource.matches(resource))
    }

    /// Returns the `p` lines that are not built in.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules[self.built_in..].iter().map(|it| &it.rule)
    }

    /// Returns the `g` lines, the built-in ones first.
    pub fn groupings(&self) -> &[Grouping] {
        &self.groupings
    }

    /// Returns the lines that Argo CD passes over.
    pub fn ignored(&self) -> &[Line] {
        &self.ignored
    }

    /// Returns the rules with a pattern that cannot be compiled, which match nothing.
    pub fn broken(&self) -> impl Iterator<Item = &Rule> {
        let is_broken = |it: &&Arc<CompiledRule>| {
            it.resource.is_broken() || it.action.is_broken() || it.object.is_broken()
        };
        self.rules.iter().filter(is_broken).map(|it| &it.rule)
    }

    /// Returns whether a pattern of this policy's kind matches a text.
    pub fn covers(&self, pattern: &str, text: &str) -> bool {
        Pattern::new(pattern, self.matching).matches(text)
    }

    /// Returns everything that a subject is: itself and its roles.
    pub fn closure<'a>(&'a self, subject: &'a str) -> HashSet<&'a str> {
        let mut reached = HashSet::from([subject]);
        let mut edge = vec![subject];
        for _ in 0..LONGEST_CHAIN {
            let roles = edge.iter().filter_map(|name| self.roles_of.get(*name)).flatten();
            edge = roles.map(String::as_str).filter(|name| reached.insert(name)).collect();
        }
        reached
    }

    /// Returns everybody whom the lines name, users and groups; no roles.
    pub fn people(&self) -> HashSet<&str> {
        let subjects = self.rules.iter().map(|it| it.rule.subject.as_str());
        let members = self.roles_of.keys().map(String::as_str);
        let is_role = |name: &str| name.starts_with("role:") || name.starts_with("proj:");
        subjects.chain(members).filter(|name| !is_role(name)).collect()
    }

    /// Returns who is asked, in order: the default roles, the user, and the groups that some `g` line names.
    fn asked<'a>(&'a self, subjects: Subjects<'a>) -> impl Iterator<Item = &'a str> {
        let groups = subjects.groups.iter().filter(|group| self.roles_of.contains_key(*group));
        let default = self.default_roles.iter().map(String::as_str);
        default.chain(std::iter::once(subjects.user)).chain(groups.map(String::as_str))
    }

    /// Some allow, and no deny, among the lines of everything that the subject is.
    fn decide_for(&self, subject: &str, request: Request<'_>) -> Decision {
        let roles = self.closure(subject);
        let mut first = None;
        for it in &self.rules {
            if roles.contains(it.rule.subject.as_str()) && it.matches(request) {
                match it.rule.effect {
                    Effect::Deny => return it.decision(subject),
                    Effect::Allow => first = first.or(Some(it)),
                    Effect::Nothing => {}
                }
            }
        }
        first.map_or(Decision { allowed: false, line: None, subject: None }, |it| it.decision(subject))
    }

    fn read(built_in: (&str, &str), data: &BTreeMap<String, String>) -> Result<Self, PolicyError> {
        let matching = match data.get("policy.matchMode").map(String::as_str) {
            Some("regex") => Matching::Regex,
            _ => Matching::Glob,
        };
        let default_role = data.get("policy.default").filter(|role| !role.is_empty()).cloned();
        let mut policy =
            Self { default_roles: default_role.into_iter().collect(), matching, ..Self::empty() };
        policy.add(parse(built_in.0, built_in.1)?);
        policy.built_in = policy.rules.len();
        let is_more = |key: &str| key.starts_with("policy.") && key.ends_with(".csv") && key != "policy.csv";
        let first = data.get_key_value("policy.csv").into_iter();
        for (key, text) in first.chain(data.iter().filter(|(key, _)| is_more(key))) {
            policy.add(parse(key, text)?);
        }
        Ok(policy)
    }

    fn add(&mut self, parsed: Parsed) {
        for grouping in parsed.groupings {
            self.join(&grouping.member, &grouping.role);
            self.groupings.push(grouping);
        }
        self.ignored.extend(parsed.ignored);
        self.rules.extend(parsed.rules.into_iter().map(|rule| {
            Arc::new(CompiledRule {
                resource: Pattern::new(&rule.resource, self.matching),
                action: Pattern::new(&rule.action, self.matching),
                object: Pattern::new(&rule.object, self.matching),
                rule,
            })
        }));
    }

    fn join(&mut self, member: &str, role: &str) {
        self.roles_of.entry(member.to_owned()).or_default().push(role.to_owned());
    }
}

impl Glob {
    /// Compiles a glob; none where it cannot be.
    pub fn new(text: &str) -> Option<Self> {
        Some(Self(Pattern::new(text, Matching::Glob))).filter(|it| !it.0.is_broken())
    }

    /// Returns whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.0.matches(text)
    }
}

impl CompiledRule {
    fn matches(&self, request: Request<'_>) -> bool {
        self.resource.matches(request.resource)
            && self.action.matches(request.action)
            && self.object.matches(request.object)
    }

    fn decision(&self, subject: &str) -> Decision {
        Decision {
            allowed: self.rule.effect == Effect::Allow,
            line: Some(self.rule.line.clone()),
            subject: Some(subject.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
