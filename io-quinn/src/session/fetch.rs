//! Sends FETCHes for a range of a track, and responds to those of subscribers
//! (draft-ietf-moq-transport-18, section 10.12).

use bytes::BytesMut;
use holdline_core::Input;
use holdline_core::id::{FetchId, SessionId};
use holdline_core::media::{FetchEnd, Frame, Location, Object};
use moq_transport::coding::{KeyValuePairs, Location as WireLocation, TrackNamespace};
use moq_transport::data::{FetchRecord, FetchRecordObject};
use moq_transport::message::{RequestErrorCode, StandaloneFetch, TrackExtensions};
use moq_transport::session::{
    Fetch, FetchOkInfo, FetchRequested, FetchWriter, Publisher, SessionError, Subscriber,
};
use tokio::sync::mpsc;

use crate::session::extension_headers;
use crate::session::publish::PRIORITY;

/// The longest frame that is accepted, in bytes, because the length is a claim of the peer.
const MAX_FRAME: u64 = 16 * 1024 * 1024;
/// The number of bytes of a frame that are read at once.
const CHUNK: usize = 64 * 1024;

/// A range of a track, both ends included.
pub(crate) struct FetchRange {
    pub(crate) namespace: TrackNamespace,
    pub(crate) name: String,
    pub(crate) first: Location,
    pub(crate) last: Location,
}

/// Sends a FETCH and reports the objects that arrive, then its end.
pub(crate) async fn fetch(
    mut subscriber: Subscriber,
    range: FetchRange,
    id: FetchId,
    inputs: mpsc::Sender<Input>,
) {
    let request = StandaloneFetch {
        track_namespace: range.namespace,
        track_name: range.name.as_str().into(),
        start_location: WireLocation::new(range.first.group, range.first.object),
        end_location: after(range.last),
    };
    let end = match subscriber.fetch(request, KeyValuePairs::default()).await {
        Ok(mut fetch) => {
            let read = read(&mut fetch, id, &inputs).await;
            let refused = fetch.rejection().map(|refusal| refusal.error_code);
            match read {
                Ok(()) => FetchEnd::Complete,
                Err(_) if refused == Some(RequestErrorCode::NotSupported as u64) => {
                    FetchEnd::Unsupported
                }
                Err(error) => {
                    tracing::debug!(fetch = %id, %error, ?refused, "a FETCH failed");
                    FetchEnd::Failed
                }
            }
        }
        Err(error) => {
            tracing::debug!(fetch = %id, %error, "a FETCH could not be sent");
            FetchEnd::Failed
        }
    };
    let _ = inputs.send(Input::FetchEnded { fetch: id, end }).await;
}

/// Reads the objects without waiting for FETCH_OK, because a relay may send it after the last
/// object.
async fn read(
    fetch: &mut Fetch,
    id: FetchId,
    inputs: &mpsc::Sender<Input>,
) -> Result<(), SessionError> {
    while let Some(record) = fetch.next().await? {
        let FetchRecord::Object(object) = record else { continue };
        if object.payload_length > MAX_FRAME {
            return Err(SessionError::WrongSize);
        }
        let mut payload = BytesMut::new();
        while let Some(chunk) = fetch.read_payload_chunk(CHUNK).await? {
            payload.extend_from_slice(&chunk);
        }
        let Some(number) = extension_headers::number(&object.extension_headers) else { continue };
        let object = Object {
            location: Location::new(object.group_id, object.object_id),
            number,
            frame: Frame {
                captured_at: extension_headers::captured_at(&object.extension_headers),
                keyframe: extension_headers::keyframe(&object.extension_headers),
                payload: payload.freeze(),
            },
        };
        if inputs.send(Input::FetchedObject { fetch: id, object }).await.is_err() {
            return Ok(());
        }
    }
    // Dropping the FETCH before FETCH_OK would cancel it.
    fetch.ok().await?;
    Ok(())
}

/// The end of a range on the wire: the object after the last one, or 0 for the whole group.
fn after(last: Location) -> WireLocation {
    WireLocation::new(last.group, if last.object == u64::MAX { 0 } else { last.object + 1 })
}

