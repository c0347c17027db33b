//! Mutants with faults in directories and their required resources.

use rfc_conformance::mock_server::cost_type::ServedCostType;
use rfc_conformance::mock_server::http::Response;
use rfc_conformance::mock_server::media_type;
use rfc_conformance::mock_server::resource::{ResourceKind, ServedResource};
use serde_json::json;

use super::mutant::{Mutant, drop_at, put};
use super::server::{Reference, Variant};

pub(crate) fn mutants() -> Vec<Mutant> {
    let mut all = offers();
    all.extend(entries());
    all.extend(uses());
    all.extend(names());
    all
}

/// Changes metric or mode of every cost type, in directories and resources.
fn retyped(reference: &mut Reference, change: fn(&mut ServedCostType)) {
    for directory in &mut reference.service.directories {
        directory.cost_types.iter_mut().for_each(|(_, cost_type)| change(cost_type));
    }
    for resource in &mut reference.service.resources {
        match &mut resource.kind {
            ResourceKind::CostMap(_, cost_type) => change(cost_type),
            ResourceKind::FilteredCostMap(_, offer) | ResourceKind::EndpointCost(offer) => {
                offer.cost_types.iter_mut().for_each(change);
            }
            _ => {}
        }
    }
}

fn without(reference: &mut Reference, ids: &[&str]) {
    for directory in &mut reference.service.directories {
        directory.entries.retain(|(id, _)| !ids.contains(&id.as_str()));
    }
}

fn offers() -> Vec<Mutant> {
    let twice = |r: &mut Reference| {
        let kind = ResourceKind::CostMap("nm-a".into(), ServedCostType::numerical());
        r.service.resources.push(ServedResource { id: "cm-again".into(), path: "/again".into(), kind });
        r.service.directories[0].entries.push(("cm-again".into(), "again".into()));
    };
    vec![
        Mutant::new("rfc7285/6.1/1", "lists two cost maps for one cost type and network map", twice),
        Mutant::new("rfc7285/11.2.3.5/2", "lists two cost maps for one cost type and network map", twice),
        Mutant::new("rfc7285/6.1.1.1/1", "offers hop counts only", |r| retyped(r, |t| t.metric = "hopcount".into())),
        Mutant::new("rfc9439/1/2", "offers hop counts without `routingcost`", |r| {
            retyped(r, |t| t.metric = "hopcount".into());
        }),
        Mutant::new("rfc7285/6.1.2/1", "offers costs in a private mode only", |r| {
            retyped(r, |t| t.mode = "priv:x".into());
        }),
        Mutant::new("rfc7285/7.1.1/1", "does not offer `nm-b.pid`", |r| {
            *r.kind("eps") = ResourceKind::EndpointProperty(vec!["nm-a.pid".into()]);
        }),
        Mutant::new("rfc7285/11.4.1.4/2", "does not offer `nm-b.pid`", |r| {
            *r.kind("eps") = ResourceKind::EndpointProperty(vec!["nm-a.pid".into()]);
        }),
        Mutant::new("rfc7285/9.1.3/1", "announces ordinal costs and rejects requests for them", |r| {
            r.instead(|service, request| {
                let asked = String::from_utf8_lossy(&request.body).contains("ordinal");
                let found = service.find(request).filter(|found| asked && found.accepts().is_some())?;
                let error = json!({ "meta": { "code": "E_INVALID_FIELD_VALUE", "field": "cost-type" } });
                (found.id() == "fcm-a").then(|| Response::new(400, media_type::ERROR, error.to_string()))
            });
        }),
        Mutant::new("rfc7285/9.2/1", "answers the root URI with 404", |r| {
            r.instead(|_, request| (request.path == "/directory").then(|| Response::plain(404, "nothing here")));
        }),
        Mutant::new("rfc7285/11.2.1/1", "lists no network map", |r| without(r, &["nm-a", "nm-b"])),
        Mutant::new("rfc7285/11.2.3/1", "returns full cost maps for hop counts only", |r| {
            retyped(r, |t| t.metric = "hopcount".into());
        }),
        Mutant::new("rfc7285/9.2.5.2/1", "filters maps by a private media type", |r| {
            r.of("root", |m| put(m, "/resources/fnm-a/accepts", json!("application/vnd.example+json")));
        })
        .graded("info"),
        Mutant::new("rfc7285/11.2.3.2/1", "requires input of a private media type for a full cost map", |r| {
            r.of("root", |m| m["resources"]["cm-a-num"]["accepts"] = json!("application/vnd.example+json"));
        })
        .graded("info"),
    ]
}

