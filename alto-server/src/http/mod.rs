//! Everything between the socket and the resources, in terms of HTTP only: nothing here knows any resource.
//!
//! In the order in which a request passes: [`accept`] accepts connections up to a number ([`roster`]), hands them out to
//! [`event_loops`] and limits each ([`connection`], [`proxy_protocol`], [`tls`] with its [`certificate`]); [`serving`] serves
//! one to its end ([`on_wake`], [`read_ahead`], [`lingering`], [`send_buffer`]); [`stack`] lists the layers that complete the
//! [`head`] of a request and its answer ([`request_id`], [`gate`], [`deadline`], [`compression`], [`delivery`], [`cors`],
//! [`metering`] by the [`meter`] of a resource, what is [`per_thread`]); [`router`] finds the handler by [`path`] and method. A handler gets an [`exchange`] with the
//! [`client_address`] and a [`body`] that is still [`arriving`], takes a [`slot`] of what all clients share ([`admission`],
//! [`shares`]), checks [`access`] (by [`digest`] with [`nonce`] and [`digest_user`]) and [`negotiation`], and decides with
//! [`offload`] where the work runs, for which clients take [`turns`]. It gives an [`answer`], or a [`representation`] in some
//! [`encoding`], which may turn out to be known to the client ([`conditional`]). Its body may be [`produced`] in pieces, or
//! stay open until something changes ([`live`], [`event_stream`]), and passes the layers as a [`boxed_body`]. Whatever is
//! wrong is an [`error::HttpError`], which becomes an answer in that file only.

pub(crate) mod accept;
pub(crate) mod access;
pub(crate) mod admission;
pub(crate) mod answer;
mod arriving;
pub(crate) mod body;
mod boxed_body;
pub(crate) mod certificate;
pub(crate) mod client_address;
mod compression;
pub(crate) mod conditional;
pub(crate) mod connection;
pub(crate) mod cors;
mod deadline;
mod delivery;
pub(crate) mod digest;
mod digest_user;
pub(crate) mod encoding;
pub(crate) mod error;
pub(crate) mod event_loops;
pub(crate) mod event_stream;
pub(crate) mod exchange;
mod gate;
mod head;
mod lingering;
pub(crate) mod live;
pub(crate) mod meter;
pub(crate) mod metering;
pub(crate) mod negotiation;
pub(crate) mod nonce;
pub(crate) mod offload;
mod on_wake;
mod path;
mod per_thread;
mod produced;
mod proxy_protocol;
mod read_ahead;
pub(crate) mod representation;
mod request_id;
mod roster;
pub(crate) mod router;
mod send_buffer;
mod serving;
mod shares;
mod slot;
pub(crate) mod stack;
pub(crate) mod tls;
mod turns;

pub(crate) use error::HttpError;
pub(crate) use exchange::Exchange;
pub(crate) use warp::reply::Response;
