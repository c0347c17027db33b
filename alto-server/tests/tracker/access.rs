//! Who may use the tracker: lists of torrents, passkeys, limits per address.

use alto_types::tracker::announce::{AnnounceRequest, Retry};

use super::{TORRENT, leecher, metric, start, try_announce, try_announce_at};
use crate::support::Server;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn reason(server: &Server, path: &str, request: &AnnounceRequest) -> String {
    try_announce_at(server.address, "127.1.1.1", path, request).map_or_else(|failure| failure.reason, |_| String::new())
}

#[test]
fn only_listed_torrents_are_served_and_the_lists_can_be_reloaded() {
    let folder = tempfile::tempdir().unwrap();
    let [torrents, blocked] = ["torrents", "blocked"].map(|name| folder.path().join(name));
    std::fs::write(&torrents, format!("# one\n{}\n{}\n", "ab".repeat(20), "cd".repeat(20))).unwrap();
    std::fs::write(&blocked, "cd".repeat(20)).unwrap();
    let lists =
        ["--tracker-torrents", torrents.to_str().unwrap(), "--tracker-blocked-torrents", blocked.to_str().unwrap()];
    let server = start(&lists);
    let of = |byte| AnnounceRequest { infohash: [byte; 20], ..leecher(1) };
    assert_eq!(reason(&server, "/tracker/announce", &of(0xab)), "");
    assert_eq!(reason(&server, "/tracker/announce", &of(0xcd)), "this torrent is not served");
    assert_eq!(reason(&server, "/tracker/announce", &of(0xef)), "this torrent is not registered with this tracker");
    std::fs::write(&torrents, "ef".repeat(20)).unwrap();
    server.signal("HUP");
    server.wait_for_log("settings and files reloaded");
    assert_eq!(reason(&server, "/tracker/announce", &of(0xef)), "");
    std::fs::write(&torrents, "nonsense").unwrap();
    server.signal("HUP");
    server.wait_for_log("the reload changed nothing");
    assert_eq!(reason(&server, "/tracker/announce", &of(0xef)), "");
    let (code, _, error) = crate::support::run(&[
        "--topology",
        crate::support::data("two-isps.json").to_str().unwrap(),
        "--tracker",
        lists[0],
        lists[1],
        "--check",
    ]);
    assert_eq!(code, 78);
    assert!(error.contains("torrents: line 1: write the infohash in 40 hexadecimal digits"), "{error}");
}

#[test]
fn a_passkey_opens_a_private_tracker_and_is_never_logged() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    std::fs::write(&keys, format!("{KEY}\n")).unwrap();
    let server = start(&["--tracker-passkeys", keys.to_str().unwrap(), "--access-log", "--log-level", "trace"]);
    let wrong = KEY.replace('0', "1");
    assert_eq!(reason(&server, &format!("/tracker/{KEY}/announce"), &leecher(1)), "");
    assert_eq!(reason(&server, &format!("/tracker/{wrong}/announce"), &leecher(1)), "the passkey is not known");
    assert!(reason(&server, "/tracker/announce", &leecher(1)).starts_with("this tracker is private"));
    assert_eq!(server.get(&format!("/tracker/{KEY}/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa")).status, 200);
    assert_eq!(
        crate::support::Request::new("POST", &format!("/tracker/{KEY}/announce")).send(server.address).status,
        405
    );
    server.get("/healthz");
    // The log of the last request comes after those of all others.
    let mut logged = 0;
    while let Some(line) = server.next_log_line() {
        assert!(!line.contains(KEY) && !line.contains(&wrong), "{line}");
        logged += usize::from(line.contains("/tracker/{}/"));
        if line.contains("/healthz") {
            break;
        }
    }
    assert_eq!(logged, 4);
}

#[test]
fn one_address_cannot_fill_the_tracker() {
    let server =
        start(&["--tracker-max-peers-per-address", "5", "--tracker-max-peers", "7", "--tracker-max-torrents", "3"]);
    for port in 1..=5 {
        try_announce(&server, "127.1.1.1", &leecher(port)).unwrap();
    }
    let failure = try_announce(&server, "127.1.1.1", &leecher(6)).unwrap_err();
    assert_eq!(failure.reason, "your address has as many peers here as it may have");
    assert!(matches!(failure.retry, Some(Retry::Minutes(minutes)) if minutes > 0));
    try_announce(&server, "127.1.1.1", &leecher(5)).unwrap();
    for infohash in [[1; 20], [2; 20]] {
        try_announce(&server, "127.1.1.2", &AnnounceRequest { infohash, ..leecher(1) }).unwrap();
    }
    let failure = try_announce(&server, "127.1.1.3", &AnnounceRequest { infohash: TORRENT, ..leecher(1) }).unwrap_err();
    assert_eq!(failure.reason, "the tracker is full");
    assert_eq!(metric(&server, "alto_tracker_refused_total{reason=\"address-full\"}"), 1);
}
