//! From edits to splices: which bytes to replace, and what must come of it.

use std::ops::Range;

use super::{
    Edit, Scalar, Value,
    error::{EditError, Reason},
    locate::Hit,
    path::{Field, Path},
    same,
    source::Source,
    tree::{Change, Content, Entry, NodeId, Tree, removal},
    value::Style,
};

/// What edits do to a file.
#[derive(Default)]
pub(super) struct Splices {
    splices: Vec<Splice>,
    intended: Vec<Change>,
}

struct Splice {
    range: Range<usize>,
    text: String,
    field: Field,
}

/// How a new field of a mapping is set apart from what is there.
enum Slot {
    /// On lines of its own, from this byte on.
    Lines { at: usize, indent: String, is_behind_break: bool },
    /// Behind this byte of a flow mapping.
    Flow { at: usize, is_first: bool },
}

impl Splices {
    pub(super) fn is_empty(&self) -> bool {
        self.splices.is_empty()
    }

    pub(super) fn intended(&self) -> impl Iterator<Item = &Change> {
        self.intended.iter()
    }

    pub(super) fn intends(&self, change: &Change) -> bool {
        self.intended.contains(change)
    }

    pub(super) fn add(&mut self, source: &Source<'_>, edit: &Edit) -> Result<(), EditError> {
        let field = edit.field();
        let hits = source.tree.find(field)?;
        for hit in &hits {
            if let Some((at, reason)) = &hit.detour {
                return Err(source.refuse(field, *at, reason.clone()));
            }
        }
        let values: Vec<_> = hits.iter().map(|hit| hit.node.map(|it| source.tree.value(it))).collect();
        same(field, &values)?;
        for hit in &hits {
            match edit {
                Edit::Set { value, .. } => self.set(source, field, hit, value)?,
                Edit::Remove { .. } => self.remove(source, field, hit)?,
                Edit::Append { entry, .. } => self.append(source, field, hit, entry)?,
            }
        }
        Ok(())
    }

    /// Returns the new text.
    pub(super) fn carry_out(&mut self, source: &Source<'_>) -> Result<String, EditError> {
        // Stable: what is inserted at one place stays in the order of the edits. An insertion comes before what is
        // replaced from there on, and behind what is replaced up to there.
        self.splices.sort_by_key(|it| (it.range.start, it.range.end));
        let mut text = String::with_capacity(source.text.len() + 256);
        let mut at = 0;
        for splice in &self.splices {
            if splice.range.start < at {
                return Err(EditError::Overlap { field: splice.field.clone() });
            }
            text.push_str(&source.text[at..splice.range.start]);
            text.push_str(&splice.text);
            at = splice.range.end;
        }
        text.push_str(&source.text[at..]);
        Ok(text)
    }

    fn set(
        &mut self,
        source: &Source<'_>,
        field: &Field,
        hit: &Hit,
        value: &Scalar,
    ) -> Result<(), EditError> {
        let Some(id) = hit.node else {
            return self.insert(source, field, hit, value);
        };
        if source.tree.value(id) == Value::Scalar(value.clone()) {
            return Ok(());
        }
        let node = &source.tree.nodes[id];
        let (style, tag) = match &node.content {
            Content::Alias(_) => return Err(source.refuse(field, id, Reason::Alias)),
            Content::Scalar { style: Style::Block, .. } => {
                return Err(source.refuse(field, id, Reason::Block));
            }
            Content::Scalar { style, tag, .. } => (*style, tag.as_deref()),
            _ => return Err(source.refuse(field, id, Reason::NotScalar(source.tree.value(id)))),
        };
        let written = value.written(style, is_in_flow(source, hit));
        let written = written.ok_or_else(|| source.refuse(field, id, not_number(value)))?;
        if let Some(tag) = tag
            && Value::of(value.as_text().unwrap_or("null"), style, Some(tag)) != Value::Scalar(value.clone())
        {
            return Err(source.refuse(field, id, Reason::Tag(tag.to_owned())));
        }
        let (range, text) = self.place_of(source, field, hit, id, written)?;
        self.splice(source, field, range, text, Some(id))?;
        self.intend(field, hit, hit.path.clone(), Some(source.tree.value(id)), Some(value.clone().into()))
    }

