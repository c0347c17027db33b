//! Faults of the endpoint property and endpoint cost services, written from the ledgers of RFC 7285 and RFC 9274.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use rfc_conformance::mock_server::http::ReceivedRequest;
use rfc_conformance::mock_server::request::parse_address;
use serde_json::{Map, Value, json};

use super::super::super::filters::{change_answer_to, lists};
use super::super::super::mutant::{Mutant, drop_at, put};
use super::super::super::server::Reference;
use super::{ask, bodies, from_other_data, invalid, is_empty, reject, strings};

pub(super) fn mutants() -> Vec<Mutant> {
    let mut all = properties();
    all.extend(addresses());
    all.extend(costs());
    all
}

fn properties() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/7.1.1/2", "knows no prefixes of full length", |r| {
            from_other_data(r, "eps", |network| {
                let all = network.maps.iter_mut().flat_map(|map| map.pids.values_mut());
                all.for_each(|prefixes| prefixes.retain(|prefix| prefix.prefix_len() < prefix.max_prefix_len()));
            });
        }),
        Mutant::new("rfc7285/7.1.1/2", "counts the last address of a prefix as outside", without_last_addresses),
        Mutant::new("rfc7285/11.4.1.6/5", "puts IPv6 endpoints into a PID without IPv6", |r| {
            change_answer_to(r, "eps", |body, m| {
                let asked = strings(body, "/properties").contains(&"nm-b.pid");
                for (endpoint, values) in m["endpoint-properties"].as_object_mut().into_iter().flatten() {
                    if asked && endpoint.starts_with("ipv6:") {
                        values["nm-b.pid"] = json!("west");
                    }
                }
            });
        }),
        Mutant::new("rfc7285/11.4.1.6/1", "exchanges the tags of two network maps", |r| {
            r.of("eps", |m| {
                let tags = m.pointer_mut("/meta/dependent-vtags").and_then(Value::as_array_mut);
                if let Some([first, second]) = tags.map(Vec::as_mut_slice) {
                    std::mem::swap(&mut first["tag"], &mut second["tag"]);
                }
            });
        }),
        Mutant::new("rfc7285/11.4.1.6/1", "names no network map unless its property comes first", |r| {
            change_answer_to(r, "eps", |body, m| {
                if strings(body, "/properties").first().is_some_and(|first| !first.contains('.')) {
                    drop_at(m, "/meta", "dependent-vtags");
                }
            });
        }),
        Mutant::new("rfc7285/11.4.1.6/3", "gives every property of endpoints with a rare one", |r| {
            r.of("eps", |m| {
                for (endpoint, values) in m["endpoint-properties"].as_object_mut().into_iter().flatten() {
                    if endpoint == "ipv4:192.0.2.7" {
                        values["priv:x-link"] = json!("fiber");
                    }
                }
            });
        }),
    ]
}

/// Looks endpoints up without the prefixes whose last address they are.
fn without_last_addresses(r: &mut Reference) {
    let map = r.service.network.maps[0].clone();
    r.rewrite_messages(move |found, _, message| {
        let all = message.get_mut("endpoint-properties").and_then(Value::as_object_mut);
        for (endpoint, values) in all.filter(|_| found.id() == "eps").into_iter().flatten() {
            let Some(address) = parse_address(endpoint).filter(|_| values.get("nm-a.pid").is_some()) else { continue };
            let mut map = map.clone();
            let within = |prefix: &ipnet::IpNet| prefix.broadcast() != address || prefix.prefix_len() == 32;
            map.pids.values_mut().for_each(|prefixes| prefixes.retain(within));
            if let Some(pid) = map.pid_of(address) {
                values["nm-a.pid"] = json!(pid);
            }
        }
    });
}

