//! Mutants with faults in HTTP, TLS and authentication.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rfc_conformance::mock_server::http::{Leniency, ReceivedRequest, Response};
use rfc_conformance::mock_server::media_type;
use rfc_conformance::mock_server::service::Service;

use super::mutant::Mutant;
use super::server::{Reference, Variant, challenge, credentials, is_user};

pub(crate) fn mutants() -> Vec<Mutant> {
    let mut all = messages();
    all.extend(methods());
    all.extend(negotiation());
    all.extend(answers());
    all.extend(access());
    all
}

fn is_service(service: &Service, request: &ReceivedRequest) -> bool {
    request.method == "POST" && service.find(request).is_some_and(|found| found.accepts().is_some())
}

fn messages() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.3/2", "ignores the Host field", |r| r.leniency = Leniency::AnyHost),
        Mutant::new("rfc7285/8.3/3", "treats a chunked body as empty", |r| {
            r.instead(|service, request| {
                request.field("transfer-encoding")?;
                let found = service.find(request).filter(|_| is_service(service, request))?;
                Some(service.serve(found, &ReceivedRequest { body: Vec::new(), ..request.clone() }))
            });
        }),
        Mutant::new("rfc7285/8.3/4", "rejects absolute request targets", |r| {
            r.instead(|_, request| request.target.starts_with("http").then(|| Response::plain(404, "not found")));
        }),
        Mutant::new("rfc7285/8.3/5", "accepts white space before the colon of a header field", |r| {
            r.leniency = Leniency::AnySpacing;
        }),
        Mutant::new("rfc7285/8.3/6", "uses the first of two Content-Length fields", |r| {
            r.leniency = Leniency::AnyLength;
        }),
        Mutant::new("rfc7285/8.3/7", "closes the connection after each answer without saying so", |r| {
            r.after(|_, _, answer| {
                let length = answer.body.len();
                let head = format!("HTTP/1.1 {} X\r\nContent-Length: {length}\r\n", answer.status);
                let fields: Vec<_> = answer.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                let head = [head, fields.concat(), "\r\n".into()].concat();
                answer.delivery.raw = Some([head.as_bytes(), &answer.body].concat());
            });
        }),
        Mutant::new("rfc7285/8.3/15", "does not answer `Expect: 100-continue`", |r| {
            r.leniency = Leniency::NoContinue;
        }),
    ]
}

fn methods() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.3/9", "answers HEAD with another type than GET", |r| {
            r.after(|_, request, answer| {
                if request.method == "HEAD" {
                    answer.set("Content-Type", "text/html");
                }
            });
        }),
        Mutant::new("rfc7285/8.3/10", "rejects methods without sending Allow", |r| {
            r.after(|_, _, answer| answer.fields.retain(|(name, _)| name != "Allow"));
        }),
        Mutant::new("rfc7285/8.3/11", "treats unknown methods as GET", |r| {
            r.instead(|service, request| {
                let found = service.find(request).filter(|_| request.method == "BREW")?;
                Some(service.serve(found, request))
            });
        }),
        Mutant::new("rfc7285/8.3/12", "accepts bodies of any type", |r| {
            r.instead(|service, request| {
                let found = service.find(request).filter(|_| is_service(service, request))?;
                Some(service.serve(found, request))
            });
        }),
        Mutant::new("rfc7285/8.3/16", "answers unknown paths with 200", |r| {
            r.instead(|service, request| service.find(request).is_none().then(|| Response::plain(200, "welcome")));
        }),
    ]
}

/// Rejects requests by the value of a header field.
fn refuses_field(reference: &mut Reference, status: u16, name: &'static str, refuse: fn(&str) -> bool) {
    reference.instead(move |_, request| {
        let value = request.field(name)?;
        refuse(&value).then(|| Response::plain(status, "not this"))
    });
}

