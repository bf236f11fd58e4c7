//! What a scalar is, and how a scalar is written so that it stays what it is.
//!
//! Types are those that Kubernetes' own tools see: kustomize, Helm, kubectl and Argo CD all read by sigs.k8s.io/yaml,
//! that is go-yaml v2, whose `resolve.go` is the source of [`Scalar::of_plain`]. A text is written plain only where YAML
//! 1.1, YAML 1.2 and go-yaml all read it as text.

use std::fmt;

use super::path::is_invisible;

/// A single value.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Scalar {
    Null,
    Bool(bool),
    /// A number as it is spelled: `1.20` and `1.2` are two.
    Number(String),
    Text(String),
}

/// What stands at a path.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Value {
    Scalar(Scalar),
    /// A single value with a tag that only its reader understands, e.g. `!Ref x`.
    Tagged {
        tag: String,
        text: String,
    },
    /// A list, with the number of its elements.
    List(usize),
    /// A mapping, with the number of its keys.
    Map(usize),
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    /// `|` or `>`.
    Block,
}

impl Scalar {
    /// Returns a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Reads what is written without quotes.
    pub fn of_plain(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
                Self::Bool(true)
            }
            "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
                Self::Bool(false)
            }
            _ if is_number(text) => Self::Number(text.to_owned()),
            _ => Self::Text(text.to_owned()),
        }
    }

    /// Returns it as a text without its type; nothing for null.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Null => None,
            Self::Bool(true) => Some("true"),
            Self::Bool(false) => Some("false"),
            Self::Number(text) | Self::Text(text) => Some(text),
        }
    }

    /// Writes it in a style if that can be, else in the nearest that can; none for a number that is no number.
    pub(super) fn written(&self, style: Style, in_flow: bool) -> Option<String> {
        match self {
            Self::Null => Some("null".to_owned()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Number(text) => is_number(text).then(|| text.clone()),
            Self::Text(text) => Some(write_text(text, style, in_flow)),
        }
    }
}

impl Value {
    /// Reads a scalar by its tag and style; `tag` is spelled out, e.g. `tag:yaml.org,2002:str`.
    pub(super) fn of(text: &str, style: Style, tag: Option<&str>) -> Self {
        let Some(tag) = tag else {
            let scalar = if style == Style::Plain { Scalar::of_plain(text) } else { Scalar::text(text) };
            return Self::Scalar(scalar);
        };
        let plain = Scalar::of_plain(text);
        match (tag.strip_prefix("tag:yaml.org,2002:"), &plain) {
            (Some("str"), _) => Self::Scalar(Scalar::text(text)),
            (Some("null"), Scalar::Null) | (Some("bool"), Scalar::Bool(_)) => Self::Scalar(plain),
            (Some("int" | "float"), Scalar::Number(_)) => Self::Scalar(plain),
            _ if tag == "!" => Self::Scalar(Scalar::text(text)),
            _ => Self::Tagged { tag: tag.to_owned(), text: text.to_owned() },
        }
    }

    /// Returns a single value as text without its type.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Scalar(scalar) => scalar.as_text(),
            _ => None,
        }
    }
}

impl From<Scalar> for Value {
    fn from(scalar: Scalar) -> Self {
        Self::Scalar(scalar)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(text) => f.write_str(text),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => write!(f, "{scalar}"),
            Self::Tagged { tag, text } => write!(f, "{} {text:?}", tag.escape_debug()),
            Self::List(length) => write!(f, "a list of {length}"),
            Self::Map(length) => write!(f, "a mapping of {length}"),
        }
    }
}

/// Whether go-yaml v2 makes a number of it.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    match text.as_bytes().first() {
        Some(b'.') => is_float(text),
        Some(b'0'..=b'9' | b'+' | b'-') => {
            let digits = text.replace('_', "");
            is_integer(&digits) || is_float(&digits)
        }
        _ => false,
    }
}

