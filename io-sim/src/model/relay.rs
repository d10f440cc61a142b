//! A relay without persistent state: namespaces, namespace subscriptions, track subscriptions and
//! the current group of each track. It imitates the observed behaviour of the real relay.

use std::collections::BTreeMap;

use holdline_core::id::{FetchId, NamespaceSubscriptionId, SubscriptionId};
use holdline_core::media::{FrameNumber, Location, Object};

use super::connection::ConnId;

/// The position of a track among those that every participant publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TrackIndex(pub(super) usize);

/// What a participant sends to a relay.
#[derive(Clone, Debug)]
pub(super) enum Request {
    PublishNamespace { namespace: Vec<String>, epoch: u64 },
    SubscribeNamespace { namespace_subscription: NamespaceSubscriptionId, prefix: Vec<String> },
    Subscribe { subscription: SubscriptionId, namespace: Vec<String>, track: TrackIndex },
    Unsubscribe { subscription: SubscriptionId },
    Object { track: TrackIndex, object: Object },
    EndOfTrack { track: TrackIndex, location: Location, number: FrameNumber },
    Fetch { fetch: FetchId, namespace: Vec<String>, name: String, first: Location, last: Location },
    CancelFetch { fetch: FetchId },
    FetchObject { request: u64, object: Object },
    EndFetch { request: u64, complete: bool },
    Close,
}

/// What a relay sends to a participant.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    NamespaceAccepted { epoch: u64 },
    NamespaceRefused { epoch: u64 },
    NamespaceSubscriptionAccepted { namespace_subscription: NamespaceSubscriptionId },
    NamespaceSubscriptionEnded { namespace_subscription: NamespaceSubscriptionId },
    NamespaceAdded { namespace_subscription: NamespaceSubscriptionId, epoch: u64 },
    NamespaceRemoved { namespace_subscription: NamespaceSubscriptionId, epoch: u64 },
    SubscriptionAccepted { subscription: SubscriptionId },
    SubscriptionEnded { subscription: SubscriptionId },
    Object { subscription: SubscriptionId, object: Object },
    EndOfTrack { subscription: SubscriptionId, number: FrameNumber },
    FetchRequested { request: u64, name: String, first: Location, last: Location },
    FetchCancelled { request: u64 },
    FetchedObject { fetch: FetchId, object: Object },
    FetchEnded { fetch: FetchId, complete: bool },
}

/// A reply with its receiver and its stream.
#[derive(Clone, Debug)]
pub(super) struct Transmission {
    pub(super) to: ConnId,
    pub(super) stream: u64,
    pub(super) reply: Reply,
    /// The publisher to which the relay forwards the request first: a round trip comes on top.
    pub(super) via: Option<ConnId>,
}

#[derive(Clone, Debug)]
struct Namespace {
    conn: ConnId,
    prefix: Vec<String>,
    epoch: u64,
}

#[derive(Clone, Debug)]
enum GroupPart {
    Object(Object),
    End(Location, FrameNumber),
}

#[derive(Clone, Debug)]
struct Subscriber {
    conn: ConnId,
    id: SubscriptionId,
    /// The publisher's connection, and the track.
    publisher: ConnId,
    track: TrackIndex,
}

#[derive(Clone, Debug)]
struct Fetch {
    from: ConnId,
    id: FetchId,
    to: ConnId,
    request: u64,
}

/// A relay.
#[derive(Clone, Debug, Default)]
pub(super) struct Relay {
    namespaces: BTreeMap<Vec<String>, Namespace>,
    /// The current group of each track, as far as the publisher has sent it.
    groups: BTreeMap<(ConnId, TrackIndex), Vec<GroupPart>>,
    namespace_subscriptions: Vec<(ConnId, NamespaceSubscriptionId, Vec<String>)>,
    subscribers: Vec<Subscriber>,
    fetches: Vec<Fetch>,
    next_request: u64,
}

/// The stream of all messages that a session keeps in one order.
pub(super) const CONTROL: u64 = 0;

