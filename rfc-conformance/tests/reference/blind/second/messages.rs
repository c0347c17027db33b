//! Faults of directories, errors and HTTP, written from the ledger of RFC 7285.

use rfc_conformance::mock_server::http::{ReceivedRequest, Response};
use rfc_conformance::mock_server::media_type;
use serde_json::{Value, json};

use super::super::super::mutant::{Mutant, put};
use super::super::super::server::{Reference, Variant};
use super::{invalid, reject, reject_syntax, strings};

pub(super) fn mutants() -> Vec<Mutant> {
    let mut all = directories();
    all.extend(errors());
    all.extend(requests());
    all.extend(http());
    all
}

/// Changes an entry of the root directory.
fn entry(r: &mut Reference, id: &'static str, change: fn(&mut Value)) {
    r.of("root", move |message| {
        if let Some(entry) = message["resources"].get_mut(id) {
            change(entry);
        }
    });
}

fn directories() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/11.2.3.6/2", "defines a cost type of the delegated directory in another mode", |r| {
            r.of("sub", |m| put(m, "/meta/cost-types/num-routing/cost-mode", json!("ordinal")));
        }),
        Mutant::new("rfc7285/11.2.1.2/1", "lists a network map that uses itself", |r| {
            entry(r, "nm-b", |entry| entry["uses"] = json!(["nm-b"]));
        })
        .graded("warn"),
        Mutant::new("rfc7285/9.2.2/5", "writes null as `accepts` of what is retrieved by GET", |r| {
            entry(r, "cm-a-num", |entry| entry["accepts"] = Value::Null);
        }),
        Mutant::new("rfc7285/11.3.2.4/1", "writes `cost-constraints` as a string", |r| {
            entry(r, "fcm-a", |entry| entry["capabilities"]["cost-constraints"] = json!("true"));
        }),
        Mutant::new("rfc7285/11.2.3.4/1", "lists the name of the cost type of a cost map twice", |r| {
            let twice = json!(["ord-routing", "ord-routing"]);
            r.of("root", move |m| put(m, "/resources/cm-a-ord/capabilities/cost-type-names", twice.clone()));
        }),
        Mutant::new("rfc7285/10.7/2", "describes a cost type with null", |r| {
            r.of("root", |m| m["meta"]["cost-types"]["ord-routing"]["description"] = Value::Null);
        }),
        Mutant::new("rfc7285/11.2.3.6/1", "lists a cost map as one of the other network map", |r| {
            r.of("sub", |m| put(m, "/resources/cm-b-num/uses", json!(["nm-a"])));
        }),
        Mutant::new("rfc7285/11.4.1.1/1", "announces a property that it does not know", |r| {
            reject(r, "eps", |body| {
                strings(body, "/properties").contains(&"priv:x-link").then(|| invalid("properties", "priv:x-link"))
            });
        }),
        Mutant::new("rfc7285/9.2.2/5", "writes a URI with a backslash", |r| {
            entry(r, "nm-b", |entry| entry["uri"] = json!("maps\\b"));
        }),
    ]
}

