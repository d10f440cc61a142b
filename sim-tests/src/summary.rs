//! The summary of a campaign.

use std::fmt::Write as _;
use std::time::Duration;

use holdline_core::StateName;
use holdline_sim::model::INPUTS;

use crate::campaign::SeedOutcome;
use crate::coverage::{Coverage, RecoveryTimes};

/// The bound on the 95th percentile of recovery times after a temporary fault, in milliseconds.
pub const RECOVERY_P95_BOUND_MS: u64 = 2_000;
/// How many recoveries of a family make its 95th percentile meaningful.
const MEANINGFUL_COUNT: u64 = 100;

/// The results of all seeds together.
#[derive(Clone, Debug, Default)]
pub struct CampaignSummary {
    /// The number of runs.
    pub played: u64,
    /// The violations, in order of seed: the seed, the law and the detail.
    pub failures: Vec<(u64, &'static str, String)>,
    /// The coverage of all runs.
    pub coverage: Coverage,
}

impl CampaignSummary {
    /// Adds one outcome.
    pub fn add(&mut self, played: SeedOutcome) {
        self.played += 1;
        for violation in played.violations {
            self.failures.push((played.seed, violation.law, violation.detail));
        }
        self.failures.sort();
        self.coverage.add(played.coverage);
    }

    /// The families of faults whose 95th percentile exceeds the bound.
    pub fn late(&self) -> Vec<(&'static str, u64)> {
        let families = self.coverage.recovery.iter();
        let late = families.filter_map(|(family, times)| {
            let most = times.per_mille(950)?;
            (times.count() >= MEANINGFUL_COUNT && most > RECOVERY_P95_BOUND_MS)
                .then_some((*family, most))
        });
        late.collect()
    }

    /// Whether every law and every bound held.
    pub fn holds(&self) -> bool {
        self.failures.is_empty() && self.late().is_empty()
    }

    /// Renders the summary as a table.
    pub fn table(&self, took: Duration) -> String {
        let mut text = String::new();
        let seconds = took.as_secs_f64();
        let rate = self.played as f64 / seconds.max(0.001);
        let _ = writeln!(text, "{} runs in {seconds:.1} s, {rate:.1} a second", self.played);
        let seeds = self.failures.iter().map(|(seed, ..)| seed);
        let failed = seeds.collect::<std::collections::BTreeSet<_>>().len();
        let _ = writeln!(text, "{failed} broke a law");
        let _ = writeln!(text, "\nTime from the end of a fault to the first new frame, in ms:");
        let _ = writeln!(
            text,
            "{:<16}{:>8}{:>8}{:>8}{:>8}{:>9}",
            "fault", "times", "p50", "p95", "p99", "longest"
        );
        for (family, times) in &self.coverage.recovery {
            let _ = writeln!(text, "{}", row(family, times));
        }
        if self.coverage.silence.count() > 0 {
            let title =
                "Longest silence of a track after the path to one of several relays was lost";
            let _ = writeln!(text, "\n{title}, in ms:");
            let _ = writeln!(text, "{}", row("path_partition", &self.coverage.silence));
        }
        let _ = writeln!(text, "\nFaults, by the state of the call in which they began:");
        let _ = write!(text, "{:<16}", "fault");
        for state in StateName::ALL {
            let _ = write!(text, "{:>11}", name(state));
        }
        let families: std::collections::BTreeSet<_> =
            self.coverage.faults.keys().map(|(family, _)| *family).collect();
        for family in families {
            let _ = write!(text, "\n{family:<16}");
            for state in StateName::ALL {
                let count = self.coverage.faults.get(&(family, state)).copied().unwrap_or(0);
                let _ = write!(text, "{count:>11}");
            }
        }
        text.push('\n');
        if !self.coverage.cells.is_empty() {
            let all = StateName::ALL.len() * INPUTS.len();
            let met = self.coverage.cells.len();
            let _ = writeln!(
                text,
                "\n{met} of {all} cells of the transition matrix reached; not reached:"
            );
            for state in StateName::ALL {
                let missed = INPUTS.iter().filter(|i| !self.coverage.cells.contains(&(state, **i)));
                let missed: Vec<&str> = missed.copied().collect();
                let _ = writeln!(text, "{:<12}{}", name(state), missed.join(", "));
            }
        }
        text
    }
}

/// A row of the table of times.
fn row(family: &str, times: &RecoveryTimes) -> String {
    let at = |share| times.per_mille(share).unwrap_or_default();
    let longest = times.longest().map_or(String::new(), |ms| match ms {
        u64::MAX => "never".into(),
        ms => ms.to_string(),
    });
    let (count, p50, p95, p99) = (times.count(), at(500), at(950), at(990));
    format!("{family:<16}{count:>8}{p50:>8}{p95:>8}{p99:>8}{longest:>9}")
}

fn name(state: StateName) -> String {
    format!("{state:?}").to_lowercase()
}
