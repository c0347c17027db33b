//! Messages between BitTorrent peers and a tracker, over HTTP (BEP 3, 7, 23, 24, 31, 48) and UDP (BEP 15, 41).
//!
//! [`announce`] and [`scrape`] have the messages of HTTP, with [`query`] below them for requests and [`bencode`] for
//! answers; [`udp`] has the packets. Every parser takes input of any kind and length, and is bounded by that length.

pub mod announce;
pub mod bencode;
pub mod query;
pub mod scrape;
pub mod udp;

/// Infohash of a torrent: SHA-1 of its `info` dictionary (BEP 3), or its SHA-256 cut to 20 bytes (BEP 52).
pub type Infohash = [u8; 20];

/// ID that a peer draws for itself at its start (BEP 20).
pub type PeerId = [u8; 20];