fn errors() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.5.2/8", "separates the names in `field` by dots", |r| {
            r.errors(|meta| {
                if let Some(Value::String(field)) = meta.get_mut("field") {
                    *field = field.replace('/', ".");
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/7", "calls a wrong type within an object a wrong value", |r| {
            r.errors(|meta| {
                if meta["code"] == "E_INVALID_FIELD_TYPE" && meta["field"].as_str().is_some_and(|f| f.contains('/')) {
                    meta["code"] = json!("E_INVALID_FIELD_VALUE");
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/13", "gives the type of an invalid number in place of its text", |r| {
            r.errors(|meta| {
                if meta["value"].as_str().is_some_and(|value| value.parse::<f64>().is_ok()) {
                    meta["value"] = json!("number");
                }
            });
        }),
        Mutant::new("rfc7285/8.3/16", "answers unknown paths with a code of its own", |r| {
            r.after(|found, _, answer| {
                if found.is_none() && answer.status == 404 {
                    let message = json!({ "meta": { "code": "E_NOT_FOUND" } });
                    let error = Response::new(404, media_type::ERROR, message.to_string());
                    (answer.fields, answer.body) = (error.fields, error.body);
                }
            });
        }),
        Mutant::new("rfc7285/14.1/1", "adds a charset to the media type of errors", |r| {
            r.after(|_, _, answer| {
                if answer.field("Content-Type") == Some(media_type::ERROR) {
                    answer.set("Content-Type", &format!("{}; charset=utf-8", media_type::ERROR));
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc7285/8.5.2/16", "takes null among PIDs for an unknown one", |r| {
            r.rewrite_requests(|found, mut body| {
                let list = body.pointer_mut("/pids")?.as_array_mut().filter(|_| found == "fnm-a")?;
                list.iter_mut().filter(|pid| pid.is_null()).for_each(|pid| *pid = json!("null"));
                Some(body)
            });
        }),
        Mutant::new("rfc7285/10.4.1/1", "fails on address types that it does not know", |r| {
            r.instead(|service, request| {
                service.find(request).filter(|found| found.id() == "ecs" && request.method == "POST")?;
                let body: Value = serde_json::from_slice(&request.body).ok()?;
                let all = [strings(&body, "/endpoints/srcs"), strings(&body, "/endpoints/dsts")].concat();
                let known = |text: &&str| ["ipv4:", "ipv6:"].iter().any(|kind| text.starts_with(kind));
                let wrong = all.iter().any(|text| text.contains(':') && !known(text));
                wrong.then(|| Response::plain(500, "no parser for this address type"))
            });
        }),
    ]
}

fn requests() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.2/4", "takes no line end after the body", |r| {
            reject_syntax(r, |request| request.body.ends_with(b"\n"));
        }),
        Mutant::new("rfc7285/8.3/3", "cannot read bodies in chunks", |r| {
            reject_syntax(r, |request| request.field("transfer-encoding").is_some());
        }),
        Mutant::new("rfc7285/8.2/7", "knows no escapes in JSON strings", |r| {
            reject_syntax(r, |request| request.body.windows(2).any(|pair| pair == b"\\u"));
        }),
        Mutant::new("rfc7285/8.3.7/1", "takes bodies in ASCII only", |r| {
            reject_syntax(r, |request| !request.body.is_ascii() && str::from_utf8(&request.body).is_ok());
        }),
        Mutant::new("rfc7285/8.3.7/1", "rejects unknown members beside the endpoints", |r| {
            reject(r, "ecs", |body| {
                let members = body.get("endpoints")?.as_object()?;
                let unknown = members.keys().find(|name| !["srcs", "dsts"].contains(&name.as_str()))?;
                Some(invalid("endpoints", unknown))
            });
        }),
        Mutant::new("rfc7285/8.3.7/1", "rejects unknown members of the cost type of endpoint costs", |r| {
            reject(r, "ecs-nc", |body| {
                let members = body.get("cost-type")?.as_object()?;
                let known = ["cost-mode", "cost-metric", "description"];
                let unknown = members.keys().find(|name| !known.contains(&name.as_str()))?;
                Some(invalid("cost-type", unknown))
            });
        }),
    ]
}

fn http() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.3/16", "answers every unknown path with the directory", |r| {
            r.instead(|service, request| {
                let lost = service.find(request).is_none() && request.method == "GET";
                let directory = lost.then(|| service.by_id("root"))??;
                Some(service.serve(directory, request))
            });
        }),
        Mutant::new("rfc7285/8.3/10", "allows POST where it does not take it", |r| {
            r.after(|found, _, answer| {
                if answer.status == 405 && found.is_some_and(|found| found.accepts().is_none()) {
                    answer.set("Allow", "GET, HEAD, POST");
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc7285/8.3/13", "compares the media type of requests for endpoint costs by case", |r| {
            r.instead(|service, request| {
                service.find(request).filter(|found| found.id() == "ecs" && request.method == "POST")?;
                let sent = request.field("content-type")?;
                let upper = sent.split(';').next()?.chars().any(char::is_uppercase);
                upper.then(|| Response::plain(415, "unsupported media type"))
            });
        }),
        Mutant::new("rfc7285/8.3/14", "reads the last of several Accept lines only", |r| {
            r.instead(|service, request| {
                let lines: Vec<_> =
                    request.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("accept")).collect();
                let last = (*lines.last().filter(|_| lines.len() > 1)?).clone();
                let others = request.fields.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("accept")).cloned();
                let fields = others.chain([last]).collect();
                Some(service.route(&ReceivedRequest { fields, ..request.clone() }))
            });
        }),
        Mutant::new("rfc7285/15.3.2/2", "asks for no credentials with POST", |r| {
            r.instead(|service, request| (request.method == "POST").then(|| service.route(request)));
        })
        .with(Variant::Digest),
    ]
}
