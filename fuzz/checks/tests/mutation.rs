//! Changes to inputs keep their form, and reach every part of them.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test with a place")]

use fuzz_checks::mutation::{ByBytes, of_json, of_text};
use serde_json::Value;

/// Changes an input in many ways, none of them the fuzzer's own, and tells which results were seen.
fn all_of(input: &str, by_form: fn(&mut [u8], usize, usize, u32, ByBytes) -> usize) -> Vec<String> {
    let one = |seed| {
        let mut data = input.as_bytes().to_vec();
        data.resize(200, 0);
        let size = by_form(&mut data, input.len(), 200, seed, |_, size, _| size);
        String::from_utf8(data[..size].to_vec()).unwrap()
    };
    (0..2000).map(one).collect()
}

#[test]
fn changes_of_json_are_json_and_reach_every_value() {
    let all = all_of(r#"{"a":[1,"x2"],"b":true}"#, of_json);
    assert!(all.iter().all(|text| serde_json::from_str::<Value>(text).is_ok()), "{all:?}");
    for wanted in [
        r#"{"a":[1,"x2","x2"],"b":true}"#,
        r#"{"a":["x2"],"b":true}"#,
        r#"{"a":[2,"x2"],"b":true}"#,
        r#"{"a":[1,"x2"],"b":false}"#,
        r#"{"a":[1,"x2"]}"#,
        r#"{"a":[1,1],"b":true}"#,
    ] {
        assert!(all.iter().any(|text| text == wanted), "{wanted} is not among {all:?}");
    }
}

#[test]
fn changes_of_text_keep_words_and_lines() {
    let all = all_of("p,10.0.0.0/8,a\nq,x\n", of_text);
    for wanted in ["p,10.0.0.0/8,a\np,x\n", "q,x\n", "p,10.0.0.0/8,a\nq,x\nq,x\n", "x,10.0.0.0/8,a\nq,x\n"] {
        assert!(all.iter().any(|text| text == wanted), "{wanted} is not among the changes");
    }
    let number = |text: &String| text.strip_prefix("p,10.0.0.0/")?.strip_suffix(",a\nq,x\n")?.parse::<u32>().ok();
    assert!(all.iter().filter_map(number).any(|number| number != 8), "no number is replaced");
}
