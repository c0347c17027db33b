//! Faults of RFC 8189, RFC 9439 and RFC 9240, written from their ledgers.

use serde_json::{Value, json};

use super::super::filters::change_answer_to;
use super::super::mutant::{Mutant, drop_at, each_cost, put};
use super::super::server::Variant;

pub(super) fn mutants() -> Vec<Mutant> {
    let several = multi_cost().into_iter().map(|mutant| mutant.with(Variant::Several));
    let metrics = metrics().into_iter().map(|mutant| mutant.with(Variant::Metrics));
    let properties = properties().into_iter().map(|mutant| mutant.with(Variant::Properties));
    several.chain(metrics).chain(properties).collect()
}

fn multi_cost() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8189/4.1.2/28", "counts the index of a test among the requested cost types", |r| {
            r.rewrite_requests(|id, mut body| {
                let several = body.get("multi-cost-types").is_some() && id == "fcm-a";
                several.then(|| body.as_object_mut()?.remove("testable-cost-types")).flatten()?;
                Some(body)
            });
        }),
        Mutant::new("rfc8189/4.1.2/34", "applies only the first group of alternative tests", |r| {
            r.rewrite_requests(|id, mut body| {
                body.get_mut("or-constraints").filter(|_| id == "fcm-a")?.as_array_mut()?.truncate(1);
                Some(body)
            });
        }),
        Mutant::new("rfc8189/4.1.3/3", "repeats the requested cost types in another order", |r| {
            r.of("fcm-a", |m| {
                if let Some(types) = m["meta"].get_mut("multi-cost-types").and_then(Value::as_array_mut) {
                    types.reverse();
                }
            });
        }),
        Mutant::new("rfc8189/4.1.2/6", "leaves unknown costs out of the arrays", |r| {
            r.of("fcm-a", |m| {
                each_cost(m, &mut |cost| {
                    if let Some(costs) = cost.as_array_mut() {
                        costs.retain(|cost| !cost.is_null());
                    }
                });
            });
        }),
        Mutant::new("rfc8189/4.1.1/3", "announces the limit on cost types as a string", |r| {
            r.of("root", |m| put(m, "/resources/fcm-a/capabilities/max-cost-types", json!("2")));
        }),
        Mutant::new("rfc8189/4.1.2/29", "ignores the index of tests on a single cost type", |r| {
            r.rewrite_requests(|id, mut body| {
                let single = body.get("multi-cost-types").is_none() && body.get("testable-cost-types").is_none();
                let tests = body.get_mut("constraints").filter(|_| single && id == "fcm-a")?.as_array_mut()?;
                for test in tests.iter_mut() {
                    *test = json!(test.as_str()?.replace("[1]", "[0]"));
                }
                Some(body)
            });
        }),
        Mutant::new("rfc8189/4.2.3/1", "names the first cost type in the answer to a multi-cost endpoint query", |r| {
            r.of("ecs", |m| {
                if let Some(first) = m["meta"].get("multi-cost-types").map(|types| types[0].clone()) {
                    m["meta"]["cost-type"] = first;
                }
            });
        }),
        Mutant::new("rfc8189/4.1.2/4", "takes one cost type beside several", |r| {
            r.rewrite_requests(|id, mut body| {
                let both = body.get("multi-cost-types").is_some() && body.get("cost-type").is_some();
                (both && id == "fcm-a").then(|| body.as_object_mut()?.remove("cost-type")).flatten()?;
                Some(body)
            });
        })
        .graded("warn"),
    ]
}

