//! Mutants with faults in errors in answer to requests for streams.

use rfc_conformance::mock_server::http::Response;
use serde_json::{Value, json};

use super::{CONTROL, any, has_input, is_unknown, lacks_add, open_with, posted, refusals};
use crate::reference::mutant::{Mutant, drop_at, put};

pub(super) fn errors() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8895/6.5/14", "opens a stream of what is right in a request", |r| {
            open_with(r, |_, body| {
                if let Some(add) = body["add"].as_object_mut().filter(|add| add.len() > 1) {
                    add.retain(|_, add| add["resource-id"] != "no-such-resource");
                }
            });
        }),
        Mutant::new("rfc8895/6.6/1", "refuses requests for streams with 422", |r| {
            refusals(r, false, any, |answer, _| answer.status = 422);
        }),
        Mutant::new("rfc8895/6.6/2", "sends `value` without `field`", |r| {
            refusals(r, false, any, |_, error| drop_at(error, "/meta", "field"));
        }),
        Mutant::new("rfc8895/6.6/3", "calls a missing `add` a syntax error", |r| {
            refusals(r, false, lacks_add, |_, error| put(error, "/meta/code", json!("E_SYNTAX")));
        }),
        Mutant::new("rfc8895/6.6/3b", "does not name the missing `add`", |r| {
            refusals(r, false, lacks_add, |_, error| drop_at(error, "/meta", "field"));
        })
        .graded("warn"),
        Mutant::new("rfc8895/6.6/4", "sends an event where `add` is missing", |r| {
            posted(r, false, |_, _, body| {
                let event = format!("event: {CONTROL}\ndata: {{\"control-uri\": null}}\n\n");
                lacks_add(&body).then(|| Response::new(200, "text/event-stream", event))
            });
        }),
        Mutant::new("rfc8895/6.6/5", "calls an unknown resource a missing field", |r| {
            refusals(r, false, is_unknown, |_, error| put(error, "/meta/code", json!("E_MISSING_FIELD")));
        }),
        Mutant::new("rfc8895/6.6/5", "follows resources that it does not list", |r| {
            open_with(r, |_, body| {
                for (_, add) in body["add"].as_object_mut().into_iter().flatten() {
                    if add["resource-id"] == "fcm-a-nc" {
                        add["resource-id"] = json!("nm-a");
                    }
                }
            });
        }),
        Mutant::new("rfc8895/6.6/5b", "names the field of an unknown resource without its path", |r| {
            refusals(r, false, is_unknown, |_, error| put(error, "/meta/field", json!("resource-id")));
        })
        .graded("warn"),
        Mutant::new("rfc8895/6.6/6", "names none of several unknown resources", |r| {
            refusals(
                r,
                false,
                |body| body.to_string().contains("no-such-a"),
                |_, error| {
                    put(error, "/meta/value", json!("several"));
                },
            );
        })
        .graded("warn"),
        Mutant::new("rfc8895/6.6/7", "keeps the connection open after an error", |r| {
            refusals(r, false, any, |answer, _| answer.delivery.close = false);
        }),
        Mutant::new("rfc8895/6.6/8", "calls every invalid input a syntax error", |r| {
            refusals(r, false, has_input, |_, error| put(error, "/meta/code", json!("E_SYNTAX")));
        }),
        Mutant::new("rfc8895/6.6/9", "names two inputs in one error", |r| {
            let two = |body: &Value| body["add"].as_object().is_some_and(|add| add.len() == 2) && has_input(body);
            refusals(r, false, two, |_, error| error["meta"]["value"] = json!(["x", "y"]));
        }),
    ]
}
