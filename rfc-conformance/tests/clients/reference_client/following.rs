//! Following of resources by update streams and TIPS.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::http;

use super::super::fault::Fault;
use super::{ERROR, Failed, Run, resolve};

const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json-patch+json";
const CONTROL: &str = "application/alto-updatestreamcontrol+json";
/// Time after which the client gives what it has. One with a fault may wait for what never comes.
const PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE_WITH_FAULT: Duration = Duration::from_secs(5);

impl Run<'_> {
    /// Follows a resource until it has a version, and returns its data.
    pub(super) fn follow(&mut self, resource: &str, by: &str, tag: &str) -> Failed<Value> {
        self.discover()?;
        let whole = self.entries.iter().find(|entry| entry.id == resource).ok_or("no such resource")?.clone();
        let media_type = if by == "tips" { "application/alto-tips+json" } else { "text/event-stream" };
        let service = self.entries.iter().find(|entry| entry.media_type == media_type).ok_or("no service")?.clone();
        let end = Instant::now() + if self.fault.is_none() { PATIENCE } else { PATIENCE_WITH_FAULT };
        let mut document = None;
        while Instant::now() < end && tag_of(document.as_ref()) != Some(tag) {
            match by {
                "tips" => self.walk(&service.uri, (resource, &whole.media_type), tag, &mut document)?,
                _ => self.read(&service.uri, (resource, &whole.media_type), tag, &mut document)?,
            }
            if self.is(Fault::NeverReopens) {
                break;
            }
        }
        let document: Value = document.ok_or("no document")?;
        let member = if whole.media_type.contains("networkmap") { "network-map" } else { "cost-map" };
        Ok(document[member].clone())
    }

    fn post(
        &self,
        uri: &str,
        media_type: &str,
        body: &Value,
        accept: &str,
    ) -> Failed<ureq::http::Response<ureq::Body>> {
        let media_type = if self.is(Fault::PlainJson) { "application/json" } else { media_type };
        let mut request = http::Request::post(uri).header("Content-Type", media_type).header("Accept", accept);
        if self.is(Fault::ResumesByEventId) {
            request = request.header("Last-Event-ID", "1");
        }
        let answer = self.agent.run(request.body(body.to_string().into_bytes()).map_err(|error| error.to_string())?);
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status() == 200 { Ok(answer) } else { Err(format!("status {}", answer.status())) }
    }

    /// Reads a stream until the document has a tag, or a patch does not fit.
    fn read(&self, uri: &str, (resource, whole): (&str, &str), tag: &str, document: &mut Option<Value>) -> Failed<()> {
        let id = if self.is(Fault::OddSubstreamIds) { "a b" } else { "s" };
        let mut add = BTreeMap::from([(id, json!({ "resource-id": resource }))]);
        if self.is(Fault::FollowsUnlisted) {
            add.insert("t", json!({ "resource-id": "cm-b-num" }));
        }
        let body = json!({ "add": add });
        let accept = format!("text/event-stream, {ERROR}");
        let stream = self.post(uri, "application/alto-updatestreamparams+json", &body, &accept)?;
        let mut reader = BufReader::new(stream.into_body().into_reader());
        let (mut name, mut data, mut line) = (String::new(), Vec::<String>::new(), Vec::new());
        while let Some(text) = next_line(&mut reader, &mut line) {
            if text.starts_with(':') && self.is(Fault::RefusesComments) {
                return Err("a line begins with a colon".into());
            }
            if let Some(value) = text.strip_prefix("event:") {
                value.trim_start().clone_into(&mut name);
            } else if let Some(value) = text.strip_prefix("data:") {
                data.push(value.trim_start().to_owned());
            } else if text.is_empty() && !data.is_empty() {
                let update = serde_json::from_str(&data.join("\n")).map_err(|error| error.to_string())?;
                data.clear();
                let media_type = name.rsplit_once(',').map_or(name.as_str(), |(media_type, _)| media_type).to_owned();
                if media_type == CONTROL {
                    continue;
                }
                if !self.apply(document, &media_type, whole, update) {
                    return Ok(());
                }
                if tag_of(document.as_ref()) == Some(tag) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Reads a view edge by edge until the document has a tag, or an edge cannot be had.
    fn walk(&self, uri: &str, (resource, whole): (&str, &str), tag: &str, document: &mut Option<Value>) -> Failed<()> {
        let mut body = json!({ "resource-id": resource });
        if self.is(Fault::FollowsUnlisted) {
            body["resource-id"] = json!("cm-b-num");
        }
        let accept = format!("application/alto-tips+json, {ERROR}");
        let opened = self.post(uri, "application/alto-tipsparams+json", &body, &accept)?;
        let view: Value =
            serde_json::from_reader(opened.into_body().into_reader()).map_err(|error| error.to_string())?;
        let base = resolve(uri, view["tips-view-uri"].as_str().ok_or("no URI")?)?;
        let edge = &view["tips-view-summary"]["updates-graph-summary"]["start-edge-rec"];
        let (mut from, mut to) = (edge["seq-i"].as_u64().unwrap_or(0), edge["seq-j"].as_u64().unwrap_or(0));
        loop {
            let all = format!("{whole}, {MERGE}, {JSON}, {ERROR}");
            let accept = if self.is(Fault::AcceptsTooLittle) && from > 0 { MERGE.to_owned() } else { all };
            let uri = format!("{base}/ug/{from}/{to}");
            let request =
                http::Request::get(&uri).header("Accept", accept).body(()).map_err(|error| error.to_string())?;
            let answer = self.agent.run(request).map_err(|error| error.to_string())?;
            if answer.status() != 200 {
                return Ok(());
            }
            let media_type = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
            let media_type = media_type.unwrap_or_default().to_owned();
            let mut text = String::new();
            answer.into_body().into_reader().read_to_string(&mut text).map_err(|error| error.to_string())?;
            let update = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            if !self.apply(document, &media_type, whole, update) || tag_of(document.as_ref()) == Some(tag) {
                return Ok(());
            }
            if self.is(Fault::ReadsOneEdge) {
                return Err("the newest version is what was recommended".into());
            }
            (from, to) = (to, to + 1);
        }
    }

    /// Applies an update; false if it does not fit, so that everything has to be asked again.
    fn apply(&self, document: &mut Option<Value>, media_type: &str, whole: &str, update: Value) -> bool {
        match (media_type, document) {
            (media_type, document) if media_type == whole => {
                if !self.is(Fault::KeepsFirstDocument) || document.is_none() {
                    *document = Some(update);
                }
                true
            }
            (MERGE, Some(document)) => {
                if !self.is(Fault::IgnoresMergePatches) {
                    merge(document, &update);
                }
                true
            }
            (JSON, Some(document)) if !self.is(Fault::IgnoresJsonPatches) => {
                let mut copy = document.clone();
                let fits = update.as_array().is_some_and(|all| all.iter().all(|one| step(&mut copy, one)));
                if fits || self.is(Fault::AppliesHalfPatches) {
                    *document = copy;
                }
                fits || self.is(Fault::AppliesHalfPatches)
            }
            _ => true,
        }
    }
}

fn tag_of(document: Option<&Value>) -> Option<&str> {
    document?.pointer("/meta/vtag/tag")?.as_str()
}

/// Reads a line that ends with CR, LF or both; `None` at the end.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> Option<String> {
    line.clear();
    loop {
        let byte = *reader.fill_buf().ok()?.first()?;
        reader.consume(1);
        match byte {
            b'\n' => break,
            b'\r' => {
                if reader.fill_buf().ok()?.first() == Some(&b'\n') {
                    reader.consume(1);
                }
                break;
            }
            byte => line.push(byte),
        }
    }
    String::from_utf8(line.clone()).ok()
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in members {
        match value {
            Value::Null => drop(target.as_object_mut().unwrap().remove(name)),
            value => merge(&mut target[name], value),
        }
    }
}

/// Performs an operation of a JSON patch, of those that the mock server sends.
fn step(target: &mut Value, operation: &Value) -> bool {
    let path = operation["path"].as_str().unwrap_or_default();
    let Some((parent, last)) = path.rsplit_once('/') else { return false };
    let last = last.replace("~1", "/").replace("~0", "~");
    let value = operation["value"].clone();
    match (operation["op"].as_str(), target.pointer_mut(parent)) {
        (Some("add"), Some(Value::Object(object))) => {
            object.insert(last, value);
            true
        }
        (Some("add"), Some(Value::Array(array))) => {
            array.push(value);
            true
        }
        (Some("remove"), Some(Value::Object(object))) => object.remove(&last).is_some(),
        (Some("replace"), Some(parent)) => parent.get_mut(&last).map(|place| *place = value).is_some(),
        _ => false,
    }
}
