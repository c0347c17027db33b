//! The server of a peer over real sockets: every resource, every refusal, limits and fairness.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alto_peer::content::manifest::MIN_PIECE_SIZE;
use alto_peer::content::{Bitfield, Library, Manifest, PartialFile};
use alto_peer::serving::{DEFAULT_CONNECTIONS, Patience, Serving, ServingSettings};
use alto_types::swarm::FileId;
use serde_json::{Value, json};
use test_support::http::{self, Answer, Request};
use test_support::patience::wait_until;

use crate::support::content::content;

pub(crate) const PIECE: usize = MIN_PIECE_SIZE as usize;
const PROBLEM: &str = "application/problem+json";

pub(crate) struct Peer {
    serving: Serving,
    pub(crate) library: Arc<Library>,
    pub(crate) folder: tempfile::TempDir,
}

fn settings() -> ServingSettings {
    ServingSettings {
        address: ([127, 0, 0, 1], 0).into(),
        upload_rate: None,
        uploads: 8,
        connections: DEFAULT_CONNECTIONS,
        patience: Patience::default(),
    }
}

impl Peer {
    pub(crate) fn new() -> Self {
        Self::with(&settings())
    }

    fn with(settings: &ServingSettings) -> Self {
        let library = Arc::new(Library::new());
        let serving = Serving::start(settings, Arc::clone(&library)).unwrap();
        Self { serving, library, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn share(&self, name: &str, content: &[u8]) -> FileId {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        self.library.add_file(&path, MIN_PIECE_SIZE, |_, _, _| ()).unwrap().manifest().id
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        Request::new("GET", path).send(self.address())
    }

    /// Sends these bytes, and returns what comes back.
    fn raw(&self, bytes: &str) -> String {
        String::from_utf8_lossy(&http::exchange(self.address(), bytes.as_bytes())).into_owned()
    }
}

#[track_caller]
pub(crate) fn problem(answer: &Answer, status: u16) -> String {
    assert_eq!((answer.status, answer.media_type()), (status, PROBLEM), "{answer:?}");
    let document = answer.json();
    assert_eq!(document["status"], status);
    document["detail"].as_str().unwrap().to_owned()
}

#[test]
fn every_resource_is_served_as_documented() {
    let peer = Peer::new();
    let content = content(3 * PIECE + 100);
    let id = peer.share("movie.bin", &content);
    let empty = peer.share("empty", b"");
    let head = Request::new("HEAD", "/").send(peer.address());
    assert_eq!((head.status, head.body.len()), (204, 0));

    let files = peer.get("/files");
    assert_eq!((files.status, files.media_type()), (200, "application/json"));
    let manifest = peer.get(&format!("/files/{id}/manifest"));
    let parsed = Manifest::from_json(&manifest.body).unwrap();
    let mut listed: Vec<Value> = files.json()["files"].as_array().unwrap().clone();
    listed.sort_by_key(|entry| entry["size"].as_u64());
    assert_eq!(
        listed[1],
        json!({"id": id, "name": "movie.bin", "size": content.len(), "manifest": parsed.digest(), "complete": true})
    );
    assert_eq!(listed.len(), 2);

    let whole = peer.get(&format!("/files/{id}"));
    assert_eq!((whole.status, whole.field("content-length")), (200, Some(content.len().to_string().as_str())));
    assert!(whole.body == content);
    assert_eq!(whole.field("etag"), Some(format!("\"{id}\"").as_str()));
    for n in 0..4 {
        let piece = peer.get(&format!("/files/{id}/pieces/{n}"));
        assert!(piece.status == 200 && parsed.is_piece(n, &piece.body), "piece {n}");
    }
    let have = peer.get(&format!("/files/{id}/have")).json();
    assert_eq!(have, json!({"pieces": 4, "version": 4, "have": "f0", "complete": true}));
    let nothing = peer.get(&format!("/files/{empty}"));
    assert_eq!((nothing.status, nothing.body.len()), (200, 0));
    assert_eq!(peer.get(&format!("/files/{empty}/have")).json()["have"], "");

    // HEAD announces the length of the body without sending it.
    for path in [format!("/files/{id}"), format!("/files/{id}/manifest"), format!("/files/{id}/pieces/3")] {
        let head = Request::new("HEAD", &path).send(peer.address());
        let length = peer.get(&path).body.len().to_string();
        assert_eq!((head.status, head.field("content-length"), head.body.len()), (200, Some(length.as_str()), 0));
    }
    let again = Request::new("GET", &format!("/files/{id}")).field("If-None-Match", &format!("\"{id}\""));
    assert_eq!(again.send(peer.address()).status, 304);
    assert_eq!(peer.serving.load().waiting, 0);
}

#[test]
fn single_byte_ranges_are_served_and_others_ignored() {
    let peer = Peer::new();
    let content = content(100_000);
    let id = peer.share("file", &content);
    let range = |value: &str| Request::new("GET", &format!("/files/{id}")).field("Range", value).send(peer.address());
    for (value, start, end) in [("bytes=0-0", 0, 1), ("bytes=99000-", 99_000, 100_000), ("bytes=-10", 99_990, 100_000)]
    {
        let answer = range(value);
        assert_eq!(answer.status, 206, "{value}");
        assert_eq!(answer.field("content-range"), Some(format!("bytes {start}-{}/100000", end - 1).as_str()));
        assert!(answer.body == content[start..end], "{value}");
    }
    // A piece has ranges of its own.
    let of_piece =
        Request::new("GET", &format!("/files/{id}/pieces/2")).field("Range", "bytes=10-19").send(peer.address());
    assert_eq!((of_piece.status, &of_piece.body[..]), (206, &content[2 * PIECE + 10..2 * PIECE + 20]));
    assert_eq!(of_piece.field("content-range"), Some("bytes 10-19/16384"));
    for value in ["bytes=100000-", "bytes=-0"] {
        let answer = range(value);
        problem(&answer, 416);
        assert_eq!(answer.field("content-range"), Some("bytes */100000"));
    }
    for value in ["bytes=5-2", "bytes=x", "items=0-1", "bytes=0-1,5-6", "bytes=", "\u{e9}"] {
        assert!(range(value).body == content, "{value} is ignored");
    }
}

#[test]
fn nothing_but_shared_files_is_served() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let peer = Peer::new();
    let id = peer.share("file", b"public");
    let unknown = "0".repeat(64);
    for path in [
        "/nothing",
        "/files/",
        "/files/../../../../etc/passwd",
        "/files/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "//etc/passwd",
        "/files/..%2ffile",
        "/files/file",
        &format!("/files/{unknown}"),
        &format!("/files/{unknown}/manifest"),
        &format!("/files/{unknown}/have?version=0&wait=30"),
        &format!("/files/{id}/pieces/1"),
        &format!("/files/{id}/pieces/-1"),
        &format!("/files/{id}/pieces/99999999999999999999999999"),
        &format!("/files/{id}/pieces/0/0"),
        &format!("/files/{id}/../{id}"),
    ] {
        // With a slash at the end it is the same list.
        let answer = peer.get(path);
        if path == "/files/" {
            assert_eq!(answer.status, 200);
        } else {
            problem(&answer, 404);
        }
    }
    problem(&peer.get(&format!("/files/{id}/have?version=x&wait=1")), 400);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let answer = Request::new(method, &format!("/files/{id}")).body("x").send(peer.address());
        problem(&answer, 405);
        assert_eq!(answer.field("allow"), Some("GET, HEAD"));
    }
    assert!(peer.raw("CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").contains(" 400 "));
    assert!(peer.raw("OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").contains(" 400 "));
    assert!(peer.raw("nonsense\r\n\r\n").contains(" 400 "));
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(70_000));
    assert!([" 414 ", " 431 "].iter().any(|status| peer.raw(&long).contains(status)));

    // A symbolic link to a secret takes the place of the file.
    let file = peer.folder.path().join("file");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret"), &file).unwrap();
    let detail = problem(&peer.get(&format!("/files/{id}/pieces/0")), 404);
    assert!(detail.contains("no longer shared"), "{detail}");
    assert_eq!(peer.get("/files").json(), json!({"files": []}));
}

