use super::{Remote, shown};

fn read(text: &str) -> Remote {
    Remote::read(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn passwords_of_urls_are_never_shown() {
    for (text, expected) in [
        ("https://bot:hunter2@git.example.com/a/b.git", "https://git.example.com/a/b.git"),
        ("https://hunter2@git.example.com/a/b", "https://git.example.com/a/b"),
        ("ssh://git:hunter2@git.example.com:2222/a/b", "ssh://git@git.example.com:2222/a/b"),
    ] {
        let remote = read(text);
        assert_eq!(remote.to_string(), expected);
        assert_eq!(format!("{remote:?}"), expected);
        assert!(!shown(text).contains("hunter2"), "{}", shown(text));
    }
    for text in
        ["https://bot:hun/hunter2@x/y", "ftp://a:hunter2@x/y", "bot:hunter2@host:x", "https://:hunter2"]
    {
        assert!(!shown(text).contains("hunter2"), "{}", shown(text));
        let error = Remote::read(text).map(|remote| remote.to_string());
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    assert_eq!(shown("https://git.example.com:8443/@team/b@c"), "https://git.example.com:8443/@team/b@c");
}

#[test]
fn ways_to_write_one_url_share_a_mirror_and_others_do_not() {
    let folder = |text: &str| read(text).folder();
    let same = [
        "https://Git.example.com/a/b.git",
        "https://git.example.com/a/b",
        "https://bot:x@git.example.com:443/a/b/",
    ];
    for text in same {
        assert_eq!(folder(text), folder(same[0]), "{text}");
    }
    let others = [
        "ssh://git@git.example.com/a/b",
        "git@git.example.com:a/b",
        "ssh://me@git.example.com/a/b",
        "https://git.example.com:8443/a/b",
        "https://git.example.com/A/b",
        "/a/b",
    ];
    for (n, text) in others.iter().enumerate() {
        assert!(same.iter().chain(&others[..n]).all(|other| folder(other) != folder(text)), "{text}");
    }
    assert_eq!(folder("ssh://git@git.example.com:22/a/b"), folder(others[0]));
    assert_eq!(folder("file:///a/b"), folder("/a/b/"));
}

#[test]
fn a_place_is_the_same_by_https_and_ssh() {
    let https = read("https://git.example.com/Team/Fleet.git");
    for text in ["git@git.example.com:team/fleet", "ssh://git@git.example.com:2222/team/fleet.git"] {
        assert!(https.is_same_place(&read(text)), "{text}");
    }
    for text in ["https://git.example.com/team/fleet2", "https://other.example.com/team/fleet"] {
        assert!(!https.is_same_place(&read(text)), "{text}");
    }
}

#[test]
fn what_could_mean_something_else_to_git_is_refused() {
    for text in [
        "",
        "-uplink",
        "ext::sh -c id",
        "ext::sh%20-c%20id",
        "https://-oProxyCommand=id/x",
        "ssh://-oProxyCommand=id/x",
        "-oProxyCommand=id:x",
        "git@-oProxyCommand:x",
        "git@host:-x",
        "ssh://-l@host/x",
        "http://git.example.com/a",
        "git://git.example.com/a",
        "https://git.example.com/a?b",
        "https://git.example.com",
        "file://../a",
        "/a/../b",
        "a/b",
        "https://git.example.com/a\nb",
    ] {
        assert!(Remote::read(text).is_err(), "{text}");
    }
    for text in ["http://localhost:3000/a", "http://127.0.0.1/a", "http://[::1]:80/a"] {
        read(text);
    }
}
