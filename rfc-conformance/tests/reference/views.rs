//! Mutants with faults in TIPS (RFC 9569).

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rfc_conformance::mock_server::http::{ReceivedRequest, Response};
use serde_json::{Value, json};

use super::mutant::{Mutant, drop_at, put};
use super::server::{Reference, Variant};
use super::updates::{JSON, MERGE};

pub(crate) fn mutants() -> Vec<Mutant> {
    let all = [entries(), openings(), errors(), edges(), recommendations(), changes()];
    let over_http = all.into_iter().flatten().map(|mutant| mutant.with(Variant::Updates));
    // The views of the reference server have URIs without TLS.
    let secure = Mutant::new("rfc9569/6.2/3", "has views without TLS", |_| {}).graded("warn");
    over_http.chain([secure.with(Variant::SecureUpdates)]).collect()
}

const SUMMARY: &str = "/tips-view-summary/updates-graph-summary";

/// Numbers of the edge that a request is for.
fn edge_of(request: &ReceivedRequest) -> Option<(u64, u64)> {
    let (_, edge) = request.path.split_once("/ug/")?;
    let (from, to) = edge.split_once('/')?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

/// Tests whether a request waits for an edge: the suite sends such requests itself, without a name of its library.
fn waits(request: &ReceivedRequest) -> bool {
    request.field("user-agent").is_none() && edge_of(request).is_some_and(|(from, _)| from > 0)
}

fn change_json(answer: &mut Response, change: impl FnOnce(&mut Value)) {
    if let Ok(mut message) = serde_json::from_slice(&answer.body) {
        change(&mut message);
        answer.body = message.to_string().into_bytes();
    }
}

/// Changes what opening a view gives; the function gets the request as well.
fn opened(r: &mut Reference, change: impl Fn(&Value, &mut Value) + Send + Sync + 'static) {
    r.after(move |_, request, answer| {
        if request.path == "/tips" && answer.status == 200 {
            let body = serde_json::from_slice(&request.body).unwrap_or_default();
            change_json(answer, |message| change(&body, message));
        }
    });
}

/// Changes recommendations; the function gets the request as well.
fn recommended(r: &mut Reference, change: fn(&Value, &mut Value)) {
    r.after(move |_, request, answer| {
        if request.path.ends_with("/ug") && answer.status == 200 {
            let body = serde_json::from_slice(&request.body).unwrap_or_default();
            change_json(answer, |message| change(&body, message));
        }
    });
}

/// Changes errors in answer to requests for views.
fn refusals(r: &mut Reference, fits: fn(&Value) -> bool, change: fn(&mut Response, &mut Value)) {
    r.after(move |_, request, answer| {
        let body = serde_json::from_slice(&request.body).unwrap_or_default();
        if request.path == "/tips" && answer.status == 400 && fits(&body) {
            let mut message = serde_json::from_slice(&answer.body).unwrap_or_default();
            change(answer, &mut message);
            answer.body = message.to_string().into_bytes();
        }
    });
}

/// Changes answers to requests for edges.
fn on_edge(r: &mut Reference, change: impl Fn(u64, u64, &mut Response) + Send + Sync + 'static) {
    r.updates(|updates| updates.on_edge = Some(Box::new(change)));
}

/// Changes the status of refused requests for edges.
fn status(r: &mut Reference, from: u16, to: u16) {
    on_edge(r, move |_, _, answer| {
        if answer.status == from {
            answer.status = to;
        }
    });
}

fn edge(message: &mut Value, from: u64, to: u64) {
    message.pointer_mut(SUMMARY).unwrap()["start-edge-rec"] = json!({ "seq-i": from, "seq-j": to });
}

fn entries() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9569/5/1", "has an array of patch types", |r| {
            r.of("root", |m| put(m, "/resources/views/capabilities/incremental-change-media-types", json!([])));
        }),
        Mutant::new("rfc9569/5.1/1", "lists TIPS with another media type", |r| {
            r.of("root", |m| put(m, "/resources/views/media-type", json!("application/alto-tipsview+json")));
        }),
        Mutant::new("rfc9569/5.2/1", "announces patches of a resource that is not in `uses`", |r| {
            r.of("root", |m| {
                m["resources"]["views"]["capabilities"]["incremental-change-media-types"]["cm-b-num"] = json!(MERGE);
            });
        }),
        Mutant::new("rfc9569/5.2/2", "lists both types of patches in the other order", |r| {
            r.of("root", |m| {
                let both = format!("{JSON},{MERGE}");
                m["resources"]["views"]["capabilities"]["incremental-change-media-types"]["pm"] = json!(both);
            });
        }),
        Mutant::new("rfc9569/5.3/1", "lists a resource that it does not serve", |r| {
            r.of("root", |m| m["resources"]["views"]["uses"].as_array_mut().unwrap().push(json!("fcm-a-nc")));
        }),
        Mutant::new("rfc9569/5.3/3", "serves property maps without a network map that they use", |r| {
            r.of("root", |m| m["resources"]["views"]["uses"].as_array_mut().unwrap().retain(|id| id != "nm-b"));
        })
        .graded("warn"),
    ]
}

