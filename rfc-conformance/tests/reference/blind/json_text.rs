//! Faults of JSON texts, written from the text of RFC 8259.

use rfc_conformance::mock_server::http::Response;
use serde_json::{Value, json};

use super::super::mutant::Mutant;
use super::super::server::Reference;

pub(super) fn mutants() -> Vec<Mutant> {
    requests().into_iter().chain(answers()).collect()
}

/// Answers POST requests whose body satisfies a condition with a status of its own.
fn refuses(r: &mut Reference, status: u16, wrong: fn(&[u8]) -> bool) {
    r.instead(move |service, request| {
        let found = service.find(request).filter(|found| request.method == "POST" && found.accepts().is_some())?;
        (wrong(&request.body) && request.media_type().as_deref() == found.accepts()).then(|| {
            let error = json!({ "meta": { "code": "E_SYNTAX" } }).to_string();
            Response::new(status, if status == 400 { "application/alto-error+json" } else { "text/plain" }, error)
        })
    });
}

fn has(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

fn requests() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.5/2", "fails on deeply nested arrays", |r| {
            refuses(r, 500, |body| has(body, "[[[[[[[[[["));
        }),
        Mutant::new("rfc8259/8.2/1", "fails on half of a surrogate pair", |r| {
            refuses(r, 500, |body| {
                has(&body.to_ascii_lowercase(), "\\ud8")
                    || has(&body.to_ascii_lowercase(), "\\udc")
                    || has(&body.to_ascii_lowercase(), "\\ude")
            });
        }),
        Mutant::new("rfc8259/6/1", "fails on exponents of three digits", |r| {
            refuses(r, 500, |body| {
                body.windows(5).any(|w| {
                    w[0].is_ascii_digit() && w[1].eq_ignore_ascii_case(&b'e') && w[2..].iter().all(u8::is_ascii_digit)
                })
            });
        }),
        Mutant::new("rfc8259/6/1", "fails on integers of more than 64 bits", |r| {
            refuses(r, 500, |body| body.windows(21).any(|window| window.iter().all(u8::is_ascii_digit)));
        }),
        Mutant::new("rfc8259/7/1", "fails on the character with code 0", |r| {
            refuses(r, 500, |body| has(body, "\\u0000"));
        }),
        Mutant::new("rfc7285/8.2/7", "rejects an escaped slash", |r| refuses(r, 400, |body| has(body, "\\/"))),
        Mutant::new("rfc7285/8.2/4", "rejects tabs between tokens", |r| refuses(r, 400, |body| has(body, "\t"))),
        Mutant::new("rfc8259/8.1/1", "fails on a byte order mark", |r| {
            refuses(r, 500, |body| body.starts_with(&[0xef, 0xbb, 0xbf]));
        }),
        Mutant::new("rfc8259/8.1/2", "fails on bytes that are no UTF-8", |r| {
            refuses(r, 500, |body| std::str::from_utf8(body).is_err());
        }),
        Mutant::new("rfc7285/8.5.2/3", "fails on bodies that are a string or a number", |r| {
            refuses(r, 500, |body| {
                serde_json::from_slice::<Value>(body).is_ok_and(|value| value.is_string() || value.is_number())
            });
        }),
        Mutant::new("rfc7285/8.5.2/3", "fails on an empty body", |r| refuses(r, 500, <[u8]>::is_empty)),
        Mutant::new("rfc7285/8.2/7", "does not know members with escaped names", |r| {
            r.instead(|service, request| {
                let found = service.find(request).filter(|_| request.method == "POST")?;
                let escaped =
                    has(&request.body, "\\u0070") || has(&request.body, "\\u0065") || has(&request.body, "\\u0073");
                let error = json!({ "meta": { "code": "E_MISSING_FIELD" } }).to_string();
                (escaped && request.media_type().as_deref() == found.accepts())
                    .then(|| Response::new(400, "application/alto-error+json", error))
            });
        }),
        Mutant::new("rfc7285/8.5.2/3", "takes a comma after the last member", |r| {
            r.instead(|service, request| {
                let found = service.find(request).filter(|_| request.method == "POST")?;
                let text = std::str::from_utf8(&request.body).ok()?;
                let mended = text.replace(",}", "}").replace(",]", "]");
                (mended != text).then_some(())?;
                let changed = rfc_conformance::mock_server::http::ReceivedRequest {
                    body: mended.into_bytes(),
                    ..request.clone()
                };
                Some(service.serve(found, &changed))
            });
        }),
    ]
}

