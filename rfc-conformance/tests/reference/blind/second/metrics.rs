//! Faults of performance metrics, written from the ledger of RFC 9439.

use std::time::{Duration, SystemTime};

use rfc_conformance::mock_server::cost_type::ServedCostType;
use rfc_conformance::mock_server::resource::ResourceKind;
use serde_json::{Value, json};

use super::super::super::filters::change_answer_to;
use super::super::super::mutant::{Mutant, drop_at, each_cost, put};
use super::super::super::server::{Reference, Variant};
use super::{bodies, invalid, reject};

pub(super) fn mutants() -> Vec<Mutant> {
    let mut all = names();
    all.extend(contexts());
    all.extend(values());
    all.extend(freshness());
    all.into_iter().map(|mutant| mutant.with(Variant::Metrics)).collect()
}

/// Gives a metric another name, in directories and wherever it is served.
fn rename(r: &mut Reference, from: &str, to: &str) {
    let change = |cost_type: &mut ServedCostType| {
        if cost_type.metric == from {
            to.clone_into(&mut cost_type.metric);
        }
    };
    let named = r.service.directories.iter_mut().flat_map(|directory| &mut directory.cost_types);
    named.for_each(|(_, cost_type)| change(cost_type));
    for resource in &mut r.service.resources {
        match &mut resource.kind {
            ResourceKind::CostMap(_, cost_type) => change(cost_type),
            ResourceKind::FilteredCostMap(_, offer) | ResourceKind::EndpointCost(offer) => {
                offer.cost_types.iter_mut().for_each(change);
            }
            _ => {}
        }
    }
    let metrics = &mut r.service.network.maps[0].metrics;
    let costs = metrics.remove(from).unwrap();
    metrics.insert(to.to_owned(), costs);
}

/// Returns whether a request is for one cost type with this metric.
fn is_for(body: &Value, metric: &str) -> bool {
    body.pointer("/cost-type/cost-metric").is_some_and(|asked| asked == metric)
}

fn names() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9439/3.2/3", "writes the operator of a percentile in upper case", |r| {
            rename(r, "delay-ow:p95", "delay-ow:P95");
        }),
        Mutant::new("rfc9439/3.2/4", "writes a percentile with a zero before it", |r| {
            rename(r, "delay-ow:p95", "delay-ow:p095");
        }),
        Mutant::new("rfc9439/3.2/5", "offers the zeroth percentile for the minimum", |r| {
            rename(r, "delay-ow:min", "delay-ow:p0");
        })
        .graded("warn"),
        Mutant::new("rfc9439/3.2/4", "answers for the nearest percentile that it knows", |r| {
            bodies(r, "fcm-a", |body| {
                let metric = body.pointer("/cost-type/cost-metric").and_then(Value::as_str).unwrap_or_default();
                let number = metric.strip_prefix("delay-ow:p").and_then(|text| text.parse::<f64>().ok());
                let near = number.is_some_and(|number| (0.0..=100.0).contains(&number) && metric != "delay-ow:p99.9");
                if near {
                    put(body, "/cost-type/cost-metric", json!("delay-ow:p95"));
                }
                near
            });
        }),
    ]
}

fn contexts() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9439/3.1/2", "writes a cost source in upper case", |r| {
            r.cost_types("delay-ow:p95", |cost_type| put(cost_type, "/cost-context/cost-source", json!("SLA")));
        })
        .graded("warn"),
        Mutant::new("rfc9439/3.1/1", "writes a cost context as a string", |r| {
            r.cost_types("tput", |cost_type| cost_type["cost-context"] = json!("estimation"));
        }),
        Mutant::new("rfc9439/3.1/1", "gives no source in the cost contexts of endpoint costs", |r| {
            r.of("ecs", |m| drop_at(m, "/meta/cost-type/cost-context", "cost-source"));
        }),
        Mutant::new("rfc9439/3.1/7", "rejects cost contexts in requests", |r| {
            reject(r, "fcm-a", |body| {
                let context = body.pointer("/cost-type/cost-context")?;
                Some(invalid("cost-type/cost-context", &context.to_string()))
            });
        }),
        Mutant::new("rfc9439/3.1/7", "gives another cost source in answers than in the directory", |r| {
            r.of("fcm-a", |m| put(m, "/meta/cost-type/cost-context/cost-source", json!("nominal")));
        })
        .graded("warn"),
        Mutant::new("rfc9439/4.2.4/1", "names a percentile as the source of a mean", |r| {
            r.cost_types("delay-rt:mean", |cost_type| {
                let name = "RTDelay_Active_IP-UDP-Periodic_RFC8912sec4_Seconds_95Percentile";
                let uri = format!("https://www.iana.org/assignments/performance-metrics/{name}");
                put(cost_type, "/cost-context/parameters/registered-metric", json!(uri));
            });
        }),
    ]
}

