//! HTTP features common to all resources: negotiation, methods, conditional requests, encodings, framing, limits.

use std::io::{Read, Write};

use test_support::patience::wait_until;

use crate::support::{Answer, Request, Server, http};

const FILTER: &str = "application/alto-networkmapfilter+json";
const PATH: &str = "/networkmap/filtered";
const ALL: &str = "{\"pids\":[]}";

#[test]
fn accept_selects_the_media_type_or_gets_406() {
    let server = Server::of("two-isps.json");
    let own = "application/alto-networkmap+json";
    let accepted = |fields: &[&str]| {
        let request = fields.iter().fold(Request::new("GET", "/networkmap"), |r, field| r.field("Accept", field));
        request.send(server.address).status
    };
    for good in [
        &[][..],
        &["*/*"],
        &["application/*"],
        &[own],
        &["Application/ALTO-NetworkMap+JSON"],
        &["text/html, application/alto-networkmap+json;q=0.1"],
        &["text/html", own],
        &["application/alto-directory+json;q=0.1,application/alto-networkmap+json"],
        &["application/*;q=0, application/alto-networkmap+json"],
    ] {
        assert_eq!(accepted(good), 200, "{good:?}");
    }
    for bad in [
        &["text/html"][..],
        &["*/*;q=0"],
        &["application/alto-networkmap+json;q=0, */*"],
        &["application/alto-costmap+json"],
        &["text/*, image/png"],
    ] {
        assert_eq!(accepted(bad), 406, "{bad:?}");
    }
    let request = Request::new("POST", PATH).field("Accept", "text/html").field("Content-Type", FILTER).body(ALL);
    assert_eq!(request.send(server.address).status, 406);
}

#[test]
fn a_body_of_another_media_type_gets_415() {
    let server = Server::of("two-isps.json");
    let status = |content_type: &str| server.post(PATH, content_type, ALL).status;
    assert_eq!(status(FILTER), 200);
    assert_eq!(status("Application/ALTO-NetworkMapFilter+JSON; charset=utf-8; x=\"a;b\""), 200);
    for wrong in ["text/plain", "application/json", "application/alto-costmapfilter+json", ""] {
        assert_eq!(status(wrong), 415, "{wrong}");
    }
    let without = Request::new("POST", PATH).body(ALL).send(server.address);
    assert_eq!(without.status, 415);
    let gzip = Request::new("POST", PATH).field("Content-Type", FILTER).field("Content-Encoding", "gzip").body(ALL);
    assert_eq!(gzip.send(server.address).status, 415);
}

#[test]
fn unsupported_methods_get_405_and_unknown_ones_501() {
    let server = Server::of("two-isps.json");
    let ask = |method: &str, path: &str| Request::new(method, path).send(server.address);
    for (path, allow) in [("/networkmap", "GET, HEAD, OPTIONS"), (PATH, "POST, OPTIONS")] {
        let options = ask("OPTIONS", path);
        assert_eq!((options.status, options.field("allow")), (204, Some(allow)));
        for method in ["PUT", "DELETE", "PATCH"] {
            let answer = ask(method, path);
            assert_eq!((answer.status, answer.field("allow")), (405, Some(allow)), "{method} {path}");
        }
        assert_eq!(ask("BREW", path).status, 501);
    }
    assert_eq!(ask("POST", "/networkmap").status, 405);
    assert_eq!(ask("GET", PATH).status, 405);
    assert_eq!(ask("GET", "/nowhere").status, 404);
    assert_eq!(ask("CONNECT", "example.com:80").status, 501);
    let (get, head) = (ask("GET", "/directory"), ask("HEAD", "/directory"));
    let stable = |answer: &Answer| -> Vec<(String, String)> {
        // The time of the last change is given once its second has passed, which may be between the two requests.
        let varying = ["date", "last-modified", "x-request-id"];
        answer.fields.iter().filter(|(name, _)| !varying.contains(&name.as_str())).cloned().collect()
    };
    assert_eq!((head.status, stable(&head), head.body.len()), (200, stable(&get), 0));
}

