//! Checks of stream control: adding, removing and ending (RFC 8895 §5.3, §7).

use std::sync::Arc;

use serde_json::json;

use super::replay::compare;
use super::requirements::{
    s5_3::{DESCRIPTION, STARTED},
    s6_7_1::ALL_STOPPED,
    s7_2::NO_BODY,
    s7_3::CONTROL_POST,
    s7_5::{ADDED, PARAMETERS, REMOVE_ALL},
    s7_6::{ADD_FIRST, ANNOUNCEMENT, GONE, LAST, REMEMBERED, SUCCESS, TWICE, USED, USED_FIELD},
};
use super::{Refusal, no_error, services, small, succeeded, wrong_code};
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer, Request};
use crate::sheet::Sheet;
use crate::updates::stream::{Form, Stream, control};
use crate::updates::target::{Service, Target};
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "adds substreams to a stream, removes them, once more, one by one and all, and uses their IDs again",
        &[
            DESCRIPTION,
            STARTED,
            ALL_STOPPED,
            NO_BODY,
            CONTROL_POST,
            ADDED,
            PARAMETERS,
            REMOVE_ALL,
            ADD_FIRST,
            ANNOUNCEMENT,
            GONE,
            REMEMBERED,
            SUCCESS,
            TWICE,
            USED,
            USED_FIELD,
        ],
        life,
    ),
    Check::new("removes the last substream of a stream by its name", &[LAST], last),
];

/// Reason to skip checks of control.
const NO_CONTROL: &str = "the streams have no control";

/// A stream under control, with the target that its substreams have.
struct Session<'s, 'a> {
    context: &'s Context<'a>,
    stream: Box<Stream<'a>>,
    target: Target<'a>,
    sheet: &'s mut Sheet,
}

fn life(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        let Some((stream, target)) = small(context, &service, "n")? else { continue };
        if stream.control_uri().is_none() {
            sheet.skip_all(NO_CONTROL);
            continue;
        }
        Session { context, stream, target, sheet }.run()?;
    }
    Ok(())
}

impl Session<'_, '_> {
    fn run(&mut self) -> Result<(), NoAnswer> {
        self.by_get()?;
        self.adds("b")?;
        self.removes(&json!(["b"]), &["b"])?;
        self.removes_again()?;
        self.uses_again("b")?;
        self.uses_again("n")?;
        self.replaces()?;
        self.removes_all()
    }

    /// Sends a control request that is valid, and grades its answer.
    fn send(&mut self, body: &serde_json::Value) -> Result<Option<Arc<Exchange>>, NoAnswer> {
        let Some(exchange) = self.stream.control(body)? else { return Ok(None) };
        let entry = self.sheet.on(SUCCESS);
        entry.saw(&exchange, 1, "valid control request");
        let status = exchange.answer.status;
        if !matches!(status, 202 | 204) {
            let finding = Finding::new("status 202 or 204", exchange.outline()).from(&exchange);
            if succeeded(&exchange) {
                entry.warn(finding)
            } else {
                entry.fail(finding)
            };
        }
        if status == 204 || status == 202 {
            let entry = self.sheet.on(NO_BODY);
            entry.saw(&exchange, 1, "answer to a control request");
            let typed = exchange.answer.header("content-type").filter(|_| status == 204);
            if status == 204 && (!exchange.answer.body.is_empty() || typed.is_some()) {
                let seen = typed.unwrap_or("a body").to_owned();
                entry.fail(Finding::new("no body and no media type", seen).from(&exchange));
            }
        }
        Ok(Some(exchange))
    }

    fn by_get(&mut self) -> Result<(), NoAnswer> {
        let Some(uri) = self.stream.control_uri() else { return Ok(()) };
        let exchange = self.context.send(Request::get(&uri).with("Accept", "*/*"))?;
        let entry = self.sheet.on(CONTROL_POST);
        entry.saw(&exchange, 1, "request by GET");
        if !(400..500).contains(&exchange.answer.status) {
            entry.fail(Finding::new("a status of 4xx", exchange.outline()).from(&exchange));
        }
        Ok(())
    }

