//! A mutant: a reference server that breaks one rule.

use serde_json::Value;

use super::server::{Outfit, Reference};

/// One rule that is broken.
pub(crate) struct Mutant {
    /// What the server does, in a few words.
    pub(crate) breaks: &'static str,
    /// What has to catch it.
    pub(crate) id: &'static str,
    /// As what.
    pub(crate) verdict: &'static str,
    /// What the server is apart from that.
    pub(crate) outfit: Outfit,
    /// Breaks the rule.
    pub(crate) make: fn(&mut Reference),
}

impl Mutant {
    pub(crate) const fn new(id: &'static str, breaks: &'static str, make: fn(&mut Reference)) -> Self {
        Self { breaks, id, verdict: "fail", outfit: Outfit::Plain, make }
    }

    /// The same, where the verdict is milder.
    pub(crate) const fn graded(mut self, verdict: &'static str) -> Self {
        self.verdict = verdict;
        self
    }

    /// The same of a server that has more.
    pub(crate) const fn with(mut self, outfit: Outfit) -> Self {
        self.outfit = outfit;
        self
    }
}

/// Puts a value at a place that exists.
pub(crate) fn put(message: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = message.pointer_mut(pointer) {
        *place = value;
    }
}

/// Takes a member out of the object at a place.
pub(crate) fn drop_at(message: &mut Value, pointer: &str, name: &str) {
    if let Some(object) = message.pointer_mut(pointer).and_then(Value::as_object_mut) {
        object.remove(name);
    }
}

/// The cells of both kinds of maps with costs.
pub(crate) fn each_cost(message: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    for name in ["cost-map", "endpoint-cost-map"] {
        let rows = message.get_mut(name).and_then(Value::as_object_mut).into_iter().flatten();
        rows.flat_map(|(_, row)| row.as_object_mut().into_iter().flatten()).for_each(|(_, cost)| change(cost));
    }
}

/// Takes the first pair out of a map with costs.
pub(crate) fn drop_pair(message: &mut Value) {
    for name in ["cost-map", "endpoint-cost-map"] {
        for (_, row) in message.get_mut(name).and_then(Value::as_object_mut).into_iter().flatten() {
            if let Some(row) = row.as_object_mut().filter(|row| !row.is_empty()) {
                let first = row.keys().next().cloned().unwrap_or_default();
                row.remove(&first);
                return;
            }
        }
    }
}
