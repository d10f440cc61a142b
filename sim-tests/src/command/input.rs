//! The inputs and outputs that arguments name: the simulator, the plan and the files.

use std::path::Path;

use holdline_sim::FaultPlan;
use holdline_sim_tests::Simulator;

use super::error::CommandError;

pub(super) fn simulator(model: bool) -> Simulator {
    if model { Simulator::Model } else { Simulator::Stack }
}

/// The plan that an argument names: the plan of a seed in that simulator, or of a file.
pub(super) fn plan(given: &str, simulator: Simulator) -> Result<FaultPlan, CommandError> {
    if let Ok(seed) = given.parse() {
        return Ok(simulator.plan(seed));
    }
    let unusable = |problem: String| CommandError::Unusable(format!("{given}: {problem}"));
    let text = std::fs::read_to_string(given).map_err(|error| unusable(error.to_string()))?;
    FaultPlan::from_toml(&text).map_err(|error| unusable(error.to_string()))
}

pub(super) fn write(file: &Path, text: &str) -> Result<(), CommandError> {
    std::fs::write(file, text)
        .map_err(|error| CommandError::Unusable(format!("{}: {error}", file.display())))
}
