//! The cells of the transition matrix that a run has met: in which state which input came.

use std::collections::BTreeSet;
use std::mem::{Discriminant, discriminant};

use holdline_core::{Input, StateName};

#[derive(Debug, Default)]
pub(super) struct Cells {
    /// For each state, in the order of coming.
    known: [Vec<Discriminant<Input>>; StateName::ALL.len()],
    names: BTreeSet<(StateName, String)>,
}

impl Cells {
    pub(super) fn meet(&mut self, state: StateName, input: &Input) {
        let known = &mut self.known[state as usize];
        let kind = discriminant(input);
        if !known.contains(&kind) {
            known.push(kind);
            self.names.insert((state, name(input)));
        }
    }

    pub(super) fn into_names(self) -> BTreeSet<(StateName, String)> {
        self.names
    }
}

/// The name of an input, which is where its `Debug` begins.
fn name(input: &Input) -> String {
    let text = format!("{input:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}
