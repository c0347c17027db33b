//! Faults of HTTP/1.1 messages, written from the text of RFC 9112.

use rfc_conformance::mock_server::http::{Leniency, ReceivedRequest, Response};

use super::super::mutant::Mutant;
use super::super::server::Reference;

pub(super) fn mutants() -> Vec<Mutant> {
    answers().into_iter().chain(requests()).collect()
}

/// Rewrites successful answers to GET as bytes on the wire, after which the connection is closed.
fn on_the_wire(r: &mut Reference, change: fn(String) -> String) {
    wire(r, |request| request.method == "GET", change);
}

/// Rewrites the heads of answers to HEAD like this: with all answers to GET unreadable, a run would end before any
/// requirement is graded.
fn after_head(r: &mut Reference, change: fn(String) -> String) {
    r.after(move |found, request, answer| {
        if found.is_some() && answer.status == 200 && request.method == "HEAD" {
            let whole = change(text(answer));
            let end = whole.find("\r\n\r\n").map_or(whole.len(), |at| at + 4);
            answer.delivery.raw = Some(whole.as_bytes()[..end].to_vec());
        }
    });
}

/// Rewrites answers of one network map like this.
fn of_second_map(r: &mut Reference, change: fn(String) -> String) {
    wire(r, |request| request.method == "GET" && request.path == "/maps/b", change);
}

fn wire(r: &mut Reference, applies: fn(&ReceivedRequest) -> bool, change: fn(String) -> String) {
    r.after(move |found, request, answer| {
        if found.is_some() && matches!(answer.status, 200 | 204) && applies(request) {
            answer.delivery.raw = Some(change(text(answer)).into_bytes());
        }
    });
}

