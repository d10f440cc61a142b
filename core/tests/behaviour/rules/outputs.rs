//! The laws of each output, judged at the moment when the call emits it.

use std::collections::BTreeSet;

use holdline_core::error::{CauseKind, ErrorCode};
use holdline_core::id::{PublicationId, SessionId, TrackId};
use holdline_core::media::{FrameNumber, Location};
use holdline_core::stats::Outcome;
use holdline_core::{Event, Input, Output, StateName};

use super::{Followed, Incident, NamespaceSubscription, Rules, Session, may_follow};

impl Rules {
    pub(super) fn mint(&mut self, id: u64) {
        assert!(id > self.newest_id, "an identifier is minted once");
        self.newest_id = id;
    }

    pub(super) fn session_mut(&mut self, session: SessionId) -> &mut Session {
        self.sessions.get_mut(&session).expect("an output concerns a session that is connected")
    }

    pub(super) fn note_output(&mut self, output: &Output, input: &Input) {
        match output {
            Output::Dial { session, relay, token } => {
                self.note_dial(*session, relay, token.as_ref(), input);
            }
            Output::CloseSession { session } => {
                let dialled = self.dials.remove(session).is_some();
                let open = dialled || self.sessions.remove(session).is_some();
                assert!(open, "{session} is closed once, while it is open");
            }
            Output::ProbePath { session } | Output::Migrate { session } => {
                self.session_mut(*session);
            }
            Output::PublishTrack { session, publication, name, .. } => {
                self.mint(publication.0);
                self.newest_ids.publications.push(*publication);
                let session = self.session_mut(*session);
                let twice = session.publications.values().any(|other| other == name);
                assert!(!twice, "track {name} is offered once on a session");
                session.publications.insert(*publication, name.clone());
                session.offered = true;
            }
            Output::PublishNamespace { session, namespace, epoch } => {
                assert!(*epoch > self.newest_epoch, "epochs rise");
                self.newest_epoch = *epoch;
                let (room, us) = (&self.config.room, &self.config.participant);
                assert_eq!(*namespace, [room.clone(), us.clone(), epoch.to_string()]);
                let session = self.session_mut(*session);
                assert!(session.namespace.is_none(), "a session has one namespace");
                assert!(session.offered, "tracks are offered before their namespace");
                session.namespace = Some((*epoch, false));
            }
            Output::SendObject { publication, object } => {
                let Input::Send { track, frame } = input else {
                    panic!("only the frame of a Send input is sent: {output:?}");
                };
                assert_eq!(*frame, object.frame, "the sent frame is the application's");
                let name = self.published[track].clone();
                let newest = self.application_frames[&name].len() as u64 - 1;
                let number = FrameNumber::new(self.config.first_epoch, newest);
                assert_eq!(
                    object.number, number,
                    "frames are numbered in the order of the application"
                );
                let offered = |(_, session): &(&SessionId, &Session)| {
                    session.publications.contains_key(publication)
                };
                let session = *self.sessions.iter().find(offered).expect("an open session").0;
                if self.note_fed(session, object.location) {
                    self.sent(*publication, name, object.location);
                }
            }
            Output::SendEndOfTrack { publication, location, number } => {
                let named = self.sessions.values().find_map(|s| s.publications.get(publication));
                let name = named.expect("a track ends on a session that is connected").clone();
                let frames = self.application_frames.get(&name).map_or(0, Vec::len) as u64;
                assert_eq!(number.sequence, frames, "the end of a track follows its last frame");
                self.sent(*publication, name, *location);
            }
            Output::SubscribeNamespace { session, namespace_subscription, prefix } => {
                self.mint(namespace_subscription.0);
                self.newest_ids.namespace_subscriptions.push(*namespace_subscription);
                let participant = prefix[1].clone();
                assert_eq!(*prefix, [self.config.room.clone(), participant.clone()]);
                let session = self.session_mut(*session);
                let twice = session
                    .namespace_subscriptions
                    .values()
                    .any(|other| other.participant == participant);
                assert!(!twice, "a session has one namespace subscription for {participant}");
                let followed =
                    NamespaceSubscription { participant, accepted: false, epochs: BTreeSet::new() };
                session.namespace_subscriptions.insert(*namespace_subscription, followed);
            }
            Output::Subscribe { session, subscription, namespace, name } => {
                self.mint(subscription.0);
                self.newest_ids.subscriptions.push(*subscription);
                let participant = namespace[1].clone();
                let session = self.session_mut(*session);
                let wanted = (participant.clone(), name.clone());
                let others = session.subscriptions.iter().filter(|(_, other)| **other == wanted);
                let others: Vec<u64> = others.map(|(id, _)| session.followed[id].epoch).collect();
                let namespace_subscription =
                    session.namespace_subscriptions.values().find(|w| w.participant == participant);
                let newest = namespace_subscription.and_then(|namespace_subscription| {
                    namespace_subscription.epochs.last().copied()
                });
                let epoch: u64 = namespace[2].parse().expect("an epoch");
                let remembered = session.remembered.get(&participant);
                let known = newest == Some(epoch) || remembered.is_some_and(|e| e.contains(&epoch));
                assert!(known, "only a reported namespace is subscribed to");
                assert!(
                    newest.is_none_or(|newest| newest <= epoch),
                    "a track is subscribed to under the newest namespace"
                );
                let followed = Followed { epoch, accepted: false, flows: false };
                assert!(
                    others.len() <= 1 && !others.contains(&epoch),
                    "{wanted:?} has two subscriptions at most, under two namespaces"
                );
                session.subscriptions.insert(*subscription, wanted.clone());
                session.followed.insert(*subscription, followed);
                let listens = |(id, other): (&TrackId, &(String, String))| {
                    *other == wanted && !self.closed_tracks.contains(id)
                };
                assert!(
                    self.subscribed.iter().any(listens),
                    "the application does not listen to {wanted:?}"
                );
            }
            Output::Unsubscribe { subscription } => {
                self.check_unsubscribed(*subscription, input);
            }
            Output::Deliver { track, object, gap } => {
                assert!(!self.closed_tracks.contains(track), "a closed track receives no object");
                let of_track = self.received_tracks.get_mut(track).expect("a subscribed track");
                let received = of_track.received.get(&object.number);
                assert_eq!(received, Some(object), "a delivered object arrived, unaltered");
                let last = of_track.delivered.replace(object.number);
                let FrameNumber { incarnation, sequence } = object.number;
                let of_incarnation = of_track.incarnations.insert(incarnation, sequence);
                let rises = of_incarnation.is_none_or(|last| last < sequence);
                assert!(rises, "frames are delivered once, and in order");
                let missing = gap.map_or(0, |gap| gap.frames);
                match last {
                    Some(last) if last.incarnation == object.number.incarnation => {
                        let between = object.number.sequence - last.sequence - 1;
                        assert_eq!(between, missing, "the gap counts every missing frame");
                    }
                    Some(_) => assert!(gap.is_some(), "a new incarnation is reported with a gap"),
                    None if of_track.live => assert!(missing <= object.number.sequence),
                    None => assert!(
                        missing >= object.number.sequence,
                        "a lossless track is delivered from its first frame on"
                    ),
                }
            }
            Output::Fetch { session, fetch, namespace, name, first, last } => {
                self.mint(fetch.0);
                self.newest_ids.fetches.push(*fetch);
                assert_eq!(
                    self.state,
                    StateName::Live,
                    "missed frames are fetched only after the recovery"
                );
                assert!(first <= last, "{first} to {last}");
                let wanted = (namespace[1].clone(), name.clone());
                let session = self.session_mut(*session);
                let ready = session.subscriptions.values().any(|other| *other == wanted);
                assert!(ready, "{wanted:?} has a subscription");
                let twice = session.fetches.values().any(|other| *other == wanted);
                assert!(!twice, "{wanted:?} has one FETCH at a time");
                session.fetches.insert(*fetch, wanted);
                assert!(session.fetches.len() <= 8, "a session has at most eight FETCH requests");
            }
            Output::CancelFetch { fetch } => {
                let open = self.sessions.values_mut().any(|s| s.fetches.remove(fetch).is_some());
                assert!(open, "a FETCH is cancelled once, while it is open");
            }
            Output::AcceptFetch { session, moq_request, last } => {
                assert!(self.may_be_fed(*session), "no objects are sent on a silent path");
                let responses = &mut self.session_mut(*session).fetch_responses;
                let response = responses.get_mut(moq_request).expect("an open request");
                assert!(!response.accepted, "a FETCH is accepted once");
                response.accepted = true;
                assert!(last.is_none_or(|last| last >= response.first && last <= response.last));
            }
            Output::FetchObject { session, moq_request, object } => {
                assert!(self.may_be_fed(*session), "no objects are sent on a silent path");
                let responses = &mut self.session_mut(*session).fetch_responses;
                let response = responses.get_mut(moq_request).expect("an open request");
                let rises = response.last_sent.is_none_or(|last| last < object.number);
                assert!(response.accepted && rises);
                assert!((response.first..=response.last).contains(&object.location));
                response.last_sent = Some(object.number);
                let name = response.name.clone();
                let frames = &self.application_frames[&name];
                let index = usize::try_from(object.number.sequence).expect("small");
                assert_eq!(frames[index], object.frame, "the retransmitted frame is unaltered");
            }
            Output::EndFetch { session, moq_request }
            | Output::RefuseFetch { session, moq_request } => {
                let responses = &mut self.session_mut(*session).fetch_responses;
                let response = responses.remove(moq_request).expect("an open request");
                let ended = matches!(output, Output::EndFetch { .. });
                assert_eq!(response.accepted, ended, "an accepted FETCH ends, another is refused");
            }
            Output::CloseTrack { track } => {
                let open = self.closed_tracks.insert(*track);
                assert!(open || !self.subscribed.contains_key(track), "{track} is closed once");
            }
            Output::QueryDirectory { query } => self.note_relay_query(*query),
            Output::RememberDirectory { relays } => self.note_remembered(relays),
            Output::QueryCredential { query, relay } => self.note_credential_query(*query, relay),
            Output::CheckHost => panic!("only a pre-call test checks the host: {output:?}"),
            Output::Event(event) => self.note_event(event, input),
        }
    }

