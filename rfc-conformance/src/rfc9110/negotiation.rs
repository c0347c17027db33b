//! Checks of odd forms of Accept and Content-Type (RFC 9110 §8.3, §12.5.1).

use super::requirements::{
    s8_3::TYPE_FORMS,
    s12_5_1::{ACCEPT_FORMS, MOST_SPECIFIC},
};
use crate::assertion::promised;
use crate::check::Check;
use crate::context::Context;
use crate::framing::{bodiless, grade_alive, grade_steadfast, head, posted};
use crate::http::{NoAnswer, Request};
use crate::sheet::Sheet;
use crate::subject::Kind;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("sends Accept in many invalid and extreme forms", &[ACCEPT_FORMS], accept_forms),
    Check::new("sends Accept with ranges that contradict each other", &[MOST_SPECIFIC], most_specific),
    Check::new("sends Content-Type in many invalid and extreme forms", &[TYPE_FORMS], type_forms),
];

/// Field values that are invalid or extreme as a list of media ranges or as a media type.
fn forms() -> Vec<String> {
    let texts = [
        "",
        ",",
        ";",
        ",,;",
        "*",
        "*/",
        "/*",
        "/",
        "a",
        "a/",
        "/b",
        "a/b/c",
        "a b/c",
        "\"",
        "\"a/b\"",
        "a/b;",
        "a/b;q",
        "a/b;q=",
        "a/b;q=2",
        "a/b;q=-1",
        "a/b;q=0.00001",
        "a/b;q=x",
        "a/b;q=1;q=0",
        "a/b;c=\"d",
        "a/b;c=\"\\",
        "a/b;=c",
        "application/*+json",
        "application/alto-networkmap+json;v=1;q=0.5;w=2",
        "caf\u{e9}/\u{2603}",
        "*/*;q=0.5, ;q=1",
    ];
    let long = [
        format!("a/{}", "b".repeat(2000)),
        format!("a/b;{}", "c=d;".repeat(500)),
        vec!["a/b;q=0.1"; 400].join(","),
        ",".repeat(2000),
    ];
    texts.iter().map(|text| (*text).to_owned()).chain(long).collect()
}

fn accept_forms(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(ACCEPT_FORMS);
    let uri = &context.subject.first.request.uri;
    for form in forms() {
        let answer = bodiless(context, "GET", uri, &format!("Accept: {form}\r\n")).map(|raw| raw.exchange);
        let what = format!("Accept: {}", crate::json::shorten(&form, 40));
        grade_steadfast(entry, answer, "form of Accept", &what);
    }
    grade_alive(context, entry, "odd forms of Accept");
    Ok(())
}

fn most_specific(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(MOST_SPECIFIC);
    entry.skip("no resource can be read");
    for kind in [Kind::NetworkMap, Kind::CostMap] {
        let Some(resource) = context.of(kind).next() else { continue };
        let media_type = &resource.media_type;
        for form in [
            format!("*/*;q=0, {media_type}"),
            format!("{media_type};q=0.5"),
            format!(", ,{media_type} ; q=0.5 ,"),
            format!("{media_type};q=0.1, application/*;q=0"),
            format!("application/*;q=0, */*;q=0, {media_type};q=0.001"),
            format!("text/html;q=1, {media_type};q=0.1, text/*;q=0.9"),
        ] {
            let exchange = context.send(Request::get(&resource.uri).with("Accept", &form))?;
            entry.saw(&exchange, 1, "form of Accept");
            if let Err(finding) = promised(resource, &exchange) {
                entry.fail(finding);
            }
        }
    }
    Ok(())
}

fn type_forms(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(TYPE_FORMS);
    entry.skip("no resource that takes requests is listed");
    let Some((resource, body)) = posted(context)? else { return Ok(()) };
    let request = Request::post(&resource.uri, "", body.clone());
    for form in forms() {
        let answer = context.client.send_raw(&resource.uri, || {
            let fields =
                format!("Content-Type: {form}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
            head(context, &request, &fields).into_bytes()
        });
        let what = format!("Content-Type: {}", crate::json::shorten(&form, 40));
        grade_steadfast(entry, answer, "form of Content-Type", &what);
    }
    grade_alive(context, entry, "odd forms of Content-Type");
    Ok(())
}
