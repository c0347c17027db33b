//! `alto-peer share` as people and scripts use it, with a real server.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::support::Server;
use crate::support::content::content;
use crate::support::process::{Running, finished, program};
use crate::support::registry::{listed, registry};
use serde_json::json;
use test_support::alto_server::data;
use test_support::http::Request;
use test_support::patience::wait_until;

fn share(server: &Server, address: &str, paths: &[&Path]) -> Command {
    let mut command = program();
    command.arg("share").args(paths).args(["--server", &server.directory(), "--address", address]);
    command.args(["--port", "0", "--name", "seed", "--json"]);
    command
}

#[test]
fn files_are_shared_until_sigterm() {
    let server = Server::of("two-isps.json");
    let folder = tempfile::tempdir().unwrap();
    let (movie, inner) = (folder.path().join("movie.bin"), folder.path().join("inner"));
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(&movie, content(300_000)).unwrap();
    std::fs::write(inner.join("song"), "la la").unwrap();
    std::fs::write(inner.join(".secret"), "secret").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", inner.join("link")).unwrap();
    let mut peer = Running::start(&mut share(&server, "127.1.1.1", &[&movie, &inner]));
    let registered = peer.wait_for("registered", 1);
    let listening = peer.wait_for("listening", 1);
    assert_eq!((&listening["address"], &registered["lease"]), (&json!("127.1.1.1"), &json!(60)));
    let shared = peer.of("shared");
    assert_eq!((shared.len(), &shared[0]["name"], &shared[0]["pieces"]), (3, &json!("movie.bin"), &json!(2)));
    peer.wait_for_answer("symbolic link");
    let registry = registry(&server.directory());
    let mut files = listed(&registry);
    files.sort();
    // The folder itself, too.
    assert_eq!(files, ["inner.collection.json", "movie.bin", "song"].map(|name| (name.to_owned(), 1, 0)));
    let port = u16::try_from(listening["port"].as_u64().unwrap()).unwrap();
    let address = SocketAddr::from(([127, 1, 1, 1], port));
    let id = shared[0]["file"].as_str().unwrap();
    assert!(Request::new("GET", &format!("/files/{id}")).send(address).body == content(300_000));

    peer.signal("TERM");
    assert_eq!(peer.end(), Some(0));
    assert_eq!(peer.wait_for("unregistered", 1)["peer"], registered["peer"]);
    assert!(listed(&registry).is_empty());
}

#[test]
fn the_files_that_are_shared_are_listed() {
    let server = Server::of("two-isps.json");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("movie.bin"), content(300_000)).unwrap();
    std::fs::write(folder.path().join("song"), "la la").unwrap();
    let list = |more: &[&str]| {
        let (code, out, error) = finished(program().args(["files", "--server", &server.directory()]).args(more));
        assert_eq!((code, error.as_str()), (Some(0), ""));
        out
    };
    assert_eq!(list(&[]), "nobody shares such a file\n");
    let peer = Running::start(&mut share(&server, "127.1.1.1", &[folder.path()]));
    peer.wait_for("registered", 1);
    let (movie, lines) = (peer.of("shared")[0]["file"].as_str().unwrap().to_owned(), list(&[]));
    assert!(lines.starts_with(&movie) && lines.contains("movie.bin: 1 have it, 0 in part"), "{lines}");
    assert_eq!((lines.lines().count(), list(&["song"]).lines().count()), (2, 1));
    let json: serde_json::Value = serde_json::from_str(&list(&["--json", "movie.bin"])).unwrap();
    assert_eq!(json["files"][0]["id"], movie.as_str());
}

