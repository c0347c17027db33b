//! Patches applied to typed maps: merge patches (RFC 7396) and JSON patches (RFC 6902).
//!
//! A patch that does not apply changes nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::document::{Document, Leaf};

/// Reason why a patch does not apply. The document is then the wrong one, or the server's patch is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a patch does not apply: {0}")]
pub(super) struct PatchError(pub(super) String);

/// Merge patch, in the form of the document.
#[derive(Deserialize)]
struct MergePatch {
    #[serde(default)]
    meta: Option<Map<String, Value>>,
    #[serde(flatten)]
    members: BTreeMap<String, MemberPatch>,
}

/// Patch of objects; null removes an object or a member.
type MemberPatch = BTreeMap<String, Option<BTreeMap<String, Option<Leaf>>>>;

/// Operation of a JSON patch. Other members of it are ignored (RFC 6902 §4).
#[derive(Deserialize)]
struct Operation {
    op: String,
    path: String,
    from: Option<String>,
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
}

/// Deserialises a value that differs from an absent one even if it is null.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Applies a merge patch.
pub(super) fn merge(document: &mut Document, text: &[u8]) -> Result<(), PatchError> {
    let patch: MergePatch = plain_words::parse(text, "{}").map_err(|faults| PatchError(faults.to_string()))?;
    if let Some(other) = patch.members.keys().find(|name| **name != document.member) {
        return Err(PatchError(format!("it changes {other}, which the document does not have")));
    }
    for (key, value) in patch.meta.into_iter().flatten() {
        merge_value(document.meta.entry(key.clone()).or_insert(Value::Null), value);
        if document.meta[&key].is_null() {
            document.meta.remove(&key);
        }
    }
    for (row, change) in patch.members.into_values().flatten() {
        let Some(cells) = change else {
            document.rows.remove(&row);
            continue;
        };
        let known = document.rows.entry(row).or_default();
        for (cell, value) in cells {
            match value {
                Some(leaf) => drop(known.insert(cell, leaf)),
                None => drop(known.remove(&cell)),
            }
        }
    }
    Ok(())
}

/// Merges a patch into a value of `meta` (RFC 7396 §2).
fn merge_value(target: &mut Value, patch: Value) {
    let Value::Object(members) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(known) = target else { return };
    for (key, value) in members {
        if value.is_null() {
            known.remove(&key);
        } else {
            merge_value(known.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// Applies a JSON patch.
pub(super) fn apply(document: &mut Document, text: &[u8]) -> Result<(), PatchError> {
    let operations: Vec<Operation> = plain_words::parse(text, "{}").map_err(|faults| PatchError(faults.to_string()))?;
    // Only what is touched is copied, so that a failure leaves the document as it was.
    let mut meta = Value::Object(document.meta.clone());
    let mut rows: BTreeMap<String, Option<Value>> = BTreeMap::new();
    for Operation { op, path, from, value } in operations {
        let tokens = |path: &str| -> Result<Vec<String>, PatchError> {
            let rest =
                path.strip_prefix('/').ok_or_else(|| PatchError(format!("{path:?} is no path in the document")))?;
            Ok(rest.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect())
        };
        let mut touch = |tokens: &[String]| {
            if let [member, row, ..] = tokens
                && *member == document.member
                && let Some(cells) = document.rows.get(row)
            {
                rows.entry(row.clone()).or_insert_with(|| Some(object_of(cells)));
            }
        };
        let to = tokens(&path)?;
        touch(&to);
        let from = from.as_deref().map(tokens).transpose()?;
        if let Some(from) = &from {
            touch(from);
        }
        let mut root = Root { meta: &mut meta, member: &document.member, rows: &mut rows };
        let value = || value.clone().ok_or_else(|| PatchError(format!("{op} {path} has no value")));
        let source = || from.as_deref().ok_or_else(|| PatchError(format!("{op} {path} has no from")));
        match op.as_str() {
            "test" if same(root.get(&to)?, &value()?) => {}
            "test" => return Err(PatchError(format!("the value at {path} is another one"))),
            "add" => root.add(&to, value()?)?,
            "remove" => drop(root.remove(&to)?),
            "replace" => *root.get_mut(&to)? = value()?,
            "copy" => {
                let copied = root.get(source()?)?.clone();
                root.add(&to, copied)?;
            }
            "move" => {
                if to.starts_with(source()?) && to != source()? {
                    return Err(PatchError(format!("{path} is inside what is moved there")));
                }
                let moved = root.remove(source()?)?;
                root.add(&to, moved)?;
            }
            other => return Err(PatchError(format!("{other:?} is no operation"))),
        }
    }
    let mut changed = Vec::with_capacity(rows.len());
    for (name, row) in rows {
        let cells = match row {
            None => None,
            Some(Value::Object(cells)) => {
                let leaf = |(cell, value): (String, Value)| Ok((cell, Leaf::from_value(value)?));
                Some(cells.into_iter().map(leaf).collect::<Result<_, String>>().map_err(PatchError)?)
            }
            _ => return Err(PatchError(format!("{name} becomes something that is no object"))),
        };
        changed.push((name, cells));
    }
    let Value::Object(meta) = meta else {
        return Err(PatchError("meta becomes something that is no object".to_owned()));
    };
    document.meta = meta;
    for (name, cells) in changed {
        match cells {
            Some(cells) => drop(document.rows.insert(name, cells)),
            None => drop(document.rows.remove(&name)),
        }
    }
    Ok(())
}

fn object_of(cells: &BTreeMap<String, Leaf>) -> Value {
    Value::Object(cells.iter().map(|(cell, leaf)| (cell.clone(), leaf.to_value())).collect())
}

/// Tells whether two values are equal; numbers by value (RFC 6902 §4.6).
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let is_same = |(key, value)| other.get(key).is_some_and(|other| same(value, other));
            one.len() == other.len() && one.iter().all(is_same)
        }
        _ => one == other,
    }
}

/// The parts of a document that a JSON patch touches. An object that is gone is `None`.
struct Root<'a> {
    meta: &'a mut Value,
    member: &'a str,
    rows: &'a mut BTreeMap<String, Option<Value>>,
}

