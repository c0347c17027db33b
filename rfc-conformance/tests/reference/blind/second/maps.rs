//! Faults of network maps, cost maps and their filters, written from the ledger of RFC 7285.

use serde_json::{Value, json};

use super::super::super::filters::{change_answer_to, lists};
use super::super::super::mutant::{Mutant, drop_at, each_cost, put};
use super::super::super::server::Reference;
use super::{ask, bodies, invalid, is_empty, reject, strings};

pub(super) fn mutants() -> Vec<Mutant> {
    let mut all = whole();
    all.extend(network_maps());
    all.extend(cost_maps());
    all.extend(constraints());
    all
}

fn whole() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/11.2.2/2", "leaves a quarter of the IPv4 addresses without a PID", |r| {
            let prefixes = r.service.network.maps[0].pids.get_mut("pidZ").unwrap();
            prefixes.retain(|prefix| prefix.addr().is_ipv6());
            prefixes.extend(
                ["0.0.0.0/2", "64.0.0.0/2", "192.0.0.0/2"].map(|prefix| prefix.parse::<ipnet::IpNet>().unwrap()),
            );
        }),
        Mutant::new("rfc7285/11.2.2/4", "has a prefix in two PIDs, in one of them with host bits", |r| {
            r.of("nm-a", |m| m["network-map"]["pidC"]["ipv4"] = json!(["198.51.100.128/25", "192.0.2.77/24"]));
        }),
        Mutant::new("rfc7285/10.4.4.2/1", "writes a group of zeros at the end of an IPv6 prefix", |r| {
            r.of("nm-a", |m| m["network-map"]["pidD"]["ipv6"] = json!(["2001:db8:d:0::/48"]));
        })
        .graded("warn"),
        Mutant::new("rfc7285/11.2.3.6/5", "leaves costs of 0 out of a whole cost map", |r| {
            r.of("cm-a-num", |m| {
                for (_, row) in m["cost-map"].as_object_mut().into_iter().flatten() {
                    if let Some(row) = row.as_object_mut() {
                        row.retain(|_, cost| *cost != json!(0));
                    }
                }
            });
        }),
        Mutant::new("rfc7285/11.2.3.6/1", "gives the ranks with the tag of an earlier network map", |r| {
            r.of("cm-a-ord", |m| put(m, "/meta/dependent-vtags/0/tag", json!("0123456789abcdef")));
        }),
        Mutant::new("rfc7285/6.1.2.1/1", "writes an object for the costs to each destination", |r| {
            r.of("cm-b-num", |m| {
                let old = m["cost-map"].take();
                let mut turned = json!({});
                for (source, row) in old.as_object().into_iter().flatten() {
                    for (destination, cost) in row.as_object().into_iter().flatten() {
                        turned[destination]["costs"][source] = cost.clone();
                    }
                }
                m["cost-map"] = turned;
            });
        }),
    ]
}

fn network_maps() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/11.3.1.6/3", "filters the address types of the first PID only", |r| {
            let map = r.service.network.maps[0].clone();
            r.rewrite_messages(move |found, _, message| {
                let pids = message.get_mut("network-map").and_then(Value::as_object_mut);
                for (pid, group) in pids.filter(|_| found.id() == "fnm-a").into_iter().flatten().skip(1) {
                    *group = map.group(pid, None).into();
                }
            });
        }),
        Mutant::new("rfc7285/10.1/4", "finds PIDs by names in any case", |r| {
            lists(r, "fnm-a", "/pids", |list| {
                for name in list {
                    let known = |pid: &&str| name.as_str().is_some_and(|name| name.eq_ignore_ascii_case(pid));
                    if let Some(pid) = ["pidA", "pidB", "pidC", "pidD", "pidZ"].into_iter().find(known) {
                        *name = json!(pid);
                    }
                }
            });
        }),
        Mutant::new("rfc7285/11.3.1.6/5", "gives a network map filtered by address type another tag", |r| {
            change_answer_to(r, "fnm-a", |body, m| {
                if !is_empty(body, "/address-types") {
                    let tag = format!("{}-4", m["meta"]["vtag"]["tag"].as_str().unwrap_or_default());
                    m["meta"]["vtag"]["tag"] = json!(tag);
                }
            });
        }),
        Mutant::new("rfc7285/11.3.1.6/3", "gives all addresses of PIDs that have none of the requested type", |r| {
            let map = r.service.network.maps[0].clone();
            r.rewrite_messages(move |found, _, message| {
                let pids = message.get_mut("network-map").and_then(Value::as_object_mut);
                for (pid, group) in pids.filter(|_| found.id() == "fnm-a").into_iter().flatten() {
                    if group.as_object().is_some_and(serde_json::Map::is_empty) {
                        *group = map.group(pid, None).into();
                    }
                }
            });
        }),
        Mutant::new("rfc7285/11.3.1.6/4", "finds address types by names in any case", |r| {
            lists(r, "fnm-a", "/address-types", |list| {
                for name in list {
                    if let Some(text) = name.as_str() {
                        *name = json!(text.to_ascii_lowercase());
                    }
                }
            });
        }),
    ]
}

