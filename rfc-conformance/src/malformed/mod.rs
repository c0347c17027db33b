//! Malformed requests: sends every case to the resources of the subject, and a valid request after each.

mod cases;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::context::{Context, post_request};
use crate::http::{Exchange, NoAnswer};
use crate::subject::Resource;

pub(crate) use cases::{Case, ContentType, Fault, cases};

/// Maximum number of resources of each kind that get malformed requests.
const MOST_OF_A_KIND: usize = 2;

/// Outcome of a malformed request.
pub(crate) struct Outcome {
    /// The malformed request.
    pub(crate) case: Case,
    /// Answer to the malformed request.
    pub(crate) answer: Result<Arc<Exchange>, NoAnswer>,
    /// Answer to the valid request that followed.
    pub(crate) after: Result<Arc<Exchange>, NoAnswer>,
    /// Index of the resource in the subject.
    pub(crate) resource: usize,
}

/// The outcomes of a run, shared by the checks that grade them.
struct Outcomes(Result<Arc<[Outcome]>, NoAnswer>);

/// Sends all malformed requests, once in a run, and returns the outcomes.
pub(crate) fn outcomes(context: &Context<'_>) -> Result<Arc<[Outcome]>, NoAnswer> {
    context.shared(|| Outcomes(send_all(context))).0.clone()
}

fn send_all(context: &Context<'_>) -> Result<Arc<[Outcome]>, NoAnswer> {
    let mut kinds = Vec::new();
    let mut chosen = Vec::new();
    for (resource, body) in context.valid_requests()? {
        if kinds.iter().filter(|kind| **kind == resource.kind).count() < MOST_OF_A_KIND {
            kinds.push(resource.kind);
            chosen.push((resource, body));
        }
    }
    // Resources are questioned in parallel, each of them in order.
    let outcomes: Vec<Vec<Outcome>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            chosen.iter().map(|(resource, body)| scope.spawn(|| send_cases(context, resource, body))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
    });
    Ok(outcomes.into_iter().flatten().collect())
}

fn send_cases(context: &Context<'_>, resource: &Resource, body: &Value) -> Vec<Outcome> {
    let place = context.subject.resources.iter().position(|other| std::ptr::eq(other, resource)).unwrap_or(0);
    let accepts = resource.accepts.as_deref().unwrap_or_default();
    let sample = completed(resource, body);
    let mut cases = cases(accepts, &sample);
    // Where entries share a URI, the Content-Type selects one of them.
    let belongs_to_other = |media_type: &str| {
        let mut others = context.subject.resources.iter().filter(|other| other.uri == resource.uri);
        others.any(|other| other.accepts.as_deref() == Some(media_type))
    };
    cases.retain(|case| !matches!(case.content_type, ContentType::Other(media_type) if belongs_to_other(media_type)));
    let outcomes = cases.into_iter().map(|case| {
        let mut request = post_request(resource, case.body.clone());
        if case.content_type != ContentType::Accepted {
            request.headers.retain(|(name, _)| name != "Content-Type");
        }
        if let ContentType::Other(media_type) = case.content_type {
            request = request.with("Content-Type", media_type);
        }
        let answer = context.send(request);
        let after = context.post(resource, body);
        Outcome { case, answer, after, resource: place }
    });
    outcomes.collect()
}

/// Adds the optional members that a resource accepts to a valid request.
fn completed(resource: &Resource, body: &Value) -> Value {
    let mut body = body.clone();
    if resource.accepts.as_deref() == Some("application/alto-networkmapfilter+json") {
        body["address-types"] = json!(["ipv4"]);
    } else if resource.takes_constraints() {
        body["constraints"] = json!(["ge 0"]);
    }
    body
}
