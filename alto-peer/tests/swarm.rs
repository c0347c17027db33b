//! Swarms of real peer processes around a real server, with failures of every kind.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::Server;
use crate::support::download::{Original, PIECE};
use crate::support::holder::Behaviour;
use crate::support::process::{Running, assert_golden_help, finished, get, peak_memory, program};
use crate::support::registry::{listed, register, registry};
use crate::support::seed::Seed;
use serde_json::Value;
use test_support::alto_server::data;
use test_support::patience::wait_until;

/// An address in a prefix of either provider of two-isps.
fn address(n: usize) -> String {
    let (isp, host) = (1 + n % 2, 100 + n);
    format!("127.{isp}.{}.{host}", 1 + n % 3)
}

fn start(server: &Server, original: &Original, folder: &Path, n: usize, more: &[&str]) -> Running {
    let folder = folder.join(n.to_string());
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = get(server, &original.manifest.id.to_string(), &address(n), &folder);
    Running::start(command.args(more))
}

fn swarm(server: &Server, original: &Original, folder: &Path, count: usize, more: &[&str]) -> Vec<Running> {
    (0..count).map(|n| start(server, original, folder, n, more)).collect()
}

/// Number of bytes from peers other than this address.
fn from_others(done: &Value, seed: &str) -> u64 {
    let sources = done["sources"].as_object().unwrap();
    let others = sources.iter().filter(|(source, _)| !source.starts_with(&format!("{seed}:")));
    others.map(|(_, contribution)| contribution["bytes"].as_u64().unwrap()).sum()
}

#[test]
fn twenty_peers_share_the_load_of_one_seed() {
    let (server, original) = (Server::of("two-isps.json"), Original::of(64));
    let folder = tempfile::tempdir().unwrap();
    let seed = Seed::start(&server, &original, "127.1.1.1", Some(4_000_000));
    let peers = swarm(&server, &original, folder.path(), 20, &["--stay", "60"]);
    let mut others = 0;
    for peer in &peers {
        assert!(peer.file() == original.content);
        let done = peer.done();
        others += from_others(&done, "127.1.1.1");
        assert!(peak_memory(peer.pid()) < 64 * 1024, "{} KiB", peak_memory(peer.pid()));
    }
    let share = others * 100 / (20 * original.manifest.size);
    println!("{share} % of all bytes came from peers other than the seed, which sent {}", seed.sent());
    assert!(share >= 50, "{share} % of all bytes came from other peers");
    assert!(seed.sent() < 12 * original.manifest.size, "the seed sent {} bytes", seed.sent());
}

#[test]
fn a_seed_may_vanish_once_every_piece_is_distributed() {
    let (server, original) = (Server::of("two-isps.json"), Original::of(64));
    let folder = tempfile::tempdir().unwrap();
    let mut seed = Seed::start(&server, &original, "127.1.1.1", Some(2_000_000));
    let peers = swarm(&server, &original, folder.path(), 6, &["--stay", "60"]);
    wait_until("every piece is distributed", || {
        let pieces = |peer: &Running| peer.of("piece").into_iter().map(|event| event["piece"].as_u64().unwrap());
        let out: BTreeSet<u64> = peers.iter().flat_map(pieces).collect();
        (out.len() == 64).then_some(())
    });
    let finished = peers.iter().filter(|peer| !peer.of("done").is_empty()).count();
    seed.vanish();
    println!("{finished} of 6 had the whole file when the seed vanished");
    for peer in &peers {
        assert!(peer.file() == original.content);
    }
}