    /// Where a new value goes. An absent one leaves nothing to replace.
    fn place_of(
        &self,
        source: &Source<'_>,
        field: &Field,
        hit: &Hit,
        id: NodeId,
        written: String,
    ) -> Result<(Range<usize>, String), EditError> {
        let span = source.tree.nodes[id].place.span.clone();
        if !source.is_absent(id) {
            return Ok((span, written));
        }
        let is_element = hit.parent.is_some_and(|it| !is_map(&source.tree, it));
        let end = source.end(id);
        let has_property = source.tree.nodes[id].place.outset < span.start;
        let at =
            if is_element && !has_property { source.text[..end].trim_end_matches(' ').len() } else { end };
        let indicator = if is_element { '-' } else { ':' };
        if !(source.text[..at].ends_with(indicator) || has_property || hit.parent.is_none()) {
            return Err(source.refuse(field, id, Reason::Layout("its value is left out")));
        }
        Ok((at..at, format!(" {written}")))
    }

    fn insert(
        &mut self,
        source: &Source<'_>,
        field: &Field,
        hit: &Hit,
        value: &Scalar,
    ) -> Result<(), EditError> {
        let (parent, entries, key) = missing(source, field, hit)?;
        let slot = slot(source, field, parent)?;
        let last = entries.last();
        let style = last.map_or(Style::Plain, |it| style_of(&source.tree, it.value));
        let in_flow = matches!(slot, Slot::Flow { .. });
        let written = value.written(style, in_flow);
        let written = written.ok_or_else(|| source.refuse(field, parent, not_number(value)))?;
        let key = write_key(key, last, in_flow);
        let (at, text) = slot.filled(source, &[format!("{key}: {written}")]);
        self.splice(source, field, at..at, text, Some(parent))?;
        self.intend(field, hit, hit.path.clone(), None, Some(value.clone().into()))
    }

    fn remove(&mut self, source: &Source<'_>, field: &Field, hit: &Hit) -> Result<(), EditError> {
        let Some(id) = hit.node else { return Ok(()) };
        let parent = hit.parent.map(|it| (it, &source.tree.nodes[it].content));
        let Some((parent, Content::Map { entries, flow })) = parent else {
            return Err(source.refuse(field, id, Reason::Layout("only keys of mappings are removed")));
        };
        let Some(position) = entries.iter().position(|it| it.value == id) else {
            return Err(source.refuse(field, parent, Reason::Merge));
        };
        if source.is_used_elsewhere(id) {
            return Err(source.refuse(field, id, Reason::Anchored));
        }
        let range = match *flow {
            true => range_in_flow(source, parent, entries, position),
            false => range_in_block(source, entries, position),
        };
        let range = range.map_err(|reason| source.refuse(field, id, reason))?;
        self.splice(source, field, range, String::new(), Some(id))?;
        self.intended.extend(removal(&source.tree, hit.document, &hit.path, id));
        Ok(())
    }

    fn append(
        &mut self,
        source: &Source<'_>,
        field: &Field,
        hit: &Hit,
        entry: &[(String, Scalar)],
    ) -> Result<(), EditError> {
        let (range, text) = match hit.node {
            None => new_list(source, field, hit, entry)?,
            Some(id) => match &source.tree.nodes[id].content {
                Content::List { items, flow } => match (items.last(), flow) {
                    (None, _) => first_element(source, field, hit, id, entry)?,
                    (Some(last), true) => {
                        let at = source.end(*last);
                        (at..at, format!(", {}", flow_entry(source, field, id, entry)?))
                    }
                    (Some(last), false) => next_element(source, field, id, *last, entry)?,
                },
                Content::Scalar { .. } if source.tree.value(id) == Value::Scalar(Scalar::Null) => {
                    first_element(source, field, hit, id, entry)?
                }
                Content::Alias(_) => return Err(source.refuse(field, id, Reason::Alias)),
                _ => return Err(source.refuse(field, id, Reason::NotList)),
            },
        };
        self.splice(source, field, range, text, hit.node)?;
        self.intend_element(source, field, hit, entry)
    }

