//! The program `quarterdeck`: reads the settings, starts the engine, serves, and stops gracefully.

use std::{io::Write as _, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use clap::{Parser, Subcommand};
use engine::Engine;
use secrecy::{ExposeSecret as _, SecretString};
use server::{
    config::{Config, Flags, Secrets},
    http::{self, Services},
    telemetry,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// How long requests that are being answered may take once the program stops.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// The single pane of glass for a fleet of Kubernetes clusters run by Argo CD and GitOps.
#[derive(Parser)]
#[command(name = "quarterdeck", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the dashboard. Exit status: 0 after a graceful stop, 1 on an error.
    Serve(Box<Flags>),
    /// Prints the version.
    Version,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(flags) => serve(*flags),
        Command::Version => say(concat!("quarterdeck ", env!("CARGO_PKG_VERSION"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The log may not have started, and an operator reads this first.
            let _ = writeln!(std::io::stderr(), "quarterdeck: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve(flags: Flags) -> anyhow::Result<()> {
    let config = Config::load(flags, Secrets::from_environment())?;
    telemetry::start(config.log_format, &config.log).context("the filter of the log is wrong")?;
    let stop = CancellationToken::new();
    let (signal, serving) = (stop_signal()?, run(config, stop.clone()));
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => served,
        () = signal => {
            tracing::info!("stopping");
            stop.cancel();
            serving.await
        }
    }
}

/// Starts everything, serves until `stop`, and stops everything.
async fn run(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    // Before the engine starts: a second program on one address should touch nothing.
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("{} cannot be listened on", config.listen))?;
    let mut engine = Engine::start(config.engine).await?;
    if let Some(password) = engine.take_generated_password() {
        print_password(&password)?;
    }
    let engine = Arc::new(engine);
    let served = match http::router(Services::of(&engine), config.http, stop.clone()) {
        Ok(router) => answer(listener, router, stop).await.context("serving failed"),
        Err(error) => Err(error.into()),
    };
    engine.shutdown().await;
    tracing::info!("stopped");
    served
}

/// Answers requests until `stop`, and then those that are under way.
async fn answer(listener: TcpListener, router: Router, stop: CancellationToken) -> std::io::Result<()> {
    tracing::info!("listening on http://{}", listener.local_addr()?);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let deadline = async {
        stop.cancelled().await;
        tokio::time::sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        served = server => served,
        () = deadline => {
            tracing::warn!("some requests were not answered within {} s", LAST_ANSWERS.as_secs());
            Ok(())
        }
    }
}

/// Returns what waits for SIGINT or SIGTERM.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn print_password(password: &SecretString) -> anyhow::Result<()> {
    say("The password of the local administrator `admin`, shown this once:")?;
    say(password.expose_secret())
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
