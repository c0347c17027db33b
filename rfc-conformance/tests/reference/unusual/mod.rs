//! Servers that are correct but unusual, or broken in one place: the former get no failure, the latter one for each fault.

mod choices;
mod http;
mod messages;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rfc_conformance::mock_server::http::Response;
use rfc_conformance::{Exit, Options, Verdict};
use serde_json::json;

use super::server::{Reference, Variant};

/// A server that is correct but unusual, and the requirements that might be misjudged; all if there are none.
struct Unusual {
    is: &'static str,
    variant: Variant,
    only: &'static [&'static str],
    make: fn(&mut Reference),
}

const UNUSUAL: &[Unusual] = &[
    Unusual {
        is: "closes every connection after its answer, and says so",
        variant: Variant::Plain,
        only: &["rfc7285/8.3", "rfc9112"],
        make: |r| r.after(|_, _, answer| answer.delivery.close = true),
    },
    Unusual {
        is: "describes resources in answers to OPTIONS",
        variant: Variant::Small,
        only: &["rfc7285/8.2/2", "rfc7285/8.4", "rfc7285/9.2.2/10"],
        make: |r| {
            r.instead(|service, request| {
                let found = service.find(request).filter(|_| request.method == "OPTIONS")?;
                let body = json!({ "methods": ["GET", "OPTIONS"] }).to_string();
                Some(Response::new(200, found.media_type(), body).with("Allow", "GET, OPTIONS"))
            });
        },
    },
    Unusual {
        is: "has negative costs",
        variant: Variant::Several,
        only: &["rfc8189", "rfc7285/11.3.2", "rfc7285/11.5", "rfc7285/6.1.2.1"],
        make: |r| {
            let map = &mut r.service.network.maps[0];
            for costs in std::iter::once(&mut map.costs).chain(map.metrics.values_mut()) {
                for cost in costs.values_mut() {
                    *cost -= 1_000_000.0;
                }
            }
        },
    },
    Unusual {
        is: "asks for patience now and then",
        variant: Variant::Small,
        only: &["rfc7285/11.2", "rfc7285/11.3.1", "rfc7285/9.2.2"],
        make: |r| {
            let count = AtomicUsize::new(0);
            r.instead(move |_, _| {
                let busy = count.fetch_add(1, Ordering::Relaxed) % 20 == 7;
                busy.then(|| Response::plain(503, "busy").with("Retry-After", "0"))
            });
        },
    },
    Unusual {
        is: "rejects the names of PIDs that do not exist",
        variant: Variant::Properties,
        only: &["rfc9240/8.6/6", "rfc9240/8.6/9"],
        make: |r| {
            r.instead(|service, request| {
                service.find(request).filter(|found| found.id() == "fpm" && request.method == "POST")?;
                let meta = json!({ "code": "E_INVALID_FIELD_VALUE", "field": "entities", "value": "?" });
                let error = json!({ "meta": meta }).to_string();
                let unknown = String::from_utf8_lossy(&request.body).contains("no-such-pid");
                unknown.then(|| Response::new(400, "application/alto-error+json", error))
            });
        },
    },
    Unusual {
        is: "closes the connection on a hundred million pairs",
        variant: Variant::Plain,
        only: &["rfc7285/15.5.2"],
        make: |r| {
            r.after(|_, request, answer| {
                if request.body.len() > 300_000 {
                    answer.delivery.raw = Some(Vec::new());
                }
            });
        },
    },
    Unusual {
        is: "sends weak entity tags that are the same for all codings",
        variant: Variant::Compressed,
        only: &["rfc9110"],
        make: |r| {
            r.after(|_, _, answer| {
                if let Some(tag) = answer.field("ETag").map(|tag| format!("W/{}", tag.replace("-gzip", ""))) {
                    answer.set("ETag", &tag);
                }
            });
        },
    },
    Unusual {
        is: "has neither entity tags nor HEAD nor OPTIONS",
        variant: Variant::Small,
        only: &["rfc9110", "rfc7285/8.3"],
        make: |r| {
            r.instead(|_, request| {
                matches!(request.method.as_str(), "HEAD" | "OPTIONS")
                    .then(|| Response::plain(405, "no").with("Allow", "GET, POST"))
            });
            r.after(|_, _, answer| answer.fields.retain(|(name, _)| name != "ETag"));
        },
    },
];