    fn intend_element(
        &mut self,
        source: &Source<'_>,
        field: &Field,
        hit: &Hit,
        entry: &[(String, Scalar)],
    ) -> Result<(), EditError> {
        let before = hit.node.map(|it| source.tree.value(it));
        let length = match &before {
            Some(Value::List(length)) => *length,
            Some(_) => {
                self.intend(field, hit, hit.path.clone(), before.clone(), Some(Value::List(1)))?;
                0
            }
            None => 0,
        };
        for (key, value) in entry {
            let path = hit.path.clone().index(length).key(key);
            self.intend(field, hit, path, None, Some(value.clone().into()))?;
        }
        Ok(())
    }

    /// Notes what is to be replaced, unless another edit does so already.
    fn splice(
        &mut self,
        source: &Source<'_>,
        field: &Field,
        range: Range<usize>,
        text: String,
        at: Option<NodeId>,
    ) -> Result<(), EditError> {
        let is_sound = source.text.get(range.clone()).is_some();
        match (is_sound, at) {
            (false, Some(at)) => {
                return Err(source.refuse(field, at, Reason::Layout("its place is unclear")));
            }
            (false, None) => return Err(EditError::Overlap { field: field.clone() }),
            _ => {}
        }
        self.splices.push(Splice { range, text, field: field.clone() });
        Ok(())
    }

    fn intend(
        &mut self,
        field: &Field,
        hit: &Hit,
        path: Path,
        before: Option<Value>,
        after: Option<Value>,
    ) -> Result<(), EditError> {
        if self.intended.iter().any(|it| it.document == hit.document && it.path == path) {
            return Err(EditError::Overlap { field: field.clone() });
        }
        self.intended.push(Change { document: hit.document, path, before, after });
        Ok(())
    }
}

impl Slot {
    /// Returns where the lines go, and how they are written there.
    fn filled(&self, source: &Source<'_>, lines: &[String]) -> (usize, String) {
        match self {
            Self::Flow { at, is_first } => {
                (*at, format!("{}{}", if *is_first { "" } else { ", " }, lines.join(" ")))
            }
            Self::Lines { at, indent, is_behind_break } => {
                let line_break = source.line_break();
                let line = |line: &String| match is_behind_break {
                    true => format!("{indent}{line}{line_break}"),
                    false => format!("{line_break}{indent}{line}"),
                };
                (*at, lines.iter().map(line).collect())
            }
        }
    }
}

fn is_map(tree: &Tree, id: NodeId) -> bool {
    matches!(tree.nodes[id].content, Content::Map { .. })
}

fn not_number(value: &Scalar) -> Reason {
    Reason::NotNumber(value.as_text().unwrap_or_default().to_owned())
}

fn is_in_flow(source: &Source<'_>, hit: &Hit) -> bool {
    let parent = hit.parent.map(|it| &source.tree.nodes[it].content);
    matches!(parent, Some(Content::List { flow: true, .. } | Content::Map { flow: true, .. }))
}

/// The quotes that texts have there.
fn style_of(tree: &Tree, id: NodeId) -> Style {
    match &tree.nodes[id].content {
        Content::Scalar { style: style @ (Style::Single | Style::Double), .. } => *style,
        _ => Style::Plain,
    }
}

/// A key in the quotes of its neighbour.
fn write_key(key: &str, neighbour: Option<&Entry>, in_flow: bool) -> String {
    let style = neighbour.map_or(Style::Plain, |it| it.key_style);
    // A text can always be written.
    Scalar::text(key).written(style, in_flow).unwrap_or_default()
}

/// The mapping where a key is missing, and that key.
fn missing<'a>(
    source: &'a Source<'_>,
    field: &Field,
    hit: &'a Hit,
) -> Result<(NodeId, &'a [Entry], &'a str), EditError> {
    let parent = hit.parent.map(|it| (it, &source.tree.nodes[it].content));
    match (parent, hit.path.steps().last()) {
        (Some((id, Content::Map { entries, .. })), Some(super::Step::Key(key))) => Ok((id, entries, key)),
        _ => {
            Err(EditError::NotFound { field: field.clone(), reason: "it is no key of a mapping".to_owned() })
        }
    }
}

