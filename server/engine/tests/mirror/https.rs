//! Repositories over https, with a private authority, by Git's own server program.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    serve::Listener,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use engine::git::mirror::{Credentials, MirrorError};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
    server::TlsStream,
};

use super::{CANARY, Lab, Origin, repo, run, until};

/// A forge on loopback. `/fleet.git` is the repository, `/moved.git` leads to another host, `/hung.git` never answers.
struct Forge {
    url: String,
    certificate: String,
    shared: Arc<Shared>,
    _folder: tempfile::TempDir,
}

struct Shared {
    root: PathBuf,
    /// The only `Authorization` that is let in; none: all are.
    accepted: Mutex<Option<String>>,
    elsewhere: Mutex<String>,
    seen: Mutex<Vec<(String, Option<String>)>>,
    release: Notify,
    /// All answers are empty, and good.
    is_blank: AtomicBool,
}

struct Tls(TcpListener, TlsAcceptor);

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if let Ok((stream, address)) = self.0.accept().await
                && let Ok(stream) = self.1.accept(stream).await
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

impl Forge {
    async fn of(origin: &Origin) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem \
                         -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost";
        run("openssl", &arguments.split_whitespace().collect::<Vec<_>>(), folder.path());
        let certificate = std::fs::read_to_string(folder.path().join("cert.pem")).expect("is there");
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_file(folder.path().join("key.pem")).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|it| it.with_no_client_auth().with_single_cert(chain, key))
            .expect("a configuration");
        let shared = Arc::new(Shared {
            root: origin.folder.path().to_owned(),
            accepted: Mutex::default(),
            elsewhere: Mutex::default(),
            seen: Mutex::default(),
            release: Notify::new(),
            is_blank: AtomicBool::new(false),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let port = listener.local_addr().expect("an address").port();
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let tls = Tls(listener, TlsAcceptor::from(Arc::new(config)));
        // It ends with the test's runtime.
        #[expect(clippy::disallowed_methods, reason = "a server of a test is no task of the program")]
        tokio::spawn(async move { axum::serve(tls, router).await });
        Self { url: format!("https://localhost:{port}"), certificate, shared, _folder: folder }
    }

    fn accept(&self, authorization: &str) {
        *self.shared.accepted.lock().expect("no panic") = Some(authorization.to_owned());
    }

    /// Returns what was shown for a path.
    fn seen(&self, path: &str) -> Vec<Option<String>> {
        let seen = self.shared.seen.lock().expect("no panic");
        seen.iter().filter(|(it, _)| it.starts_with(path)).map(|(_, shown)| shown.clone()).collect()
    }

    fn token(&self) -> Credentials {
        Credentials {
            secret: Some("repo-fleet".into()),
            username: Some("bot".into()),
            password: Some(CANARY.into()),
            authorities: Some(self.certificate.clone()),
            ..Credentials::default()
        }
    }
}

fn basic() -> String {
    format!("Basic {}", STANDARD.encode(format!("bot:{CANARY}")))
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let shown = parts.headers.get("authorization").and_then(|it| it.to_str().ok()).map(ToOwned::to_owned);
    let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
    shared.seen.lock().expect("no panic").push((path.clone(), shown.clone()));
    if let Some(rest) = path.strip_prefix("/moved.git") {
        let elsewhere = shared.elsewhere.lock().expect("no panic").clone();
        return (StatusCode::FOUND, [("location", format!("{elsewhere}/fleet.git{rest}?{query}"))])
            .into_response();
    }
    let accepted = shared.accepted.lock().expect("no panic").clone();
    if accepted.is_some_and(|accepted| shown.as_deref() != Some(&*accepted)) {
        return (StatusCode::UNAUTHORIZED, [("www-authenticate", "Basic realm=\"x\"")]).into_response();
    }
    if shared.is_blank.load(Ordering::SeqCst) {
        return StatusCode::OK.into_response();
    }
    if path.starts_with("/hung.git") {
        shared.release.notified().await;
    }
    let body = to_bytes(body, 1 << 20).await.expect("reads");
    serve(&shared, parts.method.as_ref(), &path, &query, &parts.headers, body).await
}