fn addresses() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/10.4.3.2/2", "takes no IPv6 addresses in upper case", |r| {
            reject(r, "eps", |body| {
                let all = strings(body, "/endpoints");
                let upper = |text: &&str| text.starts_with("ipv6:") && text.chars().any(char::is_uppercase);
                Some(invalid("endpoints", all.into_iter().find(upper)?))
            });
        }),
        Mutant::new("rfc7285/10.4.3.2/2", "takes no IPv6 addresses that end in dotted decimal", |r| {
            reject(r, "eps", |body| {
                let all = strings(body, "/endpoints");
                let mixed =
                    |text: &&str| text.starts_with("ipv6:") && text.contains('.') && parse_address(text).is_some();
                Some(invalid("endpoints", all.into_iter().find(mixed)?))
            });
        }),
        Mutant::new("rfc7285/10.4.3.1/1", "takes zeros before the numbers of IPv4 addresses of destinations", |r| {
            lists(r, "ecs", "/endpoints/dsts", |list| {
                for endpoint in list {
                    let Some(text) = endpoint.as_str().and_then(|text| text.strip_prefix("ipv4:")) else { continue };
                    let numbers = text.split('.').map(|number| number.parse::<u8>().map(|number| number.to_string()));
                    if let Ok(numbers) = numbers.collect::<Result<Vec<_>, _>>() {
                        *endpoint = json!(format!("ipv4:{}", numbers.join(".")));
                    }
                }
            });
        }),
        Mutant::new("rfc7285/11.5.1.3/8", "rejects a destination that is spelled in two ways", |r| {
            reject(r, "ecs", |body| {
                let all: BTreeSet<_> = strings(body, "/endpoints/dsts").into_iter().collect();
                let distinct: BTreeSet<_> = all.iter().filter_map(|text| parse_address(text)).collect();
                let known = all.iter().all(|text| parse_address(text).is_some());
                (known && distinct.len() < all.len()).then(|| invalid("endpoints/dsts", "duplicate"))
            });
        }),
        Mutant::new("rfc7285/11.5.1.3/6", "believes the client about its own address", |r| {
            r.instead(|service, request| {
                let claimed: IpAddr = request.field("x-forwarded-for")?.split(',').next()?.trim().parse().ok()?;
                let peer = SocketAddr::new(claimed, request.peer.port());
                Some(service.route(&ReceivedRequest { peer, ..request.clone() }))
            });
        }),
        Mutant::new("rfc7285/11.5.1.3/6", "takes no destinations for those that are sources", |r| {
            bodies(r, "ecs", |body| {
                let swap = is_empty(body, "/endpoints/dsts") && !is_empty(body, "/endpoints/srcs");
                let sources = body.pointer("/endpoints/srcs").cloned().unwrap_or_default();
                if swap {
                    body["endpoints"]["dsts"] = sources;
                }
                swap
            });
        }),
    ]
}

fn costs() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/11.5.1.6/6", "answers for 100 destinations at most", |r| {
            lists(r, "ecs", "/endpoints/dsts", |list| list.truncate(100));
        }),
        Mutant::new("rfc7285/11.5.1.6/1", "gives endpoint costs the first cost type in any case", |r| {
            r.of("ecs", |m| put(m, "/meta/cost-type/cost-mode", json!("numerical")));
        }),
        Mutant::new("rfc7285/11.5.1.6/2", "names endpoints as prefixes of full length", |r| {
            r.of("ecs-nc", |m| {
                for (_, row) in m["endpoint-cost-map"].as_object_mut().into_iter().flatten() {
                    let row = row.as_object_mut().unwrap();
                    let full = |name: &str| format!("{name}/{}", if name.starts_with("ipv4") { 32 } else { 128 });
                    *row = std::mem::take(row).into_iter().map(|(name, cost)| (full(&name), cost)).collect();
                }
            });
        }),
        Mutant::new("rfc7285/11.5.1.3/5", "takes operators of constraints on endpoint costs in upper case", |r| {
            lists(r, "ecs", "/constraints", |list| {
                for test in list {
                    if let Some(text) = test.as_str() {
                        *test = json!(text.to_ascii_lowercase());
                    }
                }
            });
        }),
        Mutant::new("rfc9274/4/1", "finds cost modes of endpoint costs by names in any case", |r| {
            bodies(r, "ecs", |body| {
                let mode = body.pointer("/cost-type/cost-mode").and_then(Value::as_str).map(str::to_lowercase);
                let changed = mode.is_some();
                put(body, "/cost-type/cost-mode", json!(mode));
                changed
            });
        }),
        Mutant::new("rfc7285/11.5.1.6/6", "gives the costs of the way back if there is one source", |r| {
            r.instead(|service, request| {
                service.find(request).filter(|found| found.id() == "ecs" && request.method == "POST")?;
                let mut body: Value = serde_json::from_slice(&request.body).ok()?;
                let (sources, destinations) =
                    (body.pointer("/endpoints/srcs")?.clone(), body.pointer("/endpoints/dsts")?.clone());
                let one = sources.as_array()?.len() == 1 && destinations.as_array()?.len() > 1;
                put(&mut body, "/endpoints", json!({ "srcs": destinations, "dsts": sources }));
                let (mut answer, mut message) = ask(service, request, &body).filter(|_| one)?;
                let mut turned = Map::new();
                for (source, row) in message["endpoint-cost-map"].as_object()? {
                    for (destination, cost) in row.as_object()? {
                        let row = turned.entry(destination.clone()).or_insert_with(|| json!({}));
                        row[source] = cost.clone();
                    }
                }
                message["endpoint-cost-map"] = turned.into();
                answer.body = message.to_string().into_bytes();
                Some(answer)
            });
        }),
    ]
}