/// Where a new field of a mapping goes: behind all others.
fn slot(source: &Source<'_>, field: &Field, map: NodeId) -> Result<Slot, EditError> {
    let refuse = |reason| Err(source.refuse(field, map, Reason::Layout(reason)));
    let place = &source.tree.nodes[map].place;
    let Content::Map { entries, flow } = &source.tree.nodes[map].content else {
        return refuse("it is no mapping");
    };
    if *flow {
        return match entries.last() {
            _ if !source.text[place.span.clone()].starts_with('{') => refuse("its mapping has no braces"),
            Some(last) => Ok(Slot::Flow { at: source.end(last.value), is_first: false }),
            None => Ok(Slot::Flow { at: place.span.start + 1, is_first: true }),
        };
    }
    let Some(last) = entries.last() else { return refuse("its mapping is empty") };
    let at = line_behind_value(source, last.value).map_err(|reason| source.refuse(field, map, reason))?;
    let indents = entries.iter().rev().filter_map(|it| source.indentation(it.key_place.span.start));
    let indent = indents.map(str::to_owned).next();
    let indent = indent.unwrap_or_else(|| " ".repeat(last.key_place.column.saturating_sub(1)));
    Ok(Slot::Lines { at, indent, is_behind_break: source.text[..at].ends_with('\n') })
}

/// The start of the next line, if nothing but a comment is left of this one.
fn line_behind(source: &Source<'_>, at: usize) -> Option<usize> {
    let rest = source.rest_of_line(at);
    (rest.is_empty() || rest.starts_with('#')).then(|| source.line_end(at))
}

/// The start of the next line behind a value, as [`line_behind`].
///
/// To go-yaml, a block text that ends with the file ends without a line break: it would get one by what is added.
fn line_behind_value(source: &Source<'_>, value: NodeId) -> Result<usize, Reason> {
    let at =
        line_behind(source, source.end(value)).ok_or(Reason::Layout("something follows on its last line"))?;
    match source.ends_in_block_text(value) && !source.text[..at].ends_with('\n') {
        true => Err(Reason::Layout("the file ends in a block text without a line break")),
        false => Ok(at),
    }
}

/// The bytes of an entry of a block mapping: its lines, or up to the next key where it shares a line with a dash.
fn range_in_block(source: &Source<'_>, entries: &[Entry], position: usize) -> Result<Range<usize>, Reason> {
    let entry = &entries[position];
    let start = entry.key_place.outset;
    let end = line_behind(source, source.end(entry.value));
    let end = end.ok_or(Reason::Layout("something follows on its line"))?;
    if entries.len() == 1 {
        return Err(Reason::LastKey);
    }
    if source.indentation(start).is_some() {
        let lines = source.line_start(start)..end;
        let previous = position.checked_sub(1).map(|it| entries[it].value);
        // A block text keeps its line break, which is part of it.
        let keeps_break = previous.is_some_and(|it| source.ends_in_block_text(it));
        return Ok(if keeps_break { lines } else { whole_lines(source, lines) });
    }
    if !source.text[source.line_start(start)..start].trim_end().ends_with('-') {
        return Err(Reason::Layout("its key does not begin a line"));
    }
    let next = entries.get(position + 1).map(|next| next.key_place.outset);
    // In an odd text the next key may even be on the last line of the value.
    let between = next.and_then(|next| source.text.get(end..next));
    match (next, between) {
        (Some(next), Some(between)) if between.trim().is_empty() => Ok(start..next),
        _ => Err(Reason::Comment),
    }
}

/// At the end of a file without a last line break, the break before goes with the lines.
fn whole_lines(source: &Source<'_>, lines: Range<usize>) -> Range<usize> {
    if source.text[..lines.end].ends_with('\n') {
        return lines;
    }
    let before = &source.text[..lines.start];
    let before = before.strip_suffix('\n').map_or(before, |it| it.strip_suffix('\r').unwrap_or(it));
    before.len()..lines.end
}

