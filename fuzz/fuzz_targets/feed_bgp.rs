//! Checks that MRT files, BMP streams and BGP-LS messages of any bytes are rejected or understood.
#![no_main]

use alto_feed::bgp::link_state::Database;
use alto_feed::import::mrt;
use alto_feed::input::Text;
use alto_feed::live::bmp::message;
use alto_feed::pids::rules::Rules;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind % 3 {
        0 => {
            let rules = Rules::read(&Text::new("rules", r#"{"rules": [{"first-as": "*", "pid": "as-*"}]}"#));
            let _any_result = mrt::import("fuzz", rest.to_vec(), &rules.expect("valid rules"), None);
        }
        1 => {
            let mut stream = rest;
            while let Ok(Some(_)) = message::read(&mut stream) {}
        }
        _ => {
            let mut database = Database::default();
            if database.apply(rest).is_ok() {
                let _state = database.link_state();
            }
        }
    }
});
