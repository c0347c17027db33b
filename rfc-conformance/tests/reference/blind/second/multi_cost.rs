//! Faults of multi-cost queries, written from the ledger of RFC 8189.

use serde_json::{Value, json};

use super::super::super::filters::{change_answer_to, lists};
use super::super::super::mutant::{Mutant, drop_at, each_cost, put};
use super::super::super::server::Variant;
use super::{ask, bodies, invalid, is_empty, reject, strings};

pub(super) fn mutants() -> Vec<Mutant> {
    let mut all = types();
    all.extend(tests());
    all.extend(answers());
    all.into_iter().map(|mutant| mutant.with(Variant::Several)).collect()
}

fn is_multi(body: &Value) -> bool {
    !is_empty(body, "/multi-cost-types")
}

fn types() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8189/4.1.1/3", "writes `max-cost-types` as a string", |r| {
            r.of("root", |m| put(m, "/resources/fcm-a/capabilities/max-cost-types", json!("2")));
        }),
        Mutant::new("rfc8189/4.1.1/4", "answers multi-cost queries without announcing it", |r| {
            r.offer("fcm-a-nc").max_cost_types = 2;
            r.of("root", |m| drop_at(m, "/resources/fcm-a-nc/capabilities", "max-cost-types"));
        }),
        Mutant::new("rfc8189/4.1.2/11", "answers for the first cost types of too many", |r| {
            lists(r, "fcm-a", "/multi-cost-types", |list| list.truncate(2));
        }),
        Mutant::new("rfc8189/4.1.2/15", "rejects descriptions of several cost types", |r| {
            reject(r, "fcm-a", |body| {
                let all = body.get("multi-cost-types")?.as_array()?;
                let described = all.iter().find(|cost_type| cost_type.get("description").is_some())?;
                Some(invalid("multi-cost-types", &described.to_string()))
            });
        }),
        Mutant::new("rfc8189/4.1.3/3", "answers once for a cost type that is requested twice", |r| {
            lists(r, "fcm-a", "/multi-cost-types", |list| {
                let all = std::mem::take(list);
                for cost_type in all {
                    if !list.contains(&cost_type) {
                        list.push(cost_type);
                    }
                }
            });
        }),
        Mutant::new("rfc8189/4.1.2/16", "disregards destinations in multi-cost queries", |r| {
            bodies(r, "fcm-a", |body| {
                let wide = is_multi(body) && !is_empty(body, "/pids/dsts");
                if wide {
                    put(body, "/pids/dsts", json!([]));
                }
                wide
            });
        }),
        Mutant::new("rfc8189/4.2.2/3", "requires sources in multi-cost queries between endpoints", |r| {
            reject(r, "ecs", |body| {
                let missing = is_multi(body) && is_empty(body, "/endpoints/srcs");
                missing.then(|| invalid("endpoints/srcs", "[]"))
            });
        }),
    ]
}

fn tests() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8189/4.1.2/34", "requires all of several alternatives", |r| {
            bodies(r, "fcm-a", |body| {
                let groups = body.get("or-constraints").and_then(Value::as_array).cloned().unwrap_or_default();
                let single = |group: &Value| group.as_array().is_some_and(|group| group.len() == 1);
                let change = groups.len() > 1 && groups.iter().all(single);
                if change {
                    body["or-constraints"] = json!([groups.iter().map(|group| &group[0]).collect::<Vec<_>>()]);
                }
                change
            });
        }),
        Mutant::new("rfc8189/4.1.2/27", "takes no index for the last one", |r| {
            bodies(r, "fcm-a", |body| {
                let length = |name: &str| body.get(name).and_then(Value::as_array).map(Vec::len);
                let last = length("testable-cost-types").or_else(|| length("multi-cost-types")).unwrap_or(1).max(1) - 1;
                let bare = |test: &&str| !test.trim_start().starts_with('[');
                let change = last > 0 && strings(body, "/constraints").iter().any(bare);
                for test in body.get_mut("constraints").and_then(Value::as_array_mut).into_iter().flatten() {
                    if let Some(text) = test.as_str().filter(bare).filter(|_| change) {
                        *test = json!(format!("[{last}] {text}"));
                    }
                }
                change
            });
        }),
        Mutant::new(
            "rfc8189/4.1.2/14",
            "applies alternatives to the requested cost types, not to the testable ones",
            |r| {
                bodies(r, "fcm-a", |body| {
                    let both = is_multi(body) && !is_empty(body, "/testable-cost-types");
                    let change = both && body.get("or-constraints").is_some();
                    if change {
                        drop_at(body, "", "testable-cost-types");
                    }
                    change
                });
            },
        ),
        Mutant::new("rfc8189/4.1.2/40", "tests unknown costs as 0", |r| {
            let mut other = r.service.clone();
            let map = &mut other.network.maps[0];
            let names: Vec<_> = map.pids.keys().cloned().collect();
            let pairs = || names.iter().flat_map(|from| names.iter().map(move |to| (from.clone(), to.clone())));
            for costs in map.metrics.values_mut().chain([&mut map.costs]) {
                for pair in pairs() {
                    costs.entry(pair).or_insert(0.0);
                }
            }
            r.instead(move |service, request| {
                service.find(request).filter(|found| found.id() == "fcm-a" && request.method == "POST")?;
                let body: Value = serde_json::from_slice(&request.body).ok()?;
                let tested = !is_empty(&body, "/constraints") || !is_empty(&body, "/or-constraints");
                let mut all = body.clone();
                drop_at(&mut all, "", "constraints");
                drop_at(&mut all, "", "or-constraints");
                let (_, passing) = ask(&other, request, &body).filter(|_| tested)?;
                let (mut answer, mut message) = ask(service, request, &all)?;
                for (source, row) in message["cost-map"].as_object_mut()? {
                    row.as_object_mut()?.retain(|pid, _| passing["cost-map"][source].get(pid).is_some());
                }
                answer.body = message.to_string().into_bytes();
                Some(answer)
            });
        }),
        Mutant::new("rfc8189/4.1.2/38", "gives a list of costs for one cost type with alternatives", |r| {
            change_answer_to(r, "fcm-a", |body, m| {
                if body.get("cost-type").is_some() && body.get("or-constraints").is_some() {
                    each_cost(m, &mut |cost| *cost = json!([cost.clone()]));
                }
            });
        }),
        Mutant::new("rfc8189/4.1.2/32", "takes a fraction as an index", |r| {
            lists(r, "fcm-a", "/constraints", |list| {
                for test in list {
                    let parts = test.as_str().and_then(|text| text.strip_prefix('[')?.split_once(']'));
                    let index = parts.and_then(|(index, _)| index.parse::<f64>().ok());
                    if let (Some((_, rest)), Some(index)) = (parts, index) {
                        *test = json!(format!("[{}]{rest}", index.trunc()));
                    }
                }
            });
        }),
        Mutant::new("rfc8189/4.1.2/25", "disregards constraints beside alternatives", |r| {
            bodies(r, "fcm-a", |body| {
                let both = body.get("constraints").is_some() && body.get("or-constraints").is_some();
                drop_at(body, "", if both { "constraints" } else { "" });
                both
            });
        })
        .graded("warn"),
        Mutant::new("rfc8189/4.1.2/26", "takes no fractions in constraints with an index", |r| {
            reject(r, "fcm-a", |body| {
                let tests = strings(body, "/constraints");
                Some(invalid("constraints", tests.into_iter().find(|test| test.contains("] ") && test.contains('.'))?))
            });
        }),
    ]
}

