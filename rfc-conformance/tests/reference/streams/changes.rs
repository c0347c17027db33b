//! Mutants with faults in what they tell of changes.

use rfc_conformance::mock_server::updates::SentEvent;
use serde_json::{Value, json};

use super::{id_of, is_patch, of_resource, open_with};
use crate::reference::mutant::{Mutant, drop_at, put};
use crate::reference::server::{Reference, Variant};
use crate::reference::updates::{JSON, MERGE, edit};

/// Changes the patches of a resource.
fn patches_of(r: &mut Reference, resource: &'static str, change: fn(&mut Value)) {
    r.updates(|updates| {
        updates.on_events = Some(Box::new(move |view, events| {
            for event in events.iter_mut().filter(|event| of_resource(view, event, resource) && is_patch(event)) {
                edit(event, change);
            }
        }));
    });
}

/// Changes the events of a substream after the first ones.
fn later_of(r: &mut Reference, id: &'static str, change: fn(&mut Value)) {
    r.updates(|updates| {
        updates.on_events = Some(Box::new(move |view, events| {
            for event in events.iter_mut().filter(|event| view.batch > 0 && id_of(event) == id) {
                edit(event, change);
            }
        }));
    });
}

/// Sends the property that has become null in a merge patch.
fn null_by_merge(r: &mut Reference) {
    r.on_events(|view, events| {
        for event in events.iter_mut() {
            let null = event.data.contains("null") && view.batch > 0 && of_resource(view, event, "pm");
            if null {
                let patch = json!({ "property-map": { "ipv4:192.0.2.0/24": { ".priv:x-tier": null } } });
                *event = SentEvent::new(format!("{MERGE},{}", id_of(event)), &patch);
            }
        }
    });
}

/// Sends updates of a substream that was removed.
fn goes_on(r: &mut Reference) {
    r.on_events(|view, events| {
        if view.resources.contains_key("kept") && !view.resources.contains_key("removed") {
            let kept = events.iter().find(|event| id_of(event) == "kept" && is_patch(event)).cloned();
            events.extend(kept.map(|event| SentEvent { name: format!("{MERGE},removed"), ..event }));
        }
    });
}

fn wrong_cost(patch: &mut Value) {
    put(patch, "/cost-map/pidB/pidA", json!(77));
}

pub(super) fn changes() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8895/5.2/2", "sends a wrong cost in a merge patch", |r| patches_of(r, "cm-a-num", wrong_cost)),
        Mutant::new("rfc8895/5.2/2", "leaves the new tag out of a patch", |r| {
            patches_of(r, "cm-a-num", |patch| drop_at(patch, "", "meta"));
        }),
        Mutant::new("rfc8895/5.3/5", "goes on with what it has stopped", goes_on),
        Mutant::new("rfc8895/7.6/13", "goes on with what it says it has removed", goes_on),
        Mutant::new("rfc8895/6.3/2", "sends patches of a type that it does not announce", |r| {
            r.of("root", |m| {
                let types = &mut m["resources"]["live"]["capabilities"]["incremental-change-media-types"];
                types["cm-a-num"] = json!(JSON);
            });
        }),
        Mutant::new("rfc8895/6.3/3", "sends null in a merge patch", null_by_merge),
        Mutant::new("rfc8895/6.3/4", "prefers a merge patch to the announced JSON patch for null", null_by_merge),
        Mutant::new("rfc8895/6.3/5", "sends null in a merge patch instead of the whole document", null_by_merge),
        Mutant::new("rfc8895/6.5/9", "sends patches to a client that wants none", |r| {
            open_with(r, |_, body| {
                for (_, add) in body["add"].as_object_mut().into_iter().flatten() {
                    if let Some(add) = add.as_object_mut() {
                        add.remove("incremental-changes");
                    }
                }
            });
        }),
        Mutant::new("rfc8895/6.7.2/1", "sends different costs to different streams", |r| {
            r.on_events(|view, events| {
                for event in events.iter_mut().filter(|event| of_resource(view, event, "cm-a-num") && is_patch(event)) {
                    if view.number % 2 == 0 {
                        edit(event, wrong_cost);
                    }
                }
            });
        }),
        Mutant::new("rfc8895/6.7.2/4", "sends different costs by different services", |r| {
            r.on_events(|view, events| {
                let is_second = !view.resources.values().any(|id| id == "ecs");
                for event in events.iter_mut().filter(|event| of_resource(view, event, "cm-a-num") && is_patch(event)) {
                    if is_second {
                        edit(event, wrong_cost);
                    }
                }
            });
        }),
        Mutant::new("rfc8895/9.2/4", "leaves costs at the tag of an older network map", |r| {
            patches_of(r, "cm-a-num", |patch| drop_at(patch, "/meta", "dependent-vtags"));
        })
        .graded("warn"),
        Mutant::new("rfc8895/9.3/2", "does not tell changes within a constraint", |r| {
            later_of(r, "constrained", |patch| drop_at(patch, "/cost-map/pidA", "pidB"));
        }),
        Mutant::new("rfc8895/9.3/3", "tells changes outside of a constraint", |r| {
            r.on_events(|view, events| {
                let has_one = events.iter().any(|event| id_of(event) == "constrained");
                if view.batch > 0 && view.resources.contains_key("constrained") && !has_one {
                    events.push(SentEvent::new(format!("{MERGE},constrained"), &json!({})));
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc8895/9.3/4", "does not tell which costs have left a constraint", |r| {
            later_of(r, "constrained", |patch| {
                for (_, row) in patch["cost-map"].as_object_mut().into_iter().flatten() {
                    if let Some(row) = row.as_object_mut() {
                        row.retain(|_, cost| !cost.is_null());
                    }
                }
            });
        }),
        Mutant::new("rfc8895/9.4/1", "tells one new rank only", |r| {
            later_of(r, "ordinal", |patch| {
                for (_, row) in patch["cost-map"].as_object_mut().into_iter().flatten().skip(1) {
                    *row = json!({});
                }
            });
        }),
    ]
}

pub(super) fn patches() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc6902/3/1", "wraps the operations of a JSON patch in an object", |r| {
            patches_of(r, "nm-a", |patch| *patch = json!({ "operations": patch }));
        }),
        Mutant::new("rfc6902/4/1", "invents an operation", |r| {
            patches_of(r, "nm-a", |patch| patch[0]["op"] = json!("put"));
        }),
        Mutant::new("rfc6902/4.1/1", "adds where there is no parent", |r| {
            patches_of(r, "nm-a", |patch| {
                *patch = json!([{ "op": "add", "path": "/network-map/nowhere/ipv4/-", "value": "203.0.113.0/24" }]);
            });
        }),
        Mutant::new("rfc6902/4.2/1", "removes what does not exist", |r| {
            patches_of(r, "nm-a", |patch| *patch = json!([{ "op": "remove", "path": "/network-map/nowhere" }]));
        }),
        Mutant::new("rfc6902/4.4/1", "moves a PID into itself", |r| {
            patches_of(r, "nm-a", |patch| {
                *patch = json!([{ "op": "move", "from": "/network-map/pidC", "path": "/network-map/pidC/old" }]);
            });
        }),
    ]
}

pub(super) fn secure() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8895/7.1/6", "has a control URI without TLS", |r| {
            r.each_event(|event| {
                edit(event, |m| put(m, "/control-uri", json!("http://127.0.0.1:9/updates/control/0")));
            });
        })
        .graded("warn")
        .with(Variant::SecureUpdates),
    ]
}
