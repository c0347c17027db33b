//! Generator of malformed requests from a valid one and its schema: members removed or of another type, invalid array
//! elements, invalid JSON, and other media types.

use serde_json::{Value, json};

use crate::json::{kind, pointer, shorten};
use crate::schema;

/// Nesting depth of deep bodies: far beyond legitimate use, but within usual body limits.
const DEPTH: usize = 100_000;

/// Fault in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Body that is not JSON.
    Syntax,
    /// JSON that is not an object.
    NotObject,
    /// Required member that is missing.
    Missing,
    /// Member of another JSON type.
    Type,
    /// Member with the value null.
    Null,
    /// Array element of another JSON type.
    ElementType,
    /// Array element that is a string of another form.
    ElementValue,
    /// Array with too few elements.
    TooFew,
    /// Member that occurs twice.
    Duplicate,
    /// Deeply nested arrays.
    Deep,
    /// Content-Type that the resource does not accept.
    MediaType,
}

/// Content-Type of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentType {
    /// Media type that the resource accepts.
    Accepted,
    /// Another media type.
    Other(&'static str),
    /// Content-Type field is absent.
    Absent,
}

/// A malformed request.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) fault: Fault,
    /// Description of the change to a valid request.
    pub(crate) what: String,
    /// Path of the invalid member from the root; empty for the body as a whole.
    pub(crate) path: String,
    /// Invalid array element as text.
    pub(crate) value: Option<String>,
    pub(crate) body: Vec<u8>,
    /// Content-Type to send.
    pub(crate) content_type: ContentType,
}

/// Generates all malformed variants of a valid request.
pub(crate) fn cases(media_type: &str, sample: &Value) -> Vec<Case> {
    let mut cases = invalid_bodies(sample);
    let schema = schema::resolved(media_type).unwrap_or_default();
    mutate(sample, &schema, sample, "", &mut |case: Case, body: Value| {
        // Variants that the schema permits are not malformed, such as those without an optional member.
        if schema::violations(media_type, &body).is_some_and(|violations| !violations.is_empty()) {
            cases.push(Case { body: body.to_string().into_bytes(), ..case });
        }
    });
    cases.extend(other_media_types(media_type, sample));
    cases
}

fn case(fault: Fault, what: impl Into<String>, path: &str) -> Case {
    Case {
        fault,
        what: what.into(),
        path: path.to_owned(),
        value: None,
        body: Vec::new(),
        content_type: ContentType::Accepted,
    }
}

/// Returns one value of every JSON type.
fn one_of_each() -> [Value; 6] {
    [Value::Null, json!(true), json!(42), json!("text"), json!([]), json!({})]
}

/// Traverses schema and sample in parallel and reports every variant of the whole body.
fn mutate(whole: &Value, schema: &Value, part: &Value, path: &str, report: &mut dyn FnMut(Case, Value)) {
    let place = |path: &str| {
        path.split('/').filter(|step| !step.is_empty()).fold(String::new(), |base, step| pointer(&base, step))
    };
    match part {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                let at = place(&path);
                let mut without = whole.clone();
                let parent = at.rsplit_once('/').map_or("", |(parent, _)| parent);
                if let Some(parent) = without.pointer_mut(parent).and_then(Value::as_object_mut) {
                    parent.remove(name);
                }
                report(case(Fault::Missing, format!("without `{path}`"), &path), without);
                for other in one_of_each().into_iter().filter(|other| kind(other) != kind(value)) {
                    let fault = if other.is_null() { Fault::Null } else { Fault::Type };
                    let what = format!("with {} as `{path}`", shorten(&other.to_string(), 20));
                    report(case(fault, what, &path), replaced(whole, &at, other));
                }
                let inner = schema.pointer(&pointer("/properties", name)).unwrap_or(&Value::Null);
                mutate(whole, inner, value, &path, report);
            }
        }
        Value::Array(elements) => {
            let at = place(path);
            if schema.get("minItems").is_some() && !elements.is_empty() {
                report(
                    case(Fault::TooFew, format!("with an empty array `{path}`"), path),
                    replaced(whole, &at, json!([])),
                );
            }
            for (index, element) in elements.iter().enumerate() {
                let others = one_of_each().into_iter().filter(|other| kind(other) != kind(element));
                let others = others.map(|value| (Fault::ElementType, value));
                let texts = ["", "no such thing!", "ipv4:300.1.1.1"].map(|text| (Fault::ElementValue, json!(text)));
                for (fault, value) in others.chain(texts) {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    let what = format!("with {} as element {index} of `{path}`", shorten(&value.to_string(), 20));
                    let body = replaced(whole, &format!("{at}/{index}"), value);
                    report(Case { value: Some(text), ..case(fault, what, path) }, body);
                }
                if element.is_object() || element.is_array() {
                    let inner = schema.get("items").unwrap_or(&Value::Null);
                    mutate(whole, inner, element, &format!("{path}/{index}"), report);
                }
            }
        }
        _ => {}
    }
}

