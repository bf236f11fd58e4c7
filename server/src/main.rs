//! The program `quarterdeck`: reads the settings, starts the engine, serves, and stops gracefully.

use std::{io::Write as _, net::TcpListener, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use engine::Engine;
use secrecy::{ExposeSecret as _, SecretString};
use server::{
    cli::{
        approve::Approve,
        audit::{self, Audit},
        freeze::Freeze,
        hold::Hold,
        lint::Lint,
        plan, print,
        promote::Promote,
        rbac,
        rollback::Rollback,
    },
    config::{Config, Flags, Secrets},
    http::{self, Limits, Services},
    telemetry,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    /// Asks policies.
    #[command(subcommand)]
    Rbac(Rbac),
    /// Verifies the record of acts, and removes old events from it by export.
    #[command(subcommand)]
    Audit(Audit),
    /// Tells what a promotion or a rollback would change in a repository, without changing it.
    #[command(subcommand)]
    Plan(plan::Command),
    /// Brings what apps run in an environment to another one, through Git. Exit status: 0 where the change is made, and with
    /// --wait where it is done; 2 where there is nothing to do; 1 where it is refused, fails or needs a person first.
    Promote(Box<Promote>),
    /// Gives an app in an environment an earlier state, or takes a change back, through Git; promotions then leave the app
    /// alone for a while. Exit status: as of promote.
    Rollback(Box<Rollback>),
    /// Says where a change is approved: a token never approves. Exit status: 0 where it was said, 1 on an error.
    Approve(Approve),
    /// Keeps promotions from an app in an environment, and lets them on again. Exit status: 0 when done, 1 where it is
    /// refused or fails.
    Hold(Box<Hold>),
    /// Closes an environment to promotions for a time, and opens it again. Exit status: 0 when done, 1 where it is refused
    /// or fails.
    Freeze(Box<Freeze>),
    /// Looks for faults in a repository: each with its place and the mend. Exit status: 0 where none is an error, 1 where
    /// one is, or where the repository cannot be read.
    Lint(Lint),
    /// Prints the script that completes commands and flags in a shell, e.g. for `source <(quarterdeck completions bash)`.
    Completions { shell: Shell },
    /// Prints the version.
    Version,
}

#[derive(Subcommand)]
enum Rbac {
    /// Answers whether somebody may do something: yes or no, and the line that decides. Exit status: 0 yes, 1 no or an
    /// error.
    Can(rbac::Can),
}

fn main() -> ExitCode {
    // Before everything else: a child gives up its rights while it is one thread.
    engine::render::sandbox::main_if_asked();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // It may be the help that was asked for.
            let _ = error.print();
            // Not clap's own 2, which says of a promotion that there is nothing to do.
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    run_command(cli.command).unwrap_or_else(|error| {
        // The log may not have started, and an operator reads this first.
        let _ = writeln!(std::io::stderr(), "quarterdeck: {}", print::safe_lines(&format!("{error:#}")));
        ExitCode::FAILURE
    })
}

fn run_command(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(flags) => serve(*flags)?,
        Command::Rbac(Rbac::Can(can)) => {
            let decision = can.ask()?;
            say(&rbac::words(&decision))?;
            return Ok(if decision.allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Audit(command) => audit::run(command)?,
        Command::Plan(command) => {
            let (text, status) = command.plan()?;
            say(&text)?;
            return Ok(status);
        }
        Command::Promote(promote) => return promote.run(&mut std::io::stdout()),
        Command::Rollback(rollback) => return rollback.run(&mut std::io::stdout()),
        Command::Approve(approve) => say(&approve.words()?)?,
        Command::Hold(hold) => say(&hold.run()?)?,
        Command::Freeze(freeze) => say(&freeze.run()?)?,
        Command::Lint(lint) => {
            let (text, has_errors) = lint.look()?;
            say(&text)?;
            return Ok(if has_errors { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "quarterdeck", &mut std::io::stdout());
        }
        Command::Version => say(concat!("quarterdeck ", env!("CARGO_PKG_VERSION")))?,
    }
    Ok(ExitCode::SUCCESS)
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
        .with_context(|| format!("{} cannot be listened on", config.listen))?;
    let mut engine = Engine::start(config.engine).await?;
    if let Some(password) = engine.take_generated_password() {
        print_password(&password)?;
    }
    let engine = Arc::new(engine);
    let served = match http::router(Services::of(&engine), config.http, stop.clone()) {
        Ok(router) => http::answer(listener, router, Limits::default(), stop).await.context("serving failed"),
        Err(error) => Err(error.into()),
    };
    engine.shutdown().await;
    tracing::info!("stopped");
    served
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
