//! Mutants with faults in multi-cost queries (RFC 8189).

use serde_json::{Value, json};

use super::filters::{change_answer_to, constraint, has_unknown, lists, refuses};
use super::mutant::{Mutant, drop_at, each_cost, put};
use super::server::{Reference, Variant};

pub(crate) fn mutants() -> Vec<Mutant> {
    let mut all = announced();
    all.extend(asked());
    all.extend(tested());
    all.extend(combined());
    all.extend(refused_tests());
    all.extend(answered());
    all.extend(endpoints());
    all.into_iter().map(|mutant| mutant.with(Variant::Several)).collect()
}

fn routing() -> Value {
    json!({ "cost-mode": "numerical", "cost-metric": "routingcost" })
}

/// Changes requests to a resource before they are processed.
fn change_request(reference: &mut Reference, id: &'static str, change: fn(&mut Value) -> bool) {
    reference.rewrite_requests(move |found, mut body| (found == id && change(&mut body)).then_some(body));
}

fn swapped(reference: &mut Reference, id: &'static str) {
    change_answer_to(reference, id, |asked, m| {
        if asked.get("multi-cost-types").is_some() {
            each_cost(m, &mut |cost| cost.as_array_mut().unwrap().reverse());
        }
    });
}

fn first_only(reference: &mut Reference, id: &'static str) {
    change_answer_to(reference, id, |asked, m| {
        if asked.get("multi-cost-types").is_some() {
            each_cost(m, &mut |cost| *cost = cost[0].take());
        }
    });
}

/// Replaces null by a number where a cost is unknown.
fn unknown_is(reference: &mut Reference, id: &'static str, value: i64) {
    reference.of(id, move |m| {
        each_cost(m, &mut |cost| {
            for element in cost.as_array_mut().into_iter().flatten().filter(|element| element.is_null()) {
                *element = json!(value);
            }
        });
    });
}

fn announced() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8189/3.5/1", "returns arrays in a whole cost map", |r| {
            r.of("cm-a-num", |m| each_cost(m, &mut |cost| *cost = json!([cost.clone()])));
        }),
        Mutant::new("rfc8189/3.5/2", "treats absent `pids` as none in multi-cost queries", |r| {
            change_answer_to(r, "fcm-a", |asked, m| {
                if asked.get("pids").is_none() && asked.get("multi-cost-types").is_some() {
                    m["cost-map"] = json!({});
                }
            });
        }),
        Mutant::new("rfc8189/4.1/1", "does not state which network map the costs of a multi-cost query are for", |r| {
            r.of("root", |m| put(m, "/resources/fcm-a/uses", json!([])));
        }),
        Mutant::new("rfc8189/4.1.1/1", "rejects tests on ranks", |r| {
            refuses(r, "fcm-a", "constraints", |asked| {
                let ordinal = |cost_type: &Value| cost_type["cost-mode"] == "ordinal";
                let tested = ordinal(&asked["cost-type"]) || ordinal(&asked["testable-cost-types"][0]);
                asked.get("constraints").is_some() && tested
            });
        }),
        Mutant::new("rfc8189/4.1.1/2", "announces both kinds of constraints", |r| r.offer("ecs").constraints = true),
        Mutant::new("rfc8189/4.2.1/1", "announces both kinds of constraints", |r| r.offer("ecs").constraints = true),
        Mutant::new(
            "rfc8189/4.1.1/3",
            "rejects multi-cost queries whose first cost is another than the routing cost",
            |r| {
                refuses(r, "fcm-a", "multi-cost-types", |asked| {
                    let tested = ["constraints", "or-constraints"].iter().any(|name| asked.get(*name).is_some());
                    let types = asked["multi-cost-types"].as_array().filter(|types| types.len() > 1 && !tested);
                    types.is_some_and(|types| types[0]["cost-metric"] != "routingcost")
                });
            },
        ),
        Mutant::new("rfc8189/4.1.1/3", "announces multi-cost queries for two costs but rejects them", |r| {
            refuses(r, "fcm-a", "multi-cost-types", |asked| {
                asked["multi-cost-types"].as_array().is_some_and(|types| types.len() > 1)
            });
        }),
        Mutant::new("rfc8189/4.1.1/3", "announces `max-cost-types` as a string", |r| {
            r.of("root", |m| put(m, "/resources/ecs-nc/capabilities/max-cost-types", json!("1")));
        }),
        Mutant::new("rfc8189/4.1.1/4", "answers multi-cost queries without announcing them", |r| {
            r.offer("fcm-a-nc").max_cost_types = 2;
            r.of("root", |m| drop_at(m, "/resources/fcm-a-nc/capabilities", "max-cost-types"));
        }),
        Mutant::new("rfc8189/4.1.1/5", "announces tests on costs that it does not have", |r| {
            r.of("root", |m| put(m, "/resources/ecs/capabilities/testable-cost-type-names", json!(["hops"])));
        }),
        Mutant::new("rfc8189/4.1.1/6", "announces tests on no costs", |r| {
            r.of("root", |m| put(m, "/resources/ecs/capabilities/testable-cost-type-names", json!([])));
        }),
        Mutant::new("rfc8189/4.1.1/6", "accepts tests on costs that are not among those with tests", accepts_all_tests),
        Mutant::new("rfc8189/4.1.1/7", "names a cost type that is not defined", |r| {
            r.of("root", |m| {
                let names = m.pointer_mut("/resources/fcm-a/capabilities/cost-type-names");
                names.and_then(Value::as_array_mut).unwrap().push(json!("num-nothing"));
            });
        }),
    ]
}

