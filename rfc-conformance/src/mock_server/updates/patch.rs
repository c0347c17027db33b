//! Differences between two versions of a document.

use serde_json::{Map, Value, json};

/// Returns the merge patch from one document to another; `None` if the difference is a null, which it cannot express.
pub fn merge(from: &Value, to: &Value) -> Option<Value> {
    let (Some(old), Some(new)) = (from.as_object(), to.as_object()) else {
        return (!to.is_null()).then(|| to.clone());
    };
    let mut patch = Map::new();
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, value) in new {
        match old.get(name) {
            Some(before) if before == value => {}
            Some(before) if before.is_object() && value.is_object() => {
                patch.insert(name.clone(), merge(before, value)?);
            }
            _ if has_null(value) => return None,
            _ => {
                patch.insert(name.clone(), value.clone());
            }
        }
    }
    Some(patch.into())
}

/// Tests whether a value is null or has a member that is.
fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}

/// Returns the JSON patch from one document to another.
pub fn json(from: &Value, to: &Value) -> Value {
    let mut operations = Vec::new();
    walk(from, to, "", &mut operations);
    operations.into()
}

fn walk(from: &Value, to: &Value, path: &str, operations: &mut Vec<Value>) {
    if from == to {
        return;
    }
    match (from, to) {
        (Value::Object(old), Value::Object(new)) => {
            let place = |name: &String| crate::json::pointer(path, name);
            for name in old.keys().filter(|name| !new.contains_key(*name)) {
                operations.push(json!({ "op": "remove", "path": place(name) }));
            }
            for (name, value) in new {
                match old.get(name) {
                    Some(before) => walk(before, value, &place(name), operations),
                    None => operations.push(json!({ "op": "add", "path": place(name), "value": value })),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) if new.starts_with(old) => {
            for value in &new[old.len()..] {
                operations.push(json!({ "op": "add", "path": format!("{path}/-"), "value": value }));
            }
        }
        _ => operations.push(json!({ "op": "replace", "path": path, "value": to })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_patches_lead_to_the_new_version() {
        let from = json!({"a": {"b/c": 1, "d": [1]}, "x": "y"});
        let to = json!({"a": {"b/c": 2, "d": [1, 2]}, "z": {"n": 1}});
        let mut merged = from.clone();
        crate::updates::patch::merge(&mut merged, &merge(&from, &to).unwrap());
        let mut patched = from.clone();
        crate::updates::patch::apply(&mut patched, &json(&from, &to)).unwrap();
        assert_eq!((&merged, &patched), (&to, &to));
        assert_eq!(merge(&from, &json!({"x": null})), None);
    }
}
