//! Servers whose messages are correct but uncommon.

use std::sync::Arc;

use rfc_conformance::mock_server::http::{ReceivedRequest, Response};
use serde_json::{Value, json};

use super::super::server::{Reference, Variant};
use super::Unusual;

const fn server(is: &'static str, make: fn(&mut Reference)) -> Unusual {
    Unusual { is, variant: Variant::Small, only: &[], make }
}

/// Serializes with members in reverse order, escaped strings, white space everywhere and numbers with exponents, as the
/// style asks.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each choice is independent of the others")]
struct Style {
    reversed: bool,
    escaped: bool,
    spaced: bool,
    exponents: bool,
}

const ORDINARY: Style = Style { reversed: false, escaped: false, spaced: false, exponents: false };

fn written(value: &Value, style: Style) -> String {
    let space = if style.spaced { "\r\n\t " } else { "" };
    let text = |text: &str| {
        if !style.escaped {
            return Value::from(text).to_string();
        }
        let escape = |unit: u16| format!("\\u{unit:04X}");
        format!("\"{}\"", text.encode_utf16().map(escape).collect::<String>())
    };
    match value {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{space}{}{space}:{space}{}{space}", text(name), written(value, style))
            };
            let mut members: Vec<_> = members.iter().map(member).collect();
            if style.reversed {
                members.reverse();
            }
            format!("{space}{{{}}}{space}", members.join(","))
        }
        Value::Array(elements) => {
            let elements: Vec<_> = elements.iter().map(|element| written(element, style)).collect();
            format!("[{space}{}{space}]", elements.join(","))
        }
        Value::String(string) => text(string),
        Value::Number(number) if style.exponents && number.is_f64() => number
            .as_f64()
            .map_or_else(String::new, |number| format!("{number:e}").replace('e', "E+").replace("+-", "-")),
        other => other.to_string(),
    }
}

fn styled(r: &mut Reference, style: Style) {
    r.service.hooks.render = Some(Arc::new(move |message| written(message, style).into_bytes()));
}

pub(super) fn servers() -> Vec<Unusual> {
    vec![
        server("writes members in reverse order", |r| styled(r, Style { reversed: true, ..ORDINARY })),
        server("escapes every character", |r| styled(r, Style { escaped: true, ..ORDINARY })),
        server("puts white space wherever it may stand", |r| styled(r, Style { spaced: true, ..ORDINARY })),
        server("writes costs with exponents", |r| styled(r, Style { exponents: true, ..ORDINARY })),
        server("adds members to every object that may have more", |r| {
            r.rewrite_messages(|_, _, message| {
                message["priv:note"] = json!({ "a": [1, null, true] });
                message["meta"]["priv:made-by"] = json!(["x", { "y": 1e300 }]);
                for (_, entry) in message.get_mut("resources").and_then(Value::as_object_mut).into_iter().flatten() {
                    entry["priv:colour"] = json!("blue");
                    if let Some(capabilities) = entry.get_mut("capabilities") {
                        capabilities["priv:speed"] = json!(null);
                    }
                }
            });
        }),
        server("writes media types in capitals", |r| {
            r.after(|_, _, answer| {
                if let Some(media_type) = answer.field("Content-Type").map(str::to_ascii_uppercase) {
                    answer.set("Content-Type", &media_type);
                }
            });
        }),
        server("gives media types a charset", |r| {
            r.after(|_, _, answer| {
                if let Some(media_type) = answer.field("Content-Type").map(str::to_ascii_lowercase) {
                    answer.set("Content-Type", &format!("{media_type} ; charset=\"utf-8\""));
                }
            });
        }),
        server("lists resources of types that nobody knows", |r| {
            r.of("root", |m| {
                m["resources"]["forecast"] = json!({
                    "uri": "forecast", "media-type": "application/vnd.example.forecast+json",
                    "accepts": "application/vnd.example.forecastparams+json",
                    "uses": ["nm-a"], "capabilities": { "hours": [1, 24] },
                });
                m["resources"]["page"] = json!({ "uri": "page", "media-type": "text/html" });
            });
            r.instead(|_, request| {
                let page = request.method == "GET" && request.path == "/page";
                page.then(|| Response::new(200, "text/html", "<!doctype html><title>ALTO</title>"))
            });
        }),
        server("writes URIs with dots, queries and percent signs", |r| {
            r.of("root", |m| {
                for (_, entry) in m["resources"].as_object_mut().into_iter().flatten() {
                    let uri = entry["uri"].as_str().unwrap_or_default().to_owned();
                    entry["uri"] = json!(format!("./x/../%2e/./{uri}?v=%7E1&w=/a?b"));
                }
            });
            r.instead(|service, request| {
                let path = request.path.split_once("?v=%7E1")?.0.replace("/%2e", "");
                let straight = ReceivedRequest { path, ..request.clone() };
                Some(service.route(&straight))
            });
        }),
        server("says more in its errors than it has to", |r| {
            r.errors(|meta| {
                meta["priv:help"] = json!("https://example.org/errors");
                meta["priv:at"] = json!(12);
            });
        }),
        server("says less in its errors than it may", |r| {
            r.errors(|meta| {
                if let Some(members) = meta.as_object_mut() {
                    members.retain(|name, _| name == "code");
                }
            });
        }),
        server("has ordinal costs with gaps, from zero", |r| {
            r.rewrite_messages(|_, _, message| {
                if message.pointer("/meta/cost-type/cost-mode").and_then(Value::as_str) == Some("ordinal") {
                    super::super::mutant::each_cost(message, &mut |cost| {
                        *cost = json!((cost.as_u64().unwrap_or(1) - 1) * 10);
                    });
                }
            });
        }),
        server("has costs of all sizes", |r| {
            for cost in r.service.network.maps[0].costs.values_mut() {
                *cost = if *cost == 0.0 { 1e-300 } else { *cost * 1e290 };
            }
        }),
        server("has a PID without addresses", |r| {
            r.service.network.maps[0].pids.insert("empty".into(), Vec::new());
        }),
    ]
}
