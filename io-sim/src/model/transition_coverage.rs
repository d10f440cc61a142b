//! The cells of the transition matrix that a run has reached: pairs of a state and an input.

use std::collections::BTreeSet;

use holdline_core::{Input, StateName};

/// Lists the kinds of inputs once; the match fails to compile if one is missing.
macro_rules! input_kinds {
    ($($input_kind:ident),* $(,)?) => {
        #[derive(Clone, Copy)]
        enum InputKind { $($input_kind),* }

        /// The names of all inputs.
        pub const INPUTS: &[&str] = &[$(stringify!($input_kind)),*];

        fn input_kind(input: &Input) -> InputKind {
            match input { $(Input::$input_kind { .. } => InputKind::$input_kind),* }
        }
    };
}

input_kinds! {
    Connect, Publish, Subscribe, Send, Finish, MediaDeviceError, SafetyAlert, Unsubscribe,
    ReconnectNow, HostChecked, NetworkChanged, Close, Tick, Connected, DialFailed,
    SessionClosed, PathReport, DirectoryAnswered, CredentialAnswered, CredentialFailed,
    NamespaceAccepted, NamespaceRefused, PublicationEnded, NamespaceSubscriptionAccepted, NamespaceSubscriptionEnded,
    NamespaceAdded, NamespaceRemoved, SubscriptionAccepted, SubscriptionEnded, Object, EndOfTrack,
    FetchedObject, FetchEnded, FetchRequested, FetchCancelled,
}

#[derive(Debug)]
pub(super) struct TransitionCoverage([[bool; INPUTS.len()]; StateName::ALL.len()]);

impl Default for TransitionCoverage {
    fn default() -> Self {
        Self([[false; INPUTS.len()]; StateName::ALL.len()])
    }
}

impl TransitionCoverage {
    pub(super) fn record(&mut self, state: StateName, input: &Input) {
        self.0[state as usize][input_kind(input) as usize] = true;
    }

    pub(super) fn into_names(self) -> BTreeSet<(StateName, &'static str)> {
        let states = StateName::ALL.into_iter().zip(self.0);
        states
            .flat_map(|(state, reached)| {
                let reached = INPUTS.iter().zip(reached).filter(|(_, reached)| *reached);
                reached.map(move |(input, _)| (state, *input))
            })
            .collect()
    }
}