pub(crate) fn partial(folder: &Path, content: &[u8]) -> (Arc<PartialFile>, Manifest) {
    let original = folder.join("original");
    std::fs::write(&original, content).unwrap();
    let manifest = Manifest::of_file(&original, MIN_PIECE_SIZE, |_| ()).unwrap();
    let partial = PartialFile::open(folder, &"arriving".parse().unwrap(), &manifest, 65536).unwrap();
    (Arc::new(partial), manifest)
}

#[test]
fn pieces_of_a_download_in_progress_are_served_and_announced() {
    let peer = Peer::new();
    let content = content(3 * PIECE);
    let (partial, manifest) = partial(peer.folder.path(), &content);
    peer.library.add_partial(&partial);
    let id = manifest.id;
    problem(&peer.get(&format!("/files/{id}")), 404);
    problem(&peer.get(&format!("/files/{id}/pieces/0")), 404);
    assert_eq!(peer.get("/files").json()["files"][0]["complete"], false);
    let start = Instant::now();
    assert_eq!(peer.get(&format!("/files/{id}/have?version=0&wait=0")).json()["have"], "00");
    assert_eq!(
        peer.get(&format!("/files/{id}/have?version=7&wait=30")).json()["version"],
        0,
        "a version of an earlier run"
    );

    let address = peer.address();
    let waiting = std::thread::spawn(move || {
        Request::new("GET", &format!("/files/{id}/have?version=0&wait=30")).send(address).json()
    });
    for n in 0..3 {
        partial.write_piece(n, &content[n * PIECE..(n + 1) * PIECE]).unwrap();
    }
    // Whether the request came before, between or after the pieces, it does not wait for the full time.
    let news = waiting.join().unwrap();
    let have = Bitfield::from_hex(3, news["have"].as_str().unwrap()).unwrap();
    assert!(have.count() as u64 == news["version"].as_u64().unwrap() && have.count() > 0, "{news}");
    assert!(peer.get(&format!("/files/{id}/pieces/2")).body == content[2 * PIECE..]);
    partial.finish().unwrap();
    peer.library.add_finished(&partial).unwrap();
    assert!(peer.get(&format!("/files/{id}")).body == content);
    assert!(start.elapsed() < Duration::from_secs(25), "a request waited for its timeout");
}

