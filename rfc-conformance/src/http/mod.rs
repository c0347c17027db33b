//! HTTP as a client: requests, exchanges and their records, and raw sockets for requests that HTTP libraries cannot send.

mod client;
mod curl;
mod digest;
mod exchange;
mod live;
mod media;
mod message;
mod observer;
pub(crate) mod raw;
mod reading;
mod settings;
mod tls;
mod uri;

pub(crate) use client::{Client, MOST_RETRIES};
pub(crate) use digest::{answer as answer_to, best_challenge};
pub use exchange::{Exchange, Failure, NoAnswer, Record};
pub(crate) use live::{Live, Opened, Pending, Piece};
pub use media::MediaType;
pub use message::{Answer, Request};
pub(crate) use observer::Observer;
pub(crate) use settings::Settings;
pub(crate) use uri::{host_and_port, origin_of, request_target, resolve};
