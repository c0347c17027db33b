//! `alto-peer torrent` with a real tracker: torrents as clients read them, announcements over HTTP and UDP.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::{Command, Stdio};

use alto_types::tracker::bencode::Value;
use test_support::alto_server::Server;

/// Exit code, standard output, standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_alto-peer"));
    let output = program.arg("torrent").args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[track_caller]
fn good(arguments: &[&str]) -> String {
    let (code, out, error) = run(arguments);
    assert_eq!((code, error.as_str()), (0, ""), "{arguments:?}");
    out
}

#[test]
fn a_torrent_is_made_announced_and_found() {
    let server = Server::of_with("two-isps.json", &["--tracker", "--tracker-udp", "127.0.0.1:0"]);
    let udp = server.wait_for_log("tracker on udp://").split("udp://").nth(1).unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("movie.bin");
    std::fs::write(&file, vec![7; 100_000]).unwrap();
    let (file, url) = (file.to_str().unwrap(), format!("{}/tracker/announce", server.origin()));
    let infohash = good(&["create", file, "--announce", &url, "--piece-size", "64KiB"]);
    let torrent = format!("{file}.torrent");
    let bytes = std::fs::read(&torrent).unwrap();
    let value = Value::parse(&bytes).unwrap();
    let info = value.dictionary().unwrap().get(b"info").and_then(Value::dictionary).unwrap();
    let number = |key: &[u8]| info.get(key).and_then(Value::integer);
    assert_eq!((number(b"length"), number(b"piece length"), number(b"private")), (Some(100_000), Some(65536), Some(1)));
    assert_eq!((info.get(b"name").and_then(Value::text), infohash.len()), (Some("movie.bin"), 40));
    assert_eq!(info.get(b"pieces").and_then(Value::bytes).map(<[u8]>::len), Some(40));

    let answer = good(&["announce", &torrent, "--port", "7001", "--left", "0", "--event", "started"]);
    assert!(answer.contains("seeds    1\nleechers 0") && answer.contains("seen as  127.0.0.1"), "{answer}");
    assert_eq!(good(&["peers", &torrent, "--port", "7002"]), "127.0.0.1:7001");
    let udp = format!("udp://{udp}/announce");
    let by_hash = ["--tracker", &udp, "--infohash", &infohash];
    assert_eq!(good(&[&["peers"], &by_hash[..]].concat()), "127.0.0.1:7001");
    // Those that asked for peers have left again.
    let answer = good(&[&["announce", "--json", "--port", "7003"], &by_hash[..]].concat());
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&answer["complete"], &answer["incomplete"]), (&1.into(), &1.into()));
    assert_eq!(answer["peers"], serde_json::json!(["127.0.0.1:7001"]));
    assert!(good(&["announce", &torrent, "--port", "7001", "--event", "stopped"]).contains("seeds    0"));
}

#[test]
fn a_public_torrent_says_nothing_of_private() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    std::fs::write(&file, b"content").unwrap();
    let out = folder.path().join("out.torrent");
    let create =
        ["create", file.to_str().unwrap(), "--announce", "udp://192.0.2.1:6969", "--out", out.to_str().unwrap()];
    let private = good(&create);
    let public = good(&[&create[..], &["--public"]].concat());
    assert_ne!(private, public);
    assert!(!std::fs::read(out).unwrap().windows(7).any(|window| window == b"private"));
}

#[test]
fn what_cannot_work_is_explained() {
    let server = Server::of("two-isps.json");
    let infohash = "ab".repeat(20);
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, b"").unwrap();
    let empty = empty.to_str().unwrap();
    let no_tracker = format!("{}/tracker/announce", server.origin());
    for (arguments, code, problem) in [
        (&["create", empty, "--announce", "http://a/announce"][..], 78, "is empty"),
        (&["create", empty, "--announce", "a"], 64, "is not the URL of a tracker"),
        (&["create", "/nowhere", "--announce", "udp://a:1"], 78, "cannot read /nowhere"),
        (&["peers", empty], 78, "not bencoded"),
        (&["peers", "--infohash", &infohash, "--tracker", &no_tracker], 1, "HTTP status 404"),
        (&["peers", "--infohash", "abc", "--tracker", &no_tracker], 64, "40 hexadecimal digits"),
        (&["peers", "--infohash", &infohash, "--tracker", "ftp://a"], 64, "is not the URL of a tracker"),
        (
            &["peers", "--infohash", &infohash, "--tracker", "udp://127.0.0.1:9", "--timeout", "1"],
            1,
            "udp://127.0.0.1:9",
        ),
    ] {
        let (seen, _, error) = run(arguments);
        assert_eq!(seen, code, "{arguments:?}: {error}");
        assert!(error.contains(problem), "{arguments:?}: {error}");
    }
}