fn from(address: [u8; 4], to: SocketAddr) -> TcpStream {
    http::connect_from(address.into(), to)
}

/// Asks for a file, and reads nothing yet.
fn asking(address: [u8; 4], to: SocketAddr, id: FileId) -> TcpStream {
    let mut stream = from(address, to);
    write!(stream, "GET /files/{id} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    stream
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    wait_until(what, || condition().then_some(()));
}

#[test]
fn clients_are_served_in_turn_and_the_queue_is_bounded() {
    // One upload at a time, and its client does not read, so that all others wait.
    let minute = Duration::from_mins(1);
    let patience = Patience { contended: minute, queue: minute, ..Patience::default() };
    let peer = Peer::with(&ServingSettings { uploads: 1, patience, ..settings() });
    let large = peer.share("large", &vec![7; 30_000_000]);
    let (order, to) = ([1, 1, 1, 2, 3], peer.address());
    let blocking = asking([127, 0, 0, 9], to, large);
    wait_for("the first upload has begun", || peer.serving.load().uploads == 1);
    let mut waiting = Vec::new();
    for (n, last) in order.into_iter().enumerate() {
        let stream = asking([127, 0, 0, last], to, large);
        stream.set_nonblocking(true).unwrap();
        waiting.push((last, stream));
        wait_for("the request waits", || peer.serving.load().waiting == n + 1);
    }
    // Requests that need no upload are served all the same.
    assert_eq!(peer.get("/files").status, 200);
    let full = {
        let more: Vec<TcpStream> = (0..16).map(|_| asking([127, 0, 0, 8], to, large)).collect();
        wait_for("sixteen more requests wait", || peer.serving.load().waiting == order.len() + 16);
        let full = Request::new("GET", &format!("/files/{large}")).send_over(from([127, 0, 0, 8], to));
        drop(more);
        full
    };
    problem(&full, 503);
    assert!(full.field("retry-after").is_some());
    wait_for("the clients that disconnected have lost their places", || peer.serving.load().waiting == order.len());

    // Once the first client disconnects, the others are served in turn: 1, 2, 3, 1, 1.
    drop(blocking);
    let mut served = Vec::new();
    while !waiting.is_empty() {
        // Only whoever has the upload is sent anything, and has it until it disconnects.
        let is_served = |(_, stream): &(u8, TcpStream)| stream.peek(&mut [0]).is_ok();
        let next = wait_until("somebody is served", || waiting.iter().position(is_served));
        served.push(waiting.remove(next).0);
    }
    assert_eq!(served, [1, 2, 3, 1, 1]);
    wait_for("all uploads have ended", || peer.serving.load().uploads == 0);
}

#[test]
fn a_client_that_disconnects_frees_its_upload() {
    let peer = Peer::with(&ServingSettings { uploads: 1, ..settings() });
    let large = peer.share("large", &vec![7; 30_000_000]);
    for _ in 0..5 {
        asking([127, 0, 0, 1], peer.address(), large).read_exact(&mut [0; 1000]).unwrap();
    }
    assert_eq!(peer.get(&format!("/files/{large}")).body.len(), 30_000_000);
}

#[test]
fn the_upload_rate_is_kept_and_shared_equally() {
    let rate = 2_000_000;
    let peer = Peer::with(&ServingSettings { upload_rate: Some(rate), ..settings() });
    let id = peer.share("file", &content(1_000_000));
    let (to, start) = (peer.address(), Instant::now());
    let request = format!("GET /files/{id} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let asking = [(); 4].map(|()| {
        let mut stream = from([127, 0, 0, 1], to);
        stream.write_all(request.as_bytes()).unwrap();
        stream
    });
    let sent: Vec<u64> = std::thread::scope(|scope| {
        let ends = asking.map(|mut stream| {
            let peer = &peer;
            scope.spawn(move || {
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).unwrap();
                assert!(answer.len() > 1_000_000);
                peer.serving.load().sent
            })
        });
        ends.into_iter().map(|end| end.join().unwrap()).collect()
    });
    // 4 MB at 2 MB/s: never faster, however fast the machine. The wall clock is what is tested here; the limiter's own tests
    // use a paused one.
    assert!(start.elapsed().as_secs_f64() > 1.8, "{:?}", start.elapsed());
    // One upload after the other would have sent 1 MB by the end of the first.
    assert!(sent.iter().all(|sent| *sent > 3_000_000), "when one ends, all others have most of theirs: {sent:?}");
    assert!(peer.serving.load().sent >= 4_000_000);
}

