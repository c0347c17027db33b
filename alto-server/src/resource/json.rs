//! Serialization of answers straight to bytes.

use serde::Serialize;

/// Serializes an answer.
pub(super) fn to_bytes<T: Serialize>(message: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    append(&mut out, message);
    out
}

/// Appends the JSON of a value, which cannot fail because writing to a vector does not.
pub(super) fn append<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("ALTO messages have string keys and finite numbers");
}