    fn adds(&mut self, id: &str) -> Result<(), NoAnswer> {
        let before = self.stream.events.len();
        let sent = self.send(&json!({ "add": { id: self.target.add() } }))?;
        let Some(exchange) = sent else { return Ok(()) };
        let entry = self.sheet.on(PARAMETERS);
        entry.saw(&exchange, 1, "control request");
        if !succeeded(&exchange) {
            let expected = "success for parameters like those that open a stream";
            entry.fail(Finding::new(expected, exchange.outline()).from(&exchange));
            return Ok(());
        }
        self.stream.expect(id, self.target.clone());
        let arrived = self.stream.until_full();
        let stream = self.stream.exchange();
        let first = self.stream.substreams.get(id).and_then(|substream| substream.updates.first()).cloned();
        let entry = self.sheet.on(ADDED);
        entry.saw(&exchange, 1, "substream");
        if !arrived || first.as_ref().is_none_or(|update| update.form != Form::Full) {
            let seen = first.as_ref().map_or("nothing", |update| update.media_type.as_str());
            entry.fail(Finding::new("a full replacement", seen).from(&exchange).from(&stream));
        } else {
            compare(self.context, &mut self.stream, id, &[ADDED], self.sheet)?;
        }
        let started = self.stream.listed("started");
        let started: Vec<_> = started.into_iter().filter(|(position, _)| *position >= before).collect();
        let entry = self.sheet.on(ANNOUNCEMENT);
        entry.saw(&exchange, 1, "control request");
        let Some((position, ids)) = started.first() else {
            let finding = Finding::new(format!("a control event with {id} in `started`"), "none");
            entry.fail(finding.from(&exchange).from(&stream));
            return Ok(());
        };
        let entry = self.sheet.on(STARTED);
        entry.saw(&stream, 1, "control event");
        if ids != &[id] || first.is_some_and(|update| update.event < *position) {
            let seen = format!("{ids:?} as event {position}");
            entry.fail(Finding::new(format!("{id} alone, before its data"), seen).from(&exchange).from(&stream));
        }
        Ok(())
    }

    /// Removes substreams and grades what the stream says about it.
    fn removes(&mut self, remove: &serde_json::Value, ids: &[&str]) -> Result<(), NoAnswer> {
        let before = self.stream.events.len();
        let Some(exchange) = self.send(&json!({ "remove": remove }))?.filter(succeeded) else { return Ok(()) };
        let arrived = ids.iter().all(|id| self.stream.until_stopped(id));
        let (controls, stream) = (self.stream.controls.clone(), self.stream.exchange());
        let stops = controls.iter().filter(|(at, control)| *at >= before && control.get("stopped").is_some());
        let entry = self.sheet.on(ANNOUNCEMENT);
        entry.saw(&exchange, 1, "control request");
        if !arrived {
            let finding = Finding::new(format!("{ids:?} in `stopped`"), "not all of them");
            entry.fail(finding.clone().from(&exchange).from(&stream));
            self.sheet.on(ALL_STOPPED).fail(finding.from(&exchange).from(&stream));
        }
        let mut listed: Vec<_> = self.stream.listed("stopped").into_iter().filter(|(at, _)| *at >= before).collect();
        let mut listed: Vec<_> = listed.drain(..).flat_map(|(_, ids)| ids).collect();
        listed.sort_unstable();
        let entry = self.sheet.on(ALL_STOPPED);
        entry.saw(&stream, ids.len(), "removed substream");
        if arrived && listed != ids {
            let finding = Finding::new(format!("{ids:?} in `stopped`"), format!("{listed:?}"));
            entry.fail(finding.from(&exchange).from(&stream));
        }
        for (_, control) in stops {
            let words = control.get("description").and_then(serde_json::Value::as_str);
            let entry = self.sheet.on(DESCRIPTION);
            entry.saw(&stream, 1, "stop");
            if words.is_none_or(str::is_empty) {
                entry.fail(Finding::new("a `description`", crate::json::brief(control)).from(&stream));
            }
        }
        Ok(())
    }

    fn removes_again(&mut self) -> Result<(), NoAnswer> {
        let Some(exchange) = self.stream.control(&json!({ "remove": ["b"] }))? else { return Ok(()) };
        for requirement in [TWICE, REMEMBERED] {
            let entry = self.sheet.on(requirement);
            entry.saw(&exchange, 1, "second removal");
            if !succeeded(&exchange) {
                let finding = Finding::new("success, as the substream was added before", exchange.outline());
                entry.fail(finding.from(&exchange));
            }
        }
        Ok(())
    }

