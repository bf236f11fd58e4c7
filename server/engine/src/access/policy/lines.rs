//! The text of a policy: one rule a line, in Go's CSV, with `#` comments.

use std::fmt;

/// Where a line stands, and what it says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// The key of the ConfigMap, the file, or the role of a project.
    pub place: String,
    /// From 1.
    pub number: usize,
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}: {}", self.place, self.number, self.text)
    }
}

/// What a rule does where it matches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    Allow,
    Deny,
    /// Any other word: Argo CD loads the line, and it does nothing.
    Nothing,
}

/// A `p` line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    pub line: Line,
    pub subject: String,
    pub resource: String,
    pub action: String,
    pub object: String,
    pub effect: Effect,
}

/// A `g` line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grouping {
    pub line: Line,
    pub member: String,
    pub role: String,
}

/// A line that cannot be loaded; Argo CD then loads nothing of the whole policy.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{place}, line {number}: {why}")]
pub struct PolicyError {
    pub place: String,
    pub number: usize,
    pub why: String,
}

/// What a text says.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) rules: Vec<Rule>,
    pub(super) groupings: Vec<Grouping>,
    /// Lines that Argo CD passes over.
    pub(super) ignored: Vec<Line>,
}

/// Reads a text as Argo CD's `loadPolicyLine` does: a `p` has 6 fields, a `g` has 3, and what begins with another
/// letter is passed over.
pub(super) fn parse(place: &str, text: &str) -> Result<Parsed, PolicyError> {
    let mut parsed = Parsed::default();
    for (number, text) in (1..).zip(text.lines()) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let line = Line { place: place.to_owned(), number, text: text.to_owned() };
        parsed.add(line).map_err(|why| PolicyError { place: place.to_owned(), number, why })?;
    }
    Ok(parsed)
}

impl Parsed {
    fn add(&mut self, line: Line) -> Result<(), String> {
        let fields = fields(&line.text)?;
        match fields.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["p", subject, resource, action, object, effect] => self.rules.push(Rule {
                subject: (*subject).to_owned(),
                resource: (*resource).to_owned(),
                action: (*action).to_owned(),
                object: (*object).to_owned(),
                effect: match *effect {
                    "allow" => Effect::Allow,
                    "deny" => Effect::Deny,
                    _ => Effect::Nothing,
                },
                line,
            }),
            ["g", member, role] => {
                let (member, role) = ((*member).to_owned(), (*role).to_owned());
                self.groupings.push(Grouping { line, member, role });
            }
            ["p", rest @ ..] => {
                let fields = "p, subject, resource, action, object, effect";
                return Err(format!("a p line has 6 fields ({fields}); this one has {}", rest.len() + 1));
            }
            ["g", rest @ ..] => {
                return Err(format!(
                    "a g line has 3 fields (g, member, role); this one has {}",
                    rest.len() + 1
                ));
            }
            [kind, ..] if kind.starts_with(['p', 'g']) => {
                return Err(format!("a line begins with p or g, not with `{kind}`"));
            }
            _ => self.ignored.push(line),
        }
        Ok(())
    }
}

/// Cuts a line as Go's `encoding/csv` does with `TrimLeadingSpace`: spaces after a field count, and a quoted field may
/// come after spaces. The csv crate trims either both sides or none.
fn fields(line: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        if !rest.starts_with('"') && field.contains('"') {
            return Err(format!("a quote stands inside of the field `{field}`"));
        }
        fields.push(field);
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Ok(fields),
        }
    }
}

/// Returns a quoted field, given what follows its first quote, and the rest of the line.
fn quoted_field(text: &str) -> Result<(String, &str), String> {
    let mut field = String::new();
    let mut rest = text;
    while let Some(end) = rest.find('"') {
        field.push_str(&rest[..end]);
        let after = &rest[end + 1..];
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None if after.is_empty() || after.starts_with(',') => return Ok((field, after)),
            None => return Err("a comma is missing after a quoted field".into()),
        }
    }
    Err("a quote is not closed".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_cut_as_in_go() {
        for (line, expected) in [
            ("p, a,b", vec!["p", "a", "b"]),
            ("p, a ,b", vec!["p", "a ", "b"]),
            ("g, \"a, b\", role:x", vec!["g", "a, b", "role:x"]),
            ("g, \"say \"\"hi\"\"\",x", vec!["g", "say \"hi\"", "x"]),
            ("p,,", vec!["p", "", ""]),
        ] {
            assert_eq!(fields(line).expect("reads"), expected, "{line}");
        }
        for line in ["g, \"a", "g, a\"b, c", "g, \"a\" b, c"] {
            assert!(fields(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_broken_line_is_named_by_its_place() {
        let error =
            parse("policy.csv", "# roles\n\np, role:dev, applications, get, */*\n").expect_err("five fields");
        assert_eq!((error.place.as_str(), error.number), ("policy.csv", 3));
        assert!(error.to_string().contains("this one has 5"), "{error}");
        let error = parse("policy.csv", "g, a\n").expect_err("two fields");
        assert!(error.to_string().starts_with("policy.csv, line 1: a g line has 3 fields"), "{error}");
    }

    #[test]
    fn what_argo_cd_passes_over_is_kept_apart() {
        let parsed = parse("policy.csv", "allow everything\np, a, b, c, d, permit").expect("reads");
        assert_eq!(parsed.ignored.len(), 1);
        assert_eq!(parsed.rules[0].effect, Effect::Nothing);
    }
}
