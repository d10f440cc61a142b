//! A live call in steady state: one audio and one video track each way.

#![allow(dead_code, unreachable_pub, missing_docs)]

use std::time::Duration;

use bytes::Bytes;
use holdline_core::id::{SubscriptionId, TrackId};
use holdline_core::media::{Frame, FrameNumber, Location, MediaKind, Object, Track};
use holdline_core::{Config, Event, Input, Output, StateName, Supervisor, Timestamp};

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
    /// A call that has carried frames for a minute, so that every buffer has reached its size.
    pub fn new() -> Self {
        let mut steady = Self::silent();
        for _ in 0..3_000 {
            steady.twenty_milliseconds();
        }
        steady
    }

    /// A live call that has carried no frame but the empty one that makes each track ready.
    pub fn silent() -> Self {
        let config = Config::new("moqt://relay.example", "room", "alice");
        let now = Timestamp::from_millis(1);
        let mut call = Supervisor::new(config, 1, now).expect("a valid configuration");
        for (id, (name, kind)) in (1..).zip(KINDS) {
            let track = Track { kind, ..Track::audio(name) };
            call.handle(now, Input::publish(TrackId(id), track.clone()));
            call.handle(now, Input::subscribe(TrackId(10 + id), "bob", track));
        }
        let mut subscriptions = Vec::new();
        let mut next = Some(Input::Connect);
        let mut responses = Vec::new();
        while let Some(input) = next.take() {
            call.handle(now, input);
            while let Some(output) = call.poll_output() {
                match output {
                    Output::Dial { session, .. } => responses.push(Input::Connected { session }),
                    Output::PublishNamespace { session, epoch, .. } => {
                        responses.push(Input::NamespaceAccepted { session, epoch });
                    }
                    Output::SubscribeNamespace { namespace_subscription, .. } => {
                        responses.push(Input::NamespaceAdded { namespace_subscription, epoch: 7 });
                        responses
                            .push(Input::NamespaceSubscriptionAccepted { namespace_subscription });
                    }
                    Output::Subscribe { subscription, .. } => {
                        subscriptions.push(subscription);
                        let object = object(0, Frame::new(0, Bytes::new()));
                        responses.push(Input::Object { subscription, object });
                    }
                    _ => {}
                }
            }
            next = responses.pop();
        }
        assert_eq!(call.state(), StateName::Live);
        let payload = Bytes::from_static(&[7; 160]);
        Self { call, now, subscriptions, payload, object: 0, received: 0 }
    }

    /// Lets 20 ms pass: a tick, and one frame of each track each way.
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
        let frame = Frame::new(captured_at, self.payload.clone());
        self.call.handle(self.now, Input::Send { track, frame });
        let sent = self.call.poll_output();
        assert!(matches!(sent, Some(Output::SendObject { .. })), "{sent:?}");
        assert!(self.call.deadline().is_some());
    }

    /// Moves on to the next object, and so to the next Location.
    pub fn next_object(&mut self) {
        self.object += 1;
    }

    pub fn frame_in(&mut self, index: usize) {
        let captured_at = self.now.as_micros();
        let frame = Frame::new(captured_at, self.payload.clone());
        let subscription = self.subscriptions[index];
        let object = object(self.object, frame);
        self.call.handle(self.now, Input::Object { subscription, object });
        let delivered = self.call.poll_output();
        assert!(matches!(delivered, Some(Output::Deliver { .. })), "{delivered:?}");
        assert!(self.call.deadline().is_some());
    }

    /// Feeds a tick when nothing is due: the call has no output.
    pub fn idle_tick(&mut self) {
        self.call.handle(self.now, Input::Tick);
        assert!(self.call.poll_output().is_none() && self.call.deadline().is_some());
    }
}

fn object(sequence: u64, frame: Frame) -> Object {
    let location = Location::new(1 + sequence / 50, sequence % 50);
    Object { location, number: FrameNumber::new(0, sequence), frame }
}
