//! Grades of the events of one stream, whatever it was opened for.

use serde_json::Value;

use super::requirements::{
    s5_1::{NAME, NAME_FIRST, NO_ID},
    s5_2::DATA_ID,
    s5_3::{CONTROL_FORM, ONCE},
    s6_6::ONLY_CHANGES,
    s6_7_1::{FIRST, FULL_FIRST, ORDER},
    s9_5::{JOINED, LINES},
    s11::{NO_FIELDS, ONE_RESOURCE},
};
use crate::json::shorten;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::updates::stream::{Form, Stream, Wrong};
use crate::updates::{STREAM_CONTROL, stream::Fault};
use crate::verdict::Finding;

/// Number of bytes beyond which a `data` line is too long.
const LONG: usize = 64 * 1024;

/// Requirements that [`events`] grades.
pub(super) const OF_EVENTS: &[Requirement] = &[
    NAME_FIRST,
    NAME,
    NO_ID,
    DATA_ID,
    CONTROL_FORM,
    ONCE,
    ONLY_CHANGES,
    FIRST,
    FULL_FIRST,
    ORDER,
    LINES,
    JOINED,
    ONE_RESOURCE,
    NO_FIELDS,
];

/// Grades all events of a stream.
pub(super) fn events(stream: &Stream<'_>, sheet: &mut Sheet) {
    let exchange = stream.exchange();
    let mut note = |requirement: Requirement, expected: &str, seen: Option<String>| {
        let entry = sheet.on(requirement);
        entry.saw(&exchange, 1, "event");
        if let Some(seen) = seen {
            entry.fail(Finding::new(expected, seen).from(&exchange));
        }
    };
    for event in &stream.events {
        let name = shorten(&event.name, 100);
        note(NAME_FIRST, "`event` before `data`", (!event.name_first).then(|| format!("{name:?} after the data")));
        note(NO_ID, "no field `id`", event.has_id.then(|| format!("an `id` in {name:?}")));
        let long = (event.longest > LONG).then(|| format!("a line of {} bytes in {name:?}", event.longest));
        note(LINES, "lines of at most 64 KiB", long);
        note(NO_FIELDS, "no line of data that begins like a field", event.like_a_field.clone());
        let strange = event.strange.first().map(|line| format!("{line:?}"));
        note(NAME, "the fields `event` and `data`, in UTF-8", strange);
    }
    for (_, control) in &stream.controls {
        let wrong = crate::schema::violations(STREAM_CONTROL, control).unwrap_or_default();
        let wrong = wrong.first().map(|violation| format!("{}: {}", violation.pointer, violation.message));
        note(CONTROL_FORM, "members as the RFC defines them", wrong);
    }
    let position = |wanted: &dyn Fn(&Value) -> bool| {
        stream.controls.iter().filter(|(_, control)| wanted(control)).map(|(position, _)| *position).collect::<Vec<_>>()
    };
    if !stream.events.is_empty() {
        let with_uri = position(&|control| control.get("control-uri").is_some());
        let first = (with_uri.first() != Some(&0)).then(|| format!("the first event is {:?}", stream.events[0].name));
        note(FIRST, "a control event with `control-uri` first", first.clone());
        let once = (with_uri.len() > 1).then(|| format!("{} events with `control-uri`", with_uri.len()));
        note(ONCE, "`control-uri` in the first event only", first.or(once));
    }
    for fault in &stream.faults {
        let (requirement, expected) = rule(fault);
        note(requirement, expected, Some(fault.seen.clone()));
    }
    for (id, substream) in &stream.substreams {
        for (number, update) in substream.updates.iter().enumerate() {
            for requirement in [DATA_ID, ONE_RESOURCE, JOINED] {
                note(requirement, "", None);
            }
            if number == 0 {
                let patched = update.form != Form::Full;
                note(
                    FULL_FIRST,
                    "a full replacement first",
                    patched.then(|| format!("{} for {id}", update.media_type)),
                );
            }
            let idle = (!update.changed).then(|| format!("{} for {id} without a change", update.media_type));
            note(ONLY_CHANGES, "updates when values change", idle);
        }
    }
    order(stream, sheet);
}

/// Returns the requirement that a fault violates.
fn rule(fault: &Fault) -> (Requirement, &'static str) {
    match fault.wrong {
        Wrong::Name => (NAME, "a media type, for data with a comma and the data-id"),
        Wrong::DataId => (DATA_ID, "the ID of a substream that was added"),
        Wrong::MediaType => (NAME, "the media type of the resource or of a patch"),
        Wrong::Json => (JOINED, "data that are JSON when their lines are joined"),
        Wrong::Object => (ONE_RESOURCE, "one JSON object"),
        Wrong::PatchFirst => (FULL_FIRST, "a full replacement before any patch"),
        Wrong::Patch(_) => (ONE_RESOURCE, "a patch of the document that the client has"),
    }
}

/// Grades whether a resource is updated after the one that it depends on: the tag that it names has come before.
fn order(stream: &Stream<'_>, sheet: &mut Sheet) {
    let exchange = stream.exchange();
    let of_resource = |id: &str| stream.substreams.values().find(|other| other.target.resource.id == id);
    for (id, substream) in &stream.substreams {
        for update in &substream.updates {
            for (resource, tag) in &update.depends {
                let Some(base) = of_resource(resource).filter(|base| base.target.input.is_none()) else { continue };
                let came = base.updates.iter().find(|other| other.tag.as_ref() == Some(tag));
                let entry = sheet.on(ORDER);
                entry.saw(&exchange, 1, "dependent update");
                if came.is_some_and(|came| came.event > update.event) {
                    let seen = format!("{id} with the tag {tag} of {resource}, whose own update comes later");
                    entry.fail(Finding::new("what a resource depends on first", seen).from(&exchange));
                }
            }
        }
    }
}