/// Changes the text of the first network map.
fn spells(r: &mut Reference, change: fn(String) -> Vec<u8>) {
    r.after(move |found, _, answer| {
        if found.is_some_and(|found| found.id() == "nm-a") && answer.status == 200 {
            answer.body = change(String::from_utf8_lossy(&answer.body).into_owned());
        }
    });
}

/// Changes the text of the first cost map.
fn counts(r: &mut Reference, change: fn(String) -> Vec<u8>) {
    r.after(move |found, _, answer| {
        if found.is_some_and(|found| found.id() == "cm-a-num") && answer.status == 200 {
            answer.body = change(String::from_utf8_lossy(&answer.body).into_owned());
        }
    });
}

fn answers() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/14.1/2", "encodes a map in UTF-16", |r| {
            spells(r, |text| text.encode_utf16().flat_map(u16::to_be_bytes).collect());
        }),
        Mutant::new("rfc7285/14.1/2", "writes a line break inside a string", |r| {
            spells(r, |text| text.replacen("\"pidA\"", "\"pidA\n\"", 1).into_bytes());
        }),
        Mutant::new("rfc7285/14.1/2", "escapes by \\x", |r| {
            spells(r, |text| text.replacen("\"pidA\"", "\"pid\\x41\"", 1).into_bytes());
        }),
        Mutant::new("rfc7285/14.1/2", "writes strings in single quotes", |r| {
            spells(r, |text| text.replace('"', "'").into_bytes());
        }),
        Mutant::new("rfc7285/14.1/2", "writes a comma after the last member", |r| {
            spells(r, |text| text.replacen("}}", "},}", 1).into_bytes());
        }),
        Mutant::new("rfc7285/14.1/2", "writes a comment before a map", |r| {
            spells(r, |text| format!("/* map */ {text}").into_bytes());
        }),
        Mutant::new("rfc7285/14.1/2", "writes a second object after a map", |r| {
            spells(r, |text| format!("{text}{{}}").into_bytes());
        }),
        Mutant::new("rfc7285/8.2/6", "writes one prefix in Latin-1", |r| {
            spells(r, |text| {
                let mut bytes = text.into_bytes();
                let end = bytes.len() - 1;
                bytes.splice(end..end, *b",\"priv:note\":\"\xe9t\xe9\"");
                bytes
            });
        }),
        Mutant::new("rfc7285/14.1/2", "writes half of a surrogate pair", |r| {
            spells(r, |text| format!("{},\"priv:note\":\"\\ud800\"}}", &text[..text.len() - 1]).into_bytes());
        }),
        Mutant::new("rfc7285/14.1/2", "writes a cost as NaN", |r| {
            counts(r, |text| text.replacen("1.5", "NaN", 1).into_bytes());
        }),
        Mutant::new("rfc7285/14.1/2", "writes a cost with a zero before it", |r| {
            counts(r, |text| text.replacen("1.5", "01.5", 1).into_bytes());
        }),
        Mutant::new("rfc7285/14.1/2", "writes a cost without digits after the point", |r| {
            counts(r, |text| text.replacen("1.5", "1.", 1).into_bytes());
        }),
        Mutant::new("rfc7285/6.1.2.1/1", "writes a cost with a comma", |r| {
            counts(r, |text| text.replacen("1.5", "\"1,5\"", 1).into_bytes());
        }),
        Mutant::new("rfc7285/8.2/5", "writes one PID twice", |r| {
            spells(r, |text| text.replacen("\"pidC\"", "\"pidA\"", 1).into_bytes());
        }),
    ]
}
