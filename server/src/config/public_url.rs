//! The URL that people use: it decides the session's cookie, and which origin may send forms.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use axum::http::{Uri, uri::Scheme};
use serde::Deserialize;

/// An origin, `https://…` or, on loopback alone, `http://…`, written as browsers write it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub struct PublicUrl {
    origin: String,
    secure: bool,
}

impl PublicUrl {
    /// Returns the URL of an address that we listen on, if that is a loopback address.
    pub fn of_loopback(address: SocketAddr) -> Option<Self> {
        address.ip().is_loopback().then(|| Self { origin: format!("http://{address}"), secure: false })
    }

    /// Returns the origin as browsers send it.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns whether people come by https.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Returns the name of the cookie of a sign-in that went to a provider.
    pub fn attempt_cookie(&self) -> &'static str {
        if self.secure { "__Host-quarterdeck-attempt" } else { "quarterdeck-attempt" }
    }

    /// Returns the name of the session's cookie. Browsers take the prefix over https alone.
    pub fn session_cookie(&self) -> &'static str {
        if self.secure { "__Host-quarterdeck" } else { "quarterdeck" }
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url: Uri = text.parse().map_err(|_| format!("`{text}` is not a URL"))?;
        let (Some(scheme), Some(host)) = (url.scheme(), url.host()) else {
            return Err(format!("`{text}` is not a URL like https://quarterdeck.example.com"));
        };
        if url.path_and_query().is_some_and(|path| path.as_str() != "/") || text.contains('@') {
            return Err(format!(
                "`{text}` has more than scheme, host and port; Quarterdeck is served at the root"
            ));
        }
        let host = host.to_ascii_lowercase();
        let secure = *scheme == Scheme::HTTPS;
        if !secure && *scheme != Scheme::HTTP {
            return Err(format!("`{text}` is neither https nor http"));
        }
        if !secure && !is_loopback(&host) {
            return Err(format!("`{text}` has to be https: plain http would show passwords to the network"));
        }
        let default_port = if secure { 443 } else { 80 };
        let port = url.port_u16().filter(|port| *port != default_port).map(|port| format!(":{port}"));
        Ok(Self { origin: format!("{scheme}://{host}{}", port.unwrap_or_default()), secure })
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::PublicUrl;

    fn origin(text: &str) -> Result<String, String> {
        text.parse::<PublicUrl>().map(|url| url.origin().to_owned())
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        assert_eq!(
            origin("https://Quarterdeck.Example.com:443/").as_deref(),
            Ok("https://quarterdeck.example.com")
        );
        assert_eq!(origin("https://q.example:8443").as_deref(), Ok("https://q.example:8443"));
        assert_eq!(origin("http://localhost:80").as_deref(), Ok("http://localhost"));
        assert_eq!(origin("http://[::1]:3000").as_deref(), Ok("http://[::1]:3000"));
    }

    #[test]
    fn what_would_not_work_is_refused() {
        let wrong = [
            "",
            "q.example",
            "ftp://q.example",
            "https://q.example/deck",
            "http://q.example",
            "https://me@q.example",
        ];
        for text in wrong {
            assert!(origin(text).is_err(), "{text}");
        }
    }
}
