//! What each output must be, when it comes.

use std::collections::BTreeSet;

use holdline_core::error::{CauseKind, ErrorCode};
use holdline_core::id::{PublicationId, SessionId, TrackId};
use holdline_core::media::{FrameNumber, Location};
use holdline_core::stats::Outcome;
use holdline_core::{Event, Input, Output, StateName};

use super::{Incident, NamespaceSubscription, Rules, Session, may_follow};

impl Rules {
    pub(super) fn mint(&mut self, id: u64) {
        assert!(id > self.newest_id, "an identifier is minted once");
        self.newest_id = id;
    }

    pub(super) fn on(&mut self, session: SessionId) -> &mut Session {
        self.sessions.get_mut(&session).expect("only of a session that is up")
    }

    pub(super) fn note_output(&mut self, output: &Output, input: &Input) {
        match output {
            Output::Dial { session, relay, token } => {
                self.note_dial(*session, relay, token.as_ref(), input);
            }
            Output::CloseSession { session } => {
                let dialled = self.dials.remove(session).is_some();
                let open = dialled || self.sessions.remove(session).is_some();
                assert!(open, "{session} is closed once, and only if it is open");
            }
            Output::ProbePath { session } | Output::Migrate { session } => {
                self.on(*session);
            }
            Output::PublishTrack { session, publication, name, .. } => {
                self.mint(publication.0);
                self.lately.publications.push(*publication);
                let session = self.on(*session);
                let twice = session.publications.values().any(|other| other == name);
                assert!(!twice, "{name} is offered once on a session");
                session.publications.insert(*publication, name.clone());
                session.offered = true;
            }
            Output::PublishNamespace { session, namespace, epoch } => {
                assert!(*epoch > self.newest_epoch, "epochs rise");
                self.newest_epoch = *epoch;
                let (room, us) = (&self.config.room, &self.config.participant);
                assert_eq!(*namespace, [room.clone(), us.clone(), epoch.to_string()]);
                let session = self.on(*session);
                assert!(session.namespace.is_none(), "one namespace a session");
                assert!(session.offered, "tracks come before their namespace");
                session.namespace = Some((*epoch, false));
            }
            Output::SendObject { publication, object } => {
                let Input::Send { track, frame: given } = input else {
                    panic!("nothing is sent that was not given: {output:?}");
                };
                assert_eq!(*given, object.frame, "what was given is what is sent");
                let replaced = self.incident.as_ref().is_some_and(|incident| incident.voluntary);
                let up = matches!(self.state, StateName::Joining | StateName::Live);
                assert!(up || replaced, "a silent path is not fed");
                let name = self.published[track].clone();
                let newest = self.given[&name].len() as u64 - 1;
                let number = FrameNumber::new(self.config.first_epoch, newest);
                assert_eq!(object.number, number, "frames are counted as they are given");
                self.sent(*publication, name, object.location);
            }
            Output::SendEndOfTrack { publication, location, number } => {
                let named = self.sessions.values().find_map(|s| s.publications.get(publication));
                let name = named.expect("only on a session that is up").clone();
                let given = self.given.get(&name).map_or(0, Vec::len) as u64;
                assert_eq!(number.sequence, given, "after the last frame");
                self.sent(*publication, name, *location);
            }
            Output::SubscribeNamespace { session, namespace_subscription, prefix } => {
                self.mint(namespace_subscription.0);
                self.lately.namespace_subscriptions.push(*namespace_subscription);
                let participant = prefix[1].clone();
                assert_eq!(*prefix, [self.config.room.clone(), participant.clone()]);
                let session = self.on(*session);
                let twice = session
                    .namespace_subscriptions
                    .values()
                    .any(|other| other.participant == participant);
                assert!(!twice, "{participant} is followed once on a session");
                let watch_of =
                    NamespaceSubscription { participant, accepted: false, epochs: BTreeSet::new() };
                session.namespace_subscriptions.insert(*namespace_subscription, watch_of);
            }
            Output::Subscribe { session, subscription, namespace, name } => {
                self.mint(subscription.0);
                self.lately.subscriptions.push(*subscription);
                let participant = namespace[1].clone();
                let session = self.on(*session);
                let wanted = (participant.clone(), name.clone());
                let twice = session.subscriptions.values().any(|other| *other == wanted);
                assert!(!twice, "{wanted:?} is requested once on a session");
                let namespace_subscription =
                    session.namespace_subscriptions.values().find(|w| w.participant == participant);
                let newest = namespace_subscription.and_then(|namespace_subscription| {
                    namespace_subscription.epochs.last().copied()
                });
                let epoch: u64 = namespace[2].parse().expect("an epoch");
                let remembered = session.remembered.get(&participant);
                let known = newest == Some(epoch) || remembered.is_some_and(|e| e.contains(&epoch));
                assert!(known, "only from a participant that is there");
                assert!(newest.is_none_or(|newest| newest <= epoch), "under the newest namespace");
                session.subscriptions.insert(*subscription, wanted.clone());
                let listens = |(id, other): (&TrackId, &(String, String))| {
                    *other == wanted && !self.closed_tracks.contains(id)
                };
                assert!(self.subscribed.iter().any(listens), "nobody listens to {wanted:?}");
            }
            Output::Unsubscribe { subscription } => {
                let open = self
                    .sessions
                    .values_mut()
                    .any(|s| s.subscriptions.remove(subscription).is_some());
                assert!(open, "a subscription is ended once, and only if it is open");
            }
            Output::Deliver { track, object, gap } => {
                assert!(!self.closed_tracks.contains(track), "to whoever listens to it");
                let heard = self.heard_of.get_mut(track).expect("of a track that is listened to");
                let came = heard.came.get(&object.number);
                assert_eq!(came, Some(object), "what is delivered came, unaltered");
                let last = heard.delivered.replace(object.number);
                let FrameNumber { incarnation, sequence } = object.number;
                let of_this_life = heard.lives.insert(incarnation, sequence);
                assert!(of_this_life.is_none_or(|last| last < sequence), "once, and in order");
                let missing = gap.map_or(0, |gap| gap.frames);
                match last {
                    Some(last) if last.incarnation == object.number.incarnation => {
                        let between = object.number.sequence - last.sequence - 1;
                        assert_eq!(between, missing, "what is missing is told, frame for frame");
                    }
                    Some(_) => assert!(gap.is_some(), "that the publisher began anew is told"),
                    None if heard.live => assert!(missing <= object.number.sequence),
                    None => assert!(missing >= object.number.sequence, "from the first on"),
                }
            }
            Output::Fetch { session, fetch, namespace, name, first, last } => {
                self.mint(fetch.0);
                self.lately.fetches.push(*fetch);
                assert_eq!(self.state, StateName::Live, "recovered comes before what was missed");
                assert!(first <= last, "{first} to {last}");
                let wanted = (namespace[1].clone(), name.clone());
                let session = self.on(*session);
                let ready = session.subscriptions.values().any(|other| *other == wanted);
                assert!(ready, "{wanted:?} is listened to");
                let twice = session.fetches.values().any(|other| *other == wanted);
                assert!(!twice, "one at a time of {wanted:?}");
                session.fetches.insert(*fetch, wanted);
                assert!(session.fetches.len() <= 8, "few at a time");
            }
            Output::CancelFetch { fetch } => {
                let open = self.sessions.values_mut().any(|s| s.fetches.remove(fetch).is_some());
                assert!(open, "a request is given up once, and only if it is open");
            }
            Output::AcceptFetch { session, moq_request: request, last } => {
                let up = matches!(self.state, StateName::Joining | StateName::Live);
                assert!(up, "a silent path is not fed");
                let answer = self.on(*session).answers.get_mut(request).expect("was asked");
                assert!(!answer.accepted, "accepted once");
                answer.accepted = true;
                assert!(last.is_none_or(|last| last >= answer.first && last <= answer.last));
            }
            Output::FetchObject { session, moq_request: request, object } => {
                let up = matches!(self.state, StateName::Joining | StateName::Live);
                assert!(up, "a silent path is not fed");
                let answer = self.on(*session).answers.get_mut(request).expect("was asked");
                assert!(answer.accepted && answer.said.is_none_or(|said| said < object.number));
                assert!((answer.first..=answer.last).contains(&object.location));
                answer.said = Some(object.number);
                let name = answer.name.clone();
                let given = &self.given[&name];
                let index = usize::try_from(object.number.sequence).expect("small");
                assert_eq!(given[index], object.frame, "what was given is what is said again");
            }
            Output::EndFetch { session, moq_request: request }
            | Output::RefuseFetch { session, moq_request: request } => {
                let answer = self.on(*session).answers.remove(request).expect("was asked");
                let ended = matches!(output, Output::EndFetch { .. });
                assert_eq!(answer.accepted, ended, "an answer ends, or is refused");
            }
            Output::CloseTrack { track } => {
                let open = self.closed_tracks.insert(*track);
                assert!(open || !self.subscribed.contains_key(track), "{track} is closed once");
            }
            Output::QueryDirectory { query: request } => self.note_question_for_relays(*request),
            Output::RememberDirectory { relays } => self.note_remembered(relays),
            Output::QueryCredential { query: request, relay } => {
                self.note_question(*request, relay)
            }
            Output::CheckHost => panic!("nobody is there to be asked: {output:?}"),
            Output::Event(event) => self.note_event(event, input),
        }
    }