/// The last location of a range, from its end on the wire.
fn last_of(end: WireLocation) -> Location {
    Location::new(end.group_id, end.object_id.checked_sub(1).unwrap_or(u64::MAX))
}

/// Receives the FETCHes of subscribers and hands them on.
pub(crate) async fn receive_requests(
    mut publisher: Publisher,
    session: SessionId,
    fetches: mpsc::Sender<IncomingFetch>,
) {
    publisher.accept_fetch();
    while let Some(request) = publisher.fetch_requested().await {
        match request.resolve().await {
            Ok(Some(range)) => {
                let range = FetchRange {
                    first: Location::new(
                        range.start_location.group_id,
                        range.start_location.object_id,
                    ),
                    last: last_of(range.end_location),
                    name: String::from_utf8_lossy(range.track_name.as_bytes()).into_owned(),
                    namespace: range.track_namespace,
                };
                let fetch = IncomingFetch { session, range, request };
                if fetches.send(fetch).await.is_err() {
                    return;
                }
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "a FETCH cannot be parsed"),
        }
    }
}

/// A FETCH of a subscriber, which has no response yet.
pub(crate) struct IncomingFetch {
    pub(crate) session: SessionId,
    pub(crate) range: FetchRange,
    pub(crate) request: FetchRequested,
}

impl IncomingFetch {
    pub(crate) fn input(&self) -> Input {
        Input::FetchRequested {
            session: self.session,
            moq_request: self.request.id(),
            name: self.range.name.clone(),
            first: self.range.first,
            last: self.range.last,
        }
    }

    pub(crate) fn refuse(self) {
        let _ = self.request.reject(RequestErrorCode::DoesNotExist, "no such track");
    }
}

/// A part of the response to a FETCH.
pub(crate) enum ResponsePart {
    Object(Object),
    End,
}

/// Accepts a FETCH and sends the objects from `parts`. If `parts` is closed early, so is the
/// response.
pub(crate) async fn respond(
    fetch: IncomingFetch,
    last: Option<Location>,
    mut parts: mpsc::UnboundedReceiver<ResponsePart>,
    inputs: mpsc::Sender<Input>,
) {
    let (session, request) = (fetch.session, fetch.request.id());
    // The end of a response must not be before its start, even if it has no objects.
    let end_location = after(last.unwrap_or(fetch.range.first));
    let responded = async {
        let info = FetchOkInfo {
            end_of_track: false,
            end_location,
            params: KeyValuePairs::default(),
            track_extensions: TrackExtensions::default(),
        };
        let mut writer = fetch.request.respond(info).await?;
        loop {
            match parts.recv().await {
                Some(ResponsePart::Object(object)) => write(&mut writer, &object).await?,
                Some(ResponsePart::End) => return writer.finish().await,
                None => return Ok(()),
            }
        }
    };
    if let Err(error) = responded.await {
        tracing::debug!(%error, "the subscriber cancelled its FETCH");
        let _ = inputs.send(Input::FetchCancelled { session, moq_request: request }).await;
    }
}

async fn write(writer: &mut FetchWriter, object: &Object) -> Result<(), SessionError> {
    let frame = &object.frame;
    let record = FetchRecordObject {
        group_id: object.location.group,
        subgroup_id: Some(0),
        object_id: object.location.object,
        publisher_priority: PRIORITY,
        extension_headers: extension_headers::of_frame(
            object.number,
            frame.captured_at,
            frame.keyframe,
        ),
        payload_length: frame.payload.len() as u64,
    };
    writer.write_record(&FetchRecord::Object(record)).await?;
    writer.write_payload(&frame.payload).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_after_its_last_object_or_group() {
        for last in [Location::new(3, 4), Location::new(3, 0), Location::new(3, u64::MAX)] {
            assert_eq!(last_of(after(last)), last);
        }
        assert_eq!(after(Location::new(3, 4)), WireLocation::new(3, 5));
        assert_eq!(after(Location::new(3, u64::MAX)), WireLocation::new(3, 0));
    }
}