    pub(super) fn sent(&mut self, publication: PublicationId, name: String, location: Location) {
        let offered = self.sessions.values().find_map(|s| s.publications.get(&publication));
        assert_eq!(offered, Some(&name), "an object is sent on its own track");
        let last = self.last_sent.insert(name, location);
        assert!(last.is_none_or(|last| last < location), "locations rise over all sessions");
    }

    pub(super) fn note_event(&mut self, event: &Event, input: &Input) {
        match event {
            Event::StateChanged { from, to } => {
                assert_eq!(*from, self.state, "a change begins at the current state");
                assert!(may_follow(*from, *to), "{from} cannot become {to}");
                self.state = *to;
                if !matches!(*to, StateName::Suspect | StateName::Recovering) {
                    self.providers.waiting.clear();
                }
                if *to == StateName::Connecting && *from == StateName::Idle {
                    self.note_attempts_begin();
                }
                if *to == StateName::Joining {
                    self.note_session_taken();
                }
                if *to == StateName::Live {
                    if *from == StateName::Joining {
                        self.note_session_accepted();
                    }
                    self.note_live();
                }
            }
            Event::IncidentStarted { incident, cause } => {
                assert!(self.incident.is_none(), "at most one incident at a time");
                // A planned change that was under way becomes this recovery, with its attempts.
                if self.handover.replacing.take().is_none() {
                    self.note_attempts_begin();
                }
                self.mint(incident.0);
                let planned = [CauseKind::Requested, CauseKind::CredentialRenewed];
                assert!(!planned.contains(&cause.kind), "a planned change is no incident");
                self.earn_budgets();
                self.incident = Some(Incident { id: *incident, since: self.now, attempts: 0 });
                self.last_attempt = None;
            }
            Event::AttemptStarted { incident, attempt, of, session, relay } => {
                self.check_pace(relay, input);
                self.note_attempt(*session, relay);
                let open = self.incident.as_ref().map(|incident| incident.id);
                assert_eq!(*incident, open, "an attempt belongs to the open incident");
                assert_eq!(*of, self.config.policy.attempts);
                assert!((1..=*of).contains(attempt), "attempt {attempt} of {of}");
                let planned = self.handover.replacing.is_some();
                let budget = if planned { &mut self.planned_budget } else { &mut self.budget };
                let most = budget.used + 1;
                let least = most.saturating_sub(budget.earned).max(1);
                assert!(
                    (least..=most).contains(attempt),
                    "only uptime earns attempts back: attempt {attempt}, not {least} to {most}"
                );
                (budget.used, budget.earned) = (*attempt, 0);
                self.last_attempt = Some(self.now);
                if let Some(replacing) = &mut self.handover.replacing {
                    replacing.attempts += 1;
                }
                if let Some(incident) = &mut self.incident {
                    incident.attempts += 1;
                }
            }
            Event::TrackFinished { track } => {
                self.over_tracks.insert(*track);
            }
            Event::AttemptSucceeded { session, .. } => self.note_succeeded(*session),
            Event::SessionReplacing { cause } => self.note_replacing(*cause, input),
            Event::SessionReplaced { duration, .. } => self.note_replaced(*duration),
            Event::SessionKept { .. } => self.note_kept(),
            Event::AttemptFailed { session, .. } => {
                self.providers.waiting.remove(session);
            }
            Event::Recovered { incident, duration, .. } => {
                let open = self.incident.take().expect("a recovery ends an open incident");
                assert_eq!((*incident, *duration), (open.id, self.now.since(open.since)));
            }
            Event::TrackReady { track, .. } | Event::TrackInterrupted { track } => {
                assert!(self.subscribed.contains_key(track));
                assert!(
                    !self.sessions.is_empty(),
                    "a track is ready or interrupted only with a session"
                );
            }
            Event::Ended { summary } => {
                self.ended = true;
                let open_incident = self.incident.take();
                self.handover.replacing = None;
                let completed = matches!(summary.outcome, Outcome::Completed | Outcome::Idle);
                let state = if completed { StateName::Closed } else { StateName::Failed };
                assert_eq!((self.state, summary.stats.state), (state, state));
                if let Outcome::Failed(error) = &summary.outcome {
                    if open_incident.is_some() {
                        self.check_refused(error.code, input);
                    }
                    let in_time = error.after <= self.config.policy.window || !self.exact;
                    let exhausted = error.code == ErrorCode::RecoveryExhausted;
                    assert!(!exhausted || in_time, "no recovery outlasts the window: {error:?}");
                }
                assert!(input != &Input::Close || summary.outcome == Outcome::Completed);
            }
            _ => {}
        }
    }

