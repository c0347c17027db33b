//! Checks that any request body is decoded, or rejected with an ALTO error that round-trips through JSON.
#![no_main]

use alto_types::{EndpointPropertyRequest, ErrorMessage, SpeltAddr, decode_request};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = decode_request::<EndpointPropertyRequest<SpeltAddr>>(bytes) {
        let written = serde_json::to_vec(&error.into_message()).expect("errors are plain data");
        serde_json::from_slice::<ErrorMessage>(&written).expect("errors can be read again");
    }
});
