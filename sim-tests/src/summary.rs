//! What a campaign came to, for people and for machines.

use std::fmt::Write as _;
use std::time::Duration;

use holdline_core::StateName;
use holdline_sim::model::INPUTS;

use crate::campaign::SeedOutcome;
use crate::coverage::Coverage;

/// How soon media must be back after a fault that has passed, in milliseconds, in 95 cases of 100.
pub const BACK_WITHIN_MS: u64 = 2_000;
/// How many ways back there must be of a family before a share of them says something.
const ENOUGH: u64 = 100;

/// All seeds together.
#[derive(Clone, Debug, Default)]
pub struct CampaignSummary {
    /// How many were played.
    pub played: u64,
    /// Those that broke a law, in the order of their numbers, with the law and how.
    pub failures: Vec<(u64, &'static str, String)>,
    /// What was met.
    pub coverage: Coverage,
}

impl CampaignSummary {
    /// Counts one more.
    pub fn add(&mut self, played: SeedOutcome) {
        self.played += 1;
        for violation in played.violations {
            self.failures.push((played.seed, violation.law, violation.detail));
        }
        self.failures.sort();
        self.coverage.add(played.coverage);
    }

    /// The families of faults after which media is back too late too often.
    pub fn late(&self) -> Vec<(&'static str, u64)> {
        let families = self.coverage.recovery.iter();
        let late = families.filter_map(|(family, times)| {
            let most = times.per_mille(950)?;
            (times.count() >= ENOUGH && most > BACK_WITHIN_MS).then_some((*family, most))
        });
        late.collect()
    }

    /// Whether everything held.
    pub fn holds(&self) -> bool {
        self.failures.is_empty() && self.late().is_empty()
    }

    /// As a table for people.
    pub fn table(&self, took: Duration) -> String {
        let mut text = String::new();
        let seconds = took.as_secs_f64();
        let rate = self.played as f64 / seconds.max(0.001);
        let _ = writeln!(text, "{} runs in {seconds:.1} s, {rate:.1} a second", self.played);
        let seeds = self.failures.iter().map(|(seed, ..)| seed);
        let failed = seeds.collect::<std::collections::BTreeSet<_>>().len();
        let _ = writeln!(text, "{failed} broke a law");
        let _ = writeln!(text, "\nFrom the end of a fault to the first new frame, in ms:");
        let _ = writeln!(
            text,
            "{:<16}{:>8}{:>8}{:>8}{:>8}{:>9}",
            "fault", "times", "p50", "p95", "p99", "longest"
        );
        for (family, times) in &self.coverage.recovery {
            let at = |share| times.per_mille(share).unwrap_or_default();
            let longest = times.longest().map_or(String::new(), |ms| match ms {
                u64::MAX => "never".into(),
                ms => ms.to_string(),
            });
            let _ = writeln!(
                text,
                "{family:<16}{:>8}{:>8}{:>8}{:>8}{longest:>9}",
                times.count(),
                at(500),
                at(950),
                at(990)
            );
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
            let _ = writeln!(text, "\n{met} of {all} cells of the transition matrix met; not met:");
            for state in StateName::ALL {
                let missed = INPUTS.iter().filter(|i| !self.coverage.cells.contains(&(state, **i)));
                let missed: Vec<&str> = missed.copied().collect();
                let _ = writeln!(text, "{:<12}{}", name(state), missed.join(", "));
            }
        }
        text
    }
}

fn name(state: StateName) -> String {
    format!("{state:?}").to_lowercase()
}
