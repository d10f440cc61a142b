//! What each object says of itself, in its extension headers.

use holdline_core::FrameNumber;
use moq_transport::coding::Value;
use moq_transport::data::ExtensionHeaders;

/// An even key carries an integer (draft-ietf-moq-transport-18, section 1.4.3). Relays forward
/// headers that they do not know.
const CAPTURED_AT: u64 = 0x20;
const SEQUENCE: u64 = 0x22;
const INCARNATION: u64 = 0x24;
const KEYFRAME: u64 = 0x26;
const END: u64 = 0x28;

/// What does not fit in a QUIC integer (RFC 9000, section 16) cannot be sent. In microseconds that is
/// after 146,000 years.
const LIMIT: u64 = 1 << 62;

/// The headers of a frame that was captured then, in microseconds of the publisher's clock.
pub(crate) fn of_frame(number: FrameNumber, captured_at: u64, keyframe: bool) -> ExtensionHeaders {
    let mut headers = of_number(number);
    set(&mut headers, CAPTURED_AT, captured_at);
    if keyframe {
        set(&mut headers, KEYFRAME, 1);
    }
    headers
}

/// The headers of the mark after the last frame. (MoQ's own, object status 0x4, has no headers that
/// could say how many frames there were.)
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

/// Which frame it is; `None` if the publisher does not say, and so is not one of ours.
pub(crate) fn number(headers: &ExtensionHeaders) -> Option<FrameNumber> {
    Some(FrameNumber::new(get(headers, INCARNATION)?, get(headers, SEQUENCE)?))
}

/// 0 if the publisher gave none.
pub(crate) fn captured_at(headers: &ExtensionHeaders) -> u64 {
    get(headers, CAPTURED_AT).unwrap_or(0)
}

/// Whether it is the mark after the last frame.
pub(crate) fn is_end(headers: &ExtensionHeaders) -> bool {
    get(headers, END) == Some(1)
}

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
    fn what_is_said_of_an_object_is_what_is_read() {
        let headers = of_frame(FrameNumber::new(1_800_000_000_000, 7), 20_000, true);
        assert_eq!(number(&headers), Some(FrameNumber::new(1_800_000_000_000, 7)));
        assert_eq!((captured_at(&headers), keyframe(&headers)), (20_000, true));
        assert!(!is_end(&headers) && !keyframe(&of_frame(FrameNumber::new(1, 1), 0, false)));
        let end = of_end(FrameNumber::new(1, 9));
        assert_eq!((number(&end), is_end(&end)), (Some(FrameNumber::new(1, 9)), true));
    }

    #[test]
    fn an_object_without_a_number_is_not_one_of_ours() {
        assert_eq!(number(&ExtensionHeaders::new()), None);
        assert_eq!(number(&of_number(FrameNumber::new(LIMIT, 1))), None);
        let mut odd = ExtensionHeaders::new();
        odd.set_bytesvalue(SEQUENCE + 1, vec![1]);
        assert_eq!((number(&odd), captured_at(&odd)), (None, 0));
    }
}
