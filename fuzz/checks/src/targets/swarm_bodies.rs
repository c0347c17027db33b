//! Checks that any body for the registry of peers is rejected, or round-trips through JSON.

use std::fmt::Debug;

use alto_types::swarm::{Announcement, Credentials, Registration};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn round_trip<T: Serialize + DeserializeOwned + Debug>(bytes: &[u8]) -> Option<T> {
    let message: T = serde_json::from_slice(bytes).ok()?;
    let written = serde_json::to_vec(&message).expect("messages are plain data");
    let read: T = serde_json::from_slice(&written).expect("written messages can be read");
    assert_eq!(serde_json::to_vec(&read).expect("messages are plain data"), written);
    Some(message)
}

/// Checks one input.
pub fn check(bytes: &[u8]) {
    if let Some(message) = round_trip::<Registration>(bytes) {
        crate::fault(|| message.renew.is_some() && message.files.iter().any(|file| file.complete));
    }
    round_trip::<Announcement>(bytes);
    round_trip::<Credentials>(bytes);
}
