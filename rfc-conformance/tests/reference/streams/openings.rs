//! Mutants with faults at the beginning of streams.

use serde_json::{Value, json};

use super::{alto_error, id_of, lacks_add, of_resource, open_with, posted};
use crate::reference::mutant::{Mutant, put};
use crate::reference::updates::{MERGE, edit};

pub(super) fn openings() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8895/5.2/4", "accepts malformed substream-ids", |r| {
            open_with(r, |_, body| {
                let legal = |c: char| c.is_ascii_alphanumeric() || "-:@_".contains(c);
                for (id, add) in body["add"].as_object().cloned().into_iter().flatten() {
                    if id.len() > 64 || !id.chars().all(legal) {
                        body["add"] = json!({ "renamed": add });
                    }
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc8895/5.3/2", "repeats the control URI", |r| {
            r.on_events(|view, events| {
                if view.batch == 0 {
                    events.push(events[0].clone());
                }
            });
        }),
        Mutant::new("rfc8895/5.3/3", "sends a control URI at which there is nothing", |r| {
            r.each_event(|event| event.data = event.data.replace("updates/control/", "updates/nowhere/"));
        }),
        Mutant::new("rfc8895/5.3/3", "offers control and sends null", |r| {
            r.each_event(|event| edit(event, |m| put(m, "/control-uri", Value::Null)));
        }),
        Mutant::new("rfc8895/6.4/2", "sends a patch where there is no document yet", |r| {
            r.on_events(|view, events| {
                if view.batch == 0
                    && view.resources.len() > 9
                    && let Some(event) = events.iter_mut().find(|event| of_resource(view, event, "cm-a-num"))
                {
                    event.name = format!("{MERGE},{}", id_of(event));
                }
            });
        }),
        Mutant::new("rfc8895/6.5/5", "takes any tag for the present one", |r| {
            open_with(r, |service, body| {
                for (_, add) in body["add"].as_object_mut().into_iter().flatten() {
                    if add.get("tag").is_some() {
                        add["tag"] = json!(service.network.maps[0].tag());
                    }
                }
            });
        }),
        Mutant::new("rfc8895/6.5/13", "refuses `remove` in a request for a stream", |r| {
            posted(r, false, |_, _, body| {
                (!lacks_add(&body) && body.get("remove").is_some()).then(|| alto_error("E_INVALID_FIELD_VALUE"))
            });
        })
        .graded("warn"),
    ]
}

pub(super) fn first_events() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8895/6.6/10", "refuses more than three substreams", |r| {
            posted(r, false, |_, _, body| {
                let many = body["add"].as_object().is_some_and(|add| add.len() > 3);
                many.then(|| alto_error("E_INVALID_FIELD_VALUE"))
            });
        }),
        Mutant::new("rfc8895/6.6/10", "sends nothing for one of the substreams", |r| {
            r.on_events(|view, events| events.retain(|event| !of_resource(view, event, "ecs")));
        }),
        Mutant::new("rfc8895/6.6/11", "sends a document twice", |r| {
            r.on_events(|view, events| {
                if view.batch == 0 {
                    events.extend(events.last().cloned());
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc8895/6.7.1/1", "sends the control event last", |r| {
            r.on_events(|view, events| {
                if view.batch == 0 {
                    events.rotate_left(1);
                }
            });
        }),
        Mutant::new("rfc8895/6.7.1/2", "begins with a patch", |r| {
            r.on_events(|view, events| {
                for event in events.iter_mut().filter(|event| of_resource(view, event, "cm-a-num")) {
                    event.name = format!("{MERGE},{}", id_of(event));
                }
            });
        }),
        Mutant::new("rfc8895/6.7.1/4", "takes the tag of an answer for that of every answer", |r| {
            r.on_events(|_, events| events.retain(|event| id_of(event) != "f"));
        }),
        Mutant::new("rfc8895/6.7.1/5", "sends costs before their network map", |r| {
            r.on_events(|view, events| {
                if view.batch == 0 {
                    events[1..].reverse();
                }
            });
        }),
        Mutant::new("rfc8895/6.8/1", "is silent while nothing changes", |r| {
            r.updates(|updates| updates.keep_alive = std::time::Duration::from_hours(1));
        })
        .graded("warn"),
        Mutant::new("rfc8895/7/1", "lists the control URI in the directory", |r| {
            r.each_event(|event| edit(event, |m| put(m, "/control-uri", json!("/maps/a"))));
        }),
        Mutant::new("rfc8895/10.1/3", "answers too many substreams with 400", |r| {
            r.after(|_, _, answer| {
                if answer.status == 503 {
                    answer.status = 400;
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc8895/13/1", "refuses requests with Last-Event-ID", |r| {
            r.instead(|_, request| request.field("last-event-id").map(|_| alto_error("E_SYNTAX")));
        }),
    ]
}
