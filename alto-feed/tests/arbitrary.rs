//! Every parser takes arbitrary and damaged input: an error or a result, but never a panic.

use alto_feed::import::{csv, isis, mrt, ospf, rfc8345, topohub, zoo};
use alto_feed::input::Text;
use alto_feed::link_state::topology::Names;
use alto_feed::live::bmp::message;
use alto_feed::live::prometheus::Interfaces;
use alto_feed::pids::rules::Rules;
use proptest::prelude::*;

use crate::lab;

/// Gives a text to every parser of texts.
fn parse_all(content: &str) {
    let (text, names) = (Text::new("f", content), Names::new());
    let _any_result = zoo::import(&text, &zoo::Options::default());
    let _any_result = ospf::import("n", std::slice::from_ref(&text), Some(&text), &names);
    let _any_result = isis::import("n", &text, Some(&text), &names);
    let _any_result = csv::import("n", &text, Some(&text));
    let _any_result = rfc8345::import(&text, None, &names);
    let _any_result = topohub::import(&text, &topohub::Options { hosts: 1, detour: 1.0 });
    let _any_result = Rules::read(&text);
    let _any_result = Interfaces::read(&text);
}

/// Replaces some bytes of a file.
fn damaged(mut bytes: Vec<u8>, damage: &[(usize, u8)]) -> Vec<u8> {
    for (place, value) in damage {
        let place = place % bytes.len();
        bytes[place] = *value;
    }
    bytes
}

fn damage() -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((any::<usize>(), any::<u8>()), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_texts(content in "\\PC{0,200}") {
        parse_all(&content);
    }

    #[test]
    fn damaged_texts(file in 0_usize..7, damage in damage()) {
        let files = [
            "r1-ospf-router.json", "r1-ospf-network.json", "r1-ospf-te.json", "r1-ospf-router.txt", "r1-isis-database.txt",
            "../oddities.graphml", "../topohub.json",
        ];
        let bytes = std::fs::read(lab::path(files[file])).unwrap();
        parse_all(&String::from_utf8_lossy(&damaged(bytes, &damage)));
    }

    #[test]
    fn damaged_tables(damage in damage()) {
        let rules = Rules::read(&Text::new("r", r#"{"rules": [{"community": "65001:*", "pid": "p-*"}]}"#)).unwrap();
        let bytes = std::fs::read(lab::path("r1-rib.mrt")).unwrap();
        let _any_result = mrt::import("f", damaged(bytes, &damage), &rules, None);
    }

    #[test]
    fn damaged_sessions(start in 0_usize..90_000, damage in damage()) {
        let bytes = std::fs::read(lab::path("r1-bmp.bin")).unwrap();
        let bytes = damaged(bytes[start..].to_vec(), &damage);
        // Both as a stream, and as the body of a message.
        let mut stream = &bytes[..];
        while let Ok(Some(_)) = message::read(&mut stream) {}
        for kind in 0..8 {
            let _any_result = message::decode(kind, &bytes[..bytes.len().min(400)]);
        }
    }
}
