//! Checks that any packet is refused, or says the same once it was written again.
#![no_main]

use alto_types::tracker::udp::{UdpAction, UdpAnswer, UdpRequest};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = UdpRequest::parse(bytes) {
        assert_eq!(UdpRequest::parse(&request.to_bytes()).as_ref(), Ok(&request));
        if let UdpAction::Announce { announce, path, .. } = &request.action {
            alto_fuzz::fault(|| path.starts_with(b"/a") && announce.left == Some(0));
        }
    }
    for ipv6 in [false, true] {
        if let Ok((transaction, answer)) = UdpAnswer::parse(bytes, ipv6) {
            let mut written = Vec::new();
            answer.write(transaction, ipv6, &mut written);
            assert_eq!(UdpAnswer::parse(&written, ipv6).as_ref(), Ok(&(transaction, answer)));
        }
    }
});
