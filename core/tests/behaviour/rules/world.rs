//! What can happen to a call: inputs with identifiers that make sense, that are outdated, and that
//! never were.

use std::time::Duration;

use bytes::Bytes;
use holdline_core::credential::{Credential, Secret, Token};
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::{
    FetchId, NamespaceSubscriptionId, PublicationId, QueryId, SessionId, SubscriptionId, TrackId,
};
use holdline_core::media::{FetchEnd, Frame, FrameNumber, Location, Object, Retention, Track};
use holdline_core::{Input, Supervisor, Timestamp};

use super::Rules;

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Connect,
    Close,
    ReconnectNow,
    NetworkChanged,
    Publish(u8),
    Subscribe(u8),
    Unsubscribe(u8),
    Send(u8),
    Finish(u8),
    DeviceError,
    Alert,
    Connected(u8),
    DialFailed(u8, CauseKind),
    SessionClosed(u8, CauseKind),
    /// Whether something was received, whether something was acknowledged, the round trip.
    Report(u8, bool, bool, u32),
    NamespaceAccepted(u8),
    NamespaceRefused(u8),
    PublicationEnded(u8),
    NamespaceSubscriptionAccepted(u8),
    NamespaceSubscriptionEnded(u8),
    NamespaceAdded(u8, u8),
    NamespaceRemoved(u8, u8),
    SubscriptionAccepted(u8),
    SubscriptionEnded(u8),
    /// Frame `object` of group `group`, which began a second after the one before it.
    Object(u8, u8, u8),
    EndOfTrack(u8),
    Fetched(u8, u8, u8),
    FetchEnded(u8, FetchEnd),
    FetchRequested(u8, u8, u8),
    FetchCancelled(u8, u8),
    /// Which relays there are: none, or one of a few lists.
    Relays(u8),
    /// A credential, and for how many milliseconds it is valid; 0 for ever.
    Credential(u8, u32),
    NoCredential(u8, CauseKind),
    /// A relay that wants to see a credential does not like the one that it was shown.
    DialRefused(u8),
    SessionRefused(u8),
    /// Answers to questions that nobody asked.
    Unasked(u8),
    /// Time passes, in milliseconds; ticks come when they are asked for.
    Pass(u32),
    /// Time passes and no tick comes before its end.
    Stall(u32),
    /// Time runs back.
    BackInTime(u32),
}

/// What makes a call that has published and subscribed, and connects, a live one that hears Bob.
pub const UP: [Op; 6] = [
    Op::Connected(0),
    Op::NamespaceAccepted(0),
    Op::NamespaceSubscriptionAccepted(0),
    Op::NamespaceAdded(0, 1),
    Op::SubscriptionAccepted(0),
    Op::Object(0, 0, 0),
];

/// A call, its rules, and what it is told.
#[derive(Clone, Debug)]
pub struct World {
    pub call: Supervisor,
    pub rules: Rules,
    pub now: Timestamp,
    pub received: u64,
    /// How many credentials were handed out: no two are the same.
    issued: u32,
}

/// How late a live track may be, and how long what came waits for what is missing.
const LIVE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(2);

const REFUSED: CauseKind = CauseKind::Unauthorized;

const PEERS: [&str; 2] = ["bob", "carol"];
const TRACKS: [&str; 2] = ["audio", "video"];

impl World {
    pub fn new(call: Supervisor, exact: bool) -> Self {
        let rules = Rules::new(call.config(), exact);
        Self { call, rules, now: Timestamp::ZERO, received: 0, issued: 0 }
    }

    pub fn feed(&mut self, input: Input) {
        self.rules.feed(&mut self.call, self.now, input);
    }

    /// Lets time pass; ticks come when they are asked for.
    pub fn advance(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(deadline) = self.call.deadline().filter(|deadline| deadline.at <= until) {
            self.now = deadline.at;
            self.feed(Input::Tick);
        }
        self.now = until;
    }

