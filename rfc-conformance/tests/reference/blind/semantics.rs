//! Faults of HTTP semantics, written from the text of RFC 9110.

use rfc_conformance::mock_server::http::{ReceivedRequest, Response};

use super::super::mutant::Mutant;
use super::super::server::{Reference, Variant, gzip};

pub(super) fn mutants() -> Vec<Mutant> {
    let coded = codings().into_iter().chain(ranges()).map(|mutant| mutant.with(Variant::Compressed));
    fields().into_iter().chain(conditions()).chain(negotiation()).chain(coded).collect()
}

/// Changes every successful answer to GET and HEAD.
fn successes(r: &mut Reference, change: fn(&ReceivedRequest, &mut Response)) {
    r.after(move |found, request, answer| {
        if found.is_some() && answer.status == 200 && matches!(request.method.as_str(), "GET" | "HEAD") {
            change(request, answer);
        }
    });
}

/// Handles GET requests with a field as if they did not have it, and gives the answer to a function that knows its value.
fn without(r: &mut Reference, name: &'static str, answer: fn(&str, Response) -> Response) {
    r.instead(move |service, request| {
        let value = request.field(name).filter(|_| request.method == "GET")?;
        let found = service.find(request).filter(|found| found.accepts().is_none())?;
        let mut plain = request.clone();
        plain.fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        Some(answer(&value, service.serve(found, &plain)))
    });
}

/// Answers 304 where `known` says so, and with the whole representation otherwise.
fn not_modified(r: &mut Reference, known: fn(&str, &str) -> bool) {
    fn decide(known: fn(&str, &str) -> bool, value: &str, answer: Response) -> Response {
        let tag = answer.field("ETag").unwrap_or_default().to_owned();
        if known(value, &tag) { Response { status: 304, ..Response::default() }.with("ETag", &tag) } else { answer }
    }
    r.instead(move |service, request| {
        let value = request.field("if-none-match").filter(|_| request.method == "GET")?;
        let found = service.find(request).filter(|found| found.accepts().is_none())?;
        let mut plain = request.clone();
        plain.fields.retain(|(name, _)| !name.eq_ignore_ascii_case("if-none-match"));
        Some(decide(known, &value, service.serve(found, &plain)))
    });
}

fn is_gzip(answer: &Response) -> bool {
    answer.field("Content-Encoding") == Some("gzip")
}

