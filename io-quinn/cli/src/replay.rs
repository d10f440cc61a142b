//! `holdline replay`: replays a recorded call through the core.

use std::fs::File;
use std::io::BufReader;

use holdline_quinn::journal::{self, ReplayError};

use crate::args::ReplayArgs;
use crate::exit::Failure;
use crate::say::say;

pub(crate) fn run(args: &ReplayArgs) -> Result<(), Failure> {
    let name = args.journal.display().to_string();
    let file = File::open(&args.journal).map_err(|error| Failure::unusable(&name, error))?;
    match journal::replay(BufReader::new(file)) {
        Ok(replayed) => {
            let end = if replayed.ended {
                "to the end of the call"
            } else {
                "to where the journal breaks off"
            };
            say!(
                "no difference: {} inputs and {} outputs, {end}",
                replayed.inputs,
                replayed.outputs
            );
            Ok(())
        }
        Err(error @ ReplayError::Unreadable { .. }) => Err(Failure::unusable(&name, error)),
        Err(error @ ReplayError::Difference { .. }) => {
            Err(Failure::DidNotHold(format!("{name}: {error}")))
        }
    }
}
