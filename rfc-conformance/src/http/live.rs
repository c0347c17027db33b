//! Answers that are read while they arrive: event streams never end, and a held request has no answer for a long time.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::{Client, MOST_RETRIES};
use super::curl;
use super::exchange::{Exchange, Failure, NoAnswer};
use super::message::{Answer, Request};
use super::raw::{Framing, Wire, framing_of};
use super::uri::{host_and_port, request_target, resolve};

/// Number of bytes of a body that are kept for reports.
const MOST_KEPT: usize = 16 * 1024;
/// Maximum number of redirects of a request.
const MOST_REDIRECTS: usize = 10;

/// Result of a request whose answer may be live.
pub(crate) enum Opened {
    /// Answer with status 200, whose body is read piece by piece.
    Stream(Box<Live>),
    /// Any other answer, complete, with its connection.
    Answer(Arc<Exchange>, Wire),
}

/// Answer whose body is read piece by piece.
pub(crate) struct Live {
    wire: Wire,
    request: Request,
    /// Head of the answer, and the beginning of its body.
    answer: Answer,
    number: usize,
    started: Instant,
    command: String,
    coding: Coding,
}

/// Part of a body that arrived.
pub(crate) enum Piece {
    /// Content of the body.
    Bytes(Vec<u8>),
    /// Nothing arrived within the time limit.
    Nothing,
    /// The body is complete.
    End,
}

/// Delimitation of what is left of a body.
enum Coding {
    /// Size of a chunk comes next.
    Size,
    /// Number of bytes left of the present chunk.
    Chunk(usize),
    /// Line end after a chunk comes next.
    ChunkEnd,
    /// Number of bytes left.
    Length(u64),
    UntilClosed,
    Complete,
}

impl Client {
    /// Sends a request on a connection of its own. An answer with status 200 is read piece by piece, any other one at once.
    /// Credentials are added if the server asks for them, and 307 and 308 are followed.
    pub(crate) fn open(&self, request: &Request) -> Result<Opened, NoAnswer> {
        let mut request = request.clone();
        let (mut redirects, mut retries) = (0, 0);
        loop {
            let opened = self.open_once(&self.authorised(&request))?;
            let Opened::Answer(exchange, _) = &opened else { return Ok(opened) };
            let answer = &exchange.answer;
            let location = answer.header("location").filter(|_| matches!(answer.status, 307 | 308));
            if let Some(next) = location.and_then(|location| resolve(location, &request.uri))
                && redirects < MOST_REDIRECTS
            {
                redirects += 1;
                request.uri = next;
                continue;
            }
            let challenged = answer.status == 401 && self.is_challenged(&request.uri, answer);
            if retries == MOST_RETRIES || !(challenged || self.has_waited(answer)) {
                return Ok(opened);
            }
            retries += 1;
        }
    }

    /// Sends a request as it is, like [`Self::open`].
    pub(crate) fn open_once(&self, request: &Request) -> Result<Opened, NoAnswer> {
        let (number, started) = (self.next_number(), Instant::now());
        let command = curl::command(request, &self.curl_options);
        let opened = self.connect(&request.uri).and_then(|mut wire| {
            // A server may answer and close before it has read everything; its answer counts.
            let _broken_pipe = wire.send(&bytes_of(request));
            let mut answer = wire.head()?;
            while answer.status < 200 {
                answer = wire.head()?;
            }
            Ok((wire, answer))
        });
        let (mut wire, mut answer) = match opened {
            Ok(opened) => opened,
            Err(failure) => {
                return Err(NoAnswer::new(self.of_run(failure), number, request, started.elapsed(), command));
            }
        };
        let framing = framing_of(&answer, request.method == "HEAD");
        if answer.status == 200 {
            let coding = match framing {
                Ok(Framing::Chunked) => Coding::Size,
                Ok(Framing::Length(length)) => Coding::Length(length),
                Ok(Framing::Empty) => Coding::Complete,
                Ok(Framing::UntilClosed) | Err(_) => Coding::UntilClosed,
            };
            let request = request.clone();
            return Ok(Opened::Stream(Box::new(Live { wire, request, answer, number, started, command, coding })));
        }
        let body = framing.and_then(|framing| wire.body(framing)).map_err(|failure| self.of_run(failure));
        let answered = body.map(|body| {
            answer.body = body;
            answer
        });
        let exchange = self.record(number, request.clone(), answered, started.elapsed(), command)?;
        Ok(Opened::Answer(exchange, wire))
    }

    /// Sends a request whose answer is awaited later.
    pub(crate) fn begin(&self, request: &Request) -> Result<Pending, NoAnswer> {
        let request = self.authorised(request);
        let (number, started) = (self.next_number(), Instant::now());
        let command = curl::command(&request, &self.curl_options);
        let sent = self.connect(&request.uri).and_then(|mut wire| wire.send(&bytes_of(&request)).map(|()| wire));
        match sent {
            Ok(wire) => Ok(Pending { wire, request, number, started, command }),
            Err(failure) => Err(NoAnswer::new(self.of_run(failure), number, &request, started.elapsed(), command)),
        }
    }

    /// Returns a request with credentials, if the server asks for them.
    pub(crate) fn prepared(&self, request: &Request) -> Request {
        self.authorised(request)
    }

    /// Returns how long the end of a connection is awaited.
    pub(crate) fn patience_for_end(&self) -> Duration {
        self.at_most(self.close_patience())
    }