/// Announces some cost types as testable, but accepts constraints on all.
fn accepts_all_tests(reference: &mut Reference) {
    let all = reference.offer("ecs").cost_types.clone();
    let names = ["num-routing", "num-bw-residual"];
    reference.offer("ecs").testable = all;
    reference.of("root", move |m| put(m, "/resources/ecs/capabilities/testable-cost-type-names", json!(names)));
}

fn asked() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8189/4.1.2/3", "assumes a default cost type in multi-cost queries", |r| {
            r.rewrite_requests(|_, mut body| {
                let none =
                    body.is_object() && body.get("cost-type").is_none() && body.get("multi-cost-types").is_none();
                none.then(|| body["cost-type"] = routing()).map(|()| body)
            });
        }),
        Mutant::new("rfc8189/4.1.2/4", "ignores `cost-type` beside several", |r| {
            change_request(r, "fcm-a", |body| {
                let both = body.get("multi-cost-types").is_some() && body.get("cost-type").is_some();
                drop_at(body, "", if both { "cost-type" } else { "" });
                both
            });
        })
        .graded("warn"),
        Mutant::new("rfc8189/4.1.2/6", "returns only the first cost of a multi-cost query", |r| first_only(r, "fcm-a")),
        Mutant::new("rfc8189/4.1.2/8", "ignores unknown ones of several cost types", |r| {
            lists(r, "fcm-a", "/multi-cost-types", |list| {
                list.retain(|its| !its["cost-metric"].as_str().is_some_and(|metric| metric.starts_with("priv:")));
            });
        }),
        Mutant::new("rfc8189/4.1.2/11", "ignores `max-cost-types`", |r| {
            r.offer("fcm-a").max_cost_types = 5;
            r.of("root", |m| put(m, "/resources/fcm-a/capabilities/max-cost-types", json!(2)));
        }),
        Mutant::new("rfc8189/4.1.2/12", "treats no cost types as all", |r| {
            lists(r, "fcm-a", "/multi-cost-types", |list| {
                if list.is_empty() {
                    list.push(routing());
                }
            });
        }),
        Mutant::new("rfc8189/4.1.2/13", "returns a number for a multi-cost query with one cost type", |r| {
            change_answer_to(r, "fcm-a", |asked, m| {
                if asked["multi-cost-types"].as_array().is_some_and(|types| types.len() == 1) {
                    each_cost(m, &mut |cost| *cost = cost[0].take());
                }
            });
        }),
        Mutant::new("rfc8189/4.1.2/14", "treats invalid lists of cost types as absent", |r| {
            change_request(r, "fcm-a", |body| {
                let other = body.get("multi-cost-types").is_some_and(|types| !types.is_array());
                if other {
                    body["multi-cost-types"] = json!([routing()]);
                }
                other
            });
        }),
        Mutant::new("rfc8189/4.1.2/14", "reports every fault in a list of cost types as a syntax error", |r| {
            r.rewrite_messages(|_, _, m| {
                let field = m.pointer("/meta/field").and_then(Value::as_str).unwrap_or_default();
                if field.starts_with("multi-cost-types") {
                    *m = json!({ "meta": { "code": "E_SYNTAX" } });
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc8189/4.1.2/15", "rejects a `description` in one of several cost types", |r| {
            refuses(r, "fcm-a", "multi-cost-types", |asked| {
                let types = asked["multi-cost-types"].as_array().cloned().unwrap_or_default();
                types.iter().any(|cost_type| cost_type.get("description").is_some())
            });
        }),
        Mutant::new("rfc8189/4.1.2/16", "rejects unknown PIDs in multi-cost queries", |r| {
            refuses(r, "fcm-a", "pids", |asked| {
                asked.get("multi-cost-types").is_some() && has_unknown(&asked["pids"]["srcs"])
            });
        }),
    ]
}

fn tested() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8189/4.1.2/21", "ignores tests where it is not said what they are about", |r| {
            change_request(r, "fcm-a", |body| {
                let unsaid = body.get("testable-cost-types").is_none() && body.get("constraints").is_some();
                if unsaid {
                    drop_at(body, "", "constraints");
                }
                unsaid
            });
        }),
        Mutant::new(
            "rfc8189/4.1.2/21",
            "takes the first cost type for the second where tests are about those returned",
            |r| {
                change_request(r, "fcm-a", |body| {
                    let several = body.get("multi-cost-types").is_some() && body.get("testable-cost-types").is_none();
                    let second = body["constraints"].as_array().filter(|tests| tests.len() == 1 && several);
                    let second = second.and_then(|tests| tests[0].as_str()?.strip_prefix("[1]").map(str::to_owned));
                    second.map(|rest| body["constraints"] = json!([format!("[0]{rest}")])).is_some()
                });
            },
        ),
        Mutant::new("rfc8189/4.1.2/23", "rejects an index", |r| {
            refuses(r, "fcm-a", "constraints", |asked| asked["constraints"].to_string().contains("\"["));
        }),
        Mutant::new("rfc8189/4.1.2/24", "evaluates the first test only", |r| {
            lists(r, "fcm-a", "/constraints", |list| list.truncate(1));
        }),
        Mutant::new("rfc8189/4.1.2/26", "rejects fractions in tests", |r| {
            refuses(r, "fcm-a", "constraints", |asked| asked["constraints"].to_string().contains('.'));
        }),
        Mutant::new("rfc8189/4.1.2/27", "ignores constraints without an index", |r| {
            lists(r, "fcm-a", "/constraints", |list| {
                list.retain(|text| text.as_str().is_none_or(|text| text.starts_with('[')));
            });
        }),
        Mutant::new("rfc8189/4.1.2/28", "counts indices from 1", |r| {
            constraint(r, "fcm-a", |text| text.replace("[1]", "[0]"));
        }),
        Mutant::new("rfc8189/4.1.2/28", "counts indices in `multi-cost-types` alone", |r| {
            change_request(r, "fcm-a", |body| {
                let several = body.get("multi-cost-types").is_some() && body.get("testable-cost-types").is_some();
                if several {
                    drop_at(body, "", "testable-cost-types");
                }
                several
            });
        }),
    ]
}

