//! Merge patches (RFC 7396) and JSON patches (RFC 6902), applied strictly.

use std::fmt;

use serde_json::{Map, Value};

/// Reason why a JSON patch cannot be applied, by the rule that it breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The patch is no array.
    NoArray,
    /// An operation has not exactly one known `op` and one `path`, or lacks what the `op` needs.
    Operation(String),
    /// Something is added where there is no parent, or beyond the end of an array.
    Add(String),
    /// Something is taken or replaced that does not exist.
    Missing(String),
    /// A value is moved into itself.
    IntoItself(String),
    /// A test fails.
    Test(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoArray => f.write_str("the patch is no array"),
            Self::Operation(what) => write!(f, "an operation without `op`, `path` or what belongs to them: {what}"),
            Self::Add(path) => write!(f, "`add` at {path}, which has no parent or is beyond the end of an array"),
            Self::Missing(path) => write!(f, "nothing exists at {path}"),
            Self::IntoItself(path) => write!(f, "`move` into itself at {path}"),
            Self::Test(path) => write!(f, "the `test` of {path} fails"),
        }
    }
}

/// Applies a merge patch.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(object) = target else { return };
    for (name, value) in members {
        if value.is_null() {
            object.remove(name);
        } else {
            merge(object.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Applies a JSON patch, whole or not at all.
pub(crate) fn apply(target: &mut Value, patch: &Value) -> Result<(), Unfit> {
    let operations = patch.as_array().ok_or(Unfit::NoArray)?;
    let mut copy = target.clone();
    for operation in operations {
        step(&mut copy, operation)?;
    }
    *target = copy;
    Ok(())
}

fn step(target: &mut Value, operation: &Value) -> Result<(), Unfit> {
    let unfit = || Unfit::Operation(crate::json::brief(operation));
    let text = |name: &str| operation.get(name).and_then(Value::as_str).ok_or_else(unfit);
    let pointer = |name: &str| {
        let pointer = text(name)?;
        if pointer.is_empty() || pointer.starts_with('/') { Ok(pointer) } else { Err(unfit()) }
    };
    let path = pointer("path")?;
    let value = || operation.get("value").cloned().ok_or_else(unfit);
    match text("op")? {
        "add" => add(target, path, value()?),
        "remove" => remove(target, path).map(drop),
        "replace" => {
            let value = value()?;
            *at(target, path)? = value;
            Ok(())
        }
        "move" => {
            let from = pointer("from")?;
            if path.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
                return Err(Unfit::IntoItself(path.to_owned()));
            }
            let value = remove(target, from)?;
            add(target, path, value)
        }
        "copy" => {
            let value = at(target, pointer("from")?)?.clone();
            add(target, path, value)
        }
        "test" => {
            let value = value()?;
            let is_equal = at(target, path).is_ok_and(|here| same(here, &value));
            if is_equal { Ok(()) } else { Err(Unfit::Test(path.to_owned())) }
        }
        _ => Err(unfit()),
    }
}

/// Returns what a pointer leads to. Indices have no leading zeros (RFC 6901 §4), which `Value::pointer_mut` checks.
fn at<'v>(target: &'v mut Value, path: &str) -> Result<&'v mut Value, Unfit> {
    target.pointer_mut(path).ok_or_else(|| Unfit::Missing(path.to_owned()))
}

fn split(path: &str) -> Option<(&str, String)> {
    let (parent, last) = path.rsplit_once('/')?;
    Some((parent, last.replace("~1", "/").replace("~0", "~")))
}

fn index(step: &str) -> Option<usize> {
    step.parse().ok().filter(|_| step == "0" || !step.starts_with(['0', '+']))
}

fn add(target: &mut Value, path: &str, value: Value) -> Result<(), Unfit> {
    let unfit = || Unfit::Add(path.to_owned());
    let Some((parent, last)) = split(path) else {
        *target = value;
        return Ok(());
    };
    match target.pointer_mut(parent).ok_or_else(unfit)? {
        Value::Object(object) => {
            object.insert(last, value);
        }
        Value::Array(array) if last == "-" => array.push(value),
        Value::Array(array) => {
            let index = index(&last).filter(|index| *index <= array.len()).ok_or_else(unfit)?;
            array.insert(index, value);
        }
        _ => return Err(unfit()),
    }
    Ok(())
}

fn remove(target: &mut Value, path: &str) -> Result<Value, Unfit> {
    let missing = || Unfit::Missing(path.to_owned());
    let (parent, last) = split(path).ok_or_else(missing)?;
    match target.pointer_mut(parent).ok_or_else(missing)? {
        Value::Object(object) => object.remove(&last).ok_or_else(missing),
        Value::Array(array) => {
            let index = index(&last).filter(|index| *index < array.len()).ok_or_else(missing)?;
            Ok(array.remove(index))
        }
        _ => Err(missing()),
    }
}

/// Tests whether two values are equal; numbers are compared by value.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}

/// Tests whether a merge patch deletes a member that the document has, or that a null was meant for.
pub(crate) fn nulls(patch: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, found: &mut Vec<String>) {
        for (name, value) in value.as_object().into_iter().flatten() {
            let path = crate::json::pointer(path, name);
            if value.is_null() {
                found.push(path);
            } else {
                walk(value, &path, found);
            }
        }
    }
    let mut found = Vec::new();
    walk(patch, "", &mut found);
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn merge_patches_follow_the_examples_of_the_rfc() {
        // RFC 7396, appendix A.
        for (mut target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            merge(&mut target, &patch);
            assert_eq!(target, result, "{patch}");
        }
    }

    #[test]
    fn json_patches_are_strict() {
        let document = json!({"a": {"b/c": [1, 2]}, "n": 1});
        let patched = |patch: Value| {
            let mut target = document.clone();
            apply(&mut target, &patch).map(|()| target)
        };
        let add = |path: &str| json!([{"op": "add", "path": path, "value": 3}]);
        assert_eq!(patched(add("/a/b~1c/-")).unwrap(), json!({"a": {"b/c": [1, 2, 3]}, "n": 1}));
        assert_eq!(patched(add("/a/b~1c/0")).unwrap()["a"]["b/c"], json!([3, 1, 2]));
        assert!(matches!(patched(add("/a/b~1c/3")), Err(Unfit::Add(_))));
        assert!(matches!(patched(add("/a/b~1c/01")), Err(Unfit::Add(_))));
        assert!(matches!(patched(add("/x/y")), Err(Unfit::Add(_))));
        assert!(matches!(patched(json!([{"op": "remove", "path": "/x"}])), Err(Unfit::Missing(_))));
        assert!(matches!(patched(json!([{"op": "replace", "path": "/x", "value": 1}])), Err(Unfit::Missing(_))));
        assert!(matches!(patched(json!([{"op": "move", "from": "/a", "path": "/a/b"}])), Err(Unfit::IntoItself(_))));
        assert!(matches!(patched(json!([{"op": "add", "path": "/x"}])), Err(Unfit::Operation(_))));
        assert!(matches!(patched(json!([{"op": "put", "path": "/x"}])), Err(Unfit::Operation(_))));
        assert!(matches!(patched(json!({"op": "remove", "path": "/n"})), Err(Unfit::NoArray)));
        assert!(patched(json!([{"op": "test", "path": "/n", "value": 1.0}])).is_ok());
        let both = json!([{"op": "remove", "path": "/n"}, {"op": "test", "path": "/n", "value": 1}]);
        let mut target = document.clone();
        assert!(apply(&mut target, &both).is_err() && target == document);
    }
}
