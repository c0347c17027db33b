//! Mutants with faults in full and filtered property maps (RFC 9240 §5 to §9).

use serde_json::{Map, Value, json};

use super::filters::{change_answer_to, has_twice, lists, refuses};
use super::mutant::{Mutant, drop_at};
use super::server::{Reference, Variant};

pub(crate) fn mutants() -> Vec<Mutant> {
    let all = [forms(), tags(), inherited(), requests(), prefixes(), errors()];
    all.into_iter().flatten().map(|mutant| mutant.with(Variant::Properties)).collect()
}

/// Applies a change to the properties of every entity in an answer.
fn each(message: &mut Value, mut change: impl FnMut(&str, &mut Map<String, Value>)) {
    for (key, values) in message["property-map"].as_object_mut().unwrap() {
        change(key, values.as_object_mut().unwrap());
    }
}

/// Returns the strings of a list in a request.
fn asked(body: &Value, list: &str) -> Vec<String> {
    let list = body[list].as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Returns the requested prefix, if it is the only requested entity.
fn prefix(body: &Value) -> Option<String> {
    let entities = asked(body, "entities");
    entities.into_iter().next().filter(|entity| body["entities"].as_array().unwrap().len() == 1 && entity.contains('/'))
}

fn typed(reference: &mut Reference, id: &'static str, media_type: &'static str) {
    reference.after(move |found, request, answer| {
        if found.is_some_and(|found| found.id() == id) && request.method != "OPTIONS" && answer.status == 200 {
            answer.set("Content-Type", media_type);
        }
    });
}

fn forms() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9240/3.2/1", "adds a PID to whatever is requested", |r| {
            r.of("fpm", |m| m["property-map"]["nm-a.pid:pidA"] = json!({ ".priv:x-site": "ams" }));
        }),
        Mutant::new("rfc9240/5.1.3/1", "lists an entity of no domain", |r| {
            r.of("pm", |m| m["property-map"]["mac:00-00-5e-00-53-00"] = json!({}));
        }),
        Mutant::new("rfc9240/5.1.3/1", "lists a prefix with a length of 33", |r| {
            r.of("pm", |m| m["property-map"]["ipv4:192.0.2.0/33"] = json!({}));
        }),
        Mutant::new("rfc9240/7.1/1", "sends a property map with the media type of endpoint properties", |r| {
            typed(r, "pm", "application/alto-endpointprop+json");
        }),
        Mutant::new("rfc9240/8.2/1", "sends a filtered property map with the media type of its requests", |r| {
            typed(r, "fpm", "application/alto-propmapparams+json");
        }),
        Mutant::new("rfc9240/7.6/3", "returns a value instead of the properties of an entity", |r| {
            r.of("pm", |m| m["property-map"]["ipv4:192.0.2.0/24"] = json!("gold"));
        }),
        Mutant::new("rfc9240/7.6/4", "returns for a PID a property that is mapped for addresses only", |r| {
            r.of("pm", |m| m["property-map"]["nm-a.pid:pidA"][".priv:x-tier"] = json!("gold"));
        }),
        Mutant::new("rfc9240/7.6/6", "returns for a PID of one map a property of another", |r| {
            r.of("pm", |m| m["property-map"]["nm-a.pid:pidA"]["nm-b.pid"] = json!("west"));
        }),
        Mutant::new("rfc9240/7.6/8", "omits a value from the whole map", |r| {
            r.of("pm", |m| drop_at(m, "/property-map/ipv6:2001:db8:a::~148", ".priv:x-tier"));
        })
        .graded("warn"),
    ]
}

fn tags() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9240/7.6/1", "does not state what a property map depends on", |r| {
            r.of("pm", |m| drop_at(m, "/meta", "dependent-vtags"));
        }),
        Mutant::new("rfc9240/7.6/1", "tags a property map with another version of a network map", |r| {
            r.of("pm", |m| m["meta"]["dependent-vtags"][1]["tag"] = json!("yesterday"));
        }),
        Mutant::new("rfc9240/7.6/2", "lists version tags in another order", |r| {
            r.of("pm", |m| m["meta"]["dependent-vtags"].as_array_mut().unwrap().reverse());
        }),
        Mutant::new("rfc9240/8.6/11", "returns only the first version tag for addresses", |r| {
            r.of("fpm", |m| m["meta"]["dependent-vtags"].as_array_mut().unwrap().truncate(1));
        }),
        Mutant::new("rfc9240/8.6/12", "returns no version tag for PIDs", |r| {
            change_answer_to(r, "fpm", |body, m| {
                if asked(body, "entities").iter().any(|entity| entity.starts_with("nm-a.pid:")) {
                    drop_at(m, "/meta", "dependent-vtags");
                }
            });
        }),
    ]
}

