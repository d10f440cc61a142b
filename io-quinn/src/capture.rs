//! The capture timestamp in an object's extension headers.

use moq_transport::coding::Value;
use moq_transport::data::ExtensionHeaders;

/// An even key carries an integer (draft-ietf-moq-transport-18, section 1.4.3). Relays forward
/// headers that they do not know.
const CAPTURED_AT: u64 = 0x20;

/// Microseconds of the publisher's clock. What does not fit in a QUIC integer (2^62 - 1,
/// or 142,000 years) is not sent.
pub(crate) fn set(headers: &mut ExtensionHeaders, captured_at: u64) {
    if captured_at < 1 << 62 {
        headers.set_intvalue(CAPTURED_AT, captured_at);
    }
}

/// 0 if the publisher gave none.
pub(crate) fn get(headers: &ExtensionHeaders) -> u64 {
    match headers.get(CAPTURED_AT).map(|header| &header.value) {
        Some(Value::IntValue(captured_at)) => *captured_at,
        Some(Value::BytesValue(_)) | None => 0,
    }
}
