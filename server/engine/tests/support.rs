//! A PostgreSQL for this run of the tests, and a database of it for each test.
//!
//! The server is the child of a small shell script that waits for the end of its standard input. That comes when this
//! process ends, however it does: the script then stops the server and removes its folder.
//! `QUARTERDECK_TEST_DATABASE_URL` names another server to use.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use engine::db::Db;
use model::{Actor, actor::ActorKind};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

const SCRIPT: &str = r#"
set -e
PATH="$PATH:$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)"
folder=$(mktemp -d /tmp/quarterdeck-test-XXXXXX)
cd "$folder"
initdb -D data -U owner -A trust -N -E UTF8 --locale=C >initdb.log 2>&1 || { cat initdb.log >&2; exit 1; }
postgres -D data -k "$folder" -c listen_addresses= -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
    -c max_connections=200 >log 2>&1 &
until pg_isready -q -h "$folder"; do kill -0 $! || { cat log >&2; exit 1; }; sleep 0.1; done
echo "$folder"
read -r _ || true
kill -QUIT $!
wait $! || true
cd /
rm -rf "$folder"
"#;

/// Returns a migrated database that no other test uses.
pub(crate) async fn database() -> Db {
    Db::connect(&database_url().await).await.expect("connects and migrates")
}

/// Returns the URL of an empty database that no other test uses.
pub(crate) async fn database_url() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(&server_url("postgres")).await.expect("connects");
    let create = AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE template0"));
    sqlx::raw_sql(create).execute(&mut connection).await.expect("creates a database");
    server_url(&name)
}

/// Runs statements as the owner: what a test does behind the program's back.
pub(crate) async fn as_owner(db: &Db, sql: &'static str) {
    let mut owner = db.as_owner().await.expect("connects");
    sqlx::raw_sql(sql).execute(&mut owner).await.expect(sql);
}

/// Returns the number that a query counts.
pub(crate) async fn count(db: &Db, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(db.pool()).await.expect(sql)
}

/// Checks that no column of any table has one of these secrets, as it is, in hex or in base64.
pub(crate) async fn is_nowhere(db: &Db, secrets: &[&str]) {
    let mut owner = db.as_owner().await.expect("connects");
    let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' \
                  AND table_type = 'BASE TABLE'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut owner).await.expect("lists");
    assert!(tables.len() > 10, "{tables:?}");
    for table in tables {
        let rows = AssertSqlSafe(format!("SELECT row_to_json(t)::text FROM \"{table}\" AS t"));
        let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(&mut owner).await.expect("reads");
        for (row, secret) in rows.iter().flat_map(|row| secrets.iter().map(move |secret| (row, secret))) {
            let disguised = [(*secret).to_owned(), hex::encode(secret), STANDARD_NO_PAD.encode(secret)];
            let found = disguised.iter().find(|it| row.contains(it.as_str()));
            assert_eq!(found, None, "{table} has {secret}: {row}");
        }
    }
}

/// Returns the local administrator.
pub(crate) fn admin() -> Actor {
    Actor {
        name: "admin".into(),
        kind: ActorKind::LocalAdmin,
        groups: Vec::new(),
        subject: "admin".into(),
        session: None,
        scopes: Vec::new(),
        request_id: "request-1".into(),
        address: Some("127.0.0.1".into()),
    }
}

fn server_url(database: &str) -> String {
    static SERVER: OnceLock<(String, Option<Child>)> = OnceLock::new();
    let (server, _) = SERVER.get_or_init(|| match std::env::var("QUARTERDECK_TEST_DATABASE_URL") {
        Ok(url) => (url, None),
        Err(_) => start_server(),
    });
    let (address, options) = server.split_once('?').unwrap_or((server, ""));
    let (host, _) = address.rsplit_once('/').expect("a URL with a database");
    format!("{host}/{database}?{options}")
}

/// The child is kept for its standard input, whose end ends it.
fn start_server() -> (String, Option<Child>) {
    // PostgreSQL refuses root.
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", "sh", "-c", SCRIPT]);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT]);
        command
    };
    let child = command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child =
        child.expect("starts a PostgreSQL; install `postgresql`, or set QUARTERDECK_TEST_DATABASE_URL");
    let mut folder = String::new();
    let output = child.stdout.take().expect("is piped");
    BufReader::new(output).read_line(&mut folder).expect("reads where the server is");
    let folder = folder.trim();
    assert!(!folder.is_empty(), "PostgreSQL did not start; its words are above");
    (format!("postgres://owner@localhost/postgres?host={folder}"), Some(child))
}
