//! The images of a file whose earlier content is known: where nothing but a value of one of them is another one, they are
//! told without reading the file again. A history of thousands of contents is read so.

use std::{ops::Range, sync::Arc};

use super::{
    EditError, Image, Images, Limits,
    images::list,
    path::{Field, Path},
    source::Source,
    tree::Content,
    value::Style,
};

/// The images of a content, and where their values stand in it.
#[derive(Clone, Debug)]
pub struct Glance {
    text: Vec<u8>,
    entries: Arc<[Image]>,
    places: Vec<Place>,
}

/// Where a value stands, without its quotes.
#[derive(Clone, Debug)]
struct Place {
    at: Range<usize>,
    entry: usize,
    part: Part,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    NewName,
    NewTag,
    Digest,
}

impl Glance {
    /// Reads a content as [`Images::read`] does.
    ///
    /// # Errors
    /// As there.
    pub fn read(text: Vec<u8>, limits: &Limits) -> Result<Self, EditError> {
        let source = Source::read(&text, limits)?;
        let entries: Arc<[Image]> = Images::of_source(&source)?.entries.into();
        let places = places(&source, &entries);
        Ok(Self { text, entries, places })
    }

    /// Returns the images.
    pub fn entries(&self) -> &Arc<[Image]> {
        &self.entries
    }

    /// Reads a later content; none where it must be read as a whole.
    ///
    /// A word of letters, digits and few signs means the same wherever one of its kind stood, quoted or not.
    pub fn again(&self, text: &[u8], limits: &Limits) -> Option<Self> {
        let (old, new) = (self.text.as_slice(), text);
        let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        let most = old.len().min(new.len()) - same;
        let same_end = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
        let changed = same..old.len() - same_end;
        let holds = |it: &&Place| it.at.start <= changed.start && changed.end <= it.at.end;
        let place = self.places.iter().find(holds)?;
        let end = (place.at.end + new.len()).checked_sub(old.len())?;
        let value = new.get(place.at.start..end).filter(|value| is_word(value))?;
        if new.len() > limits.bytes {
            return None;
        }
        let value = std::str::from_utf8(value).ok()?;
        let mut entries = self.entries.to_vec();
        *entries.get_mut(place.entry)?.part(place.part) = Some(value.to_owned());
        let moved = |at: usize| if at >= place.at.end { at + new.len() - old.len() } else { at };
        let places =
            self.places.iter().map(|it| Place { at: moved(it.at.start)..moved(it.at.end), ..it.clone() });
        Some(Self { text: new.to_vec(), entries: entries.into(), places: places.collect() })
    }
}

impl Image {
    fn part(&mut self, part: Part) -> &mut Option<String> {
        match part {
            Part::NewName => &mut self.new_name,
            Part::NewTag => &mut self.new_tag,
            Part::Digest => &mut self.digest,
        }
    }
}

/// The values that are words. Where a value may stand in several places, or have a type of its own, there are none.
fn places(source: &Source<'_>, entries: &[Image]) -> Vec<Place> {
    if source.text.contains(['&', '*', '!']) {
        return Vec::new();
    }
    let parts = [("newName", Part::NewName), ("newTag", Part::NewTag), ("digest", Part::Digest)];
    let place = |(entry, key, part)| {
        let at = place_of(source, list().path.index(entry).key(key))?;
        Some(Place { at, entry, part })
    };
    let all = (0..entries.len()).flat_map(|entry| parts.map(|(key, part)| (entry, key, part)));
    all.filter_map(place).collect()
}

fn place_of(source: &Source<'_>, path: Path) -> Option<Range<usize>> {
    let id = source.tree.find(&Field::new(path)).ok()?.first()?.node?;
    let node = &source.tree.nodes[id];
    let Content::Scalar { text, style, .. } = &node.content else { return None };
    let span = node.place.span.clone();
    let inner = match style {
        Style::Plain => span,
        Style::Single | Style::Double => span.start + 1..span.end.checked_sub(1)?,
        Style::Block => return None,
    };
    let is_it = source.text.get(inner.clone()) == Some(text.as_str()) && is_word(text.as_bytes());
    is_it.then_some(inner)
}

/// Begins with a letter or a digit and has a digit, so that it is no null and no truth value.
fn is_word(text: &[u8]) -> bool {
    let is_sign = |byte: &u8| matches!(byte, b'.' | b'-' | b'_' | b'/');
    text.first().is_some_and(u8::is_ascii_alphanumeric)
        && text.last().is_some_and(u8::is_ascii_alphanumeric)
        && text.iter().any(u8::is_ascii_digit)
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || is_sign(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 5] = [
        "images:\n  - name: shop/web # moves\n    newTag: \"1.5.0\"\nreplicas:\n- {name: web, count: 6}\n",
        "images:\r\n- {name: a, newTag: '1.4.2'}\r\n- name: b\r\n  newName: r/b2\r\n  digest: 0f\r\n",
        "# ü\nimages: [{name: a, newTag: 1.20}, {name: a, newTag: 1.21}]\nlabels: [{pairs: {v: 1.20}}]",
        "images:\n- name: a\n  newTag: v1 # 1.5.0\nx: 'it''s'\n",
        "namespace: shop\nimages:\n- newTag: 7f3a91c\n  name: a\n",
    ];
    const VALUES: [&str; 16] = [
        "1.5.1",
        "1.5.0",
        "2",
        "v2.0.0-rc.1",
        "latest",
        "true",
        "null",
        "0x1f",
        "1e3",
        "a: 1",
        "1 #2",
        "\"x1",
        "2026-11-26",
        "-1",
        "",
        "team/web1",
    ];

    fn read(text: &str) -> Option<Vec<Image>> {
        Images::read(text.as_bytes(), &Limits::default()).ok().map(|it| it.entries)
    }

    #[test]
    fn what_is_told_at_a_glance_is_what_would_be_read() {
        let (limits, mut told) = (Limits::default(), 0);
        for text in TEXTS {
            let glance = Glance::read(text.into(), &limits).expect("reads");
            // Each part of a text in turn gives way to each value, be it sensible or not.
            for start in 0..text.len() {
                for end in start..text.len().min(start + 7) {
                    for value in VALUES {
                        let (Some(before), Some(after)) = (text.get(..start), text.get(end..)) else {
                            continue;
                        };
                        let new = format!("{before}{value}{after}");
                        let Some(again) = glance.again(new.as_bytes(), &limits) else { continue };
                        assert_eq!(Some(again.entries().to_vec()), read(&new), "{text:?} to {new:?}");
                        told += 1;
                    }
                }
            }
        }
        assert!(told > 1000, "{told}");
    }

    #[test]
    fn one_glance_leads_to_the_next() {
        let limits = Limits::default();
        let mut glance = Glance::read(TEXTS[1].into(), &limits).expect("reads");
        for (old, new) in [("1.4.2", "1.10.22"), ("r/b2", "registry.test/b3"), ("1.10.22", "7"), ("0f", "1f")]
        {
            let text = String::from_utf8(glance.text.clone()).expect("is text").replace(old, new);
            glance = glance.again(text.as_bytes(), &limits).expect("is told");
            assert_eq!(Some(glance.entries().to_vec()), read(&text), "{text:?}");
        }
    }

    #[test]
    fn where_values_are_shared_the_whole_is_read() {
        let text = "images:\n- {name: a, newTag: &tag v1}\n- {name: b, newTag: *tag}\n";
        let glance = Glance::read(text.into(), &Limits::default()).expect("reads");
        assert!(glance.again(text.replace("v1", "v2").as_bytes(), &Limits::default()).is_none());
    }
}