    pub(super) fn sent(&mut self, publication: PublicationId, name: String, location: Location) {
        let offered = self.sessions.values().find_map(|s| s.publications.get(&publication));
        assert_eq!(offered, Some(&name), "on its own track");
        let last = self.last_sent.insert(name, location);
        assert!(last.is_none_or(|last| last < location), "locations rise, over every session");
    }

    pub(super) fn note_event(&mut self, event: &Event, input: &Input) {
        match event {
            Event::StateChanged { from, to } => {
                assert_eq!(*from, self.state, "states follow one another");
                assert!(may_follow(*from, *to), "{from} cannot become {to}");
                self.state = *to;
                if !matches!(*to, StateName::Suspect | StateName::Recovering) {
                    self.providers.waiting.clear();
                }
                if *to == StateName::Connecting && *from == StateName::Idle {
                    self.note_campaign();
                }
                if *to == StateName::Joining {
                    self.note_taken();
                }
                if *to == StateName::Live {
                    if *from == StateName::Joining {
                        self.note_let_in();
                    }
                    self.now_live();
                }
            }
            Event::IncidentStarted { incident, cause } => {
                assert!(self.incident.is_none(), "at most one incident at a time");
                self.note_campaign();
                self.mint(incident.0);
                if self.now.since(self.live_since) >= self.config.policy.stable_after {
                    self.spent = 0;
                }
                let (id, since) = (*incident, self.now);
                let renews = (cause.kind == CauseKind::CredentialRenewed)
                    .then(|| self.is_worth_renewing(input));
                let voluntary = cause.kind == CauseKind::Requested || renews.is_some();
                self.incident = Some(Incident { id, since, attempts: 0, voluntary, renews });
                self.last_attempt = None;
            }
            Event::AttemptStarted { incident, attempt, of, session, relay } => {
                self.check_pace(relay, input);
                self.note_attempt(*session, relay);
                let open = self.incident.as_ref().map(|incident| incident.id);
                assert_eq!(*incident, open, "an attempt is of the open incident");
                assert_eq!(*of, self.config.policy.attempts);
                assert!((1..=*of).contains(attempt), "attempt {attempt} of {of}");
                assert_eq!(*attempt, self.spent + 1, "attempts are counted until uptime is stable");
                self.spent += 1;
                self.last_attempt = Some(self.now);
                if let Some(incident) = &mut self.incident {
                    incident.attempts += 1;
                }
            }
            Event::AttemptFailed { session, .. } => {
                self.providers.waiting.remove(session);
            }
            Event::Recovered { incident, duration, attempts } => {
                let open = self.incident.take().expect("only what began is recovered from");
                if open.voluntary && *attempts == 0 {
                    // The session that was to be replaced was there all the time.
                    self.spent -= open.attempts;
                    self.note_kept();
                }
                assert_eq!((*incident, *duration), (open.id, self.now.since(open.since)));
            }
            Event::TrackReady { track, .. } | Event::TrackInterrupted { track } => {
                assert!(self.subscribed.contains_key(track));
                assert!(!self.sessions.is_empty(), "a track lives on a session");
            }
            Event::Ended { summary } => {
                self.ended = true;
                let recovered_from = self.incident.take();
                let completed = matches!(summary.outcome, Outcome::Completed | Outcome::Idle);
                let state = if completed { StateName::Closed } else { StateName::Failed };
                assert_eq!((self.state, summary.stats.state), (state, state));
                if let Outcome::Failed(error) = &summary.outcome {
                    if recovered_from.is_some() {
                        self.check_refused(error.code, input);
                    }
                    let in_time = error.after <= self.config.policy.window || !self.exact;
                    let exhausted = error.code == ErrorCode::RecoveryExhausted;
                    assert!(!exhausted || in_time, "never past the window: {error:?}");
                }
                assert!(input != &Input::Close || summary.outcome == Outcome::Completed);
            }
            _ => {}
        }
    }