#[test]
fn conditional_requests_for_unchanged_documents_get_304() {
    let server = Server::of("two-isps.json");
    let first = server.get("/costmap/numerical/routingcost");
    let tag = first.field("etag").unwrap();
    assert_eq!(first.field("cache-control"), Some("public, no-cache"));
    let conditional = |field: &str, value: &str| {
        Request::new("GET", "/costmap/numerical/routingcost").field(field, value).send(server.address)
    };
    for same in [tag, &format!("W/{tag}"), &format!("\"x\", {tag}"), "*"] {
        let answer = conditional("If-None-Match", same);
        assert_eq!((answer.status, answer.body.len(), answer.field("etag")), (304, 0, Some(tag)), "{same}");
    }
    assert_eq!(conditional("If-None-Match", "\"other\"").status, 200);
    // Last-Modified appears once the second of the change is over, which the sleep ensures.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let modified = server.get("/costmap/numerical/routingcost").field("last-modified").unwrap().to_owned();
    assert_eq!(conditional("If-Modified-Since", &modified).status, 304);
    assert_eq!(conditional("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT").status, 200);
}

#[test]
fn accept_encoding_selects_the_compression() {
    let server = Server::of("conformance-fixture-a.json");
    let get =
        |path: &str, codings: &str| Request::new("GET", path).field("Accept-Encoding", codings).send(server.address);
    let plain = server.get("/directory");
    assert!(plain.body.len() > 1024, "the directory is large enough to compress");
    for (codings, coding) in
        [("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"), ("gzip;q=0.1, br", "br"), ("x-gzip", "gzip")]
    {
        let answer = get("/directory", codings);
        if codings == "x-gzip" && answer.field("content-encoding").is_none() {
            continue;
        }
        assert_eq!(answer.field("content-encoding"), Some(coding), "{codings}");
        assert!(answer.field("vary").is_some_and(|vary| vary.to_ascii_lowercase().contains("accept-encoding")));
        assert_ne!(answer.field("etag"), plain.field("etag"), "each encoding has its own entity tag");
        assert_eq!(decoded(&answer), plain.body, "{coding}");
    }
    for codings in ["identity", "", "gzip;q=0", "unknown"] {
        assert_eq!(get("/directory", codings).field("content-encoding"), None, "{codings:?}");
    }
}

fn decoded(answer: &Answer) -> Vec<u8> {
    match answer.field("content-encoding") {
        None => answer.body.clone(),
        Some("gzip") => read_all(flate2::read::GzDecoder::new(&answer.body[..])),
        Some("br") => read_all(brotli::Decompressor::new(&answer.body[..], 4096)),
        Some(_) => zstd::decode_all(&answer.body[..]).unwrap(),
    }
}

/// Checks that a cost answer that is written while it is sent says the same as answers that are written at once.
#[test]
fn a_long_cost_answer_is_whole_in_every_encoding() {
    let server = Server::of("two-isps.json");
    let addresses = |isp: u8, count: u8| (1..=count).map(|i| format!("ipv4:127.{isp}.1.{i}")).collect::<Vec<_>>();
    let lookup = |srcs: &[String], coding: &str| {
        let cost_type = serde_json::json!({"cost-mode": "numerical", "cost-metric": "routingcost"});
        let endpoints = serde_json::json!({"srcs": srcs, "dsts": addresses(2, 200)});
        Request::new("POST", "/endpointcost/lookup")
            .field("Content-Type", "application/alto-endpointcostparams+json")
            .field("Accept-Encoding", coding)
            .body(serde_json::json!({"cost-type": cost_type, "endpoints": endpoints}).to_string())
            .send(server.address)
    };
    let srcs = addresses(1, 200);
    let long = lookup(&srcs, "identity");
    assert_eq!((long.status, long.field("content-length")), (200, None), "{} bytes", long.body.len());
    let costs = &long.json()["endpoint-cost-map"];
    assert_eq!(costs.as_object().unwrap().len(), 200);
    for srcs in srcs.chunks(20) {
        let short = lookup(srcs, "identity");
        assert_eq!(short.field("content-length"), Some(short.body.len().to_string().as_str()));
        for src in srcs {
            assert_eq!(short.json()["endpoint-cost-map"][src], costs[src], "{src}");
        }
    }
    for coding in ["gzip", "br", "zstd"] {
        let answer = lookup(&srcs, coding);
        assert_eq!(answer.field("content-encoding"), Some(coding));
        assert!(answer.field("vary").is_some_and(|vary| vary.eq_ignore_ascii_case("accept-encoding")));
        assert_eq!(decoded(&answer), long.body, "{coding}");
    }
}