/// The bytes of an entry of a flow mapping, with the comma that it needed.
fn range_in_flow(
    source: &Source<'_>,
    map: NodeId,
    entries: &[Entry],
    position: usize,
) -> Result<Range<usize>, Reason> {
    let entry = &entries[position];
    let end = source.end(entry.value);
    let range = match (position.checked_sub(1), entries.get(1)) {
        (Some(previous), _) => source.end(entries[previous].value)..end,
        (None, Some(next)) => entry.key_place.outset..next.key_place.outset,
        (None, None) => entry.key_place.outset..end,
    };
    if !source.text[source.tree.nodes[map].place.span.clone()].starts_with('{') {
        return Err(Reason::Layout("its mapping has no braces"));
    }
    // What is cut besides the entry itself must be a comma and blanks.
    let around = [
        &source.text[range.start..entry.key_place.outset.max(range.start)],
        &source.text[end..range.end.max(end)],
    ];
    match around.iter().any(|it| it.contains('#')) {
        true => Err(Reason::Comment),
        false => Ok(range),
    }
}

/// A mapping in braces.
fn flow_entry(
    source: &Source<'_>,
    field: &Field,
    at: NodeId,
    entry: &[(String, Scalar)],
) -> Result<String, EditError> {
    let quoted = json_style(source, at);
    let fields = fields(source, field, at, entry, |_| quoted, quoted, true)?;
    Ok(format!("{{{}}}", fields.join(", ")))
}

/// Double quotes where the neighbours look like JSON.
fn json_style(source: &Source<'_>, at: NodeId) -> Style {
    let first = match &source.tree.nodes[at].content {
        Content::List { items, .. } => items.first().map(|it| &source.tree.nodes[*it].content),
        map => Some(map),
    };
    match first {
        Some(Content::Map { entries, .. }) => entries.first().map_or(Style::Plain, |it| it.key_style),
        _ => Style::Plain,
    }
}

/// `key: value` for each, in the given styles.
fn fields(
    source: &Source<'_>,
    field: &Field,
    at: NodeId,
    entry: &[(String, Scalar)],
    style: impl Fn(&str) -> Style,
    key_style: Style,
    in_flow: bool,
) -> Result<Vec<String>, EditError> {
    if entry.is_empty() {
        return Err(source.refuse(field, at, Reason::Layout("an element without fields is not added")));
    }
    let write = |(key, value): &(String, Scalar)| {
        let written = value.written(style(key), in_flow);
        let written = written.ok_or_else(|| source.refuse(field, at, not_number(value)))?;
        let key = Scalar::text(key.as_str()).written(key_style, in_flow).unwrap_or_default();
        Ok(format!("{key}: {written}"))
    };
    entry.iter().map(write).collect()
}

/// The lines of an element: the first with the dash, the others below it.
fn element(dash: &str, gap: &str, fields: Vec<String>) -> Vec<String> {
    let indent = " ".repeat(1 + gap.len());
    let line = |(position, field): (usize, String)| match position {
        0 => format!("{dash}-{gap}{field}"),
        _ => format!("{dash}{indent}{field}"),
    };
    fields.into_iter().enumerate().map(line).collect()
}

/// An element behind the last one of a list in lines.
fn next_element(
    source: &Source<'_>,
    field: &Field,
    list: NodeId,
    last: NodeId,
    entry: &[(String, Scalar)],
) -> Result<(Range<usize>, String), EditError> {
    let refuse = |reason| source.refuse(field, list, Reason::Layout(reason));
    let Content::List { items, .. } = &source.tree.nodes[list].content else {
        return Err(refuse("it is no list"));
    };
    let dash = items.iter().rev().find_map(|it| dash_of(source, *it));
    let (dash, gap) = dash.ok_or_else(|| refuse("its dashes do not begin lines"))?;
    let at = line_behind_value(source, last).map_err(|reason| source.refuse(field, list, reason))?;
    let fields = fields(source, field, list, entry, |key| habit(source, items, key), Style::Plain, false)?;
    let is_behind_break = source.text[..at].ends_with('\n');
    let slot = Slot::Lines { at, indent: String::new(), is_behind_break };
    let (at, text) = slot.filled(source, &element(dash, gap, fields));
    Ok((at..at, text))
}