#[test]
fn a_client_may_have_all_connections_until_another_needs_one() {
    let peer = Peer::with(&ServingSettings { connections: 40, ..settings() });
    let mut many: Vec<TcpStream> = (0..40).map(|_| from([127, 0, 0, 7], peer.address())).collect();
    let refused = Request::new("HEAD", "/").send_over(from([127, 0, 0, 7], peer.address()));
    assert_eq!((refused.status, refused.field("retry-after")), (503, Some("5")));
    assert_eq!(peer.get("/files").status, 200, "another client is served");
    // For it, the connection that was idle for longest was closed.
    assert_eq!(many[0].read(&mut [0]).unwrap_or(0), 0);
    many.clear();
    wait_for("the client may connect again", || {
        Request::new("HEAD", "/").send_over(from([127, 0, 0, 7], peer.address())).status == 204
    });
}

#[test]
fn clients_that_read_nothing_do_not_keep_others_from_their_uploads() {
    let patience = Patience { contended: Duration::from_secs(1), ..Patience::default() };
    let peer = Peer::with(&ServingSettings { patience, ..settings() });
    let large = peer.share("large", &vec![7; 30_000_000]);
    // Three clients with eight connections each, more than there are uploads.
    let stuck: Vec<TcpStream> = (0..24).map(|n| asking([127, 0, 1, 1 + n % 3], peer.address(), large)).collect();
    wait_for("all uploads that are open are taken", || peer.serving.load().waiting > 0);
    let answer =
        Request::new("GET", &format!("/files/{large}/pieces/0")).send_over(from([127, 0, 0, 9], peer.address()));
    assert_eq!((answer.status, answer.body.len()), (200, PIECE));
    wait_for("those that read nothing are disconnected", || {
        peer.serving.load().uploads + peer.serving.load().waiting <= 8
    });
    drop(stuck);
}

#[test]
fn content_that_changed_under_its_time_of_modification_is_not_served() {
    let peer = Peer::new();
    let content = content(3 * PIECE);
    let id = peer.share("file", &content);
    let path = peer.folder.path().join("file");
    let modified = path.metadata().unwrap().modified().unwrap();
    let overwrite = |offset: u64, bytes: &[u8]| {
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, bytes, offset).unwrap();
        file.set_modified(modified).unwrap();
    };
    // The same bytes again, and a new permission: the file is verified, and shared as before.
    overwrite(0, &content[..10]);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    assert!(peer.get(&format!("/files/{id}")).body == content);
    overwrite(PIECE as u64 + 5, b"other");
    let right = peer.get(&format!("/files/{id}/pieces/0"));
    assert!(right.status == 200 && right.body == content[..PIECE], "a piece that is still right");
    let detail = problem(&peer.get(&format!("/files/{id}/pieces/1")), 404);
    assert!(detail.contains("no longer shared"), "{detail}");
    assert_eq!(peer.get("/files").json(), json!({"files": []}));
}