    /// R6, R8: pauses are never shorter than the policy's first, except where it says so.
    pub(super) fn check_pace(&mut self, relay: &String, input: &Input) {
        let answered_elsewhere = self.may_dial_home(relay, input);
        let policy = &self.config.policy;
        let shortest = policy.initial * u32::from(100 - policy.jitter_percent) / 100;
        let hurried = std::mem::take(&mut self.hurried);
        let begun = self.incident.as_ref().filter(|i| i.attempts == 0).map(|i| i.since);
        let at_once = policy.immediate_first && self.spent == 0 && begun.is_some();
        let set_up = self.incident.is_none() && self.last_attempt.is_none();
        if hurried || at_once || set_up || answered_elsewhere {
            return;
        }
        if let Some(last) = self.last_attempt.or(begun) {
            let paused = self.now.since(last);
            assert!(paused >= shortest, "an attempt after {paused:?}, not {shortest:?}");
        }
    }

    /// R1: live only once the relay has agreed.
    pub(super) fn now_live(&mut self) {
        let others: BTreeSet<&String> =
            self.subscribed.values().map(|(participant, _)| participant).collect();
        let agreed = self.sessions.values().any(|session| {
            let announced = match session.namespace {
                Some((_, accepted)) => accepted,
                None => session.publications.is_empty(),
            };
            let followed = others.iter().all(|other| {
                session
                    .namespace_subscriptions
                    .values()
                    .any(|w| w.participant == **other && w.accepted)
            });
            announced && followed
        });
        // A session that was live once is as good as it was.
        assert!(agreed || self.was_live, "live on a session that has agreed");
        if !self.was_live {
            // Setting a call up is no recovery.
            self.spent = 0;
        }
        self.was_live = true;
        self.live_since = self.now;
    }
}
