//! Assertions on answers: the promised content of a resource, and errors for invalid requests.

use std::sync::Arc;

use serde_json::Value;

use crate::http::{Exchange, NoAnswer};
use crate::sheet::Entry;
use crate::subject::{Kind, Resource};
use crate::verdict::{Finding, Grade};

/// Media type of error messages.
pub(crate) const ERROR: &str = "application/alto-error+json";

/// Expectation of an error.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusal<'a> {
    /// Permitted error codes.
    pub(crate) codes: &'a [&'a str],
    /// Permitted paths of the invalid field, from the root of the request; empty if any is permitted.
    pub(crate) fields: &'a [&'a str],
    /// An array element is invalid, so the bare name of the array is permitted (RFC 7285 §8.5.2).
    pub(crate) element: bool,
    /// Expected `value`; `None` if any is permitted.
    pub(crate) value: Option<&'a str>,
}

/// Returns the data of an answer with the status, media type and members that the resource promises; a finding otherwise.
pub(crate) fn promised<'e>(resource: &Resource, exchange: &'e Exchange) -> Result<&'e Value, Finding> {
    let what = format!("status 200 with {}", resource.media_type);
    let wrong = |seen: String| Finding::new(&what, seen).from(exchange);
    if exchange.answer.status != 200 {
        return Err(wrong(exchange.outline()));
    }
    match exchange.answer.media_type() {
        Some(media_type) if media_type.is(&resource.media_type) => {}
        _ => return Err(wrong(exchange.outline())),
    }
    if resource.kind == Kind::Other && !resource.media_type.ends_with("json") {
        return Ok(&Value::Null);
    }
    let message = exchange.document().map_err(|error| wrong(format!("a body that is {error}")))?;
    let Some(member) = resource.kind.data_member() else {
        return Ok(&message.value);
    };
    if !message.value.get("meta").is_some_and(Value::is_object) {
        return Err(Finding::new("an object `meta`", "none").at("/meta").from(exchange));
    }
    message
        .value
        .get(member)
        .filter(|data| data.is_object())
        .ok_or_else(|| Finding::new(format!("an object `{member}`"), "none").at(format!("/{member}")).from(exchange))
}

/// Tests whether an answer refuses the content of a request, not the resource, its method or the media type of the body.
pub(crate) fn is_refusal(exchange: &Exchange) -> bool {
    (400..500).contains(&exchange.answer.status) && !matches!(exchange.answer.status, 404 | 405 | 415)
}

impl Entry {
    /// Grades whether an answer is what the resource promises, and returns its data if so.
    pub(crate) fn promised<'e>(
        &mut self,
        resource: &Resource,
        exchange: &'e Exchange,
        what: &str,
    ) -> Option<&'e Value> {
        self.saw(exchange, 1, what);
        match promised(resource, exchange) {
            Ok(data) => Some(data),
            Err(finding) => {
                self.fail(finding);
                None
            }
        }
    }

    /// Grades whether a request was rejected as expected. Silence is not a rejection.
    pub(crate) fn refused(&mut self, answer: &Result<Arc<Exchange>, NoAnswer>, what: &str, refusal: &Refusal<'_>) {
        match answer {
            Ok(exchange) => {
                self.saw(exchange, 1, what);
                for (grade, finding) in refusal.deviations(exchange) {
                    self.note(grade, finding);
                }
            }
            Err(trouble) => self.unanswered(trouble, "an error"),
        }
    }

    /// Notes a failure for a request that got no answer, unless the run had to end before.
    pub(crate) fn unanswered(&mut self, trouble: &NoAnswer, expected: &str) {
        if trouble.failure.is_given_up() {
            self.interrupt(trouble);
            return;
        }
        let mut finding = Finding::new(expected, trouble.failure.to_string());
        finding.records.push(Arc::clone(&trouble.record));
        self.fail(finding);
    }
}

impl Refusal<'_> {
    /// Lists the deviations of an error, with their grades.
    pub(crate) fn deviations(&self, exchange: &Exchange) -> Vec<(Grade, Finding)> {
        let codes = self.codes.join(" or ");
        let expected = format!("status 400 with {codes}");
        let note = |grade, expected: &str, seen: String, pointer: Option<&str>| {
            let mut finding = Finding::new(expected, seen).from(exchange);
            finding.pointer = pointer.map(str::to_owned);
            (grade, finding)
        };
        let status = exchange.answer.status;
        if !(400..500).contains(&status) {
            return vec![note(Grade::Fail, &expected, exchange.outline(), None)];
        }
        let is_alto = exchange.answer.media_type().is_some_and(|media_type| media_type.is(ERROR));
        let Some(code) = exchange.error_code().filter(|_| is_alto) else {
            // RFC 7285 §8.5 permits a status alone and recommends an ALTO error.
            return vec![note(Grade::Warn, &expected, exchange.outline(), None)];
        };
        let mut notes = Vec::new();
        if !self.codes.contains(&code) {
            notes.push(note(Grade::Fail, &codes, code.to_owned(), Some("/meta/code")));
        }
        if status != 400 {
            notes.push(note(Grade::Info, "status 400, as is usual", format!("status {status}"), None));
        }
        let member = |name: &str| exchange.value()?.pointer("/meta")?.get(name)?.as_str();
        if let Some(seen) = member("field")
            && let Some(grade) = self.fields.iter().map(|field| self.grade_field(field, seen)).min().flatten()
        {
            notes.push(note(grade, &self.fields.join(" or "), seen.to_owned(), Some("/meta/field")));
        }
        if let (Some(expected), Some(seen)) = (self.value, member("value"))
            && expected != seen
        {
            notes.push(note(Grade::Fail, expected, seen.to_owned(), Some("/meta/value")));
        }
        notes
    }

    /// Grades a `field`: the examples of the RFC disagree on the order of a path and on the name of an array.
    fn grade_field(&self, expected: &str, seen: &str) -> Option<Grade> {
        let seen = seen.strip_prefix('/').unwrap_or(seen);
        let leaf = expected.rsplit('/').next().unwrap_or(expected);
        if seen == expected || (self.element && seen == leaf) {
            return None;
        }
        let reversed = expected.split('/').rev().collect::<Vec<_>>().join("/");
        let with_index = self.element && seen.starts_with(expected);
        Some(if seen == reversed || seen == leaf || with_index { Grade::Warn } else { Grade::Fail })
    }
}