fn values() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9439/4.2.3/1", "gives delays of both ways in milliseconds", |r| {
            r.costs("delay-rt", |cost| cost / 1000.0);
            r.costs("delay-rt:mean", |cost| cost / 1000.0);
        })
        .graded("warn"),
        Mutant::new("rfc9439/4.2.3/1", "gives twice the delay of one way for both", |r| {
            let metrics = &mut r.service.network.maps[0].metrics;
            for (rt, ow) in [("delay-rt", "delay-ow"), ("delay-rt:mean", "delay-ow:mean")] {
                let costs = metrics[ow].iter().map(|(pair, cost)| (pair.clone(), cost * 2.0)).collect();
                metrics.insert(rt.to_owned(), costs);
            }
        })
        .graded("warn"),
        Mutant::new("rfc9439/4.4.2/1", "gives one pair a negative loss rate", |r| {
            r.costs("lossrate", |cost| if cost > 3.0 { -cost } else { cost });
        }),
        Mutant::new("rfc9439/4.5.2/1", "gives halves of hops between endpoints", |r| {
            change_answer_to(r, "ecs", |body, m| {
                if is_for(body, "hopcount") {
                    each_cost(m, &mut |cost| *cost = json!(cost.as_f64().unwrap_or_default() + 0.5));
                }
            });
        }),
        Mutant::new("rfc9439/3.2/8", "gives a median above a percentile of 95", |r| {
            r.costs("delay-ow:p95", |cost| cost * 0.5);
        }),
        Mutant::new("rfc9439/3.2/8", "gives negative standard deviations", |r| {
            r.costs("delay-ow:stddev", |cost| -cost);
        }),
        Mutant::new(
            "rfc9439/3.2/7",
            "gives the mean of delays between endpoints unless the median is requested",
            |r| {
                change_answer_to(r, "ecs", |body, m| {
                    if is_for(body, "delay-ow") {
                        each_cost(m, &mut |cost| *cost = json!(cost.as_f64().unwrap_or_default() * 1.25));
                    }
                });
            },
        ),
        Mutant::new("rfc7285/6.2/2", "ranks the lowest bandwidth first in filtered maps", |r| {
            change_answer_to(r, "fcm-a", |body, m| {
                let ranks = body.pointer("/cost-type/cost-mode").is_some_and(|mode| mode == "ordinal");
                if is_for(body, "bw-available") && ranks {
                    each_cost(m, &mut |cost| *cost = json!(1000 - cost.as_i64().unwrap_or_default()));
                }
            });
        }),
        Mutant::new("rfc9439/5.3.3/1", "has more bandwidth available than is left", |r| {
            r.costs("bw-available", |cost| cost * 2.0);
            r.costs("bw-available:cur", |cost| cost * 2.0);
        })
        .graded("warn"),
    ]
}

fn freshness() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9439/6.2/1", "says that costs change tomorrow", |r| {
            r.after(|_, _, answer| {
                if answer.field("Last-Modified").is_some() {
                    let tomorrow = SystemTime::now() + Duration::from_hours(24);
                    answer.set("Last-Modified", &httpdate::fmt_http_date(tomorrow));
                }
            });
        })
        .graded("warn"),
    ]
}
