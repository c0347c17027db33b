//! Tests of peers from outside: the program, downloads from mock holders, the server of a peer over sockets.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod costs_follow;
mod fetch;
mod library;
mod partial;
mod policies;
mod query;
mod registration;
mod run;
mod serving;
mod share;
mod spreading;
mod support;
mod swarm;
mod together;
