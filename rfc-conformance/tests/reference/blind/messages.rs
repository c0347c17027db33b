//! Faults of HTTP, JSON, errors and directories, written from the ledger of RFC 7285.

use rfc_conformance::mock_server::cost_type::ServedCostType;
use rfc_conformance::mock_server::http::{ReceivedRequest, Response};
use rfc_conformance::mock_server::resource::{RequestTarget, ResourceKind, ServedResource};
use rfc_conformance::mock_server::service::Service;
use serde_json::{Value, json};

use super::super::filters::change_answer_to;
use super::super::mutant::{Mutant, drop_at, put};
use super::super::server::Reference;

pub(super) fn mutants() -> Vec<Mutant> {
    let mut all = json();
    all.extend(http());
    all.extend(negotiation());
    all.extend(errors());
    all.extend(directories());
    all
}

/// Returns an ALTO error as a response.
fn error(meta: &Value) -> Response {
    Response::new(400, "application/alto-error+json", json!({ "meta": meta }).to_string())
}

/// Returns whether a request is a POST for the resource with this ID.
fn posted(service: &Service, request: &ReceivedRequest, id: &str) -> bool {
    request.method == "POST" && service.find(request).is_some_and(|found| found.id() == id)
}

/// Answers POST requests for a resource with an ALTO error where the text of the body satisfies a condition.
fn refuses_text(r: &mut Reference, id: &'static str, meta: fn() -> Value, wrong: fn(&str) -> bool) {
    r.instead(move |service, request| {
        let body = String::from_utf8_lossy(&request.body);
        (posted(service, request, id) && wrong(&body)).then(|| error(&meta()))
    });
}

fn json() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.2/1", "ignores the case of member names in filters", |r| {
            r.rewrite_requests(|id, body| {
                let members = body.as_object().filter(|_| id == "fnm-a")?;
                Some(Value::Object(members.iter().map(|(n, v)| (n.to_lowercase(), v.clone())).collect()))
            });
        }),
        Mutant::new("rfc7285/8.2/4", "rejects line breaks between the members of an endpoint cost request", |r| {
            refuses_text(r, "ecs", || json!({ "code": "E_SYNTAX" }), |body| body.contains('\n'));
        }),
        Mutant::new("rfc7285/8.2/5", "repeats a member in the second network map", |r| {
            r.after(|found, _, answer| {
                if found.is_some_and(|found| found.id() == "nm-b") && answer.status == 200 {
                    let text = String::from_utf8_lossy(&answer.body).replacen('{', "{\"meta\":{},", 1);
                    answer.body = text.into_bytes();
                }
            });
        }),
        Mutant::new("rfc7285/8.2/6", "writes a byte order mark before a cost map", |r| {
            r.after(|found, _, answer| {
                if found.is_some_and(|found| found.id() == "cm-a-ord") && answer.status == 200 {
                    answer.body.splice(0..0, [0xef, 0xbb, 0xbf]);
                }
            });
        }),
        Mutant::new("rfc7285/8.2/7", "rejects escaped characters in the names of PIDs", |r| {
            refuses_text(r, "fnm-a", || json!({ "code": "E_SYNTAX" }), |body| body.contains("\\u"));
        }),
        Mutant::new("rfc7285/8.2/9", "treats null as an absent member", |r| {
            r.rewrite_requests(|id, mut body| {
                let members = body.as_object_mut().filter(|_| id == "fnm-a" || id == "fcm-a")?;
                members.retain(|_, value| !value.is_null());
                Some(body)
            });
        }),
    ]
}