/// Runs `git http-backend`, a program in the manner of CGI.
async fn serve(
    shared: &Shared,
    method: &str,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let mut child = tokio::process::Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &shared.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut stdin = child.stdin.take().expect("is piped");
    stdin.write_all(&body).await.expect("writes");
    drop(stdin);
    let output = child.wait_with_output().await.expect("ends").stdout;
    let end = output.windows(4).position(|it| it == b"\r\n\r\n").expect("has a head");
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let mut answer = Response::new(output[end + 4..].to_vec().into());
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().and_then(|code| code.parse().ok());
            *answer.status_mut() = code.expect("a status");
        } else {
            let name = axum::http::HeaderName::try_from(name).expect("a name");
            answer.headers_mut().insert(name, value.parse().expect("a value"));
        }
    }
    answer
}

fn shows_no_secret(text: &str) {
    for secret in [CANARY, "c4nary", &STANDARD.encode(format!("bot:{CANARY}")), &STANDARD.encode(CANARY)] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn a_token_opens_a_repository_behind_a_private_authority() {
    let origin = Origin::new();
    let (lab, forge) = (Lab::new(), Forge::of(&origin).await);
    forge.accept(&basic());
    lab.given.set(forge.token());
    let it = repo(&format!("{}/fleet.git", forge.url));
    let path = lab.mirrors.ensure(&it).await.expect("is fetched");
    assert!(path.resolve("main").is_ok());
    assert!(forge.seen("/fleet.git").contains(&Some(basic())));

    let pushed = origin.commit("main", &[("a", "2")], "Two");
    lab.given.set(Credentials { bearer_token: Some(CANARY.into()), password: None, ..forge.token() });
    forge.accept(&format!("Bearer {CANARY}"));
    let path = lab.mirrors.fresh(&it, Duration::ZERO).await.expect("is fetched");
    assert_eq!(path.resolve("main"), Ok(pushed));

    // Nothing of it stays on the disk.
    let mut left = vec![lab.folder.path().to_owned()];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                left.push(entry.path());
            } else {
                shows_no_secret(&String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap_or_default()));
            }
        }
    }
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn a_token_that_has_expired_and_one_that_is_missing_are_said() {
    let origin = Origin::new();
    let (lab, forge) = (Lab::new(), Forge::of(&origin).await);
    forge.accept("Basic of-another");
    lab.given.set(forge.token());
    let it = repo(&format!("{}/fleet.git", forge.url));
    lab.mirrors.set_known(vec![it.clone()]);
    let why = lab.mirrors.fresh(&it, Duration::ZERO).await.expect_err("is refused");
    let sentence = why.to_string();
    assert!(
        sentence.contains("refused the user name and password or token of Secret repo-fleet"),
        "{sentence}"
    );
    assert!(sentence.contains("has expired") && sentence.contains("renew it"), "{sentence}");
    for shown in [sentence, format!("{why:?} {:?} {:?} {:?}", lab.state(), lab.mirrors, forge.token())] {
        shows_no_secret(&shown);
    }
    lab.given.set(Credentials { password: None, username: None, secret: None, ..forge.token() });
    let why = lab.mirrors.fresh(&it, Duration::ZERO).await;
    assert!(matches!(why, Err(MirrorError::NoCredentials { .. })), "{why:?}");

    let it = repo(&format!("https://bot:{}@{}/fleet.git", "c4nary-in-the-url", &forge.url[8..]));
    lab.given.set(forge.token());
    let why = lab.mirrors.fresh(&it, Duration::ZERO).await.expect_err("is refused");
    lab.mirrors.set_known(vec![it.clone()]);
    shows_no_secret(&format!("{why} {why:?} {it:?} {:?}", lab.state()));
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn an_authority_that_is_not_known_and_a_repository_that_is_not_there_are_said() {
    let origin = Origin::new();
    let (lab, forge) = (Lab::new(), Forge::of(&origin).await);
    lab.given.set(Credentials { authorities: None, ..forge.token() });
    let it = repo(&format!("{}/fleet.git", forge.url));
    let why = lab.mirrors.fresh(&it, Duration::ZERO).await.expect_err("is refused").to_string();
    assert!(why.contains("the certificate of localhost is not trusted"), "{why}");
    assert!(why.contains("argocd-tls-certs-cm under the key localhost"), "{why}");
    lab.given.set(Credentials { authorities: None, insecure: true, ..forge.token() });
    assert!(lab.mirrors.fresh(&it, Duration::ZERO).await.is_ok());
    let it = repo(&format!("{}/other.git", forge.url));
    let why = lab.mirrors.fresh(&it, Duration::ZERO).await.expect_err("is not there").to_string();
    assert!(why.contains("is not found there") && why.contains("repo-fleet"), "{why}");
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn a_server_that_answers_with_nothing_takes_no_branch_away() {
    let origin = Origin::new();
    let (lab, forge) = (Lab::new(), Forge::of(&origin).await);
    lab.given.set(forge.token());
    let it = repo(&format!("{}/fleet.git", forge.url));
    let before = lab.mirrors.ensure(&it).await.expect("is fetched").resolve("main");
    forge.shared.is_blank.store(true, Ordering::SeqCst);
    let why = lab.mirrors.fresh(&it, Duration::ZERO).await.expect_err("says nothing");
    assert!(matches!(why, MirrorError::NotGit { .. }), "{why}");
    assert_eq!(lab.mirrors.ensure(&it).await.expect("is there").resolve("main"), before);
    forge.shared.is_blank.store(false, Ordering::SeqCst);
    assert_eq!(lab.mirrors.fresh(&it, Duration::ZERO).await.expect("is fetched").resolve("HEAD"), before);
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn a_redirect_to_another_host_takes_no_credentials_along() {
    let origin = Origin::new();
    let (lab, forge, other) = (Lab::new(), Forge::of(&origin).await, Forge::of(&origin).await);
    forge.accept(&basic());
    // The other one asks for credentials, and would be glad to have them.
    other.accept(&basic());
    forge.shared.elsewhere.lock().expect("no panic").clone_from(&other.url);
    let it = repo(&format!("{}/moved.git", forge.url));
    let both = format!("{}{}", forge.certificate, other.certificate);
    lab.given.set(Credentials { authorities: Some(both.clone()), ..forge.token() });
    let why = lab.mirrors.fresh(&it, Duration::ZERO).await.expect_err("leads away");
    assert!(matches!(why, MirrorError::Redirected { .. }), "{why}");
    assert!(why.to_string().contains(&other.url[8..]), "{why}");
    let bearer = Credentials { bearer_token: Some(CANARY.into()), password: None, ..forge.token() };
    lab.given.set(Credentials { authorities: Some(both), ..bearer });
    let why = lab.mirrors.fresh(&it, Duration::ZERO).await.expect_err("leads away");
    assert!(matches!(why, MirrorError::Redirected { .. }), "{why}");
    let shown = other.seen("/");
    assert!(!shown.is_empty() && shown.iter().all(Option::is_none), "{shown:?}");
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn no_secret_is_in_a_command_line_or_an_environment_while_a_fetch_runs() {
    let origin = Origin::new();
    let (lab, forge) = (Lab::new(), Forge::of(&origin).await);
    forge.accept(&basic());
    lab.given.set(forge.token());
    let it = repo(&format!("{}/hung.git", forge.url));
    let ours = lab.folder.path().display().to_string();
    let look = async {
        until("it hangs with its credentials", || forge.seen("/hung.git").contains(&Some(basic()))).await;
        let mut found = 0;
        for process in std::fs::read_dir("/proc").expect("is there").flatten() {
            let read = |name| std::fs::read(process.path().join(name)).unwrap_or_default();
            let (environment, line) = (read("environ"), read("cmdline"));
            let text = String::from_utf8_lossy(&[environment, line].concat()).into_owned();
            if text.contains(&format!("GIT_CONFIG_GLOBAL={ours}")) {
                found += 1;
                shows_no_secret(&text);
                assert!(!text.contains("CARGO"), "our own environment went along: {text}");
            }
        }
        assert!(found >= 2, "{found}: git and its helper");
    };
    tokio::select! {
        fetched = lab.mirrors.ensure(&it) => panic!("{fetched:?}"),
        () = look => {}
    }
    forge.shared.release.notify_waiters();
    lab.tasks.shutdown().await;
}