fn fields() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.3.3/4", "sends a media type with a parameter that has no value", |r| {
            successes(r, |_, answer| {
                let media_type = answer.field("Content-Type").unwrap_or_default().to_owned();
                answer.set("Content-Type", &format!("{media_type}; charset"));
            });
        }),
        Mutant::new("rfc9110/8.8.2/1", "sends the time of the last change as a number of seconds", |r| {
            successes(r, |_, answer| answer.set("Last-Modified", "1700000000"));
        }),
        Mutant::new("rfc9110/8.8.2/1", "says that maps were changed in the year 2099", |r| {
            successes(r, |_, answer| answer.set("Last-Modified", "Wed, 01 Jan 2099 00:00:00 GMT"));
        }),
        Mutant::new("rfc9110/5.3/1", "sends two dates", |r| {
            successes(r, |_, answer| answer.set("Date", "Thu, 01 Jan 1970 00:00:00 GMT"));
        }),
        Mutant::new("rfc9110/5.3/1", "sends two entity tags", |r| {
            successes(r, |_, answer| answer.fields.push(("ETag".into(), "\"second\"".into())));
        }),
        Mutant::new("rfc9110/5.3/1", "sends two media types", |r| {
            successes(r, |_, answer| answer.fields.push(("Content-Type".into(), "application/json".into())));
        }),
        Mutant::new("rfc9110/8.8.3/1", "sends entity tags without quotes", |r| {
            successes(r, |_, answer| {
                if let Some(tag) = answer.field("ETag").map(|tag| tag.trim_matches('"').to_owned()) {
                    answer.set("ETag", &tag);
                }
            });
        }),
        Mutant::new("rfc9110/8.8.3/1", "marks weak entity tags by a small w", |r| {
            successes(r, |_, answer| {
                if let Some(tag) = answer.field("ETag").map(|tag| format!("w/{tag}")) {
                    answer.set("ETag", &tag);
                }
            });
        }),
        Mutant::new("rfc9110/9.3.2/2", "sends other entity tags in answers to HEAD", |r| {
            successes(r, |request, answer| {
                if request.method == "HEAD" {
                    answer.set("ETag", "\"head\"");
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc9110/8.6/1", "answers HEAD for maps with the length of nothing", |r| {
            successes(r, |request, answer| {
                if request.method == "HEAD" {
                    answer.body.clear();
                }
            });
        }),
        Mutant::new("rfc9110/8.8.3/3", "makes every entity tag from a counter of requests", |r| {
            let count = std::sync::atomic::AtomicUsize::new(0);
            r.after(move |_, request, answer| {
                if answer.status == 200 && matches!(request.method.as_str(), "GET" | "HEAD") {
                    let next = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    answer.set("ETag", &format!("\"{next}\""));
                }
            });
        })
        .graded("warn"),
        Mutant::new("rfc9110/9.1/1", "takes methods in small letters", |r| {
            r.instead(|service, request| {
                let found = service.find(request).filter(|_| request.method == "get")?;
                Some(service.serve(found, &ReceivedRequest { method: "GET".into(), ..request.clone() }))
            });
        }),
        Mutant::new("rfc9112/5/1", "fails on a long field", |r| {
            r.instead(|_, request| {
                let long = request.fields.iter().any(|(_, value)| value.len() > 4000);
                long.then(|| Response::plain(500, "buffer too small"))
            });
        }),
        Mutant::new("rfc9112/3/2", "fails on a long path", |r| {
            r.instead(|_, request| (request.target.len() > 2000).then(|| Response::plain(500, "buffer too small")));
        }),
        Mutant::new("rfc9110/5.1/1", "refuses fields that it does not know", |r| {
            r.instead(|_, request| {
                let own = request.fields.iter().any(|(name, _)| name.to_ascii_lowercase().starts_with("x-"));
                own.then(|| Response::plain(400, "unknown field"))
            });
        })
        .graded("warn"),
    ]
}

fn conditions() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9110/13.1.2/2", "compares only the first of several entity tags", |r| {
            not_modified(r, |value, tag| {
                value.split(',').next().is_some_and(|first| first.trim() == tag || first == "*")
            });
        }),
        Mutant::new("rfc9110/13.1.2/2", "compares If-None-Match as one text", |r| {
            not_modified(r, |value, tag| value == tag || value == "*");
        }),
        Mutant::new("rfc9110/13.1.2/3", "does not compare entity tags weakly", |r| {
            not_modified(r, |value, tag| value.split(',').any(|one| one.trim() == tag || one.trim() == "*"));
        }),
        Mutant::new("rfc9110/13.1.2/4", "does not know the star of If-None-Match", |r| {
            not_modified(r, |value, tag| value.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
        }),
        Mutant::new("rfc9110/13.1.2/1", "looks for its entity tag anywhere in If-None-Match", |r| {
            not_modified(r, |value, tag| value == "*" || value.contains(tag.trim_matches('"')));
        }),
        Mutant::new("rfc9110/13.1.2/1", "answers every conditional request with 304", |r| {
            not_modified(r, |_, _| true);
        }),
        Mutant::new("rfc9110/13.1.2/1", "compares entity tags without regard to case", |r| {
            not_modified(r, |value, tag| {
                value
                    .split(',')
                    .any(|one| one.trim().trim_start_matches("W/").eq_ignore_ascii_case(tag) || one.trim() == "*")
            });
        }),
        Mutant::new("rfc9110/15.4.5/2", "forgets the entity tag of an answer 304", |r| {
            r.after(|_, _, answer| {
                if answer.status == 304 {
                    answer.fields.retain(|(name, _)| name != "ETag");
                }
            });
        }),
        Mutant::new("rfc9110/15.4.5/2", "answers 304 with another entity tag", |r| {
            r.after(|_, _, answer| {
                if answer.status == 304 {
                    answer.set("ETag", "\"unchanged\"");
                }
            });
        }),
        Mutant::new("rfc9110/15.4.5/1", "sends a body with 304", |r| {
            r.after(|_, _, answer| {
                if answer.status == 304 {
                    let tag = answer.field("ETag").unwrap_or_default().to_owned();
                    let text =
                        format!("HTTP/1.1 304 Not Modified\r\nDate: Sun, 29 Nov 2026 00:00:00 GMT\r\nETag: {tag}\r\n");
                    answer.delivery.raw =
                        Some(format!("{text}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}").into_bytes());
                }
            });
        }),
        Mutant::new("rfc9110/13.1.3/1", "answers 304 to any If-Modified-Since", |r| {
            without(r, "if-modified-since", |_, answer| {
                let tag = answer.field("ETag").unwrap_or_default().to_owned();
                Response { status: 304, ..Response::default() }.with("ETag", &tag)
            });
        }),
        Mutant::new("rfc9110/13.1.3/1", "fails on dates that are none", |r| {
            without(r, "if-modified-since", |value, answer| {
                if httpdate::parse_http_date(value).is_ok() { answer } else { Response::plain(500, "no date") }
            });
        }),
        Mutant::new("rfc9110/13.1.3/2", "lets If-Modified-Since win over If-None-Match", |r| {
            r.instead(|service, request| {
                request.field("if-modified-since").and_then(|date| httpdate::parse_http_date(&date).ok())?;
                let tag = request.field("if-none-match").filter(|_| request.method == "GET")?;
                service.find(request).filter(|found| found.accepts().is_none())?;
                Some(Response { status: 304, ..Response::default() }.with("ETag", &tag))
            });
        }),
        Mutant::new("rfc9110/13.1.1/2", "ignores If-Match", |r| without(r, "if-match", |_, answer| answer)),
        Mutant::new("rfc9110/13.1.1/1", "refuses every If-Match", |r| {
            without(r, "if-match", |_, _| Response::plain(412, "the map has changed"));
        }),
        Mutant::new("rfc9110/13.1.1/1", "does not know the star of If-Match", |r| {
            without(r, "if-match", |value, answer| {
                let tag = answer.field("ETag").unwrap_or_default();
                if value.split(',').any(|one| one.trim() == tag) { answer } else { Response::plain(412, "changed") }
            });
        }),
    ]
}