fn http() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.3/3", "rejects chunked bodies as malformed", |r| {
            r.instead(|_, request| {
                request.field("transfer-encoding").map(|_| Response::plain(400, "send a Content-Length"))
            });
        }),
        Mutant::new("rfc7285/8.3/4", "does not know absolute request targets", |r| {
            r.instead(|_, request| {
                request.target.starts_with("http").then(|| Response::plain(404, "no resource at this path"))
            });
        }),
        Mutant::new("rfc7285/8.3/9", "answers HEAD for a network map as text", |r| {
            r.after(|found, request, answer| {
                if request.method == "HEAD" && found.is_some_and(|found| found.id() == "nm-a") {
                    answer.set("Content-Type", "text/plain");
                }
            });
        }),
        Mutant::new("rfc7285/8.3/10", "allows PUT in the answer that refuses it", |r| {
            r.after(|_, _, answer| {
                if answer.status == 405 {
                    answer.set("Allow", "PUT");
                }
            });
        }),
        Mutant::new("rfc7285/8.3/11", "fails on unknown methods", |r| {
            r.after(|_, _, answer| {
                if answer.status == 501 {
                    answer.status = 500;
                }
            });
        }),
        Mutant::new("rfc7285/8.3/12", "takes the parameters of another service for those of its own", |r| {
            r.instead(|service, request| {
                let path = service.by_id("eps").and_then(|found| match found {
                    RequestTarget::Resource(resource) => Some(resource.path.clone()),
                    RequestTarget::Directory(_) => None,
                })?;
                let other = request.media_type()? == "application/alto-endpointcostparams+json";
                let serves = request.method == "POST" && request.path == path && other;
                Some(service.serve(service.by_id("eps").filter(|_| serves)?, request))
            });
        }),
        Mutant::new("rfc7285/8.3/16", "answers every unknown path with the directory", |r| {
            r.instead(|service, request| {
                let unknown = service.find(request).is_none() && request.method == "GET";
                Some(service.serve(service.by_id("root").filter(|_| unknown)?, request))
            });
        }),
        Mutant::new("rfc7285/8.3.3/2", "ignores If-None-Match", |r| {
            r.instead(|service, request| {
                request.field("if-none-match")?;
                let mut plain = request.clone();
                plain.fields.retain(|(name, _)| !name.eq_ignore_ascii_case("if-none-match"));
                Some(service.serve(service.find(request)?, &plain))
            });
        }),
    ]
}

fn negotiation() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.3/13", "compares the media type of bodies with regard to case", |r| {
            r.instead(|service, request| {
                let sent = request.field("content-type")?;
                let accepts = service.find(request)?.accepts()?;
                (request.method == "POST" && !sent.starts_with(accepts))
                    .then(|| Response::plain(415, "unknown media type"))
            });
        }),
        Mutant::new("rfc7285/8.3/14", "reads only the first of several Accept fields", |r| {
            r.instead(|service, request| {
                let accepts: Vec<_> =
                    request.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("accept")).collect();
                let (found, first) = (service.find(request)?, accepts.first().filter(|_| accepts.len() > 1)?);
                let admits = first.1.contains(found.media_type()) || first.1.contains("*/*");
                (!admits).then(|| Response::plain(406, "not acceptable"))
            });
        }),
        Mutant::new("rfc7285/8.3/14", "does not know the range application/*", |r| {
            r.instead(|_, request| {
                (request.field("accept")?.trim() == "application/*").then(|| Response::plain(406, "not acceptable"))
            });
        }),
    ]
}

