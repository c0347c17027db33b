//! Orders candidates by their cost from here, with their delay if the server knows it:
//! `cargo run --example costs -- http://alto.example/directory 192.0.2.7 198.51.100.1`

use std::net::IpAddr;

use alto_client::{Client, CostQuery, EndpointCostQuery, cost_type, routing_cost};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let uri = arguments.next().ok_or("usage: costs URI ADDRESS...")?;
    let candidates: Vec<IpAddr> = arguments.map(|argument| argument.parse()).collect::<Result<_, _>>()?;
    let client = Client::builder(&uri).build()?;

    // Two types of cost are one request if the server supports multi-cost (RFC 8189), else one for each.
    let delay = cost_type("delay-ow", "numerical")?;
    let mut types = vec![routing_cost()];
    if client.directory()?.has_costs(&delay) {
        types.push(delay);
    }
    let costs = client.endpoint_costs(&EndpointCostQuery::to(candidates).of(CostQuery::of(types)))?;

    let rows = costs.table.rows();
    let mut found: Vec<_> = rows.values().flatten().collect();
    found.sort_by(|(_, a), (_, b)| a[0].unwrap_or(f64::INFINITY).total_cmp(&b[0].unwrap_or(f64::INFINITY)));
    for (candidate, costs) in found {
        println!("{candidate}: cost {:?}, delay {:?} us", costs[0], costs.get(1).copied().flatten());
    }
    Ok(())
}
