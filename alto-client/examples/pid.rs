//! Shows the PIDs of addresses: `cargo run --example pid -- http://alto.example/directory 192.0.2.7 2001:db8::1`

use std::net::IpAddr;

use alto_client::Client;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let uri = arguments.next().ok_or("usage: pid URI ADDRESS...")?;
    let client = Client::builder(&uri).build()?;
    // One request for the whole map. The lookups need none, so the server learns no address.
    let map = client.network_map(None)?;
    println!("network map {}, version {}", map.vtag().resource_id, map.vtag().tag);
    for argument in arguments {
        let address: IpAddr = argument.parse()?;
        match map.longest_match(address) {
            Some((prefix, pid)) => println!("{address} is in {pid} by {prefix}"),
            None => println!("{address} is in no PID"),
        }
    }
    Ok(())
}