/// Applies a change to the properties of requested addresses.
fn each_address(reference: &mut Reference, change: fn(&str, &mut Map<String, Value>)) {
    reference.of("fpm", move |m| {
        each(m, |key, values| {
            if key.starts_with("ipv4:") && !key.contains('/') {
                change(key, values);
            }
        });
    });
}

fn inherited() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9240/6.1.3/1", "lets addresses inherit nothing but PIDs", |r| {
            each_address(r, |key, values| {
                if key != "ipv4:192.0.2.200" {
                    values.remove(".priv:x-tier");
                }
            });
        }),
        Mutant::new("rfc9240/6.1.3/1", "inherits across null", |r| {
            change_answer_to(r, "fpm", |body, m| {
                for entity in asked(body, "entities").iter().filter(|entity| entity.starts_with("ipv4:192.0.2.1")) {
                    if m["property-map"][entity].is_object() {
                        m["property-map"][entity][".priv:x-tier"] = json!("gold");
                    }
                }
            });
        }),
        Mutant::new("rfc9240/6.1.3/3", "defines the property `tier` for every address", |r| {
            each_address(r, |_, values| {
                values.entry(".priv:x-tier").or_insert(json!("copper"));
            });
        }),
        Mutant::new("rfc9240/6.1.3/5", "omits null from the whole map", |r| {
            r.of("pm", |m| each(m, |_, values| values.retain(|_, value| !value.is_null())));
        }),
        Mutant::new("rfc9240/6.1.3/5", "omits null from filtered maps", |r| {
            r.of("fpm", |m| each(m, |_, values| values.retain(|_, value| !value.is_null())));
        }),
        Mutant::new("rfc9240/6.2.3/1", "lets PIDs inherit from other PIDs", |r| {
            change_answer_to(r, "fpm", |body, m| {
                if asked(body, "entities").contains(&"nm-a.pid:pidB".to_owned()) {
                    m["property-map"]["nm-a.pid:pidB"][".priv:x-site"] = json!("ams");
                }
            });
        }),
        Mutant::new("rfc9240/8.7/1", "finds the `pid` of an address with the shortest prefix", |r| {
            each_address(r, |_, values| {
                if let Some(pid) = values.get_mut("nm-a.pid") {
                    *pid = json!("pidZ");
                }
            });
        }),
        Mutant::new("rfc9240/9.1/1", "returns different PIDs by endpoint properties and property maps", |r| {
            r.of("eps", |m| {
                for (_, values) in m["endpoint-properties"].as_object_mut().unwrap() {
                    if values.get("nm-a.pid").is_some() {
                        values["nm-a.pid"] = json!("pidZ");
                    }
                }
            });
        }),
    ]
}

fn says_of(body: &Value, list: &str, part: &str) -> bool {
    asked(body, list).iter().any(|text| text.contains(part))
}

fn requests() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9240/5.1.3/2", "rejects IPv6 addresses in upper case", |r| {
            refuses(r, "fpm", "entities", |body| says_of(body, "entities", "DB8"));
        }),
        Mutant::new("rfc9240/5.1.3/2", "lists an entity once for each of its spellings", |r| {
            change_answer_to(r, "fpm", |body, m| {
                let same = asked(body, "entities");
                if same.len() > 4 && same[1] == format!("{}/128", same[0]) {
                    let values = m["property-map"].as_object().unwrap().values().next().cloned();
                    m["property-map"][same[4].as_str()] = values.unwrap_or(json!({}));
                }
            });
        }),
        Mutant::new("rfc9240/6.1.1/1", "rejects IPv4 prefixes of full length", |r| {
            refuses(r, "fpm", "entities", |body| says_of(body, "entities", "/32"));
        }),
        Mutant::new("rfc9240/6.1.2/1", "rejects IPv6 prefixes of full length", |r| {
            refuses(r, "fpm", "entities", |body| says_of(body, "entities", "/128"));
        }),
        Mutant::new("rfc9240/12.3.2/1", "does not know IPv6 prefixes of full length", |r| {
            lists(r, "fpm", "/entities", |list| {
                if list.len() == 1 && list[0].as_str().is_some_and(|text| text.ends_with("/128")) {
                    *list = vec![json!("ipv6:2001:db8:ffff::1")];
                }
            });
        }),
        Mutant::new("rfc9240/8.3/1", "treats empty `entities` as none", |r| {
            change_answer_to(r, "fpm", |body, m| {
                if body["entities"] == json!([]) {
                    m["property-map"] = json!({});
                }
            });
        }),
        Mutant::new("rfc9240/8.3/3", "rejects entities that occur twice", |r| {
            refuses(r, "fpm", "entities", |body| has_twice(&body["entities"]));
        }),
        Mutant::new("rfc9240/8.3/4", "treats empty `properties` as none", |r| {
            change_answer_to(r, "fpm", |body, m| {
                if body["properties"] == json!([]) {
                    each(m, |_, values| values.clear());
                }
            });
        }),
        Mutant::new("rfc9240/8.3/6", "rejects properties that occur twice", |r| {
            refuses(r, "fpm", "properties", |body| has_twice(&body["properties"]));
        }),
        Mutant::new("rfc9240/8.3/7", "treats absent `properties` as all", |r| {
            r.rewrite_requests(|found, mut body| {
                let all = found == "fpm" && body.get("entities").is_some() && body.get("properties").is_none();
                all.then(|| body["properties"] = json!([])).map(|()| body)
            });
        }),
        Mutant::new("rfc9240/8.3/7", "lists entities without properties where only names are requested", |r| {
            change_answer_to(r, "fpm", |body, m| {
                if body.get("properties").is_none() {
                    m["property-map"]["nm-a.pid:pidD"] = json!({});
                }
            });
        }),
        Mutant::new("rfc9240/8.3/8", "lists no names of entities", |r| {
            change_answer_to(r, "fpm", |body, m| {
                if body["entities"] == json!([]) && body.get("properties").is_none() {
                    m["property-map"] = json!({});
                }
            });
        }),
        Mutant::new("rfc9240/8.3/8", "lists unknown entities", |r| {
            change_answer_to(r, "fpm", |body, m| {
                if body["entities"] == json!([]) && body.get("properties").is_none() {
                    m["property-map"] = json!({ "mac:00-00-5e-00-53-00": {} });
                }
            });
        }),
        Mutant::new("rfc9240/8.6/13", "returns all properties, whatever is requested", |r| {
            lists(r, "fpm", "/properties", Vec::clear);
        }),
    ]
}

