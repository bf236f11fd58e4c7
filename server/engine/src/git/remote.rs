//! URLs of repositories: which of them mean the same one.

/// Returns what is equal for all spellings of one repository: host in lower case and path, without scheme, user, port of
/// the scheme, `.git` and slashes at the end. `git@host:path` (scp's form) and `ssh://git@host/path` are the same.
pub fn normalized(url: &str) -> String {
    let url = url.trim();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (host, path) = match (scheme, rest.split_once('/')) {
        ("file", _) => ("", rest),
        ("", _) => rest.split_once(':').filter(|(host, _)| !host.contains('/')).unwrap_or(("", rest)),
        (_, Some(parts)) => parts,
        (_, None) => (rest, ""),
    };
    let host = host.rsplit('@').next().unwrap_or(host).to_lowercase();
    let port = [("https", ":443"), ("http", ":80"), ("ssh", ":22")].into_iter().find(|(of, _)| *of == scheme);
    let host = port.and_then(|(_, port)| host.strip_suffix(port)).unwrap_or(&host);
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let path = if host.is_empty() { path } else { path.trim_start_matches('/') };
    if host.is_empty() { path.to_owned() } else { format!("{host}/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_repository_are_equal() {
        for url in [
            "https://git.example.com/acme/fleet.git",
            "https://git.example.com/acme/fleet/",
            "https://user:secret@GIT.example.com:443/acme/fleet",
            "ssh://git@git.example.com:22/acme/fleet.git",
            "git@git.example.com:acme/fleet.git",
        ] {
            assert_eq!(normalized(url), "git.example.com/acme/fleet", "{url}");
        }
        assert_eq!(normalized("file:///srv/fleet.git"), "/srv/fleet");
        assert_ne!(normalized("https://a.example.com/x"), normalized("https://a.example.com:8443/x"));
    }
}
