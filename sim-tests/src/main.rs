//! `holdline-sim`: plays seeded disasters, judges them, and makes a failure small.

mod command;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::main()
}