/// Grades a server, and describes what is wrong with the verdicts.
fn misjudged(unusual: &Unusual) -> Option<String> {
    let mut reference = Reference::new(unusual.variant);
    (unusual.make)(&mut reference);
    let report = reference.start().grade(unusual.only);
    let failures: Vec<_> = report.failures().map(|line| (line.name(), line.findings.first())).collect();
    let examined = if unusual.only.is_empty() { 100 } else { 1 };
    let wrong = !failures.is_empty() || report.could_not_run.is_some() || report.summary().pass < examined;
    let summary = (&report.could_not_run, report.lines.iter().filter(|line| line.verdict.word() == "error").count());
    wrong.then(|| format!("a server that {}: {failures:#?} {summary:?}", unusual.is))
}

/// `UNUSUAL=text cargo test -p rfc-conformance unusual` grades the servers whose description contains the text.
#[test]
fn correct_but_unusual_servers_get_no_failure() {
    let (http, messages, choices) = (http::servers(), messages::servers(), choices::servers());
    let mut servers: Vec<_> = UNUSUAL.iter().chain(&http).chain(&messages).chain(&choices).collect();
    assert!(servers.len() >= 35, "{}", servers.len());
    if let Ok(text) = std::env::var("UNUSUAL") {
        servers.retain(|unusual| unusual.is.contains(&text));
    }
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(unusual) = servers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    wrong.lock().unwrap().extend(misjudged(unusual));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), servers.len(), wrong.join("\n"));
}

#[test]
fn two_resources_that_always_fail_are_two_failures() {
    let mut reference = Reference::new(Variant::Everything);
    reference.instead(|service, request| {
        let found = service.find(request)?;
        matches!(found.id(), "ecs" | "fcm-a").then(|| Response::plain(500, "internal error"))
    });
    let report = reference.start().grade(&[]);
    let failures: Vec<_> = report.failures().map(rfc_conformance::Line::name).collect();
    assert_eq!(failures, ["rfc7285/9.2.2/14 (ecs)", "rfc7285/9.2.2/14 (fcm-a)"]);
    let blocked: Vec<_> = report.failures().flat_map(|line| &line.blocks).collect();
    assert!(blocked.iter().any(|id| id.starts_with("rfc7285/11.3.2") || id.starts_with("rfc8189/")), "{blocked:?}");
    assert_eq!(report.exit(), Exit::Failed);
    assert!(report.to_html().len() < 1 << 20, "{}", report.to_html().len());
}

#[test]
fn a_network_map_that_always_fails_is_one_failure() {
    let mut reference = Reference::new(Variant::Small);
    reference.instead(|service, request| {
        (service.find(request)?.id() == "nm-a").then(|| Response::plain(500, "internal error"))
    });
    let report = reference.start().grade(&[]);
    let failures: Vec<_> = report.failures().map(rfc_conformance::Line::name).collect();
    assert_eq!(failures, ["rfc7285/9.2.2/13 (nm-a)"]);
    assert!(report.summary().blocked > 10, "{:?}", report.summary());
}

#[test]
fn a_server_that_dies_is_one_failure() {
    let count = AtomicUsize::new(0);
    let mut reference = Reference::new(Variant::Plain);
    reference.after(move |_, _, answer| {
        if count.fetch_add(1, Ordering::Relaxed) > 150 {
            answer.delivery.raw = Some(Vec::new());
        }
    });
    let report = reference.start().grade(&[]);
    let failures: Vec<_> = report.failures().map(|line| (line.name(), &line.findings)).collect();
    assert!(matches!(&failures[..], [(name, _)] if name == "suite/alive/1"), "{failures:?}");
    assert!(report.summary().blocked > 100, "{:?}", report.summary());
}

#[test]
fn nothing_fails_after_the_deadline() {
    let mut reference = Reference::new(Variant::Small);
    reference.after(|_, _, answer| answer.delivery.delay = std::time::Duration::from_millis(200));
    let running = reference.start();
    let mut options = Options::new(&format!("http://{}/directory", running.address()));
    options.deadline = std::time::Duration::from_secs(6);
    let report = rfc_conformance::run(&options);
    let failures: Vec<_> = report.failures().map(|line| (line.name(), &line.findings)).collect();
    assert!(failures.is_empty(), "{failures:?}");
    assert!(report.lines.iter().any(|line| matches!(line.verdict, Verdict::Late(_))));
    assert_eq!(report.exit(), Exit::Incomplete);
}
