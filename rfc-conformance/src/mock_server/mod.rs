//! A small ALTO server that can be told how to behave, for judging clients and for proving that the suite can fail.
//!
//! * [`http`] reads requests and writes answers, bounded in every direction; [`serve`] puts it behind sockets.
//! * [`network`] is the fixture: two network maps, the costs between their PIDs, one property; [`metrics`] adds costs of
//!   other kinds.
//! * [`service`] lays directories and resources out under paths, and answers for them as RFC 7285 says.
//! * [`query`] answers request bodies ([`request`], [`costs`]), [`error`] is what it answers to faulty ones;
//!   [`properties`] are property maps, which only those services have that are given some.
//!
//! Played straight, it is a correct server. Client mode plays it unusual but valid; the crate's tests play it wrong, one
//! rule at a time.

pub mod cost_query;
pub mod error;
pub mod http;
pub mod listener;
pub mod metrics;
pub mod network;
pub mod property_map;
pub mod query;
pub mod request;
pub mod service;
