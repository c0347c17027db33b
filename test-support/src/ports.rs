//! Ports for programs that have to be told theirs before they start.

use std::hash::{BuildHasher, RandomState};
use std::net::{TcpListener, UdpSocket};
use std::ops::Range;

/// Ports to choose from: below those that Linux gives to connections of other tests. A client's connection keeps its port for
/// a minute after it has ended, and no program can listen on that port until then.
const CHOICE: Range<u16> = 20_000..32_000;

/// A port of loopback that is free for TCP and for UDP.
pub fn free_port() -> u16 {
    let first = RandomState::new().hash_one(std::process::id()) % u64::try_from(CHOICE.len()).unwrap();
    let first = CHOICE.start + u16::try_from(first).unwrap();
    let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok();
    (first..CHOICE.end).chain(CHOICE.start..first).find(|port| is_free(*port)).expect("a port is free")
}
