//! What is followed: a resource, with the request that it is asked with.

use std::net::IpAddr;
use std::sync::Arc;

use alto_history::{Content, Patches};
use alto_types::{MediaType, ProtocolError};
use serde_json::Value;

use crate::http::HttpError;
use crate::http::offload::Cancel;
use crate::resource::catalogue::{Catalogue, Previous, Question, Resource, Service};
use crate::resource::limits::WorkLimits;
use crate::state::snapshot::Snapshot;

/// A resource, with its request if it is asked with POST. Equal queries have equal answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Query {
    /// Position of the resource in the catalogue.
    position: usize,
    input: Option<Input>,
}

/// Request of a lookup.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Input {
    /// JSON in one form: members in order, without white space.
    json: Arc<[u8]>,
    /// Client, if the answer depends on who asks.
    client: Option<IpAddr>,
}

/// Reason why something cannot be followed.
#[derive(Debug)]
pub(super) enum NotFollowed {
    /// No resource with the ID is followed.
    UnknownResource,
    /// The resource refuses the request.
    Input(ProtocolError),
}

/// What every query is answered from.
pub(super) struct Sources {
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) limits: WorkLimits,
}

impl Query {
    /// Resolves the ID of a resource and the request for it. A missing request is one without members.
    pub(super) fn new(
        catalogue: &Catalogue,
        resource_id: &str,
        input: Option<&Value>,
        client: IpAddr,
    ) -> Result<Self, NotFollowed> {
        let is_followed = |resource: &Resource| resource.patches.is_some() && resource.id == resource_id;
        let position = catalogue.resources().iter().position(is_followed).ok_or(NotFollowed::UnknownResource)?;
        let Service::Lookup(lookup) = &catalogue.resources()[position].service else {
            return Ok(Self { position, input: None });
        };
        let json: Arc<[u8]> = input.map_or_else(|| "{}".to_owned(), canonical).into_bytes().into();
        let depends = lookup.depends_on_client(&json).map_err(NotFollowed::Input)?;
        Ok(Self { position, input: Some(Input { json, client: depends.then_some(client) }) })
    }

    /// Tells whether the resource is asked with POST.
    pub(super) fn has_input(&self) -> bool {
        self.input.is_some()
    }

    /// Resource that is followed.
    pub(super) fn resource<'a>(&self, catalogue: &'a Catalogue) -> &'a Resource {
        &catalogue.resources()[self.position]
    }

    /// Media type of whole documents.
    pub(super) fn media_type(&self, catalogue: &Catalogue) -> MediaType {
        self.resource(catalogue).media_type
    }

    /// Patches that the resource announces.
    pub(super) fn patches(&self, catalogue: &Catalogue) -> Patches {
        self.resource(catalogue).patches.unwrap_or(Patches { merge: false, json: false })
    }

    /// Place in the order of updates: a resource comes after those that it depends on (RFC 8895 §6.7.1).
    pub(super) fn rank(&self, catalogue: &Catalogue) -> usize {
        let id = &self.resource(catalogue).id;
        let depends = |other: &Resource| other.entry.as_ref().is_some_and(|entry| entry.uses.contains(id));
        // No resource depends on one that depends on another.
        usize::from(!catalogue.resources().iter().filter(|other| other.patches.is_some()).any(depends))
    }

    /// Tells whether the answer is the same for both snapshots, if that is known without an answer.
    pub(super) fn is_unchanged(&self, previous: &Snapshot, next: &Snapshot, catalogue: &Catalogue) -> bool {
        match self.resource(catalogue).document() {
            Some(document) => document.is_unchanged(previous, next, catalogue),
            None => previous.is_same(next),
        }
    }

    /// Answers the query.
    pub(super) fn content(
        &self,
        sources: &Sources,
        snapshot: &Snapshot,
        previous: Option<Previous<'_>>,
        cancel: &Cancel,
    ) -> Result<Content, HttpError> {
        match (&self.resource(&sources.catalogue).service, &self.input) {
            (Service::Document(document), _) => document.content(snapshot, previous).ok_or(HttpError::Internal),
            (Service::Lookup(lookup), Some(Input { json, client })) => {
                let client = client.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
                lookup.content(&Question { input: json, client, limits: &sources.limits }, snapshot, cancel)
            }
            _ => Err(HttpError::Internal),
        }
    }
}

/// Writes JSON in one form, whatever the order of members.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            let members =
                members.into_iter().map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(elements) => format!("[{}]", elements.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn queries_are_equal_whatever_the_form_of_their_json() {
        let catalogue = crate::resource::catalogue(None, &[]);
        let client = IpAddr::from([192, 0, 2, 1]);
        let query = |text: &str| {
            Query::new(&catalogue, "filtered-network-map", Some(&serde_json::from_str(text).unwrap()), client).unwrap()
        };
        let one = query(r#"{"pids": ["a", "b"], "address-types": ["ipv4"]}"#);
        assert_eq!(one, query(r#"{"address-types":["ipv4"],"pids":["a","b"]}"#));
        assert_ne!(one, query(r#"{"address-types":["ipv4"],"pids":["b","a"]}"#));
        assert_ne!(one, query(r#"{"address-types":["ipv4"],"pids":["a\",\"b"]}"#));
    }

    #[test]
    fn only_an_answer_that_depends_on_the_client_is_followed_for_each_client() {
        let catalogue = crate::resource::catalogue(None, &[]);
        let query = |endpoints: Value, last: u8| {
            let cost_type = json!({"cost-mode": "numerical", "cost-metric": "hopcount"});
            let input = json!({"cost-type": cost_type, "endpoints": endpoints});
            Query::new(&catalogue, "endpoint-cost", Some(&input), IpAddr::from([192, 0, 2, last])).unwrap()
        };
        let named = json!({"srcs": ["ipv4:192.0.2.1"], "dsts": ["ipv4:192.0.2.2"]});
        assert_eq!(query(named.clone(), 1), query(named, 2));
        let implied = json!({"dsts": ["ipv4:192.0.2.2"]});
        assert_ne!(query(implied.clone(), 1), query(implied, 2));
    }

    #[test]
    fn what_is_not_followed_is_refused_with_the_error_of_the_resource() {
        let catalogue = crate::resource::catalogue(None, &[]);
        let client = IpAddr::from([192, 0, 2, 1]);
        for id in ["directory", "update-stream", "none-such"] {
            assert!(matches!(Query::new(&catalogue, id, None, client), Err(NotFollowed::UnknownResource)), "{id}");
        }
        let missing = Query::new(&catalogue, "filtered-network-map", None, client).unwrap_err();
        assert!(matches!(missing, NotFollowed::Input(ProtocolError::MissingField(field)) if field == "pids"));
    }
}
