//! A live call in steady state: one audio and one video track each way.

#![allow(dead_code, unreachable_pub, missing_docs)]

use std::time::Duration;

use bytes::Bytes;
use holdline_core::{
    Config, Event, Frame, Input, Location, MediaKind, Output, StateName, SubscriptionId,
    Supervisor, Timestamp, TrackId,
};

pub struct Steady {
    pub call: Supervisor,
    pub now: Timestamp,
    subscriptions: Vec<SubscriptionId>,
    payload: Bytes,
    object: u64,
    received: u64,
}

const KINDS: [(&str, MediaKind); 2] = [("audio", MediaKind::Audio), ("video", MediaKind::Video)];

impl Steady {
    pub fn new() -> Self {
        let config = Config::new("moqt://relay.example", "room", "alice");
        let now = Timestamp::from_millis(1);
        let mut call = Supervisor::new(config, 1, now).expect("valid");
        for (id, (name, kind)) in (1..).zip(KINDS) {
            call.handle(now, Input::Publish { track: TrackId(id), name: name.into(), kind });
            call.handle(
                now,
                Input::Subscribe {
                    track: TrackId(10 + id),
                    participant: "bob".into(),
                    name: name.into(),
                    kind,
                },
            );
        }
        let mut subscriptions = Vec::new();
        let mut next = Some(Input::Connect);
        let mut answers = Vec::new();
        while let Some(input) = next.take() {
            call.handle(now, input);
            while let Some(output) = call.poll_output() {
                match output {
                    Output::Dial { session, .. } => answers.push(Input::Connected { session }),
                    Output::PublishNamespace { session, epoch, .. } => {
                        answers.push(Input::NamespaceAccepted { session, epoch });
                    }
                    Output::Watch { watch, .. } => {
                        answers.push(Input::EpochAdded { watch, epoch: 7 });
                        answers.push(Input::WatchAccepted { watch });
                    }
                    Output::Subscribe { subscription, .. } => {
                        subscriptions.push(subscription);
                        let frame = Frame { captured_at: 0, payload: Bytes::new() };
                        let location = Location::new(1, 0);
                        answers.push(Input::Object { subscription, location, frame });
                    }
                    _ => {}
                }
            }
            next = answers.pop();
        }
        assert_eq!(call.state(), StateName::Live);
        let payload = Bytes::from_static(&[7; 160]);
        let mut steady = Self { call, now, subscriptions, payload, object: 0, received: 0 };
        // Until every buffer has its size.
        for _ in 0..3_000 {
            steady.twenty_milliseconds();
        }
        steady
    }

    /// One frame of each track each way, and whatever is due meanwhile.
    pub fn twenty_milliseconds(&mut self) {
        self.now = self.now + Duration::from_millis(20);
        self.tick();
        for track in [TrackId(1), TrackId(2)] {
            self.frame_out(track);
        }
        self.object += 1;
        for index in 0..self.subscriptions.len() {
            self.frame_in(index);
        }
    }

    pub fn tick(&mut self) {
        self.call.handle(self.now, Input::Tick);
        while let Some(output) = self.call.poll_output() {
            if let Output::ProbePath { session } = output {
                self.received += 1;
                let (received, acknowledged) = (self.received, self.received);
                let report =
                    Input::PathReport { session, received, acknowledged, rtt_micros: 20_000 };
                self.call.handle(self.now, report);
            } else {
                assert!(!matches!(output, Output::Event(Event::StateChanged { .. })));
            }
        }
    }

    pub fn frame_out(&mut self, track: TrackId) {
        let captured_at = self.now.as_micros();
        let frame = Frame { captured_at, payload: self.payload.clone() };
        self.call.handle(self.now, Input::Send { track, frame });
        let sent = self.call.poll_output();
        assert!(matches!(sent, Some(Output::SendObject { .. })), "{sent:?}");
        assert!(self.call.deadline().is_some());
    }

    /// An object of the next location.
    pub fn next_object(&mut self) {
        self.object += 1;
    }

    pub fn frame_in(&mut self, index: usize) {
        let captured_at = self.now.as_micros();
        let frame = Frame { captured_at, payload: self.payload.clone() };
        let location = Location::new(1 + self.object / 50, self.object % 50);
        let subscription = self.subscriptions[index];
        self.call.handle(self.now, Input::Object { subscription, location, frame });
        let delivered = self.call.poll_output();
        assert!(matches!(delivered, Some(Output::Deliver { .. })), "{delivered:?}");
        assert!(self.call.deadline().is_some());
    }

    /// Nothing is due.
    pub fn idle_tick(&mut self) {
        self.call.handle(self.now, Input::Tick);
        assert!(self.call.poll_output().is_none() && self.call.deadline().is_some());
    }
}
