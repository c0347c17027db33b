//! Mutants with faults in performance metrics (RFC 9439).

use serde_json::{Value, json};

use super::filters::refuses;
use super::mutant::{Mutant, drop_at, each_cost};
use super::server::{Reference, Variant};

pub(crate) fn mutants() -> Vec<Mutant> {
    let mut all = names();
    all.extend(contexts());
    all.extend(sources());
    all.extend(values());
    all.extend(statistics());
    all.extend(freshness());
    all.into_iter().map(|mutant| mutant.with(Variant::Metrics)).collect()
}

/// Renames a metric in the cost types of the root directory.
fn renamed(reference: &mut Reference, metric: &'static str, name: fn() -> Value) {
    reference.of("root", move |message| {
        for (_, cost_type) in message["meta"]["cost-types"].as_object_mut().into_iter().flatten() {
            if cost_type["cost-metric"] == metric {
                cost_type["cost-metric"] = name();
            }
        }
    });
}

/// Replaces suffixes of metrics in requests before they are processed.
fn change_request(reference: &mut Reference, ends: &'static [&'static str], end: &'static str) {
    reference.rewrite_requests(move |_, mut body| {
        let metric = body.pointer("/cost-type/cost-metric")?.as_str()?.to_owned();
        let (base, suffix) = metric.split_once(':')?;
        let known = base.starts_with("delay-ow") || end.is_empty();
        let other = if known { format!("{base}{end}") } else { base.to_owned() };
        ends.contains(&suffix).then(|| body["cost-type"]["cost-metric"] = json!(other)).map(|()| body)
    });
}

fn names() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9439/1/1", "answers a metric that is not announced", |r| {
            r.of("root", |m| {
                let names = m.pointer_mut("/resources/fcm-a/capabilities/cost-type-names");
                names.and_then(Value::as_array_mut).unwrap().retain(|name| name != "num-tput");
            });
        }),
        Mutant::new("rfc9439/1/2", "offers performance metrics instead of `routingcost`", |r| {
            r.service.directories[0].entries.retain(|(id, _)| id != "sub");
            r.of("root", |m| {
                let types = m["meta"]["cost-types"].as_object_mut().unwrap();
                types.retain(|_, cost_type| cost_type["cost-metric"] != "routingcost");
            });
        }),
        Mutant::new("rfc9439/3.2/1", "has two operators in a metric", |r| {
            renamed(r, "delay-ow:p95", || json!("delay-ow:p95:cur"));
        }),
        Mutant::new("rfc9439/3.2/2", "has a metric of more than 32 characters", |r| {
            renamed(r, "delay-ow:p99.9", || json!("delay-ow:p99.99999999999999999999999"));
        }),
        Mutant::new("rfc9439/3.2/3", "uses an unknown operator in a metric", |r| {
            renamed(r, "delay-ow:mean", || json!("delay-ow:avg"));
        }),
        Mutant::new("rfc9439/3.2/3", "treats unknown operators as none", |r| {
            change_request(r, &["avg", "Median", "95"], "");
        }),
        Mutant::new("rfc9439/3.2/4", "has a percentile beyond 100", |r| {
            renamed(r, "delay-ow:p99.9", || json!("delay-ow:p999"));
        }),
        Mutant::new("rfc9439/3.2/4", "treats impossible percentiles as none", |r| {
            change_request(r, &["p101", "p-1", "p", "p99."], "");
        }),
        Mutant::new("rfc9439/3.2/5", "names the median p50", |r| {
            renamed(r, "delay-ow:median", || json!("delay-ow:p50"));
        })
        .graded("warn"),
        Mutant::new("rfc9439/8/1", "has a metric that is not registered", |r| {
            renamed(r, "lossrate", || json!("pktloss"));
        })
        .graded("warn"),
    ]
}

fn contexts() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9439/3.1/1", "writes the cost context as a string", |r| {
            r.cost_types("delay-ow", |its| its["cost-context"] = json!("estimation"));
        }),
        Mutant::new("rfc9439/3.1/1", "omits the cost source in answers but keeps its parameters", |r| {
            r.of("ecs", |m| {
                if m.pointer("/meta/cost-type/cost-context").is_some() {
                    m["meta"]["cost-type"]["cost-context"] = json!({ "parameters": {} });
                }
            });
        }),
        Mutant::new("rfc9439/3.1/2", "has a source that is not registered", |r| {
            r.cost_types("delay-ow", |its| its["cost-context"]["cost-source"] = json!("guess"));
        })
        .graded("warn"),
        Mutant::new("rfc9439/3.1/3", "has a dash in a source", |r| {
            r.cost_types("delay-ow", |its| its["cost-context"]["cost-source"] = json!("an-sla"));
        }),
        Mutant::new("rfc9439/3.1/4", "announces one cost type under two names", |r| announced_twice(r, false)),
        Mutant::new("rfc9439/3.1/4", "announces one metric from two sources in one resource", |r| {
            announced_twice(r, true);
        })
        .graded("warn"),
        Mutant::new("rfc9439/3.1/6", "omits the URI of the service level agreement", |r| {
            r.cost_types("delay-ow:p95", |its| drop_at(its, "/cost-context/parameters", "link"));
        })
        .graded("warn"),
        Mutant::new("rfc9439/3.1/7", "rejects a cost type with a context", |r| {
            refuses(r, "fcm-a", "cost-type", |asked| asked["cost-type"].get("cost-context").is_some());
        }),
        Mutant::new("rfc9439/3.1/7", "repeats the context of the request", |r| {
            r.rewrite_messages(|found, request, m| {
                let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                if let Some(context) = asked.pointer("/cost-type/cost-context").filter(|_| found.id() == "fcm-a") {
                    m["meta"]["cost-type"]["cost-context"] = context.clone();
                }
            });
        })
        .graded("warn"),
    ]
}

