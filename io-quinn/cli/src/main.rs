//! The command `holdline`: a development relay, a call, the test before a call, and a demonstration
//! of a call that survives its relay.

mod args;
mod call;
mod check;
mod demo;
mod exit;
mod pcm;
mod publish;
mod relay;
mod replay;
mod say;
mod signals;
mod wording;

use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use crate::args::Command;
use crate::exit::Failure;

fn main() -> ExitCode {
    let command = match args::parse() {
        Ok(command) => command,
        Err(code) => return code,
    };
    // Logs are off unless RUST_LOG turns them on: users read plain sentences on standard output.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off")),
        )
        .init();
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Relay(args) => relay::run(args).await,
            Command::Call(args) => call::run(args).await,
            Command::Check(args) => check::run(args).await,
            Command::Replay(args) => replay::run(&args),
            Command::Demo(args) => demo::run(args).await,
        }
    })
}