fn entries() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/9.1.1/1", "uses one ID for two resources in two directories", |r| {
            r.of("sub", |m| {
                let entry = m["resources"]["cm-b-num"].clone();
                m["resources"]["cm-a-num"] = entry;
            });
        }),
        Mutant::new("rfc7285/9.1.4/1", "accepts application/json only, and lists ALTO's types", |r| {
            r.instead(|service, request| {
                let found =
                    service.find(request).filter(|found| found.accepts().is_some() && request.method == "POST")?;
                let plain = request.media_type().as_deref() == Some("application/json");
                Some(if plain {
                    service.serve(found, request)
                } else {
                    Response::plain(415, "application/json, please")
                })
            });
        }),
        Mutant::new("rfc7285/9.2.1/1", "returns directories as application/json", |r| {
            r.after(|found, _, answer| {
                if found.is_some_and(|found| found.id() == "root") {
                    answer.set("Content-Type", "application/json");
                }
            });
        }),
        Mutant::new("rfc7285/9.2.2/1", "defines cost types as a list", |r| {
            r.of("root", |m| {
                put(m, "/meta/cost-types", json!([{ "cost-mode": "numerical", "cost-metric": "routingcost" }]));
            });
        }),
        Mutant::new("rfc7285/9.2.2/2", "uses a cost type name that another directory defines", |r| {
            r.of("sub", |m| drop_at(m, "/meta", "cost-types"));
        }),
        Mutant::new("rfc7285/9.2.2/3", "names no default network map", |r| r.service.directories[0].default_map = None),
        Mutant::new("rfc7285/9.2.2/4", "names a filter as default network map", |r| {
            r.service.directories[0].default_map = Some("fnm-a".into());
        }),
        Mutant::new("rfc7285/9.2.2/5", "writes `accepts` as a list", |r| {
            r.of("root", |m| {
                let accepts = m["resources"]["fnm-a"]["accepts"].clone();
                m["resources"]["fnm-a"]["accepts"] = json!([accepts]);
            });
        }),
        Mutant::new("rfc7285/9.2.2/6", "writes URIs relative to the host, in a directory below it", |r| {
            for entry in &mut r.service.directories[1].entries {
                entry.1 = format!("more/{}", entry.1);
            }
        }),
        Mutant::new("rfc7285/9.2.2/7", "lists a network map as a directory", |r| {
            r.of("root", |m| put(m, "/resources/nm-b/media-type", json!(media_type::DIRECTORY)));
        }),
        Mutant::new("rfc7285/9.2.2/10", "fails on OPTIONS", |r| {
            r.instead(|_, request| (request.method == "OPTIONS").then(|| Response::plain(500, "what?")));
        })
        .graded("warn"),
        Mutant::new("rfc7285/9.2.2/13", "answers GET of a map with 405", only_post),
        Mutant::new("rfc7285/8.3.2/1", "answers GET of a map with an empty object", |r| {
            r.of("nm-b", |m| *m = json!({}));
        }),
        Mutant::new("rfc7285/9.2.2/14", "answers POST to a filter with 405", |r| {
            r.instead(|service, request| {
                let filter = service.find(request).is_some_and(|found| found.id() == "fnm-a");
                filter.then(|| Response::plain(405, "no").with("Allow", "GET"))
            });
        }),
        Mutant::new("rfc7285/9.2.2/15", "returns the whole map on GET where only a filter is listed", |r| {
            r.instead(|service, request| {
                let filter =
                    service.find(request).is_some_and(|found| found.id() == "fnm-a" && request.method == "GET");
                filter.then(|| service.by_id("nm-a")).flatten().map(|map| service.serve(map, request))
            });
        }),
        Mutant::new("rfc7285/9.2.2/16", "ignores the media type where entries share a URI", |r| {
            r.instead(|service, request| {
                let shared = request.path == "/everything" && request.method == "POST";
                shared.then(|| service.by_id("fnm-a")).flatten().map(|found| service.serve(found, request))
            });
        })
        .with(Variant::Shared),
        Mutant::new("rfc7285/9.2.4/1", "links to ever new directories", |r| {
            r.of("root", |m| m["resources"]["next"] = json!({ "uri": "/next/1", "media-type": media_type::DIRECTORY }));
            r.instead(|_, request| {
                let number: u64 = request.path.strip_prefix("/next/")?.parse().ok()?;
                let entry = json!({ "uri": format!("/next/{}", number + 1), "media-type": media_type::DIRECTORY });
                let directory = json!({ "meta": {}, "resources": { format!("next-{number}"): entry } });
                Some(Response::new(200, media_type::DIRECTORY, directory.to_string()))
            });
        }),
    ]
}

