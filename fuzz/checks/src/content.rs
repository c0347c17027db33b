//! The parser of manifests of `alto-peer`.

#[path = "../../../alto-peer/src/content/digest.rs"]
mod digest;
#[path = "../../../alto-peer/src/content/fingerprint.rs"]
mod fingerprint;
#[path = "../../../alto-peer/src/content/manifest.rs"]
pub(crate) mod manifest;
#[path = "../../../alto-peer/src/content/regular_file.rs"]
mod regular_file;
