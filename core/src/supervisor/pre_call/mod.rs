//! The pre-call test as a mode of the call: the same machine, in a call with itself.

pub(super) mod loopback;

use super::Supervisor;
use crate::api::error::{Cause, CauseKind};
use crate::api::media::{Delivery, MediaKind, Retention, Track};
use crate::api::output::Output;
use crate::api::pre_call::{HostReport, PreCallReport};
use crate::api::state_name::StateName;
use crate::api::stats::Outcome;
use crate::supervisor::connecting::ConnectAttempts;
use loopback::{HOMEWARD, OUTWARD, PreCall, Step, TRACK_NAME};

impl Supervisor {
    /// If this call is a pre-call test, begins it: it publishes a track, and subscribes to that.
    pub(super) fn begin_pre_call(&mut self) {
        let Some(config) = self.config.pre_call.clone() else { return };
        let limit = config.limit;
        self.pre_call = Some(PreCall::new(config, self.now));
        self.out.push(Output::CheckHost);
        let ourselves = self.config.participant.clone();
        // A live track, because a lossless one would repair the losses that the test measures.
        let delivery = Delivery::Live { budget: limit.min(Delivery::LONGEST_BUDGET) };
        let retention = Retention::live();
        let track = Track { name: TRACK_NAME.into(), kind: MediaKind::Data, delivery, retention };
        self.publish(OUTWARD, track.clone());
        self.subscribe(HOMEWARD, ourselves, track);
    }

    pub(super) fn advance_pre_call(&mut self) {
        let Some(pre_call) = &mut self.pre_call else { return };
        let step = match self.announced {
            StateName::Live => pre_call.step(self.now),
            StateName::Idle | StateName::Failed | StateName::Closed => Step::Nothing,
            StateName::Connecting
            | StateName::Joining
            | StateName::Suspect
            | StateName::Recovering => {
                if pre_call.is_over(self.now) {
                    Step::Finish
                } else {
                    Step::Nothing
                }
            }
        };
        match step {
            Step::Nothing => {}
            Step::Send(frame) => {
                self.send(OUTWARD, frame);
            }
            Step::Finish => self.finish_pre_call(),
        }
    }

    pub(super) fn host_checked(&mut self, host: HostReport) {
        let Some(pre_call) = &mut self.pre_call else { return };
        pre_call.report.host = Some(host);
        if !host.is_supported() {
            self.fail_pre_call(Cause::new(CauseKind::HostUnsupported));
        }
    }

    /// A frame arrived: in a pre-call test, it is one that the test sent.
    pub(super) fn note_pre_call_frame(&mut self, captured_at: u64) {
        if let Some(pre_call) = &mut self.pre_call {
            pre_call.returned(captured_at, self.now);
            self.advance_pre_call();
        }
    }

    /// Ends the test: it passed if the call is live and any frame returned.
    fn finish_pre_call(&mut self) {
        let returned = self.pre_call.as_ref().map_or(0, |pre_call| pre_call.report.returned);
        let cause = match self.announced {
            StateName::Connecting | StateName::Suspect | StateName::Recovering => {
                let cause = self.attempts.as_ref().and_then(ConnectAttempts::root_cause);
                Some(cause.unwrap_or(Cause::new(CauseKind::TimedOut)))
            }
            StateName::Joining if self.relay_has_agreed() => {
                Some(Cause::new(CauseKind::NothingReturned))
            }
            StateName::Joining => Some(Cause::new(CauseKind::NotReady)),
            StateName::Live if returned == 0 => Some(Cause::new(CauseKind::NothingReturned)),
            StateName::Live | StateName::Idle | StateName::Failed | StateName::Closed => None,
        };
        match cause {
            Some(cause) => self.fail_pre_call(cause),
            None => self.end(Outcome::Completed),
        }
    }

    fn fail_pre_call(&mut self, cause: Cause) {
        let attempts = u32::try_from(self.telemetry.attempts).unwrap_or(u32::MAX);
        self.fail_without_attempts(cause, attempts);
    }

    /// The report of the pre-call test, if this call is one.
    pub(super) fn pre_call_report(&mut self) -> Option<PreCallReport> {
        let pre_call = self.pre_call.take()?;
        let listener = self.subscribed.iter_mut().find(|track| track.id == HOMEWARD);
        let measured = listener.and_then(|track| track.measure()).map(|(_, measured)| measured);
        Some(pre_call.finish(measured))
    }
}