fn only_post(reference: &mut Reference) {
    reference.instead(|service, request| {
        let map = service.find(request).is_some_and(|found| found.id() == "cm-a-num");
        map.then(|| Response::plain(405, "no").with("Allow", "POST"))
    });
}

fn uses() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/10.2/1", "has a dot in a resource ID", |r| {
            r.of("sub", |m| {
                let entry = m["resources"]["cm-b-num"].clone();
                m["resources"]["cm.b"] = entry;
            });
        }),
        Mutant::new("rfc7285/9.2.2/11", "lists an unknown resource in `uses`", |r| {
            r.of("root", |m| put(m, "/resources/cm-a-num/uses", json!(["nm-z"])));
        }),
        Mutant::new("rfc7285/9.2.2/12", "does not state which map a filter uses", |r| {
            r.of("root", |m| drop_at(m, "/resources/fcm-a", "uses"));
        })
        .graded("warn"),
        Mutant::new("rfc7285/11.2.1.2/1", "lists capabilities of a network map", |r| {
            r.of("root", |m| m["resources"]["nm-a"]["capabilities"] = json!({ "cost-constraints": true }));
        })
        .graded("warn"),
        Mutant::new("rfc7285/11.2.3.4/1", "names two cost types for a full cost map", |r| {
            r.of("root", |m| {
                put(m, "/resources/cm-a-num/capabilities/cost-type-names", json!(["num-routing", "ord-routing"]));
            });
        }),
        Mutant::new("rfc7285/11.2.3.5/1", "does not state which map a cost map uses", |r| {
            r.of("root", |m| drop_at(m, "/resources/cm-a-num", "uses"));
        }),
        Mutant::new("rfc7285/11.3.1.5/1", "does not state which map a filter uses", |r| {
            r.of("root", |m| drop_at(m, "/resources/fnm-a", "uses"));
        }),
        Mutant::new("rfc7285/11.3.2.4/1", "names no cost type for a filter", |r| {
            r.of("root", |m| put(m, "/resources/fcm-a/capabilities/cost-type-names", json!([])));
        }),
        Mutant::new("rfc7285/11.3.2.5/1", "states that a filter of costs uses two maps", |r| {
            r.of("root", |m| put(m, "/resources/fcm-a/uses", json!(["nm-a", "nm-b"])));
        }),
        Mutant::new("rfc7285/11.4.1.4/1", "names no property for a property service", |r| {
            r.of("root", |m| put(m, "/resources/eps/capabilities/prop-types", json!([])));
        }),
        Mutant::new("rfc7285/11.4.1.5/1", "states that a property service uses a map", |r| {
            r.of("root", |m| m["resources"]["eps"]["uses"] = json!(["nm-a"]));
        })
        .graded("warn"),
        Mutant::new("rfc7285/11.5.1.4/1", "names no cost type for a cost service", |r| {
            r.of("root", |m| drop_at(m, "/resources/ecs", "capabilities"));
        }),
        Mutant::new("rfc7285/11.5.1.5/1", "states that a cost service uses a map", |r| {
            r.of("root", |m| m["resources"]["ecs"]["uses"] = json!(["nm-a"]));
        }),
    ]
}