fn read_all(mut reader: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn chunked_bodies_and_expect_continue_are_supported() {
    let server = Server::of("two-isps.json");
    let whole = server.post(PATH, FILTER, ALL);
    let chunks = ALL.bytes().fold(Vec::new(), |mut chunks, byte| {
        chunks.extend(format!("1;ext=\"v\"\r\n{}\r\n", char::from(byte)).into_bytes());
        chunks
    });
    let chunks = [&chunks[..], b"0\r\nTrailer: x\r\n\r\n"].concat();
    let request = Request::new("POST", PATH).field("Content-Type", FILTER).field("Transfer-Encoding", "chunked");
    assert_eq!(request.body(chunks).send(server.address).body, whole.body);

    let mut stream = http::connect(server.address);
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Type: {FILTER}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        ALL.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(ALL.as_bytes()).unwrap();
    assert_eq!(Answer::parse(&read_all(stream)).body, whole.body);
}

#[test]
fn invalid_framing_is_refused() {
    let server = Server::of("two-isps.json");
    let status = |text: &str| Answer::parse(&http::exchange(server.address, text.as_bytes())).status;
    assert_eq!(status("GET /directory HTTP/1.1\r\nConnection: close\r\n\r\n"), 400, "no Host");
    assert_eq!(status("GET /directory HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n"), 400);
    assert_eq!(status("GET /directory HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n"), 400);
    assert_eq!(status("GET /directory HTTP/1.1\r\nHost : a\r\nConnection: close\r\n\r\n"), 400);
    assert_eq!(status("GET http://elsewhere/directory HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), 200);
    assert_eq!(status("GET /directory HTTP/1.0\r\n\r\n"), 200, "HTTP/1.0 needs no Host");
    let post = |fields: &str| {
        status(&format!("POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: {FILTER}\r\n{fields}\r\n{ALL}"))
    };
    assert_eq!(post("Content-Length: x\r\nConnection: close\r\n"), 400);
    assert_eq!(post("Content-Length: 11\r\nContent-Length: 12\r\nConnection: close\r\n"), 400);
    assert!([400, 501].contains(&post("Transfer-Encoding: gzip, chunked\r\nConnection: close\r\n")));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::of("two-isps.json");
    let text =
        "GET /directory HTTP/1.1\r\nHost: a\r\n\r\nGET /networkmap HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let bytes = http::exchange(server.address, text.as_bytes());
    let text = String::from_utf8(bytes).unwrap();
    let types: Vec<usize> =
        ["alto-directory+json\r\n", "alto-networkmap+json\r\n"].map(|t| text.find(t).unwrap()).to_vec();
    assert!(types[0] < types[1]);
}

#[test]
fn a_body_above_the_limit_is_refused_before_it_is_read() {
    let server = Server::of_with("two-isps.json", &["--max-body-bytes", "1000"]);
    let long = vec![b' '; 2000];
    let declared = server.post(PATH, FILTER, long.clone());
    assert_eq!((declared.status, declared.media_type()), (413, "application/problem+json"));
    let chunks = [b"7d0\r\n".as_slice(), &long, b"\r\n0\r\n\r\n"].concat();
    let request = Request::new("POST", PATH).field("Content-Type", FILTER).field("Transfer-Encoding", "chunked");
    assert_eq!(request.body(chunks).send(server.address).status, 413);
    // A declared length above the limit is refused without waiting for the body.
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: {FILTER}\r\nContent-Length: 99999999\r\n\r\n");
    assert_eq!(Answer::parse(&http::exchange(server.address, head.as_bytes())).status, 413);
}

#[test]
fn a_body_that_does_not_arrive_occupies_no_slot_for_requests() {
    let limits = ["--max-concurrent-requests", "1", "--max-arriving-bodies", "1", "--body-timeout", "5"];
    let server = Server::of_with("two-isps.json", &limits);
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: {FILTER}\r\nContent-Length: 11\r\n\r\n{{");
    // Another body finds no room as soon as the server has seen the first one, unless the first one found none itself.
    let (slow, other) = wait_until("a refusal beside a body that does not arrive", || {
        let mut slow = http::connect(server.address);
        slow.write_all(head.as_bytes()).unwrap();
        let mut others = std::iter::repeat_with(|| server.post(PATH, FILTER, ALL)).take(1000);
        Some((slow, others.find(|answer| answer.status == 503)?))
    });
    assert!(is_retry_after(&other));
    assert_eq!(server.get("/directory").status, 200);
    // The body timeout ends the slow request, and there is room again.
    assert_eq!(Answer::parse(&read_all(slow)).status, 408);
    assert_eq!(server.post(PATH, FILTER, ALL).status, 200);
}

#[test]
fn an_answer_that_is_not_read_occupies_its_slot_until_it_stalls() {
    let server = Server::of_with("two-isps.json", &["--max-concurrent-requests", "1", "--write-timeout", "20"]);
    let addresses =
        |second| (0..700).map(|i| format!("ipv4:127.{second}.{}.{}", 100 + (i >> 8), i & 255)).collect::<Vec<_>>();
    let lookup = serde_json::json!({
        "cost-type": {"cost-mode": "numerical", "cost-metric": "routingcost"},
        "endpoints": {"srcs": addresses(1), "dsts": addresses(2)},
    });
    // More than the system buffers for a client that does not read.
    let mut unread = http::connect(server.address);
    let head =
        "POST /endpointcost/lookup HTTP/1.1\r\nHost: a\r\nContent-Type: application/alto-endpointcostparams+json\r\n";
    unread.write_all(format!("{head}Content-Length: {}\r\n\r\n{lookup}", lookup.to_string().len()).as_bytes()).unwrap();
    let mut first = [0; 12];
    unread.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let busy = server.get("/directory");
    assert_eq!((busy.status, is_retry_after(&busy)), (503, true));
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.get(path).status, 200, "{path} needs no slot");
    }
    // The connection ends for lack of progress, and with it the slot is free.
    let free = std::iter::repeat_with(|| server.get("/directory").status).find(|status| *status != 503);
    assert_eq!(free, Some(200));
}

fn is_retry_after(answer: &Answer) -> bool {
    answer.field("retry-after").is_some_and(|after| after.parse::<u64>().is_ok_and(|after| after >= 1))
}

#[test]
fn equivalent_paths_and_failing_conditions_are_told_apart() {
    let server = Server::of("two-isps.json");
    assert_eq!(server.get("/%6Eetworkmap").status, 200);
    assert_eq!(server.get("/networkmap%2F").status, 404);
    let tag = server.get("/networkmap").field("etag").unwrap().to_owned();
    let ask = |value: &str| Request::new("GET", "/networkmap").field("If-Match", value).send(server.address).status;
    assert_eq!((ask(&tag), ask("*"), ask("\"other\""), ask(&format!("W/{tag}"))), (200, 200, 412, 412));
}

#[test]
fn health_readiness_and_metrics_are_served() {
    let server = Server::of("two-isps.json");
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/readyz").status, 200);
    server.get("/networkmap");
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    for name in
        ["alto_requests_total", "alto_request_duration_seconds", "alto_pids", "alto_prefixes", "alto_connections"]
    {
        assert!(metrics.contains(name), "{name} is missing:\n{metrics}");
    }
    assert!(metrics.contains("resource=\"network-map\""), "{metrics}");
}
