//! The description of `/swarm` and `/admin` in `OpenAPI` 3.1, generated from the types of their messages.
//!
//! [`operation`] has the parts of a description; [`admin`] and [`swarm`] list what each API does. ALTO resources describe
//! themselves in the directory.

mod admin;
mod operation;
mod swarm;

use serde_json::{Map, Value, json};

use self::operation::Schemas;

/// Path of the document.
pub(crate) const PATH: &str = "openapi.json";

/// Builds the document.
pub(crate) fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths: Map<String, Value> = Map::new();
    for operation in swarm::operations().into_iter().chain(admin::operations()) {
        let (path, method) = (operation.path.clone(), operation.method);
        let described = operation.describe(&mut schemas);
        paths.entry(path).or_insert_with(|| json!({}))[method] = described;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "alto-server: registry of peers and administration",
            "description": "What an alto-server answers beside ALTO (RFC 7285). Every error is a problem document \
                (RFC 9457). docs/swarm.md and docs/operating.md describe both APIs in words.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT"}
        },
        "servers": [{"url": "."}],
        "tags": [
            {"name": "swarm", "description": "Registry of peers and of the files that they hold."},
            {"name": "admin", "description": "Changes to the network while it runs."}
        ],
        "paths": paths,
        "components": {
            "schemas": schemas.into_definitions(),
            "securitySchemes": {
                "digest": {
                    "type": "http", "scheme": "digest",
                    "description": "HTTP Digest, where the server has users (digest-users)."
                },
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": "Token of admin-token-file, whose scopes decide what it opens. None over the Unix socket."
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every reference leads to a schema, and every schema is used.
    #[test]
    fn references_and_schemas_match() {
        let document = document();
        let text = document.to_string();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for name in schemas.keys() {
            assert!(text.contains(&format!("\"#/components/schemas/{name}\"")), "{name} is not used");
        }
        for (_, rest) in text.match_indices("\"$ref\":\"").map(|(at, found)| text.split_at(at + found.len())) {
            let reference = rest.split('"').next().unwrap();
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
        }
        let mut ids: Vec<&str> = Vec::new();
        for path in document["paths"].as_object().unwrap().values() {
            ids.extend(path.as_object().unwrap().values().map(|operation| operation["operationId"].as_str().unwrap()));
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "an operation ID is used twice");
    }
}
