//! Cookies: how ours are written, and how any is read.

use axum::http::{HeaderMap, header};

use crate::config::PublicUrl;

/// Returns the value for `Set-Cookie`: kept to this site, and sent over https alone where people use that.
pub(super) fn write(public_url: &PublicUrl, name: &str, value: &str, attributes: &str) -> String {
    let secure = if public_url.is_secure() { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; SameSite=Lax{secure}{attributes}")
}

/// Returns the value of a cookie; none where it is absent or empty.
pub(super) fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value)
}
