//! What of a difference asks for a second look (rule R7).

use std::{collections::BTreeSet, fmt};

use serde::Serialize;

use super::{NotRendered, Rendered, difference::RenderedDiff, error::shown, object::ObjectId};

/// Kinds without a namespace. Those of resource definitions are not known here.
const CLUSTER_SCOPED: [(&str, &str); 26] = [
    ("", "ComponentStatus"),
    ("", "Namespace"),
    ("", "Node"),
    ("", "PersistentVolume"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("certificates.k8s.io", "CertificateSigningRequest"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("networking.k8s.io", "IngressClass"),
    ("networking.k8s.io", "IPAddress"),
    ("networking.k8s.io", "ServiceCIDR"),
    ("node.k8s.io", "RuntimeClass"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "VolumeAttachment"),
];

/// What is looked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FindingRules {
    /// How many objects there may be fewer before it is told.
    pub fewer: usize,
    /// The namespace of the destination, for objects that give none.
    pub namespace: String,
}

/// Something that asks for a second look; its text is a sentence.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// It was rendered before, and is not after.
    BuildFails {
        why: String,
    },
    /// It could not be rendered before: nothing can be compared.
    NotComparable {
        why: String,
    },
    NewNamespace {
        namespace: String,
        objects: usize,
    },
    /// The same kind and name, in another namespace.
    Moves {
        kind: String,
        name: String,
        before: String,
        after: String,
    },
    FewerObjects {
        before: usize,
        after: usize,
    },
    NewKind {
        kind: String,
        group: String,
        objects: usize,
    },
    NewClusterScoped {
        object: ObjectId,
    },
    /// Objects that Argo CD deletes where it prunes.
    Pruned {
        objects: Vec<ObjectId>,
        more: usize,
    },
}

/// The names that one sentence lists.
const LISTED: usize = 20;

impl Default for FindingRules {
    fn default() -> Self {
        Self { fewer: 3, namespace: String::new() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuildFails { why } => write!(f, "it renders now, and would not after this change: {why}"),
            Self::NotComparable { why } => {
                write!(f, "it does not render now, so nothing can be compared: {why}")
            }
            Self::NewNamespace { namespace, objects } => {
                write!(
                    f,
                    "{} would go into the namespace {namespace}, where it has none now",
                    count(*objects)
                )
            }
            Self::Moves { kind, name, before, after } => {
                write!(f, "{} {} would move from the namespace {before} to {after}", shown(kind), shown(name))
            }
            Self::FewerObjects { before, after } => {
                write!(f, "of {} {after} would be left", count(*before))
            }
            Self::NewKind { kind, group, objects } => {
                let group = if group.is_empty() { String::new() } else { format!(" ({})", shown(group)) };
                write!(
                    f,
                    "{} of kind {}{group} would be new, and there is none now",
                    count(*objects),
                    shown(kind)
                )
            }
            Self::NewClusterScoped { object } => {
                write!(f, "{object} would be new, which concerns the whole cluster")
            }
            Self::Pruned { objects, more } => {
                let names: Vec<_> = objects.iter().map(ToString::to_string).collect();
                let more = if *more > 0 { format!(" and {more} more") } else { String::new() };
                write!(f, "{}{more} would be deleted where Argo CD prunes", names.join(", "))
            }
        }
    }
}

/// Returns what asks for a second look. The difference is that of the two, empty where one is not rendered.
pub fn findings(
    before: Result<&Rendered, &NotRendered>,
    after: Result<&Rendered, &NotRendered>,
    diff: &RenderedDiff,
    rules: &FindingRules,
) -> Vec<Finding> {
    let (before, after) = match (before, after) {
        (Ok(before), Ok(after)) => (before, after),
        (Ok(_), Err(why)) => return vec![Finding::BuildFails { why: why.to_string() }],
        (Err(why), _) => return vec![Finding::NotComparable { why: why.to_string() }],
    };
    let mut found = namespaces(before, after, rules);
    found.extend(moves(diff, rules));
    if before.objects.len().saturating_sub(after.objects.len()) > rules.fewer {
        found.push(Finding::FewerObjects { before: before.objects.len(), after: after.objects.len() });
    }
    found.extend(kinds(before, after));
    let cluster_scoped = diff.added.iter().filter(|it| is_cluster_scoped(&it.id));
    found.extend(cluster_scoped.map(|it| Finding::NewClusterScoped { object: it.id.clone() }));
    if !diff.removed.is_empty() {
        let objects: Vec<_> = diff.removed.iter().take(LISTED).map(|it| it.id.clone()).collect();
        let more = diff.removed.len() - objects.len();
        found.push(Finding::Pruned { objects, more });
    }
    found
}

fn namespaces(before: &Rendered, after: &Rendered, rules: &FindingRules) -> Vec<Finding> {
    let known: BTreeSet<_> = before.objects.iter().filter_map(|it| namespace_of(&it.id, rules)).collect();
    let used: Vec<_> = after.objects.iter().filter_map(|it| namespace_of(&it.id, rules)).collect();
    let new: BTreeSet<_> = used.iter().filter(|it| !known.contains(*it)).collect();
    let finding = |namespace: &&str| Finding::NewNamespace {
        namespace: shown(namespace),
        objects: used.iter().filter(|it| *it == namespace).count(),
    };
    new.into_iter().map(finding).collect()
}

fn moves<'d>(diff: &'d RenderedDiff, rules: &'d FindingRules) -> impl Iterator<Item = Finding> + 'd {
    diff.removed.iter().filter_map(|gone| {
        let same = |it: &&super::Whole| {
            it.id.kind == gone.id.kind && it.id.group() == gone.id.group() && it.id.name == gone.id.name
        };
        let new = diff.added.iter().find(same)?;
        let (before, after) = (namespace_of(&gone.id, rules)?, namespace_of(&new.id, rules)?);
        (before != after).then(|| Finding::Moves {
            kind: gone.id.kind.clone(),
            name: gone.id.name.clone(),
            before: shown(before),
            after: shown(after),
        })
    })
}

fn kinds(before: &Rendered, after: &Rendered) -> Vec<Finding> {
    let of = |rendered: &Rendered| -> Vec<(String, String)> {
        let kind = |it: &super::Object| (it.id.group().to_owned(), it.id.kind.clone());
        rendered.objects.iter().map(kind).collect()
    };
    let (known, used) = (of(before), of(after));
    let known: BTreeSet<_> = known.into_iter().collect();
    let new: BTreeSet<_> = used.iter().filter(|it| !known.contains(*it)).collect();
    let finding = |it: &(String, String)| Finding::NewKind {
        group: it.0.clone(),
        kind: it.1.clone(),
        objects: used.iter().filter(|used| *used == it).count(),
    };
    new.into_iter().map(finding).collect()
}

/// Returns the namespace that an object goes to; none where it has none.
fn namespace_of<'a>(id: &'a ObjectId, rules: &'a FindingRules) -> Option<&'a str> {
    if is_cluster_scoped(id) {
        return None;
    }
    Some(id.namespace.as_deref().unwrap_or(&rules.namespace)).filter(|it| !it.is_empty())
}

fn is_cluster_scoped(id: &ObjectId) -> bool {
    CLUSTER_SCOPED.contains(&(id.group(), id.kind.as_str()))
}

fn count(objects: usize) -> String {
    if objects == 1 { "1 object".to_owned() } else { format!("{objects} objects") }
}