fn cost_maps() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/11.3.2.6/4", "takes sources with an unknown PID for all sources", |r| {
            lists(r, "fcm-a", "/pids/srcs", |list| {
                if list.iter().any(|pid| pid.as_str().is_some_and(|name| !name.starts_with("pid"))) {
                    list.clear();
                }
            });
        }),
        Mutant::new("rfc7285/11.3.2.3/11", "takes no destinations for those that are sources", |r| {
            bodies(r, "fcm-a", |body| {
                let swap = is_empty(body, "/pids/dsts") && body.pointer("/pids/dsts").is_some();
                let sources = body.pointer("/pids/srcs").cloned().unwrap_or_default();
                if swap {
                    put(body, "/pids/dsts", sources);
                }
                swap
            });
        }),
        Mutant::new("rfc7285/11.3.2.6/7", "rounds the costs of filtered maps", |r| {
            r.of("fcm-a", |m| {
                each_cost(m, &mut |cost| {
                    if let Some(value) = cost.as_f64().filter(|value| value.fract() != 0.0) {
                        *cost = json!(value.round());
                    }
                });
            });
        }),
        Mutant::new("rfc7285/11.3.2.3/2", "finds cost metrics by names in any case", |r| {
            bodies(r, "fcm-a", |body| {
                let metric = body.pointer("/cost-type/cost-metric").and_then(Value::as_str).map(str::to_lowercase);
                let changed = metric.is_some();
                put(body, "/cost-type/cost-metric", json!(metric));
                changed
            });
        }),
        Mutant::new("rfc7285/11.3.2.6/1", "names no network map in answers without a pair", |r| {
            r.of("fcm-a", |m| {
                if m["cost-map"].as_object().is_some_and(serde_json::Map::is_empty) {
                    drop_at(m, "/meta", "dependent-vtags");
                }
            });
        }),
        Mutant::new("rfc7285/11.3.2.1/1", "writes null for sources none of whose pairs passes", |r| {
            change_answer_to(r, "fcm-a", |body, m| {
                for pid in strings(body, "/pids/srcs") {
                    if pid.starts_with("pid") && m["cost-map"].get(pid).is_none() {
                        m["cost-map"][pid] = Value::Null;
                    }
                }
            });
        }),
    ]
}

fn constraints() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/11.3.2.3/6", "reads constraints as integers", |r| {
            lists(r, "fcm-a", "/constraints", |list| {
                for test in list {
                    let parts = test.as_str().and_then(|text| text.split_once(' '));
                    let number = parts.and_then(|(_, number)| number.trim().parse::<f64>().ok());
                    if let (Some((operator, _)), Some(number)) = (parts, number) {
                        *test = json!(format!("{operator} {}", number.trunc()));
                    }
                }
            });
        }),
        Mutant::new("rfc7285/11.3.2.3/6", "takes no negative numbers in constraints", |r| {
            reject(r, "fcm-a", |body| {
                let tests = strings(body, "/constraints");
                Some(invalid("constraints", tests.into_iter().find(|test| test.contains('-'))?))
            });
        }),
        Mutant::new("rfc7285/11.3.2.3/10", "applies the last of several constraints", |r| {
            lists(r, "fcm-a", "/constraints", |list| {
                list.drain(..list.len().saturating_sub(1));
            });
        }),
        Mutant::new("rfc7285/11.3.2.6/5", "applies constraints on ranks to the costs behind them", |r| {
            r.instead(|service, request| {
                service.find(request).filter(|found| found.id() == "fcm-a")?;
                let body: Value = serde_json::from_slice(&request.body).ok()?;
                let ranks = body.pointer("/cost-type/cost-mode").is_some_and(|mode| mode == "ordinal");
                let (mut costs, mut all) = (body.clone(), body);
                put(&mut costs, "/cost-type/cost-mode", json!("numerical"));
                put(&mut all, "/constraints", json!([]));
                let (_, passing) = ask(service, request, &costs).filter(|_| ranks)?;
                let (mut answer, mut message) = ask(service, request, &all)?;
                for (source, row) in message["cost-map"].as_object_mut()? {
                    row.as_object_mut()?.retain(|pid, _| passing["cost-map"][source].get(pid).is_some());
                }
                answer.body = message.to_string().into_bytes();
                Some(answer)
            });
        }),
        Mutant::new("rfc7285/11.5.1.3/5", "takes `ge` for `gt`", ge_is_gt),
    ]
}

/// Replaces `ge` by `gt` in constraints on endpoint costs.
fn ge_is_gt(r: &mut Reference) {
    lists(r, "ecs", "/constraints", |list| {
        for test in list {
            if let Some(rest) = test.as_str().and_then(|text| text.strip_prefix("ge ")) {
                *test = json!(format!("gt {rest}"));
            }
        }
    });
}
