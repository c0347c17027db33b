//! Updates: clients that follow resources are told what changes in them.
//!
//! A [`query`] says what is followed, a [`feed`] has its history, and the [`hub`] adds a version to every history that
//! somebody follows when the network changes. Two services read the same feeds: [`stream`]s of [`event`]s (RFC 8895), which
//! one request opens ([`open`]), a [`session`] writes and a [`control`] request changes, and [`view`]s (RFC 9569), whose
//! clients ask for each update ([`tips`]).
//! Nothing is queued for a client: one that is slow finds one update to the newest version when it is ready for more.

mod control;
mod event;
mod feed;
pub(crate) mod hub;
mod open;
mod query;
pub(crate) mod routes;
mod session;
mod stream;
mod tips;
mod view;
