//! A house with a fake fleet behind it, and the questions that tests ask it.

mod ask;
mod fakes;
mod scripted;

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use axum::Router;
use engine::metrics::Metrics;
use serde_json::Value;
use server::http::{self, Services};
use tokio_util::sync::CancellationToken;

pub(crate) use ask::{Answer, Ask, Events};
pub(crate) use fakes::{API_TOKEN, FakeFleet, FakeReadiness, FakeSessions, PASSWORD};
pub(crate) use scripted::Scripted;

/// The program without its engine.
pub(crate) struct House {
    pub(crate) router: Router,
    pub(crate) fleet: Arc<FakeFleet>,
    pub(crate) sessions: Arc<FakeSessions>,
    pub(crate) readiness: Arc<FakeReadiness>,
    pub(crate) stop: CancellationToken,
    /// The name of the session's cookie.
    pub(crate) cookie: &'static str,
}

impl House {
    /// A house that people reach by http on loopback.
    pub(crate) fn on_loopback() -> Self {
        Self::at("http://127.0.0.1:3000")
    }

    /// A house at a public URL.
    pub(crate) fn at(public_url: &str) -> Self {
        let (fleet, sessions, readiness) =
            <(Arc<FakeFleet>, Arc<FakeSessions>, Arc<FakeReadiness>)>::default();
        let services = Services {
            backend: fleet.clone(),
            sessions: sessions.clone(),
            readiness: readiness.clone(),
            webhooks: readiness.clone(),
            metrics: Metrics::default(),
        };
        let settings = http::Settings {
            public_url: public_url.parse().expect("a public URL"),
            trusted_proxies: Vec::new(),
            site_root: site(),
            requests_per_minute: http::REQUESTS_PER_MINUTE,
        };
        let cookie = settings.public_url.session_cookie();
        let stop = CancellationToken::new();
        let router = http::router(services, settings, stop.clone()).expect("routes");
        Self { router, fleet, sessions, readiness, stop, cookie }
    }
}

/// Returns the method and path of each call that the description has, its parameters in braces.
pub(crate) async fn calls(house: &House) -> Vec<(String, String)> {
    let description = Ask::get("/api/v1/openapi.json").signed_in(house).of(house).await;
    let description: Value = serde_json::from_str(&description.text).expect("JSON");
    let paths = description["paths"].as_object().expect("paths");
    let of_path = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().expect("methods");
        methods.keys().map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

/// Returns a folder with the files of a site, made once.
fn site() -> PathBuf {
    static SITE: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let site = scratch("site");
        for (file, content) in [
            ("pkg/quarterdeck.css", "body { color: black }"),
            ("pkg/quarterdeck.js", "export default 1"),
            ("pkg/quarterdeck_bg.wasm", "\0asm"),
            ("fonts/geist-latin-wght-normal.woff2", "wOF2"),
            ("icons.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ] {
            let file = site.join(file);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(file, content).expect("a file");
        }
        site
    };
    SITE.get_or_init(make).clone()
}

/// Returns a path for files of tests.
pub(crate) fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}
