//! A failure, made small.

use holdline_sim_tests::judge;
use holdline_sim_tests::shrink::shrink;
use indicatif::ProgressBar;

use super::say::say;
use super::{Failure, ShrinkArgs, plan, world, write};

pub(super) fn run(args: ShrinkArgs) -> Result<(), Failure> {
    let world = world(args.model);
    let plan = plan(&args.plan, world)?;
    let law = |plan| match judge(world, plan) {
        Ok(verdict) => verdict.broken.first().map(|broken| broken.law),
        Err(_) => Some("completion"),
    };
    let Some(broken) = law(plan.clone()) else {
        return Err(Failure::Unusable(format!("{}: it breaks no law", args.plan)));
    };
    let mut tried = 0_u64;
    let progress = ProgressBar::new_spinner();
    let small = shrink(plan, |candidate| {
        tried += 1;
        progress.set_message(format!("{tried} tries, {} faults", candidate.faults.len()));
        progress.tick();
        law(candidate.clone()) == Some(broken)
    });
    progress.finish_and_clear();
    let text = small.to_toml().map_err(|error| Failure::DidNotHold(error.to_string()))?;
    eprintln!("{} faults break {broken}, after {tried} tries", small.faults.len());
    match &args.out {
        Some(file) => write(file, &text),
        None => {
            say!("{}", text.trim_end());
            Ok(())
        }
    }
}