/// Mutants whose directories contain invalid names (RFC 7285 §10).
fn names() -> Vec<Mutant> {
    let all = vec![
        Mutant::new("rfc7285/10.6/1", "has a metric of 33 characters", |r| {
            metric_is(r, "priv:aaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        }),
        Mutant::new("rfc7285/10.6/2", "has an at sign in a metric", |r| metric_is(r, "priv:a@b")),
        Mutant::new("rfc7285/10.6/3", "has a dot in a metric", |r| metric_is(r, "priv:a.b")),
        Mutant::new("rfc7285/10.6/4", "has a metric that is not registered", |r| metric_is(r, "pagecount"))
            .graded("warn"),
        Mutant::new("rfc7285/10.6/5", "has a private metric without a name", |r| metric_is(r, "priv:")),
        Mutant::new("rfc9274/3.2/1", "has a mode of 33 characters", |r| {
            mode_is(r, "priv:aaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        }),
        Mutant::new("rfc9274/3.2/2", "has a dot in a mode", |r| mode_is(r, "priv:a.b")),
        Mutant::new("rfc9274/3.2/3", "has a mode that is not registered", |r| mode_is(r, "relative")).graded("warn"),
        Mutant::new("rfc7285/10.7/1", "has a cost type without a mode", |r| {
            r.of("root", |m| drop_at(m, "/meta/cost-types/num-routing", "cost-mode"));
        }),
        Mutant::new("rfc7285/10.7/2", "describes a cost type by a list", |r| {
            r.of("root", |m| m["meta"]["cost-types"]["num-routing"]["description"] = json!(["costs"]));
        }),
        Mutant::new("rfc7285/10.8.1/1", "lists a property with two dots", |r| property_is(r, "nm-a.v2.pid")),
        Mutant::new("rfc7285/10.8.1/2", "lists a property of a resource that is not `pid`", |r| {
            property_is(r, "nm-a.region");
        })
        .graded("warn"),
        Mutant::new("rfc7285/10.8.2/1", "lists a property of 33 characters", |r| {
            property_is(r, "priv:aaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        }),
        Mutant::new("rfc7285/10.8.2/2", "lists a property with an at sign", |r| property_is(r, "priv:a@b")),
        Mutant::new("rfc7285/10.8.2/3", "lists a property that is not registered", |r| property_is(r, "region"))
            .graded("warn"),
        Mutant::new("rfc7285/10.8.2/4", "lists a private property without a name", |r| property_is(r, "priv:")),
    ];
    all.into_iter().map(|mutant| mutant.with(Variant::Small)).collect()
}

fn metric_is(reference: &mut Reference, metric: &'static str) {
    reference.of("root", move |m| put(m, "/meta/cost-types/num-routing/cost-metric", json!(metric)));
}

fn mode_is(reference: &mut Reference, mode: &'static str) {
    reference.of("root", move |m| put(m, "/meta/cost-types/num-routing/cost-mode", json!(mode)));
}

fn property_is(reference: &mut Reference, property: &'static str) {
    reference.of("root", move |m| put(m, "/resources/eps/capabilities/prop-types/1", json!(property)));
}
