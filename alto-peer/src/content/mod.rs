//! Files on disk: their hashes, the pieces of those still arriving, and what of them is shared.
//!
//! A [`Manifest`] says what a file is: the hash of its whole and of its pieces. A [`PartialFile`] is one that arrives
//! piece by piece and gets its name once its hash is right. The [`Library`] is what this peer shares of both.

pub mod bitfield;
mod digest;
mod fingerprint;
mod have;
pub mod library;
pub mod manifest;
pub mod name;
pub mod partial;
mod prefix_hash;
mod record;
mod shared;

pub use bitfield::Bitfield;
pub use have::Have;
pub use library::Library;
pub use manifest::Manifest;
pub use name::FileName;
pub use partial::{PartialFile, Written};
