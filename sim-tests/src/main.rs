//! The command `holdline-sim`: plays seeded fault scenarios, judges them, and makes failures small.

mod command;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::main()
}