fn announced_twice(reference: &mut Reference, other_source: bool) {
    reference.of("root", move |m| {
        let mut again = m["meta"]["cost-types"]["num-delay-ow"].clone();
        if other_source {
            again["cost-context"] = json!({ "cost-source": "nominal" });
        }
        m["meta"]["cost-types"]["num-again"] = again;
        let names = m.pointer_mut("/resources/fcm-a/capabilities/cost-type-names");
        names.and_then(Value::as_array_mut).unwrap().push(json!("num-again"));
    });
}

/// Changes the registered metric that a cost source refers to.
fn measured(reference: &mut Reference, metric: &'static str, name: fn() -> Value) {
    reference.of("root", move |message| {
        for (_, cost_type) in message["meta"]["cost-types"].as_object_mut().into_iter().flatten() {
            if cost_type["cost-metric"] == metric {
                cost_type["cost-context"]["parameters"]["registered-metric"] = name();
            }
        }
    });
}

fn sources() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9439/4.1.4/1", "omits the estimation method of a delay", |r| {
            r.cost_types("delay-ow", |its| drop_at(its, "/cost-context", "parameters"));
        })
        .graded("info"),
        Mutant::new("rfc9439/4.1.4/2", "names a registered metric without its URI", |r| {
            measured(r, "delay-ow:mean", || json!("OWDelay_Active_IP-UDP-Periodic_RFC8912sec7_Seconds_Mean"));
        })
        .graded("info"),
        Mutant::new("rfc9439/4.1.4/3", "reports round-trip time as one-way delay", |r| {
            measured(r, "delay-ow:mean", || {
                json!("https://www.iana.org/assignments/performance-metrics/RTDelay_Active_X_RFC8912sec4_Seconds_Mean")
            });
        }),
        Mutant::new("rfc9439/4.2.4/1", "reports the maximum as a mean", |r| {
            measured(r, "delay-rt:mean", || {
                json!("https://www.iana.org/assignments/performance-metrics/RTDelay_Active_X_RFC8912sec4_Seconds_Max")
            });
        }),
        Mutant::new("rfc9439/4.3.4/1", "reports delay as delay variation", |r| {
            measured(r, "delay-variation", || {
                json!("https://www.iana.org/assignments/performance-metrics/OWDelay_Active_X_RFC8912sec7_Seconds")
            });
        }),
        Mutant::new("rfc9439/4.4.4/1", "reports delay as loss", |r| {
            measured(r, "lossrate", || {
                json!("https://www.iana.org/assignments/performance-metrics/OWDelay_Active_X_RFC8912sec7_Seconds")
            });
        }),
        Mutant::new("rfc9439/4.5.4/1", "omits the definition of a hop", |r| {
            r.cost_types("hopcount", |its| drop_at(its, "/cost-context", "parameters"));
        })
        .graded("info"),
        Mutant::new("rfc9439/5.1.4/1", "reports throughput as nominal", |r| {
            r.cost_types("tput", |its| its["cost-context"]["cost-source"] = json!("nominal"));
        })
        .graded("warn"),
        Mutant::new("rfc9439/5.1.4/2", "reports throughput from a service level agreement", |r| {
            r.cost_types("tput", |its| its["cost-context"]["cost-source"] = json!("sla"));
        })
        .graded("warn"),
        Mutant::new("rfc9439/5.1.4/3", "omits the congestion control algorithm of throughput", |r| {
            r.cost_types("tput", |its| drop_at(its, "/cost-context/parameters", "congestion-control-algorithm"));
        })
        .graded("info"),
        Mutant::new("rfc9439/6.3/1", "reports routing costs as nominal", |r| {
            r.cost_types("routingcost", |its| its["cost-context"]["cost-source"] = json!("nominal"));
        }),
    ]
}

