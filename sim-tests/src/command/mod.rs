//! The command line of `holdline-sim`.

mod args;
mod error;
mod input;
mod replay;
mod run;
mod say;
mod shrink;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use self::args::{Args, Command};
use self::error::CommandError;

pub(crate) fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    let done = match args.command {
        Command::Run(args) => run::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Shrink(args) => shrink::run(args),
        Command::VerifyDeterminism(args) => verify::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("holdline-sim: {error}");
            ExitCode::from(if matches!(error, CommandError::Unusable(_)) { 2 } else { 1 })
        }
    }
}

fn usage(error: &clap::Error) -> ExitCode {
    let is_requested = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if is_requested || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return ExitCode::from(if is_requested { 0 } else { 2 });
    }
    // The first paragraph names the problem; the usage below it is dropped.
    let message = error.to_string();
    let problem = message.split("\n\n").next().unwrap_or(&message);
    let problem = problem.strip_prefix("error: ").unwrap_or(problem);
    eprintln!("holdline-sim: {}", problem.split_whitespace().collect::<Vec<_>>().join(" "));
    ExitCode::from(2)
}
