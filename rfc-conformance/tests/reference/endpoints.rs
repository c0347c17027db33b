//! Rules about endpoint services.

use rfc_conformance::mock_server::http::ReceivedRequest;
use serde_json::{Value, json};

use super::filters::{constraint, refuses};
use super::mutant::{Mutant, drop_at, drop_pair, each_cost, put};
use super::server::Reference;

pub(crate) fn mutants() -> Vec<Mutant> {
    let mut all = properties();
    all.extend(costs_asked());
    all.extend(costs_answered());
    all
}

/// The properties of every endpoint of an answer.
fn each_endpoint(reference: &mut Reference, change: fn(&str, &mut serde_json::Map<String, Value>)) {
    reference.of("eps", move |m| {
        for (address, values) in m["endpoint-properties"].as_object_mut().unwrap() {
            change(address, values.as_object_mut().unwrap());
        }
    });
}

fn twice(list: &Value) -> bool {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().enumerate().any(|(index, element)| list[..index].contains(element))
}

fn properties() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/11.4.1.1/1", "calls properties something else", |r| {
            r.after(|found, request, answer| {
                if found.is_some_and(|found| found.id() == "eps") && request.method == "POST" && answer.status == 200 {
                    answer.set("Content-Type", "application/alto-propmap+json");
                }
            });
        }),
        Mutant::new("rfc7285/11.4.1.3/2", "ignores properties that it does not offer", |r| {
            r.hears(|found, mut body| {
                let list = body.get_mut("properties").and_then(Value::as_array_mut).filter(|_| found == "eps")?;
                let offered = ["nm-a.pid", "nm-b.pid", "priv:x-link"];
                let strings = list.iter().all(Value::is_string) && !list.is_empty();
                strings.then(|| list.retain(|name| offered.iter().any(|offered| name == offered)))?;
                if list.is_empty() {
                    list.push(json!("priv:x-link"));
                }
                Some(body)
            });
        }),
        Mutant::new("rfc7285/11.4.1.3/3", "refuses properties that occur twice", |r| {
            refuses(r, "eps", "properties", |asked| twice(&asked["properties"]));
        }),
        Mutant::new("rfc7285/11.4.1.3/4", "refuses endpoints that occur twice", |r| {
            refuses(r, "eps", "endpoints", |asked| twice(&asked["endpoints"]));
        }),
        Mutant::new("rfc7285/11.4.1.6/1", "does not say which network maps PIDs are from", |r| {
            r.of("eps", |m| put(m, "/meta/dependent-vtags", json!([])));
        }),
        Mutant::new("rfc7285/11.4.1.6/2", "leaves out endpoints that have no property", |r| {
            r.of("eps", |m| m["endpoint-properties"].as_object_mut().unwrap().retain(|_, values| values != &json!({})));
        })
        .graded("warn"),
        Mutant::new("rfc7285/11.4.1.6/3", "gives properties that were not asked for", |r| {
            each_endpoint(r, |_, values| drop(values.insert("priv:extra".into(), json!("x"))));
        }),
        Mutant::new("rfc7285/11.4.1.6/4", "gives numbers as properties", |r| {
            each_endpoint(r, |_, values| values.values_mut().for_each(|value| *value = json!(7)));
        })
        .graded("warn"),
        Mutant::new("rfc7285/11.4.1.6/5", "writes an empty string where there is no PID", |r| {
            r.says(|found, request, m| {
                let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let asked = asked["properties"].as_array().cloned().unwrap_or_default();
                if found.id() != "eps" || !asked.contains(&json!("nm-b.pid")) {
                    return;
                }
                for (_, values) in m.get_mut("endpoint-properties").and_then(Value::as_object_mut).into_iter().flatten()
                {
                    values.as_object_mut().unwrap().entry("nm-b.pid").or_insert(json!(""));
                }
            });
        }),
    ]
}

