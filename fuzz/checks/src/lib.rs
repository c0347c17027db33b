//! What fuzzing checks of an input, for the fuzzer and for tests that replay its corpora.
//!
//! [`targets`] has one check for each parser of what others send or give. The parsers that are private to their programs are
//! included by path, so that the programs themselves and all that they serve with need not be built with instrumentation.

#![allow(dead_code, reason = "a check uses a part of each file")]
#![allow(missing_docs, reason = "the files document themselves where they belong")]
#![allow(unreachable_pub, reason = "they are public where they belong")]
#![allow(clippy::missing_panics_doc, reason = "a panic is how a check reports a fault")]

use std::time::SystemTime;

use ::http::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, IF_RANGE, RANGE};
use alto_types::MediaType;

#[path = "../../../alto-feed/src/bgp/mod.rs"]
pub mod bgp;
#[path = "../../../alto-feed/src/excerpt.rs"]
pub mod excerpt;
#[path = "../../../alto-feed/src/import/mod.rs"]
pub mod import;
#[path = "../../../alto-feed/src/input.rs"]
pub mod input;
#[path = "../../../alto-feed/src/link_state/mod.rs"]
pub mod link_state;
#[path = "../../../alto-feed/src/pids/mod.rs"]
pub mod pids;
#[path = "../../../alto-server/src/regular_file.rs"]
mod regular_file;
#[path = "../../../alto-feed/src/topology_file/mod.rs"]
pub mod topology_file;

mod content;
mod http;
pub mod live;
pub mod mutation;
pub mod prefixes;
mod serving;
pub mod targets;

pub use content::manifest::Manifest;
use import::Imported;
use input::{InputError, Text};
use topo::Topology;

/// Fails if a fault is planted (feature `planted`) and the input reaches it: proof that a target gets this deep.
pub fn fault(is_reached: impl FnOnce() -> bool) {
    assert!(!(cfg!(feature = "planted") && is_reached()), "the planted fault was reached");
}

/// Checks that a request body is decoded, or rejected with an ALTO error that round-trips through JSON.
pub fn decode<R: alto_types::Request>(bytes: &[u8]) -> Option<R> {
    match alto_types::decode_request::<R>(bytes) {
        Ok(request) => Some(request),
        Err(error) => {
            let written = serde_json::to_vec(&error.into_message()).expect("errors are plain data");
            serde_json::from_slice::<alto_types::ErrorMessage>(&written).expect("errors can be read again");
            None
        }
    }
}

/// Gives a text to an importer, and what results to the check of topologies: both accept it or give a reason.
pub fn import(bytes: &[u8], import: impl FnOnce(&Text) -> Result<Imported, InputError>) -> Option<Imported> {
    let imported = import(&Text::new("fuzz", String::from_utf8_lossy(bytes))).ok()?;
    let _accepted_or_not = Topology::from_json(imported.topology.to_json().as_bytes(), "fuzz");
    Some(imported)
}

/// Header fields of one name, one for each line that is legal in HTTP.
fn fields(name: &HeaderName, bytes: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(100) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name.clone(), value);
        }
    }
    headers
}

/// Tells whether the `Accept` fields in these lines accept a cost map, and any type at all.
pub fn accepts(bytes: &[u8]) -> (bool, bool) {
    let mut headers = fields(&ACCEPT, bytes);
    let specific = http::negotiation::accepts(&headers, MediaType::COST_MAP);
    headers.append(ACCEPT, HeaderValue::from_static("*/*"));
    (specific, http::negotiation::accepts(&headers, MediaType::ERROR))
}

/// Part of a content of `size` bytes that the `Range` fields in these lines request, with a matching `If-Range`.
pub fn range(bytes: &[u8], size: u64) -> Option<std::ops::Range<u64>> {
    let mut headers = fields(&RANGE, bytes);
    headers.insert(IF_RANGE, HeaderValue::from_static("\"tag\""));
    serving::part(&headers, size)
}

/// Verifier of `Authorization` fields, with one user.
pub struct Digest(http::digest::Authenticator);

impl Digest {
    /// Creates the verifier with a fixed secret, so that a crash can be repeated.
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("fuzz-users-{}", std::process::id()));
        std::fs::write(&path, "Mufasa:Circle of Life\n").expect("the folder for temporary files is writable");
        let algorithms = http::digest::Algorithms::Sha256AndMd5;
        let nonces = std::sync::Arc::new(http::nonce::Nonces::new([7; 32]));
        let authenticator = http::digest::Authenticator::from_file(&path, "alto", algorithms, nonces);
        std::fs::remove_file(&path).expect("the file was just written");
        Self(authenticator.expect("the file has a user"))
    }

    /// Tells whether the field authenticates a request.
    pub fn check(&self, field: &str) -> bool {
        self.0.check(Some(field.as_bytes()), "GET", "/directory", SystemTime::UNIX_EPOCH).is_ok()
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}
