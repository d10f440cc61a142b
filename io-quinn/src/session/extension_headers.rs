//! The extension headers that carry the number, the capture time and the flags of a frame.

use holdline_core::media::FrameNumber;
use moq_transport::coding::Value;
use moq_transport::data::ExtensionHeaders;

/// The keys of the headers. An even key carries an integer (draft-ietf-moq-transport-18, section
/// 1.4.3). Relays forward headers that they do not know.
const CAPTURED_AT: u64 = 0x20;
const SEQUENCE: u64 = 0x22;
const INCARNATION: u64 = 0x24;
const KEYFRAME: u64 = 0x26;
const END: u64 = 0x28;

/// The first value that does not fit in a QUIC integer (RFC 9000, section 16) and cannot be sent.
/// In microseconds it is 146,000 years.
const LIMIT: u64 = 1 << 62;

/// The headers of a frame. `captured_at` is in microseconds of the publisher's clock.
pub(crate) fn of_frame(number: FrameNumber, captured_at: u64, keyframe: bool) -> ExtensionHeaders {
    let mut headers = of_number(number);
    set(&mut headers, CAPTURED_AT, captured_at);
    if keyframe {
        set(&mut headers, KEYFRAME, 1);
    }
    headers
}

/// The headers of the end mark, an empty object after the last frame. It carries the number of
/// frames, which MoQ's own end of track (object status 0x4) cannot, because it has no headers.
pub(crate) fn of_end(number: FrameNumber) -> ExtensionHeaders {
    let mut headers = of_number(number);
    set(&mut headers, END, 1);
    headers
}

fn of_number(number: FrameNumber) -> ExtensionHeaders {
    let mut headers = ExtensionHeaders::new();
    set(&mut headers, SEQUENCE, number.sequence);
    set(&mut headers, INCARNATION, number.incarnation);
    headers
}

fn set(headers: &mut ExtensionHeaders, key: u64, value: u64) {
    if value < LIMIT {
        headers.set_intvalue(key, value);
    }
}

/// The number of a frame; `None` if its publisher is not Holdline.
pub(crate) fn number(headers: &ExtensionHeaders) -> Option<FrameNumber> {
    Some(FrameNumber::new(get(headers, INCARNATION)?, get(headers, SEQUENCE)?))
}

/// The capture time of a frame in microseconds; 0 if its publisher sent none.
pub(crate) fn captured_at(headers: &ExtensionHeaders) -> u64 {
    get(headers, CAPTURED_AT).unwrap_or(0)
}

/// Whether an object is the end mark after the last frame.
pub(crate) fn is_end(headers: &ExtensionHeaders) -> bool {
    get(headers, END) == Some(1)
}

/// Whether a frame can be decoded without the frames before it.
pub(crate) fn keyframe(headers: &ExtensionHeaders) -> bool {
    get(headers, KEYFRAME) == Some(1)
}

fn get(headers: &ExtensionHeaders, key: u64) -> Option<u64> {
    match headers.get(key).map(|header| &header.value) {
        Some(Value::IntValue(value)) => Some(*value),
        Some(Value::BytesValue(_)) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_that_are_written_are_read_back() {
        let headers = of_frame(FrameNumber::new(1_800_000_000_000, 7), 20_000, true);
        assert_eq!(number(&headers), Some(FrameNumber::new(1_800_000_000_000, 7)));
        assert_eq!((captured_at(&headers), keyframe(&headers)), (20_000, true));
        assert!(!is_end(&headers) && !keyframe(&of_frame(FrameNumber::new(1, 1), 0, false)));
        let end = of_end(FrameNumber::new(1, 9));
        assert_eq!((number(&end), is_end(&end)), (Some(FrameNumber::new(1, 9)), true));
    }

    #[test]
    fn an_object_without_a_valid_number_has_none() {
        assert_eq!(number(&ExtensionHeaders::new()), None);
        assert_eq!(number(&of_number(FrameNumber::new(LIMIT, 1))), None);
        let mut odd = ExtensionHeaders::new();
        odd.set_bytesvalue(SEQUENCE + 1, vec![1]);
        assert_eq!((number(&odd), captured_at(&odd)), (None, 0));
    }
}