fn costs_asked() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/11.5.1.1/1", "calls endpoint costs something else", |r| {
            r.after(|found, request, answer| {
                if found.is_some_and(|found| found.id() == "ecs") && request.method == "POST" && answer.status == 200 {
                    answer.set("Content-Type", "application/alto-costmap+json");
                }
            });
        }),
        Mutant::new("rfc7285/11.5.1.3/2", "answers with other costs than were asked for", |r| {
            r.hears(|found, mut body| {
                let other = found == "ecs-nc" && body["cost-type"].is_object();
                other
                    .then(|| body["cost-type"] = json!({ "cost-mode": "numerical", "cost-metric": "routingcost" }))
                    .map(|()| body)
            });
        }),
        Mutant::new("rfc7285/11.5.1.3/4", "refuses a `description`", |r| {
            refuses(r, "ecs", "cost-type", |asked| asked["cost-type"].get("description").is_some());
        }),
        Mutant::new("rfc7285/11.5.1.3/5", "takes `ge` for `gt`", |r| {
            constraint(r, "ecs", |text| text.replace("ge ", "gt "));
        }),
        Mutant::new("rfc7285/11.5.1.3/6", "believes X-Forwarded-For", |r| {
            r.instead(|service, request| {
                let claimed = request.field("x-forwarded-for")?.split(',').next()?.trim().parse().ok()?;
                let found = service.find(request).filter(|found| found.id() == "ecs")?;
                let mut peer = request.peer;
                peer.set_ip(claimed);
                Some(service.serve(found, &ReceivedRequest { peer, ..request.clone() }))
            });
        }),
        Mutant::new("rfc7285/11.5.1.3/7", "answers without any endpoints", |r| {
            r.hears(|found, mut body| {
                let none = found.starts_with("ecs")
                    && body["endpoints"].as_object().is_some_and(|lists| lists.values().all(|list| list == &json!([])));
                none.then(|| body["endpoints"] = json!({ "srcs": ["ipv4:192.0.2.1"] })).map(|()| body)
            });
        })
        .graded("warn"),
        Mutant::new("rfc7285/11.5.1.3/8", "refuses endpoints that occur twice", |r| {
            refuses(r, "ecs", "endpoints/srcs", |asked| twice(&asked["endpoints"]["srcs"]));
        }),
        Mutant::new("rfc7285/13.2/1", "refuses sources and destinations of different types", |r| {
            refuses(r, "ecs", "endpoints", |asked| {
                let text = asked["endpoints"].to_string();
                text.contains("ipv4:") && text.contains("ipv6:")
            });
        }),
    ]
}

fn costs_answered() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/11.5.1.6/1", "does not say what endpoint costs are", |r| {
            r.of("ecs", |m| drop_at(m, "/meta", "cost-type"));
        }),
        Mutant::new("rfc7285/11.5.1.6/2", "gives costs of endpoints that were not asked for", |r| {
            r.of("ecs", |m| m["endpoint-cost-map"]["ipv4:198.51.100.77"] = json!({ "ipv4:192.0.2.1": 1 }));
        }),
        Mutant::new("rfc7285/11.5.1.6/3", "writes endpoint costs as strings", |r| {
            r.of("ecs", |m| each_cost(m, &mut |cost| *cost = json!(cost.to_string())));
        })
        .graded("warn"),
        Mutant::new("rfc7285/11.5.1.6/4", "writes null for endpoint costs that do not exist", |r| {
            r.says(|found, request, m| {
                let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let list = |name: &str| asked["endpoints"][name].as_array().cloned().unwrap_or_default();
                if found.id() != "ecs" || m.get("endpoint-cost-map").is_none() {
                    return;
                }
                for source in list("srcs") {
                    for destination in list("dsts") {
                        let cell = &mut m["endpoint-cost-map"][source.as_str().unwrap()][destination.as_str().unwrap()];
                        if cell.is_null() {
                            *cell = Value::Null;
                        }
                    }
                }
            });
        }),
        Mutant::new("rfc7285/11.5.1.6/5", "ranks the dearest endpoint first", |r| {
            r.of("ecs", |m| {
                if m["meta"]["cost-type"]["cost-mode"] == "ordinal" {
                    each_cost(m, &mut |cost| *cost = json!(100 - cost.as_u64().unwrap_or(0)));
                }
            });
        }),
        Mutant::new("rfc7285/11.5.1.3/5", "leaves out an endpoint that passes", |r| r.of("ecs", drop_pair)),
    ]
}
