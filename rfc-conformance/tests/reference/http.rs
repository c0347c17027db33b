//! Mutants with faults in conditional requests, content coding, framing and the reading of JSON (RFC 9110, RFC 9112, RFC 8259).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rfc_conformance::mock_server::http::{Leniency, ReceivedRequest, Response};
use serde_json::{Value, json};

use super::filters::lists;
use super::mutant::{Mutant, each_cost};
use super::server::{Reference, Variant};

pub(crate) fn mutants() -> Vec<Mutant> {
    let mut all = conditional();
    all.extend(coding());
    all.extend(semantics());
    all.extend(framing());
    all.extend(json_requests());
    all.extend(further());
    all
}

/// Renders a response that ends with the connection, with the given length and body.
fn raw(answer: &Response, length: Option<usize>, body: &[u8], closes: bool) -> Vec<u8> {
    let fields: Vec<_> = answer.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let fields = fields.concat();
    let length = length.map_or_else(String::new, |length| format!("Content-Length: {length}\r\n"));
    let close = if closes { "Connection: close\r\n" } else { "" };
    let date = "Date: Sun, 06 Nov 2022 08:49:37 GMT\r\n";
    [format!("HTTP/1.1 {} X\r\n{date}{fields}{length}{close}\r\n", answer.status).as_bytes(), body].concat()
}

/// Answers requests whose field satisfies a condition with status 500.
fn fails_on(r: &mut Reference, name: &'static str, wrong: fn(&str) -> bool) {
    r.instead(move |_, request| {
        request.field(name).filter(|value| wrong(value)).map(|_| Response::plain(500, "internal error"))
    });
}

/// Answers a request as if its If-None-Match had another value, or were absent.
fn condition(r: &mut Reference, change: fn(&str) -> Option<String>) {
    r.instead(move |service, request| {
        let value = request.field("if-none-match")?;
        let mut other = request.clone();
        other.fields.retain(|(name, _)| !name.eq_ignore_ascii_case("if-none-match"));
        if let Some(value) = change(&value) {
            other.fields.push(("If-None-Match".into(), value));
        }
        let found = service.find(request).filter(|_| request.method == "GET")?;
        Some(service.serve(found, &other))
    });
}

fn conditional() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9110/13.1.2/1", "answers any If-None-Match with 304", |r| {
            condition(r, |_| Some("*".to_owned()));
        }),
        Mutant::new("rfc9110/13.1.2/2", "compares If-None-Match as a whole", |r| {
            condition(r, |value| (!value.contains(',')).then(|| value.to_owned()));
        }),
        Mutant::new("rfc9110/13.1.2/3", "compares entity tags strongly", |r| {
            condition(r, |value| (!value.starts_with("W/")).then(|| value.to_owned()));
        }),
        Mutant::new("rfc9110/13.1.2/4", "does not know If-None-Match: *", |r| {
            condition(r, |value| (value.trim() != "*").then(|| value.to_owned()));
        }),
        Mutant::new("rfc9110/13.1.3/1", "rejects invalid dates in If-Modified-Since", |r| {
            r.instead(|_, request| {
                let date = request.field("if-modified-since")?;
                (!date.ends_with("GMT")).then(|| Response::plain(400, "no date"))
            });
        })
        .with(Variant::Metrics),
        Mutant::new("rfc9110/13.1.3/2", "evaluates If-Modified-Since beside If-None-Match", |r| {
            r.after(|_, request, answer| {
                let since = request.field("if-modified-since");
                if since.is_some() && since.as_deref() == answer.field("Last-Modified") {
                    answer.status = 304;
                }
            });
        })
        .with(Variant::Metrics),
        Mutant::new("rfc9110/15.4.5/1", "sends the content with status 304", |r| {
            r.after(|_, _, answer| {
                if answer.status == 304 {
                    answer.delivery.raw = Some(raw(answer, None, b"{\"meta\":{}}", true));
                }
            });
        }),
        Mutant::new("rfc9110/15.4.5/2", "sends no entity tag with status 304", |r| {
            r.after(|_, _, answer| {
                if answer.status == 304 {
                    answer.fields.retain(|(name, _)| name != "ETag");
                }
            });
        }),
        Mutant::new("rfc9110/8.8.3/1", "sends entity tags without quotes", |r| {
            r.after(|_, _, answer| {
                if let Some(tag) = answer.field("ETag").map(|tag| tag.replace('"', "")) {
                    answer.set("ETag", &tag);
                }
            });
        }),
        Mutant::new("rfc9110/8.8.3/3", "makes a new entity tag for every answer", |r| {
            let count = AtomicUsize::new(0);
            r.after(move |_, _, answer| {
                if answer.status == 200 && answer.field("ETag").is_some() {
                    answer.set("ETag", &format!("\"{}\"", count.fetch_add(1, Ordering::Relaxed)));
                }
            });
        })
        .graded("warn"),
    ]
}

