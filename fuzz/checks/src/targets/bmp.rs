//! Checks that any stream of BMP ends with an error or at its end, message by message.

use crate::bgp::decode::Update;
use crate::live::message::{self, Message, MessageError};

/// Checks one input.
pub fn check(bytes: &[u8]) {
    let mut stream = bytes;
    loop {
        match message::read(&mut stream) {
            Ok(Some(Message::Routes(_, Update::Changes(changes)))) => {
                for change in &changes {
                    assert_eq!(change.prefix, change.prefix.trunc());
                }
                crate::fault(|| changes.iter().any(|change| change.route.is_none()) && changes.len() > 1);
            }
            // The stream goes on after a message that cannot be decoded.
            Ok(Some(_)) | Err(MessageError::Content(_) | MessageError::Short(_)) => {}
            Ok(None) | Err(MessageError::Connection(_) | MessageError::Framing(_)) => return,
        }
    }
}
