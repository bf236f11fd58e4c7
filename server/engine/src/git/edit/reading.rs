//! Two readers of YAML that share no code: granit-parser, which says to the byte where things are, and libyaml-safer, a
//! port of libyaml. go-yaml, by which kustomize, Helm, kubectl and Argo CD read, is another port of it.

use std::{borrow::Cow, collections::HashMap};

use granit_parser as granit;
use libyaml_safer as libyaml;

use super::{
    Limits,
    error::Unreadable,
    tree::{Builder, Place, Tree},
    value::Style,
};

/// Reads bytes as text, within the limit.
pub(super) fn text_of<'a>(bytes: &'a [u8], limits: &Limits) -> Result<&'a str, Unreadable> {
    if bytes.len() > limits.bytes {
        return Err(Unreadable::TooLarge { bytes: bytes.len(), limit: limits.bytes });
    }
    std::str::from_utf8(bytes).map_err(|error| Unreadable::NotUtf8 { position: error.valid_up_to() })
}

/// Reads a text by granit-parser; the places are bytes of it.
pub(super) fn tree_of(text: &str, limits: &Limits) -> Result<Tree, Unreadable> {
    let mut options = granit::options! { emit_anchor_events: true };
    options.set_emit_comments(false);
    let mut builder = Builder::new(limits);
    let mut parser = granit::Parser::new_from_str_with_options(text, options).peekable();
    while let Some(event) = parser.next() {
        let (event, span) = event.map_err(|error| unreadable(&error))?;
        // The event of an anchor follows that of its node.
        let anchor = parser.next_if(|it| matches!(it, Ok((granit::Event::Anchor(..), _))));
        let place = place_of(&span, anchor.and_then(Result::ok).map(|(_, span)| span));
        take(&mut builder, event, place, text)?;
    }
    Ok(builder.finish())
}

fn take(
    builder: &mut Builder<'_>,
    event: granit::Event<'_>,
    mut place: Place,
    source: &str,
) -> Result<(), Unreadable> {
    let is_flow = |style| style == granit::StructureStyle::Flow;
    let anchored = |id| (id > 0).then_some(id);
    match event {
        granit::Event::DocumentStart(..) => builder.document(),
        granit::Event::Scalar(text, style, anchor, tag) => {
            let style = style_of(style);
            // An absent value is told as a tilde without extent.
            let is_absent = style == Style::Plain && place.span.is_empty();
            let text = if is_absent { String::new() } else { text.into_owned() };
            if style == Style::Block {
                place.span.end = end_of_block(source, &place, &text);
            }
            let tag = tag.map(|it| format!("{}{}", it.handle(), it.suffix()));
            builder.scalar(text, style, tag, anchored(anchor), place)?;
        }
        granit::Event::SequenceStart(style, anchor, _) => {
            builder.start(true, is_flow(style), anchored(anchor), place)?;
        }
        granit::Event::MappingStart(style, anchor, _) => {
            builder.start(false, is_flow(style), anchored(anchor), place)?;
        }
        granit::Event::SequenceEnd | granit::Event::MappingEnd => builder.end(place.span.end)?,
        granit::Event::Alias(id) => builder.alias(id, place)?,
        _ => {}
    }
    Ok(())
}

/// Reads a text by libyaml-safer; only lines and columns are known then.
///
/// It panics on a few odd texts (0.3.0): on escapes in tags, and on a block text that ends with the file without a line
/// break, for which it is given one here. Nothing of it outlives a panic, so that counts as a text it cannot read.
pub(super) fn second_opinion(text: &str, limits: &Limits) -> Result<Tree, Unreadable> {
    let ended = if text.ends_with('\n') { Cow::Borrowed(text) } else { Cow::Owned(format!("{text}\n")) };
    std::panic::catch_unwind(|| read_by_libyaml(&ended, limits)).unwrap_or_else(|_| {
        let reason = "kustomize and Helm may not be able to read it".to_owned();
        Err(Unreadable::Syntax { line: 1, column: 1, reason })
    })
}

