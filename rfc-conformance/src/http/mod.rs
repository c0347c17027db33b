//! The wire: a client that records every exchange, and a socket for what no client would send.

mod client;
mod curl;
mod digest;
mod exchange;
mod media;
pub(crate) mod raw;
mod tls;

pub(crate) use client::{Client, Settings, SettingsError};
pub(crate) use client::{host_and_port, origin_of, resolve, target_of};
pub(crate) use digest::{answer as answer_to, best_challenge};
pub use exchange::{Answer, Exchange, Failure, NoAnswer, Record, Request};
pub use media::MediaType;