/// Go's `ParseInt` with base 0, of 64 bits.
fn is_integer(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    let (digits, radix) = match lower.get(..2) {
        Some("0x") => (&lower[2..], 16),
        Some("0o") => (&lower[2..], 8),
        Some("0b") => (&lower[2..], 2),
        _ if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        _ => (lower.as_str(), 10),
    };
    // `from_str_radix` takes a sign, of which one has been cut off already.
    digits.starts_with(|c: char| c.is_ascii_hexdigit()) && u64::from_str_radix(digits, radix).is_ok()
}

/// go-yaml's pattern of floats, within what a double can hold.
fn is_float(text: &str) -> bool {
    is_like_float(text) && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_like_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let is_digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    is_digits(whole)
        && is_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|it| !it.is_empty() && is_digits(it))
}

/// Whether some reader in use makes something else than a text of it.
fn is_ambiguous(text: &str) -> bool {
    !matches!(Scalar::of_plain(text), Scalar::Text(_))
        || matches!(text, "<<" | "=")
        || is_number(&text.replace('_', ""))
        || is_like_float(&text.replace('_', ""))
        || is_like_date(text)
        || is_sexagesimal(text)
        || is_huge_integer(text)
}

fn is_like_date(text: &str) -> bool {
    text.len() > 7 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit) && text.as_bytes()[4] == b'-'
}

/// YAML 1.1's numbers of base 60, e.g. `1:30`.
fn is_sexagesimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_part = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    unsigned.contains(':')
        && unsigned.split(':').all(is_part)
        && unsigned.bytes().all(|c| c.is_ascii_digit() || matches!(c, b':' | b'_' | b'.'))
}

/// `0x…` and its like beyond 64 bits: text for Go, a number elsewhere.
fn is_huge_integer(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text).to_ascii_lowercase();
    let rest = unsigned.get(..2).filter(|it| matches!(*it, "0x" | "0o" | "0b")).map(|_| &unsigned[2..]);
    rest.is_some_and(|rest| rest.bytes().all(|c| c.is_ascii_hexdigit() || c == b'_'))
}

fn write_text(text: &str, style: Style, in_flow: bool) -> String {
    match style {
        Style::Plain if can_be_plain(text, in_flow) => text.to_owned(),
        Style::Single if can_be_single(text) => format!("'{}'", text.replace('\'', "''")),
        Style::Plain if text.contains(['"', '\\']) && can_be_single(text) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        _ => double_quoted(text),
    }
}

/// Stricter than YAML: what is refused here is only quoted.
fn can_be_plain(text: &str, in_flow: bool) -> bool {
    let is_indicator = |c: char| "-?:,[]{}#&*!|>'\"%@`".contains(c) || c == ' ';
    !is_ambiguous(text)
        && !text.starts_with(is_indicator)
        && !text.starts_with("...")
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !(in_flow && text.contains([',', '[', ']', '{', '}', '?', ':']) && !is_tame_in_flow(text))
        && can_be_single(text)
}

/// A colon inside a word is fine in flow style, too.
fn is_tame_in_flow(text: &str) -> bool {
    !text.contains([',', '[', ']', '{', '}', '?']) && !text.contains("::")
}

fn can_be_single(text: &str) -> bool {
    !text.chars().any(needs_escape)
}

fn needs_escape(c: char) -> bool {
    is_invisible(c)
        || matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{ffff}')
        || u32::from(c) > 0xf_ffff
        || u32::from(c) & 0xfffe == 0xfffe
}

fn double_quoted(text: &str) -> String {
    use fmt::Write;
    let mut written = String::with_capacity(text.len() + 2);
    written.push('"');
    for c in text.chars() {
        // Writing to a string does not fail.
        let _ = match c {
            '"' | '\\' => write!(written, "\\{c}"),
            '\n' => write!(written, "\\n"),
            '\r' => write!(written, "\\r"),
            '\t' => write!(written, "\\t"),
            c if needs_escape(c) && u32::from(c) > 0xffff => write!(written, "\\U{:08X}", u32::from(c)),
            c if needs_escape(c) => write!(written, "\\u{:04X}", u32::from(c)),
            c => write!(written, "{c}"),
        };
    }
    written.push('"');
    written
}
