//! A mock holder of one file that speaks the peer protocol and misbehaves as configured.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use alto_peer::content::{Bitfield, Manifest};
use alto_types::swarm::{Holder, PeerId};

/// Ways in which a mock holder misbehaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Behaviour {
    /// Pieces it has; all if absent.
    pub(crate) only: Option<Vec<usize>>,
    /// Corrupts every n-th piece.
    pub(crate) corrupt_every: Option<usize>,
    /// Pause after each byte it sends.
    pub(crate) trickle: Option<Duration>,
    /// Rate of each answer in bytes per second.
    pub(crate) rate: Option<u64>,
    /// Number of requests for pieces to answer with 503, and the value of Retry-After.
    pub(crate) busy: Option<(usize, u64)>,
    /// Closes the connection in the middle of every piece.
    pub(crate) cut: bool,
    /// Never answers requests for pieces.
    pub(crate) silent: bool,
    /// Answers requests for parts of pieces with the whole piece, as peers of earlier versions do.
    pub(crate) whole_only: bool,
    /// Manifest to announce and send instead of the file's own.
    pub(crate) manifest: Option<Vec<u8>>,
}

/// A running mock holder, stopped when it is dropped.
pub(crate) struct FakeHolder {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    content: Vec<u8>,
    manifest: Manifest,
    behaviour: Behaviour,
    have: Mutex<Bitfield>,
    newer: Condvar,
    stopped: AtomicBool,
    pieces_sent: AtomicUsize,
    requests: Mutex<BTreeMap<String, usize>>,
    /// Bytes of requests and answers about its pieces.
    control: AtomicU64,
}

impl FakeHolder {
    /// Starts a holder of this file at a free port of this address.
    pub(crate) fn start(address: &str, content: &[u8], manifest: &Manifest, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind((address.parse::<IpAddr>().unwrap(), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let count = manifest.piece_count();
        let mut have = Bitfield::new(count);
        for piece in behaviour.only.clone().unwrap_or_else(|| (0..count).collect()) {
            have.set(piece);
        }
        let shared = Arc::new(Shared {
            content: content.to_vec(),
            manifest: manifest.clone(),
            behaviour,
            have: Mutex::new(have),
            newer: Condvar::new(),
            stopped: AtomicBool::new(false),
            pieces_sent: AtomicUsize::new(0),
            requests: Mutex::default(),
            control: AtomicU64::new(0),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let serving = Arc::clone(&serving);
                std::thread::spawn(move || drop(serving.serve(&stream)));
            }
        });
        Self { address, shared }
    }

    /// The holder as a registry lists it.
    pub(crate) fn listing(&self) -> Holder {
        let manifest = match &self.shared.behaviour.manifest {
            Some(json) => Manifest::from_json(json).unwrap().digest(),
            None => self.shared.manifest.digest(),
        };
        Holder {
            peer: PeerId(format!("peer-{}", self.address)),
            name: format!("holder-{}", self.address.ip()),
            address: self.address.ip(),
            port: self.address.port(),
            manifest,
            complete: self.shared.have.lock().unwrap().is_complete(),
        }
    }

    /// Gives the holder one more piece.
    pub(crate) fn gets(&self, piece: usize) {
        self.shared.have.lock().unwrap().set(piece);
        self.shared.newer.notify_all();
    }

    /// Stops serving without notice.
    pub(crate) fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        let _wakes_the_listener = TcpStream::connect(self.address);
    }

    /// Number of pieces it has sent.
    pub(crate) fn pieces_sent(&self) -> usize {
        self.shared.pieces_sent.load(Ordering::Relaxed)
    }

    /// Number of requests for a resource: `manifest`, `have`, `piece`, `part` of a piece (also counted as one), or `range`.
    pub(crate) fn requests(&self, what: &str) -> usize {
        self.shared.requests.lock().unwrap().get(what).copied().unwrap_or(0)
    }

    /// Bytes of the requests and answers about its pieces, without headers of lower layers.
    pub(crate) fn control(&self) -> u64 {
        self.shared.control.load(Ordering::Relaxed)
    }
}

