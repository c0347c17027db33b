//! Backend of several servers: a copy in the memory of each, and Redis, where every change is decided.
//!
//! Questions are answered from memory. A change is checked against it first, and against the data in Redis by a script,
//! which also appends it to the log that all servers follow; it is acknowledged when this server has followed it. What one
//! server refuses, another may have made possible a moment ago, so that nothing is refused before the log is followed to
//! its present end. Limits are checked in memory only: several servers together may exceed one by what each admits at the
//! same moment.
//!
//! Leases are kept in Redis and end by its clock, in a script that whichever server comes first runs. Heartbeats are
//! collected, and sent once a second. After a time in which no server was there to bring them, no lease ends before a
//! whole one has passed.
//!
//! [`entry`] and [`rows`] say how a change and a registration are written, [`replica`] follows, [`keeper`] does what is due
//! every second, and [`registry`] is the trait.

mod entry;
mod keeper;
mod registry;
mod replica;
mod rows;
mod scripts;

pub use registry::{Clock, RedisRegistry};