fn metrics() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9439/3.2/7", "has another delay than its median", |r| {
            r.costs("delay-ow", |cost| cost * 1.125);
        }),
        Mutant::new("rfc9439/4.4.2/1", "has more than all packets lost", |r| r.costs("lossrate", |cost| cost * 64.0)),
        Mutant::new("rfc9439/5.1.4/1", "has a nominal throughput", |r| {
            r.cost_types("tput", |t| put(t, "/cost-context/cost-source", json!("nominal")));
        })
        .graded("warn"),
        Mutant::new("rfc9439/6.3/1", "guarantees its routing cost", |r| {
            r.cost_types("routingcost", |t| put(t, "/cost-context/cost-source", json!("sla")));
        }),
        Mutant::new("rfc9439/3.1/3", "has a hyphen in a cost source", |r| {
            r.cost_types("hopcount", |t| put(t, "/cost-context/cost-source", json!("esti-mation")));
        }),
        Mutant::new("rfc9439/3.2/4", "takes a percentile above 100", |r| {
            r.rewrite_requests(|_, body| {
                let text = body.to_string();
                serde_json::from_str(&text.replace(":p101", ":p95")).ok().filter(|_| text.contains(":p101"))
            });
        }),
        Mutant::new("rfc9439/6.2/1", "dates the last change of costs in the future", |r| {
            r.after(|_, _, answer| {
                if answer.field("Last-Modified").is_some() {
                    answer.set("Last-Modified", "Sun, 06 Nov 2095 08:49:37 GMT");
                }
            });
        })
        .graded("warn"),
    ]
}

fn properties() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9240/7.6/2", "gives the tags in another order than the uses", |r| {
            r.of("pm", |m| m["meta"]["dependent-vtags"].as_array_mut().unwrap().reverse());
        }),
        Mutant::new("rfc9240/8.3/7", "gives all properties where none are requested", |r| {
            r.rewrite_requests(|id, mut body| {
                (id == "fpm" && body.is_object() && body.get("properties").is_none()).then(|| {
                    body["properties"] = json!([]);
                    body
                })
            });
        }),
        Mutant::new("rfc9240/8.6/3", "ignores entities of unknown domains", |r| {
            r.rewrite_requests(|id, mut body| {
                let entities = body.get_mut("entities").filter(|_| id == "fpm")?.as_array_mut()?;
                let domains = ["ipv4:", "ipv6:", "nm-a.pid:", "nm-b.ipv4:"];
                let known = |entity: &Value| {
                    entity.as_str().is_none_or(|text| domains.iter().any(|domain| text.starts_with(domain)))
                };
                let before = entities.len();
                entities.retain(known);
                (entities.len() < before && !entities.is_empty()).then_some(body)
            });
        }),
        Mutant::new("rfc9240/6.1.1/1", "does not take an address for a prefix of full length", |r| {
            r.rewrite_requests(|id, mut body| {
                let entities = body.get_mut("entities").filter(|_| id == "fpm")?.as_array_mut()?;
                let before = entities.len();
                entities.retain(|entity| !entity.as_str().is_some_and(|text| text.ends_with("/32")));
                if entities.is_empty() {
                    entities.push(json!("ipv4:0.0.0.1"));
                }
                (entities.len() < before || before == 1).then_some(body)
            });
        }),
        Mutant::new("rfc9240/7.5/1", "omits a network map from the uses of a property map", |r| {
            r.of("root", |m| put(m, "/resources/pm/uses", json!(["nm-a"])));
        }),
        Mutant::new("rfc9240/8.6/11", "gives only the tags that the requested properties need", |r| {
            change_answer_to(r, "fpm", |asked, m| {
                let needs =
                    asked["properties"].as_array().is_none_or(|p| p.is_empty() || p.contains(&json!("nm-b.pid")));
                if let Some(tags) = m["meta"]["dependent-vtags"].as_array_mut().filter(|_| !needs) {
                    tags.retain(|tag| tag["resource-id"] != "nm-b");
                }
            });
        }),
        Mutant::new("rfc9240/8.6/15", "does not write what a requested address inherits", |r| {
            change_answer_to(r, "fpm", |asked, m| {
                let asked = asked["entities"].as_array().cloned().unwrap_or_default();
                for (name, values) in m["property-map"].as_object_mut().unwrap() {
                    if name.starts_with("ipv4:") && !name.contains('/') && asked.contains(&json!(name)) {
                        drop_at(values, "", ".priv:x-site");
                    }
                }
            });
        }),
        Mutant::new("rfc9240/5.1.1/3", "has a colon in a domain type", |r| {
            r.of("root", |m| m["resources"]["fpm"]["capabilities"]["mappings"]["x:y"] = json!([".priv:x-site"]));
        }),
    ]
}
