//! Mutants with faults in JSON and the data types of all messages.

use rfc_conformance::mock_server::error::AltoError;
use rfc_conformance::mock_server::http::{ReceivedRequest, Response};
use rfc_conformance::mock_server::media_type;
use rfc_conformance::mock_server::resource::RequestTarget;
use rfc_conformance::mock_server::service::Service;
use serde_json::{Map, Value, json};

use super::mutant::{Mutant, drop_at, put};
use super::server::{Reference, Variant};

pub(crate) fn mutants() -> Vec<Mutant> {
    let mut all = json_rules();
    all.extend(names());
    all.extend(addresses());
    // What every answer shows needs few answers.
    all.into_iter().map(|mutant| mutant.with(Variant::Small)).collect()
}

/// Rejects request bodies that satisfy a predicate.
fn refuses(reference: &mut Reference, refuse: fn(&str) -> bool) {
    reference.instead(move |service: &Service, request: &ReceivedRequest| {
        let asked = service.find(request).is_some_and(|found| found.accepts().is_some() && request.method == "POST");
        let refused = asked && refuse(&String::from_utf8_lossy(&request.body));
        let error = AltoError::Syntax("not like this".into()).to_json().to_string();
        refused.then(|| Response::new(400, media_type::ERROR, error))
    });
}

/// Changes the serialized text of ALTO messages.
fn change_text(reference: &mut Reference, change: fn(String) -> Vec<u8>) {
    reference.after(move |_, request, answer| {
        let is_alto = answer.field("content-type").is_some_and(|value| value.contains("alto"));
        if is_alto && request.method != "HEAD" {
            answer.body = change(String::from_utf8_lossy(&answer.body).into_owned());
        }
    });
}

/// Converts all member names to lower case, recursively.
fn lowered(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let lower = members.into_iter().map(|(name, value)| (name.to_lowercase(), lowered(value)));
            Value::Object(lower.collect::<Map<_, _>>())
        }
        other => other,
    }
}

fn json_rules() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.2/1", "ignores the case of member names", |r| {
            r.rewrite_requests(|_, body| Some(lowered(body)));
        }),
        Mutant::new("rfc7285/8.2/2", "omits `dependent-vtags` from cost maps", |r| {
            r.of("cm-a-num", |m| drop_at(m, "/meta", "dependent-vtags"));
        }),
        Mutant::new("rfc7285/8.2/3", "accepts an empty list of properties", |r| {
            r.rewrite_requests(|id, mut body| {
                let empty = id == "eps" && body["properties"] == json!([]);
                empty.then(|| body["properties"] = json!(["nm-a.pid"])).map(|()| body)
            });
        }),
        Mutant::new("rfc7285/8.2/4", "rejects line breaks in requests", |r| {
            refuses(r, |body| body.contains('\n'));
        }),
        Mutant::new("rfc7285/8.2/5", "has `meta` twice", |r| {
            change_text(r, |text| text.replacen("\"meta\":", "\"meta\":{},\"meta\":", 1).into_bytes());
        }),
        Mutant::new("rfc7285/8.2/6", "begins bodies with a byte order mark", |r| {
            change_text(r, |text| format!("\u{feff}{text}").into_bytes());
        }),
        Mutant::new("rfc7285/14.1/2", "encodes answers in Latin-1", |r| {
            change_text(r, |text| [&text.as_bytes()[..text.len() - 1], b",\"x\":\"caf\xe9\"}"].concat());
        }),
        Mutant::new("rfc7285/8.2/7", "rejects escapes in names", |r| {
            refuses(r, |body| body.contains("\\u"));
        }),
        Mutant::new("rfc7285/8.2/9", "treats null as absent", |r| {
            r.rewrite_requests(|_, body| {
                let Value::Object(members) = body else { return None };
                Some(Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect()))
            });
        }),
        Mutant::new("rfc7285/8.3.7/1", "rejects unknown members", |r| refuses(r, |body| body.contains("unknown"))),
        Mutant::new("rfc7285/8.4.1/1", "rejects an unknown `meta`", |r| refuses(r, |body| body.contains("\"meta\""))),
        Mutant::new("rfc7285/8.4/1", "sends errors without `meta`", |r| {
            r.rewrite_messages(|_, _, m| {
                if m.pointer("/meta/code").is_some() {
                    *m = json!({ "code": m["meta"]["code"] });
                }
            });
        }),
        Mutant::new("rfc7285/8.4.2/1", "puts the network map into `data`", |r| {
            r.of("nm-a", |m| {
                let map = m["network-map"].take();
                drop_at(m, "", "network-map");
                m["data"] = map;
            });
        }),
        Mutant::new("rfc7285/14.1/1", "adds a parameter to media types", |r| {
            r.after(|_, _, answer| {
                if let Some(value) = answer.field("content-type").filter(|value| value.contains("alto")) {
                    let value = format!("{value}; charset=utf-8");
                    answer.set("Content-Type", &value);
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc7285/8.3/17", "sends cost maps as application/json", |r| {
            r.after(|found, _, answer| {
                if found.is_some_and(|found| found.id() == "cm-a-ord") {
                    answer.set("Content-Type", "application/json");
                }
            });
        }),
    ]
}

/// Renames a PID in all resources.
fn pid_is(reference: &mut Reference, name: &str) {
    let map = &mut reference.service.network.maps[0];
    let prefixes = map.pids.remove("pidC").unwrap();
    map.pids.insert(name.into(), prefixes);
    let renamed = |pid: &str| if pid == "pidC" { name.to_owned() } else { pid.to_owned() };
    map.costs = map.costs.iter().map(|((a, b), cost)| ((renamed(a), renamed(b)), *cost)).collect();
}

/// Changes the version tag in all messages.
fn tag_is(reference: &mut Reference, tag: &'static str) {
    reference.rewrite_messages(move |_, _, m| {
        put(m, "/meta/vtag/tag", json!(tag));
        for vtag in m.pointer_mut("/meta/dependent-vtags").and_then(Value::as_array_mut).into_iter().flatten() {
            vtag["tag"] = json!(tag);
        }
    });
}

fn names() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/10.1/1", "has a PID name of 65 characters", |r| pid_is(r, &"p".repeat(65))),
        Mutant::new("rfc7285/10.1/2", "has a space in a PID name", |r| pid_is(r, "pid C")),
        Mutant::new("rfc7285/10.1/3", "has a dot in a PID name", |r| pid_is(r, "pid.C")),
        Mutant::new("rfc7285/10.3/1", "tags a network map with an ID that no directory has", |r| {
            r.of("nm-a", |m| put(m, "/meta/vtag/resource-id", json!("nm-0")));
        }),
        Mutant::new("rfc7285/10.3/3", "has tags of 65 characters", |r| {
            tag_is(r, "0123456789012345678901234567890123456789012345678901234567890123x");
        }),
        Mutant::new("rfc7285/10.3/4", "has a space in tags", |r| tag_is(r, "2014 09")),
        Mutant::new("rfc7285/11.1/1", "writes a tag as a string", |r| r.of("nm-a", |m| m["meta"]["vtag"] = json!("1"))),
    ]
}

