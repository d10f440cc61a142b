//! `shrink`: makes the plan of a failure small.

use holdline_sim_tests::judge;
use holdline_sim_tests::shrink::shrink;
use indicatif::ProgressBar;

use super::args::ShrinkArgs;
use super::error::CommandError;
use super::input::{plan, simulator, write};
use super::say::say;

pub(super) fn run(args: ShrinkArgs) -> Result<(), CommandError> {
    let simulator = simulator(args.model);
    let plan = plan(&args.plan, simulator)?;
    let law = |plan| match judge(simulator, plan) {
        Ok(verdict) => verdict.violations.first().map(|violation| violation.law),
        Err(_) => Some("completion"),
    };
    let Some(law_broken) = law(plan.clone()) else {
        return Err(CommandError::Unusable(format!("{}: the plan breaks no law", args.plan)));
    };
    let mut tries = 0_u64;
    let progress = ProgressBar::new_spinner();
    let small = shrink(plan, |candidate| {
        tries += 1;
        progress.set_message(format!("{tries} tries, {} faults", candidate.faults.len()));
        progress.tick();
        law(candidate.clone()) == Some(law_broken)
    });
    progress.finish_and_clear();
    let text = small.to_toml().map_err(|error| CommandError::DidNotHold(error.to_string()))?;
    eprintln!("{} faults break {law_broken}, after {tries} tries", small.faults.len());
    match &args.out {
        Some(file) => write(file, &text),
        None => {
            say!("{}", text.trim_end());
            Ok(())
        }
    }
}