fn openings() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9569/4.1/1", "opens views without a summary", |r| {
            opened(r, |_, m| drop_at(m, "", "tips-view-summary"));
        }),
        Mutant::new("rfc9569/6.2/1", "writes sequence numbers as strings", |r| {
            opened(r, |_, m| put(m, &format!("{SUMMARY}/start-seq"), json!("1")));
        }),
        Mutant::new("rfc9569/6.2/2", "adds a query to the URI of a view", |r| {
            opened(r, |_, m| {
                let uri = format!("{}?v=1", m["tips-view-uri"].as_str().unwrap());
                m["tips-view-uri"] = json!(uri);
            });
        }),
        Mutant::new("rfc9569/6.2/2", "sends relative URIs of views", |r| {
            opened(r, |_, m| m["tips-view-uri"] = json!("tips/1"));
        }),
        Mutant::new("rfc9569/6.2/4", "has a letter beyond ASCII in the URI of a view", |r| {
            opened(r, |_, m| {
                let uri = format!("{}/é", m["tips-view-uri"].as_str().unwrap());
                m["tips-view-uri"] = json!(uri);
            });
        }),
        Mutant::new("rfc9569/6.2/5", "serves all resources at one URI", |r| {
            let first = Mutex::new(None);
            opened(r, move |_, m| {
                let mut first = first.lock().unwrap();
                m["tips-view-uri"] = first.get_or_insert_with(|| m["tips-view-uri"].clone()).clone();
            });
        }),
        Mutant::new("rfc9569/6.2/6", "makes a URI for each client", |r| {
            let count = AtomicUsize::new(0);
            opened(r, move |_, m| {
                let number = count.fetch_add(1, Ordering::Relaxed);
                let uri = m["tips-view-uri"].as_str().unwrap().replace("/tips/", &format!("/tips/{number}-"));
                m["tips-view-uri"] = json!(uri);
            });
            r.instead(|service, request| {
                let (before, after) = request.path.split_once("/tips/")?;
                let (_, own) = after.split_once('-')?;
                Some(service.route(&ReceivedRequest { path: format!("{before}/tips/{own}"), ..request.clone() }))
            });
        })
        .graded("warn"),
        Mutant::new("rfc9569/6.2/7", "recommends an edge from a version to itself", |r| {
            opened(r, |_, m| edge(m, 1, 1));
        }),
        Mutant::new("rfc9569/6.2/8", "recommends a patch to clients without a version", |r| {
            opened(r, |_, m| edge(m, 1, 2));
        }),
        Mutant::new("rfc9569/6.2/9", "recommends an edge from another version than that of the tag", |r| {
            opened(r, |body, m| {
                if body.get("tag").is_some() {
                    edge(m, 70, 71);
                }
            });
        }),
        Mutant::new("rfc9569/8.3/1", "refuses to open a view again", |r| {
            let known = Mutex::new(BTreeSet::new());
            r.instead(move |_, request| {
                let opens = request.path == "/tips" && request.body.starts_with(b"{\"resource-id\":\"nm-a\"}");
                let again = opens && !known.lock().unwrap().insert(request.body.clone());
                again.then(|| Response::plain(409, "the view is open"))
            });
        }),
    ]
}

fn errors() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9569/6.2/11", "refuses requests for views with 422", |r| {
            refusals(r, |_| true, |answer, _| answer.status = 422);
        }),
        Mutant::new("rfc9569/6.2/12", "sends `value` without `field`", |r| {
            refusals(r, |_| true, |_, error| drop_at(error, "/meta", "field"));
        }),
        Mutant::new("rfc9569/6.2/13", "calls a missing resource-id a syntax error", |r| {
            let missing = |body: &Value| body.is_object() && body.get("resource-id").is_none();
            refusals(r, missing, |_, error| put(error, "/meta/code", json!("E_SYNTAX")));
        }),
        Mutant::new("rfc9569/6.2/14", "reports another ID than the one that is unknown", |r| {
            let unknown = |body: &Value| body["resource-id"] == "no-such-resource";
            refusals(r, unknown, |_, error| put(error, "/meta/value", json!("another")));
        }),
        Mutant::new("rfc9569/6.2/15", "calls every invalid input a syntax error", |r| {
            let has_input = |body: &Value| body.get("input").is_some();
            refusals(r, has_input, |_, error| put(error, "/meta/code", json!("E_SYNTAX")));
        }),
    ]
}

