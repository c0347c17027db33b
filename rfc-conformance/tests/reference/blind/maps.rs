//! Faults of names, maps, filters and endpoint services, written from the ledger of RFC 7285.

use serde_json::{Value, json};

use super::super::filters::{change_answer_to, lists};
use super::super::mutant::{Mutant, each_cost, put, tags};
use super::super::server::Reference;

pub(super) fn mutants() -> Vec<Mutant> {
    let mut all = types();
    all.extend(maps());
    all.extend(filters());
    all.extend(endpoints());
    all
}

/// Gives a PID of the first network map another name.
fn rename(r: &mut Reference, old: &str, new: &str) {
    let map = &mut r.service.network.maps[0];
    let prefixes = map.pids.remove(old).unwrap();
    map.pids.insert(new.into(), prefixes);
    let name = |pid: &String| if pid == old { new.to_owned() } else { pid.clone() };
    map.costs = map.costs.iter().map(|((from, to), cost)| ((name(from), name(to)), *cost)).collect();
}

/// Changes every endpoint in requests to a service.
fn each_endpoint(r: &mut Reference, id: &'static str, change: fn(&str) -> String) {
    r.rewrite_requests(move |found, mut body| {
        let endpoints = body.get_mut("endpoints").filter(|_| found == id)?;
        for endpoint in endpoints.as_array_mut()? {
            if let Some(text) = endpoint.as_str() {
                *endpoint = json!(change(text));
            }
        }
        Some(body)
    });
}

fn types() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/10.1/3", "has a PID with a dot in its name", |r| rename(r, "pidD", "pid.D")),
        Mutant::new("rfc7285/10.1/1", "has a PID with a name of 65 characters", |r| {
            rename(r, "pidD", &"D".repeat(65));
        }),
        Mutant::new("rfc7285/10.3/3", "has tags of more than 64 characters", |r| {
            tags(r, |tag| format!("{tag}{}", "0".repeat(33)));
        }),
        Mutant::new("rfc7285/10.3/4", "has tags with spaces", |r| tags(r, |tag| format!("v {tag}"))),
        Mutant::new("rfc7285/10.4.3.2/1", "writes IPv6 prefixes in upper case", |r| {
            r.of("nm-a", |m| {
                for group in m["network-map"].as_object_mut().unwrap().values_mut() {
                    for prefix in group["ipv6"].as_array_mut().into_iter().flatten() {
                        *prefix = json!(prefix.as_str().unwrap().to_uppercase());
                    }
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc7285/10.4.3.2/2", "does not know IPv6 addresses without `::`", |r| {
            each_endpoint(r, "eps", |text| {
                if text.starts_with("ipv6:") && !text.contains("::") { "ipv6:?".into() } else { text.into() }
            });
        }),
        Mutant::new("rfc7285/10.4.1/1", "splits typed addresses at the last colon", |r| {
            each_endpoint(r, "eps", |text| if text.contains(":::") { "ipv6".into() } else { text.into() });
        }),
        Mutant::new("rfc7285/10.4.3.1/1", "takes octets with leading zeros", |r| {
            each_endpoint(r, "eps", |text| {
                let Some(address) = text.strip_prefix("ipv4:") else { return text.into() };
                let octet = |octet: &str| octet.parse::<u32>().map_or(octet.to_owned(), |octet| octet.to_string());
                format!("ipv4:{}", address.split('.').map(octet).collect::<Vec<_>>().join("."))
            });
        }),
    ]
}

fn maps() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/6.1.2.2/3", "ranks the dearest pair first in the whole map", |r| {
            r.of("cm-a-ord", |m| each_cost(m, &mut |cost| *cost = json!(20 - cost.as_i64().unwrap())));
        }),
        Mutant::new("rfc7285/6.1.2.2/1", "has fractions among the ranks of endpoint costs", |r| {
            r.of("ecs", |m| {
                if m["meta"]["cost-type"]["cost-mode"] == "ordinal" {
                    each_cost(m, &mut |cost| *cost = json!(cost.as_f64().unwrap() + 0.5));
                }
            });
        }),
        Mutant::new("rfc7285/6.1.2.1/1", "writes small endpoint costs as strings", |r| {
            r.of("ecs", |m| {
                each_cost(m, &mut |cost| {
                    if cost.as_f64().is_some_and(|cost| cost < 2.0) {
                        *cost = json!(cost.to_string());
                    }
                });
            });
        }),
        Mutant::new("rfc7285/6.3/1", "has another tag in the ordinal cost map than in its network map", |r| {
            r.of("cm-a-ord", |m| put(m, "/meta/dependent-vtags/0/tag", json!("0123456789abcdef")));
        }),
        Mutant::new("rfc7285/11.2.2/2", "covers only a part of the IPv6 addresses", |r| {
            r.service.network.maps[0].pids.get_mut("pidZ").unwrap().retain(|prefix| prefix.addr().is_ipv4());
        }),
        Mutant::new("rfc7285/11.2.2/4", "has one prefix in two PIDs, written differently", |r| {
            let same = "192.0.2.129/25".parse().unwrap();
            r.service.network.maps[0].pids.get_mut("pidC").unwrap().push(same);
        }),
        Mutant::new("rfc7285/11.2.3.6/5", "omits the costs within PIDs from a whole map", |r| {
            r.of("cm-a-num", |m| {
                for (from, row) in m["cost-map"].as_object_mut().unwrap() {
                    row.as_object_mut().unwrap().remove(from);
                }
            });
        }),
        Mutant::new("rfc7285/11.2.3.6/7", "has a cost to a PID that the network map lacks", |r| {
            r.of("cm-a-num", |m| m["cost-map"]["pidA"]["pidY"] = json!(3));
        }),
    ]
}

