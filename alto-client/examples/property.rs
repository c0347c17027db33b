//! Shows every property that a server knows of addresses:
//! `cargo run --example property -- http://alto.example/directory 192.0.2.7`

use std::net::IpAddr;

use alto_client::{Client, Kind};
use alto_types::{PropertyType, TypedEndpointAddr};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let uri = arguments.next().ok_or("usage: property URI ADDRESS...")?;
    let addresses: Vec<IpAddr> = arguments.map(|argument| argument.parse()).collect::<Result<_, _>>()?;
    let endpoints: Vec<TypedEndpointAddr> = addresses.into_iter().map(Into::into).collect();
    let client = Client::builder(&uri).build()?;

    let directory = client.directory()?;
    let offered = directory.of_kind(Kind::EndpointProperty).flat_map(|entry| &entry.capabilities().prop_types);
    let properties: Vec<PropertyType> = offered.filter_map(|name| name.parse().ok()).collect();
    let answer = client.endpoint_properties(&endpoints, &properties)?;
    for (endpoint, values) in &answer.values {
        for (property, value) in values {
            println!("{endpoint} {property} = {value}");
        }
    }
    Ok(())
}
