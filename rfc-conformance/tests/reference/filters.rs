//! Mutants with faults in filtered maps.

use serde_json::{Value, json};

use super::mutant::{Mutant, drop_at, drop_pair, put};
use super::server::Reference;

pub(crate) fn mutants() -> Vec<Mutant> {
    let mut all = network_maps();
    all.extend(costs_asked());
    all.extend(costs_answered());
    all
}

/// Changes a list in requests to a resource before it is processed.
pub(crate) fn lists(reference: &mut Reference, id: &'static str, pointer: &'static str, change: fn(&mut Vec<Value>)) {
    reference.rewrite_requests(move |found, mut body| {
        let list = body.pointer_mut(pointer).and_then(Value::as_array_mut).filter(|_| found == id)?;
        change(list);
        Some(body)
    });
}

/// Changes the messages of a resource depending on the request.
pub(crate) fn change_answer_to(reference: &mut Reference, id: &'static str, change: fn(&Value, &mut Value)) {
    reference.rewrite_messages(move |found, request, message| {
        if found.id() == id && message.pointer("/meta/code").is_none() {
            change(&serde_json::from_slice(&request.body).unwrap_or_default(), message);
        }
    });
}

pub(crate) fn has_unknown(list: &Value) -> bool {
    let known = |element: &Value| element.as_str().is_some_and(|text| text.starts_with("pid"));
    list.as_array().is_some_and(|list| list.iter().any(|element| !known(element)))
}

pub(crate) fn has_twice(list: &Value) -> bool {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().enumerate().any(|(index, element)| list[..index].contains(element))
}

fn network_maps() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/11.3.1.1/1", "sends a filtered network map with another media type", |r| {
            r.after(|found, request, answer| {
                if found.is_some_and(|found| found.id() == "fnm-a") && request.method == "POST" && answer.status == 200
                {
                    answer.set("Content-Type", "application/alto-networkmapfilter+json");
                }
            });
        }),
        Mutant::new("rfc7285/11.3.1.2/1", "takes filters of some PIDs by POST, but not of all", |r| {
            r.instead(|service, request| {
                let filter =
                    service.find(request).is_some_and(|found| found.id() == "fnm-a") && request.method == "POST";
                let all = String::from_utf8_lossy(&request.body).contains("\"pids\":[]");
                let answer = rfc_conformance::mock_server::http::Response::plain(405, "GET the whole map, please");
                (filter && all).then(|| answer.with("Allow", "GET"))
            });
        }),
        Mutant::new("rfc7285/11.3.1.3/2", "treats empty `pids` as none", |r| {
            change_answer_to(r, "fnm-a", |asked, m| {
                if asked["pids"] == json!([]) {
                    m["network-map"] = json!({});
                }
            });
        }),
        Mutant::new("rfc7285/11.3.1.3/3", "lists prefixes once for every time a PID is requested", |r| {
            change_answer_to(r, "fnm-a", |asked, m| {
                if has_twice(&asked["pids"]) {
                    doubled(m);
                }
            });
        }),
        Mutant::new("rfc7285/11.3.1.3/4", "treats empty `address-types` as none", |r| {
            change_answer_to(r, "fnm-a", |asked, m| {
                if asked["address-types"] == json!([]) {
                    put(m, "/network-map", json!({}));
                }
            });
        }),
        Mutant::new("rfc7285/11.3.1.3/5", "lists prefixes once for every time a type is requested", |r| {
            change_answer_to(r, "fnm-a", |asked, m| {
                if has_twice(&asked["address-types"]) {
                    doubled(m);
                }
            });
        }),
        Mutant::new("rfc7285/11.3.1.6/1", "always adds the PID for all other addresses", |r| {
            r.of("fnm-a", |m| m["network-map"]["pidZ"] = json!({ "ipv4": ["0.0.0.0/0"], "ipv6": ["::/0"] }));
        }),
        Mutant::new("rfc7285/11.3.1.6/2", "rejects unknown PIDs", |r| {
            refuses(r, "fnm-a", "pids", |asked| has_unknown(&asked["pids"]));
        }),
        Mutant::new("rfc7285/11.3.1.6/3", "ignores `address-types`", |r| {
            r.rewrite_requests(|found, mut body| {
                (found == "fnm-a").then(|| drop_at(&mut body, "", "address-types")).map(|()| body)
            });
        }),
        Mutant::new("rfc7285/11.3.1.6/4", "rejects unknown address types", |r| {
            refuses(r, "fnm-a", "address-types", |asked| {
                let types = asked["address-types"].as_array().cloned().unwrap_or_default();
                types.iter().any(|kind| kind != "ipv4" && kind != "ipv6")
            });
        }),
        Mutant::new("rfc7285/11.3.1.6/5", "tags a filtered map by its own ID", |r| {
            r.of("fnm-a", |m| put(m, "/meta/vtag/resource-id", json!("fnm-a")));
        }),
        Mutant::new("rfc7285/11.3.1.6/6", "omits the last prefix of every PID", |r| {
            r.of("fnm-a", |m| {
                for (_, group) in m["network-map"].as_object_mut().unwrap() {
                    for (_, list) in group.as_object_mut().unwrap() {
                        list.as_array_mut().unwrap().pop();
                    }
                }
            });
        }),
    ]
}

