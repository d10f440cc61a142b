//! A call under the rules, and the operations that drive it: inputs with valid, outdated and
//! unknown identifiers.

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

/// One input, or a step of time. The first number chooses the identifier or track of the input.
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
    SafetyAlert,
    Connected(u8),
    DialFailed(u8, CauseKind),
    SessionClosed(u8, CauseKind),
    /// Whether the counters of received and of acknowledged packets rise, and the RTT in ms.
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
    /// The subscription, the group, and the object in the group. A group lasts a second.
    Object(u8, u8, u8),
    EndOfTrack(u8),
    Fetched(u8, u8, u8),
    FetchEnded(u8, FetchEnd),
    FetchRequested(u8, u8, u8),
    FetchCancelled(u8, u8),
    /// The provider returns an empty relay list, or one of three others.
    RelayList(u8),
    /// The provider returns a credential, valid for so many milliseconds; 0 means for ever.
    Credential(u8, u32),
    NoCredential(u8, CauseKind),
    /// A relay refuses the credential that the call presented to it.
    DialRefused(u8),
    SessionRefused(u8),
    /// The provider answers a query that the call never made.
    UnrequestedAnswer(u8),
    /// So many milliseconds pass; each tick arrives at the deadline.
    Advance(u32),
    /// So many milliseconds pass; one tick arrives at their end.
    LateTick(u32),
    /// A tick arrives with a time so many milliseconds ago.
    ClockBack(u32),
}

/// The operations that bring a connecting call to live, with Bob's track ready.
pub const GO_LIVE: [Op; 6] = [
    Op::Connected(0),
    Op::NamespaceAccepted(0),
    Op::NamespaceSubscriptionAccepted(0),
    Op::NamespaceAdded(0, 1),
    Op::SubscriptionAccepted(0),
    Op::Object(0, 0, 0),
];

/// A call, and the rules that judge each of its inputs and outputs.
#[derive(Clone, Debug)]
pub struct JudgedCall {
    pub call: Supervisor,
    pub rules: Rules,
    pub now: Timestamp,
    /// The latest value of the path's counters.
    pub received: u64,
    /// How many credentials the provider has issued; no two are the same.
    issued: u32,
}

/// How late a frame of a live track may be delivered.
const LIVE_BUDGET: Duration = Duration::from_millis(500);
/// How long frames are retained, and wait for missing ones.
const RETENTION_AGE: Duration = Duration::from_secs(2);

const REFUSED: CauseKind = CauseKind::Unauthorized;

const PEERS: [&str; 2] = ["bob", "carol"];
const TRACKS: [&str; 2] = ["audio", "video"];

impl JudgedCall {
    pub fn new(call: Supervisor, exact: bool) -> Self {
        let rules = Rules::new(call.config(), exact);
        Self { call, rules, now: Timestamp::ZERO, received: 0, issued: 0 }
    }

    pub fn feed(&mut self, input: Input) {
        self.rules.feed(&mut self.call, self.now, input);
    }

    /// Lets time pass; each tick arrives at the deadline.
    pub fn advance(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(deadline) = self.call.deadline().filter(|deadline| deadline.at <= until) {
            self.now = deadline.at;
            self.feed(Input::Tick);
        }
        self.now = until;
    }