fn addresses() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/10.4/1", "finds the PIDs of IPv6 addresses only in their shortest form", |r| {
            r.rewrite_messages(|found, request, m| {
                let asked = String::from_utf8_lossy(&request.body).into_owned();
                if found.id() == "eps" && (asked.contains(":0:") || asked.contains("DB8")) {
                    let endpoints = m.get_mut("endpoint-properties").and_then(Value::as_object_mut);
                    endpoints.into_iter().flatten().for_each(|(_, values)| *values = json!({}));
                }
            });
        }),
        Mutant::new("rfc7285/10.4.3.2/2", "accepts IPv6 addresses in lower case only", |r| {
            refuses(r, |body| body.contains("ipv6:") && body.contains("DB8"));
        }),
        Mutant::new("rfc7285/10.4.1/1", "omits the type from addresses in answers", |r| {
            r.of("eps", |m| {
                let map = m["endpoint-properties"].as_object_mut().unwrap();
                let bare =
                    |key: &String| key.split_once(':').map_or_else(String::new, |(_, address)| address.to_owned());
                *map = map.iter().map(|(key, value)| (bare(key), value.clone())).collect();
            });
        }),
        Mutant::new("rfc7285/10.4.2/1", "has a dash in an address type", |r| group_has(r, "mac-48", json!(["x"]))),
        Mutant::new("rfc7285/10.4.2/2", "has an address type that is not registered", |r| {
            group_has(r, "mac48", json!(["x"]));
        })
        .graded("warn"),
        Mutant::new("rfc7285/10.4.3.1/1", "treats three numbers as an IPv4 address", |r| {
            r.rewrite_requests(|_, body| {
                let text = body.to_string();
                let wrong = [
                    "ipv4:192.0.2\"",
                    "ipv4:192.0.2.034\"",
                    "ipv4:192.0.2.1.5\"",
                    "ipv4:1.2.3.4.5\"",
                    "ipv4: 192.0.2.1\"",
                ];
                let mended = wrong.iter().fold(text.clone(), |text, wrong| text.replace(wrong, "ipv4:192.0.2.1\""));
                (mended != text).then(|| serde_json::from_str(&mended).unwrap())
            });
        }),
        Mutant::new("rfc7285/10.4.3.2/1", "writes IPv6 prefixes in upper case", |r| {
            r.of("nm-a", |m| put(m, "/network-map/pidA/ipv6/0", json!("2001:DB8:A::/48")));
        })
        .graded("warn"),
        Mutant::new("rfc7285/10.4.4.1/1", "abbreviates an IPv4 prefix", |r| {
            r.of("nm-a", |m| put(m, "/network-map/pidA/ipv4/0", json!("192.0.2/24")));
        }),
        Mutant::new("rfc7285/10.4.4.2/1", "has an IPv6 prefix of 129 bits", |r| {
            r.of("nm-a", |m| put(m, "/network-map/pidA/ipv6/0", json!("2001:db8:a::/129")));
        }),
        Mutant::new("rfc7285/10.4.5/1", "lists an address instead of a prefix", |r| {
            r.of("nm-a", |m| put(m, "/network-map/pidB/ipv4/1", json!("192.0.2.7")));
        }),
    ]
}

/// Adds an address type to the group of every PID.
fn group_has(reference: &mut Reference, kind: &'static str, list: Value) {
    reference.rewrite_messages(move |found, _, m| {
        if let RequestTarget::Resource(_) = found {
            for (_, group) in m.get_mut("network-map").and_then(Value::as_object_mut).into_iter().flatten() {
                group[kind] = list.clone();
            }
        }
    });
}
