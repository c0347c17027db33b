//! Comparison of a document that was followed with what a request for the resource returns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::patch::same;
use super::stream::Stream;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};

/// Time within which a stream has to tell what a request returns already.
pub(crate) const LATE: Duration = Duration::from_secs(3);
/// Pause before a resource is requested again.
const PAUSE: Duration = Duration::from_millis(40);

/// Result of a comparison.
pub(crate) enum Agreement {
    /// Both are the same.
    Same(Arc<Exchange>),
    /// They differ at this place, although the tags are the same, or for too long.
    Differ(Arc<Exchange>, String),
    /// There is no document to compare, or the request gives no document.
    Unknown,
}

/// Compares the document of a substream with the resource itself, which may be ahead for a while.
pub(crate) fn agree(context: &Context<'_>, stream: &mut Stream<'_>, id: &str) -> Result<Agreement, NoAnswer> {
    agree_within(context, stream, id, LATE)
}

/// Compares like [`agree`], within a time limit.
pub(crate) fn agree_within(
    context: &Context<'_>,
    stream: &mut Stream<'_>,
    id: &str,
    late: Duration,
) -> Result<Agreement, NoAnswer> {
    let end = Instant::now() + context.client.at_most(late);
    let Some(target) = stream.substreams.get(id).map(|substream| substream.target.clone()) else {
        return Ok(Agreement::Unknown);
    };
    loop {
        // What has come by then is looked at once more, however long the request takes.
        let is_over = Instant::now() >= end;
        let exchange = target.fetch(context)?;
        let Some(fetched) = exchange.value().filter(|_| exchange.answer.status == 200) else {
            return Ok(Agreement::Unknown);
        };
        let Some(substream) = stream.substreams.get(id) else { return Ok(Agreement::Unknown) };
        let Some(held) = &substream.document else { return Ok(Agreement::Unknown) };
        // A tag may change while the content does not, but not the other way round.
        let stale = || (substream.stale && tag(held) != tag(fetched)).then(|| "/meta/vtag".to_owned());
        let Some(place) = difference(held, fetched).or_else(stale) else { return Ok(Agreement::Same(exchange)) };
        let same_tags = tag(held).is_some() && tags(held) == tags(fetched);
        if same_tags || is_over || stream.ended || stream.lost.contains(id) {
            // What has been waited for in vain is not waited for again.
            stream.lost.insert(id.to_owned());
            return Ok(Agreement::Differ(exchange, place));
        }
        let seen = stream.events.len();
        stream.until(PAUSE, |stream| stream.events.len() > seen);
    }
}

/// Returns a pointer to the first place where two messages differ in what belongs to the resource, its tag aside: several tags
/// may stand for the same content.
pub(crate) fn difference(one: &Value, other: &Value) -> Option<String> {
    let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let (mut one, mut other) = (members(one), members(other));
    // Other members of `meta` may change with every answer.
    let (meta, other_meta) = (one.remove("meta"), other.remove("meta"));
    for name in ["dependent-vtags", "cost-type", "multi-cost-types"] {
        let part = |meta: &Option<Value>| meta.as_ref().and_then(|meta| meta.get(name).cloned());
        match (part(&meta), part(&other_meta)) {
            (Some(one), Some(other)) if same(&one, &other) => {}
            (None, None) => {}
            _ => return Some(format!("/meta/{name}")),
        }
    }
    first_difference(&Value::Object(one), &Value::Object(other), "")
}

fn first_difference(one: &Value, other: &Value, place: &str) -> Option<String> {
    let (Some(ours), Some(theirs)) = (one.as_object(), other.as_object()) else {
        return (!same(one, other)).then(|| place.to_owned());
    };
    let within = |name: &String| {
        let place = crate::json::pointer(place, name);
        match (ours.get(name), theirs.get(name)) {
            (Some(one), Some(other)) => first_difference(one, other, &place),
            _ => Some(place),
        }
    };
    ours.keys().chain(theirs.keys()).find_map(within)
}

/// Returns the tag of a document.
pub(crate) fn tag(document: &Value) -> Option<&str> {
    document.pointer("/meta/vtag/tag")?.as_str()
}

fn tags(document: &Value) -> (Option<&Value>, Option<&Value>) {
    (document.pointer("/meta/vtag"), document.pointer("/meta/dependent-vtags"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_found_by_value() {
        let map = |tag: &str, cost: f64, note: u8| json!({"meta": {"vtag": {"resource-id": "m", "tag": tag}, "note": note}, "cost-map": {"a": {"b": cost}}});
        assert_eq!(difference(&map("t", 1.0, 1), &map("t", 1.0, 2)), None);
        assert_eq!(difference(&map("t", 1.0, 1), &map("t", 2.0, 1)).as_deref(), Some("/cost-map/a/b"));
        assert_eq!(difference(&map("t", 1.0, 1), &map("u", 1.0, 1)), None);
        assert_eq!(
            difference(&json!({"cost-map": {"a/x": 1}}), &json!({"cost-map": {}})).as_deref(),
            Some("/cost-map/a~1x")
        );
    }
}