fn values() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9439/4.1.2/1", "has negative delays", |r| r.costs("delay-ow", |cost| cost - 100.0)),
        Mutant::new("rfc9439/4.1.2/2", "has delays in milliseconds", |r| r.costs("delay-ow", |cost| cost / 1024.0))
            .graded("warn"),
        Mutant::new("rfc9439/4.2.2/1", "has negative round trips", |r| r.costs("delay-rt", |cost| -cost)),
        Mutant::new("rfc9439/4.3.2/1", "has negative variations", |r| r.costs("delay-variation", |cost| -cost)),
        Mutant::new("rfc9439/4.4.2/1", "reports loss in parts per million", |r| {
            r.costs("lossrate", |cost| cost * 8192.0);
        }),
        Mutant::new("rfc9439/4.5.2/1", "reports fractional hop counts", |r| r.costs("hopcount", |cost| cost / 2.0)),
        Mutant::new("rfc9439/5.1.2/1", "has negative throughput", |r| r.costs("tput", |cost| -cost)),
        Mutant::new("rfc9439/5.2.2/1", "writes -1 for exhausted bandwidth", |r| {
            r.costs("bw-residual", |cost| if cost < 100_000.0 { -1.0 } else { cost });
        }),
        Mutant::new("rfc9439/5.3.2/1", "writes -1 for exhausted available bandwidth", |r| {
            r.costs("bw-available", |cost| if cost < 100_000.0 { -1.0 } else { cost });
        }),
        Mutant::new("rfc9439/5.3.2/1", "writes bandwidth with its unit", |r| {
            r.of("cm-a-bw", |m| each_cost(m, &mut |cost| *cost = json!(format!("{cost} B/s"))));
        }),
        Mutant::new("rfc7285/6.1.2.2/3", "ranks the lowest bandwidth first", |r| {
            r.of("cm-a-bw-ord", |m| each_cost(m, &mut |cost| *cost = json!(100 - cost.as_u64().unwrap_or(0))));
        }),
        Mutant::new("rfc7285/11.5.1.6/5", "ranks the endpoint with the least bandwidth first", |r| {
            r.of("ecs", |m| {
                let cost_type = m["meta"]["cost-type"].clone();
                if cost_type["cost-mode"] == "ordinal" && cost_type["cost-metric"] == "bw-available" {
                    each_cost(m, &mut |cost| *cost = json!(100 - cost.as_u64().unwrap_or(0)));
                }
            });
        }),
    ]
}

fn statistics() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9439/3.2/7", "reports a median that differs from the plain metric", |r| {
            r.costs("delay-ow:median", |cost| cost * 1.25);
        }),
        Mutant::new("rfc9439/3.2/8", "has a 95th percentile below the median", |r| {
            r.costs("delay-ow:p95", |cost| cost / 4.0);
        }),
        Mutant::new("rfc9439/3.2/8", "has negative deviations", |r| r.costs("delay-ow:stddev", |cost| -cost)),
        Mutant::new("rfc9439/4.2.3/1", "reports the one-way delay as round-trip time", |r| {
            let map = &mut r.service.network.maps[0];
            let one_way = map.metrics["delay-ow"].clone();
            map.metrics.insert("delay-rt".to_owned(), one_way);
        })
        .graded("warn"),
        Mutant::new("rfc9439/4.2.3/1", "reports twice the round-trip time", |r| {
            r.costs("delay-rt:mean", |cost| cost * 2.0);
        })
        .graded("warn"),
        Mutant::new("rfc9439/5.2.3/1", "reports a current value that differs from the plain metric", |r| {
            r.costs("bw-residual:cur", |cost| cost / 2.0);
        }),
        Mutant::new("rfc9439/5.3.3/1", "reports a current value that differs from the plain metric", |r| {
            r.costs("bw-available:cur", |cost| cost / 2.0);
        }),
        Mutant::new("rfc9439/5.3.3/1", "reports more available than maximum bandwidth", |r| {
            r.costs("bw-available", |cost| cost * 2.0);
            r.costs("bw-available:cur", |cost| cost * 2.0);
        })
        .graded("warn"),
    ]
}

fn freshness() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9439/6.2/1", "omits the age of costs", |r| {
            r.after(|_, _, answer| answer.fields.retain(|(name, _)| name != "Last-Modified"));
        })
        .graded("warn"),
        Mutant::new("rfc9439/6.2/1", "dates costs in the future", |r| {
            r.after(|_, _, answer| {
                if answer.field("last-modified").is_some() {
                    answer.set("Last-Modified", "Sat, 06 Nov 2094 08:49:37 GMT");
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc9439/6.4.1/1", "states that costs have expired", |r| {
            r.after(|_, _, answer| {
                if answer.field("last-modified").is_some() {
                    answer.set("Expires", "Sun, 06 Nov 2022 08:49:38 GMT");
                }
            });
        })
        .graded("info"),
    ]
}
