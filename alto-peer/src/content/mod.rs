//! Files on disk: their hashes, downloads in progress, and the files that are shared.
//!
//! A [`Manifest`] identifies a file by the hashes of the whole and of each piece. A [`PartialFile`] is a download in
//! progress, which gets its name once its hash is verified. The [`Library`] holds what this peer shares of both. A
//! [`collection`] describes a folder.

pub mod bitfield;
pub mod collection;
pub mod common;
mod digest;
mod exchange;
mod fingerprint;
mod have;
mod journal;
pub mod library;
pub mod manifest;
pub mod name;
pub mod partial;
mod prefix_hash;
pub(crate) mod regular_file;
mod shared;

pub use bitfield::Bitfield;
pub use exchange::Exchange;
pub use have::{Have, HaveMore};
pub use library::Library;
pub use manifest::Manifest;
pub use name::FileName;
pub use partial::{PartialFile, Written};