    /// R6, R8: no pause is shorter than the policy's first one, except where the policy allows it.
    pub(super) fn check_pace(&mut self, relay: &String, input: &Input) {
        let answered_elsewhere = self.may_dial_home(relay, input);
        let policy = &self.config.policy;
        let shortest = policy.initial * u32::from(100 - policy.jitter_percent) / 100;
        let pauses_are_waived = std::mem::take(&mut self.pauses_are_waived);
        let planned = self.handover.replacing.as_ref();
        let begun = planned.filter(|planned| planned.attempts == 0).map(|planned| planned.since);
        let incident = self.incident.as_ref().filter(|i| i.attempts == 0).map(|i| i.since);
        let begun = begun.or(incident);
        let budget = if planned.is_some() { &self.planned_budget } else { &self.budget };
        // A session that was up for as long as a pause stands for one.
        let earned = budget.used <= budget.earned
            && begun.is_some_and(|begun| begun.since(self.live_since) >= shortest);
        let whole = budget.used == 0 || earned;
        let at_once = policy.immediate_first && whole && begun.is_some();
        let set_up = begun.is_none() && self.incident.is_none() && self.last_attempt.is_none();
        if pauses_are_waived || at_once || set_up || answered_elsewhere {
            return;
        }
        if let Some(last) = self.last_attempt.or(begun) {
            let paused = self.now.since(last);
            assert!(paused >= shortest, "an attempt after {paused:?}, not {shortest:?}");
        }
    }

    /// R1: a call is live only when the relay has accepted its namespace and its namespace
    /// subscriptions.
    pub(super) fn note_live(&mut self) {
        let agreed = self.sessions.values().any(|session| self.is_agreed(session));
        // A session that was live before needs no new agreement.
        assert!(agreed || self.was_live, "the relay has accepted the requests of a live session");
        if !self.was_live {
            // The attempts of the setup do not count for a recovery.
            self.budget.used = 0;
        }
        self.was_live = true;
        self.live_since = self.now;
    }
    /// Whether the relay has accepted our namespace, and our subscriptions to the namespaces of all
    /// participants.
    pub(super) fn is_agreed(&self, session: &Session) -> bool {
        let others: BTreeSet<&String> =
            self.subscribed.values().map(|(participant, _)| participant).collect();
        let announced = match session.namespace {
            Some((_, accepted)) => accepted,
            None => session.publications.is_empty(),
        };
        let followed = others.iter().all(|other| {
            session
                .namespace_subscriptions
                .values()
                .any(|followed| followed.participant == **other && followed.accepted)
        });
        announced && followed
    }
}
