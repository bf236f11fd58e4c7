//! A policy as one person meets it, made to be asked often: lists ask it for every row.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{CompiledRule, Effect, Policy, Request, Subjects, pattern::AnyOf};

/// The rules that concern somebody, compiled for each resource and action when first asked.
#[derive(Debug)]
pub struct Compiled {
    /// For each subject that is asked, its rules.
    subjects: Vec<Vec<Arc<CompiledRule>>>,
    checks: Mutex<HashMap<(String, String), Arc<Check>>>,
}

/// The objects of one resource and action.
#[derive(Debug)]
struct Check {
    /// What subjects without any deny allow.
    allowed: Objects,
    /// What subjects with a deny allow and deny, each on its own.
    contested: Vec<(Objects, Objects)>,
}

/// The patterns of objects, as one; one by one where that is too large.
#[derive(Debug)]
enum Objects {
    Union(AnyOf),
    Each(Vec<Arc<CompiledRule>>),
}

impl Compiled {
    /// Picks the rules of `policy` that concern somebody.
    pub fn new(policy: &Policy, subjects: Subjects<'_>) -> Self {
        let rules_of = |subject: &str| {
            let roles = policy.closure(subject);
            let rules = policy.rules.iter().filter(|it| roles.contains(it.rule.subject.as_str()));
            rules.cloned().collect::<Vec<_>>()
        };
        let subjects = policy.asked(subjects).map(rules_of).filter(|rules| !rules.is_empty());
        Self { subjects: subjects.collect(), checks: Mutex::default() }
    }

    /// Returns whether both consist of the same rules.
    pub fn is_same(&self, other: &Self) -> bool {
        let same = |(a, b): (&Vec<Arc<CompiledRule>>, &Vec<Arc<CompiledRule>>)| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        self.subjects.len() == other.subjects.len() && self.subjects.iter().zip(&other.subjects).all(same)
    }

    /// Answers as [`Policy::decide`] does.
    pub fn allows(&self, request: Request<'_>) -> bool {
        let check = self.check(request);
        check.allowed.contain(request.object)
            || check
                .contested
                .iter()
                .any(|(allowed, denied)| allowed.contain(request.object) && !denied.contain(request.object))
    }

    fn check(&self, request: Request<'_>) -> Arc<Check> {
        let mut checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (request.resource.to_owned(), request.action.to_owned());
        Arc::clone(checks.entry(key).or_insert_with(|| Arc::new(self.make_check(request))))
    }

    fn make_check(&self, request: Request<'_>) -> Check {
        let (mut allowed, mut contested) = (Vec::new(), Vec::new());
        for rules in &self.subjects {
            let of = |effect: Effect| {
                let matching = rules.iter().filter(move |it| {
                    it.rule.effect == effect
                        && it.resource.matches(request.resource)
                        && it.action.matches(request.action)
                });
                matching.cloned().collect::<Vec<_>>()
            };
            let denied = of(Effect::Deny);
            if denied.is_empty() {
                allowed.extend(of(Effect::Allow));
            } else {
                contested.push((Objects::new(of(Effect::Allow)), Objects::new(denied)));
            }
        }
        Check { allowed: Objects::new(allowed), contested }
    }
}

impl Objects {
    fn new(rules: Vec<Arc<CompiledRule>>) -> Self {
        AnyOf::new(rules.iter().map(|it| &it.object)).map_or_else(|| Self::Each(rules), Self::Union)
    }

    fn contain(&self, object: &str) -> bool {
        match self {
            Self::Union(union) => union.matches(object),
            Self::Each(rules) => rules.iter().any(|it| it.object.matches(object)),
        }
    }
}
