//! One connection, from its first bytes to its end.
//!
//! `warp::serve` has neither TLS nor any defence against slow clients, so `hyper` serves the stack here. It knows neither a
//! limit on the time until the first bytes, nor on that of idle HTTP/2 connections, nor on streams that the client does not
//! read; and it keeps two buffers for as long as a connection is open. So it gets a connection once bytes are there, and
//! gives it back when it rests.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

use super::connection::{Connection, Verdict};
use super::delivery::Outgoing;
use super::head::Peer;
use super::lingering::Lingering;
use super::on_wake::OnWake;
use super::read_ahead::ReadAhead;
use super::send_buffer::SendBuffer;
use super::stack::Stack;

/// Version of HTTP that a connection uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

/// What connections are served with.
pub(super) struct Serving {
    pub(super) stack: Arc<Stack>,
    pub(super) times: Times,
}

/// Limits on times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// Time for the first bytes.
    pub(super) handshake: Duration,
    /// Time for the head of a request, and idle time between requests.
    pub(super) header: Duration,
    /// Time for which a client may leave sent data unacknowledged.
    pub(super) write: Duration,
}

/// Reason why the HTTP library serves a connection no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    Ended,
    /// Nothing is going on, and nothing is left to be sent.
    Rests,
}

/// Begin of every HTTP/2 connection (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Largest head of a request over HTTP/2, in bytes.
const MAX_HEAD_BYTES: u32 = 32 * 1024;
/// Largest head of a request over HTTP/1, in bytes. The longest target that the HTTP library parses (65534 bytes) fits,
/// so that a target that is too long is told from fields that are.
const MAX_BUFFER_BYTES: usize = 72 * 1024;
/// Largest number of concurrent requests on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;

impl Version {
    /// Version that first bytes tell, unless more are needed. Without TLS a client may use HTTP/2 by prior knowledge
    /// (RFC 9113 §3.3); with TLS, `negotiated` holds.
    fn of(first: &[u8], negotiated: Option<Self>) -> Option<Self> {
        let may_be_preface = PREFACE.starts_with(&first[..first.len().min(PREFACE.len())]);
        match negotiated {
            Some(Self::Http1) => (!first.is_empty()).then_some(Self::Http1),
            _ if may_be_preface => (first.len() >= PREFACE.len()).then_some(Self::Http2),
            // The HTTP library refuses what is no preface.
            Some(Self::Http2) => Some(Self::Http2),
            None => Some(Self::Http1),
        }
    }
}

impl Serving {
    /// Serves one connection to its end.
    pub(super) async fn serve<S>(
        &self,
        stream: S,
        peer: Arc<Peer>,
        negotiated: Option<Version>,
        stopping: watch::Receiver<bool>,
    ) where
        S: AsyncRead + AsyncWrite + SendBuffer + Send + Unpin + 'static,
    {
        let connection = Arc::clone(&peer.connection);
        let mut stream = ReadAhead::new(Lingering::new(stream, Arc::clone(&connection)));
        let first_bytes = async {
            loop {
                if let Some(version) = Version::of(stream.ahead(), negotiated) {
                    return Some(version);
                }
                if !stream.more().await.unwrap_or(false) {
                    return None;
                }
            }
        };
        let mut stopped = stopping.clone();
        let version = tokio::select! {
            version = timeout(self.times.handshake, first_bytes) => version.ok().flatten(),
            () = connection.evicted() => {
                count_end("full");
                None
            }
            _ = stopped.wait_for(|stop| *stop) => None,
        };
        match version {
            Some(Version::Http1) => self.http1(stream, &peer, stopping).await,
            Some(Version::Http2) => self.http2(stream, &peer, stopping).await,
            None => {
                tracing::debug!(peer = ?peer.address, "connection ended before it told the version of HTTP");
            }
        }
    }

