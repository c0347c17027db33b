//! Checks that any bencoded text is refused, and that answers say the same once they were written again.

use std::net::SocketAddr;

use alto_types::tracker::announce::AnnounceAnswer;
use alto_types::tracker::bencode::Value;
use alto_types::tracker::scrape;

/// Checks one input.
pub fn check(bytes: &[u8]) {
    let is_bencode = Value::parse(bytes).is_ok();
    if let Ok(Ok(answer)) = AnnounceAnswer::parse(bytes) {
        assert!(is_bencode);
        let written = answer.to_bencode(false);
        let read = AnnounceAnswer::parse(&written).expect("written answers can be read").expect("it is no failure");
        assert_eq!(read.peers, answer.peers);
        assert_eq!(read.to_bencode(false), written);
        crate::fault(|| answer.peers.len() > 1 && answer.peers.iter().any(SocketAddr::is_ipv6));
    }
    if let Ok(Ok(torrents)) = scrape::parse(bytes) {
        let written = scrape::to_bencode(&torrents);
        let read = scrape::parse(&written).expect("written answers can be read").expect("it is no failure");
        assert_eq!(scrape::to_bencode(&read), written);
    }
}
