//! A directory without multi-cost (RFC 8189), for the resources of a running server.

use crate::alto_server::Server;
use crate::scripted_server::{Reply, Script};

/// Serves the directory of a running server without its multi-cost capabilities and without the given metrics.
#[must_use]
pub fn plain_directory(server: &Server, lacking: &[&str]) -> Script {
    let text = ureq::get(server.directory()).call().unwrap().body_mut().read_to_string().unwrap();
    let mut directory: serde_json::Value = serde_json::from_str(&text).unwrap();
    let types = directory["meta"]["cost-types"].as_object_mut().unwrap();
    types.retain(|_, kind| !lacking.contains(&kind["cost-metric"].as_str().unwrap()));
    let names: Vec<String> = types.keys().cloned().collect();
    for entry in directory["resources"].as_object_mut().unwrap().values_mut() {
        let uri = entry["uri"].as_str().unwrap();
        if !uri.contains("://") {
            let absolute = format!("{}/{}", server.origin(), uri.trim_start_matches('/'));
            entry["uri"] = absolute.into();
        }
        let Some(capabilities) = entry.get_mut("capabilities").and_then(serde_json::Value::as_object_mut) else {
            continue;
        };
        capabilities.remove("max-cost-types");
        if let Some(offered) = capabilities.get_mut("cost-type-names") {
            offered.as_array_mut().unwrap().retain(|name| names.iter().any(|known| name == known.as_str()));
        }
    }
    // Cost maps without a remaining cost type are not listed.
    directory["resources"].as_object_mut().unwrap().retain(|_, entry| {
        entry["capabilities"].get("cost-type-names").is_none_or(|names| !names.as_array().unwrap().is_empty())
    });
    let script = Script::start();
    script.on("GET /ird", [Reply::alto("directory", &directory)]);
    script
}