#[test]
fn slow_clients_are_disconnected() {
    let patience = Patience {
        head: Duration::from_secs(1),
        reading: Duration::from_secs(2),
        queue: Duration::from_millis(300),
        ..Patience::default()
    };
    let peer = Peer::with(&ServingSettings { uploads: 1, patience, ..settings() });
    let large = peer.share("large", &vec![7; 30_000_000]);
    let (to, start) = (peer.address(), Instant::now());
    let silent = from([127, 0, 0, 1], to);
    let idle = {
        let mut stream = from([127, 0, 0, 1], to);
        stream.write_all(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        stream
    };
    let mut dripping = from([127, 0, 0, 1], to);
    let drip = std::thread::spawn(move || {
        dripping.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        while dripping.write_all(b"A: b\r\n").is_ok() {
            assert!(start.elapsed() < Duration::from_secs(25), "it is still connected");
            // The pause is the slowness of this client.
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    // One client reads nothing: the next in the queue is told to retry. It is given a minute, so that it is still there then.
    let minute = Duration::from_mins(1);
    let patience = Patience { reading: minute, contended: minute, queue: patience.queue, ..Patience::default() };
    let patient = Peer::with(&ServingSettings { uploads: 1, patience, ..settings() });
    assert_eq!(patient.share("large", &vec![7; 30_000_000]), large);
    let _stuck = asking([127, 0, 0, 2], patient.address(), large);
    wait_for("its upload has begun", || patient.serving.load().uploads == 1);
    problem(&patient.get(&format!("/files/{large}")), 503);
    // Where it is given less, it is cut off, and the next is served in the end.
    let _also_stuck = asking([127, 0, 0, 2], to, large);
    wait_for("its upload has begun", || peer.serving.load().sent > 0);
    wait_for("its upload was ended", || peer.serving.load().uploads == 0);
    assert_eq!(peer.get(&format!("/files/{large}")).body.len(), 30_000_000);
    for mut stream in [silent, idle] {
        let _reset = stream.read_to_end(&mut Vec::new());
    }
    drip.join().unwrap();
    assert!(start.elapsed() < Duration::from_secs(25));
}

#[test]
fn a_long_list_is_complete() {
    let peer = Peer::new();
    let ids: BTreeSet<String> =
        (0..1000_u32).map(|n| peer.share(&format!("file{n}"), &n.to_le_bytes()).to_string()).collect();
    let files = peer.get("/files").json();
    let listed = files["files"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned());
    assert_eq!(listed.collect::<Vec<_>>(), ids.into_iter().collect::<Vec<_>>());
}

#[test]
fn stopping_waits_for_no_client_for_long() {
    let peer = Peer::new();
    let content = content(PIECE);
    let (partial, manifest) = partial(peer.folder.path(), &content);
    peer.library.add_partial(&partial);
    let address = peer.address();
    let _idle = from([127, 0, 0, 1], address);
    let waiting = std::thread::spawn(move || {
        Request::new("GET", &format!("/files/{}/have?version=0&wait=30", manifest.id)).send(address).status
    });
    // Lets the request arrive, usually; the test holds for one that has not, too.
    std::thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    peer.serving.stop();
    assert!(start.elapsed() < Duration::from_secs(25));
    // The request was answered, or its connection not accepted yet.
    let _answered = waiting.join();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn an_address_in_use_is_named_in_the_error() {
    let peer = Peer::new();
    let settings = ServingSettings { address: peer.address(), ..settings() };
    let error = Serving::start(&settings, Arc::new(Library::new())).err().unwrap().to_string();
    assert!(error.contains(&peer.address().to_string()) && error.contains("--port"), "{error}");
    let elsewhere: IpAddr = "192.0.2.1".parse().unwrap();
    let settings = ServingSettings { address: (elsewhere, 0).into(), ..settings };
    assert!(Serving::start(&settings, Arc::new(Library::new())).is_err());
}