fn errors() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.3.7/1", "rejects unknown members inside the cost type of endpoint costs", |r| {
            r.instead(|service, request| {
                let body: Value = serde_json::from_slice(&request.body).ok()?;
                let unknown = |name: &String| !["cost-mode", "cost-metric", "description"].contains(&name.as_str());
                (posted(service, request, "ecs") && body["cost-type"].as_object()?.keys().any(unknown))
                    .then(|| error(&json!({ "code": "E_INVALID_FIELD_VALUE", "field": "cost-type", "value": "?" })))
            });
        }),
        Mutant::new("rfc7285/8.5/2", "sends the errors of the property service with status 200", |r| {
            r.after(|found, _, answer| {
                if answer.status == 400 && found.is_some_and(|found| found.id() == "eps") {
                    answer.status = 200;
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/2", "invents an error code for unknown properties", |r| {
            r.errors(|meta| {
                if meta["field"] == "properties" {
                    meta["code"] = json!("E_UNKNOWN_PROPERTY");
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/3", "takes an empty body for an empty filter", |r| {
            r.instead(|service, request| {
                let filled = ReceivedRequest { body: b"{\"pids\":[]}".to_vec(), ..request.clone() };
                let right = request.media_type().as_deref() == Some("application/alto-networkmapfilter+json");
                let empty = posted(service, request, "fnm-a") && right && request.body.is_empty();
                Some(service.serve(service.find(request).filter(|_| empty)?, &filled))
            });
        }),
        Mutant::new("rfc7285/8.5.2/5", "reports a missing cost mode as an invalid value", |r| {
            r.errors(|meta| {
                if meta["code"] == "E_MISSING_FIELD" && meta["field"] == "cost-type/cost-mode" {
                    *meta = json!({ "code": "E_INVALID_FIELD_VALUE", "field": "cost-type", "value": "{}" });
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/7", "takes a string for a list of one PID", |r| {
            r.rewrite_requests(|id, mut body| {
                let pids = body.get_mut("pids").filter(|pids| id == "fnm-a" && pids.is_string())?;
                *pids = json!([pids.clone()]);
                Some(body)
            });
        }),
        Mutant::new("rfc7285/8.5.2/13", "names the type of an invalid number, not the number", |r| {
            r.errors(|meta| {
                if meta["value"].as_str().is_some_and(|value| value.parse::<f64>().is_ok()) {
                    meta["value"] = json!("a number");
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/15", "gives the index of an invalid endpoint", |r| {
            r.errors(|meta| {
                if meta["field"] == "endpoints/dsts" || meta["field"] == "endpoints" {
                    meta["field"] = json!(format!("{}/1", meta["field"].as_str().unwrap_or_default()));
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc7285/8.5.2/16", "reports a number among the constraints as a wrong type", |r| {
            r.errors(|meta| {
                if meta["field"] == "constraints" && meta["value"].as_str().is_some_and(|v| v.parse::<f64>().is_ok()) {
                    *meta = json!({ "code": "E_INVALID_FIELD_TYPE", "field": "constraints" });
                }
            });
        }),
    ]
}

fn directories() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/6.1/1", "lists a second cost map for one cost type and network map", |r| {
            let kind = ResourceKind::CostMap("nm-a".into(), ServedCostType::ordinal());
            r.service.directories[0].entries.push(("cm-again".into(), "costs/again".into()));
            r.service.resources.push(ServedResource { id: "cm-again".into(), path: "/costs/again".into(), kind });
        }),
        Mutant::new(
            "rfc7285/9.1.1/1",
            "gives an ID of the root directory to another resource of the second one",
            |r| {
                r.of("sub", |m| {
                    let mut entry = m["resources"]["cm-b-num"].clone();
                    entry["uri"] = json!("costs/b?again");
                    m["resources"]["cm-a-num"] = entry;
                });
            },
        ),
        Mutant::new("rfc7285/9.2.2/2", "does not define the cost types of the second directory", |r| {
            r.of("sub", |m| drop_at(m, "/meta", "cost-types"));
        }),
        Mutant::new("rfc7285/9.2.2/4", "names a filter as the default network map", |r| {
            r.of("root", |m| put(m, "/meta/default-alto-network-map", json!("fnm-a")));
        }),
        Mutant::new("rfc7285/9.2.2/5", "lists the accepted media type as an array", |r| {
            r.of("root", |m| {
                let accepts = m["resources"]["ecs-nc"]["accepts"].clone();
                put(m, "/resources/ecs-nc/accepts", json!([accepts]));
            });
        }),
        Mutant::new("rfc7285/9.2.2/15", "answers GET at the URI of a filter with the whole map", |r| {
            r.instead(|service, request| {
                let filter = service.find(request).is_some_and(|found| found.id() == "fnm-a");
                let whole = service.by_id("nm-a").filter(|_| filter && request.method == "GET")?;
                Some(service.serve(whole, request))
            });
        }),
        Mutant::new("rfc7285/11.3.2.6/1", "bases a filtered cost map on the other network map", |r| {
            r.of("root", |m| put(m, "/resources/fcm-a/uses", json!(["nm-b"])));
        }),
        Mutant::new("rfc7285/11.5.1.5/1", "lists a network map among the uses of endpoint costs", |r| {
            r.of("root", |m| m["resources"]["ecs"]["uses"] = json!(["nm-a"]));
        }),
        Mutant::new("rfc7285/10.6/4", "offers a metric that is not registered", |r| {
            let latency = ServedCostType::new("latency", "numerical");
            r.service.directories[0].cost_types.push(("num-latency".into(), latency.clone()));
            r.offer("fcm-a").cost_types.push(latency);
        })
        .graded("warn"),
        Mutant::new("rfc7285/10.6/3", "offers a metric with a dot in its name", |r| {
            let dotted = ServedCostType::new("priv:x.cost", "numerical");
            r.service.directories[0].cost_types.push(("num-dotted".into(), dotted.clone()));
            r.offer("ecs").cost_types.push(dotted);
        }),
        Mutant::new("rfc7285/11.5.1.3/5", "offers constraints on endpoint costs but refuses `eq`", |r| {
            r.instead(|service, request| {
                let body = String::from_utf8_lossy(&request.body);
                (posted(service, request, "ecs") && body.contains("\"eq "))
                    .then(|| error(&json!({ "code": "E_INVALID_FIELD_VALUE", "field": "constraints", "value": "eq" })))
            });
        }),
        Mutant::new("rfc7285/11.3.1.6/5", "names the filter in the tag of a filtered network map", |r| {
            change_answer_to(r, "fnm-a", |_, m| put(m, "/meta/vtag/resource-id", json!("fnm-a")));
        }),
    ]
}
