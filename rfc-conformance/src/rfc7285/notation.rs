//! Checks that equivalent spellings of a request have the same meaning (RFC 7285 §8.2, §8.3.7, RFC 7159).

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::requirements::{
    s8_2::{CASE, ESCAPES, ORDER},
    s8_3_7::UNKNOWN,
    s8_4_1::OPEN_META,
};
use crate::assertion::{Refusal, promised};
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::json::brief;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::subject::{Kind, Resource};
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "sends equivalent requests: members in another order, escapes, white space, unknown members at every place",
        &[ORDER, ESCAPES, UNKNOWN, OPEN_META],
        same_meaning,
    ),
    Check::new("changes the case of member names", &[CASE], case),
];

fn same_meaning(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no resource that takes requests is listed");
    for (resource, body) in context.valid_requests()? {
        let variants = variants(&body);
        let asked = context.steady_post(resource, &body, |_| {
            variants.iter().map(|(_, text)| context.post_bytes(resource, text.as_str())).collect::<Result<Vec<_>, _>>()
        })?;
        let Some(steady) = asked else {
            sheet.skip_all("answers changed during every comparison");
            continue;
        };
        if promised(resource, &steady.full).is_err() {
            sheet.skip_all("ordinary requests are not answered");
            continue;
        }
        for ((requirement, _), exchange) in variants.iter().zip(&steady.found) {
            let entry = sheet.on(*requirement);
            if let Some(data) = entry.promised(resource, exchange, "equivalent request")
                && let Some(finding) = difference(resource, &steady.full, data)
            {
                entry.fail(finding.from(&steady.full).from(exchange));
            }
        }
    }
    Ok(())
}

fn difference(resource: &Resource, plain: &Exchange, data: &Value) -> Option<Finding> {
    let member = resource.kind.data_member()?;
    let expected = plain.value()?.get(member)?;
    (expected != data).then(|| Finding::new(brief(expected), brief(data)).at(format!("/{member}")))
}

/// Lists equivalent spellings of a request with the requirement that each grades.
fn variants(body: &Value) -> Vec<(Requirement, String)> {
    let plain = body.to_string();
    let mut foreign = body.clone();
    with_unknown(&mut foreign, true);
    let mut top = body.clone();
    top["x-unknown"] = json!({"a": [1, {"b": null}]});
    let mut meta = body.clone();
    meta["meta"] = json!({"x": [null, 1.5, "y"]});
    vec![
        (ORDER, reversed(body)),
        (ORDER, format!("\r\n\t {}\n ", spaced(body, 0))),
        (ORDER, format!("{plain}\n")),
        (ESCAPES, escaped(&plain)),
        // A slash may be escaped, and need not be.
        (ESCAPES, plain.replacen('{', r#"{"x-unknown":"\/\u002F/","#, 1)),
        (UNKNOWN, top.to_string()),
        (UNKNOWN, foreign.to_string()),
        // Not in ASCII.
        (UNKNOWN, plain.replacen('{', "{\"x-unknown\":\"\u{e9} \u{6f22} \u{1f600}\",", 1)),
        (OPEN_META, meta.to_string()),
    ]
}

/// Adds an unknown member to every object.
fn with_unknown(value: &mut Value, outermost: bool) {
    if let Value::Object(members) = value {
        for inner in members.values_mut() {
            with_unknown(inner, false);
        }
        let name = if outermost { "x-unknown" } else { "x-inner" };
        members.insert(name.to_owned(), json!({"a": [1]}));
    }
}

/// Serialises a value with the members of objects in reverse order.
fn reversed(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<_> =
                members.iter().rev().map(|(name, value)| format!("{}:{}", json!(name), reversed(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        other => other.to_string(),
    }
}

/// Serialises a value with white space wherever JSON permits it.
fn spaced(value: &Value, depth: usize) -> String {
    let blank = "\n".to_owned() + &"\t ".repeat(depth);
    match value {
        Value::Object(members) => {
            let members: Vec<_> = members
                .iter()
                .map(|(name, value)| format!("{blank}{} :{blank}{}", json!(name), spaced(value, depth + 1)))
                .collect();
            format!("{{{} }}", members.join(" ,"))
        }
        Value::Array(elements) => {
            let elements: Vec<_> =
                elements.iter().map(|value| format!("{blank}{}", spaced(value, depth + 1))).collect();
            format!("[{}{blank}]", elements.join(" ,"))
        }
        other => other.to_string(),
    }
}

/// Escapes every letter and digit of every string.
fn escaped(text: &str) -> String {
    let mut in_string = false;
    let mut out = String::new();
    for c in text.chars() {
        if c == '"' {
            in_string = !in_string;
        }
        if in_string && c.is_ascii_alphanumeric() {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

fn case(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(CASE);
    entry.skip("no resource that takes requests is listed");
    for (resource, body) in context.valid_requests()? {
        let name = match resource.kind {
            Kind::FilteredNetworkMap => "pids",
            Kind::EndpointProperty => "properties",
            Kind::FilteredPropertyMap => "entities",
            _ => "cost-type",
        };
        let mut upper_case = body.clone();
        let Some(value) = upper_case.as_object_mut().and_then(|members| members.remove(name)) else {
            continue;
        };
        upper_case[name.to_uppercase()] = value;
        let answer = context.post(resource, &upper_case);
        let refusal = Refusal { codes: &["E_MISSING_FIELD"], fields: &[name], ..Refusal::default() };
        entry.refused(&answer, "member name in upper case", &refusal);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_equivalent() {
        let body = json!({"cost-type": {"cost-mode": "numerical"}, "pids": {"srcs": ["a", "b\"c"], "dsts": []}});
        for (requirement, text) in variants(&body) {
            let mut read: Value = serde_json::from_str(&text).unwrap();
            assert_ne!(text, body.to_string());
            read.as_object_mut().unwrap().remove("x-unknown");
            if requirement == UNKNOWN || requirement == OPEN_META {
                read.as_object_mut().unwrap().remove("meta");
                for inner in ["cost-type", "pids"] {
                    read[inner].as_object_mut().unwrap().remove("x-inner");
                }
            }
            assert_eq!(read, body, "{text}");
        }
    }
}