fn doubled(message: &mut Value) {
    for (_, group) in message["network-map"].as_object_mut().unwrap() {
        for (_, list) in group.as_object_mut().unwrap() {
            let list = list.as_array_mut().unwrap();
            list.extend(list.clone());
        }
    }
}

/// Rejects requests to a resource by one of their members.
pub(crate) fn refuses(reference: &mut Reference, id: &'static str, field: &'static str, refuse: fn(&Value) -> bool) {
    reference.rewrite_messages(move |found, request, message| {
        let asked = serde_json::from_slice(&request.body).unwrap_or_default();
        if found.id() == id && message.pointer("/meta/code").is_none() && refuse(&asked) {
            *message = json!({ "meta": { "code": "E_INVALID_FIELD_VALUE", "field": field } });
        }
    });
    reference.after(|_, _, answer| {
        if answer.status == 200 && answer.body.windows(8).any(|window| window == b"\"code\":\"") {
            answer.status = 400;
            answer.set("Content-Type", "application/alto-error+json");
        }
    });
}

fn costs_asked() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/11.3.2.1/1", "sends a filtered cost map with another media type", |r| {
            r.after(|found, request, answer| {
                if found.is_some_and(|found| found.id() == "fcm-a") && request.method == "POST" && answer.status == 200
                {
                    answer.set("Content-Type", "application/alto-costmapfilter+json");
                }
            });
        }),
        Mutant::new("rfc7285/11.3.2.3/2", "returns costs other than the requested ones", |r| {
            r.rewrite_requests(|found, mut body| {
                let other = found == "fcm-a-nc" && body["cost-type"].is_object();
                other
                    .then(|| body["cost-type"] = json!({ "cost-mode": "numerical", "cost-metric": "routingcost" }))
                    .map(|()| body)
            });
        }),
        Mutant::new("rfc7285/11.3.2.3/4", "rejects a `description`", |r| {
            refuses(r, "fcm-a", "cost-type", |asked| asked["cost-type"].get("description").is_some());
        }),
        Mutant::new("rfc7285/11.3.2.3/6", "treats `lt` as `le`", |r| {
            constraint(r, "fcm-a", |text| text.replace("lt ", "le "));
        }),
        Mutant::new("rfc7285/11.3.2.3/8", "rounds constraints to whole numbers", |r| constraint(r, "fcm-a", rounded))
            .graded("warn"),
        Mutant::new("rfc7285/11.3.2.3/9", "rounds constraints to whole numbers", |r| constraint(r, "fcm-a", rounded))
            .graded("warn"),
        Mutant::new("rfc7285/11.3.2.3/10", "evaluates the first constraint only", |r| {
            lists(r, "fcm-a", "/constraints", |list| list.truncate(1));
        }),
        Mutant::new("rfc7285/11.3.2.3/11", "treats empty `srcs` as none", |r| {
            change_answer_to(r, "fcm-a", |asked, m| {
                if asked.pointer("/pids/srcs") == Some(&json!([])) {
                    m["cost-map"] = json!({});
                }
            });
        }),
        Mutant::new("rfc7285/11.3.2.3/12", "rejects PIDs that occur twice", |r| {
            refuses(r, "fcm-a", "pids", |asked| has_twice(&asked["pids"]["srcs"]) || has_twice(&asked["pids"]["dsts"]));
        }),
        Mutant::new("rfc7285/11.3.2.3/13", "treats absent `pids` as none", |r| {
            change_answer_to(r, "fcm-a", |asked, m| {
                if asked.get("pids").is_none() {
                    m["cost-map"] = json!({});
                }
            });
        }),
        Mutant::new("rfc7285/11.3.2.3/14", "treats one absent list of PIDs as all", |r| {
            r.rewrite_requests(|found, mut body| {
                let lists = body.get_mut("pids").and_then(Value::as_object_mut).filter(|_| found == "fcm-a")?;
                lists.entry("srcs").or_insert(json!([]));
                lists.entry("dsts").or_insert(json!([]));
                Some(body)
            });
        })
        .graded("warn"),
        Mutant::new("rfc7285/11.3.2.4/3", "rejects constraints on ranks", |r| {
            refuses(r, "fcm-a", "constraints", |asked| {
                asked["cost-type"]["cost-mode"] == "ordinal" && asked.get("constraints").is_some()
            });
        }),
        Mutant::new("rfc9274/4/1", "treats an unknown mode as numerical", |r| {
            r.rewrite_requests(|found, mut body| {
                let mode = body.pointer("/cost-type/cost-mode")?.as_str()?;
                let unknown = found == "fcm-a" && !matches!(mode, "numerical" | "ordinal");
                unknown.then(|| put(&mut body, "/cost-type/cost-mode", json!("numerical"))).map(|()| body)
            });
        }),
    ]
}

