//! Mutants with faults in the control of streams.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use rfc_conformance::mock_server::http::{ReceivedRequest, Response};
use serde_json::json;

use super::{alto_error, any, control_with, done, is_control, is_patch, posted, refusals};
use crate::reference::mutant::{Mutant, drop_at, put};
use crate::reference::server::Reference;
use crate::reference::updates::edit;

pub(super) fn controls() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8895/5.3/4", "lists more than what was added as started", |r| {
            r.each_event(|event| {
                if event.data.contains("\"started\"") {
                    edit(event, |control| control["started"] = json!(["b", "n"]));
                }
            });
        }),
        Mutant::new("rfc8895/5.3/6", "does not describe why substreams stop", |r| {
            r.each_event(|event| {
                if is_control(event) {
                    edit(event, |control| drop_at(control, "", "description"));
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc8895/6.7.1/7", "lists another substream as stopped", |r| {
            r.each_event(|event| {
                if event.data.contains("\"stopped\"") {
                    edit(event, |control| control["stopped"] = json!(["other"]));
                }
            });
        }),
        Mutant::new("rfc8895/7.1/1", "gives all streams one control URI", one_uri),
        Mutant::new("rfc8895/7.1/2", "obeys the cookie rather than the control URI", |r| {
            r.instead(|service, request| {
                let cookie = request.field("cookie")?;
                let handle = cookie.strip_prefix("stream=")?.split(';').next()?.to_owned();
                let path = format!("{}/{handle}", request.path.rsplit_once('/')?.0);
                Some(service.route(&ReceivedRequest { path, ..request.clone() }))
            });
        }),
        Mutant::new("rfc8895/7.1/3", "uses control URIs again", one_uri),
        Mutant::new("rfc8895/7.1/7", "counts its control URIs", counted_uris).graded("warn"),
        Mutant::new("rfc8895/7.2/1", "gives a media type to answers without a body", |r| {
            r.after(|_, _, answer| {
                if answer.status == 204 {
                    answer.set("Content-Type", "application/json");
                }
            });
        }),
        Mutant::new("rfc8895/7.3/1", "answers GET of a control URI", |r| {
            r.instead(|_, request| {
                let right = request.method == "GET" && request.path.contains("updates/control/");
                right.then(|| Response::plain(200, "a stream"))
            });
        }),
        Mutant::new("rfc8895/7.5/1", "takes control requests of another media type", |r| {
            posted(r, true, |_, _, body| body.get("add").map(|_| Response::plain(415, "another media type")));
        }),
    ]
}

pub(super) fn removals() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8895/7.5/2", "takes an empty `remove` for nothing", |r| {
            posted(r, true, |_, _, body| {
                let none = body["remove"].as_array().is_some_and(Vec::is_empty) && body.get("add").is_none();
                none.then(done)
            });
        }),
        Mutant::new("rfc8895/7.5/5", "sends nothing of added resources until they change", |r| {
            r.on_events(|view, events| {
                if view.batch > 0 {
                    events.retain(|event| is_control(event) || is_patch(event));
                }
            });
        }),
        Mutant::new("rfc8895/7.6/1", "removes before it adds", |r| {
            posted(r, true, |service, request, body| {
                let (add, remove) = (body.get("add")?, body.get("remove")?);
                add.get("c")?;
                for part in [json!({ "remove": remove }), json!({ "add": add })] {
                    service.route(&ReceivedRequest { body: part.to_string().into_bytes(), ..request.clone() });
                }
                Some(done())
            });
        }),
        Mutant::new("rfc8895/7.6/2", "keeps a stream open that has no substream", |r| {
            control_with(r, |body| {
                if body["remove"] == json!(["n"]) && body.get("add").is_none() {
                    body["add"] = json!({ "hidden": { "resource-id": "nm-b" } });
                }
            });
        }),
        Mutant::new("rfc8895/7.6/7", "refuses the second removal of a substream", |r| {
            let seen = Mutex::new(BTreeSet::new());
            posted(r, true, move |_, request, body| {
                let again = body["remove"] == json!(["b"]) && !seen.lock().unwrap().insert(request.path.clone());
                again.then(|| alto_error("E_INVALID_FIELD_VALUE"))
            });
        }),
        Mutant::new("rfc8895/7.6/8", "forgets the substreams that were removed", |r| {
            let seen = Mutex::new(BTreeSet::new());
            posted(r, true, move |_, request, body| {
                body.get("add")?.get("b")?;
                (!seen.lock().unwrap().insert(request.path.clone())).then(done)
            });
        }),
        Mutant::new("rfc8895/7.6/9", "accepts the ID of an active substream again", |r| {
            posted(r, true, |_, _, body| body.get("add")?.get("n").map(|_| done()));
        }),
        Mutant::new("rfc8895/7.6/9b", "names `remove` where an ID was used before", |r| {
            let again = |body: &serde_json::Value| body["add"].get("n").is_some() || body["add"].get("b").is_some();
            refusals(r, true, again, |_, error| put(error, "/meta/field", json!("remove")));
        })
        .graded("warn"),
        Mutant::new("rfc8895/7.6/11", "accepts requests for closed streams", |r| {
            r.after(|_, request, answer| {
                if request.path.contains("updates/control/") && answer.status == 404 {
                    *answer = done();
                }
            });
        }),
        Mutant::new("rfc8895/7.6/12", "answers control requests with 200", |r| {
            r.after(|_, request, answer| {
                if request.path.contains("updates/control/") && answer.status == 204 {
                    answer.status = 200;
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc8895/7.6/14", "does not announce what was added", |r| {
            r.on_events(|_, events| events.retain(|event| !event.data.contains("\"started\"")));
        }),
        Mutant::new("rfc8895/10.3/1", "does not tell what another client removed", |r| {
            r.on_events(|_, events| events.retain(|event| !event.data.contains("\"stopped\"")));
        }),
    ]
}

fn one_uri(r: &mut Reference) {
    r.each_event(|event| edit(event, |m| put(m, "/control-uri", json!("updates/control/0"))));
}

/// Gives control URIs numbers, which lead to the real ones.
fn counted_uris(r: &mut Reference) {
    let known = Arc::new(Mutex::new(BTreeMap::new()));
    let handles = Arc::clone(&known);
    r.updates(|updates| {
        updates.on_events = Some(Box::new(move |view, events| {
            for event in events.iter_mut().filter(|event| event.data.contains("control-uri")) {
                let number = format!("{:032}", view.number);
                let handle = event.data.rsplit('/').next().unwrap_or_default().trim_end_matches("\"}").to_owned();
                edit(event, |m| put(m, "/control-uri", json!(format!("updates/control/{number}"))));
                handles.lock().unwrap().insert(number, handle);
            }
        }));
    });
    r.instead(move |service, request| {
        let (before, number) = request.path.rsplit_once('/')?;
        let handle = known.lock().unwrap().get(number)?.clone();
        Some(service.route(&ReceivedRequest { path: format!("{before}/{handle}"), ..request.clone() }))
    });
}

pub(super) fn control_errors() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8895/7.5/6", "adds what is right in a request that it refuses", |r| {
            posted(r, true, |service, request, body| {
                let add = body.get("add").filter(|add| add.get("q").is_some())?;
                if body["remove"] != json!(["zz"]) {
                    return None;
                }
                let half = json!({ "add": add }).to_string().into_bytes();
                service.route(&ReceivedRequest { body: half, ..request.clone() });
                Some(alto_error("E_INVALID_FIELD_VALUE"))
            });
        }),
        Mutant::new("rfc8895/7.6/3", "refuses control requests in plain text", |r| {
            refusals(r, true, any, |answer, _| answer.set("Content-Type", "text/plain"));
        }),
        Mutant::new("rfc8895/7.6/4", "gives another error for the same `add` in a control request", |r| {
            refusals(
                r,
                true,
                |body| body["add"].get("x").is_some(),
                |_, error| {
                    put(error, "/meta/code", json!("E_SYNTAX"));
                },
            );
        }),
        Mutant::new("rfc8895/7.6/5", "ignores the removal of what was never added", |r| {
            posted(r, true, |_, _, body| (body == json!({ "remove": ["zz"] })).then(done));
        }),
        Mutant::new("rfc8895/7.6/5b", "names `add` where `remove` is wrong", |r| {
            refusals(
                r,
                true,
                |body| body["remove"] == json!(["zz"]),
                |_, error| {
                    put(error, "/meta/field", json!("add"));
                },
            );
        })
        .graded("warn"),
        Mutant::new("rfc8895/7.6/6", "adds and removes a substream in one request", |r| {
            posted(r, true, |_, _, body| (body["add"].get("q").is_some() && body["remove"] == json!(["q"])).then(done));
        }),
        Mutant::new("rfc8895/7.6/10", "adds and removes everything in one request", |r| {
            posted(r, true, |_, _, body| (body.get("add").is_some() && body["remove"] == json!([])).then(done));
        }),
        Mutant::new("rfc8895/7.6/10b", "names a substream where `remove` is empty", |r| {
            refusals(r, true, |body| body["remove"] == json!([]), |_, error| put(error, "/meta/value", json!("q")));
        })
        .graded("warn"),
    ]
}