impl Root<'_> {
    fn get(&mut self, path: &[String]) -> Result<&Value, PatchError> {
        self.get_mut(path).map(|value| &*value)
    }

    fn get_mut(&mut self, path: &[String]) -> Result<&mut Value, PatchError> {
        let missing = || PatchError(format!("there is nothing at /{}", path.join("/")));
        let (mut value, rest) = match path {
            [member, rest @ ..] if member == "meta" => (&mut *self.meta, rest),
            [member, row, rest @ ..] if member == self.member => {
                (self.rows.get_mut(row).and_then(Option::as_mut).ok_or_else(missing)?, rest)
            }
            _ => return Err(missing()),
        };
        for token in rest {
            value = match value {
                Value::Object(members) => members.get_mut(token),
                Value::Array(elements) => index(token).and_then(|index| elements.get_mut(index)),
                _ => None,
            }
            .ok_or_else(missing)?;
        }
        Ok(value)
    }

    fn add(&mut self, path: &[String], new: Value) -> Result<(), PatchError> {
        if let [member, row] = path
            && member == self.member
        {
            self.rows.insert(row.clone(), Some(new));
            return Ok(());
        }
        let Some((last, parent)) = path.split_last() else {
            return Err(PatchError("it replaces everything".to_owned()));
        };
        match self.get_mut(parent)? {
            Value::Object(members) => drop(members.insert(last.clone(), new)),
            Value::Array(elements) => {
                let place = if last == "-" { Some(elements.len()) } else { index(last) };
                let place = place.filter(|place| *place <= elements.len());
                elements.insert(place.ok_or_else(|| PatchError(format!("{last:?} is no place in the array")))?, new);
            }
            _ => return Err(PatchError(format!("there is no object or array at /{}", parent.join("/")))),
        }
        Ok(())
    }

    fn remove(&mut self, path: &[String]) -> Result<Value, PatchError> {
        let missing = || PatchError(format!("there is nothing at /{}", path.join("/")));
        if let [member, row] = path
            && member == self.member
        {
            return self.rows.get_mut(row).and_then(Option::take).ok_or_else(missing);
        }
        let (last, parent) = path.split_last().ok_or_else(missing)?;
        match self.get_mut(parent)? {
            Value::Object(members) => members.remove(last),
            Value::Array(elements) => {
                index(last).filter(|index| *index < elements.len()).map(|index| elements.remove(index))
            }
            _ => None,
        }
        .ok_or_else(missing)
    }
}

