//! Servers that choose otherwise where the standards leave a choice.

use ipnet::IpNet;
use rfc_conformance::mock_server::cost_type::in_mode;
use rfc_conformance::mock_server::request::{parse_address, spell};
use serde_json::{Map, Value, json};

use super::super::filters::change_answer_to;
use super::super::mutant::tags;
use super::super::server::{Reference, Variant};
use super::Unusual;

const fn server(is: &'static str, variant: Variant, make: fn(&mut Reference)) -> Unusual {
    Unusual { is, variant, only: &[], make }
}

pub(super) fn servers() -> Vec<Unusual> {
    vec![
        server("has tags of punctuation", Variant::Small, |r| tags(r, |tag| format!("\"\\!#~/{}", &tag[..8]))),
        server("names endpoints in one spelling, whatever the request has", Variant::Plain, in_one_spelling),
        server("ranks costs within the whole map", Variant::Plain, ranked_within_the_map),
        server("lists inherited values", Variant::Properties, |r| {
            for id in ["pm", "fpm"] {
                r.of(id, |m| list_inherited(m["property-map"].as_object_mut().unwrap()));
            }
        }),
        server("lists pairs without any cost", Variant::Several, |r| change_answer_to(r, "fcm-a", add_unknown_pairs)),
        server("lists its directories in a circle, and one map in both", Variant::Plain, |r| {
            let sub = &mut r.service.directories[1].entries;
            sub.push(("root".into(), "../directory".into()));
            sub.push(("nm-b".into(), "../maps/b".into()));
        }),
        server("rejects invalid requests with status 422", Variant::Small, |r| {
            r.after(|_, _, answer| {
                if answer.status == 400 && answer.field("Content-Type") == Some("application/alto-error+json") {
                    answer.status = 422;
                }
            });
        }),
    ]
}

fn in_one_spelling(r: &mut Reference) {
    r.rewrite_requests(|_, mut body| {
        for pointer in ["/endpoints", "/endpoints/srcs", "/endpoints/dsts"] {
            let list = body.pointer_mut(pointer).and_then(Value::as_array_mut);
            for endpoint in list.into_iter().flatten() {
                if let Some(address) = endpoint.as_str().and_then(parse_address) {
                    *endpoint = json!(spell(address));
                }
            }
        }
        Some(body)
    });
}

/// Gives every ordinal cost the rank that it has in the full cost map.
fn ranked_within_the_map(r: &mut Reference) {
    let map = r.service.network.maps[0].clone();
    let ranks = in_mode("ordinal", &map.costs);
    r.rewrite_messages(move |_, _, message| {
        if message.pointer("/meta/cost-type/cost-mode").is_none_or(|mode| mode != "ordinal") {
            return;
        }
        // A key is an endpoint or a PID.
        let pid = |key: &str| parse_address(key).map_or(Some(key), |address| map.pid_of(address)).map(str::to_owned);
        for name in ["cost-map", "endpoint-cost-map"] {
            for (source, row) in message.get_mut(name).and_then(Value::as_object_mut).into_iter().flatten() {
                for (destination, cost) in row.as_object_mut().into_iter().flatten() {
                    let pair = pid(source).zip(pid(destination));
                    if let Some(rank) = pair.and_then(|pair| ranks.get(&pair)) {
                        *cost = rank.clone();
                    }
                }
            }
        }
    });
}

/// Splits an entity into its domain and its prefix.
fn prefix(entity: &str) -> Option<(&str, IpNet)> {
    let domain = ["ipv4:", "ipv6:", "nm-b.ipv4:"].into_iter().find(|domain| entity.starts_with(domain))?;
    let text = &entity[domain.len()..];
    let single = || text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    Some((domain, text.parse().ok().or_else(single)?))
}

/// Adds to every entity what it inherits from others in the same answer.
fn list_inherited(entities: &mut Map<String, Value>) {
    let known: Vec<_> = entities
        .iter()
        .filter_map(|(entity, values)| {
            let (domain, net) = prefix(entity)?;
            Some((domain.to_owned(), net, values.as_object()?.clone()))
        })
        .collect();
    for (entity, values) in entities {
        let (Some((domain, net)), Some(values)) = (prefix(entity), values.as_object_mut()) else { continue };
        // An answer to a request without `properties` has names only.
        if values.is_empty() {
            continue;
        }
        let mut around: Vec<_> =
            known.iter().filter(|(other, outer, _)| other == domain && *outer != net && outer.contains(&net)).collect();
        around.sort_by_key(|(_, outer, _)| std::cmp::Reverse(outer.prefix_len()));
        for (name, value) in around.into_iter().flat_map(|(_, _, inherited)| inherited) {
            values.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// Adds the requested pairs without a cost to the answer to a multi-cost query without constraints.
fn add_unknown_pairs(body: &Value, message: &mut Value) {
    let types = body.get("multi-cost-types").and_then(Value::as_array).map_or(0, Vec::len);
    if types == 0 || body.get("constraints").is_some() || body.get("or-constraints").is_some() {
        return;
    }
    let all = ["pidA", "pidB", "pidC", "pidD", "pidZ"];
    let asked = |pointer: &str| -> Vec<&str> {
        let list = body.pointer(pointer).and_then(Value::as_array).filter(|list| !list.is_empty());
        let Some(list) = list else { return all.to_vec() };
        list.iter().filter_map(Value::as_str).filter(|pid| all.contains(pid)).collect()
    };
    for source in asked("/pids/srcs") {
        for destination in asked("/pids/dsts") {
            if message["cost-map"][source].get(destination).is_none() {
                message["cost-map"][source][destination] = json!(vec![Value::Null; types]);
            }
        }
    }
}