#[test]
fn a_liar_and_a_trickler_are_found_among_the_holders() {
    let (server, original) = (Server::of("two-isps.json"), Original::of(60));
    let folder = tempfile::tempdir().unwrap();
    let _seed = Seed::start(&server, &original, "127.2.1.5", Some(800_000));
    let liar = original.holder("127.1.1.2", Behaviour { corrupt_every: Some(10), ..Behaviour::default() });
    let trickler =
        original.holder("127.1.2.3", Behaviour { trickle: Some(Duration::from_secs(1)), ..Behaviour::default() });
    for holder in [&liar, &trickler] {
        register(&server, &original, &holder.listing());
    }
    let peer = start(&server, &original, folder.path(), 0, &["--stall", "2"]);
    assert!(peer.file() == original.content);
    let state_of = |address: String| {
        let states = peer.of("source").into_iter().filter(move |event| event["source"] == address.as_str());
        states.map(|event| event["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(state_of(liar.address.to_string()).last().unwrap(), "lied");
    assert!(state_of(trickler.address.to_string()).contains(&"stalled".to_owned()));
    assert!(peer.done()["wasted"].as_u64().unwrap() >= u64::from(PIECE));
}

#[test]
fn a_restart_of_the_server_stops_no_download() {
    let original = Original::of(64);
    let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let serve = |listen: &str| {
        let mut command = test_support::alto_server::program();
        command.arg("--topology").arg(data("two-isps.json")).args(["--listen", listen, "--swarm-lease", "10"]);
        Server::start(command.arg("--state").arg(state.path()))
    };
    let mut server = serve("127.0.3.3:0");
    let _seed = Seed::start(&server, &original, "127.1.1.1", Some(1_000_000));
    let peers = swarm(&server, &original, folder.path(), 2, &["--stay", "60"]);
    peers[0].wait_for("piece", 5);
    let address = server.address.to_string();
    server.kill();
    peers[0].wait_for("piece", 15);
    let server = serve(&address);
    wait_until("the new server knows holders", || (!listed(&registry(&server.directory())).is_empty()).then_some(()));
    // A further peer, which can know the others from the new server only.
    let late = start(&server, &original, folder.path(), 2, &[]);
    for peer in peers.iter().chain([&late]) {
        assert!(peer.file() == original.content);
        assert!(peer.of("fallback").is_empty(), "costs outlive a short outage");
    }
}

#[test]
fn a_killed_peer_continues_where_it_stopped() {
    let (server, original) = (Server::of("two-isps.json"), Original::of(64));
    let folder = tempfile::tempdir().unwrap();
    let _seed = Seed::start(&server, &original, "127.1.1.1", Some(1_000_000));
    let mut peer = start(&server, &original, folder.path(), 0, &[]);
    peer.wait_for("piece", 20);
    peer.kill();
    let had = peer.of("piece").len();
    let again = start(&server, &original, folder.path(), 0, &[]);
    assert!(again.file() == original.content);
    let joined = again.wait_for("joined", 1)["have"].as_u64().unwrap();
    // One piece may have been reported and not recorded, or the other way round.
    assert!(joined + 1 >= had as u64, "{joined} of {had} pieces were kept");
    let fetched = again.of("piece").len() as u64;
    assert_eq!(fetched + joined, 64, "no piece is downloaded again");
}

#[test]
fn a_full_disk_is_reported_and_the_download_continues_later() {
    // In a mount namespace of its own, so that no mount is left behind.
    let within = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
        command
    };
    let mount = "mkdir -p \"$1\" && mount -t tmpfs -o size=1m none \"$1\"";
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    if !within(mount).arg(&disk).output().is_ok_and(|output| output.status.success()) {
        println!("not tested: no file system can be mounted");
        return;
    }
    let (server, original) = (Server::of("two-isps.json"), Original::of(32));
    let _seed = Seed::start(&server, &original, "127.1.1.1", None);
    // First with one megabyte, then, with more space, again into the same folder.
    let script = format!("{mount} && shift && \"$@\"; mount -o remount,size=8m \"$0\" 2>&1; \"$@\"");
    let script = script.replace("\"$0\"", &format!("'{}'", disk.display()));
    let peer = get(&server, &original.manifest.id.to_string(), "127.1.2.100", &disk);
    let mut command = within(&script);
    command.arg(&disk).arg(peer.get_program()).args(peer.get_args());
    let (code, out, errors) = finished(&mut command);
    assert!(errors.contains("the disk is full"), "{errors}");
    assert_eq!(code, Some(0), "{errors}{out}");
    let events: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let joined: Vec<&Value> = events.iter().filter(|event| event["event"] == "joined").collect();
    assert!(joined.len() == 2 && joined[1]["have"].as_u64().unwrap() > 0, "{joined:?}");
    assert!(events.iter().any(|event| event["event"] == "failed"));
    assert!(events.iter().any(|event| event["event"] == "done"));
}

#[test]
fn two_seeds_of_the_same_file_are_both_used() {
    let (server, original) = (Server::of("two-isps.json"), Original::of(64));
    let folder = tempfile::tempdir().unwrap();
    let seeds = ["127.1.1.2", "127.1.2.3"].map(|address| Seed::start(&server, &original, address, Some(1_000_000)));
    // Divided into other pieces, the same file has another manifest, which is no lie.
    let _other = Seed::cut(&server, &original, "127.1.3.4", None, 2 * PIECE);
    let peer = start(&server, &original, folder.path(), 0, &[]);
    assert!(peer.file() == original.content);
    let done = peer.done();
    assert_eq!(done["sources"].as_object().unwrap().len(), 2, "{done}");
    assert!(seeds.iter().all(|seed| seed.sent() > 0));
    assert!(peer.of("source").iter().all(|event| event["state"] == "connected"), "{:?}", peer.of("source"));
}

#[test]
fn the_help_of_get_is_up_to_date() {
    let (code, help, _) = finished(program().args(["get", "--help"]));
    assert_eq!(code, Some(0));
    assert_golden_help("get", &help);
}

#[test]
fn exit_codes_and_messages_tell_why_a_download_fails() {
    let (server, original) = (Server::of("two-isps.json"), Original::of(4));
    let folder = tempfile::tempdir().unwrap();
    let id = original.manifest.id.to_string();
    let directory = server.directory();
    let get = |arguments: &[&str]| {
        let mut command = program();
        let output: PathBuf = folder.path().join("renamed.bin");
        command.args(["get", "--server", &directory, "--address", "127.1.1.3"]).args(arguments);
        if !arguments.contains(&"--output") {
            command.arg("--output").arg(output);
        }
        finished(&mut command)
    };
    let (code, _, errors) = get(&["movie.bin"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("nobody shares a file movie.bin"), "{errors}");
    for wrong in ["--policy=cheap", "--own-pid-share=1.5", "--neighbours=0", "--stall=soon", "--block-size=1"] {
        assert_eq!(get(&[wrong, &id]).0, Some(64), "{wrong}");
    }
    assert_eq!(finished(program().args(["get", &id])).0, Some(64), "no server");
    let (code, _, errors) = get(&[&id, "--output", "/nonexistent/folder/file"]);
    assert_eq!(code, Some(78), "{errors}");

    let _seed = Seed::start(&server, &original, "127.1.1.1", None);
    let (code, out, errors) = get(&["movie.bin"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("renamed.bin") && out.lines().count() == 1, "{out}");
    assert!(std::fs::read(folder.path().join("renamed.bin")).unwrap() == original.content);

    // A second file of the same name.
    let other = Original::of(5);
    let _seed = Seed::start(&server, &other, "127.1.1.2", None);
    let (code, _, errors) = get(&["movie.bin"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains(&id) && errors.contains(&other.manifest.id.to_string()), "{errors}");
}
