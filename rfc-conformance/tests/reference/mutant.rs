//! Mutants of the reference server, which violate one requirement each.

use serde_json::Value;

use super::server::{Reference, Variant};

/// Reference server with one fault.
pub(crate) struct Mutant {
    /// Description of the fault, as a predicate of the server.
    pub(crate) breaks: &'static str,
    /// ID of the requirement that must catch the fault.
    pub(crate) id: &'static str,
    /// Expected verdict, such as `fail`.
    pub(crate) verdict: &'static str,
    /// Variant of the reference server that the fault is injected into.
    pub(crate) variant: Variant,
    /// Function that injects the fault.
    pub(crate) make: fn(&mut Reference),
}

impl Mutant {
    pub(crate) const fn new(id: &'static str, breaks: &'static str, make: fn(&mut Reference)) -> Self {
        Self { breaks, id, verdict: "fail", variant: Variant::Plain, make }
    }

    /// Sets the expected verdict, which is `fail` otherwise.
    pub(crate) const fn graded(mut self, verdict: &'static str) -> Self {
        self.verdict = verdict;
        self
    }

    /// Sets the variant of the server.
    pub(crate) const fn with(mut self, variant: Variant) -> Self {
        self.variant = variant;
        self
    }
}

/// Replaces the value at a JSON pointer, if it exists.
pub(crate) fn put(message: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = message.pointer_mut(pointer) {
        *place = value;
    }
}

/// Removes a member from the object at a JSON pointer.
pub(crate) fn drop_at(message: &mut Value, pointer: &str, name: &str) {
    if let Some(object) = message.pointer_mut(pointer).and_then(Value::as_object_mut) {
        object.remove(name);
    }
}

/// Applies a change to every cost of a cost map or endpoint cost map.
pub(crate) fn each_cost(message: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    for name in ["cost-map", "endpoint-cost-map"] {
        let rows = message.get_mut(name).and_then(Value::as_object_mut).into_iter().flatten();
        rows.flat_map(|(_, row)| row.as_object_mut().into_iter().flatten()).for_each(|(_, cost)| change(cost));
    }
}

/// Removes the first pair from a cost map or endpoint cost map.
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

/// Changes every tag in the messages of the server.
pub(crate) fn tags(r: &mut Reference, change: fn(&str) -> String) {
    fn walk(value: &mut Value, change: fn(&str) -> String) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(tag)) = members.get_mut("tag") {
                    *tag = change(tag);
                }
                members.values_mut().for_each(|value| walk(value, change));
            }
            Value::Array(elements) => elements.iter_mut().for_each(|value| walk(value, change)),
            _ => {}
        }
    }
    r.rewrite_messages(move |_, _, message| walk(message, change));
}
