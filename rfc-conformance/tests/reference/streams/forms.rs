//! Mutants with faults in entries of the directory and in the form of events.

use rfc_conformance::mock_server::http::ReceivedRequest;
use serde_json::json;

use super::{id_of, is_control, is_patch, of_resource};
use crate::reference::mutant::{Mutant, drop_at, put};
use crate::reference::updates::{MERGE, edit};

pub(super) fn entries() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8895/6/2", "does not say whether streams have control", |r| {
            r.of("root", |m| drop_at(m, "/resources/live/capabilities", "support-stream-control"));
        }),
        Mutant::new("rfc8895/6/2", "has no object of patch types", |r| {
            r.of("root", |m| put(m, "/resources/live/capabilities/incremental-change-media-types", json!([])));
        }),
        Mutant::new("rfc8895/6.3/1", "announces patches of an invented type", |r| {
            r.of("root", |m| {
                let types = &mut m["resources"]["live"]["capabilities"]["incremental-change-media-types"];
                types["nm-a"] = json!("application/merge-patch");
            });
        }),
        Mutant::new("rfc8895/6.3/1", "announces patches of a resource that is not in `uses`", |r| {
            r.of("root", |m| {
                let types = &mut m["resources"]["live"]["capabilities"]["incremental-change-media-types"];
                types["cm-b-num"] = json!(MERGE);
            });
        }),
        Mutant::new("rfc8895/6.3/6", "denies the control that its streams have", |r| {
            r.of("root", |m| put(m, "/resources/live/capabilities/support-stream-control", json!(false)));
        }),
        Mutant::new("rfc8895/6.4/1", "lists a resource that it does not follow", |r| {
            r.of("root", |m| {
                m["resources"]["live"]["uses"].as_array_mut().unwrap().push(json!("fcm-a-nc"));
            });
        }),
        Mutant::new("rfc8895/6.4/4", "follows costs without their network map", |r| {
            r.of("root", |m| m["resources"]["live"]["uses"].as_array_mut().unwrap().retain(|id| id != "nm-b"));
        })
        .graded("warn"),
        Mutant::new("rfc8895/6.1/1", "sends streams as plain text", |r| {
            r.after(|_, _, answer| {
                if answer.delivery.live.is_some() {
                    answer.set("Content-Type", "text/plain");
                }
            });
        }),
        Mutant::new("rfc8895/6.2/1", "opens a stream in answer to GET", |r| {
            r.instead(|service, request| {
                let right = request.method == "GET" && request.path == "/updates";
                let body = json!({ "add": { "n": { "resource-id": "nm-a" } } }).to_string().into_bytes();
                let fields = vec![("Content-Type".to_owned(), "application/alto-updatestreamparams+json".to_owned())];
                let post = ReceivedRequest { method: "POST".into(), body, fields, ..request.clone() };
                right.then(|| service.route(&post))
            });
        }),
    ]
}

pub(super) fn forms() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8895/5.1/1", "sends the data before the name of the event", |r| {
            r.each_event(|event| event.raw = Some(format!("data: {}\nevent: {}\n\n", event.data, event.name)));
        }),
        Mutant::new("rfc8895/5.1/2", "adds a field of its own to events", |r| {
            r.each_event(|event| {
                event.raw = Some(format!("event: {}\npriority: 1\ndata: {}\n\n", event.name, event.data));
            });
        }),
        Mutant::new("rfc8895/5.1/2", "separates media type and data-id by a space", |r| {
            r.each_event(|event| event.name = event.name.replace(',', " "));
        }),
        Mutant::new("rfc8895/5.1/3", "numbers its events", |r| {
            r.each_event(|event| event.raw = Some(format!("id: 1\nevent: {}\ndata: {}\n\n", event.name, event.data)));
        }),
        Mutant::new("rfc8895/5.2/1", "sends full replacements as application/json", |r| {
            r.each_event(|event| {
                event.name = event.name.replace("application/alto-costmap+json,", "application/json,");
            });
        }),
        Mutant::new("rfc8895/5.2/1", "leaves a PID out of full replacements of the network map", |r| {
            r.on_events(|view, events| {
                for event in events.iter_mut().filter(|event| of_resource(view, event, "nm-a") && !is_patch(event)) {
                    edit(event, |map| drop_at(map, "/network-map", "pidC"));
                }
            });
        }),
        Mutant::new("rfc8895/5.2/5", "names the resource instead of the substream", |r| {
            r.on_events(|view, events| {
                for event in events {
                    if let Some(resource) = view.resources.get(id_of(event)) {
                        event.name = format!("{},{resource}-1", event.name.split(',').next().unwrap_or_default());
                    }
                }
            });
        }),
        Mutant::new("rfc8895/5.3/1", "sends a number as description of a control event", |r| {
            r.each_event(|event| {
                if is_control(event) {
                    edit(event, |control| control["description"] = json!(5));
                }
            });
        }),
        Mutant::new("rfc8895/9.5/2", "sends lines of 70,000 bytes", |r| {
            r.each_event(|event| event.data += &" ".repeat(70_000));
        })
        .graded("warn"),
        Mutant::new("rfc8895/9.5/3", "cuts lines within a string", |r| {
            r.each_event(|event| {
                if !is_control(event) {
                    let middle = event.data.find("resource-id").unwrap_or(1) + 4;
                    let (one, other) = event.data.split_at(middle);
                    event.raw = Some(format!("event: {}\ndata: {one}\ndata: {other}\n\n", event.name));
                }
            });
        }),
        Mutant::new("rfc8895/11/1", "sends documents in an array", |r| {
            r.each_event(|event| {
                if !is_control(event) && !is_patch(event) {
                    event.data = format!("[{}]", event.data);
                }
            });
        }),
        Mutant::new("rfc8895/11/2", "repeats the name of the field in its value", |r| {
            r.each_event(|event| {
                if !is_control(event) {
                    event.data = format!("data: {}", event.data);
                }
            });
        }),
    ]
}
