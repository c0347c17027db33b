//! What every resource shares on HTTP, from the socket to the handler and back.
//!
//! Read in the order a request travels: [`serve`] accepts connections and gives each its limits ([`first_bytes`],
//! [`tls`]); [`stack`] lists the layers every request passes ([`request_name`], [`gate`],
//! [`overload`]); [`routes`] say what is where
//! ([`path_tree`]); [`exchange`] is a request as a
//! handler sees it, with its body still to be read ([`body`]) and its client ([`client_address`]); [`resource`] holds
//! the two ways an ALTO resource answers, with [`negotiation`], [`encoding`] and [`conditional`]. Whatever goes wrong
//! is an [`error::HttpError`] and becomes an answer there and nowhere else.

pub(crate) mod body;
pub(crate) mod client_address;
mod conditional;
pub(crate) mod digest;
pub(crate) mod encoding;
pub(crate) mod error;
pub(crate) mod exchange;
mod first_bytes;
mod gate;
mod negotiation;
mod overload;
mod path_tree;
mod request_name;
pub(crate) mod resource;
pub(crate) mod routes;
pub(crate) mod serve;
pub(crate) mod stack;
pub(crate) mod tls;

pub(crate) use error::HttpError;
pub(crate) use exchange::Exchange;
pub(crate) use warp::reply::Response;
