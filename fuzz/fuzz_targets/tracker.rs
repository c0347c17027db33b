//! Checks that any packet, query string and bencoded answer is read or refused, and that what is read is written alike.
#![no_main]

use alto_types::tracker::announce::{AnnounceAnswer, AnnounceRequest};
use alto_types::tracker::bencode::Value;
use alto_types::tracker::scrape;
use alto_types::tracker::udp::{UdpAnswer, UdpRequest};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = UdpRequest::parse(bytes) {
        assert_eq!(UdpRequest::parse(&request.to_bytes()).as_ref(), Ok(&request));
    }
    for ipv6 in [false, true] {
        if let Ok((transaction, answer)) = UdpAnswer::parse(bytes, ipv6) {
            let mut written = Vec::new();
            answer.write(transaction, ipv6, &mut written);
            assert!(UdpAnswer::parse(&written, ipv6).is_ok());
        }
    }
    if let Ok(query) = std::str::from_utf8(bytes) {
        if let Ok(request) = AnnounceRequest::from_query(query) {
            assert_eq!(AnnounceRequest::from_query(&request.to_query()).as_ref(), Ok(&request));
        }
        let _infohashes = scrape::infohashes_from_query(query);
    }
    let _value = Value::parse(bytes);
    let _answer = AnnounceAnswer::parse(bytes);
    let _answer = scrape::parse(bytes);
});