impl Relay {
    /// Handles a request; returns the replies it causes.
    pub(super) fn handle(
        &mut self,
        conn: ConnId,
        request: Request,
        refuses: bool,
    ) -> Vec<Transmission> {
        let mut transmissions = Vec::new();
        let mut send =
            |to, stream, reply| transmissions.push(Transmission { to, stream, reply, via: None });
        match request {
            Request::PublishNamespace { namespace, epoch } => {
                if refuses || self.namespaces.contains_key(&namespace) {
                    send(conn, CONTROL, Reply::NamespaceRefused { epoch });
                    return transmissions;
                }
                send(conn, CONTROL, Reply::NamespaceAccepted { epoch });
                let prefix = namespace[..2].to_vec();
                for (watcher, namespace_subscription, _) in
                    self.namespace_subscriptions.iter().filter(|(.., p)| *p == prefix)
                {
                    send(
                        *watcher,
                        CONTROL,
                        Reply::NamespaceAdded {
                            namespace_subscription: *namespace_subscription,
                            epoch,
                        },
                    );
                }
                self.namespaces.insert(namespace, Namespace { conn, prefix, epoch });
            }
            Request::SubscribeNamespace { namespace_subscription, prefix } => {
                send(
                    conn,
                    CONTROL,
                    Reply::NamespaceSubscriptionAccepted { namespace_subscription },
                );
                for namespace in self.namespaces.values().filter(|n| n.prefix == prefix) {
                    let epoch = namespace.epoch;
                    send(conn, CONTROL, Reply::NamespaceAdded { namespace_subscription, epoch });
                }
                self.namespace_subscriptions.push((conn, namespace_subscription, prefix));
            }
            Request::Subscribe { subscription, namespace, track } => {
                let Some(known) = self.namespaces.get(&namespace) else {
                    send(conn, CONTROL, Reply::SubscriptionEnded { subscription });
                    return transmissions;
                };
                let (publisher, via) = (known.conn, Some(known.conn));
                let stream = CONTROL;
                let reply = Reply::SubscriptionAccepted { subscription };
                transmissions.push(Transmission { to: conn, stream, reply, via });
                let group = self.groups.get(&(publisher, track));
                for part in group.into_iter().flatten() {
                    transmissions
                        .push(Transmission { via, ..to_subscriber(conn, subscription, part) });
                }
                self.subscribers.push(Subscriber { conn, id: subscription, publisher, track });
            }
            Request::Unsubscribe { subscription } => {
                self.subscribers.retain(|s| s.conn != conn || s.id != subscription);
            }
            Request::Object { track, object } => {
                self.publish(conn, track, GroupPart::Object(object), &mut transmissions);
            }
            Request::EndOfTrack { track, location, number } => {
                self.publish(conn, track, GroupPart::End(location, number), &mut transmissions);
            }
            Request::Fetch { fetch, namespace, name, first, last } => {
                let Some(known) = self.namespaces.get(&namespace) else {
                    send(conn, CONTROL, Reply::FetchEnded { fetch, complete: false });
                    return transmissions;
                };
                self.next_request += 1;
                let (to, request) = (known.conn, self.next_request);
                send(to, CONTROL, Reply::FetchRequested { request, name, first, last });
                self.fetches.push(Fetch { from: conn, id: fetch, to, request });
            }
            Request::CancelFetch { fetch } => {
                let cancelled = self.fetches.extract_if(.., |f| f.from == conn && f.id == fetch);
                for fetch in cancelled {
                    let request = fetch.request;
                    send(fetch.to, CONTROL, Reply::FetchCancelled { request });
                }
            }
            Request::FetchObject { request, object } => {
                if let Some(fetch) =
                    self.fetches.iter().find(|f| f.to == conn && f.request == request)
                {
                    let reply = Reply::FetchedObject { fetch: fetch.id, object };
                    send(fetch.from, fetch_stream(fetch.id), reply);
                }
            }
            Request::EndFetch { request, complete } => {
                let ended = self.fetches.extract_if(.., |f| f.to == conn && f.request == request);
                for fetch in ended {
                    let reply = Reply::FetchEnded { fetch: fetch.id, complete };
                    send(fetch.from, fetch_stream(fetch.id), reply);
                }
            }
            Request::Close => transmissions.extend(self.connection_closed(conn)),
        }
        transmissions
    }

