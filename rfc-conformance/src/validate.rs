//! Validation of stored messages against the schema of their media type.

use crate::{json, schema};

/// Lists the problems of a message, one line each, beginning with the place.
pub fn problems(media_type: &str, bytes: &[u8]) -> Vec<String> {
    let document = match json::parse(bytes) {
        Ok(document) => document,
        Err(error) => return vec![error.to_string()],
    };
    let duplicates = document.duplicates.iter().map(|place| format!("{place}: duplicate member"));
    let violations = schema::violations(media_type, &document.value).unwrap_or_default();
    let violations = violations.into_iter().map(|violation| {
        let place = if violation.pointer.is_empty() { "(the whole message)" } else { &violation.pointer };
        format!("{place}: {}", violation.message)
    });
    duplicates.chain(violations).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_place() {
        let message = br#"{"meta": {"vtag": {"resource-id": "m"}}, "network-map": {"a.b": {"ipv4": [1], "ipv4": []}}}"#;
        let problems = problems("application/alto-networkmap+json", message);
        let places: Vec<_> = problems.iter().map(|problem| problem.split(": ").next().unwrap()).collect();
        assert_eq!(places, ["/network-map/a.b/ipv4", "/meta/vtag", "/network-map"]);
    }
}