    /// Feeds the call the operation's input, or lets time pass.
    pub fn apply(&mut self, op: Op) {
        let input = match op {
            Op::Advance(millis) => return self.advance(Duration::from_millis(millis.into())),
            Op::LateTick(millis) => {
                self.now = self.now + Duration::from_millis(millis.into());
                Input::Tick
            }
            Op::ClockBack(millis) => {
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
                // Few frames are retained, so that evictions happen, too.
                let retention = Retention { frames: 4, ..Retention::live() };
                let track = Track::audio(TRACKS[usize::from(which) % 2]).retaining(retention);
                Input::publish(TrackId(u64::from(which % 3)), track)
            }
            Op::Subscribe(which) => {
                let track = Track::video(TRACKS[usize::from(which) % 2]);
                let live = (which / 4) % 2 == 1;
                let track = if live { track.live(LIVE_BUDGET) } else { track.lossless() };
                let track = track.retaining(Retention { frames: 3, bytes: 30, age: RETENTION_AGE });
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
            Op::SafetyAlert => Input::SafetyAlert { detail: "help".into() },
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
                let object = bobs_object(group, object);
                Input::Object { subscription: self.subscription(which), object }
            }
            Op::EndOfTrack(which) => {
                let number = bobs_object(3, 0).number;
                Input::EndOfTrack { subscription: self.subscription(which), number }
            }
            Op::Fetched(which, group, object) => Input::FetchedObject {
                fetch: self.fetch(which),
                object: bobs_object(group, object),
            },
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
            Op::RelayList(which) => {
                let query = self.rules.providers.relay_query.map(|(query, _)| query);
                let lists: [&[&str]; 4] =
                    [&[], &["north", "relay-1"], &["relay-9", "north", "relay-2"], &["relay-8"]];
                let relays = lists[usize::from(which) % 4].iter().map(ToString::to_string);
                let query = query.unwrap_or(QueryId(u64::MAX));
                Input::DirectoryAnswered { query, relays: relays.collect() }
            }
            Op::Credential(which, millis) => {
                self.issued += 1;
                let secret = Secret::new(self.issued.to_string());
                let token = Token { token_type: 0, secret };
                let valid_for = (millis > 0).then(|| Duration::from_millis(millis.into()));
                let credential = Credential { token, valid_for };
                Input::CredentialAnswered { query: self.credential_query(which), credential }
            }
            Op::NoCredential(which, kind) => Input::CredentialFailed {
                query: self.credential_query(which),
                cause: Cause::new(kind),
            },
            Op::DialRefused(_) | Op::SessionRefused(_)
                if !self.call.config().directory.credentials =>
            {
                return;
            }
            Op::DialRefused(which) => return self.apply(Op::DialFailed(which, REFUSED)),
            Op::SessionRefused(which) => return self.apply(Op::SessionClosed(which, REFUSED)),
            Op::UnrequestedAnswer(which) => {
                let query = QueryId(which.into());
                match which % 3 {
                    0 => Input::DirectoryAnswered { query, relays: vec!["evil".into()] },
                    1 => {
                        let cause = Cause::new(CauseKind::SignedOut);
                        Input::CredentialFailed { query, cause }
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
        let recent = steps_back(which).and_then(|back| self.rules.newest_ids.sessions.before(back));
        recent.or(pick(self.rules.dials.keys().copied(), which)).unwrap_or(SessionId(u64::MAX))
    }

    pub fn session(&self, which: u8) -> SessionId {
        let recent = steps_back(which).and_then(|back| self.rules.newest_ids.sessions.before(back));
        recent.or(pick(self.rules.sessions.keys().copied(), which)).unwrap_or(SessionId(u64::MAX))
    }

    pub fn namespace(&self, which: u8) -> (SessionId, u64) {
        let requested = self.rules.sessions.iter();
        let requested = requested.filter_map(|(id, session)| Some((*id, session.namespace?.0)));
        pick(requested, which).unwrap_or((self.session(which), 1))
    }

    fn credential_query(&self, which: u8) -> QueryId {
        let open = self.rules.providers.credential_queries.keys().copied();
        pick(open, which).unwrap_or(QueryId(u64::MAX))
    }

    pub fn publication(&self, which: u8) -> PublicationId {
        let recent =
            steps_back(which).and_then(|back| self.rules.newest_ids.publications.before(back));
        let known = self.rules.sessions.values().flat_map(|s| s.publications.keys());
        recent.or(pick(known.copied(), which)).unwrap_or(PublicationId(u64::MAX))
    }

    pub fn namespace_subscription(&self, which: u8) -> NamespaceSubscriptionId {
        let recent = steps_back(which)
            .and_then(|back| self.rules.newest_ids.namespace_subscriptions.before(back));
        let known =
            self.rules.sessions.values().flat_map(|session| session.namespace_subscriptions.keys());
        recent.or(pick(known.copied(), which)).unwrap_or(NamespaceSubscriptionId(u64::MAX))
    }

    pub fn fetch(&self, which: u8) -> FetchId {
        let recent = steps_back(which).and_then(|back| self.rules.newest_ids.fetches.before(back));
        let known = self.rules.sessions.values().flat_map(|session| session.fetches.keys());
        recent.or(pick(known.copied(), which)).unwrap_or(FetchId(u64::MAX))
    }

    pub fn subscription(&self, which: u8) -> SubscriptionId {
        let recent =
            steps_back(which).and_then(|back| self.rules.newest_ids.subscriptions.before(back));
        let known = self.rules.sessions.values().flat_map(|session| session.subscriptions.keys());
        recent.or(pick(known.copied(), which)).unwrap_or(SubscriptionId(u64::MAX))
    }
}

/// An object of Bob's track, which has six frames in a group. Group 4 begins a new incarnation.
pub fn bobs_object(group: u8, object: u8) -> Object {
    let (incarnation, since) = if group < 4 { (0, 0) } else { (4, 4) };
    let captured_at = u64::from(group) * 1_000_000 + u64::from(object) * 20_000;
    let payload = Bytes::copy_from_slice(&[b'0' + group, b'0' + object, 0, 0, 0, 0, 0, 0]);
    Object {
        location: Location::new(group.into(), object.into()),
        number: FrameNumber::new(incarnation, u64::from(group - since) * 6 + u64::from(object)),
        frame: Frame { keyframe: object.is_multiple_of(3), ..Frame::new(captured_at, payload) },
    }
}

/// The choices from 250 on are the most recently minted identifiers, in use or not: 250 is the
/// newest one, 251 the one before it.
fn steps_back(which: u8) -> Option<u8> {
    which.checked_sub(250)
}

/// One of the known identifiers; none for a choice of a recently minted one.
fn pick<T>(known: impl Iterator<Item = T>, which: u8) -> Option<T> {
    let mut known: Vec<T> = known.collect();
    if known.is_empty() || steps_back(which).is_some() {
        return None;
    }
    Some(known.swap_remove(usize::from(which) % known.len()))
}
