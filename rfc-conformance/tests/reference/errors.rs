//! Rules about errors.

use rfc_conformance::mock_server::http::Response;
use serde_json::{Value, json};

use super::mutant::{Mutant, drop_at};
use super::server::{Outfit, Reference};

/// Errors with a certain code get another one.
fn recoded(reference: &mut Reference, from: &'static str, to: &'static str) {
    reference.errors(move |meta| {
        if meta["code"] == from {
            meta["code"] = json!(to);
        }
    });
}

/// The answers to faulty requests are changed as a whole.
fn refusals(reference: &mut Reference, change: fn(&mut Response)) {
    reference.after(move |_, _, answer| {
        if answer.status == 400 {
            change(answer);
        }
    });
}

/// Some member of requests is put right before they are looked at.
fn mended(reference: &mut Reference, id: &'static str, member: &'static str, right: fn() -> Value) {
    reference.hears(move |found, mut body| {
        let lacks = found == id && body.as_object().is_some_and(|members| !members.contains_key(member));
        lacks.then(|| body[member] = right()).map(|()| body)
    });
}

pub(crate) fn mutants() -> Vec<Mutant> {
    let mut all = general();
    all.extend(codes());
    all.extend(fields());
    let mut all: Vec<_> = all.into_iter().map(|mutant| mutant.with(Outfit::Small)).collect();
    all.extend(inner());
    all.extend(needed());
    all
}

fn general() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.5/1", "refuses without an ALTO error", |r| {
            refusals(r, |answer| *answer = Response::plain(400, "no"));
        })
        .graded("warn"),
        Mutant::new("rfc7285/8.5/2", "sends errors with status 200", |r| refusals(r, |answer| answer.status = 200)),
        Mutant::new("rfc7285/8.5.1/1", "calls errors application/json", |r| {
            refusals(r, |answer| answer.set("Content-Type", "application/json"));
        }),
        Mutant::new("rfc7285/8.5.2/1", "sends errors without `code`", |r| {
            refusals(r, |answer| answer.body = b"{\"meta\":{\"field\":\"pids\"}}".to_vec());
        }),
        Mutant::new("rfc7285/8.5.2/2", "invents an error code", |r| recoded(r, "E_MISSING_FIELD", "E_ABSENT")),
        Mutant::new("rfc7285/8.5.2/4", "gives the position of a syntax error as a number", |r| {
            r.errors(|meta| {
                if meta["code"] == "E_SYNTAX" {
                    meta["syntax-error"] = json!(17);
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/17", "reports the code of one fault with the field of another", |r| {
            r.errors(|meta| meta["code"] = json!("E_MISSING_FIELD"));
        }),
    ]
}

fn codes() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.5.2/3", "calls a syntax error a missing field", |r| {
            recoded(r, "E_SYNTAX", "E_MISSING_FIELD");
        }),
        Mutant::new("rfc7285/8.5.2/5", "calls a missing field a syntax error", |r| {
            recoded(r, "E_MISSING_FIELD", "E_SYNTAX");
        }),
        Mutant::new("rfc7285/8.5.2/7", "calls a wrong type a syntax error", |r| {
            recoded(r, "E_INVALID_FIELD_TYPE", "E_SYNTAX");
        }),
        Mutant::new("rfc7285/8.5.2/9", "calls a wrong value a missing field", |r| {
            recoded(r, "E_INVALID_FIELD_VALUE", "E_MISSING_FIELD");
        }),
        Mutant::new("rfc7285/8.5.2/16", "calls an element of the wrong type a wrong type", |r| {
            recoded(r, "E_INVALID_FIELD_VALUE", "E_INVALID_FIELD_TYPE");
        }),
    ]
}

fn fields() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.5.2/6", "names a missing field by a list of steps", |r| {
            r.errors(|meta| {
                if let Some(field) = meta["field"].as_str().map(str::to_owned) {
                    meta["field"] = json!(field.split('/').collect::<Vec<_>>());
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/8", "names another field than the one of the wrong type", |r| {
            r.errors(|meta| {
                if meta["code"] == "E_INVALID_FIELD_TYPE" {
                    meta["field"] = json!("request");
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/10", "names another field than the one of the wrong value", |r| {
            r.errors(|meta| {
                if meta["code"] == "E_INVALID_FIELD_VALUE" {
                    meta["field"] = json!("request");
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/11", "gives a value without its field", |r| {
            r.errors(|meta| drop_at(meta, "", "field"));
        }),
        Mutant::new("rfc7285/8.5.2/12", "gives a value that is not a string", |r| {
            r.errors(|meta| {
                if let Some(number) = meta["value"].as_str().and_then(|text| text.parse::<u64>().ok()) {
                    meta["value"] = json!(number);
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/13", "gives another text for a value that is not a string", |r| {
            r.errors(|meta| {
                if meta["value"] == "42" {
                    meta["value"] = json!("number");
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/15", "names an element by its place", |r| {
            r.errors(|meta| {
                if meta["code"] == "E_INVALID_FIELD_VALUE" {
                    let field = meta["field"].as_str().unwrap_or_default().to_owned();
                    meta["field"] = json!(field + "/0");
                }
            });
        })
        .graded("warn"),
    ]
}

/// Members within members are those of cost types.
fn inner() -> Vec<Mutant> {
    vec![Mutant::new("rfc7285/8.5.2/14", "names the wrong inner field", |r| {
        r.errors(|meta| {
            if meta["field"].as_str().is_some_and(|field| field.starts_with("cost-type/")) {
                meta["field"] = json!("cost-type/name");
            }
        });
    })]
}

/// Requests that lack what they need are answered.
fn needed() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/11.3.1.3/1", "takes absent `pids` for all", |r| mended(r, "fnm-a", "pids", || json!([]))),
        Mutant::new("rfc7285/11.3.2.3/1", "has a default for `cost-type`", |r| {
            mended(r, "fcm-a", "cost-type", || json!({ "cost-mode": "numerical", "cost-metric": "routingcost" }));
        }),
        Mutant::new("rfc7285/11.4.1.3/1", "has a default for `properties`", |r| {
            mended(r, "eps", "properties", || json!(["nm-a.pid"]));
        }),
        Mutant::new("rfc7285/11.5.1.3/1", "has a default for `cost-type` of endpoints", |r| {
            mended(r, "ecs", "cost-type", || json!({ "cost-mode": "numerical", "cost-metric": "routingcost" }));
        }),
    ]
}