    fn publish(
        &mut self,
        conn: ConnId,
        track: TrackIndex,
        part: GroupPart,
        transmissions: &mut Vec<Transmission>,
    ) {
        let group = self.groups.entry((conn, track)).or_default();
        if group.first().is_some_and(|first| first.group() < part.group()) {
            group.clear();
        }
        let of = |s: &&Subscriber| (s.publisher, s.track) == (conn, track);
        for subscriber in self.subscribers.iter().filter(of) {
            transmissions.push(to_subscriber(subscriber.conn, subscriber.id, &part));
        }
        group.push(part);
    }

    /// Drops everything of a connection that has closed or timed out.
    pub(super) fn connection_closed(&mut self, conn: ConnId) -> Vec<Transmission> {
        let mut transmissions = Vec::new();
        self.namespace_subscriptions.retain(|(other, ..)| *other != conn);
        self.groups.retain(|(of, _), _| *of != conn);
        self.subscribers.retain(|subscriber| subscriber.conn != conn);
        let left = self.namespaces.extract_if(.., |_, namespace| namespace.conn == conn);
        for (_, namespace) in left {
            for (to, namespace_subscription, _) in
                self.namespace_subscriptions.iter().filter(|(.., p)| *p == namespace.prefix)
            {
                let reply = Reply::NamespaceRemoved {
                    namespace_subscription: *namespace_subscription,
                    epoch: namespace.epoch,
                };
                transmissions.push(Transmission { to: *to, stream: CONTROL, reply, via: None });
            }
        }
        for s in self.subscribers.extract_if(.., |s| s.publisher == conn) {
            let reply = Reply::SubscriptionEnded { subscription: s.id };
            transmissions.push(Transmission { to: s.conn, stream: CONTROL, reply, via: None });
        }
        for fetch in self.fetches.extract_if(.., |f| f.from == conn || f.to == conn) {
            let (to, reply) = if fetch.from == conn {
                (fetch.to, Reply::FetchCancelled { request: fetch.request })
            } else {
                (fetch.from, Reply::FetchEnded { fetch: fetch.id, complete: false })
            };
            transmissions.push(Transmission { to, stream: CONTROL, reply, via: None });
        }
        transmissions
    }
}

impl Request {
    /// Whether the request is media: a slow relay still forwards media.
    pub(super) fn is_media(&self) -> bool {
        matches!(self, Self::Object { .. } | Self::EndOfTrack { .. } | Self::FetchObject { .. })
    }

    /// The refusal for a session whose token has expired; `None` for requests that need no token.
    pub(super) fn refusal(&self) -> Option<Reply> {
        match *self {
            Self::PublishNamespace { epoch, .. } => Some(Reply::NamespaceRefused { epoch }),
            Self::SubscribeNamespace { namespace_subscription, .. } => {
                Some(Reply::NamespaceSubscriptionEnded { namespace_subscription })
            }
            Self::Subscribe { subscription, .. } => Some(Reply::SubscriptionEnded { subscription }),
            Self::Fetch { fetch, .. } => Some(Reply::FetchEnded { fetch, complete: false }),
            _ => None,
        }
    }

    /// The length of the media in the request.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Object { object, .. } | Self::FetchObject { object, .. } => {
                object.frame.payload.len()
            }
            _ => 0,
        }
    }
}

impl Reply {
    /// The length of the media in the reply.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Object { object, .. } | Self::FetchedObject { object, .. } => {
                object.frame.payload.len()
            }
            _ => 0,
        }
    }
}

impl GroupPart {
    fn group(&self) -> u64 {
        match self {
            Self::Object(object) => object.location.group,
            Self::End(location, _) => location.group,
        }
    }
}

/// The transmission of a group's part to one subscriber: each group has a stream of its own.
fn to_subscriber(to: ConnId, subscription: SubscriptionId, part: &GroupPart) -> Transmission {
    let reply = match part {
        GroupPart::Object(object) => Reply::Object { subscription, object: object.clone() },
        GroupPart::End(_, number) => Reply::EndOfTrack { subscription, number: *number },
    };
    let stream = (1 << 63) | (subscription.0 << 32) | (part.group() & 0xffff_ffff);
    Transmission { to, stream, reply, via: None }
}

impl Transmission {
    /// The answer to a request, on the control stream.
    pub(super) fn answer(to: ConnId, reply: Reply) -> Self {
        Self { to, stream: CONTROL, reply, via: None }
    }
}

fn fetch_stream(fetch: FetchId) -> u64 {
    (1 << 62) | fetch.0
}