    /// Adds a substream whose ID was used before.
    fn uses_again(&mut self, id: &str) -> Result<(), NoAnswer> {
        let Some(exchange) = self.stream.control(&json!({ "add": { id: self.target.add() } }))? else { return Ok(()) };
        let wrong = no_error(&exchange).or_else(|| wrong_code(&exchange, "E_INVALID_FIELD_VALUE"));
        for requirement in [USED, REMEMBERED] {
            let entry = self.sheet.on(requirement);
            entry.saw(&exchange, 1, "ID that was used before");
            if let Some(finding) = &wrong {
                entry.fail(finding.clone());
            }
        }
        if wrong.is_none() {
            let refusal = Refusal::of(&exchange);
            let entry = self.sheet.on(USED_FIELD);
            entry.saw(&exchange, 1, "ID that was used before");
            if refusal.field != Some("add") || !refusal.names(id) {
                let seen = format!("{:?} with {:?}", refusal.field, refusal.value);
                entry.fail(Finding::new(format!("add with {id:?}"), seen).at("/meta").from(&exchange));
            }
        }
        Ok(())
    }

    /// Removes the only substream and adds another one in one request, which leaves the stream open.
    fn replaces(&mut self) -> Result<(), NoAnswer> {
        let body = json!({ "add": { "c": self.target.add() }, "remove": ["n"] });
        let Some(exchange) = self.send(&body)?.filter(succeeded) else { return Ok(()) };
        self.stream.expect("c", self.target.clone());
        let arrived = self.stream.until_full() && self.stream.until_stopped("n");
        let entry = self.sheet.on(ADD_FIRST);
        entry.saw(&exchange, 1, "replaced substream");
        if !arrived || self.stream.ended {
            let seen = if self.stream.ended { "the stream ends" } else { "not both" };
            let finding = Finding::new("updates of what was added, and `stopped` for what was removed", seen);
            entry.fail(finding.from(&exchange).from(&self.stream.exchange()));
        }
        Ok(())
    }

    fn removes_all(&mut self) -> Result<(), NoAnswer> {
        if self.stream.ended {
            return Ok(());
        }
        let active = self.stream.substreams.iter().filter(|(_, substream)| substream.stopped.is_none());
        let active: Vec<_> = active.map(|(id, _)| id.clone()).collect();
        let active: Vec<_> = active.iter().map(String::as_str).collect();
        let uri = self.stream.control_uri();
        self.removes(&json!([]), &active)?;
        let ended = self.stream.until_ended();
        let stream = self.stream.exchange();
        let listed = active.iter().all(|id| self.stream.substreams.get(*id).is_some_and(|it| it.stopped.is_some()));
        let entry = self.sheet.on(REMOVE_ALL);
        entry.saw(&stream, 1, "stream");
        if !ended || !listed {
            let seen = if ended { "the stream ends without it" } else { "the stream goes on" };
            let finding = Finding::new(format!("{active:?} in `stopped`, and the end of the stream"), seen);
            entry.fail(finding.from(&stream));
        }
        let Some(uri) = uri.filter(|_| ended) else { return Ok(()) };
        let exchange = control(self.context.client, &uri, &json!({ "remove": ["c"] }))?;
        let entry = self.sheet.on(GONE);
        entry.saw(&exchange, 1, "request for a closed stream");
        if exchange.answer.status != 404 {
            entry.fail(Finding::new("status 404", exchange.outline()).from(&exchange));
        }
        Ok(())
    }
}

fn last(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        ends_with_last(context, &service, sheet)?;
    }
    Ok(())
}

fn ends_with_last(context: &Context<'_>, service: &Service<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let Some((mut stream, _)) = small(context, service, "n")? else { return Ok(()) };
    let entry = sheet.on(LAST);
    let Some(exchange) = stream.control(&json!({ "remove": ["n"] }))? else {
        entry.skip(NO_CONTROL);
        return Ok(());
    };
    let ended = stream.until_ended();
    let stopped = stream.substreams.get("n").is_some_and(|substream| substream.stopped.is_some());
    entry.saw(&exchange, 1, "stream");
    if !ended || !stopped {
        let seen = format!(
            "the stream {}, n {} `stopped`",
            if ended { "ends" } else { "goes on" },
            if stopped { "is" } else { "is not" }
        );
        let finding = Finding::new("n in `stopped`, and the end of the stream", seen);
        entry.fail(finding.from(&exchange).from(&stream.exchange()));
    }
    Ok(())
}
