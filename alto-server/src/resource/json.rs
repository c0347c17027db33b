//! Serialization of answers straight to bytes, and of what versions in a history share with them.

use alto_history::{Key, Vtag};
use alto_types::VersionTag;
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

/// Converts a version tag for a history.
pub(super) fn version(vtag: &VersionTag) -> Vtag {
    Vtag { resource_id: Key::new(vtag.resource_id.as_str()), tag: Key::new(vtag.tag.as_str()) }
}
