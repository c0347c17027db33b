//! Checks of directory entries of update streams (RFC 8895 §6.1 to §6.4).

use serde_json::Value;

use super::NO_SERVICE;
use super::requirements::{s6::ENTRY, s6_3::PATCH_TYPES, s6_4::CLOSED};
use crate::check::Check;
use crate::context::Context;
use crate::http::NoAnswer;
use crate::json::{brief, pointer};
use crate::sheet::Sheet;
use crate::subject::Resource;
use crate::updates::{EVENT_STREAM, JSON_PATCH, MERGE_PATCH, STREAM_PARAMS, dependencies};
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] =
    &[Check::new("examines the entries of update streams in all directories", &[ENTRY, PATCH_TYPES, CLOSED], entries)];

fn entries(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NO_SERVICE);
    for resource in context.subject.resources.iter().filter(|resource| resource.media_type == EVENT_STREAM) {
        form(context, resource, sheet);
        patch_types(context, resource, sheet);
        dependencies::closed(context, resource, CLOSED, sheet);
    }
    Ok(())
}

/// Grades whether the entry says everything that it has to say.
fn form(context: &Context<'_>, resource: &Resource, sheet: &mut Sheet) {
    let exchange = &context.subject.directory_of(resource).exchange;
    let entry = sheet.on(ENTRY);
    entry.saw(exchange, 1, "entry");
    let mut wrong = |name: &str, expected: &str, seen: Option<&Value>| {
        let seen = seen.map_or_else(|| "none".to_owned(), brief);
        entry.fail(Finding::new(expected, seen).at(resource.pointer() + name).from(exchange));
    };
    if resource.accepts.as_deref() != Some(STREAM_PARAMS) {
        wrong("/accepts", STREAM_PARAMS, resource.entry.get("accepts"));
    }
    let uses = resource.entry.get("uses");
    if !uses.and_then(Value::as_array).is_some_and(|uses| !uses.is_empty() && uses.iter().all(Value::is_string)) {
        wrong("/uses", "an array of resource IDs", uses);
    }
    let capability = |name: &str| resource.entry.get("capabilities").and_then(|all| all.get(name));
    let control = capability("support-stream-control");
    if !control.is_some_and(Value::is_boolean) {
        wrong("/capabilities/support-stream-control", "true or false", control);
    }
    let types = capability("incremental-change-media-types");
    if !types.is_some_and(Value::is_object) {
        wrong("/capabilities/incremental-change-media-types", "an object", types);
    }
}

fn patch_types(context: &Context<'_>, resource: &Resource, sheet: &mut Sheet) {
    let exchange = &context.subject.directory_of(resource).exchange;
    let types = resource.entry.pointer("/capabilities/incremental-change-media-types").and_then(Value::as_object);
    for (id, value) in types.into_iter().flatten() {
        let place = pointer(&(resource.pointer() + "/capabilities/incremental-change-media-types"), id);
        let entry = sheet.on(PATCH_TYPES);
        entry.saw(exchange, 1, "resource with patches");
        if !resource.uses().contains(&id.as_str()) {
            entry.fail(Finding::new("an ID in `uses`", id).at(&place).from(exchange));
        }
        let known = |text: &str| matches!(text.trim(), MERGE_PATCH | JSON_PATCH);
        if !value.as_str().is_some_and(|text| text.split(',').all(known)) {
            let expected = format!("{MERGE_PATCH}, {JSON_PATCH}, or both separated by a comma");
            entry.fail(Finding::new(expected, brief(value)).at(&place).from(exchange));
        }
    }
}
