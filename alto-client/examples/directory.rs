//! Lists the resources that an ALTO server offers: `cargo run --example directory -- http://alto.example/directory`

use alto_client::Client;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let uri = std::env::args().nth(1).ok_or("usage: directory URI")?;
    let client = Client::builder(&uri).build()?;
    let directory = client.directory()?;
    for entry in directory.entries() {
        println!("{:?} {} at {}", entry.kind(), entry.id(), entry.uri());
        for cost_type in entry.cost_types() {
            println!("    {} {}", cost_type.cost_mode, cost_type.cost_metric);
        }
    }
    if let Some(id) = directory.default_network_map() {
        println!("default network map: {id}");
    }
    for problem in directory.problems() {
        eprintln!("left out: {problem}");
    }
    Ok(())
}
