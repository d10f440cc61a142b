//! The publisher's side of a session: namespaces, their tracks, and the subscriptions to them.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use holdline_core::Input;
use holdline_core::id::SessionId;
use holdline_core::media::{FrameNumber, Location, Object};
use moq_transport::coding::TrackNamespace;
use moq_transport::data::{ExtensionHeaders, ObjectStatus};
use moq_transport::serve::{ServeError, Subgroup, SubgroupWriter, SubgroupsWriter, TrackReader};
use moq_transport::session::{PublishNamespace, Publisher, Subscribed};
use tokio::sync::{mpsc, watch};

use crate::session::extension_headers;

/// The priority of subgroups. moq-transport 0.17 passes it to QUIC unchanged, where requests and
/// FETCH have 0 and a greater number is sent first. With a greater number, media that waits for a
/// narrow path would hold up every request, and missing frames could not be fetched.
pub(crate) const PRIORITY: u8 = 0;
/// The priority of tracks that are sent before everything else, even before requests.
const EXPEDITED: u8 = 1;

/// A published track on one session.
pub(crate) struct Publication {
    groups: SubgroupsWriter,
    current: Option<SubgroupWriter>,
    priority: u8,
}

impl Publication {
    pub(crate) fn new(groups: SubgroupsWriter, expedited: bool) -> Self {
        let priority = if expedited { EXPEDITED } else { PRIORITY };
        Self { groups, current: None, priority }
    }

    pub(crate) fn send(&mut self, object: Object) -> Result<(), ServeError> {
        let Object { location, number, frame } = object;
        let headers = extension_headers::of_frame(number, frame.captured_at, frame.keyframe);
        self.write(location, ObjectStatus::NormalObject, frame.payload, headers)
    }

    pub(crate) fn send_end_of_track(
        &mut self,
        location: Location,
        number: FrameNumber,
    ) -> Result<(), ServeError> {
        let mark = extension_headers::of_end(number);
        self.write(location, ObjectStatus::NormalObject, Bytes::new(), mark)?;
        let after = Location::new(location.group, location.object + 1);
        self.write(after, ObjectStatus::EndOfTrack, Bytes::new(), ExtensionHeaders::new())
    }

    fn write(
        &mut self,
        location: Location,
        status: ObjectStatus,
        payload: Bytes,
        headers: ExtensionHeaders,
    ) -> Result<(), ServeError> {
        let group = match self.current.take() {
            Some(current) if current.group_id == location.group => current,
            // Dropping the previous subgroup ends its stream.
            Some(_) | None => self.groups.create(Subgroup {
                group_id: location.group,
                subgroup_id: 0,
                priority: self.priority,
            })?,
        };
        let group = self.current.insert(group);
        let mut object = group.create_with_id_and_status(
            location.object,
            payload.len(),
            status,
            Some(headers),
        )?;
        object.write(payload)
    }
}

/// The tracks of a session by name, which subscribers are served from.
pub(crate) type ServedTracks = Arc<Vec<(String, TrackReader)>>;

/// Publishes a namespace and serves its tracks until the relay refuses or cancels it.
pub(crate) async fn serve_namespace(
    mut publisher: Publisher,
    namespace: TrackNamespace,
    tracks: watch::Receiver<ServedTracks>,
    (session, epoch): (SessionId, u64),
    inputs: mpsc::Sender<Input>,
) {
    let accepted = async {
        let published = publisher.publish_namespace_start(namespace).await.ok()?;
        published.ok().await.ok()?;
        Some(published)
    };
    if let Some(published) = accepted.await {
        if inputs.send(Input::NamespaceAccepted { session, epoch }).await.is_err() {
            return;
        }
        serve_subscribers(&published, &tracks).await;
    }
    let _ = inputs.send(Input::NamespaceRefused { session, epoch }).await;
}

async fn serve_subscribers(namespace: &PublishNamespace, tracks: &watch::Receiver<ServedTracks>) {
    let mut served = FuturesUnordered::new();
    loop {
        tokio::select! {
            subscriber = namespace.subscribed() => match subscriber {
                Ok(Some(subscriber)) => served.push(serve_subscriber(subscriber, tracks)),
                Ok(None) | Err(_) => return,
            },
            Some(()) = served.next() => {}
        }
    }
}

async fn serve_subscriber(subscriber: Subscribed, tracks: &watch::Receiver<ServedTracks>) {
    let wanted = subscriber.info.track_name.as_bytes().to_vec();
    let track = tracks
        .borrow()
        .iter()
        .find(|(name, _)| name.as_bytes() == wanted)
        .map(|(_, track)| track.clone());
    let outcome = match track {
        Some(track) => subscriber.serve(track).await.map_err(|error| error.to_string()),
        None => subscriber.close(ServeError::NotFound).map_err(|error| error.to_string()),
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a subscriber left");
    }
}