    /// Makes it happen.
    pub fn apply(&mut self, op: Op) {
        let input = match op {
            Op::Pass(millis) => return self.advance(Duration::from_millis(millis.into())),
            Op::Stall(millis) => {
                self.now = self.now + Duration::from_millis(millis.into());
                Input::Tick
            }
            Op::BackInTime(millis) => {
                let earlier = self.now.as_micros().saturating_sub(u64::from(millis) * 1_000);
                return self.rules.feed(
                    &mut self.call,
                    Timestamp::from_micros(earlier),
                    Input::Tick,
                );
            }
            Op::Connect => Input::Connect,
            Op::Close => Input::Close,
            Op::ReconnectNow => Input::ReconnectNow,
            Op::NetworkChanged => Input::NetworkChanged,
            Op::Publish(which) => {
                // Little is kept, so that it is let go of as well.
                let retention = Retention { frames: 4, ..Retention::live() };
                let track = Track::audio(TRACKS[usize::from(which) % 2]).retaining(retention);
                Input::publish(TrackId(u64::from(which % 3)), track)
            }
            Op::Subscribe(which) => {
                let track = Track::video(TRACKS[usize::from(which) % 2]);
                let live = (which / 4) % 2 == 1;
                let track = if live { track.live(LIVE) } else { track.lossless() };
                let track = track.retaining(Retention { frames: 3, bytes: 30, age: PATIENCE });
                let peer = PEERS[usize::from(which / 2) % 2];
                Input::subscribe(TrackId(10 + u64::from(which % 5)), peer, track)
            }
            Op::Unsubscribe(which) => {
                Input::Unsubscribe { track: TrackId(10 + u64::from(which % 5)) }
            }
            Op::Send(which) => {
                let captured_at = self.now.as_micros();
                let payload = Bytes::from_static(b"sound");
                let frame = Frame::new(captured_at, payload);
                Input::Send { track: TrackId(u64::from(which % 3)), frame }
            }
            Op::Finish(which) => Input::Finish { track: TrackId(u64::from(which % 3)) },
            Op::DeviceError => {
                Input::MediaDeviceError { track: TrackId(0), detail: "unplugged".into() }
            }
            Op::Alert => Input::SafetyAlert { detail: "help".into() },
            Op::Connected(which) => Input::Connected { session: self.dial(which) },
            Op::DialFailed(which, kind) => {
                Input::DialFailed { session: self.dial(which), cause: Cause::new(kind) }
            }
            Op::SessionClosed(which, kind) => {
                Input::SessionClosed { session: self.session(which), cause: Cause::new(kind) }
            }
            Op::Report(which, received, acknowledged, rtt) => {
                self.received += 1;
                let count = |fresh| if fresh { self.received } else { 0 };
                let (received, acknowledged) = (count(received), count(acknowledged));
                let session = self.session(which);
                let rtt_micros = u64::from(rtt) * 1_000;
                Input::PathReport { session, received, acknowledged, rtt_micros }
            }
            Op::NamespaceAccepted(which) => {
                let (session, epoch) = self.namespace(which);
                Input::NamespaceAccepted { session, epoch }
            }
            Op::NamespaceRefused(which) => {
                let (session, epoch) = self.namespace(which);
                Input::NamespaceRefused { session, epoch }
            }
            Op::PublicationEnded(which) => {
                Input::PublicationEnded { publication: self.publication(which) }
            }
            Op::NamespaceSubscriptionAccepted(which) => Input::NamespaceSubscriptionAccepted {
                namespace_subscription: self.namespace_subscription(which),
            },
            Op::NamespaceSubscriptionEnded(which) => Input::NamespaceSubscriptionEnded {
                namespace_subscription: self.namespace_subscription(which),
            },
            Op::NamespaceAdded(which, epoch) => Input::NamespaceAdded {
                namespace_subscription: self.namespace_subscription(which),
                epoch: epoch.into(),
            },
            Op::NamespaceRemoved(which, epoch) => Input::NamespaceRemoved {
                namespace_subscription: self.namespace_subscription(which),
                epoch: epoch.into(),
            },
            Op::SubscriptionAccepted(which) => {
                Input::SubscriptionAccepted { subscription: self.subscription(which) }
            }
            Op::SubscriptionEnded(which) => {
                Input::SubscriptionEnded { subscription: self.subscription(which) }
            }
            Op::Object(which, group, object) => {
                let object = said(group, object);
                Input::Object { subscription: self.subscription(which), object }
            }
            Op::EndOfTrack(which) => {
                let number = said(3, 0).number;
                Input::EndOfTrack { subscription: self.subscription(which), number }
            }
            Op::Fetched(which, group, object) => {
                Input::FetchedObject { fetch: self.fetch(which), object: said(group, object) }
            }
            Op::FetchEnded(which, end) => Input::FetchEnded { fetch: self.fetch(which), end },
            Op::FetchRequested(which, request, group) => Input::FetchRequested {
                session: self.session(which),
                moq_request: request.into(),
                name: TRACKS[usize::from(which) % 2].into(),
                first: Location::new(u64::from(group) / 2, 0),
                last: Location::new(group.into(), u64::MAX),
            },
            Op::FetchCancelled(which, request) => {
                Input::FetchCancelled { session: self.session(which), moq_request: request.into() }
            }
            Op::Relays(which) => {
                let request = self.rules.providers.asked_for_relays.map(|(request, _)| request);
                let lists: [&[&str]; 4] =
                    [&[], &["north", "relay-1"], &["relay-9", "north", "relay-2"], &["relay-8"]];
                let relays = lists[usize::from(which) % 4].iter().map(ToString::to_string);
                let request = request.unwrap_or(QueryId(u64::MAX));
                Input::DirectoryAnswered { query: request, relays: relays.collect() }
            }
            Op::Credential(which, millis) => {
                self.issued += 1;
                let secret = Secret::new(self.issued.to_string());
                let token = Token { token_type: 0, secret };
                let valid_for = (millis > 0).then(|| Duration::from_millis(millis.into()));
                let credential = Credential { token, valid_for };
                Input::CredentialAnswered { query: self.question(which), credential }
            }
            Op::NoCredential(which, kind) => {
                Input::CredentialFailed { query: self.question(which), cause: Cause::new(kind) }
            }
            Op::DialRefused(_) | Op::SessionRefused(_)
                if !self.call.config().directory.credentials =>
            {
                return;
            }
            Op::DialRefused(which) => return self.apply(Op::DialFailed(which, REFUSED)),
            Op::SessionRefused(which) => return self.apply(Op::SessionClosed(which, REFUSED)),
            Op::Unasked(which) => {
                let request = QueryId(which.into());
                match which % 3 {
                    0 => Input::DirectoryAnswered { query: request, relays: vec!["evil".into()] },
                    1 => {
                        let cause = Cause::new(CauseKind::SignedOut);
                        Input::CredentialFailed { query: request, cause }
                    }
                    _ => Input::HostChecked {
                        host: holdline_core::pre_call::HostReport {
                            ipv4: false,
                            ipv6: false,
                            trust_roots: 0,
                        },
                    },
                }
            }
        };
        self.feed(input);
    }

