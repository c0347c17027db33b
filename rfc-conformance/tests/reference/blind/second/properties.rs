//! Faults of property maps, written from the ledger of RFC 9240.

use ipnet::IpNet;
use rfc_conformance::mock_server::property_map::Properties;
use rfc_conformance::mock_server::resource::ResourceKind;
use serde_json::{Map, Value, json};

use super::super::super::filters::{change_answer_to, lists};
use super::super::super::mutant::{Mutant, put};
use super::super::super::server::Variant;
use super::{bodies, invalid, is_empty, reject, strings};

pub(super) fn mutants() -> Vec<Mutant> {
    let mut all = whole();
    all.extend(inherited());
    all.extend(requests());
    all.extend(answers());
    all.into_iter().map(|mutant| mutant.with(Variant::Properties)).collect()
}

/// Returns the entities of an answer.
fn entities(message: &mut Value) -> &mut Map<String, Value> {
    message["property-map"].as_object_mut().unwrap()
}

/// Returns an IPv4 entity as a prefix.
fn net(entity: &str) -> Option<IpNet> {
    let text = entity.strip_prefix("ipv4:")?;
    text.parse().ok().or_else(|| Some(text.parse::<std::net::IpAddr>().ok()?.into()))
}

fn whole() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9240/7.4/1", "maps a domain to a string", |r| {
            r.of("root", |m| m["resources"]["pm"]["capabilities"]["mappings"]["nm-b.ipv4"] = json!("nm-b.pid"));
        }),
        Mutant::new("rfc9240/7.6/1", "gives the tag of an earlier network map with a whole property map", |r| {
            r.of("pm", |m| put(m, "/meta/dependent-vtags/1/tag", json!("0123456789abcdef")));
        }),
        Mutant::new("rfc9240/7.6/4", "leaves the dot out of property names in a whole property map", |r| {
            r.of("pm", |m| {
                for (_, values) in entities(m) {
                    let all = std::mem::take(values.as_object_mut().unwrap());
                    let plain = |name: String| name.trim_start_matches('.').to_owned();
                    *values = all.into_iter().map(|(name, value)| (plain(name), value)).collect();
                }
            });
        }),
        Mutant::new("rfc9240/7.6/8", "has no entity of one of its domains", |r| {
            r.of("pm", |m| entities(m).retain(|entity, _| !entity.starts_with("nm-b.ipv4:")));
        })
        .graded("warn"),
    ]
}

fn inherited() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9240/6.1.1/1", "rejects IPv4 prefixes of full length", |r| {
            reject(r, "fpm", |body| {
                let all = strings(body, "/entities");
                Some(invalid("entities", all.into_iter().find(|entity| entity.ends_with("/32"))?))
            });
        }),
        Mutant::new("rfc9240/6.1.2/1", "rejects IPv6 prefixes of full length", |r| {
            reject(r, "fpm", |body| {
                let all = strings(body, "/entities");
                Some(invalid("entities", all.into_iter().find(|entity| entity.ends_with("/128"))?))
            });
        }),
        Mutant::new("rfc9240/6.1.3/1", "inherits from the nearest prefix with any property only", |r| {
            let whole = Properties::fixture().whole(&r.service.network)["property-map"].take();
            r.rewrite_messages(move |found, request, message| {
                let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let known = whole.as_object().into_iter().flatten();
                let known: Vec<_> = known.filter_map(|(name, values)| Some((net(name)?, values))).collect();
                let answer = message.get_mut("property-map").and_then(Value::as_object_mut);
                for (entity, values) in answer.filter(|_| found.id() == "fpm").into_iter().flatten() {
                    let Some(prefix) = net(entity).filter(|_| strings(&body, "/entities").contains(&entity.as_str()))
                    else {
                        continue;
                    };
                    let around = known.iter().filter(|(outer, _)| outer.contains(&prefix));
                    let nearest = around.max_by_key(|(outer, _)| outer.prefix_len());
                    let values = values.as_object_mut().unwrap();
                    values.retain(|name, _| nearest.is_none_or(|(_, own)| own.get(name).is_some()));
                }
            });
        }),
        Mutant::new("rfc9240/7.6/8", "inherits in spite of null", |r| {
            let ResourceKind::FilteredPropertyMap(properties) = r.kind("fpm") else { return };
            let all = properties.domains.iter_mut().flat_map(|domain| domain.values.values_mut());
            all.for_each(|values| values.retain(|_, value| !value.is_null()));
        })
        // Without a resource in their names, the properties of two maps may differ (RFC 9240 §9.2).
        .graded("warn"),
        Mutant::new("rfc9240/8.6/13", "gives addresses the properties of their PIDs", |r| {
            change_answer_to(r, "fpm", |body, m| {
                if !strings(body, "/properties").contains(&".priv:x-site") {
                    return;
                }
                for (entity, values) in entities(m) {
                    let site = match values["nm-a.pid"].as_str() {
                        Some("pidA") => "ams",
                        Some("pidB") => "ber",
                        _ => continue,
                    };
                    if entity.starts_with("ipv4:") {
                        values[".priv:x-site"] = json!(site);
                    }
                }
            });
        }),
    ]
}