fn coding() -> Vec<Mutant> {
    let all = vec![
        Mutant::new("rfc9110/8.4/1", "compresses another answer than the plain one", |r| {
            r.after(|_, _, answer| {
                if answer.field("Content-Encoding").is_some() {
                    // An empty gzip stream.
                    answer.body = vec![31, 139, 8, 0, 0, 0, 0, 0, 0, 255, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                }
            });
        }),
        Mutant::new("rfc9110/8.8.3/2", "has one entity tag for plain and compressed answers", |r| {
            r.after(|_, _, answer| {
                if let Some(tag) = answer.field("ETag").map(|tag| tag.replace("-gzip", "")) {
                    answer.set("ETag", &tag);
                }
            });
        }),
        Mutant::new("rfc9110/12.5.3/1", "compresses although the client excludes it", |r| {
            r.after(|_, request, answer| {
                if request.field("accept-encoding").is_some_and(|value| value.contains("gzip;q=0"))
                    && answer.status == 200
                {
                    answer.set("Content-Encoding", "gzip");
                }
            });
        }),
        Mutant::new("rfc9110/12.5.5/1", "does not name Accept-Encoding in Vary", |r| {
            r.after(|_, _, answer| answer.set("Vary", "Accept"));
        })
        .graded("warn"),
        Mutant::new("rfc9110/15.3.7/1", "states another range than it sends", |r| {
            r.after(|_, _, answer| {
                if let Some(range) = answer.field("Content-Range").map(|range| range.replacen("bytes ", "bytes 1", 1)) {
                    answer.set("Content-Range", &range);
                }
            });
        }),
    ];
    all.into_iter().map(|mutant| mutant.with(Variant::Compressed)).collect()
}

fn semantics() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9110/6.6.1/1", "sends no Date", |r| {
            r.after(|_, _, answer| {
                let text = raw(answer, Some(answer.body.len()), &answer.body, true);
                let text = String::from_utf8_lossy(&text).replacen("Date: Sun, 06 Nov 2022 08:49:37 GMT\r\n", "", 1);
                answer.delivery.raw = Some(text.into_bytes());
            });
        }),
        Mutant::new("rfc9110/8.3/1", "fails on quotation marks in Content-Type", |r| {
            fails_on(r, "content-type", |value| value.contains('"'));
        }),
        Mutant::new("rfc9110/12.5.1/1", "fails on quotation marks in Accept", |r| {
            fails_on(r, "accept", |value| value.contains('"'));
        }),
        Mutant::new("rfc9110/12.5.1/2", "takes any range with q=0 for a refusal", |r| {
            r.instead(|_, request| {
                let excludes = request.field("accept").is_some_and(|value| value.contains("*;q=0,"));
                excludes.then(|| Response::plain(406, "not acceptable"))
            });
        }),
        Mutant::new("rfc9110/8.6/1", "states another length for HEAD than for GET", |r| {
            r.after(|_, request, answer| {
                if request.method == "HEAD" {
                    answer.delivery.raw = Some(raw(answer, Some(answer.body.len() + 1), b"", true));
                }
            });
        }),
        Mutant::new("rfc9110/9.1/1", "ignores the case of methods", |r| {
            r.instead(|service, request| {
                let method = request.method.to_uppercase();
                (method != request.method).then(|| service.respond(&ReceivedRequest { method, ..request.clone() }))
            });
        }),
        Mutant::new("rfc9110/9.3.2/1", "sends the content in answers to HEAD", |r| {
            r.after(|_, request, answer| {
                if request.method == "HEAD" {
                    answer.delivery.raw = Some(raw(answer, Some(answer.body.len()), &answer.body, true));
                }
            });
        }),
    ]
}