fn read_by_libyaml(text: &str, limits: &Limits) -> Result<Tree, Unreadable> {
    let mut builder = Builder::new(limits);
    let mut names = Names::default();
    let mut input = text.as_bytes();
    let mut parser = libyaml::Parser::new();
    parser.set_input_string(&mut input);
    loop {
        let event = parser.parse().map_err(|error| unreadable_by_libyaml(&error))?;
        let place = place_at(event.start_mark);
        if matches!(event.data, libyaml::EventData::StreamEnd) {
            return Ok(builder.finish());
        }
        take_from_libyaml(&mut builder, &mut names, event.data, place)?;
    }
}

fn take_from_libyaml(
    builder: &mut Builder<'_>,
    names: &mut Names,
    event: libyaml::EventData,
    place: Place,
) -> Result<(), Unreadable> {
    use libyaml::EventData as Event;
    match event {
        Event::DocumentStart { .. } => builder.document(),
        Event::Scalar { anchor, tag, value, style, .. } => {
            let style = match style {
                libyaml::ScalarStyle::SingleQuoted => Style::Single,
                libyaml::ScalarStyle::DoubleQuoted => Style::Double,
                libyaml::ScalarStyle::Literal | libyaml::ScalarStyle::Folded => Style::Block,
                _ => Style::Plain,
            };
            builder.scalar(value, style, tag, names.define(anchor), place)?;
        }
        Event::SequenceStart { anchor, .. } => builder.start(true, false, names.define(anchor), place)?,
        Event::MappingStart { anchor, .. } => builder.start(false, false, names.define(anchor), place)?,
        Event::SequenceEnd | Event::MappingEnd => builder.end(0)?,
        Event::Alias { anchor } => builder.alias(names.find(&anchor), place)?,
        _ => {}
    }
    Ok(())
}

/// Numbers for the names of anchors; a name that is used again means the newer one.
#[derive(Default)]
struct Names {
    latest: HashMap<String, usize>,
    count: usize,
}

impl Names {
    fn define(&mut self, name: Option<String>) -> Option<usize> {
        let name = name?;
        self.count += 1;
        self.latest.insert(name, self.count);
        Some(self.count)
    }

    /// 0, which no anchor has, for a name that is not known.
    fn find(&self, name: &str) -> usize {
        self.latest.get(name).copied().unwrap_or_default()
    }
}

fn place_of(span: &granit::Span, anchor: Option<granit::Span>) -> Place {
    let range = span.byte_range().unwrap_or_default();
    let starts = [span.tag_start(), anchor.map(|it| it.start)];
    let outset = starts.into_iter().flatten().filter_map(|it| it.byte_offset()).fold(range.start, usize::min);
    Place { span: range, outset, line: span.start.line(), column: span.start.col() + 1 }
}

fn place_at(mark: libyaml::Mark) -> Place {
    let from_one = |it: u64| usize::try_from(it).unwrap_or(usize::MAX).saturating_add(1);
    Place { line: from_one(mark.line), column: from_one(mark.column), ..Place::default() }
}

fn style_of(style: granit::ScalarStyle) -> Style {
    match style {
        granit::ScalarStyle::Plain => Style::Plain,
        granit::ScalarStyle::SingleQuoted => Style::Single,
        granit::ScalarStyle::DoubleQuoted => Style::Double,
        granit::ScalarStyle::Literal | granit::ScalarStyle::Folded => Style::Block,
    }
}

/// The span of a block text covers the empty lines behind it, which belong to it only where they are part of its value.
fn end_of_block(source: &str, place: &Place, value: &str) -> usize {
    let raw = source.get(place.span.clone()).unwrap_or_default();
    let keeps_lines = value.ends_with("\n\n") || value.trim_end_matches('\n').is_empty();
    let kept = if keeps_lines { raw.trim_end_matches([' ', '\t']) } else { raw.trim_end() };
    // The last line break is that of the last line, not a line of its own.
    let kept = kept.strip_suffix('\n').map_or(kept, |it| it.strip_suffix('\r').unwrap_or(it));
    place.span.start + kept.len()
}

fn unreadable(error: &granit::ScanError) -> Unreadable {
    let marker = error.marker();
    let reason = error.info().to_string().escape_debug().to_string();
    Unreadable::Syntax { line: marker.line(), column: marker.col() + 1, reason }
}

fn unreadable_by_libyaml(error: &libyaml::Error) -> Unreadable {
    let Place { line, column, .. } = place_at(error.problem_mark().unwrap_or_default());
    let reason = format!("as kustomize and Helm would read it: {}", error.problem());
    Unreadable::Syntax { line, column, reason }
}
