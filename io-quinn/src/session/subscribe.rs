//! The subscriber's side of a session: namespaces of participants, and tracks.

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use holdline_core::Input;
use holdline_core::id::{NamespaceSubscriptionId, SubscriptionId};
use holdline_core::media::{Frame, Location, Object};
use moq_transport::coding::{KeyValuePairs, TrackNamespace, TrackNamespacePrefix};
use moq_transport::data::ObjectStatus;
use moq_transport::serve::{ServeError, SubgroupReader, Track, TrackReader, TrackReaderMode};
use moq_transport::session::{NamespaceEvent, Subscriber};
use tokio::sync::mpsc;

use crate::session::extension_headers;

/// Subscribes to a participant's namespaces (SUBSCRIBE_NAMESPACE) and reports their epochs until
/// the relay ends the subscription.
pub(crate) async fn subscribe_namespace(
    mut subscriber: Subscriber,
    prefix: TrackNamespacePrefix,
    namespace_subscription: NamespaceSubscriptionId,
    inputs: mpsc::Sender<Input>,
) {
    let fields = prefix.fields.len();
    let request = subscriber.subscribe_namespace(prefix, KeyValuePairs::default()).await;
    if let Ok(namespaces) = request
        && namespaces.ok().await.is_ok()
        && inputs
            .send(Input::NamespaceSubscriptionAccepted { namespace_subscription })
            .await
            .is_ok()
    {
        while let Ok(Some(event)) = namespaces.next().await {
            let input = match event {
                NamespaceEvent::Added(namespace) => epoch(&namespace, fields)
                    .map(|epoch| Input::NamespaceAdded { namespace_subscription, epoch }),
                NamespaceEvent::Removed(namespace) => epoch(&namespace, fields)
                    .map(|epoch| Input::NamespaceRemoved { namespace_subscription, epoch }),
            };
            if let Some(input) = input
                && inputs.send(input).await.is_err()
            {
                return;
            }
        }
    }
    let _ = inputs.send(Input::NamespaceSubscriptionEnded { namespace_subscription }).await;
}

/// The epoch in the last field of a namespace; `None` if it is not a namespace of Holdline.
fn epoch(namespace: &TrackNamespace, prefix_fields: usize) -> Option<u64> {
    let last = namespace.fields.get(prefix_fields)?;
    let ours = namespace.fields.len() == prefix_fields + 1;
    std::str::from_utf8(&last.value).ok()?.parse().ok().filter(|_| ours)
}

/// Subscribes to a track and reports its objects until the subscription ends.
pub(crate) async fn subscribe(
    mut subscriber: Subscriber,
    namespace: TrackNamespace,
    name: String,
    subscription: SubscriptionId,
    inputs: mpsc::Sender<Input>,
) {
    let (writer, reader) = Track::new(namespace, name).produce();
    if let Ok(request) = subscriber.subscribe_start(writer).await {
        let refused = async {
            match request.ok().await {
                Ok(()) => {
                    let _ = inputs.send(Input::SubscriptionAccepted { subscription }).await;
                    futures::future::pending().await
                }
                Err(error) => error,
            }
        };
        // The first object may arrive before SUBSCRIBE_OK, so neither waits for the other.
        let ended = tokio::select! {
            error = refused => Err(error),
            ended = read_track(reader, subscription, &inputs) => ended,
        };
        if let Err(error) = ended {
            tracing::debug!(%subscription, %error, "a subscription ended");
        }
    }
    let _ = inputs.send(Input::SubscriptionEnded { subscription }).await;
}

async fn read_track(
    track: TrackReader,
    subscription: SubscriptionId,
    inputs: &mpsc::Sender<Input>,
) -> Result<(), ServeError> {
    let TrackReaderMode::Subgroups(mut groups) = track.mode().await? else {
        // Datagrams can lose objects even on a network that loses none, and no publisher sends
        // whole tracks as one stream.
        return Err(ServeError::Mode);
    };
    let mut reading = FuturesUnordered::new();
    let ended = loop {
        tokio::select! {
            group = groups.next() => match group {
                Ok(Some(group)) => reading.push(read_group(group, subscription, inputs)),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            },
            Some(_) = reading.next() => {}
        }
    };
    while reading.next().await.is_some() {}
    ended
}

async fn read_group(
    mut group: SubgroupReader,
    subscription: SubscriptionId,
    inputs: &mpsc::Sender<Input>,
) -> Result<(), ServeError> {
    while let Some(mut object) = group.next().await? {
        if object.status != ObjectStatus::NormalObject {
            // A Holdline publisher has sent an end mark before it, which says more.
            continue;
        }
        let Some(number) = extension_headers::number(&object.extension_headers) else {
            tracing::debug!(%subscription, "an object without a number, not from Holdline");
            continue;
        };
        let input = if extension_headers::is_end(&object.extension_headers) {
            Input::EndOfTrack { subscription, number }
        } else {
            let frame = Frame {
                captured_at: extension_headers::captured_at(&object.extension_headers),
                keyframe: extension_headers::keyframe(&object.extension_headers),
                payload: object.read_all().await?,
            };
            let location = Location::new(group.group_id, object.object_id);
            Input::Object { subscription, object: Object { location, number, frame } }
        };
        if inputs.send(input).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_holdline_namespace_has_an_epoch() {
        let epoch_of = |path: &str| epoch(&TrackNamespace::from_utf8_path(path), 2);
        assert_eq!(epoch_of("room/alice/1800000000000"), Some(1_800_000_000_000));
        assert_eq!(epoch_of("room/alice"), None);
        assert_eq!(epoch_of("room/alice/7/audio"), None);
        assert_eq!(epoch_of("room/alice/seven"), None);
        assert_eq!(epoch_of("room/alice/-1"), None);
    }
}
