//! A registry of peers: who is there, and who holds which file.
//!
//! [`Registry`] is the one trait. A front end (the JSON API of the ALTO server, a BitTorrent tracker) translates its
//! requests into calls of the trait; a backend keeps what they say. Neither knows the other, and nothing here knows HTTP,
//! JSON or ALTO. The time and the random numbers are arguments of every call, so that a backend is as predictable in
//! a test as its arguments are.
//!
//! Vocabulary: [`id`] and [`credentials`] say how peers and files are named and who may change a registration; [`peer`]
//! and [`holding`] what a peer tells about itself and its files; [`query`] what can be asked. [`limits`] bounds all of
//! it, [`origin`] says which addresses share a bound, and [`refusal`] why a call is refused. [`check`] holds the rules
//! that every backend applies before it looks at its data.
//!
//! Beside the trait, [`swarms`] keeps the peers of a BitTorrent tracker, which are many and anonymous.
//!
//! Backends: [`local`] keeps everything in memory and, given a folder, on disk, in a [`store_file`]. The server keeps
//! other things in files of that type, too. With the feature `redis`, `redis` is one registry of several servers, each of
//! which keeps a copy in memory and follows the log of `shared`. To add one, implement [`Registry`] in
//! a folder of its own, and name it in `tests/main.rs`, where one battery of tests runs against every backend.

pub mod check;
pub mod credentials;
pub mod holding;
pub mod id;
pub mod limits;
pub mod local;
pub mod name;
pub mod observer;
pub mod origin;
pub mod peer;
pub mod pending;
pub mod query;
#[cfg(feature = "redis")]
pub mod redis;
pub mod refusal;
mod registry;
#[cfg(feature = "redis")]
pub mod shared;
pub mod store_file;
pub mod swarms;
pub mod time;

pub use credentials::{Credentials, Secret};
pub use holding::{Holding, ManifestDigest};
pub use id::{ContentId, ContentKind, PeerId};
pub use limits::{Limit, Limits};
pub use local::LocalRegistry;
pub use name::{FileName, NameError, PeerName};
pub use observer::{Observer, Silent, Stats};
pub use peer::{Announcer, Peer, PeerAddress, Registration};
pub use pending::Pending;
pub use query::{Completeness, FileList, FileQuery, FileSummary, Holder, HolderQuery, Holders};
#[cfg(feature = "redis")]
pub use redis::RedisRegistry;
pub use refusal::Refusal;
pub use registry::Registry;
pub use swarms::Swarms;
pub use time::Timestamp;