/// How the last element that has a key quotes its value.
fn habit(source: &Source<'_>, items: &[NodeId], key: &str) -> Style {
    let entry = items.iter().rev().find_map(|item| match &source.tree.nodes[*item].content {
        Content::Map { entries, .. } => entries.iter().find(|it| it.key == key).or(entries.first()),
        _ => None,
    });
    entry.map_or(Style::Plain, |it| style_of(&source.tree, it.value))
}

/// What stands before the dash of an element, and between it and the element.
fn dash_of<'a>(source: &Source<'a>, item: NodeId) -> Option<(&'a str, &'a str)> {
    let start = source.tree.nodes[item].place.outset;
    let before = source.text[source.line_start(start)..start].trim_end_matches(' ');
    let gap = &source.text[source.line_start(start) + before.len()..start];
    let dash = before.strip_suffix('-')?;
    let is_indentation = dash.bytes().all(|it| it == b' ');
    (is_indentation && !gap.is_empty()).then_some((dash, gap))
}

/// The first element of a list that is empty or null.
fn first_element(
    source: &Source<'_>,
    field: &Field,
    hit: &Hit,
    id: NodeId,
    entry: &[(String, Scalar)],
) -> Result<(Range<usize>, String), EditError> {
    let place = &source.tree.nodes[id].place;
    let parent = hit.parent.map(|it| &source.tree.nodes[it].content);
    let Some(Content::Map { entries, flow }) = parent else {
        return Err(source.refuse(field, id, Reason::Layout("only lists in mappings grow here")));
    };
    let key = entries.iter().find(|it| it.value == id);
    let colon = source.text[..place.span.start].trim_end_matches(' ').len();
    let colon = if source.is_absent(id) { source.end(id) } else { colon };
    let is_lone = source.text[..colon].ends_with(':') && source.rest_of_line(source.end(id)).is_empty();
    match key.and_then(|it| source.indentation(it.key_place.outset)) {
        Some(indent) if is_lone && !flow && place.outset == place.span.start => {
            let dash = format!("{indent}{}", list_indent(source, entries));
            let fields = fields(source, field, id, entry, |_| Style::Plain, Style::Plain, false)?;
            let lines = element(&dash, " ", fields).join(source.line_break());
            Ok((colon..source.end(id).max(colon), format!("{}{lines}", source.line_break())))
        }
        _ => {
            let list = format!("[{}]", flow_entry(source, field, id, entry)?);
            let absent = source.is_absent(id);
            let at = source.end(id);
            Ok(if absent { (at..at, format!(" {list}")) } else { (place.span.clone(), list) })
        }
    }
}

/// How much deeper than their keys the lists of a mapping stand; not at all where there is none to look at.
fn list_indent(source: &Source<'_>, entries: &[Entry]) -> String {
    let depth = entries.iter().rev().find_map(|entry| match &source.tree.nodes[entry.value].content {
        Content::List { items, flow: false } => {
            let (dash, _) = dash_of(source, *items.first()?)?;
            Some(dash.len().saturating_sub(entry.key_place.column.saturating_sub(1)))
        }
        _ => None,
    });
    " ".repeat(depth.unwrap_or_default())
}

/// A list under a key that is missing.
fn new_list(
    source: &Source<'_>,
    field: &Field,
    hit: &Hit,
    entry: &[(String, Scalar)],
) -> Result<(Range<usize>, String), EditError> {
    let (parent, entries, key) = missing(source, field, hit)?;
    let slot = slot(source, field, parent)?;
    let in_flow = matches!(slot, Slot::Flow { .. });
    let key = write_key(key, entries.last(), in_flow);
    let lines = match in_flow {
        true => vec![format!("{key}: [{}]", flow_entry(source, field, parent, entry)?)],
        false => {
            let fields = fields(source, field, parent, entry, |_| Style::Plain, Style::Plain, false)?;
            let mut lines = vec![format!("{key}:")];
            lines.extend(element(&list_indent(source, entries), " ", fields));
            lines
        }
    };
    let (at, text) = slot.filled(source, &lines);
    Ok((at..at, text))
}
