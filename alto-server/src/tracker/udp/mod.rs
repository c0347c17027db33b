//! The tracker over UDP (BEP 15, 41).
//!
//! The source of a packet proves nothing, so nobody gets more bytes than they sent before they have shown, by a
//! [`connection_id`] that was sent to their address, that the address is theirs. The [`listener`] answers packets, a
//! [`batch`] at a time, each from its [`destination`], up to the [`allowance`] of each address.

mod allowance;
mod batch;
mod connection_id;
mod destination;
mod listener;

pub(crate) use listener::UdpListener;
