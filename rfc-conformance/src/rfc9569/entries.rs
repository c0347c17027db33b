//! Checks of directory entries of TIPS (RFC 9569 §5, §6.2).

use serde_json::Value;

use super::NO_SERVICE;
use super::requirements::{
    s5::ENTRY,
    s5_1::MEDIA_TYPE,
    s5_2::{KEYS, VALUES},
    s5_3::CLOSED,
    s6_2::STREAM,
};
use crate::check::Check;
use crate::context::Context;
use crate::http::NoAnswer;
use crate::json::{brief, pointer};
use crate::sheet::Sheet;
use crate::subject::Resource;
use crate::updates::{EVENT_STREAM, JSON_PATCH, MERGE_PATCH, TIPS, TIPS_PARAMS, dependencies};
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[Check::new(
    "examines the entries of TIPS in all directories",
    &[ENTRY, MEDIA_TYPE, KEYS, VALUES, CLOSED, STREAM],
    entries,
)];

fn entries(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NO_SERVICE);
    let all = &context.subject.resources;
    let is_tips =
        |resource: &&Resource| resource.media_type == TIPS || resource.accepts.as_deref() == Some(TIPS_PARAMS);
    for resource in all.iter().filter(is_tips) {
        form(context, resource, sheet);
        patch_types(context, resource, sheet);
        dependencies::closed(context, resource, CLOSED, sheet);
        let exchange = &context.subject.directory_of(resource).exchange;
        let streamed =
            all.iter().any(|other| other.media_type == EVENT_STREAM && other.uses().contains(&&*resource.id));
        let entry = sheet.on(STREAM);
        entry.saw(exchange, 1, "entry");
        if !streamed {
            let finding = Finding::new(format!("an update stream that follows {}", resource.id), "none");
            entry.info(finding.at(resource.pointer()).from(exchange));
        }
    }
    Ok(())
}

/// Grades whether the entry says everything that it has to say.
fn form(context: &Context<'_>, resource: &Resource, sheet: &mut Sheet) {
    let exchange = &context.subject.directory_of(resource).exchange;
    let entry = sheet.on(MEDIA_TYPE);
    entry.saw(exchange, 1, "entry");
    if resource.media_type != TIPS {
        let finding = Finding::new(TIPS, &resource.media_type).at(resource.pointer() + "/media-type");
        entry.fail(finding.from(exchange));
    }
    let entry = sheet.on(ENTRY);
    entry.saw(exchange, 1, "entry");
    let mut wrong = |name: &str, expected: &str, seen: Option<&Value>| {
        let seen = seen.map_or_else(|| "none".to_owned(), brief);
        entry.fail(Finding::new(expected, seen).at(resource.pointer() + name).from(exchange));
    };
    if resource.accepts.as_deref() != Some(TIPS_PARAMS) {
        wrong("/accepts", TIPS_PARAMS, resource.entry.get("accepts"));
    }
    let uses = resource.entry.get("uses");
    if !uses.and_then(Value::as_array).is_some_and(|uses| !uses.is_empty() && uses.iter().all(Value::is_string)) {
        wrong("/uses", "an array of resource IDs", uses);
    }
    let types = resource.entry.pointer("/capabilities/incremental-change-media-types");
    if !types.is_some_and(Value::is_object) {
        wrong("/capabilities/incremental-change-media-types", "an object", types);
    }
}

fn patch_types(context: &Context<'_>, resource: &Resource, sheet: &mut Sheet) {
    let exchange = &context.subject.directory_of(resource).exchange;
    let base = resource.pointer() + "/capabilities/incremental-change-media-types";
    let types = resource.entry.pointer("/capabilities/incremental-change-media-types").and_then(Value::as_object);
    for (id, value) in types.into_iter().flatten() {
        let place = pointer(&base, id);
        let entry = sheet.on(KEYS);
        entry.saw(exchange, 1, "resource with patches");
        if !resource.uses().contains(&id.as_str()) {
            entry.fail(Finding::new("an ID in `uses`", id).at(&place).from(exchange));
        }
        let entry = sheet.on(VALUES);
        entry.saw(exchange, 1, "resource with patches");
        let both = format!("{MERGE_PATCH},{JSON_PATCH}");
        if !value.as_str().is_some_and(|text| [MERGE_PATCH, JSON_PATCH, &both].contains(&text)) {
            let expected = format!("{MERGE_PATCH}, {JSON_PATCH}, or {both}");
            entry.fail(Finding::new(expected, brief(value)).at(&place).from(exchange));
        }
    }
}
