//! Everything between the socket and the resources, in terms of HTTP only: nothing here knows any resource.
//!
//! In the order in which a request passes: [`accept`] accepts connections and limits each ([`first_bytes`], [`tls`]);
//! [`stack`] lists the layers ([`request_id`], [`metering`], [`gate`], [`overload`]); [`router`] finds the handler by
//! path and method. A handler gets an [`exchange`] with the [`client_address`] and a [`body`] still to be read, checks
//! [`access`] (by [`digest`] with [`nonce`]) and [`negotiation`], and decides with [`offload`] where the work runs. It gives an
//! [`answer`], or a [`representation`] in some [`encoding`], which may turn out to be known to the client
//! ([`conditional`]). Whatever is wrong is an [`error::HttpError`], which becomes an answer in that file only.

pub(crate) mod accept;
pub(crate) mod access;
pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod client_address;
mod conditional;
pub(crate) mod digest;
pub(crate) mod encoding;
pub(crate) mod error;
pub(crate) mod exchange;
mod first_bytes;
mod gate;
mod metering;
pub(crate) mod negotiation;
mod nonce;
pub(crate) mod offload;
mod overload;
pub(crate) mod representation;
mod request_id;
pub(crate) mod router;
pub(crate) mod stack;
pub(crate) mod tls;

pub(crate) use error::HttpError;
pub(crate) use exchange::Exchange;
pub(crate) use warp::reply::Response;
