//! The wire: a client that records every exchange, and a socket for what no client would send.

mod client;
mod curl;
mod digest;
mod exchange;
mod media;
pub(crate) mod raw;
mod tls;

pub use client::{Client, Settings, SettingsError};
pub(crate) use client::{origin_of, resolve, target_of};
pub use exchange::{Answer, Exchange, Failure, NoAnswer, Record, Request};
pub use media::MediaType;
