//! Settings: where they come from, and what is said of wrong ones.

use std::{error::Error as _, fs, path::PathBuf, process::Command};

use engine::DatabaseSetting;
use secrecy::ExposeSecret as _;
use server::config::{Config, Flags, Secrets};

use crate::support::scratch;

fn file(name: &str, text: &str) -> PathBuf {
    let path = scratch(&format!("{name}.toml"));
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(&path, text).expect("a file");
    path
}

fn load(name: &str, text: &str) -> Result<Config, String> {
    let flags = Flags { config: Some(file(name, text)), ..Flags::default() };
    Config::load(flags, Secrets::default()).map_err(|error| error.to_string())
}

#[test]
fn nothing_has_to_be_set() {
    let config = Config::load(Flags::default(), Secrets::default()).expect("settings");
    assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(config.http.public_url.origin(), "http://127.0.0.1:3000");
    let [plane] = &config.engine.control_planes[..] else { panic!("one control plane") };
    assert_eq!((plane.namespace.as_str(), &plane.context, &plane.kubeconfig), ("argocd", &None, &None));
    assert!(matches!(config.engine.database, DatabaseSetting::Private(None)));
}

#[test]
fn a_flag_wins_over_the_file() {
    let path = file("wins", "listen = '127.0.0.1:4000'\ncontext = 'mgmt'\nnamespace = 'gitops'\n");
    let flags = Flags { config: Some(path), context: Some("lab".into()), ..Flags::default() };
    let config = Config::load(flags, Secrets::default()).expect("settings");
    assert_eq!(config.listen.port(), 4000);
    let plane = &config.engine.control_planes[0];
    assert_eq!((plane.name.as_str(), plane.namespace.as_str()), ("lab", "gitops"));
}

#[test]
fn the_environment_wins_over_the_file_and_secrets_stay_hidden() {
    let path = file("secret", "database_url = 'postgres://file:hidden@db/q'\n");
    let flags = Flags { config: Some(path), ..Flags::default() };
    let secrets = Secrets {
        database_url: Some("postgres://environment:hidden@db/q".into()),
        admin_password: Some("hidden too".into()),
        ..Secrets::default()
    };
    let config = Config::load(flags, secrets).expect("settings");
    assert!(matches!(config.engine.database, DatabaseSetting::Url(_)));
    assert!(!format!("{config:?}").contains("hidden"), "{config:?}");
}

#[test]
fn the_whole_file_is_understood() {
    let text = r#"
listen = "0.0.0.0:3000"
public_url = "https://quarterdeck.example.com"
trusted_proxies = ["10.0.0.0/8", "192.0.2.7"]
data_dir = "/srv/quarterdeck"
log = "info,engine=debug"
log_format = "json"

[[control_planes]]
name = "europe"
kubeconfig = "/etc/quarterdeck/europe"

[[control_planes]]
context = "america"
namespace = "gitops"

[[environments]]
name = "test"

[[environments]]
name = "live"
aliases = ["production"]
clusters = ["eu-*"]
protected = true
approvals = 2
soak_minutes = 30

[changes]
approval_hours = 8
rollout_minutes = 15
committer_name = "Quarterdeck (Acme)"
committer_email = "quarterdeck@example.com"

[audit.anchor]
repository = "https://git.example.com/record.git"
minutes = 15

[clusters]
probe_seconds = 20
timeout_seconds = 7
plugins = ["argocd-k8s-auth"]

[[clusters.kubeconfigs]]
cluster = "eu-1"
kubeconfig = "/etc/quarterdeck/eu-1.kubeconfig"

[retention]
operations_days = 30
transitions_days = 7
"#;
    let config = load("whole", text).expect("settings");
    let names: Vec<_> = config.engine.control_planes.iter().map(|plane| plane.name.as_str()).collect();
    assert_eq!(names, ["europe", "america"]);
    assert_eq!(config.engine.environments[1].clusters, ["eu-*"]);
    let [test, live] = &config.engine.environments[..] else { panic!("two environments") };
    assert_eq!((test.approvals, test.soak.as_secs()), (0, 0), "nothing is asked where nothing is set");
    assert_eq!((live.approvals, live.soak.as_secs()), (2, 1800));
    let changes = &config.engine.changes;
    assert_eq!((changes.approval.as_secs(), changes.rollout.as_secs()), (8 * 3600, 900));
    assert_eq!(changes.committer_name, "Quarterdeck (Acme)");
    assert_eq!(changes.committer_email, "quarterdeck@example.com");
    let anchor = config.engine.anchor.as_ref().expect("an anchor");
    assert_eq!((anchor.branch.as_str(), anchor.interval.as_secs()), ("quarterdeck-record", 900));
    assert_eq!(config.engine.probes.interval.as_secs(), 20);
    assert_eq!(config.engine.access.plugins, ["argocd-k8s-auth"]);
    assert_eq!(config.engine.access.own[0].cluster, "eu-1");
    assert_eq!(config.engine.retention.transitions_days, 7);
}