fn negotiation() -> Vec<Mutant> {
    /// Refuses GET requests whose Accept satisfies a condition.
    fn refuses(r: &mut Reference, status: u16, wrong: fn(&str) -> bool) {
        r.instead(move |_, request| {
            let accept = request.field("accept").unwrap_or_default();
            wrong(&accept).then(|| Response::plain(status, "not acceptable"))
        });
    }
    vec![
        Mutant::new("rfc9110/12.5.1/1", "fails on quoted parameters in Accept", |r| {
            refuses(r, 500, |accept| accept.contains('"'));
        }),
        Mutant::new("rfc9110/12.5.1/2", "reads quality values as whole numbers", |r| {
            refuses(r, 406, |accept| !accept.is_empty() && accept.split(',').all(|range| range.contains("q=0.")));
        }),
        Mutant::new("rfc7285/8.3/14", "refuses space before the parameters of Accept", |r| {
            refuses(r, 400, |accept| accept.contains(" ;"));
        }),
        Mutant::new("rfc9110/12.5.1/2", "refuses empty elements in Accept", |r| {
            refuses(r, 400, |accept| accept.split(',').any(|range| range.trim().is_empty()) && accept.contains(','));
        }),
        Mutant::new("rfc9110/12.5.1/1", "fails on ranges that are no media types", |r| {
            refuses(r, 500, |accept| accept.split(',').any(|range| !range.trim().is_empty() && !range.contains('/')));
        }),
        Mutant::new("rfc7285/8.3/14", "reads only the first of two Accept fields", |r| {
            r.instead(|_, request| {
                let mut fields = request.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("accept"));
                let (first, second) = (fields.next()?, fields.next());
                let other = second.is_some() && !first.1.contains("alto") && !first.1.contains('*');
                other.then(|| Response::plain(406, "not acceptable"))
            });
        }),
        Mutant::new("rfc7285/8.3/13", "compares the media types of requests by case", |r| {
            r.instead(|_, request| {
                let media_type = request.field("content-type").filter(|_| request.method == "POST")?;
                media_type.chars().any(char::is_uppercase).then(|| Response::plain(415, "unknown media type"))
            });
        }),
        Mutant::new("rfc9110/8.3/1", "fails on quoted parameters of media types", |r| {
            r.instead(|_, request| {
                let media_type = request.field("content-type").filter(|_| request.method == "POST")?;
                media_type.contains('"').then(|| Response::plain(500, "cannot parse"))
            });
        }),
    ]
}

