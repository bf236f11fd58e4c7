//! From a field to the places in a file that it means.

use super::{
    error::{EditError, Reason},
    path::{Document, Field, Path, Step},
    tree::{Content, Entry, NodeId, Tree},
    value::Value,
};

/// One place that a field means.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    pub(super) document: usize,
    /// Keys and indexes only.
    pub(super) path: Path,
    /// The mapping or list that holds it, none for a root.
    pub(super) parent: Option<NodeId>,
    /// None where only the last key is missing.
    pub(super) node: Option<NodeId>,
    /// The first alias or merge on the way to it, not the value itself.
    pub(super) detour: Option<(NodeId, Reason)>,
}

impl Tree {
    /// Finds all places that a field means.
    pub(super) fn find(&self, field: &Field) -> Result<Vec<Hit>, EditError> {
        let document = self.document(&field.document)?;
        let root = self.documents[document];
        let mut hits =
            vec![Hit { document, path: Path::root(), parent: None, node: Some(root), detour: None }];
        for step in field.path.steps() {
            let mut next = Vec::with_capacity(hits.len());
            for hit in hits {
                self.follow(hit, step, &mut next).map_err(|reason| not_found(field, reason))?;
            }
            hits = next;
        }
        match hits.is_empty() {
            true => Err(not_found(field, "no element of the list matches".to_owned())),
            false => Ok(hits),
        }
    }

    fn document(&self, wanted: &Document) -> Result<usize, EditError> {
        let is_wanted = |document: &usize| match wanted {
            Document::Only => !self.is_empty(*document),
            Document::Index(index) => document == index,
            Document::Where(conditions) => {
                conditions.iter().all(|(path, text)| self.holds(*document, path, text))
            }
        };
        let found: Vec<_> = (0..self.documents.len()).filter(is_wanted).collect();
        match found.as_slice() {
            [one] => Ok(*one),
            _ => Err(EditError::Document { wanted: wanted.to_string(), found: found.len() }),
        }
    }

    fn is_empty(&self, document: usize) -> bool {
        self.value(self.documents[document]) == Value::Scalar(super::Scalar::Null)
    }

    fn holds(&self, document: usize, path: &Path, text: &str) -> bool {
        let field = Field { document: Document::Index(document), path: path.clone() };
        let has_text = |hit: &Hit| hit.node.is_some_and(|it| self.text(it) == Some(text));
        self.find(&field).is_ok_and(|hits| hits.iter().any(has_text))
    }

    /// Goes one step on from a hit; the error says why there is no way.
    fn follow(&self, hit: Hit, step: &Step, next: &mut Vec<Hit>) -> Result<(), String> {
        let Some(id) = hit.node else {
            return Err(format!("{} is missing", hit.path));
        };
        let target = self.target(id);
        let detour = hit.detour.clone().or_else(|| (target != id).then_some((id, Reason::Alias)));
        match (step, &self.nodes[target].content) {
            (Step::Key(key), Content::Map { entries, .. }) => {
                let (node, detour) = match self.entry(entries, key) {
                    Some((node, None)) => (Some(node), detour),
                    Some((node, Some(merge))) => (Some(node), detour.or(Some((merge, Reason::Merge)))),
                    None => (None, detour),
                };
                let path = hit.path.key(key);
                next.push(Hit { document: hit.document, path, parent: Some(target), node, detour });
            }
            (Step::Index(index), Content::List { items, .. }) => {
                let node = items.get(*index).copied();
                let node = node.ok_or_else(|| format!("{} has {} elements", hit.path, items.len()))?;
                let path = hit.path.index(*index);
                next.push(Hit {
                    document: hit.document,
                    path,
                    parent: Some(target),
                    node: Some(node),
                    detour,
                });
            }
            (Step::Where { key, value }, Content::List { items, .. }) => {
                for (index, item) in items.iter().enumerate().filter(|(_, it)| self.has(**it, key, value)) {
                    let (path, detour) = (hit.path.clone().index(index), detour.clone());
                    let (parent, node) = (Some(target), Some(*item));
                    next.push(Hit { document: hit.document, path, parent, node, detour });
                }
            }
            _ => return Err(format!("{} is {}", hit.path, self.value(target))),
        }
        Ok(())
    }

    /// Finds the value of a key, and the merge that it comes through.
    fn entry(&self, entries: &[Entry], key: &str) -> Option<(NodeId, Option<NodeId>)> {
        if let Some(entry) = entries.iter().find(|it| it.key == key) {
            return Some((entry.value, None));
        }
        let merge = entries.iter().find(|it| it.key == "<<")?;
        let sources = match &self.nodes[self.target(merge.value)].content {
            Content::List { items, .. } => items.as_slice(),
            _ => std::slice::from_ref(&merge.value),
        };
        let found = sources.iter().find_map(|source| match &self.nodes[self.target(*source)].content {
            Content::Map { entries, .. } => self.entry(entries, key),
            _ => None,
        })?;
        Some((found.0, Some(merge.value)))
    }

    fn has(&self, item: NodeId, key: &str, value: &str) -> bool {
        match &self.nodes[self.target(item)].content {
            Content::Map { entries, .. } => {
                self.entry(entries, key).is_some_and(|(id, _)| self.text(id) == Some(value))
            }
            _ => false,
        }
    }
}

fn not_found(field: &Field, reason: String) -> EditError {
    EditError::NotFound { field: field.clone(), reason }
}