#[test]
fn a_name_that_looks_like_another_is_not_shared() {
    let server = Server::of("two-isps.json");
    let folder = tempfile::tempdir().unwrap();
    // Shown as "annexeexe.pdf".
    let deceiving = folder.path().join("annexe\u{202e}fdp.exe");
    std::fs::write(&deceiving, "program").unwrap();
    std::fs::write(folder.path().join("song"), "la la").unwrap();
    let (code, _, error) = finished(&mut share(&server, "127.1.1.1", &[&deceiving]));
    assert_eq!(code, Some(78), "{error}");
    assert!(error.contains("invisible character U+202E") && !error.contains('\u{202e}'), "{error}");
    let peer = Running::start(&mut share(&server, "127.1.1.1", &[folder.path()]));
    peer.wait_for("registered", 1);
    peer.wait_for_answer("invisible character U+202E");
    assert_eq!(listed(&registry(&server.directory())), [("song".to_owned(), 1, 0)]);
}

#[test]
fn a_file_that_changes_is_not_shared_any_more() {
    let server = Server::of_with("two-isps.json", &["--swarm-lease", "3"]);
    let folder = tempfile::tempdir().unwrap();
    let movie = folder.path().join("movie.bin");
    std::fs::write(&movie, "first").unwrap();
    let peer = Running::start(&mut share(&server, "127.1.1.1", &[&movie]));
    peer.wait_for("registered", 1);
    let registry = registry(&server.directory());
    wait_until("it is listed", || (listed(&registry).len() == 1).then_some(()));
    std::fs::write(&movie, "second").unwrap();
    wait_until("the registry is told", || listed(&registry).is_empty().then_some(()));
    peer.wait_for_answer("changed since it was hashed");
}

#[test]
fn a_signal_is_obeyed_while_a_long_file_is_hashed() {
    let server = Server::of("two-isps.json");
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("long");
    // It takes hours to hash, and no room.
    std::fs::File::create(&long).unwrap().set_len(1 << 43).unwrap();
    let mut peer = Running::start(&mut share(&server, "127.1.1.1", &[&long]));
    peer.wait_for("listening", 1);
    peer.signal("INT");
    assert_eq!(peer.end(), Some(0));
    assert!(peer.of("registered").is_empty() && peer.of("unregistered").is_empty());
}

#[test]
fn a_server_that_is_away_is_waited_for() {
    // It returns to the port it had, at an address that no other test uses.
    let start = |listen: &str| {
        let mut command = test_support::alto_server::program();
        Server::start(command.arg("--topology").arg(data("two-isps.json")).args(["--listen", listen]))
    };
    let server = start("127.0.3.2:0");
    let (address, directory) = (server.address, server.directory());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("song"), "la").unwrap();
    let mut command = share(&server, "127.1.1.1", &[folder.path()]);
    drop(server);
    let mut peer = Running::start(&mut command);
    peer.wait_for("shared", 1);
    peer.wait_for_answer("trying again");
    let server = start(&address.to_string());
    peer.wait_for("registered", 1);
    assert_eq!(listed(&registry(&directory)).len(), 1);
    // And one that is away at the end does not hold it up.
    drop(server);
    peer.signal("TERM");
    assert_eq!(peer.end(), Some(0));
}

#[test]
fn what_cannot_be_is_named_and_has_its_exit_code() {
    let server = Server::of("two-isps.json");
    let empty = tempfile::tempdir().unwrap();
    let failed = |command: &mut Command, code: i32, words: &str| {
        let (exit, _, error) = finished(command);
        assert_eq!(exit, Some(code), "{error}");
        assert!(error.contains(words), "{words}: {error}");
    };
    failed(&mut share(&server, "127.1.1.1", &[Path::new("/none/such")]), 78, "/none/such");
    failed(&mut share(&server, "127.1.1.1", &[empty.path()]), 78, "nothing to share");
    failed(&mut share(&server, "192.0.2.1", &[empty.path()]), 1, "192.0.2.1:0");
    failed(program().args(["share", "x"]), 64, "--server");
    failed(program().args(["share", "x", "--server", "ftp://x/"]), 64, "http");
    let options = [("--upload-rate", "8Mb", "write B for bytes"), ("--piece-size", "100KiB", "power of two")];
    let more = [("--uploads", "0", "from 1"), ("--name", "", "1 to 64 bytes"), ("--port", "65536", "--port")];
    for (option, value, words) in options.into_iter().chain(more) {
        failed(program().args(["share", "x", "--server", "http://x/", option, value]), 64, words);
    }
}