fn codings() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9110/8.4/1", "says gzip and sends plain JSON", |r| {
            successes(r, |_, answer| {
                if is_gzip(answer) {
                    let mut plain = Vec::new();
                    let _ = std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&answer.body[..]), &mut plain);
                    answer.body = plain;
                }
            });
        }),
        Mutant::new("rfc9110/8.4/1", "compresses twice", |r| {
            successes(r, |_, answer| {
                if is_gzip(answer) {
                    answer.body = gzip(&answer.body);
                }
            });
        }),
        Mutant::new("rfc9110/8.4/1", "cuts compressed answers off", |r| {
            successes(r, |_, answer| {
                if is_gzip(answer) {
                    answer.body.truncate(answer.body.len() - 8);
                }
            });
        }),
        Mutant::new("rfc9110/12.5.3/1", "compresses for clients that rule gzip out", |r| {
            r.after(|found, request, answer| {
                let field = request.field("accept-encoding").unwrap_or_default();
                let plain = found.is_some() && answer.status == 200 && !is_gzip(answer) && request.method == "GET";
                if plain && field.contains("gzip") && request.field("range").is_none() {
                    answer.body = gzip(&answer.body);
                    answer.set("Content-Encoding", "gzip");
                    let tag = answer.field("ETag").unwrap_or_default().trim_end_matches('"').to_owned();
                    answer.set("ETag", &format!("{tag}-gzip\""));
                }
            });
        }),
        Mutant::new("rfc9110/12.5.3/1", "compresses for everybody", |r| {
            successes(r, |request, answer| {
                if !is_gzip(answer) && request.field("range").is_none() && request.field("accept-encoding").is_some() {
                    answer.body = gzip(&answer.body);
                    answer.set("Content-Encoding", "gzip");
                    answer.set("ETag", "\"always-gzip\"");
                }
            });
        }),
        Mutant::new("rfc9110/12.5.5/1", "names no Accept-Encoding in Vary", |r| {
            successes(r, |_, answer| answer.set("Vary", "Accept"));
        })
        .graded("warn"),
        Mutant::new("rfc9110/8.8.3/2", "uses one strong entity tag for all codings", |r| {
            successes(r, |_, answer| {
                let tag = answer.field("ETag").unwrap_or_default().replace("-gzip", "");
                answer.set("ETag", &tag);
            });
        }),
        Mutant::new("rfc9110/8.6/1", "answers HEAD with the length without compression", |r| {
            successes(r, |request, answer| {
                if request.method == "HEAD" && is_gzip(answer) {
                    let mut plain = Vec::new();
                    let _ = std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&answer.body[..]), &mut plain);
                    answer.body = plain;
                }
            });
        }),
    ]
}

fn ranges() -> Vec<Mutant> {
    /// Changes partial answers.
    fn partial(r: &mut Reference, change: fn(&ReceivedRequest, &mut Response)) {
        r.after(move |_, request, answer| {
            if answer.status == 206 {
                change(request, answer);
            }
        });
    }
    vec![
        Mutant::new("rfc9110/15.3.7/1", "sends one byte too few of a range", |r| {
            partial(r, |_, answer| {
                answer.body.pop();
            });
        }),
        Mutant::new("rfc9110/15.3.7/1", "sends other bytes than it names", |r| {
            partial(r, |_, answer| {
                if let Some(first) = answer.body.first_mut() {
                    *first = first.wrapping_add(1);
                }
            });
        }),
        Mutant::new("rfc9110/15.3.7/1", "names no range with a partial answer", |r| {
            partial(r, |_, answer| {
                answer.fields.retain(|(name, _)| name != "Content-Range");
            });
        }),
        Mutant::new("rfc9110/15.3.7/1", "names the length of the part as that of the whole", |r| {
            partial(r, |_, answer| {
                let range = answer.field("Content-Range").and_then(|range| range.split('/').next()).unwrap_or_default();
                let range = format!("{range}/{}", answer.body.len());
                answer.set("Content-Range", &range);
            });
        }),
        Mutant::new("rfc9110/15.3.7/2", "sends no entity tag with a partial answer", |r| {
            partial(r, |_, answer| {
                answer.fields.retain(|(name, _)| name != "ETag");
            });
        }),
        Mutant::new("rfc9110/14.2/1", "refuses units of ranges that it does not know", |r| {
            r.instead(|_, request| {
                let range = request.field("range").filter(|_| request.method == "GET")?;
                (!range.starts_with("bytes=")).then(|| Response::plain(416, "unknown unit"))
            });
        }),
        Mutant::new("rfc9110/14.2/2", "fails on ranges that begin after the end", |r| {
            r.instead(|_, request| {
                let first = request.field("range")?.strip_prefix("bytes=")?.split('-').next()?.parse::<u64>().ok()?;
                (first > 50_000).then(|| Response::plain(500, "slice index out of range"))
            });
        }),
        Mutant::new("rfc9110/13.1.5/1", "sends parts of changed maps in spite of If-Range", |r| {
            r.after(|_, request, answer| {
                if answer.status == 200 && request.field("if-range").is_some() && request.field("range").is_some() {
                    answer.status = 206;
                    let whole = answer.body.len();
                    answer.body.truncate(10);
                    answer.set("Content-Range", &format!("bytes 0-9/{whole}"));
                }
            });
        }),
    ]
}