fn edges() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9569/3.1/2", "has a space in tags", |r| {
            on_edge(r, |from, _, answer| {
                if from == 0 {
                    change_json(answer, |m| put(m, "/meta/vtag/tag", json!("a b")));
                }
            });
        }),
        Mutant::new("rfc9569/3.2/2", "has no snapshot of the first version", |r| {
            on_edge(r, |from, to, answer| {
                if (from, to) == (0, 1) {
                    *answer = Response::plain(404, "no such edge");
                }
            });
        }),
        Mutant::new("rfc9569/4.2/1", "serves no recommended edge", |r| {
            on_edge(r, |from, _, answer| {
                if from == 0 {
                    *answer = Response::plain(404, "no such edge");
                }
            });
        }),
        Mutant::new("rfc9569/4.2/3", "takes DELETE of an edge", |r| {
            r.instead(|_, request| {
                let right = request.method == "DELETE" && edge_of(request).is_some();
                right.then(|| Response::plain(200, "deleted"))
            });
        }),
        Mutant::new("rfc9569/7.1/1", "sends snapshots as application/json", |r| {
            on_edge(r, |from, _, answer| {
                if from == 0 {
                    answer.set("Content-Type", "application/json");
                }
            });
        }),
        Mutant::new("rfc9569/7.2/1", "cuts off snapshots", |r| {
            on_edge(r, |from, _, answer| {
                if from == 0 {
                    answer.body.truncate(answer.body.len() / 2);
                }
            });
        }),
        Mutant::new("rfc9569/7.2/4", "refuses to wait for the next version", |r| {
            r.instead(|_, request| waits(request).then(|| Response::plain(404, "no such edge")));
        })
        .graded("warn"),
        Mutant::new("rfc9569/7.2/5", "gives something for edges that do not exist", |r| {
            on_edge(r, |_, _, answer| {
                if matches!(answer.status, 404 | 425) {
                    *answer = Response::new(200, MERGE, "{}");
                }
            });
        }),
        Mutant::new("rfc9569/7.2/6", "answers edges that never were with 410", |r| status(r, 404, 410)).graded("warn"),
        Mutant::new("rfc9569/7.2/7", "answers versions that are gone with 404", |r| status(r, 410, 404)).graded("warn"),
        Mutant::new("rfc9569/7.2/8", "answers an unacceptable edge with 406", |r| status(r, 415, 406)).graded("warn"),
        Mutant::new("rfc9569/7.2/9", "answers a distant edge with 404", |r| status(r, 425, 404)).graded("warn"),
        Mutant::new("rfc9569/7.2/11", "refuses edges in plain text", |r| {
            on_edge(r, |_, _, answer| {
                if answer.status >= 400 {
                    answer.set("Content-Type", "text/plain");
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc9569/7.2/12", "answers nothing while it holds a request", |r| {
            let held = AtomicUsize::new(0);
            r.instead(move |_, request| {
                let edge = edge_of(request)?;
                if waits(request) {
                    held.fetch_add(1, Ordering::SeqCst);
                    return None;
                }
                let busy = edge.0 == 0 && held.load(Ordering::SeqCst) > 0;
                busy.then(|| Response::plain(503, "a request is held"))
            });
        }),
        Mutant::new("rfc9569/8.1/2", "knows its views on some connections only", |r| {
            r.instead(|_, request| {
                let other = request.field("user-agent").is_none() && edge_of(request)?.0 == 0;
                other.then(|| Response::plain(404, "no such view"))
            });
        }),
        Mutant::new("rfc9569/A/1", "redirects edges to another host", |r| {
            r.instead(|_, request| {
                edge_of(request)?;
                let host = request.field("host")?;
                let port = host.strip_prefix("127.0.0.1:")?;
                let location = format!("http://localhost:{port}{}", request.path);
                Some(Response::plain(307, "elsewhere").with("Location", &location))
            });
        }),
    ]
}

fn recommendations() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9569/7.4.2/1", "recommends edges in the form of an opened view", |r| {
            r.after(|_, request, answer| {
                if request.path.ends_with("/ug") && answer.status == 200 {
                    answer.set("Content-Type", "application/alto-tips+json");
                }
            });
        }),
        Mutant::new("rfc9569/7.4.2/2", "recommends edges without a summary", |r| {
            recommended(r, |_, m| *m = json!({ "tips-view-summary": {} }));
        }),
        Mutant::new("rfc9569/7.4.2/6", "recommends an edge that does not exist", |r| {
            recommended(r, |_, m| edge(m, 0, 50));
        }),
        Mutant::new("rfc9569/7.4.2/7", "recommends a patch to clients that name no tag", |r| {
            recommended(r, |_, m| edge(m, 1, 2));
        }),
        Mutant::new("rfc9569/7.4.2/8", "calls an unknown view an invalid request", |r| {
            r.after(|_, request, answer| {
                if request.path.ends_with("/ug") && answer.status == 404 {
                    answer.status = 400;
                }
            });
        })
        .graded("warn"),
    ]
}

