//! Servers whose HTTP is correct but uncommon.

use std::sync::atomic::{AtomicUsize, Ordering};

use rfc_conformance::mock_server::http::{ReceivedRequest, Response};

use super::super::server::{Reference, Variant, gzip};
use super::super::wire::rewrite;
use super::Unusual;

const fn server(is: &'static str, make: fn(&mut Reference)) -> Unusual {
    Unusual { is, variant: Variant::Small, only: &[], make }
}

pub(super) fn servers() -> Vec<Unusual> {
    on_the_wire().into_iter().chain(coded()).chain(in_headers()).chain(limited()).collect()
}

fn on_the_wire() -> Vec<Unusual> {
    vec![
        server("answers with HTTP/1.0", |r| {
            rewrite(r, |_, mut wire| {
                wire.status = wire.status.replacen("1.1", "1.0", 1);
                wire
            });
        }),
        server("sends chunks of seven bytes, with extensions and trailers", |r| {
            r.after(|_, request, answer| {
                // Many small pieces take long, and large answers need not be so.
                if request.method != "HEAD" && answer.body.len() < 2000 {
                    answer.delivery.chunk_size = 7;
                }
            });
        }),
        server("writes the names of fields in capitals", |r| {
            rewrite(r, |_, mut wire| {
                wire.fields.iter_mut().for_each(|(name, _)| name.make_ascii_uppercase());
                wire
            });
        }),
        server("writes the names of fields in small letters, and space around their values", |r| {
            rewrite(r, |_, mut wire| {
                for (name, value) in &mut wire.fields {
                    name.make_ascii_lowercase();
                    *value = format!("\t  {value} \t");
                }
                wire
            });
        }),
        server("gives no reason after the status code", |r| {
            rewrite(r, |_, mut wire| {
                wire.status = wire.status.replacen("Status", "", 1);
                wire
            });
        }),
        server("writes the length with zeros before it", |r| {
            rewrite(r, |_, mut wire| {
                for (name, value) in &mut wire.fields {
                    if name == "Content-Length" {
                        *value = format!("000{value}");
                    }
                }
                wire
            });
        }),
        server("ends bodies with the connection, without a length", |r| {
            rewrite(r, |_, wire| wire.without("Content-Length"));
        }),
        server("sends an interim response before each final one", |r| {
            rewrite(r, |request, mut wire| {
                // HTTP/1.0 has no interim responses.
                if request.version == "1.1" {
                    wire.before = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n".into();
                }
                wire
            });
        }),
        server("closes every fifth connection, and says so", |r| {
            let count = AtomicUsize::new(0);
            r.after(move |_, _, answer| answer.delivery.close = count.fetch_add(1, Ordering::Relaxed) % 5 == 3);
        }),
    ]
}

fn coded() -> Vec<Unusual> {
    vec![
        server("compresses all answers unless the client forbids it", |r| {
            fn forbids(request: &ReceivedRequest) -> bool {
                let field = request.field("accept-encoding").map(|field| field.replace(' ', ""));
                field.is_some_and(|field| field.contains("gzip;q=0") || !field.contains("gzip"))
            }
            r.instead(|service, request| {
                // Conditions name the entity tags of compressed answers.
                let change = |(name, value): &(String, String)| (name.clone(), value.replace("-gzip\"", "\""));
                let fields = request.fields.iter().map(change).collect();
                Some(service.route(&ReceivedRequest { fields, ..request.clone() }))
            });
            r.after(|_, request, answer| {
                let read = matches!(request.method.as_str(), "GET" | "HEAD") && matches!(answer.status, 200 | 304);
                if read && !forbids(request) {
                    if let Some(tag) = answer.field("ETag").map(|tag| tag.trim_end_matches('"').to_owned()) {
                        answer.set("ETag", &format!("{tag}-gzip\""));
                    }
                    if answer.status == 200 {
                        answer.body = gzip(&answer.body);
                        answer.set("Content-Encoding", "gzip");
                    }
                }
                answer.set("Vary", "Accept, Accept-Encoding");
            });
        }),
        server("compresses the answers to POST, too", |r| {
            r.after(|_, request, answer| {
                let field = request.field("accept-encoding").unwrap_or_else(|| "gzip".to_owned());
                if request.method == "POST" && answer.status == 200 && field.contains("gzip") && !field.contains("q=0")
                {
                    answer.body = gzip(&answer.body);
                    answer.set("Content-Encoding", "gzip");
                    answer.set("Vary", "Accept-Encoding");
                }
            });
        }),
    ]
}

fn in_headers() -> Vec<Unusual> {
    vec![
        server("lets caches keep everything for years", |r| {
            r.after(|_, _, answer| {
                if answer.status == 200 {
                    answer.set("Cache-Control", "public, max-age=31536000, immutable, stale-while-revalidate=86400");
                    answer.set("Expires", "Thu, 31 Dec 2099 23:59:59 GMT");
                    answer.set("Age", "12345");
                    answer.set("Pragma", "cache");
                }
            });
        }),
        server("sets several cookies and forty fields of its own", |r| {
            r.after(|_, _, answer| {
                for number in 0..3 {
                    answer.fields.push(("Set-Cookie".into(), format!("c{number}=v; Path=/; HttpOnly")));
                }
                for number in 0..40 {
                    answer.fields.push((format!("X-Own-{number}"), "a, \"b;c\", d=e".into()));
                }
            });
        }),
        server("varies by everything and has no other validators than dates", |r| {
            r.after(|_, request, answer| {
                if answer.status == 200 && matches!(request.method.as_str(), "GET" | "HEAD") {
                    answer.fields.retain(|(name, _)| name != "ETag");
                    answer.set("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT");
                    answer.set("Vary", "*");
                }
            });
        }),
    ]
}

fn limited() -> Vec<Unusual> {
    vec![
        server("redirects every GET to another path", |r| {
            r.instead(|service, request| {
                service.find(request).filter(|_| matches!(request.method.as_str(), "GET" | "HEAD"))?;
                let location = format!("/moved{}", request.path);
                Some(Response::plain(307, "elsewhere").with("Location", &location))
            });
            r.instead(|service, request| {
                let path = request.path.strip_prefix("/moved")?.to_owned();
                let straight = ReceivedRequest { path, ..request.clone() };
                Some(service.route(&straight))
            });
        }),
        server("limits the rate of requests by status 429", |r| {
            let count = AtomicUsize::new(0);
            r.instead(move |_, _| {
                let many = count.fetch_add(1, Ordering::Relaxed) % 25 == 9;
                many.then(|| Response::plain(429, "too many requests").with("Retry-After", "0"))
            });
        }),
        server("refuses bodies of more than 20,000 bytes", |r| {
            r.instead(|_, request| {
                (request.body.len() > 20_000).then(|| Response::plain(413, "too long").with("Retry-After", "100000"))
            });
        }),
        server("has no OPTIONS, and refuses unknown methods with 405", |r| {
            r.instead(|_, request| {
                let known = matches!(request.method.as_str(), "GET" | "HEAD" | "POST");
                (!known).then(|| Response::plain(405, "no").with("Allow", "GET, HEAD, POST"))
            });
        }),
    ]
}