    async fn http1<S>(&self, mut stream: ReadAhead<Lingering<S>>, peer: &Arc<Peer>, mut stopping: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + SendBuffer + Send + Unpin + 'static,
    {
        let mut builder = http1::Builder::new();
        // The time for heads is the connection's idle time; the library would begin and end a timer for every request. The
        // limit of 100 header fields is the library's own: where one is set, it fills its lists of fields in vain for every
        // request.
        builder.max_buf_size(MAX_BUFFER_BYTES);
        if stream.is_write_vectored() {
            peer.connection.write_whole();
        }
        loop {
            // On the heap, so that a connection that rests has no room for it.
            let mut http = Box::new(builder.serve_connection(TokioIo::new(stream), self.answering(peer)));
            let finish = |http: &mut http1::Connection<_, _>| Pin::new(http).graceful_shutdown();
            if attend(&mut *http, finish, peer, &mut stopping).await == Pause::Ended {
                return;
            }
            let parts = http.into_parts();
            stream = parts.io.into_inner();
            stream.take_back(&parts.read_buf);
            // Neither its buffer nor the service is kept for the time of the rest.
            drop((parts.read_buf, parts.service));
            if stream.ahead().is_empty() && !self.rest(&mut stream, &peer.connection, &mut stopping).await {
                return;
            }
        }
    }

    async fn http2<S>(&self, stream: ReadAhead<Lingering<S>>, peer: &Arc<Peer>, mut stopping: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + SendBuffer + Send + Unpin + 'static,
    {
        peer.connection.multiplex();
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(self.times.header)
            .keep_alive_timeout(self.times.header)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEAD_BYTES);
        let mut http = Box::new(builder.serve_connection(TokioIo::new(stream), self.answering(peer)));
        let finish = |http: &mut http2::Connection<_, _, _>| Pin::new(http).graceful_shutdown();
        while attend(&mut *http, finish, peer, &mut stopping).await == Pause::Rests {}
    }

    /// Service that answers the requests of one connection.
    fn answering(
        &self,
        peer: &Arc<Peer>,
    ) -> impl Service<
        Request<Incoming>,
        Response = Response<Outgoing>,
        Error = Infallible,
        Future: Future<Output = Result<Response<Outgoing>, Infallible>> + Send + 'static,
    >
    + Send
    + 'static
    + use<> {
        // In one place of the connection's own: what all connections share is counted by all cores.
        let own = Arc::new((Arc::clone(&self.stack), self.stack.routes(), Arc::clone(peer)));
        service_fn(move |request| {
            let own = Arc::clone(&own);
            async move {
                let (stack, routes, peer) = &*own;
                Ok(stack.answer(routes, request, Arc::clone(peer)).await)
            }
        })
    }

    /// Waits for the next request of a connection that rests. Returns false once the connection has ended.
    async fn rest<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut ReadAhead<S>,
        connection: &Connection,
        stopping: &mut watch::Receiver<bool>,
    ) -> bool {
        loop {
            tokio::select! {
                biased;
                more = stream.more() => match more {
                    Ok(true) => return true,
                    Ok(false) | Err(_) => break,
                },
                verdict = connection.verdict() => match verdict {
                    Verdict::Rest => {}
                    Verdict::Finish(reason) => {
                        count_end(reason);
                        break;
                    }
                    Verdict::Close(reason) => {
                        count_end(reason);
                        return false;
                    }
                },
                _ = stopping.wait_for(|stop| *stop) => break,
            }
        }
        // Whoever does not let the connection close is cut off.
        let _closed = timeout(self.times.write, stream.shutdown()).await;
        false
    }
}

/// Lets the HTTP library serve until the connection ends, or rests. `finish` makes it answer what is in progress and end.
async fn attend<C: Future<Output = hyper::Result<()>> + Unpin>(
    http: &mut C,
    finish: impl Fn(&mut C),
    peer: &Peer,
    stopping: &mut watch::Receiver<bool>,
) -> Pause {
    let mut finishes = false;
    loop {
        let order = pin!(order(&peer.connection, (!finishes).then_some(&mut *stopping)));
        tokio::select! {
            biased;
            result = &mut *http => {
                if let Err(error) = result {
                    tracing::debug!(peer = ?peer.address, %error, "connection ended early");
                }
                return Pause::Ended;
            }
            order = OnWake::new(order) => match order {
                Some(Verdict::Rest) if finishes => {}
                Some(Verdict::Rest) => return Pause::Rests,
                Some(Verdict::Finish(reason)) => {
                    count_end(reason);
                    finish(&mut *http);
                    finishes = true;
                }
                None => {
                    finish(&mut *http);
                    finishes = true;
                }
                Some(Verdict::Close(reason)) => {
                    count_end(reason);
                    tracing::debug!(peer = ?peer.address, reason, "connection closed");
                    return Pause::Ended;
                }
            },
        }
    }
}