fn combined() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8189/4.1.2/33", "treats conjunctions as disjunctions", |r| {
            change_request(r, "fcm-a", |body| {
                let Some(tests) = body.get("constraints").and_then(Value::as_array).filter(|tests| tests.len() > 1)
                else {
                    return false;
                };
                let lists: Vec<_> = tests.iter().map(|test| json!([test])).collect();
                drop_at(body, "", "constraints");
                body["or-constraints"] = json!(lists);
                true
            });
        }),
        Mutant::new("rfc8189/4.1.2/33", "evaluates the first test only where there is one alternative", |r| {
            lists(r, "fcm-a", "/or-constraints", |list| {
                if let [Value::Array(tests)] = &mut list[..] {
                    tests.truncate(1);
                }
            });
        }),
        Mutant::new("rfc8189/4.1.2/34", "evaluates the first of several alternatives only", |r| {
            lists(r, "fcm-a", "/or-constraints", |list| list.truncate(1));
        }),
        Mutant::new("rfc8189/4.1.2/35", "rejects alternatives in multi-cost queries", |r| {
            refuses(r, "fcm-a", "or-constraints", |asked| {
                let several = asked["or-constraints"].as_array().is_some_and(|lists| lists.len() > 1);
                several && asked.get("multi-cost-types").is_some()
            });
        }),
        Mutant::new("rfc8189/4.1.2/35", "rejects alternatives", |r| {
            refuses(r, "fcm-a", "or-constraints", |asked| asked.get("or-constraints").is_some());
        }),
        Mutant::new("rfc8189/4.1.2/38", "returns arrays where alternatives are about one cost", |r| {
            change_answer_to(r, "fcm-a", |asked, m| {
                if asked.get("or-constraints").is_some() && asked.get("cost-type").is_some() {
                    each_cost(m, &mut |cost| *cost = json!([cost.clone()]));
                }
            });
        }),
        Mutant::new("rfc8189/4.1.2/39", "tests only what it returns", |r| {
            change_request(r, "fcm-a", |body| {
                let single = body.get("cost-type").is_some() && body.get("testable-cost-types").is_some();
                if single {
                    drop_at(body, "", "testable-cost-types");
                }
                single
            });
        }),
        Mutant::new("rfc8189/4.1.2/39", "tests the returned cost instead of the only other one", |r| {
            change_request(r, "fcm-a", |body| {
                let [single, tested] = ["/cost-type", "/testable-cost-types/0"].map(|at| body.pointer(at).cloned());
                let alone = body.pointer("/testable-cost-types/1").is_none() && tested.is_some();
                let hidden = alone && single.is_some() && single != tested;
                if hidden {
                    drop_at(body, "", "testable-cost-types");
                }
                hidden
            });
        }),
        Mutant::new("rfc8189/4.1.2/40", "treats unknown costs as greater than every limit", |r| {
            lists(r, "fcm-a", "/constraints", |list| {
                list.retain(|text| !text.as_str().is_some_and(|text| text.starts_with("[0] ge")));
            });
        }),
    ]
}

