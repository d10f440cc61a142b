//! The cells of the transition matrix that a run has met: in which state which input came.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::mem::{Discriminant, discriminant};

use holdline_core::{Input, StateName};

#[derive(Debug, Default)]
pub(super) struct Cells {
    /// For each state.
    known: [Vec<Discriminant<Input>>; StateName::ALL.len()],
    names: BTreeSet<(StateName, String)>,
}

impl Cells {
    pub(super) fn meet(&mut self, state: StateName, input: &Input) {
        let known = &mut self.known[state as usize];
        let kind = discriminant(input);
        match known.iter().position(|other| *other == kind) {
            // What comes often is found soon.
            Some(place) => known.swap(place, place.saturating_sub(1)),
            None => {
                known.push(kind);
                self.names.insert((state, name(input)));
            }
        }
    }

    pub(super) fn into_names(self) -> BTreeSet<(StateName, String)> {
        self.names
    }
}

/// The name of an input, which is where its `Debug` begins.
fn name(input: &Input) -> String {
    let mut name = Name(String::new());
    // Ends with an error where the name ends: there may be a whole frame behind it.
    let _ = write!(name, "{input:?}");
    name.0
}

struct Name(String);

impl fmt::Write for Name {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = text.find(|c: char| !c.is_alphanumeric());
        self.0.push_str(&text[..end.unwrap_or(text.len())]);
        end.map_or(Ok(()), |_| Err(fmt::Error))
    }
}