fn text(answer: &Response) -> String {
    let date = httpdate::fmt_http_date(std::time::SystemTime::now());
    let mut text = format!("HTTP/1.1 {} OK\r\nDate: {date}\r\n", answer.status);
    text.extend(answer.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
    let length = (answer.status != 204).then(|| format!("Content-Length: {}\r\n", answer.body.len()));
    text + &length.unwrap_or_default() + "Connection: close\r\n\r\n" + &String::from_utf8_lossy(&answer.body)
}

fn answers() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9110/6.6.1/1", "sends no date", |r| {
            on_the_wire(r, |text| {
                text.lines().filter(|line| !line.starts_with("Date")).collect::<Vec<_>>().join("\r\n")
            });
        }),
        Mutant::new("rfc9110/6.6.1/1", "sends dates as ISO 8601", |r| {
            on_the_wire(r, |text| {
                let at = text.find("Date: ").unwrap_or_default();
                let end = text[at..].find('\r').unwrap_or_default() + at;
                text.replace(&text[at..end], "Date: 2026-11-29T01:00:00Z")
            });
        }),
        Mutant::new("rfc9112/6.2/1", "sends a Content-Length and chunks", |r| {
            on_the_wire(r, |text| {
                let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
                format!("{head}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
            });
        }),
        Mutant::new("rfc7285/9.2.2/13", "sends chunks without a last one", |r| {
            of_second_map(r, |text| {
                let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
                let head: Vec<_> = head.lines().filter(|line| !line.starts_with("Content-Length")).collect();
                format!("{}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n", head.join("\r\n"), body.len())
            });
        }),
        Mutant::new("rfc7285/9.2.2/13", "sends the sizes of chunks in decimal", |r| {
            of_second_map(r, |text| {
                let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
                let head: Vec<_> = head.lines().filter(|line| !line.starts_with("Content-Length")).collect();
                format!(
                    "{}\r\nTransfer-Encoding: chunked\r\n\r\n{}\r\n{body}\r\n0\r\n\r\n",
                    head.join("\r\n"),
                    body.len()
                )
            });
        }),
        Mutant::new("rfc9112/6.1/2", "sends chunks to clients of HTTP/1.0", |r| {
            wire(
                r,
                |request| request.version == "1.0" && request.method == "GET",
                |text| {
                    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
                    let head: Vec<_> = head.lines().filter(|line| !line.starts_with("Content-Length")).collect();
                    format!(
                        "{}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                        head.join("\r\n"),
                        body.len()
                    )
                },
            );
        }),
        Mutant::new("rfc9112/6.3/3", "sends bytes after the announced length", |r| {
            on_the_wire(r, |text| text + "\r\n<!-- -->");
        }),
        Mutant::new("rfc7285/9.2.2/13", "sends a byte less than announced", |r| {
            of_second_map(r, |text| text[..text.len() - 1].to_owned());
        }),
        Mutant::new("rfc9110/5.3/1", "sends two different lengths", |r| {
            after_head(r, |text| text.replacen("Connection", "Content-Length: 3\r\nConnection", 1));
        }),
        Mutant::new("rfc9112/5/2", "sends space before the colons of fields", |r| {
            after_head(r, |text| text.replacen("Content-Type:", "Content-Type :", 1));
        }),
        Mutant::new("rfc9112/5/2", "folds a field into two lines", |r| {
            after_head(r, |text| text.replacen("Vary: ", "Vary:\r\n  ", 1));
        }),
        Mutant::new("rfc9112/4/1", "writes the version in small letters", |r| {
            after_head(r, |text| text.replacen("HTTP/1.1", "http/1.1", 1));
        }),
        Mutant::new("rfc9112/4/1", "leaves the space after the status code out", |r| {
            on_the_wire(r, |text| text.replacen("200 OK\r\n", "200\r\n", 1));
        }),
        Mutant::new("rfc9112/4/1", "sends an empty line before the status line", |r| {
            on_the_wire(r, |text| format!("\r\n{text}"));
        }),
        Mutant::new("rfc9110/9.3.2/1", "sends a body after the head that answers HEAD", |r| {
            wire(r, |request| request.method == "HEAD", |text| text);
        }),
        Mutant::new("rfc9110/8.6/2", "sends a length with status 204", |r| {
            wire(
                r,
                |request| request.method == "OPTIONS",
                |text| text.replacen("Connection", "Content-Length: 0\r\nConnection", 1),
            );
        }),
        Mutant::new("rfc9112/5/2", "names a field by a word with a space", |r| {
            after_head(r, |text| text.replacen("Connection", "Cache Hint: yes\r\nConnection", 1));
        }),
        Mutant::new("rfc9112/5/2", "puts a control character into a field", |r| {
            after_head(r, |text| text.replacen("Connection", "Server: a\u{1}b\r\nConnection", 1));
        }),
    ]
}

fn requests() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9112/9.6/1", "says that it closes the connection, and keeps it open", |r| {
            r.leniency = Leniency::StaysOpen;
        }),
        Mutant::new("rfc9112/2.2/1", "rejects an empty line before a request", |r| r.leniency = Leniency::NoEmptyLine)
            .graded("warn"),
        Mutant::new("rfc7285/8.3/3", "rejects extensions of chunks", |r| r.leniency = Leniency::NoExtensions),
        Mutant::new("rfc7285/8.3/3", "reads the sizes of chunks as decimal numbers", |r| {
            r.leniency = Leniency::DecimalChunks;
        }),
        Mutant::new("rfc7285/8.3/3", "rejects fields after the last chunk", |r| r.leniency = Leniency::NoTrailers),
        Mutant::new("rfc9112/6.3/1", "reads a length with a sign", |r| r.leniency = Leniency::SignedLength),
        Mutant::new("rfc7285/8.3/6", "takes any transfer coding for chunks", |r| r.leniency = Leniency::AnyCoding),
        Mutant::new("rfc9112/6.1/1", "goes on after a request that it could not delimit", |r| {
            r.leniency = Leniency::GoesOn;
        }),
        Mutant::new("rfc9112/7.1/1", "fails on the size of a chunk that no number holds", |r| {
            r.leniency = Leniency::FailsOnChunk;
        }),
        Mutant::new("rfc7285/8.3/7", "forgets requests that were sent before its answer", |r| {
            r.leniency = Leniency::ForgetsPipeline;
        }),
    ]
}