/// Sends the property that has become null in a merge patch.
fn null_by_merge(r: &mut Reference) {
    on_edge(r, |from, _, answer| {
        let body = String::from_utf8_lossy(&answer.body);
        if from > 0 && answer.status == 200 && body.contains("property-map") && body.contains("null") {
            let patch = json!({ "property-map": { "ipv4:192.0.2.0/24": { ".priv:x-tier": null } } });
            *answer = Response::new(200, MERGE, patch.to_string());
        }
    });
}

fn wrong_cost(answer: &mut Response) {
    change_json(answer, |patch| put(patch, "/cost-map/pidB/pidA", json!(77)));
}

fn changes() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9569/3.1/1", "skips numbers of versions", |r| {
            recommended(r, |_, m| {
                let end = m.pointer(&format!("{SUMMARY}/end-seq")).and_then(Value::as_u64).unwrap_or(0);
                put(m, &format!("{SUMMARY}/end-seq"), json!(end + 10));
            });
        }),
        Mutant::new("rfc9569/3.1/3", "sends a wrong cost in an edge", |r| {
            on_edge(r, |from, _, answer| {
                if from > 0 {
                    wrong_cost(answer);
                }
            });
        }),
        Mutant::new("rfc9569/3.1/4", "sends a wrong cost in a shortcut", |r| {
            on_edge(r, |from, to, answer| {
                if from > 0 && to > from + 1 {
                    wrong_cost(answer);
                }
            });
        }),
        Mutant::new("rfc9569/3.1/4", "sends wrong costs in later snapshots", |r| {
            on_edge(r, |from, to, answer| {
                if from == 0 && to > 1 {
                    wrong_cost(answer);
                }
            });
        }),
        Mutant::new("rfc9569/3.2/1", "forgets edges once they have been read", |r| {
            r.instead(|_, request| {
                let (from, to) = edge_of(request)?;
                let later = from > 0 && to == from + 1 && !waits(request);
                later.then(|| Response::plain(404, "no such edge"))
            });
        }),
        Mutant::new("rfc9569/3.2/3", "counts back", |r| {
            recommended(r, |_, m| put(m, &format!("{SUMMARY}/end-seq"), json!(0)));
        }),
        Mutant::new("rfc9569/3.2/4", "does not answer who waits for a version", |r| {
            r.after(|_, request, answer| {
                if waits(request) && answer.status == 200 {
                    *answer = Response::plain(404, "no such edge");
                }
            });
        }),
        Mutant::new("rfc9569/3.2/5", "drops versions up to one without a snapshot", |r| {
            recommended(r, |_, m| {
                let start = m.pointer(&format!("{SUMMARY}/start-seq")).and_then(Value::as_u64).unwrap_or(0);
                if start > 1 {
                    put(m, &format!("{SUMMARY}/start-seq"), json!(start - 1));
                }
            });
        }),
        Mutant::new("rfc9569/4.1/2", "answers requests for the next edge at once", |r| {
            r.instead(|_, request| waits(request).then(|| Response::plain(404, "no such edge")));
        }),
        Mutant::new("rfc9569/5.2/3", "sends null in a merge patch", null_by_merge),
        Mutant::new("rfc9569/5.2/4", "prefers a merge patch to the announced JSON patch for null", null_by_merge),
        Mutant::new("rfc9569/7.4.2/3", "recommends an edge from a version that is not the one of the tag", |r| {
            recommended(r, |body, m| {
                if body.get("tag").is_some() {
                    edge(m, 70, 71);
                }
            });
        }),
        Mutant::new("rfc9569/7.4.2/4", "recommends the whole resource whatever the client has", |r| {
            recommended(r, |body, m| {
                if body.get("tag").is_some() {
                    let start = m.pointer(&format!("{SUMMARY}/start-seq")).and_then(Value::as_u64).unwrap_or(1);
                    edge(m, 0, start);
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc9569/8/1", "sends wrong costs in edges of filtered maps and ranks", |r| {
            on_edge(r, |from, _, answer| {
                if from > 0 {
                    wrong_cost(answer);
                }
            });
        }),
    ]
}
