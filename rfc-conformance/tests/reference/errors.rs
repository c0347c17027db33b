//! Mutants with faults in ALTO errors.

use rfc_conformance::mock_server::http::Response;
use serde_json::{Value, json};

use super::mutant::{Mutant, drop_at};
use super::server::{Reference, Variant};

/// Replaces an error code by another.
fn replace_code(reference: &mut Reference, from: &'static str, to: &'static str) {
    reference.errors(move |meta| {
        if meta["code"] == from {
            meta["code"] = json!(to);
        }
    });
}

/// Changes the error responses to invalid requests.
fn change_error_responses(reference: &mut Reference, change: fn(&mut Response)) {
    reference.after(move |_, _, answer| {
        if answer.status == 400 {
            change(answer);
        }
    });
}

/// Corrects a member of requests before they are validated.
fn correct_member(reference: &mut Reference, id: &'static str, member: &'static str, right: fn() -> Value) {
    reference.rewrite_requests(move |found, mut body| {
        let lacks = found == id && body.as_object().is_some_and(|members| !members.contains_key(member));
        lacks.then(|| body[member] = right()).map(|()| body)
    });
}

pub(crate) fn mutants() -> Vec<Mutant> {
    let mut all = general();
    all.extend(codes());
    all.extend(fields());
    let mut all: Vec<_> = all.into_iter().map(|mutant| mutant.with(Variant::Small)).collect();
    all.extend(inner());
    all.extend(needed());
    all
}

fn general() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.5/1", "rejects requests without an ALTO error", |r| {
            change_error_responses(r, |answer| *answer = Response::plain(400, "no"));
        })
        .graded("warn"),
        Mutant::new("rfc7285/8.5/2", "sends errors with status 200", |r| {
            change_error_responses(r, |answer| answer.status = 200);
        }),
        Mutant::new("rfc7285/8.5.1/1", "sends errors as application/json", |r| {
            change_error_responses(r, |answer| answer.set("Content-Type", "application/json"));
        }),
        Mutant::new("rfc7285/8.5.2/1", "sends errors without `code`", |r| {
            change_error_responses(r, |answer| answer.body = b"{\"meta\":{\"field\":\"pids\"}}".to_vec());
        }),
        Mutant::new("rfc7285/8.5.2/2", "invents an error code", |r| replace_code(r, "E_MISSING_FIELD", "E_ABSENT")),
        Mutant::new("rfc7285/8.5.2/4", "returns the position of a syntax error as a number", |r| {
            r.errors(|meta| {
                if meta["code"] == "E_SYNTAX" {
                    meta["syntax-error"] = json!(17);
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/17", "combines the code of one error with the field of another", |r| {
            r.errors(|meta| meta["code"] = json!("E_MISSING_FIELD"));
        }),
        Mutant::new("rfc7285/8.5.2/17", "combines the code of one of several errors with the field of another", |r| {
            r.rewrite_messages(|_, request, message| {
                let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                if body.pointer("/pids/0").is_some_and(Value::is_number) && body["address-types"].is_object() {
                    message["meta"]["code"] = json!("E_MISSING_FIELD");
                }
            });
        }),
    ]
}

fn codes() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.5.2/3", "reports a syntax error as a missing field", |r| {
            replace_code(r, "E_SYNTAX", "E_MISSING_FIELD");
        }),
        Mutant::new("rfc7285/8.5.2/5", "reports a missing field as a syntax error", |r| {
            replace_code(r, "E_MISSING_FIELD", "E_SYNTAX");
        }),
        Mutant::new("rfc7285/8.5.2/7", "reports a wrong type as a syntax error", |r| {
            replace_code(r, "E_INVALID_FIELD_TYPE", "E_SYNTAX");
        }),
        Mutant::new("rfc7285/8.5.2/9", "reports a wrong value as a missing field", |r| {
            replace_code(r, "E_INVALID_FIELD_VALUE", "E_MISSING_FIELD");
        }),
        Mutant::new("rfc7285/8.5.2/16", "reports a list element of the wrong type as a wrong field type", |r| {
            replace_code(r, "E_INVALID_FIELD_VALUE", "E_INVALID_FIELD_TYPE");
        }),
    ]
}

fn fields() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.5.2/6", "names a missing field by an array of path segments", |r| {
            r.errors(|meta| {
                if let Some(field) = meta["field"].as_str().map(str::to_owned) {
                    meta["field"] = json!(field.split('/').collect::<Vec<_>>());
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/8", "names a field other than the one with the wrong type", |r| {
            r.errors(|meta| {
                if meta["code"] == "E_INVALID_FIELD_TYPE" {
                    meta["field"] = json!("request");
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/10", "names a field other than the one with the wrong value", |r| {
            r.errors(|meta| {
                if meta["code"] == "E_INVALID_FIELD_VALUE" {
                    meta["field"] = json!("request");
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/11", "returns a value without its field", |r| {
            r.errors(|meta| drop_at(meta, "", "field"));
        }),
        Mutant::new("rfc7285/8.5.2/12", "returns a value that is not a string", |r| {
            r.errors(|meta| {
                if let Some(number) = meta["value"].as_str().and_then(|text| text.parse::<u64>().ok()) {
                    meta["value"] = json!(number);
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/13", "returns another text for a value that is not a string", |r| {
            r.errors(|meta| {
                if meta["value"] == "42" {
                    meta["value"] = json!("number");
                }
            });
        }),
        Mutant::new("rfc7285/8.5.2/15", "names an array element by its index", |r| {
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

/// Mutants with faults in errors about nested members, such as those of cost types.
fn inner() -> Vec<Mutant> {
    vec![Mutant::new("rfc7285/8.5.2/14", "names the wrong inner field", |r| {
        r.errors(|meta| {
            if meta["field"].as_str().is_some_and(|field| field.starts_with("cost-type/")) {
                meta["field"] = json!("cost-type/name");
            }
        });
    })]
}

/// Mutants that accept requests without a required member.
fn needed() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/11.3.1.3/1", "treats absent `pids` as all", |r| {
            correct_member(r, "fnm-a", "pids", || json!([]));
        }),
        Mutant::new("rfc7285/11.3.2.3/1", "has a default for `cost-type`", |r| {
            correct_member(
                r,
                "fcm-a",
                "cost-type",
                || json!({ "cost-mode": "numerical", "cost-metric": "routingcost" }),
            );
        }),
        Mutant::new("rfc7285/11.4.1.3/1", "has a default for `properties`", |r| {
            correct_member(r, "eps", "properties", || json!(["nm-a.pid"]));
        }),
        Mutant::new("rfc7285/11.5.1.3/1", "has a default for `cost-type` of endpoints", |r| {
            correct_member(r, "ecs", "cost-type", || json!({ "cost-mode": "numerical", "cost-metric": "routingcost" }));
        }),
    ]
}