#[test]
fn wrong_keys_and_values_are_refused_with_their_line() {
    let cases = [
        ("unknown", "listen = '127.0.0.1:1'\nlisten_on = 1\n", "line 2: unknown field `listen_on`"),
        ("nested", "[[environments]]\nname = 'dev'\ncolour = 'red'\n", "line 3: unknown field `colour`"),
        ("type", "\nlog = 5\n", "line 2: invalid type: integer `5`"),
        (
            "proxy",
            "trusted_proxies = [\n  '10.0.0.0/8',\n  'proxy'\n]\n",
            "`proxy` is neither an address nor a network",
        ),
        ("plain", "public_url = 'http://q.example'\n", "line 1: `http://q.example` has to be https"),
        ("zero", "[clusters]\nprobe_seconds = 0\n", "line 2: "),
        ("quorum", "[[environments]]\nname = 'a'\napprovals = 21\n", "line 3: 21 is more than 20"),
        ("negative", "[[environments]]\nname = 'a'\napprovals = -1\n", "line 3: "),
        ("soak", "[[environments]]\nname = 'a'\nsoak_minutes = 43201\n", "line 3: 43201 is more than 43200"),
        ("never", "[changes]\napproval_hours = 0\n", "line 2: "),
        ("committer", "[changes]\ncommitter_name = 'a <b>'\n", "line 2: \"a <b>\" cannot be the name"),
        ("email", "[changes]\ncommitter_email = 'nobody'\n", "line 2: \"nobody\" is no address"),
        ("change-key", "[changes]\nauto = true\n", "line 2: unknown field `auto`"),
        ("anchor", "[audit.anchor]\nbranch = 'x'\n", "missing field `repository`"),
        (
            "branch",
            "[audit.anchor]\nrepository = '/r'\nbranch = '../x'\n",
            "line 3: \"../x\" is not the name of a branch",
        ),
        ("ref", "[audit.anchor]\nrepository = '/r'\nbranch = 'refs/heads/x'\n", "line 3: "),
        ("minutes", "[audit.anchor]\nrepository = '/r'\nminutes = 0\n", "line 3: 0 is not between"),
        ("remote", "[audit.anchor]\nrepository = 'ftp://x/y'\n", "line 2: "),
        (
            "secret",
            "[audit.anchor]\nrepository = 'https://bot:hunter2@x/y'\n",
            "line 2: neither user nor password",
        ),
        ("syntax", "listen = \n", "line 1: "),
    ];
    for (name, text, expected) in cases {
        let why = load(name, text).expect_err(name);
        assert!(why.contains(&format!("{name}.toml, ")), "{why}");
        assert!(why.contains(expected), "{why}");
        assert!(!why.contains('\n'), "one line: {why}");
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    let why =
        load("twice", "[[control_planes]]\nname = 'a'\n[[control_planes]]\nname = 'a'\n").expect_err("twice");
    assert!(why.contains("`a` stands twice"), "{why}");
    let why = load("both", "context = 'x'\n[[control_planes]]\nname = 'a'\n").expect_err("both");
    assert!(why.contains("[[control_planes]]"), "{why}");
    let why = load("open", "listen = '0.0.0.0:3000'\n").expect_err("open");
    assert!(why.contains("--public-url"), "{why}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let flags = Flags { config: Some("/nowhere/quarterdeck.toml".into()), ..Flags::default() };
    let error = Config::load(flags, Secrets::default()).expect_err("no file");
    assert_eq!(error.to_string(), "/nowhere/quarterdeck.toml cannot be read");
    assert!(error.source().is_some());
}

#[test]
fn the_program_says_what_is_wrong_and_fails() {
    let output = Command::new(env!("CARGO_BIN_EXE_quarterdeck"))
        .args(["serve", "--config"])
        .arg(file("program", "port = 3000\n"))
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("program.toml, line 1: unknown field `port`"), "{said}");
}

/// Settings with one place to push to.
fn write(url: &str, with: &str) -> String {
    format!("[[repositories.write]]\nurl = '{url}'\n{with}\n")
}

/// A file with a secret, as its path in TOML.
fn secret(name: &str, text: &str) -> String {
    format!("'{}'", file(name, text).display())
}

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQhidden\n\
                   -----END OPENSSH PRIVATE KEY-----";

#[test]
fn what_to_push_and_sign_with_comes_from_files_and_stays_hidden() {
    let (password, token, key) =
        (secret("password", "hidden one\n"), secret("bearer", "hidden-two"), secret("key", KEY));
    let text = [
        write("https://git.example.com/a.git", &format!("username = 'bot'\npassword_file = {password}")),
        write("https://git.example.com/b.git", &format!("bearer_token_file = {token}")),
        write("git@git.example.com:c.git", &format!("ssh_private_key_file = {key}")),
        format!("[changes]\nsigning_key_file = {key}\n"),
    ]
    .concat();
    let config = load("write", &text).expect("settings");
    let [a, b, c] = &config.engine.repositories.write[..] else { panic!("three") };
    assert_eq!(a.username.as_deref(), Some("bot"));
    assert_eq!(
        a.password.as_ref().expect("a password").expose_secret(),
        "hidden one",
        "without its line end"
    );
    assert_eq!(b.bearer_token.as_ref().expect("a token").expose_secret(), "hidden-two");
    assert!(a.bearer_token.is_none() && a.ssh_private_key.is_none() && b.username.is_none());
    let keys = [c.ssh_private_key.as_ref(), config.engine.changes.signing_key.as_ref()];
    for key in keys {
        assert_eq!(key.expect("a key").expose_secret(), format!("{KEY}\n"), "SSH needs the line end");
    }
    assert!(!format!("{config:?}").contains("hidden"), "{config:?}");
}

#[test]
fn credentials_that_cannot_open_a_repository_are_refused_with_their_line_or_file() {
    const HTTPS: &str = "https://git.example.com/a.git";
    const SSH: &str = "ssh://git@git.example.com/a.git";
    let key = |name: &str, text: &str| format!("ssh_private_key_file = {}", secret(name, text));
    let encrypted = KEY.replace("AAAAABG5vbmUAAAAEbm9uZQ", "AAAAACmFlczI1Ni1jdHI");
    let cases = [
        ("w-none", write(HTTPS, ""), "line 1: one of these is needed: username and password_file"),
        ("w-half", write(HTTPS, "username = 'bot'"), "line 1: one of these"),
        (
            "w-both",
            write(HTTPS, "bearer_token_file = 'a'\nssh_private_key_file = 'b'"),
            "line 1: one of these",
        ),
        ("w-unknown", write(HTTPS, "password = 'hunter2'"), "unknown field `password`"),
        (
            "w-user",
            write("https://token@x/a.git", "bearer_token_file = 'a'"),
            "line 1: neither user nor password",
        ),
        (
            "w-key",
            write(HTTPS, "ssh_private_key_file = 'a'"),
            "line 1: https://git.example.com/a.git is not reached by SSH",
        ),
        (
            "w-token",
            write(SSH, "bearer_token_file = 'a'"),
            "line 1: ssh://git@git.example.com/a.git is not reached by https",
        ),
        ("w-http", write("http://git.example.com/a", "bearer_token_file = 'a'"), "line 1: "),
        ("w-absent", write(HTTPS, "bearer_token_file = '/nowhere/token'"), "/nowhere/token cannot be read"),
        (
            "w-empty",
            write(HTTPS, &format!("bearer_token_file = {}", secret("nothing", " \n"))),
            "nothing.toml: one line",
        ),
        ("w-public", write(SSH, &key("public", "ssh-ed25519 AAAA bot")), "public.toml is no private key"),
        ("w-passphrase", write(SSH, &key("locked", &encrypted)), "locked.toml has a passphrase"),
        (
            "w-pem",
            write(SSH, &key("pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n")),
            "pem.toml has a passphrase",
        ),
        ("w-twice", write(SSH, &key("one", KEY)) + &write(SSH, &key("two", KEY)), "stands twice"),
        (
            "w-form",
            format!(
                "[changes]\nsigning_key_file = {}\n",
                secret("rsa", "-----BEGIN RSA PRIVATE KEY-----\nMII\n")
            ),
            "rsa.toml is not in OpenSSH's form",
        ),
        (
            "w-sign",
            "[changes]\nsigning_key_file = '/nowhere/key'\n".to_owned(),
            "/nowhere/key cannot be read",
        ),
    ];
    for (name, text, expected) in cases {
        let why = load(name, &text).expect_err(name);
        assert!(why.contains(expected), "{name}: {why}");
        assert!(!why.contains("hunter2") && !why.contains('\n'), "{name}: {why}");
    }
}