/// Reads an index: digits without zeros in front (RFC 6901 §4).
fn index(token: &str) -> Option<usize> {
    let is_plain = token.bytes().all(|byte| byte.is_ascii_digit()) && (token == "0" || !token.starts_with('0'));
    token.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn document(value: &Value) -> Document {
        Document::read(value.to_string().as_bytes()).unwrap()
    }

    fn base() -> Value {
        json!({
            "meta": {"vtag": {"resource-id": "m", "tag": "1"}, "x": {"y": 1.0}},
            "map": {"a": {"n": 1.5, "m": [1, null], "t": "x"}, "b/c": {"p~q": ["10.0.0.0/8", "::/0"], "z": null}, "e": {}},
        })
    }

    #[test]
    fn documents_are_read_and_written_as_they_are() {
        assert_eq!(
            document(&base()).to_message().unwrap(),
            json!({
                "meta": {"vtag": {"resource-id": "m", "tag": "1"}, "x": {"y": 1.0}},
                "map": {"a": {"n": 1.5, "m": [1.0, null], "t": "x"}, "b/c": {"p~q": ["10.0.0.0/8", "::/0"], "z": null}, "e": {}},
            })
        );
        assert!(Document::read(b"{\"meta\":{}}").is_err() && Document::read(b"[]").is_err());
        let unknown = json!({"unknown": [1], "other": "x", "meta": {}, "map": {}});
        assert_eq!(document(&unknown).member, "map");
    }

    #[test]
    fn a_json_patch_that_fails_changes_nothing() {
        let before = document(&base());
        for operation in [
            json!({"op": "test", "path": "/meta/vtag/tag", "value": "2"}),
            json!({"op": "remove", "path": "/map/none"}),
            json!({"op": "replace", "path": "/map/a/none", "value": 1}),
            json!({"op": "remove", "path": "/map/b~1c/p~0q/2"}),
            json!({"op": "add", "path": "/map/b~1c/p~0q/01", "value": "x"}),
            json!({"op": "add", "path": "/map/b~1c/p~0q/3", "value": "x"}),
            json!({"op": "add", "path": "/map/x", "value": 7}),
            json!({"op": "add", "path": "/map/a/n/q", "value": 7}),
            json!({"op": "move", "from": "/map/a", "path": "/map/a/x"}),
            json!({"op": "frobnicate", "path": "/map/a"}),
            json!({"op": "add", "path": "/map/a/n"}),
        ] {
            let mut after = before.clone();
            let first = json!({"op": "remove", "path": "/map/a/t", "unknown": true});
            assert!(apply(&mut after, json!([first, operation]).to_string().as_bytes()).is_err(), "{operation}");
            assert_eq!(after, before, "{operation}");
        }
    }

    #[test]
    fn numbers_are_tested_by_value() {
        let mut document = document(&base());
        let patch = json!([{"op": "test", "path": "/meta/x/y", "value": 1}, {"op": "remove", "path": "/map/a"}]);
        apply(&mut document, patch.to_string().as_bytes()).unwrap();
        assert!(document.get("a", "n").is_none());
    }

    fn leaf() -> impl Strategy<Value = Value> {
        prop::sample::select(vec![json!(1.5), json!("x"), json!(["p", "q"]), json!([1.0, null]), json!([])])
    }

    fn patch() -> impl Strategy<Value = Value> {
        let key = prop::sample::select(vec!["a", "b/c", "n", "p~q", "new"]);
        let cells = prop::collection::btree_map(key.clone(), prop_oneof![leaf(), Just(Value::Null)], 0..4);
        let row = prop_oneof![cells.prop_map(|cells| json!(cells)), Just(Value::Null)];
        let rows = prop::collection::btree_map(key, row, 0..4);
        (rows, any::<bool>()).prop_map(|(rows, tag)| {
            let meta =
                if tag { json!({"vtag": {"tag": "2"}, "x": {"y": null}, "new": [1.0]}) } else { json!({"x": null}) };
            json!({"meta": meta, "map": rows})
        })
    }

    fn operation() -> impl Strategy<Value = Value> {
        let path = prop::sample::select(vec![
            "/map/a",
            "/map/a/n",
            "/map/a/m/0",
            "/map/b~1c/p~0q",
            "/map/b~1c/p~0q/1",
            "/map/b~1c/p~0q/-",
            "/map/new",
            "/map/new/x",
            "/meta/x",
            "/meta/vtag/tag",
        ]);
        let op = prop::sample::select(vec!["add", "remove", "replace", "move", "copy", "test"]);
        let value = prop_oneof![leaf(), Just(json!({"x": 1.0}))];
        (op, path.clone(), path, value)
            .prop_map(|(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}))
    }

    proptest! {
        #[test]
        fn merge_patches_have_the_effect_that_they_have_on_json(patch in patch()) {
            let (mut mine, mut reference) = (document(&base()), document(&base()).to_message().unwrap());
            merge(&mut mine, patch.to_string().as_bytes()).unwrap();
            json_patch::merge(&mut reference, &patch);
            prop_assert_eq!(mine.to_message().unwrap(), reference);
        }

        #[test]
        fn json_patches_have_the_effect_that_they_have_on_json(operations in prop::collection::vec(operation(), 1..6)) {
            let (mut mine, mut reference) = (document(&base()), document(&base()).to_message().unwrap());
            let before = mine.clone();
            let patch: json_patch::Patch = serde_json::from_value(Value::from(operations.clone())).unwrap();
            let is_applied = apply(&mut mine, Value::from(operations).to_string().as_bytes()).is_ok();
            // The other form undoes what it applied, and panics where that is impossible.
            let expected = json_patch::patch_unsafe(&mut reference, &patch).is_ok();
            let is_document = |value: &Value| value["meta"].is_object()
                && value["map"].as_object().unwrap().values().all(Value::is_object);
            if is_applied {
                prop_assert!(expected);
                prop_assert_eq!(mine.to_message().unwrap(), reference);
            } else {
                prop_assert!(!expected || !is_document(&reference));
                prop_assert_eq!(mine, before);
            }
        }
    }
}