fn prefixes() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9240/6.1.3/2", "disables inheritance between prefixes", |r| {
            change_answer_to(r, "fpm", |body, m| {
                if let Some(prefix) =
                    prefix(body).filter(|prefix| prefix.contains("192.0.2") && !prefix.ends_with("/24"))
                {
                    drop_at(m, &format!("/property-map/{}", prefix.replace('/', "~1")), ".priv:x-tier");
                }
            });
        }),
        Mutant::new("rfc9240/8.6/13", "adds the covering prefix to answers for a prefix", |r| {
            change_answer_to(r, "fpm", |body, m| {
                if prefix(body).is_some() {
                    m["property-map"]["ipv4:0.0.0.0/0"] = json!({ "nm-a.pid": "pidZ" });
                }
            });
        }),
        Mutant::new("rfc9240/8.6/14", "omits a property of a prefix itself", |r| {
            change_answer_to(r, "fpm", |body, m| {
                let Some(prefix) = prefix(body) else { return };
                let own = match prefix.as_str() {
                    "ipv4:192.0.2.128/26" => ".priv:x-site",
                    "ipv4:198.51.100.0/25" | "ipv4:198.51.100.128/25" => ".priv:x-tier",
                    _ => return,
                };
                drop_at(m, &format!("/property-map/{}", prefix.replace('/', "~1")), own);
            });
        }),
        Mutant::new("rfc9240/8.6/14", "omits properties that only parts of a prefix have", |r| {
            change_answer_to(r, "fpm", |body, m| {
                if prefix(body).is_some() {
                    each(m, |_, values| drop(values.remove(".priv:x-site")));
                }
            });
        }),
        Mutant::new("rfc9240/8.6/15", "answers for a prefix as for its first address", first_address),
        Mutant::new("rfc9240/8.6/16", "omits inherited properties of a prefix", |r| {
            change_answer_to(r, "fpm", |body, m| {
                if let Some(prefix) = prefix(body).filter(|prefix| prefix.starts_with("ipv4:192.0.2.128/25")) {
                    drop_at(m, "/property-map", &prefix);
                }
            });
        }),
        Mutant::new("rfc9240/8.6/17", "omits the exceptions inside a prefix that has values of its own", |r| {
            change_answer_to(r, "fpm", |body, m| {
                if prefix(body).as_deref() == Some("ipv4:192.0.2.0/24") {
                    m["property-map"].as_object_mut().unwrap().retain(|key, _| key == "ipv4:192.0.2.0/24");
                }
            });
        }),
        Mutant::new("rfc9240/8.6/17", "answers for a prefix as for its first address", first_address),
        Mutant::new("rfc9240/8.6/18", "lists a prefix beside both of its halves", |r| {
            change_answer_to(r, "fpm", |body, m| {
                if prefix(body).as_deref() == Some("ipv4:198.51.100.0/24") {
                    m["property-map"]["ipv4:198.51.100.0/24"] = json!({ "nm-a.pid": "pidZ" });
                }
            });
        })
        .graded("warn"),
    ]
}