fn requests() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9240/8.6/7", "disregards unknown properties beside known ones", |r| {
            lists(r, "fpm", "/properties", |list| {
                let known = |name: &Value| {
                    [".priv:x-tier", ".priv:x-site", "nm-a.pid", "nm-b.pid"].iter().any(|known| name == known)
                };
                if list.iter().any(known) {
                    list.retain(|name| known(name) || !name.is_string());
                }
            });
        }),
        Mutant::new("rfc9240/8.6/4", "takes a prefix that is too long for the longest", |r| {
            lists(r, "fpm", "/entities", |list| {
                for entity in list {
                    let parts = entity.as_str().and_then(|text| text.strip_prefix("ipv4:")?.split_once('/'));
                    if let Some((address, _)) = parts.filter(|(_, length)| length.parse::<u8>().is_ok_and(|l| l > 32)) {
                        *entity = json!(format!("ipv4:{address}/32"));
                    }
                }
            });
        }),
        Mutant::new("rfc9240/8.3/3", "rejects repeated entities", |r| {
            reject(r, "fpm", |body| {
                let all = strings(body, "/entities");
                let repeated = all.iter().enumerate().find(|(index, entity)| all[..*index].contains(entity))?;
                Some(invalid("entities", repeated.1))
            });
        }),
        Mutant::new("rfc9240/8.3/6", "rejects repeated properties", |r| {
            reject(r, "fpm", |body| {
                let all = strings(body, "/properties");
                let repeated = all.iter().enumerate().find(|(index, name)| all[..*index].contains(name))?;
                Some(invalid("properties", repeated.1))
            });
        }),
        Mutant::new("rfc7285/8.2/9", "takes null for all entities", |r| {
            bodies(r, "fpm", |body| {
                let null = body.get("entities").is_some_and(Value::is_null);
                if null {
                    body["entities"] = json!([]);
                }
                null
            });
        }),
        Mutant::new("rfc7285/10.1/4", "finds PIDs by names in any case", |r| {
            lists(r, "fpm", "/entities", |list| {
                for entity in list {
                    let known = |pid: &&str| {
                        let name = entity.as_str().and_then(|text| text.strip_prefix("nm-a.pid:"));
                        name.is_some_and(|name| name.eq_ignore_ascii_case(pid))
                    };
                    if let Some(pid) = ["pidA", "pidB", "pidC", "pidD", "pidZ"].into_iter().find(known) {
                        *entity = json!(format!("nm-a.pid:{pid}"));
                    }
                }
            });
        }),
        Mutant::new("rfc9240/8.6/5", "names the domain of an invalid entity only", |r| {
            r.errors(|meta| {
                if meta["field"] == "entities" {
                    let domain = meta["value"].as_str().and_then(|value| value.split(':').next()).map(str::to_owned);
                    meta["value"] = json!(domain);
                }
            });
        })
        .graded("warn"),
    ]
}

fn answers() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9240/8.3/1", "gives the entities of the first domain for all", |r| {
            change_answer_to(r, "fpm", |body, m| {
                if is_empty(body, "/entities") {
                    entities(m).retain(|entity, _| entity.starts_with("ipv4:"));
                }
            });
        }),
        Mutant::new("rfc9240/8.6/11", "names only the network maps of the requested properties", |r| {
            change_answer_to(r, "fpm", |body, m| {
                let asked = strings(body, "/properties");
                let tags = m.pointer_mut("/meta/dependent-vtags").and_then(Value::as_array_mut);
                let needed = |tag: &Value| {
                    let id = tag["resource-id"].as_str().unwrap_or_default();
                    asked.iter().any(|name| name.split('.').next() == Some(id))
                };
                if let Some(tags) = tags.filter(|_| !asked.is_empty()) {
                    tags.retain(needed);
                }
            });
        }),
        Mutant::new("rfc9240/8.6/15", "looks one level deep into a requested prefix", |r| {
            change_answer_to(r, "fpm", |body, m| {
                let asked = strings(body, "/entities");
                let all: Vec<_> = entities(m).keys().filter_map(|entity| net(entity)).collect();
                let between = |inner: &IpNet| all.iter().any(|outer| outer != inner && outer.contains(inner));
                let wanted: Vec<_> = asked.iter().filter_map(|entity| net(entity)).collect();
                entities(m).retain(|entity, _| {
                    let Some(prefix) = net(entity).filter(|prefix| !wanted.contains(prefix)) else { return true };
                    let outer: Vec<_> =
                        all.iter().filter(|outer| **outer != prefix && outer.contains(&prefix)).collect();
                    !outer.iter().any(|outer| between(outer))
                });
            });
        }),
        Mutant::new("rfc9240/5.1.3/2", "finds IPv6 entities by their text", |r| {
            r.of("fpm", |m| {
                let upper = |entity: &str| entity.starts_with("ipv6:") && entity.chars().any(char::is_uppercase);
                entities(m).retain(|entity, _| !upper(entity));
            });
        }),
        Mutant::new("rfc9240/9.1/1", "gives other PIDs of the second network map than for endpoints", |r| {
            r.of("fpm", |m| {
                for (_, values) in entities(m) {
                    let other = match values["nm-b.pid"].as_str() {
                        Some("west") => "east",
                        Some(_) => "west",
                        None => continue,
                    };
                    values["nm-b.pid"] = json!(other);
                }
            });
        }),
    ]
}
