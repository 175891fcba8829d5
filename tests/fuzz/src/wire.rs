//! Messages of the wire.

use samar_protocol::codec;
use samar_protocol::limits::{
    BATCH_ELEMENTS_MAX, ELEMENT_BYTES, FETCH_BYTES_MAX, PREAMBLE_BYTES, TEXT_BYTES_MAX,
};
use samar_protocol::wire::{Preamble, Refusal, Request, RequestKind, Response};

/// A request that is read is written back as the same bytes, and announces a bounded bulk.
pub fn request(data: &[u8]) {
    let Some((kind, head, control)) = message(data) else { return };
    let Ok(request) = Request::decode(kind, control) else { return };
    assert_eq!(request.kind() as u8, kind);
    assert_eq!(request.encode().unwrap(), head);
    assert!(request.bulk_bytes() <= BATCH_ELEMENTS_MAX * ELEMENT_BYTES);
}

/// The same of a response, to whatever was asked: the first byte says what that was.
pub fn response(data: &[u8]) {
    let Some((asked, data)) = data.split_first() else { return };
    let asked = ASKED[usize::from(*asked) % ASKED.len()];
    let Some((kind, head, control)) = message(data) else { return };
    let Ok(response) = Response::decode(asked, kind, control) else { return };
    assert_eq!(response.encode().unwrap(), head);
    assert!(response.bulk_bytes() <= FETCH_BYTES_MAX as usize);
    assert!(kind == 0xff || kind == 0x80 | asked as u8, "an answer to another request was taken");
}

/// A refusal that is read can be shown on a terminal, and is written back as the same bytes.
pub fn refusal(data: &[u8]) {
    let Ok(refusal) = codec::decode::<Refusal>(data) else { return };
    assert_eq!(codec::encode(&refusal).unwrap(), data);
    assert!(refusal.text.len() <= TEXT_BYTES_MAX && !refusal.text.contains(|c: char| c.is_control()));
    assert!(refusal.code().is_none_or(|code| code as u16 == refusal.code));
}

/// Every kind of request.
pub(crate) const ASKED: [RequestKind; 8] = [
    RequestKind::Join,
    RequestKind::Manifest,
    RequestKind::Fetch,
    RequestKind::Evaluate,
    RequestKind::Allowance,
    RequestKind::Rekey,
    RequestKind::Hint,
    RequestKind::Lookup,
];

/// Kind, preamble with control structure, and control structure of a message whose preamble is in order.
fn message(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let preamble = Preamble::parse(*data.first_chunk::<PREAMBLE_BYTES>()?).ok()?;
    let head = data.get(..PREAMBLE_BYTES + preamble.control_bytes as usize)?;
    Some((preamble.kind, head, &head[PREAMBLE_BYTES..]))
}
