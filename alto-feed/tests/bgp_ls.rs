//! BGP-LS: the laboratory's database in UPDATE messages gives exactly its routers' costs.

use alto_feed::bgp::link_state::Database;
use alto_feed::link_state::topology::{Names, topology};
use alto_feed::topology_file::assumptions::Assumptions;
use proptest::prelude::*;

use crate::lab;

/// The messages of a capture, by the length in each header.
fn messages(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut messages) = (bytes, Vec::new());
    while !rest.is_empty() {
        let length = usize::from(u16::from_be_bytes([rest[16], rest[17]]));
        let (message, after) = rest.split_at(length);
        messages.push(message);
        rest = after;
    }
    messages
}

#[test]
fn costs_are_the_metrics_of_the_routers_for_every_pair() {
    let bytes = std::fs::read(lab::path("bgpls-updates.bin")).unwrap();
    let messages = messages(&bytes);
    let mut database = Database::default();
    for message in &messages {
        database.apply(message).unwrap();
    }
    assert_eq!(messages.len(), 49);
    let file = topology("lab", database.link_state(), &Names::new(), &mut Assumptions::default());
    assert_eq!(lab::costs(&file, &lab::pids("r")), lab::expected("all-up"));
    let link = file.links.iter().find(|link| link.source == "r5" && link.destination == "r6").unwrap();
    assert_eq!((link.bandwidth, link.delay.0), (100.0, 8.0));
    assert_eq!(file.pids.unwrap()["r3"].ipv4, ["10.3.0.1/32", "10.255.0.3/32"]);
}

#[test]
fn withdrawn_objects_are_gone() {
    let bytes = std::fs::read(lab::path("bgpls-updates.bin")).unwrap();
    let mut database = Database::default();
    for message in messages(&bytes) {
        database.apply(message).unwrap();
    }
    // The same objects in MP_UNREACH_NLRI (15), which lacks the next hop.
    for message in messages(&bytes) {
        let mut attributes = &message[23..];
        let value = loop {
            let (start, length) = if attributes[0] & 0x10 == 0 {
                (3, usize::from(attributes[2]))
            } else {
                (4, usize::from(u16::from_be_bytes([attributes[2], attributes[3]])))
            };
            let (attribute, rest) = attributes.split_at(start + length);
            if attribute[1] == 14 {
                break &attribute[start..];
            }
            attributes = rest;
        };
        let objects = &value[5 + usize::from(value[3])..];
        let mut withdrawal = vec![0x90, 15];
        withdrawal.extend(u16::try_from(objects.len() + 3).unwrap().to_be_bytes());
        withdrawal.extend(&value[..3]);
        withdrawal.extend(objects);
        let mut update = vec![0xff; 16];
        update.extend(u16::try_from(23 + withdrawal.len()).unwrap().to_be_bytes());
        update.extend([2, 0, 0]);
        update.extend(u16::try_from(withdrawal.len()).unwrap().to_be_bytes());
        update.extend(withdrawal);
        database.apply(&update).unwrap();
    }
    assert_eq!(database, Database::default());
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_an_error_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut message = vec![0xff; 16];
        message.extend(u16::try_from(19 + bytes.len()).unwrap().to_be_bytes());
        message.push(2);
        message.extend(bytes);
        let _any_result = Database::default().apply(&message);
    }

    #[test]
    fn damaged_messages_never_panic(number in 0_usize..49, place in 0_usize..200, value in any::<u8>()) {
        let bytes = std::fs::read(lab::path("bgpls-updates.bin")).unwrap();
        let mut message = messages(&bytes)[number].to_vec();
        let place = place % message.len();
        message[place] = value;
        let _any_result = Database::default().apply(&message);
    }
}