fn negotiation() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.3/13", "compares media types case-sensitively", |r| {
            refuses_field(r, 415, "content-type", |value| value.chars().any(char::is_uppercase));
        }),
        Mutant::new("rfc7285/8.3/14", "does not support media ranges in Accept", |r| {
            refuses_field(r, 406, "accept", |value| value == "application/*");
        }),
        Mutant::new("rfc7285/8.3.4.2/2", "sends a directory to every client that accepts one", |r| {
            r.instead(|service, request| {
                let accepts = request.field("accept").is_some_and(|value| value.contains(media_type::DIRECTORY));
                let other = service.find(request).is_some_and(|found| found.media_type() != media_type::DIRECTORY);
                (accepts && other).then(|| service.serve(service.by_id("root").unwrap(), request))
            });
        }),
        Mutant::new("rfc7285/8.3.3/1", "sends a web page to clients that accept HTML", |r| {
            r.instead(|_, request| {
                let html = request.field("accept").is_some_and(|value| value == "text/html");
                html.then(|| Response::new(200, "text/html", "<p>A network map.</p>"))
            });
        }),
    ]
}

fn answers() -> Vec<Mutant> {
    let mut all = vec![
        Mutant::new("rfc7285/8.3.3/2", "repeats an answer although the client sends its entity tag", |r| {
            r.instead(|service, request| {
                request.field("if-none-match")?;
                let fields = request.fields.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("if-none-match"));
                let plain = ReceivedRequest { fields: fields.cloned().collect(), ..request.clone() };
                Some(service.serve(service.find(request)?, &plain))
            });
        }),
        Mutant::new("rfc7285/8.3.3/3", "redirects a POST to a missing page", |r| {
            r.after(|_, _, answer| {
                if answer.status == 303 {
                    answer.set("Location", "/nowhere");
                }
            });
        })
        .with(Variant::SeeOther),
        Mutant::new("rfc7285/15.5.2/1", "fails for good after an expensive request", |r| {
            let broken = AtomicBool::new(false);
            r.after(move |_, request, answer| {
                if request.body.len() > 300_000 {
                    broken.store(true, Ordering::Relaxed);
                }
                if broken.load(Ordering::Relaxed) {
                    *answer = Response::plain(500, "too much");
                }
            });
        }),
        Mutant::new("suite/alive/1", "stops answering after two requests", |r| {
            let count = AtomicUsize::new(0);
            r.instead(move |_, _| {
                let many = count.fetch_add(1, Ordering::SeqCst) > 1;
                many.then(|| Response::plain(500, "enough"))
            });
        }),
    ];
    let small = vec![
        Mutant::new("rfc7285/8.3.3/4", "sends bodies without Content-Type", |r| {
            r.after(|found, _, answer| {
                if found.is_some_and(|found| found.id() == "cm-a-num") {
                    answer.fields.retain(|(name, _)| name != "Content-Type");
                }
            });
        }),
        Mutant::new("rfc7285/8.5.3/2", "sends `Retry-After: soon`", |r| {
            r.after(|_, _, answer| answer.set("Retry-After", "soon"));
        }),
        Mutant::new("rfc7285/15.4.2/1", "sets a cookie", |r| r.after(|_, _, answer| answer.set("Set-Cookie", "a=b")))
            .graded("info"),
    ];
    all.extend(small.into_iter().map(|mutant| mutant.with(Variant::Small)));
    all
}

fn access() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/8.3.5/2", "accepts a Digest response without checking the password", |r| {
            r.service.hooks.intercept = None;
            r.instead(|_, request| {
                let knows = credentials(request).is_some_and(|header| header.username == "reader");
                (!knows).then(challenge)
            });
        })
        .with(Variant::Digest),
        Mutant::new("rfc7285/15.3.2/2", "serves network maps without authentication", |r| {
            r.service.hooks.intercept = None;
            r.instead(|_, request| {
                let open = request.path.starts_with("/maps");
                (!open && !is_user(request)).then(challenge)
            });
        })
        .with(Variant::Digest),
        Mutant::new("rfc7285/15.1.2/2", "truncates answers over TLS", |r| {
            r.after(|_, request, answer| {
                if request.field("accept").is_none() {
                    // A real pause: the head must arrive in a TLS record of its own before the connection breaks.
                    thread::sleep(Duration::from_millis(10));
                    answer.delivery.truncate_after = Some(1);
                }
            });
        })
        .with(Variant::Https),
    ]
}