    /// Returns how long something may take that is given a time limit now: no longer than the run.
    pub(crate) fn at_most(&self, patience: Duration) -> Duration {
        patience.min(self.patience_of_run())
    }

    fn of_run(&self, failure: Failure) -> Failure {
        match failure {
            Failure::TimedOut(_) => self.timed_out(),
            other => other,
        }
    }
}

/// Request that was sent and that the server may hold.
pub(crate) struct Pending {
    wire: Wire,
    request: Request,
    number: usize,
    started: Instant,
    command: String,
}

impl Pending {
    /// Waits for the answer; `None` if there is none within the time limit, after which it can be awaited again.
    pub(crate) fn answer(&mut self, client: &Client, patience: Duration) -> Result<Option<Arc<Exchange>>, NoAnswer> {
        let limit = Instant::now() + client.at_most(patience);
        // The first bytes are awaited here, so that no part of the head is lost with the time limit.
        if self.wire.buffer.is_empty() {
            self.wire.end = limit;
            match self.wire.fill() {
                Ok(0) => return Err(self.failed(client, Failure::Closed("the request was held".to_owned()))),
                Ok(_) => {}
                Err(Failure::TimedOut(_)) => return Ok(None),
                Err(failure) => return Err(self.failed(client, failure)),
            }
        }
        self.wire.end = Instant::now() + client.patience();
        let answer = self.wire.answer(false);
        let answer = answer.map_err(|failure| client.of_run(failure));
        let (request, took) = (self.request.clone(), self.started.elapsed());
        client.record(self.number, request, answer, took, self.command.clone()).map(Some)
    }

    fn failed(&self, client: &Client, failure: Failure) -> NoAnswer {
        let failure = client.of_run(failure);
        NoAnswer::new(failure, self.number, &self.request, self.started.elapsed(), self.command.clone())
    }
}

impl Live {
    /// Returns the head of the answer.
    pub(crate) fn head(&self) -> &Answer {
        &self.answer
    }

    /// Returns the request, after redirects the last one.
    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    /// Returns the exchange so far, for reports.
    pub(crate) fn exchange(&self) -> Exchange {
        let (request, answer) = (self.request.clone(), self.answer.clone());
        Exchange::new(self.number, request, answer, self.started.elapsed(), self.command.clone())
    }

    /// Reads what arrives next.
    pub(crate) fn read(&mut self, patience: Duration) -> Result<Piece, Failure> {
        let limit = Instant::now() + patience;
        loop {
            if let Some(bytes) = self.decoded()? {
                let room = MOST_KEPT.saturating_sub(self.answer.body.len());
                self.answer.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
                return Ok(Piece::Bytes(bytes));
            }
            if matches!(self.coding, Coding::Complete) {
                return Ok(Piece::End);
            }
            self.wire.end = limit;
            match self.wire.fill() {
                Ok(0) if matches!(self.coding, Coding::UntilClosed) => self.coding = Coding::Complete,
                Ok(0) => return Err(Failure::Closed("within a chunk, or before the last one".to_owned())),
                Ok(_) => {}
                Err(Failure::TimedOut(_)) => return Ok(Piece::Nothing),
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Takes content out of what has arrived.
    fn decoded(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            let buffer = &mut self.wire.buffer;
            match self.coding {
                Coding::Complete => return Ok(None),
                _ if buffer.is_empty() => return Ok(None),
                Coding::UntilClosed => return Ok(Some(std::mem::take(buffer))),
                Coding::Length(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
                    self.coding = match left - here as u64 {
                        0 => Coding::Complete,
                        left => Coding::Length(left),
                    };
                    return Ok(Some(buffer.drain(..here).collect()));
                }
                Coding::Chunk(left) => {
                    let here = left.min(buffer.len());
                    self.coding = if here == left { Coding::ChunkEnd } else { Coding::Chunk(left - here) };
                    return Ok(Some(buffer.drain(..here).collect()));
                }
                Coding::ChunkEnd | Coding::Size => {
                    let Some(end) = buffer.windows(2).position(|pair| pair == b"\r\n") else {
                        let is_long = buffer.len() > MOST_KEPT;
                        return if is_long { Err(Failure::TooLong(MOST_KEPT as u64)) } else { Ok(None) };
                    };
                    let line: Vec<u8> = buffer.drain(..end + 2).take(end).collect();
                    self.coding = if matches!(self.coding, Coding::ChunkEnd) { Coding::Size } else { sized(&line)? };
                }
            }
        }
    }
}

/// Reads the line with the size of a chunk.
fn sized(line: &[u8]) -> Result<Coding, Failure> {
    let line = String::from_utf8_lossy(line);
    let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16);
    let size = size.map_err(|_| Failure::NotHttp(format!("{line:?} is not the size of a chunk")))?;
    Ok(if size == 0 { Coding::Complete } else { Coding::Chunk(size) })
}

fn bytes_of(request: &Request) -> Vec<u8> {
    let target = request_target(&request.uri).unwrap_or_default();
    let mut head = format!("{} {target} HTTP/1.1\r\nHost: {}\r\n", request.method, host_and_port(&request.uri));
    for (name, value) in &request.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let body = request.body.as_deref().unwrap_or_default();
    if request.method == "POST" {
        let _ = write!(head, "Content-Length: {}\r\n", body.len());
    }
    [head.as_bytes(), b"\r\n", body].concat()
}
