//! What binds every answer, whatever it was asked for.

use serde_json::Value;

use crate::check::{Check, Requirement};
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::json;
use crate::verdict::{Finding, Sheet};

const DUPLICATES: Requirement =
    Requirement::def("rfc7285/8.2/5", "No object of an answer has two members of the same name");
const META: Requirement = Requirement::def("rfc7285/8.4/1", "Every answer has an object member `meta`");

/// What is graded by looking at all answers.
pub(crate) const GRADES: &[Requirement] = &[DUPLICATES, META];

/// All checks of this file.
pub(crate) const CHECKS: &[Check] = &[Check::last(GRADES, collect)];

/// Takes what the survey has gathered.
fn collect(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    *sheet = context.client.survey().take();
    Ok(())
}

/// Looks at one answer.
pub(crate) fn look(exchange: &Exchange, sheet: &mut Sheet) {
    let Some(media_type) = exchange.answer.media_type() else {
        return;
    };
    if !is_alto(&media_type.essence) {
        return;
    }
    let Ok(document) = exchange.document() else {
        return;
    };
    let entry = sheet.on(DUPLICATES);
    entry.saw(exchange, 1, "answer");
    for pointer in &document.duplicates {
        entry.broken(Finding::new("one member of this name", "two").at(pointer).from(exchange));
    }
    let entry = sheet.on(META);
    entry.saw(exchange, 1, "answer");
    if !document.value.get("meta").is_some_and(Value::is_object) {
        let seen = document.value.get("meta").map_or("none", json::kind);
        entry.broken(Finding::new("an object `meta`", seen).at("/meta").from(exchange));
    }
}

fn is_alto(essence: &str) -> bool {
    essence.starts_with("application/alto-") && essence.ends_with("+json")
}