    pub fn dial(&self, which: u8) -> SessionId {
        let lately = lately(which).and_then(|back| self.rules.lately.sessions.before(back));
        lately.or(pick(self.rules.dials.keys().copied(), which)).unwrap_or(SessionId(u64::MAX))
    }

    pub fn session(&self, which: u8) -> SessionId {
        let lately = lately(which).and_then(|back| self.rules.lately.sessions.before(back));
        lately.or(pick(self.rules.sessions.keys().copied(), which)).unwrap_or(SessionId(u64::MAX))
    }

    pub fn namespace(&self, which: u8) -> (SessionId, u64) {
        let asked = self.rules.sessions.iter();
        let asked = asked.filter_map(|(id, session)| Some((*id, session.namespace?.0)));
        pick(asked, which).unwrap_or((self.session(which), 1))
    }

    fn question(&self, which: u8) -> QueryId {
        let asked = self.rules.providers.asked.keys().copied();
        pick(asked, which).unwrap_or(QueryId(u64::MAX))
    }

    pub fn publication(&self, which: u8) -> PublicationId {
        let lately = lately(which).and_then(|back| self.rules.lately.publications.before(back));
        let known = self.rules.sessions.values().flat_map(|s| s.publications.keys());
        lately.or(pick(known.copied(), which)).unwrap_or(PublicationId(u64::MAX))
    }

    pub fn namespace_subscription(&self, which: u8) -> NamespaceSubscriptionId {
        let lately =
            lately(which).and_then(|back| self.rules.lately.namespace_subscriptions.before(back));
        let known =
            self.rules.sessions.values().flat_map(|session| session.namespace_subscriptions.keys());
        lately.or(pick(known.copied(), which)).unwrap_or(NamespaceSubscriptionId(u64::MAX))
    }

    pub fn fetch(&self, which: u8) -> FetchId {
        let lately = lately(which).and_then(|back| self.rules.lately.fetches.before(back));
        let known = self.rules.sessions.values().flat_map(|session| session.fetches.keys());
        lately.or(pick(known.copied(), which)).unwrap_or(FetchId(u64::MAX))
    }

    pub fn subscription(&self, which: u8) -> SubscriptionId {
        let lately = lately(which).and_then(|back| self.rules.lately.subscriptions.before(back));
        let known = self.rules.sessions.values().flat_map(|session| session.subscriptions.keys());
        lately.or(pick(known.copied(), which)).unwrap_or(SubscriptionId(u64::MAX))
    }
}

/// What a publisher says: six frames a group. From group 4 on it is another process.
pub fn said(group: u8, object: u8) -> Object {
    let (incarnation, since) = if group < 4 { (0, 0) } else { (4, 4) };
    let captured_at = u64::from(group) * 1_000_000 + u64::from(object) * 20_000;
    let payload = Bytes::copy_from_slice(&[b'0' + group, b'0' + object, 0, 0, 0, 0, 0, 0]);
    Object {
        location: Location::new(group.into(), object.into()),
        number: FrameNumber::new(incarnation, u64::from(group - since) * 6 + u64::from(object)),
        frame: Frame { keyframe: object.is_multiple_of(3), ..Frame::new(captured_at, payload) },
    }
}

/// The greatest choices are of what was minted lately, whether it is still of use or not: 250 is
/// the newest, 251 the one before it.
fn lately(which: u8) -> Option<u8> {
    which.checked_sub(250)
}

/// One of those that are known.
fn pick<T>(known: impl Iterator<Item = T>, which: u8) -> Option<T> {
    let mut known: Vec<T> = known.collect();
    if known.is_empty() || lately(which).is_some() {
        return None;
    }
    Some(known.swap_remove(usize::from(which) % known.len()))
}