fn refused_tests() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8189/4.1.2/20", "treats an untestable cost type as another one", |r| {
            lists(r, "ecs", "/testable-cost-types", |list| {
                for cost_type in list.iter_mut().filter(|its| its.is_object() && its.get("cost-metric").is_some()) {
                    cost_type["cost-metric"] = json!("routingcost");
                }
            });
        }),
        Mutant::new("rfc8189/4.1.2/25", "ignores alternatives beside tests", |r| {
            change_request(r, "fcm-a", |body| {
                let both = body.get("constraints").is_some() && body.get("or-constraints").is_some();
                if both {
                    drop_at(body, "", "or-constraints");
                }
                both
            });
        })
        .graded("warn"),
        Mutant::new("rfc8189/4.1.2/29", "accepts any index for the only cost type", |r| {
            change_request(r, "fcm-a", |body| {
                let single = body.get("cost-type").is_some() && body.get("testable-cost-types").is_none();
                let Some(list) = body.get_mut("constraints").and_then(Value::as_array_mut).filter(|_| single) else {
                    return false;
                };
                for text in list.iter_mut().filter(|text| text.is_string()) {
                    *text = json!(text.as_str().unwrap_or_default().replace("[1]", "[0]"));
                }
                true
            });
        }),
        Mutant::new("rfc8189/4.1.2/30", "treats an index beyond the list as the first", |r| {
            constraint(r, "fcm-a", |text| text.replace("[7]", "[0]"));
        }),
        Mutant::new("rfc8189/4.1.2/30", "treats every index as the first", |r| {
            constraint(r, "fcm-a", |text| text.split_once(']').map_or(text, |(_, rest)| rest).trim().to_owned());
        }),
        Mutant::new(
            "rfc8189/4.1.2/31",
            "accepts tests on costs that are not among those with tests",
            accepts_all_tests,
        ),
        Mutant::new("rfc8189/4.1.2/32", "accepts operators in upper case", |r| {
            constraint(r, "fcm-a", str::to_lowercase);
        }),
        Mutant::new("rfc8189/4.1.2/36", "accepts alternatives where no tests are announced", |r| {
            r.offer("ecs-nc").constraints = true;
            r.of("root", |m| drop_at(m, "/resources/ecs-nc/capabilities", "cost-constraints"));
        })
        .graded("warn"),
        Mutant::new("rfc8189/4.1.2/37", "ignores empty alternatives", |r| {
            lists(r, "fcm-a", "/or-constraints", |list| list.retain(|inner| inner != &json!([])));
        })
        .graded("warn"),
        Mutant::new("rfc8189/4.1.2/41", "accepts a constraint outside of a list", |r| {
            change_request(r, "fcm-a", |body| {
                let text = body.get("constraints").filter(|text| text.is_string()).map(|_| json!(["ge 0"]));
                text.map(|list| body["constraints"] = list).is_some()
            });
        }),
    ]
}

