//! Any bytes as a request body are either decoded or refused with one ALTO error that can be written and read again.
#![no_main]

use alto_types::{EndpointPropertyRequest, ErrorMessage, SpeltAddr, decode_request};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = decode_request::<EndpointPropertyRequest<SpeltAddr>>(bytes) {
        let written = serde_json::to_vec(&error.into_message()).expect("errors are plain data");
        serde_json::from_slice::<ErrorMessage>(&written).expect("errors can be read again");
    }
});