/// Waits for a verdict about a connection, or until the server stops; then there is none.
async fn order(connection: &Connection, stopping: Option<&mut watch::Receiver<bool>>) -> Option<Verdict> {
    let stop = async {
        match stopping {
            Some(stopping) => stopping.wait_for(|stop| *stop).await.map(drop).unwrap_or_default(),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        verdict = connection.verdict() => Some(verdict),
        () = stop => None,
    }
}

/// Counts a connection that the server ends.
fn count_end(reason: &'static str) {
    metrics::counter!("alto_connections_closed_total", "reason" => reason).increment(1);
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::{IpAddr, Ipv4Addr};

    use http::Method;
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};
    use tokio::time::{Instant, sleep};

    use super::super::admission::{Admission, AdmissionLimits};
    use super::super::client_address::ClientAddress;
    use super::super::connection::ConnectionBounds;
    use super::super::cors::Origins;
    use super::super::router::{Route, router};
    use super::super::stack::StackSettings;
    use super::*;

    impl SendBuffer for DuplexStream {
        fn bound(&self, _bytes: usize) -> io::Result<()> {
            Ok(())
        }
    }

    const HELLO: [&str; 2] = ["GET /hello HTTP/1.1\r\nHo", "st: a\r\n\r\n"];

    /// A client, and the connection that is served to it; heads have 30 seconds.
    fn connect() -> (DuplexStream, Arc<Peer>, impl Future<Output = ()> + Send) {
        let seconds = Duration::from_secs;
        let admission = Admission::new(AdmissionLimits::default());
        let client = admission.client(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let bounds = ConnectionBounds { idle: seconds(30), stall: seconds(10), requests: 100 };
        let connection = Connection::new(admission, client, bounds, false);
        let peer = Arc::new(Peer { address: None, addressing: Arc::new(ClientAddress::default()), connection });
        let hello = Route::new("hello", "hello").on(Method::GET, |_| async { Ok(Response::new("hello".into())) });
        let settings = StackSettings { request: seconds(5), access_log: None, origins: Origins::default() };
        let stack = Arc::new(Stack::new(router([hello], "none"), settings));
        let times = Times { handshake: seconds(5), header: seconds(30), write: seconds(10) };
        let (client, server) = duplex(4096);
        let other_end = Arc::clone(&peer);
        let serve = async move {
            let (_stop, stopping) = watch::channel(false);
            Serving { stack, times }.serve(server, other_end, None, stopping).await;
        };
        (client, peer, serve)
    }

    async fn hear_hello(client: &mut DuplexStream) {
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0, "closed");
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_rests_gives_back_what_serves_it_and_answers_on() {
        let (mut client, peer, serve) = connect();
        let task = tokio::spawn(serve);
        for _ in 0..3 {
            for part in HELLO {
                sleep(Duration::from_secs(1)).await;
                client.write_all(part.as_bytes()).await.unwrap();
            }
            hear_hello(&mut client).await;
            // What serves the connection holds the peer for its requests.
            let awake = Arc::strong_count(&peer);
            sleep(Duration::from_secs(1)).await;
            assert!(Arc::strong_count(&peer) < awake, "{awake}");
        }
        // Idle for its time, the connection ends.
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end_in_time_ends_the_connection() {
        for answered_before in [0, 1] {
            let (mut client, _peer, serve) = connect();
            let task = tokio::spawn(serve);
            for _ in 0..answered_before {
                client.write_all(HELLO.concat().as_bytes()).await.unwrap();
                hear_hello(&mut client).await;
            }
            let start = Instant::now();
            client.write_all(HELLO[0].as_bytes()).await.unwrap();
            let trickling = async {
                for _ in 0..100 {
                    sleep(Duration::from_secs(1)).await;
                    if client.write_all(b"o").await.is_err() {
                        break;
                    }
                }
            };
            trickling.await;
            // The client learns it with what it sends next.
            assert!((30..=31).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
            task.await.unwrap();
        }
    }

    #[test]
    fn the_first_bytes_tell_the_version() {
        let any = |first: &[u8]| Version::of(first, None);
        assert_eq!(any(b""), None);
        assert_eq!(any(b"P"), None);
        assert_eq!(any(b"PO"), Some(Version::Http1));
        assert_eq!(any(&PREFACE[..23]), None);
        assert_eq!(any(PREFACE), Some(Version::Http2));
        assert_eq!(any(&[PREFACE, b"more"].concat()), Some(Version::Http2));
        assert_eq!(any(b"GET / HTTP/1.0\r\n\r\n"), Some(Version::Http1));
        assert_eq!(Version::of(b"P", Some(Version::Http1)), Some(Version::Http1));
        assert_eq!(Version::of(&PREFACE[..10], Some(Version::Http2)), None);
        assert_eq!(Version::of(b"G", Some(Version::Http2)), Some(Version::Http2));
    }
}
