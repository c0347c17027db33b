//! A log that several servers share, in Redis: one stream, written by scripts and followed by everybody.
//!
//! A write is one [`Script`], which checks, changes the state in Redis and appends an entry; it is acknowledged when enough
//! copies confirm it and when this server has followed it. Nothing is read from Redis to answer a question: a
//! [`Follower`] keeps the state in memory, from a snapshot and from the entries after it. Every entry names the hash of the
//! one before, so that a follower notices when the log has lost what it has seen, or has dropped what it has not, and
//! starts from a snapshot again.
//!
//! [`address`] says where Redis is, [`waits`] how long it may take, [`connector`] finds the master, [`session`] speaks to it
//! in the words of [`wire`] over a [`stream`], [`writer`] and [`follow`] are the two threads of a [`SharedLog`], and
//! [`position`] and [`progress`] tell how far it is.

mod address;
mod connector;
mod follow;
mod inner;
mod log;
mod position;
mod progress;
mod reply;
mod script;
mod session;
mod stream;
mod waits;
mod wire;
mod writer;

pub use address::{AddressError, Login, StoreAddress};
pub use connector::Connector;
pub use follow::{Entry, Follower};
pub use inner::Confirmation;
pub use log::SharedLog;
pub use position::Position;
pub use progress::Report;
pub use reply::{Reply, StoreError};
pub use script::Script;
pub use session::Session;
pub use waits::Waits;