fn framing() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9112/3/1", "ignores superfluous words in the request line", |r| r.leniency = Leniency::AnyLine),
        Mutant::new("rfc9112/3/2", "rejects request targets of 8000 octets", |r| {
            r.instead(|_, request| (request.target.len() > 4000).then(|| Response::plain(414, "too long")));
        })
        .graded("warn"),
        Mutant::new("rfc9112/5/1", "fails on hundreds of header fields", |r| {
            r.instead(|_, request| (request.fields.len() > 100).then(|| Response::plain(500, "internal error")));
        }),
        Mutant::new("rfc9112/6.1/1", "keeps the connection after a request with two kinds of length", |r| {
            r.leniency = Leniency::BothLengths;
        }),
        Mutant::new("rfc9112/6.3/1", "fails on lengths beyond 64 bits", |r| r.leniency = Leniency::FailsOnOverflow),
        Mutant::new("rfc9112/6.3/2", "takes bytes after a body for a part of it", |r| r.leniency = Leniency::Greedy),
        Mutant::new("rfc9112/7.1/1", "ignores the sizes of chunks", |r| r.leniency = Leniency::AnyChunk),
        Mutant::new("rfc9112/8/1", "fails for good after a client that has left", |r| {
            r.leniency = Leniency::Incomplete;
            let broken = AtomicBool::new(false);
            r.instead(move |_, request| {
                let is_cut = request.method == "POST" && serde_json::from_slice::<Value>(&request.body).is_err();
                if is_cut {
                    broken.store(true, Ordering::Relaxed);
                }
                broken.load(Ordering::Relaxed).then(|| Response::plain(500, "internal error"))
            });
        }),
        Mutant::new("rfc9112/9.3/1", "closes connections silently after an error", |r| {
            r.after(|_, request, answer| {
                if matches!(answer.status, 404..=406 | 415) && !request.body.is_empty() {
                    answer.delivery.raw = Some(raw(answer, Some(answer.body.len()), &answer.body, false));
                }
            });
        }),
    ]
}

/// Answers requests whose body contains a text with status 500.
fn fails_on_body(r: &mut Reference, wrong: fn(&str) -> bool) {
    r.instead(move |_, request| {
        wrong(&String::from_utf8_lossy(&request.body)).then(|| Response::plain(500, "internal error"))
    });
}

fn json_requests() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc8259/6/1", "fails on numbers beyond the range of doubles", |r| {
            fails_on_body(r, |body| body.contains("1e400"));
        }),
        Mutant::new("rfc8259/7/1", "fails on U+0000 in strings", |r| fails_on_body(r, |body| body.contains("\\u0000"))),
        Mutant::new("rfc8259/8.1/1", "fails on a byte order mark", |r| {
            fails_on_body(r, |body| body.starts_with('\u{feff}'));
        }),
        Mutant::new("rfc8259/8.2/1", "fails on unpaired surrogates", |r| {
            fails_on_body(r, |body| body.contains("\\ud800\""));
        }),
    ]
}

/// Mutants of requirements of RFC 7285 that need several answers to be seen.
fn further() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/10.1/4", "ignores the case of PID names in filters", |r| {
            lists(r, "fnm-a", "/pids", |list| {
                for pid in list {
                    let name = pid.as_str().unwrap_or_default().to_lowercase();
                    if let Some(last) = name.strip_prefix("pid").filter(|last| last.len() == 1) {
                        *pid = json!(format!("pid{}", last.to_uppercase()));
                    }
                }
            });
        }),
        Mutant::new("rfc7285/11.5.1.6/6", "answers long requests with other costs", |r| {
            r.rewrite_messages(|found, request, message| {
                let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let many = asked["endpoints"]["dsts"].as_array().is_some_and(|dsts| dsts.len() > 100);
                if found.id() == "ecs" && many {
                    each_cost(message, &mut |cost| *cost = json!(cost.as_f64().unwrap_or_default() + 1.0));
                }
            });
        }),
        Mutant::new("rfc7285/6.1.2.2/3", "gives all pairs the same rank", |r| {
            r.of("cm-a-ord", |m| each_cost(m, &mut |cost| *cost = json!(1)));
        })
        .graded("warn"),
        Mutant::new("rfc7285/6.3/3", "changes the tag of a network map without reason", |r| {
            let count = AtomicUsize::new(0);
            r.of("nm-b", move |m| {
                m["meta"]["vtag"]["tag"] = json!(format!("t{}", count.fetch_add(1, Ordering::Relaxed)));
            });
        })
        .graded("warn"),
        Mutant::new("rfc9439/3.1/7", "states another source in an answer than in the directory", |r| {
            r.of("fcm-a", |m| {
                if m["meta"]["cost-type"].get("cost-context").is_some() {
                    m["meta"]["cost-type"]["cost-context"] = json!({ "cost-source": "nominal" });
                }
            });
        })
        .graded("warn")
        .with(Variant::Metrics),
    ]
}