impl Drop for FakeHolder {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        loop {
            let mut request = String::new();
            if reader.read_line(&mut request)? == 0 {
                return Ok(());
            }
            let (mut range, mut length) = (None, request.len());
            loop {
                let mut field = String::new();
                if reader.read_line(&mut field)? == 0 {
                    return Ok(());
                }
                length += field.len();
                if field == "\r\n" {
                    break;
                }
                if let Some(value) = field.to_ascii_lowercase().strip_prefix("range: bytes=") {
                    let (first, last) = value.trim().split_once('-').unwrap();
                    range = Some((first.parse::<u64>().unwrap(), last.parse::<u64>().unwrap()));
                }
            }
            if self.stopped.load(Ordering::Relaxed) {
                return Ok(());
            }
            let path = request.split(' ').nth(1).unwrap().to_owned();
            if path.contains("/have") {
                self.control.fetch_add(length as u64, Ordering::Relaxed);
            }
            self.answer(stream, &path, range)?;
        }
    }

    fn count(&self, what: &str) -> usize {
        let mut requests = self.requests.lock().unwrap();
        let count = requests.entry(what.to_owned()).or_default();
        *count += 1;
        *count
    }

    fn answer(&self, stream: &TcpStream, path: &str, range: Option<(u64, u64)>) -> std::io::Result<()> {
        let base = format!("/files/{}", self.manifest.id);
        let Some(rest) = path.strip_prefix(&base) else {
            return self.send(stream, "404 Not Found", "", b"{}");
        };
        if rest == "/manifest" {
            self.count("manifest");
            let json = self.behaviour.manifest.clone().unwrap_or_else(|| self.manifest.to_json());
            return self.send(stream, "200 OK", "", &json);
        }
        if let Some(query) = rest.strip_prefix("/have") {
            self.count("have");
            return self.have(stream, query);
        }
        let (bytes, status, fields) = match (range, rest.strip_prefix("/pieces/")) {
            (_, Some(piece)) => {
                self.count("piece");
                // A peer of an earlier version, which does not choose pieces itself.
                let piece = piece.parse().ok().filter(|piece| self.have.lock().unwrap().get(*piece));
                let Some(piece) = piece else { return self.send(stream, "404 Not Found", "", b"{}") };
                let bytes = self.manifest.piece_range(piece);
                match range.filter(|_| !self.behaviour.whole_only) {
                    None => (bytes, "200 OK", String::new()),
                    Some((first, last)) => {
                        self.count("part");
                        let fields = format!("Content-Range: bytes {first}-{last}/{}\r\n", bytes.end - bytes.start);
                        (bytes.start + first..bytes.start + last + 1, "206 Partial Content", fields)
                    }
                }
            }
            (Some((first, last)), None) => {
                self.count("range");
                let fields = format!("Content-Range: bytes {first}-{last}/{}\r\n", self.manifest.size);
                (first..last + 1, "206 Partial Content", fields)
            }
            (None, None) => return self.send(stream, "404 Not Found", "", b"{}"),
        };
        if self.behaviour.silent {
            // The silence itself; the thread ends with the test process.
            std::thread::sleep(Duration::from_hours(1));
        }
        if let Some((times, after)) = self.behaviour.busy
            && self.count("refused") <= times
        {
            return self.send(stream, "503 Service Unavailable", &format!("Retry-After: {after}\r\n"), b"{}");
        }
        let start = usize::try_from(bytes.start).unwrap();
        let mut body = self.content[start..usize::try_from(bytes.end).unwrap()].to_vec();
        for piece in body.chunks_mut(self.manifest.piece_size as usize) {
            let sent = self.pieces_sent.fetch_add(1, Ordering::Relaxed);
            if self.behaviour.corrupt_every.is_some_and(|every| sent % every == every - 1) {
                piece[0] ^= 1;
            }
        }
        self.send(stream, status, &fields, &body)
    }

    fn have(&self, stream: &TcpStream, query: &str) -> std::io::Result<()> {
        let value = |name: &str| {
            let (_, rest) = query.split_once(&format!("{name}="))?;
            rest.split('&').next()?.parse::<u64>().ok()
        };
        let mut have = self.have.lock().unwrap();
        if let (Some(version), Some(wait)) = (value("version"), value("wait")) {
            let until = Instant::now() + Duration::from_secs(wait);
            while have.count() as u64 <= version && Instant::now() < until && !self.stopped.load(Ordering::Relaxed) {
                have = self.newer.wait_timeout(have, Duration::from_millis(100)).unwrap().0;
            }
        }
        let answer = format!(
            "{{\"pieces\":{},\"version\":{},\"have\":\"{}\",\"complete\":{}}}",
            have.len(),
            have.count(),
            have.to_hex(),
            have.is_complete()
        );
        drop(have);
        // Approximately the header fields of a real peer.
        let fields =
            "Content-Type: application/json\r\nCache-Control: no-store\r\nDate: Tue, 25 Nov 2025 03:01:00 GMT\r\n";
        self.control.fetch_add((answer.len() + fields.len() + 40) as u64, Ordering::Relaxed);
        self.send(stream, "200 OK", fields, answer.as_bytes())
    }

    fn send(&self, mut stream: &TcpStream, status: &str, fields: &str, body: &[u8]) -> std::io::Result<()> {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{fields}\r\n", body.len());
        stream.write_all(head.as_bytes())?;
        let is_piece = status.starts_with("206") || (body.len() > 1000 && status.starts_with("200"));
        if !is_piece {
            return stream.write_all(body);
        }
        if self.behaviour.cut {
            stream.write_all(&body[..body.len() / 2])?;
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        if let Some(pause) = self.behaviour.trickle {
            for byte in body {
                stream.write_all(&[*byte])?;
                // The misbehaviour itself.
                std::thread::sleep(pause);
            }
            return Ok(());
        }
        let Some(rate) = self.behaviour.rate else { return stream.write_all(body) };
        for block in body.chunks(usize::try_from(rate / 50).unwrap().max(1)) {
            stream.write_all(block)?;
            // Limits the rate.
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}