fn replaced(whole: &Value, place: &str, value: Value) -> Value {
    let mut body = whole.clone();
    if let Some(subject) = body.pointer_mut(place) {
        *subject = value;
    }
    body
}

/// Generates bodies that are not JSON or not an object.
fn invalid_bodies(sample: &Value) -> Vec<Case> {
    let text = sample.to_string();
    let inner = text.trim_start_matches('{').trim_end_matches('}');
    let with_bytes = |bytes: &[u8]| [b"{\"x-unknown\":\"", bytes, b"\",", inner.as_bytes(), b"}"].concat();
    let syntax: Vec<(&str, Vec<u8>)> = vec![
        ("an empty body", Vec::new()),
        ("only white space", b" \n".to_vec()),
        ("a single brace", b"{".to_vec()),
        ("a body cut in half", text.as_bytes()[..text.len() / 2].to_vec()),
        ("a comma at the end", format!("{{{inner},}}").into_bytes()),
        ("single quotes", text.replace('"', "'").into_bytes()),
        ("a name without quotes", format!("{{x:1,{inner}}}").into_bytes()),
        ("NaN as a value", format!("{{\"x-unknown\":NaN,{inner}}}").into_bytes()),
        ("a number with a leading zero", format!("{{\"x-unknown\":01,{inner}}}").into_bytes()),
        ("a comment", format!("/* */{text}").into_bytes()),
        ("two values", format!("{text} {text}").into_bytes()),
        ("garbage at the end", format!("{text} x").into_bytes()),
        ("bytes that are not UTF-8", with_bytes(b"\xff\xfe")),
        ("a control character in a string", with_bytes(b"\x01")),
        ("an unknown escape", with_bytes(b"\\x")),
    ];
    let mut cases: Vec<_> =
        syntax.into_iter().map(|(what, body)| Case { body, ..case(Fault::Syntax, what, "") }).collect();
    for other in ["[]", "null", "42", "\"text\"", "true"] {
        let body = other.as_bytes().to_vec();
        cases.push(Case { body, ..case(Fault::NotObject, format!("{other} instead of an object"), "") });
    }
    for (name, value) in sample.as_object().into_iter().flatten() {
        let body = format!("{{\"{name}\":{value},{inner}}}").into_bytes();
        cases.push(Case { body, ..case(Fault::Duplicate, format!("with `{name}` twice"), name) });
    }
    let arrays = [vec![b'['; DEPTH], vec![b']'; DEPTH]].concat();
    cases.push(Case { body: arrays, ..case(Fault::Deep, format!("{DEPTH} nested arrays"), "") });
    let body = [b"{\"x-unknown\":".as_slice(), &vec![b'['; DEPTH], &vec![b']'; DEPTH], b",", inner.as_bytes(), b"}"];
    let what = format!("an unknown member with {DEPTH} nested arrays");
    cases.push(Case { body: body.concat(), ..case(Fault::Deep, what, "") });
    cases
}