fn filters() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/6.2/1", "omits the costs within PIDs from a filtered map", |r| {
            r.of("fcm-a", |m| {
                for (from, row) in m["cost-map"].as_object_mut().unwrap() {
                    row.as_object_mut().unwrap().remove(from);
                }
            });
        }),
        Mutant::new("rfc7285/11.3.1.6/3", "lists IPv4 prefixes where a PID has no IPv6 prefix", |r| {
            change_answer_to(r, "fnm-a", |asked, m| {
                let group = m["network-map"].get_mut("pidC").filter(|_| asked["address-types"] == json!(["ipv6"]));
                if let Some(group) = group {
                    *group = json!({ "ipv4": ["198.51.100.128/25"] });
                }
            });
        }),
        Mutant::new("rfc7285/11.3.1.6/2", "lists unknown PIDs as empty ones", |r| {
            change_answer_to(r, "fnm-a", |asked, m| {
                for pid in asked["pids"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if m["network-map"].get(pid).is_none() {
                        m["network-map"][pid] = json!({});
                    }
                }
            });
        }),
        Mutant::new("rfc7285/11.3.1.3/4", "takes an empty list of address types for none", |r| {
            lists(r, "fnm-a", "/address-types", |list| {
                if list.is_empty() {
                    list.push(json!("none"));
                }
            });
        }),
        Mutant::new("rfc7285/11.3.2.3/6", "excludes the bound of `ge`", |r| {
            lists(r, "fcm-a", "/constraints", |list| {
                for text in list {
                    *text = json!(text.as_str().unwrap_or_default().replace("ge ", "gt "));
                }
            });
        }),
        Mutant::new("rfc7285/11.3.2.3/10", "applies only the last of several constraints", |r| {
            lists(r, "fcm-a", "/constraints", |list| drop(list.drain(..list.len().saturating_sub(1))));
        }),
        Mutant::new("rfc7285/11.3.2.3/11", "takes an empty list of destinations for none", |r| {
            lists(r, "fcm-a", "/pids/dsts", |list| {
                if list.is_empty() {
                    list.push(json!("none"));
                }
            });
        }),
        Mutant::new("rfc7285/11.3.2.3/14", "takes absent destinations for all", |r| {
            r.rewrite_requests(|id, mut body| {
                let pids = body.get_mut("pids")?.as_object_mut().filter(|_| id == "fcm-a")?;
                pids.entry("dsts").or_insert_with(|| json!([]));
                Some(body)
            });
        })
        .graded("warn"),
        Mutant::new("rfc7285/11.3.2.6/7", "rounds the costs of a filtered map", |r| {
            r.of("fcm-a", |m| each_cost(m, &mut |cost| *cost = json!(cost.as_f64().unwrap().round())));
        }),
    ]
}

fn endpoints() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/7.1.1/2", "does not find the longest prefix of IPv6 addresses", |r| {
            r.of("eps", |m| {
                for (endpoint, values) in m["endpoint-properties"].as_object_mut().unwrap() {
                    if endpoint.starts_with("ipv6:") && values["nm-a.pid"] == "pidB" {
                        values["nm-a.pid"] = json!("pidA");
                    }
                }
            });
        }),
        Mutant::new("rfc7285/11.4.1.6/1", "gives the tag of only one of two network maps", |r| {
            r.of("eps", |m| {
                if let Some(tags) = m["meta"]["dependent-vtags"].as_array_mut() {
                    tags.truncate(1);
                }
            });
        }),
        Mutant::new("rfc7285/11.4.1.6/5", "writes an empty string for an undefined property", |r| {
            change_answer_to(r, "eps", |asked, m| {
                for values in m["endpoint-properties"].as_object_mut().unwrap().values_mut() {
                    for name in asked["properties"].as_array().unwrap().iter().filter_map(Value::as_str) {
                        if values.get(name).is_none() {
                            values[name] = json!("");
                        }
                    }
                }
            });
        }),
        Mutant::new("rfc7285/11.5.1.3/6", "believes X-Forwarded-For about the address of a client", |r| {
            r.rewrite_messages(|found, request, message| {
                let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let implied = asked["endpoints"]["srcs"].as_array().is_none_or(Vec::is_empty);
                let Some(claimed) = request.field("x-forwarded-for").filter(|_| found.id() == "ecs" && implied) else {
                    return;
                };
                if let Some(rows) = message.get_mut("endpoint-cost-map").and_then(Value::as_object_mut) {
                    *rows = std::mem::take(rows).into_iter().map(|(_, row)| (format!("ipv4:{claimed}"), row)).collect();
                }
            });
        }),
        Mutant::new("rfc7285/11.5.1.6/2", "omits the address type from the destinations of endpoint costs", |r| {
            r.of("ecs", |m| {
                for row in m["endpoint-cost-map"].as_object_mut().unwrap().values_mut() {
                    let row = row.as_object_mut().unwrap();
                    let bare = |name: String| name.split_once(':').map_or(name.clone(), |(_, text)| text.to_owned());
                    *row = std::mem::take(row).into_iter().map(|(name, cost)| (bare(name), cost)).collect();
                }
            });
        }),
        Mutant::new("rfc7285/13.2/1", "rejects sources and destinations of different address types", |r| {
            r.rewrite_requests(|id, mut body| {
                let text = body["endpoints"].to_string();
                (id == "ecs" && text.contains("\"ipv4:") && text.contains("\"ipv6:")).then(|| {
                    body["endpoints"] = json!({ "srcs": ["?"], "dsts": ["?"] });
                    body
                })
            });
        }),
    ]
}