fn rounded(text: &str) -> String {
    let (operator, number) = text.split_once(' ').unwrap_or((text, ""));
    number.parse::<f64>().map_or_else(|_| text.to_owned(), |number| format!("{operator} {}", number.round()))
}

/// Rewrites constraints in requests before they are evaluated.
pub(crate) fn constraint(reference: &mut Reference, id: &'static str, read: fn(&str) -> String) {
    reference.rewrite_requests(move |found, mut body| {
        let list = body.get_mut("constraints").and_then(Value::as_array_mut).filter(|_| found == id)?;
        for text in list.iter_mut() {
            *text = json!(read(text.as_str()?));
        }
        Some(body)
    });
}

fn costs_answered() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/11.3.2.6/1", "does not state which network map filtered costs are for", |r| {
            r.of("fcm-a", |m| drop_at(m, "/meta", "dependent-vtags"));
        }),
        Mutant::new("rfc7285/11.3.2.6/3", "also returns the costs of the reverse direction", |r| {
            change_answer_to(r, "fcm-a", |asked, m| {
                if asked.get("pids").is_some() {
                    m["cost-map"]["pidZ"] = json!({ "pidA": 20, "pidB": 20, "pidC": 30, "pidD": 40 });
                }
            });
        }),
        Mutant::new("rfc7285/11.3.2.6/4", "rejects unknown PIDs", |r| {
            refuses(r, "fcm-a", "pids", |asked| {
                has_unknown(&asked["pids"]["srcs"]) || has_unknown(&asked["pids"]["dsts"])
            });
        }),
        Mutant::new("rfc7285/11.3.2.6/5", "ignores constraints", |r| lists(r, "fcm-a", "/constraints", Vec::clear)),
        Mutant::new("rfc7285/11.3.2.6/6", "treats empty `constraints` as unsatisfiable", |r| {
            change_answer_to(r, "fcm-a", |asked, m| {
                if asked.get("constraints") == Some(&json!([])) {
                    m["cost-map"] = json!({});
                }
            });
        }),
        Mutant::new("rfc7285/11.3.2.6/7", "omits a pair that passes", |r| r.of("fcm-a", drop_pair)),
        Mutant::new("rfc7285/11.3.2.6/8", "treats an empty result as an error", |r| {
            r.rewrite_messages(|found, _, m| {
                let empty = m.get("cost-map").and_then(Value::as_object);
                let empty = empty.is_some_and(|rows| rows.values().all(|row| row == &json!({})));
                if found.id() == "fcm-a" && empty {
                    *m = json!({ "meta": { "code": "E_INVALID_FIELD_VALUE", "field": "constraints" } });
                }
            });
            r.after(|_, _, answer| {
                if answer.body.windows(8).any(|window| window == b"\"code\":\"") {
                    answer.status = 400;
                    answer.set("Content-Type", "application/alto-error+json");
                }
            });
        }),
    ]
}