/// Generates the valid body with other media types.
fn other_media_types(media_type: &str, sample: &Value) -> Vec<Case> {
    let others = [
        "text/plain",
        "application/json",
        "application/x-www-form-urlencoded",
        "application/alto-error+json",
        "application/alto-networkmapfilter+json",
        "application/alto-costmapfilter+json",
        "application/alto-endpointpropparams+json",
        "application/alto-endpointcostparams+json",
        "application/alto-propmapparams+json",
    ];
    let others = others.into_iter().filter(|other| *other != media_type).map(ContentType::Other);
    let cases = others.chain([ContentType::Absent]).map(|content_type| {
        let what = if let ContentType::Other(other) = content_type {
            format!("as {other}")
        } else {
            "without Content-Type".to_owned()
        };
        Case { body: sample.to_string().into_bytes(), content_type, ..case(Fault::MediaType, what, "") }
    });
    cases.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn texts(media_type: &str, sample: &Value, fault: Fault) -> BTreeSet<String> {
        let cases = cases(media_type, sample).into_iter().filter(|case| case.fault == fault);
        cases.map(|case| format!("{} {}", case.path, String::from_utf8_lossy(&case.body))).collect()
    }

    #[test]
    fn every_member_is_removed_and_changed_in_type() {
        let media_type = "application/alto-networkmapfilter+json";
        let sample = json!({"pids": ["a"], "address-types": ["ipv4"]});
        let missing: Vec<_> = texts(media_type, &sample, Fault::Missing).into_iter().collect();
        // `address-types` is optional.
        assert_eq!(missing, [r#"pids {"address-types":["ipv4"]}"#]);
        assert_eq!(texts(media_type, &sample, Fault::Type).len(), 2 * 4);
        assert_eq!(texts(media_type, &sample, Fault::Null).len(), 2);
        assert_eq!(texts(media_type, &sample, Fault::ElementType).len(), 2 * 5);
        // Any text may be the name of a PID.
        assert_eq!(texts(media_type, &sample, Fault::ElementValue).len(), 0);
    }

    #[test]
    fn nested_members_are_reached() {
        let media_type = "application/alto-costmapfilter+json";
        let cost_type = json!({"cost-mode": "numerical", "cost-metric": "routingcost"});
        let sample = json!({"cost-type": cost_type, "pids": {"srcs": ["a"], "dsts": ["b", "c"]}});
        let missing = texts(media_type, &sample, Fault::Missing);
        let paths: Vec<_> = missing.iter().map(|case| case.split(' ').next().unwrap()).collect();
        assert_eq!(paths, ["cost-type", "cost-type/cost-metric", "cost-type/cost-mode", "pids/dsts", "pids/srcs"]);
        assert_eq!(texts(media_type, &sample, Fault::ElementType).len(), 3 * 5);
    }

    #[test]
    fn elements_that_are_objects_or_arrays_are_reached() {
        let media_type = "application/alto-costmapfilter+json";
        let cost_type = json!({"cost-mode": "numerical", "cost-metric": "routingcost"});
        let sample = json!({"multi-cost-types": [cost_type], "or-constraints": [["le 5"]]});
        let paths = |fault| {
            let cases = cases(media_type, &sample).into_iter().filter(|case| case.fault == fault);
            cases.map(|case| case.path).collect::<BTreeSet<_>>()
        };
        let inner = ["cost-metric", "cost-mode"].map(|name| format!("multi-cost-types/0/{name}"));
        let missing: BTreeSet<_> = inner.into_iter().chain(["multi-cost-types".to_owned()]).collect();
        assert_eq!(paths(Fault::Missing), missing);
        assert!(paths(Fault::ElementValue).contains("or-constraints/0"));
        assert!(paths(Fault::TooFew).contains("or-constraints/0"));
    }

    #[test]
    fn faults_are_as_declared() {
        let sample = json!({"properties": ["a.pid"], "endpoints": ["ipv4:192.0.2.1"]});
        let media_type = "application/alto-endpointpropparams+json";
        let mut count = 0;
        for case in cases(media_type, &sample) {
            let parsed = serde_json::from_slice::<Value>(&case.body);
            match case.fault {
                Fault::Syntax => assert!(parsed.is_err(), "{}", case.what),
                Fault::Deep => assert!(std::str::from_utf8(&case.body).is_ok()),
                Fault::MediaType | Fault::Duplicate => assert_eq!(parsed.unwrap(), sample),
                _ => assert_ne!(schema::violations(media_type, &parsed.unwrap()), Some(Vec::new()), "{}", case.what),
            }
            count += 1;
        }
        assert!(count > 50, "{count}");
        assert_eq!(texts(media_type, &sample, Fault::TooFew).len(), 2);
        assert!(!texts(media_type, &sample, Fault::ElementValue).is_empty());
    }
}
