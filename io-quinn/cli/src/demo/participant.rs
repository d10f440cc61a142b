//! A participant of the demonstration: sends, receives, and records what it observes.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use holdline_dev_relay::Forwarder;
use holdline_quinn::stats::Outcome;
use holdline_quinn::{
    Call, CallConfig, Event, Events, PublishedTrack, ReceivedFrame, SubscribedTrack, Track, Trust,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::demo::timeline::Timeline;
use crate::pcm::Speech;
use crate::{publish, wording};

/// A frame that was sent, and when.
pub(crate) struct Sent {
    pub(crate) at: Instant,
    pub(crate) captured_at: u64,
    pub(crate) payload: bytes::Bytes,
}

/// A frame that was received, and when.
pub(crate) struct Received {
    pub(crate) at: Instant,
    pub(crate) frame: ReceivedFrame,
}

/// An incident as its events reported it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObservedIncident {
    pub(crate) detected: Instant,
    pub(crate) attempts: Option<u32>,
}

pub(crate) struct Participant {
    name: &'static str,
    call: Call,
    sending: JoinHandle<Vec<Sent>>,
    /// From the lossless track, and from the live one.
    receiving: [JoinHandle<Vec<Received>>; 2],
    observing: JoinHandle<Vec<ObservedIncident>>,
}

/// Everything that a participant observed in the call.
pub(crate) struct Observations {
    pub(crate) name: &'static str,
    /// The frames that it sent, on both tracks alike.
    pub(crate) sent: Vec<Sent>,
    /// The frames of the lossless track, and those of the live one.
    pub(crate) received: [Vec<Received>; 2],
    pub(crate) incidents: Vec<ObservedIncident>,
    pub(crate) outcome: Outcome,
}

impl Observations {
    /// When the frame with that capture timestamp was sent.
    pub(crate) fn sent_at(&self, captured_at: u64) -> Option<Instant> {
        let index = self.sent.binary_search_by_key(&captured_at, |sent| sent.captured_at);
        index.ok().map(|index| self.sent[index].at)
    }
}

impl Participant {
    /// Joins the call at once. The future completes when the first frame of the peer has arrived.
    pub(crate) fn join(
        (name, peer): (&'static str, &str),
        speech: Speech,
        seed: u64,
        network: &Forwarder,
        trust: &Trust,
        timeline: &Timeline,
    ) -> anyhow::Result<impl Future<Output = anyhow::Result<Self>> + use<>> {
        let relay = format!("moqt://{}", network.address());
        let config = CallConfig::new(relay, "demo", name).trust(trust.clone()).seed(seed);
        let call = Call::connect(config)?;
        let wanted = [Track::audio(publish::TRACK).lossless(), Track::audio(publish::LIVE_TRACK)];
        let tracks = wanted.iter().map(|track| call.publish(track.clone()));
        let tracks = tracks.collect::<Result<Vec<_>, _>>()?;
        let [lossless, live] = wanted.map(|track| call.subscribe(peer, track));
        let (here, peer_is_here) = oneshot::channel();
        let (first, first_received) = oneshot::channel();
        let participant = Self {
            name,
            sending: tokio::spawn(send(tracks, speech, peer_is_here)),
            receiving: [
                tokio::spawn(receive(lossless?, Some(first))),
                tokio::spawn(receive(live?, None)),
            ],
            observing: tokio::spawn(observe(name, call.events(), timeline.clone(), here)),
            call,
        };
        Ok(async move {
            first_received
                .await
                .map_err(|_| anyhow::anyhow!("{name} never heard the other side"))?;
            Ok(participant)
        })
    }

    /// Waits until both participants have finished their tracks, or the call has ended.
    pub(crate) async fn wait_until_done(&mut self) {
        let conversation = async {
            let receiving = |this: &Self| this.receiving.iter().any(|task| !task.is_finished());
            while !self.sending.is_finished() || receiving(self) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = conversation => {}
            _ = self.call.ended() => {}
        }
    }

    pub(crate) async fn leave(self) -> Observations {
        let outcome = self.call.close().await.outcome;
        let [lossless, live] = self.receiving;
        Observations {
            name: self.name,
            sent: self.sending.await.unwrap_or_default(),
            received: [lossless.await.unwrap_or_default(), live.await.unwrap_or_default()],
            incidents: self.observing.await.unwrap_or_default(),
            outcome,
        }
    }
}

async fn send(
    tracks: Vec<PublishedTrack>,
    speech: Speech,
    peer_is_here: oneshot::Receiver<()>,
) -> Vec<Sent> {
    if peer_is_here.await.is_err() {
        return Vec::new();
    }
    let sent = publish::send_at_real_speed(&tracks, &speech.frames).await.unwrap_or_default();
    sent.into_iter()
        .zip(speech.frames)
        .map(|((captured_at, at), payload)| Sent { at, captured_at, payload })
        .collect()
}

async fn receive(
    mut track: SubscribedTrack,
    mut first: Option<oneshot::Sender<()>>,
) -> Vec<Received> {
    let mut received = Vec::new();
    while let Some(frame) = track.next().await {
        received.push(Received { at: Instant::now(), frame });
        if let Some(first) = first.take() {
            let _ = first.send(());
        }
    }
    received
}

async fn observe(
    name: &'static str,
    mut events: Events,
    timeline: Timeline,
    here: oneshot::Sender<()>,
) -> Vec<ObservedIncident> {
    let mut here = Some(here);
    let mut incidents: Vec<ObservedIncident> = Vec::new();
    while let Some(event) = events.next().await {
        match &event {
            Event::ParticipantJoined { .. } => {
                here.take().map(|here| here.send(()));
            }
            Event::IncidentStarted { .. } => {
                incidents.push(ObservedIncident { detected: Instant::now(), attempts: None });
            }
            Event::Recovered { attempts, .. } => {
                if let Some(incident) = incidents.last_mut() {
                    incident.attempts = Some(*attempts);
                }
            }
            _ => {}
        }
        if let Some(sentence) = wording::of_event(&event) {
            timeline.log(name, &sentence);
        }
    }
    incidents
}
