//! Tests with broken and malicious servers: each gets a clear verdict, in bounded time and memory.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rfc_conformance::{Exit, Options, Report, Verdict};

const DIRECTORY: &str = "application/alto-directory+json";

/// Serves every connection with a function, for as long as the test program runs.
fn serve(handle: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let handle = handle.clone();
            std::thread::spawn(move || handle(stream));
        }
    });
    address
}

/// Serves requests one after the other with a function from path to response bytes.
fn serve_requests(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + Clone + 'static) -> SocketAddr {
    serve(move |mut stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(path) = request(&mut reader) {
            if stream.write_all(&answer(&path)).is_err() {
                return;
            }
        }
    })
}

/// Reads a whole request and returns its path.
fn request(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut first = String::new();
    let (mut length, mut line) = (0, String::new());
    reader.read_line(&mut first).ok().filter(|length| *length > 0)?;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok()?;
    first.split(' ').nth(1).map(str::to_owned)
}

fn answer(status: &str, media_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// Grades a server that answers, with time limits that a busy machine does not reach.
fn graded(address: SocketAddr) -> Report {
    graded_within(address, 30, 100)
}

/// Grades a server that does not answer something, with a time limit of a request that is reached soon.
fn graded_soon(address: SocketAddr) -> Report {
    graded_within(address, 3, 40)
}

/// Grades a server with time limits in seconds, and asserts that the run observes its deadline.
fn graded_within(address: SocketAddr, timeout: u64, deadline: u64) -> Report {
    let mut options = Options::new(&format!("http://{address}/directory"));
    options.timeout = Duration::from_secs(timeout);
    options.deadline = Duration::from_secs(deadline);
    // Wall clock, because the promise is about real time; the bound is twice the deadline for slow machines.
    let started = Instant::now();
    let report = rfc_conformance::run(&options);
    assert!(started.elapsed() < 2 * options.deadline, "{:?}", started.elapsed());
    report
}

/// Asserts that the run was not possible, and that the report says why.
#[track_caller]
fn assert_could_not_run(report: &Report, why: &str) {
    let said = report.could_not_run.as_deref().unwrap_or_default();
    assert!(said.contains(why), "{said:?} should say {why:?}");
    assert_eq!(report.exit(), Exit::CouldNotRun);
    assert!(report.to_text(false).contains(why));
}

/// Asserts that a requirement failed with a finding that contains `seen`.
#[track_caller]
fn assert_fails(report: &Report, id: &str, seen: &str) {
    let line = report.lines.iter().find(|line| line.requirement.id == id).unwrap();
    assert!(matches!(line.verdict, Verdict::Fail), "{id}: {:?}", line.verdict);
    assert!(line.findings.iter().any(|finding| finding.seen.contains(seen)), "{:?}", line.findings);
    assert_eq!(report.exit(), Exit::Failed);
}

#[test]
fn a_refused_connection_is_reported() {
    // A port that no test is given.
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    assert_could_not_run(&graded(address), "no connection: Connection refused");
}

#[test]
fn a_server_that_never_answers_is_reported() {
    let address = serve(|stream| {
        let _until_closed_by_client = BufReader::new(stream).read_to_end(&mut Vec::new());
    });
    assert_could_not_run(&graded_soon(address), "no complete answer within 3 s");
}

#[test]
fn a_slow_answer_times_out() {
    let address = serve(|mut stream| {
        let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        while stream.write_all(b" ").is_ok() {
            // A real pause: the server must send slower than the client's time limit allows.
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert_could_not_run(&graded_soon(address), "no complete answer within 3 s");
}

#[test]
fn a_truncated_answer_is_reported() {
    let address = serve(|mut stream| {
        request(&mut BufReader::new(stream.try_clone().unwrap()));
        let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"meta\":");
    });
    assert_could_not_run(&graded(address), "the connection was closed before the answer was complete");
}

#[test]
fn a_server_without_http_is_reported() {
    let address = serve(|mut stream| {
        let _gone = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n");
        let _gone = BufReader::new(stream).read_to_end(&mut Vec::new());
    });
    assert_could_not_run(&graded(address), "not HTTP");
}

#[test]
fn a_redirect_loop_is_reported() {
    let redirect = b"HTTP/1.1 302 RequestTarget\r\nLocation: /directory\r\nContent-Length: 0\r\n\r\n";
    let address = serve_requests(move |_| redirect.to_vec());
    assert_could_not_run(&graded(address), "more than 10 consecutive redirects");
}

#[test]
fn an_endless_redirect_chain_is_reported() {
    let count = Arc::new(AtomicUsize::new(0));
    let address = serve_requests(move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        format!("HTTP/1.1 307 Elsewhere\r\nLocation: /{number}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    });
    assert_could_not_run(&graded(address), "more than 10 consecutive redirects");
}

#[test]
fn a_web_page_fails_as_root_directory() {
    let page = "<html><script>alert(1)</script><body>It works!</body></html>";
    let address = serve_requests(move |_| answer("200 OK", "text/html", page));
    let report = graded(address);
    assert_fails(&report, "rfc7285/9.2/1", "status 200 with text/html");
    let map = report.lines.iter().find(|line| line.requirement.id == "rfc7285/11.2.1/1").unwrap();
    assert!(matches!(&map.verdict, Verdict::Skipped(why) if why.contains("no directory")), "{:?}", map.verdict);
    assert!(!report.to_html().contains("<script>"));
}

#[test]
fn deeply_nested_json_is_rejected() {
    let deep = "[".repeat(1_000_000);
    let address = serve_requests(move |_| answer("200 OK", DIRECTORY, &deep));
    assert_fails(&graded(address), "rfc7285/9.2/1", "recursion limit exceeded");
}

#[test]
fn endless_directories_are_limited() {
    let address = serve_requests(|path| {
        let entry = |number| {
            let name = format!("{}-{number}", path.trim_matches('/').replace('/', "-"));
            format!("\"{name}\":{{\"uri\":\"/{name}\",\"media-type\":\"{DIRECTORY}\"}}")
        };
        let entries: Vec<_> = (0..3).map(entry).collect();
        answer("200 OK", DIRECTORY, &format!("{{\"meta\":{{}},\"resources\":{{{}}}}}", entries.join(",")))
    });
    let report = graded(address);
    assert_fails(&report, "rfc7285/9.2.4/1", "there are more than 64 directories");
    assert!(report.requests < 2000, "{}", report.requests);
}

#[test]
fn endless_resources_are_limited() {
    let entries: Vec<_> = (0..5000)
        .map(|number| format!("\"{number}\":{{\"uri\":\"/{number}\",\"media-type\":\"application/x-{number}\"}}"))
        .collect();
    let body = format!("{{\"meta\":{{}},\"resources\":{{{}}}}}", entries.join(","));
    let address = serve_requests(move |path| {
        if path == "/directory" {
            answer("200 OK", DIRECTORY, &body)
        } else {
            answer("404 Not Found", "text/plain", "")
        }
    });
    assert_fails(&graded(address), "rfc7285/9.2.4/1", "there are more than 4096 resources");
}

/// Returns a directory that lists one resource of every kind, none of which is served.
fn directory_of_missing_resources() -> String {
    let entry = |id: &str, kind: &str, accepts: &str| {
        format!(
            "\"{id}\":{{\"uri\":\"/{id}\",\"media-type\":\"application/alto-{kind}+json\"{accepts},\
             \"capabilities\":{{\"cost-type-names\":[\"n\"],\"prop-types\":[\"map.pid\"]}},\"uses\":[\"map\"]}}"
        )
    };
    let accepts = |kind: &str| format!(",\"accepts\":\"application/alto-{kind}+json\"");
    let entries = [
        entry("map", "networkmap", ""),
        entry("costs", "costmap", ""),
        entry("part", "networkmap", &accepts("networkmapfilter")),
        entry("some", "costmap", &accepts("costmapfilter")),
        entry("what", "endpointprop", &accepts("endpointpropparams")),
        entry("far", "endpointcost", &accepts("endpointcostparams")),
    ];
    let types = "\"cost-types\":{\"n\":{\"cost-mode\":\"numerical\",\"cost-metric\":\"routingcost\"}}";
    let meta = format!("{{\"default-alto-network-map\":\"map\",{types}}}");
    format!("{{\"meta\":{meta},\"resources\":{{{}}}}}", entries.join(","))
}

#[test]
fn resources_that_never_answer_are_errors() {
    let address = serve(|mut stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(path) = request(&mut reader) {
            if path == "/directory" {
                let _gone = stream.write_all(&answer("200 OK", DIRECTORY, &directory_of_missing_resources()));
            } else {
                let _until_closed_by_client = reader.read_to_end(&mut Vec::new());
            }
        }
    });
    // The server has faults besides: it does not answer requests for anything else either.
    let of_resources = |report: &Report| -> Vec<String> {
        report.failures().filter(|line| line.resource.is_some()).map(rfc_conformance::Line::name).collect()
    };
    let expected = ["rfc7285/9.2.2/13 (costs)", "rfc7285/9.2.2/13 (map)"];
    // Again where this machine stood still for as long as a request may take.
    let report = (0..2).map(|_| graded_soon(address)).find(|report| of_resources(report) == expected);
    let report = report.unwrap_or_else(|| graded_soon(address));
    assert_eq!((report.exit(), of_resources(&report)), (Exit::Failed, expected.map(str::to_owned).to_vec()));
    let of_resources: Vec<_> = report.failures().filter(|line| line.resource.is_some()).collect();
    let map = of_resources[1];
    assert!(map.findings[0].records[0].curl.contains("/map"), "{map:?}");
    assert!(map.blocks.contains(&"rfc7285/11.2.1.6/1"), "{map:?}");
}

#[test]
fn a_server_that_stops_during_the_run_is_reported() {
    let left = Arc::new(AtomicUsize::new(20));
    let address = serve(move |mut stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(path) = request(&mut reader) {
            if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
                return;
            }
            let body = if path == "/directory" { directory_of_missing_resources() } else { "{}".to_owned() };
            let _gone = stream.write_all(&answer("200 OK", DIRECTORY, &body));
        }
    });
    let report = graded(address);
    assert_eq!(report.exit(), Exit::Failed);
    let alive = report.lines.iter().find(|line| line.requirement.id == "suite/alive/1").unwrap();
    assert!(matches!(alive.verdict, Verdict::Fail), "{:?}", alive.verdict);
}

#[test]
fn markup_and_control_characters_are_escaped() {
    let body =
        directory_of_missing_resources().replace("\"far\"", r#""far\u001b[2J<script>alert(1)</script>]]>&\u0000""#);
    let address = serve_requests(move |path| {
        if path == "/directory" {
            answer("200 OK", DIRECTORY, &body)
        } else {
            let page = "\u{1b}[2J<script>alert(1)</script>]]>";
            answer("404 Not <b>Found", "text/html;x=\"<script>\u{9b}\"", page)
        }
    });
    let report = graded(address);
    assert_eq!(report.exit(), Exit::Failed);
    for text in [report.to_text(true), report.to_tap(), report.to_html(), report.to_junit()] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{9b}') && !text.contains('\0'));
    }
    for markup in [report.to_html(), report.to_junit()] {
        assert!(!markup.contains("<script>") && !markup.contains("]]>") && markup.contains("&lt;script"));
    }
    serde_json::from_str::<serde_json::Value>(&report.to_json()).unwrap();
}

/// Runs the program with a gigabyte of address space, so that it crashes if it buffers a whole answer.
fn run_with_little_memory(address: SocketAddr) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_rfc-conformance");
    let command = format!("ulimit -v 1000000; exec '{program}' --timeout 120 --jobs 2 http://{address}/directory");
    let output = Command::new("sh").arg("-c").arg(command).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Sends a gibibyte of repeated data, or as much as the client reads.
fn send_endlessly(mut stream: TcpStream, head: &str, piece: &[u8]) {
    request(&mut BufReader::new(stream.try_clone().unwrap()));
    let _gone = stream.write_all(head.as_bytes());
    let mut left: usize = 1 << 30;
    while left > 0 && stream.write_all(piece).is_ok() {
        left = left.saturating_sub(piece.len());
    }
}

#[test]
fn a_body_of_a_gibibyte_is_limited() {
    let spaces = vec![b' '; 1 << 20];
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {DIRECTORY}\r\nContent-Length: {}\r\n\r\n", 1 << 30);
    let address = serve(move |stream| send_endlessly(stream, &head, &spaces));
    let (code, text) = run_with_little_memory(address);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("the answer is longer than 67108864 bytes"), "{text}");
}

#[test]
fn an_endless_head_is_limited() {
    let field = [b"X-Y: ".as_slice(), &[b'z'; 8000], b"\r\n"].concat();
    let address = serve(move |stream| send_endlessly(stream, "HTTP/1.1 200 OK\r\n", &field));
    let (code, text) = run_with_little_memory(address);
    assert_eq!(code, Some(2), "{text}");
}

#[test]
fn large_maps_do_not_outlast_the_deadline() {
    let pids: Vec<String> = (0..450).map(|number| format!("p{number}")).collect();
    let row: Vec<_> = pids.iter().enumerate().map(|(number, pid)| format!("\"{pid}\":{number}.12345")).collect();
    let row = row.join(",");
    let rows: Vec<_> = pids.iter().map(|pid| format!("\"{pid}\":{{{row}}}")).collect();
    let vtag = "{\"resource-id\":\"map\",\"tag\":\"1\"}";
    let cost_type = "{\"cost-mode\":\"numerical\",\"cost-metric\":\"routingcost\"}";
    let costs = format!(
        "{{\"meta\":{{\"dependent-vtags\":[{vtag}],\"cost-type\":{cost_type}}},\"cost-map\":{{{}}}}}",
        rows.join(",")
    );
    let prefixes: Vec<_> = pids
        .iter()
        .enumerate()
        .map(|(number, pid)| format!("\"{pid}\":{{\"ipv4\":[\"10.{}.{}.0/24\"]}}", number / 250, number % 250))
        .collect();
    let map = format!("{{\"meta\":{{\"vtag\":{vtag}}},\"network-map\":{{{}}}}}", prefixes.join(","));
    assert!(costs.len() > 3_000_000);
    let address = serve_requests(move |path| match path {
        "/directory" => answer("200 OK", DIRECTORY, &directory_of_missing_resources()),
        "/map" => answer("200 OK", "application/alto-networkmap+json", &map),
        "/costs" | "/some" => answer("200 OK", "application/alto-costmap+json", &costs),
        _ => answer("404 Not Found", "text/plain", ""),
    });
    let mut options = Options::new(&format!("http://{address}/directory"));
    options.deadline = Duration::from_secs(8);
    // Wall clock, because the promise is about real time: what has begun may end, however slow the machine is, but a run
    // without a limit to its own work takes many minutes here.
    let started = Instant::now();
    let report = rfc_conformance::run(&options);
    assert!(started.elapsed() < Duration::from_mins(3), "{:?}", started.elapsed());
    assert!(report.lines.iter().any(|line| matches!(line.verdict, Verdict::Late(_))), "{:?}", report.summary());
}

/// Serves a network map, and a stream of updates that a function writes.
fn with_stream(write: impl Fn(&mut TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let resources = "\"map\":{\"uri\":\"/map\",\"media-type\":\"application/alto-networkmap+json\"},\
        \"live\":{\"uri\":\"/live\",\"media-type\":\"text/event-stream\",\"uses\":[\"map\"],\
        \"accepts\":\"application/alto-updatestreamparams+json\",\
        \"capabilities\":{\"support-stream-control\":true,\"incremental-change-media-types\":{}}}";
    let directory = format!("{{\"meta\":{{\"default-alto-network-map\":\"map\"}},\"resources\":{{{resources}}}}}");
    let map = "{\"meta\":{\"vtag\":{\"resource-id\":\"map\",\"tag\":\"1\"}},\"network-map\":{\"a\":{\"ipv4\":[\"0.0.0.0/0\"]}}}";
    serve(move |mut stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(path) = request(&mut reader) {
            let sent = match path.as_str() {
                "/directory" => stream.write_all(&answer("200 OK", DIRECTORY, &directory)),
                "/map" => stream.write_all(&answer("200 OK", "application/alto-networkmap+json", map)),
                "/live" => {
                    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
                    let _gone = stream.write_all(head);
                    return write(&mut stream);
                }
                _ => stream.write_all(&answer("404 Not Found", "text/plain", "")),
            };
            if sent.is_err() {
                return;
            }
        }
    })
}

#[test]
fn a_stream_without_events_times_out() {
    let address = with_stream(|stream| {
        let _until_closed_by_client = BufReader::new(stream).read_to_end(&mut Vec::new());
    });
    assert_fails(&graded_soon(address), "rfc8895/6.6/10", "nothing for");
}

#[test]
fn a_stream_with_an_endless_line_is_bounded() {
    let address = with_stream(|stream| {
        let _gone = stream.write_all(b"event: x\ndata: ");
        while stream.write_all(&[b'x'; 16 * 1024]).is_ok() {}
    });
    assert_fails(&graded_soon(address), "rfc8895/6.6/10", "nothing for");
}