/// Omits entities inside a requested prefix from answers.
fn first_address(reference: &mut Reference) {
    change_answer_to(reference, "fpm", |body, m| {
        if let Some(prefix) = prefix(body) {
            m["property-map"].as_object_mut().unwrap().retain(|key, _| *key == prefix);
        }
    });
}

/// Removes elements from a list in requests before they are validated.
fn unless(reference: &mut Reference, pointer: &'static str, drop: fn(&str) -> bool) {
    reference.rewrite_requests(move |found, mut body| {
        let list = body.pointer_mut(pointer).and_then(Value::as_array_mut).filter(|_| found == "fpm")?;
        list.retain(|element| !element.as_str().is_some_and(drop));
        Some(body)
    });
}

fn is_unknown(property: &str) -> bool {
    !matches!(property, ".priv:x-tier" | ".priv:x-site" | "nm-a.pid" | "nm-b.pid")
}

fn without(reference: &mut Reference, member: &'static str, field: &'static str) {
    reference.errors(move |meta| {
        if meta["field"] == field {
            drop_at(meta, "", member);
        }
    });
}

fn errors() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9240/8.6/1", "rejects entities without an ALTO error", |r| {
            r.after(|found, _, answer| {
                if found.is_some_and(|found| found.id() == "fpm") && answer.status == 400 {
                    *answer = rfc_conformance::mock_server::http::Response::plain(400, "no");
                }
            });
        }),
        Mutant::new("rfc9240/8.6/2", "treats absent `entities` as all", |r| {
            r.rewrite_requests(|found, mut body| {
                let lacks = found == "fpm" && body.is_object() && body.get("entities").is_none();
                lacks.then(|| body["entities"] = json!([])).map(|()| body)
            });
        }),
        Mutant::new("rfc9240/8.6/3", "ignores entities of unknown domains", |r| {
            unless(r, "/entities", |text| text.starts_with("nosuch:") || text.starts_with("pid:"));
        }),
        Mutant::new("rfc9240/8.6/4", "ignores prefixes that are too long", |r| {
            unless(r, "/entities", |text| text.ends_with("/33") || text.ends_with("/129"));
        }),
        Mutant::new("rfc9240/8.6/5", "does not state which entity is wrong", |r| without(r, "value", "entities"))
            .graded("warn"),
        Mutant::new("rfc9240/8.6/6", "treats entities without properties as an error", |r| {
            r.rewrite_messages(|found, request, m| {
                let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                if found.id() == "fpm" && m.get("property-map") == Some(&json!({})) && body["entities"] != json!([]) {
                    *m = json!({ "meta": { "code": "E_INVALID_FIELD_VALUE", "field": "entities" } });
                }
            });
            r.after(|_, _, answer| {
                if answer.body.windows(8).any(|window| window == b"\"code\":\"") {
                    answer.status = 400;
                    answer.set("Content-Type", "application/alto-error+json");
                }
            });
        }),
        Mutant::new("rfc9240/8.6/7", "ignores unknown properties", |r| unless(r, "/properties", is_unknown)),
        Mutant::new("rfc9240/8.6/8", "does not state which property is wrong", |r| without(r, "value", "properties"))
            .graded("warn"),
        Mutant::new("rfc9240/8.6/9", "has empty texts for properties that do not exist", |r| {
            change_answer_to(r, "fpm", |body, m| {
                for entity in asked(body, "entities").iter().filter(|entity| !entity.contains('/')) {
                    for property in asked(body, "properties") {
                        let value = &mut m["property-map"][entity.as_str()][property.as_str()];
                        if value.is_null() {
                            *value = json!("");
                        }
                    }
                }
            });
        }),
        Mutant::new("rfc9240/8.6/10", "omits the field in errors", |r| {
            r.errors(|meta| {
                drop_at(meta, "", "field");
                drop_at(meta, "", "value");
            });
        })
        .graded("warn"),
    ]
}

#[test]
fn no_check_of_rfc9240_is_skipped_with_property_maps() {
    let report = Reference::new(Variant::Properties).start().grade(&["rfc9240"]);
    let skipped = report.lines.iter().filter(|line| line.verdict.word() == "skipped");
    let skipped: Vec<_> = skipped.map(|line| line.requirement.id).collect();
    // What TLS is used shows only over HTTPS.
    assert_eq!(skipped, ["rfc9240/11/4"]);
}

#[test]
fn all_checks_of_rfc9240_are_skipped_without_property_maps() {
    let report = Reference::new(Variant::Small).start().grade(&["rfc9240"]);
    let seen = report.lines.iter().filter(|line| line.verdict.word() != "skipped");
    let seen: Vec<_> = seen.map(|line| line.requirement.id).collect();
    assert_eq!(seen, ["suite/alive/1"]);
}
