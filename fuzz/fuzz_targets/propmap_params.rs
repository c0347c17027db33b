//! Checks that any request body is decoded, or rejected with an ALTO error that round-trips through JSON, and that decoded
//! requests and entities round-trip as well.
#![no_main]

use alto_types::{DomainType, Entity, ErrorMessage, PropertyMapRequest, decode_request};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match decode_request::<PropertyMapRequest>(bytes) {
        Err(error) => {
            let written = serde_json::to_vec(&error.into_message()).expect("errors are plain data");
            serde_json::from_slice::<ErrorMessage>(&written).expect("errors can be read again");
        }
        Ok(request) => {
            for id in &request.entities {
                for domain in [DomainType::Ipv4, DomainType::Ipv6, DomainType::Pid] {
                    let written = match Entity::parse(domain, id) {
                        Some(Entity::Net(net)) => net.to_string(),
                        Some(Entity::Pid(name)) => name.to_string(),
                        None => continue,
                    };
                    assert_eq!(Entity::parse(domain, &written), Entity::parse(domain, id));
                }
            }
            let written = serde_json::to_vec(&request).expect("requests are plain data");
            assert_eq!(decode_request(&written), Ok(request));
        }
    }
});
