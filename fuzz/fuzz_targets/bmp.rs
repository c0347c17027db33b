//! Checks that any stream of BMP ends with an error or at its end, message by message.
#![no_main]

use alto_fuzz::bgp::decode::Update;
use alto_fuzz::live::message::{self, Message, MessageError};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut stream = bytes;
    loop {
        match message::read(&mut stream) {
            Ok(Some(Message::Routes(_, Update::Changes(changes)))) => {
                for change in &changes {
                    assert_eq!(change.prefix, change.prefix.trunc());
                }
                alto_fuzz::fault(|| changes.iter().any(|change| change.route.is_none()) && changes.len() > 1);
            }
            // The stream goes on after a message that cannot be decoded.
            Ok(Some(_)) | Err(MessageError::Content(_) | MessageError::Short(_)) => {}
            Ok(None) | Err(MessageError::Connection(_) | MessageError::Framing(_)) => return,
        }
    }
});