/// Sorts the values of each answer as the directory lists the cost types, but not the list of cost types.
fn in_order_of_the_directory(body: &Value, message: &mut Value) {
    let order = [
        ("routingcost", "numerical"),
        ("routingcost", "ordinal"),
        ("hopcount", "numerical"),
        ("delay-ow", "numerical"),
        ("bw-residual", "numerical"),
    ];
    let types = body.get("multi-cost-types").and_then(Value::as_array).cloned().unwrap_or_default();
    let place = |at: &usize| {
        let cost_type = &types[*at];
        order.iter().position(|(metric, mode)| cost_type["cost-metric"] == *metric && cost_type["cost-mode"] == *mode)
    };
    let mut sorted: Vec<_> = (0..types.len()).collect();
    sorted.sort_by_key(place);
    each_cost(message, &mut |cost| {
        if let Some(values) = cost.as_array().filter(|values| values.len() == sorted.len()) {
            *cost = sorted.iter().map(|at| values[*at].clone()).collect();
        }
    });
}

fn answers() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8189/4.1.3/4", "gives the costs in the order of the directory", |r| {
            change_answer_to(r, "fcm-a", in_order_of_the_directory);
        }),
        Mutant::new("rfc8189/4.1.3/4", "leaves out pairs of endpoints with an unknown cost among others", |r| {
            r.of("ecs", |m| {
                for (_, row) in m["endpoint-cost-map"].as_object_mut().into_iter().flatten() {
                    if let Some(row) = row.as_object_mut() {
                        row.retain(|_, cost| !cost.as_array().is_some_and(|costs| costs.contains(&Value::Null)));
                    }
                }
            });
        }),
        Mutant::new("rfc8189/4.2.2/2", "gives no list of costs for a list of one cost type", |r| {
            r.of("ecs-nc", |m| {
                each_cost(m, &mut |cost| {
                    if let Some(first) = cost.get(0) {
                        *cost = first.clone();
                    }
                });
            });
        }),
        Mutant::new("rfc8189/4.2.3/1", "leaves the cost type of endpoint costs empty in any case", |r| {
            r.of("ecs", |m| put(m, "/meta/cost-type", json!({})));
        }),
        Mutant::new("rfc8189/4.1.3/7", "names no network map in answers to multi-cost queries", |r| {
            change_answer_to(r, "fcm-a", |body, m| {
                drop_at(m, "/meta", if is_multi(body) { "dependent-vtags" } else { "" });
            });
        }),
        Mutant::new("rfc8189/4.1.3/4", "rounds costs in answers to multi-cost queries", |r| {
            r.of("fcm-a", |m| {
                each_cost(m, &mut |cost| {
                    for value in cost.as_array_mut().into_iter().flatten() {
                        if let Some(number) = value.as_f64().filter(|number| number.fract() != 0.0) {
                            *value = json!(number.round());
                        }
                    }
                });
            });
        }),
    ]
}