fn answered() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8189/4.1.3/1", "returns arrays for one cost, too", |r| {
            change_answer_to(r, "fcm-a", |asked, m| {
                if asked.get("cost-type").is_some() {
                    each_cost(m, &mut |cost| *cost = json!([cost.clone()]));
                }
            });
        }),
        Mutant::new("rfc8189/4.1.3/1", "names the cost type that it tests instead of the one that it gives", |r| {
            change_answer_to(r, "fcm-a", |asked, m| {
                if let Some(tested) =
                    asked.pointer("/testable-cost-types/0").filter(|_| asked.get("cost-type").is_some())
                {
                    m["meta"]["cost-type"] = tested.clone();
                }
            });
        }),
        Mutant::new("rfc8189/4.1.3/2", "repeats the first of several cost types as `cost-type`", |r| {
            r.of("fcm-a", |m| {
                if let Some(first) = m.pointer("/meta/multi-cost-types/0").cloned() {
                    m["meta"]["cost-type"] = first;
                }
            });
        }),
        Mutant::new("rfc8189/4.1.3/3", "does not state which costs it gives", |r| {
            r.of("fcm-a", |m| drop_at(m, "/meta", "multi-cost-types"));
        }),
        Mutant::new("rfc8189/4.1.3/4", "swaps the costs of a multi-cost query", |r| swapped(r, "fcm-a")),
        Mutant::new("rfc8189/4.1.3/5", "writes 0 for costs that are not known", |r| unknown_is(r, "fcm-a", 0)),
        Mutant::new("rfc8189/4.1.3/7", "does not state the map version of a multi-cost query", |r| {
            r.of("fcm-a", |m| {
                if m.pointer("/meta/multi-cost-types").is_some() {
                    drop_at(m, "/meta", "dependent-vtags");
                }
            });
        }),
        Mutant::new("rfc8189/4.1.3/8", "ignores alternatives in multi-cost queries", |r| {
            change_request(r, "fcm-a", |body| ignored_alternatives(body, "multi-cost-types"));
        }),
        Mutant::new("rfc8189/4.1.3/8", "ignores constraints in multi-cost queries", |r| {
            change_request(r, "fcm-a", |body| {
                let several = body.get("multi-cost-types").is_some();
                if several {
                    drop_at(body, "", "constraints");
                    drop_at(body, "", "or-constraints");
                }
                several
            });
        }),
    ]
}

/// Removes several alternatives from a request with a certain member.
fn ignored_alternatives(body: &mut Value, member: &str) -> bool {
    let several = body["or-constraints"].as_array().is_some_and(|lists| {
        lists.len() > 1 && lists.iter().all(|list| list.as_array().is_some_and(|list| !list.is_empty()))
    });
    let some = several && body.get(member).is_some();
    if some {
        drop_at(body, "", "or-constraints");
    }
    some
}

fn endpoints() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8189/4.2.2/1", "ignores alternatives about one cost between endpoints", |r| {
            change_request(r, "ecs", |body| ignored_alternatives(body, "cost-type"));
        }),
        Mutant::new("rfc8189/4.2.2/1", "ignores alternatives between endpoints", |r| {
            change_request(r, "ecs", |body| {
                let some = body.get("or-constraints").is_some();
                if some {
                    drop_at(body, "", "or-constraints");
                }
                some
            });
        }),
        Mutant::new("rfc8189/4.2.2/2", "returns only the first cost of a multi-cost query for endpoints", |r| {
            first_only(r, "ecs");
        }),
        Mutant::new("rfc8189/4.2.2/3", "assumes default endpoints in multi-cost queries", |r| {
            change_request(r, "ecs", |body| {
                let none = body.get("multi-cost-types").is_some() && body.get("endpoints").is_none();
                if none {
                    body["endpoints"] = json!({ "srcs": ["ipv4:192.0.2.1"] });
                }
                none
            });
        }),
        Mutant::new("rfc8189/4.2.3/1", "swaps the costs of a multi-cost query for endpoints", |r| swapped(r, "ecs")),
        Mutant::new("rfc8189/4.2.3/2", "writes -1 for costs of endpoints that are not known", |r| {
            unknown_is(r, "ecs", -1);
        }),
    ]
}
