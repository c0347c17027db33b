//! Validation of stored messages against the schema of their media type.

use crate::{json, schema};

/// Problem of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// False for what the examples of the RFCs do as well, so that it warns only.
    pub is_error: bool,
    /// Description on one line, beginning with the place.
    pub text: String,
}

/// Lists the problems of a message, errors and warnings.
pub fn problems(media_type: &str, bytes: &[u8]) -> Vec<Problem> {
    let error = |text: String| Problem { is_error: true, text };
    let document = match json::parse(bytes) {
        Ok(document) => document,
        Err(not_json) => return vec![error(not_json.to_string())],
    };
    let duplicates = document.duplicates.iter().map(|place| error(format!("{place}: duplicate member")));
    let violations = schema::violations(media_type, &document.value).unwrap_or_default();
    let violations = violations.into_iter().map(|violation| {
        let place = if violation.pointer.is_empty() { "(the whole message)" } else { &violation.pointer };
        let is_error = !schema::is_in_examples(&violation, &document.value);
        Problem { is_error, text: format!("{place}: {}", violation.message) }
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
        let places: Vec<_> = problems.iter().map(|problem| problem.text.split(": ").next().unwrap()).collect();
        assert_eq!(places, ["/network-map/a.b/ipv4", "/meta/vtag", "/network-map"]);
        assert!(problems.iter().all(|problem| problem.is_error));
    }

    #[test]
    fn what_the_examples_of_an_rfc_do_warns_only() {
        // Like RFC 8189 §5.4, which omits the empty `cost-type`.
        let message = br#"{"meta": {"multi-cost-types": [{"cost-mode": "numerical", "cost-metric": "routingcost"}]},
            "endpoint-cost-map": {"ipv4:192.0.2.2": {"ipv4:192.0.2.89": [1]}}}"#;
        let problems = problems("application/alto-endpointcost+json", message);
        assert!(!problems.is_empty() && problems.iter().all(|problem| !problem.is_error), "{problems:?}");
    }
}
