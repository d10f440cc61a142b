//! The cells of the transition matrix that a run has met: in which state which input came.

use std::collections::BTreeSet;
use std::mem::{Discriminant, discriminant};

use holdline_core::{Input, StateName};

/// A handful: looked through from the front, where those that come most often soon are.
#[derive(Debug, Default)]
pub(super) struct Cells(Vec<(StateName, Discriminant<Input>, String)>);

impl Cells {
    pub(super) fn meet(&mut self, state: StateName, input: &Input) {
        let kind = discriminant(input);
        let known = self.0.iter().position(|(s, k, _)| (*s, *k) == (state, kind));
        match known {
            Some(0) => {}
            Some(place) => self.0.swap(place, place / 2),
            None => self.0.push((state, kind, name(input))),
        }
    }

    pub(super) fn into_names(self) -> BTreeSet<(StateName, String)> {
        self.0.into_iter().map(|(state, _, name)| (state, name)).collect()
    }
}

/// The name of an input, which is where its `Debug` begins.
fn name(input: &Input) -> String {
    let text = format!("{input:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}
