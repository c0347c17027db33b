//! Mutants with faults in full network and cost maps.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::mutant::{Mutant, drop_at, drop_pair, each_cost, put};
use super::server::Reference;

pub(crate) fn mutants() -> Vec<Mutant> {
    let mut all = network_maps();
    all.extend(cost_maps());
    all.extend(costs());
    all
}

fn prefixes(reference: &mut Reference, pid: &str, change: fn(&mut Vec<ipnet::IpNet>)) {
    change(reference.service.network.maps[0].pids.get_mut(pid).unwrap());
}

fn network_maps() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/11.2.1.1/1", "sends a network map with the media type of a cost map", |r| {
            r.after(|found, _, answer| {
                if found.is_some_and(|found| found.id() == "nm-a") {
                    answer.set("Content-Type", "application/alto-costmap+json");
                }
            });
        }),
        Mutant::new("rfc7285/11.2.1.6/1", "has no tag in a network map", |r| {
            r.of("nm-a", |m| drop_at(m, "/meta", "vtag"));
        }),
        Mutant::new("rfc7285/11.2.1.6/2", "tags a network map with the ID of another", |r| {
            r.of("nm-a", |m| put(m, "/meta/vtag/resource-id", json!("nm-b")));
        }),
        Mutant::new("rfc7285/11.2.1.6/3", "lists prefixes below PIDs without their type", |r| {
            r.of("nm-a", |m| put(m, "/network-map/pidC", json!(["198.51.100.128/25"])));
        }),
        Mutant::new("rfc7285/11.2.1.6/4", "omits a PID that has costs", |r| {
            r.of("nm-a", |m| drop_at(m, "/network-map", "pidD"));
        }),
        Mutant::new("rfc7285/11.2.2/1", "finds the PID with the shortest prefix", shortest),
        Mutant::new("rfc7285/7.1.1/2", "finds the PID with the shortest prefix", shortest),
        Mutant::new("rfc7285/11.2.2/2", "leaves addresses without a PID", |r| {
            prefixes(r, "pidZ", |list| *list = vec!["0.0.0.0/1".parse().unwrap(), "::/0".parse().unwrap()]);
        }),
        Mutant::new("rfc7285/11.2.2/3", "covers the remaining addresses by two half prefixes", |r| {
            prefixes(r, "pidZ", |list| {
                *list = ["0.0.0.0/1", "128.0.0.0/1", "::/0"].map(|prefix| prefix.parse().unwrap()).to_vec();
            });
        })
        .graded("info"),
        Mutant::new("rfc7285/11.2.2/4", "has one prefix in two PIDs", |r| {
            prefixes(r, "pidC", |list| list.push("192.0.2.0/24".parse().unwrap()));
        }),
        Mutant::new("rfc7285/6.3/3", "uses one version tag for different maps", changing_silently),
        Mutant::new("rfc7285/6.3/2", "uses one version tag for different maps", changing_silently),
        Mutant::new("rfc7285/10.3/5", "uses one version tag for different maps", changing_silently).graded("warn"),
    ]
}

/// Makes the property service use the shortest matching prefix.
fn shortest(reference: &mut Reference) {
    reference.of("eps", |m| {
        for (_, values) in m["endpoint-properties"].as_object_mut().unwrap() {
            if values.get("nm-a.pid").is_some() {
                values["nm-a.pid"] = json!("pidZ");
            }
        }
    });
}

/// Adds a prefix to every second network map without a new tag.
fn changing_silently(reference: &mut Reference) {
    let readings = AtomicUsize::new(0);
    reference.of("nm-a", move |m| {
        if readings.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
            let list = m.pointer_mut("/network-map/pidC/ipv4").and_then(Value::as_array_mut).unwrap();
            list.push(json!("203.0.113.0/24"));
        }
    });
}

fn cost_maps() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/6.3/1", "tags costs with another version of the map", |r| {
            r.of("cm-a-num", |m| put(m, "/meta/dependent-vtags/0/tag", json!("yesterday")));
        }),
        Mutant::new("rfc7285/11.2.3.1/1", "sends a cost map with the media type of a network map", |r| {
            r.after(|found, _, answer| {
                if found.is_some_and(|found| found.id() == "cm-a-num") {
                    answer.set("Content-Type", "application/alto-networkmap+json");
                }
            });
        }),
        Mutant::new("rfc7285/11.2.3.6/1", "lists two network maps for one cost map", |r| {
            r.of("cm-a-num", |m| {
                let tags = m.pointer_mut("/meta/dependent-vtags").and_then(Value::as_array_mut).unwrap();
                tags.push(json!({ "resource-id": "nm-b", "tag": "x" }));
            });
        }),
        Mutant::new("rfc7285/11.2.3.6/2", "does not state what the costs are", |r| {
            r.of("cm-a-num", |m| drop_at(m, "/meta", "cost-type"));
        }),
        Mutant::new("rfc7285/11.2.3.6/3", "returns a row of costs as a list", |r| {
            r.of("cm-a-num", |m| put(m, "/cost-map/pidA", json!([0, 1.5, 5, 7, 20])));
        }),
        Mutant::new("rfc7285/11.2.3.6/5", "omits a pair that has a cost", |r| r.of("cm-a-num", drop_pair)),
        Mutant::new("rfc7285/11.2.3.6/6", "writes null for costs that do not exist", |r| {
            r.of("cm-a-num", |m| m["cost-map"]["pidB"]["pidD"] = Value::Null);
        }),
        Mutant::new("rfc7285/11.2.3.6/7", "has costs of a PID that the network map lacks", |r| {
            r.of("cm-a-num", |m| m["cost-map"]["pidQ"] = json!({ "pidA": 1 }));
        }),
    ]
}

/// Reverses the order of ranks in answers.
fn reversed(reference: &mut Reference) {
    reference.rewrite_messages(|_, _, m| {
        if m.pointer("/meta/cost-type/cost-mode").is_some_and(|mode| mode == "ordinal") {
            each_cost(m, &mut |cost| *cost = json!(100 - cost.as_u64().unwrap_or(0)));
        }
    });
}

fn costs() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/6.1.1.1/2", "ranks the highest cost first", reversed),
        Mutant::new("rfc7285/6.1.2.2/3", "ranks the highest cost first", reversed),
        Mutant::new("rfc7285/6.2/2", "ranks the highest cost first in filtered maps", |r| {
            r.of("fcm-a", |m| {
                if m["meta"]["cost-type"]["cost-mode"] == "ordinal" {
                    each_cost(m, &mut |cost| *cost = json!(100 - cost.as_u64().unwrap_or(0)));
                }
            });
        }),
        Mutant::new("rfc7285/6.1.2.1/1", "writes costs as strings", |r| {
            r.rewrite_messages(|_, _, m| each_cost(m, &mut |cost| *cost = json!(cost.to_string())));
        }),
        Mutant::new("rfc7285/6.1.2.2/1", "has negative ranks", |r| {
            r.rewrite_messages(|_, _, m| {
                if m.pointer("/meta/cost-type/cost-mode").is_some_and(|mode| mode == "ordinal") {
                    each_cost(m, &mut |cost| *cost = json!(-1));
                }
            });
        }),
        Mutant::new("rfc7285/6.2/1", "omits a pair that was requested", |r| r.of("fcm-a", drop_pair)),
    ]
}
