//! Settings: where they come from, and what is said of wrong ones.

use std::{error::Error as _, fs, path::PathBuf, process::Command};

use engine::DatabaseSetting;
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
