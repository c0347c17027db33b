//! Runs of the conformance suite, in strict mode, against this server: every topology of `topo/data` over HTTP, and one
//! over HTTPS with Digest authentication.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::Server;
use rfc_conformance::{Options, Report, Verdict};

/// Time limit of a request. What a stream does not tell is awaited for this long each time.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// Requirements that may be skipped, with the reason: features that this server lacks, or conditions that a run may not
/// meet. All others must be checked.
const MAY_BE_SKIPPED: &[(&str, &str)] = &[
    ("rfc7285/6.3/2", "the network map does not change"),
    ("rfc7285/10.3/5", "the network map does not change"),
    ("rfc7285/8.3.3/3", "no POST is answered with 303"),
    ("rfc7285/8.3.5", "only over HTTPS, with users"),
    ("rfc7285/15.1.2", "only over HTTPS"),
    ("rfc7285/15.3.2", "only with users"),
    ("rfc7285/8.5.3/2", "not overloaded"),
    ("rfc7285/9.2.2/7", "one directory"),
    ("rfc7285/9.2.4/1", "one directory"),
    ("rfc7285/9.2.2/16", "every resource has a URI of its own"),
    ("rfc7285/10.8.2", "no property other than pid"),
    ("rfc7285/11.4.1/1", "no property other than pid"),
    ("rfc7285/10.4.3.2/1", "not without IPv6"),
    ("rfc7285/10.4.4.2/1", "not without IPv6"),
    ("rfc7285/11.2.3.6/6", "not where every pair has a cost"),
    ("rfc7285/11.5.1.6/4", "not where every pair has a cost"),
    ("rfc7285/11.4.1.6/5", "not where every address has a PID"),
    ("rfc9240/6.1.2/1", "not without IPv6"),
    ("rfc9240/6.1.3/3", "not where every address has every property"),
    ("rfc9240/6.1.3/4", "not where no property is null"),
    ("rfc9240/6.1.3/5", "not where no property is null"),
    ("rfc9240/6.2.3/1", "not where PIDs have no properties"),
    ("rfc9240/6.2.4/1", "not where PIDs have no properties"),
    ("rfc9240/7.6/2", "one network map"),
    ("rfc9240/8.6/6", "not where every address has every property"),
    ("rfc9240/8.6/9", "not where every address has every property"),
    ("rfc9240/8.6/18", "not where no prefix is covered by others"),
    ("rfc9240/11/4", "only over HTTPS"),
    ("rfc8189/4.1.1/2", "every cost type can be tested, so none is named"),
    ("rfc8189/4.1.1/4", "every filtered resource supports multi-cost"),
    ("rfc8189/4.1.1/5", "every cost type can be tested, so none is named"),
    ("rfc8189/4.1.1/6", "every cost type can be tested, so none is named"),
    ("rfc8189/4.1.2/20", "every cost type can be tested"),
    ("rfc8189/4.1.2/31", "every cost type can be tested"),
    ("rfc8189/4.1.2/36", "every multi-cost resource supports constraints"),
    ("rfc9439/3.1/6", "no cost source is `sla`"),
    ("rfc9439/3.2/5", "no statistics"),
    ("rfc9439/3.2/7", "no statistics"),
    ("rfc9439/3.2/8", "no statistics"),
    ("rfc9439/4.1.2/2", "not where no link has a delay"),
    ("rfc9439/4.1.4", "delays are as configured, and no IPPM metric is named"),
    ("rfc9439/4.2.4", "no IPPM metric is named"),
    ("rfc9439/4.3", "no `delay-variation`"),
    ("rfc9439/4.4.4", "no IPPM metric is named"),
    ("rfc9439/5.1", "no `tput`"),
    ("rfc9439/5.2.3", "no statistics"),
    ("rfc9439/6.3", "routing costs have no context"),
    ("rfc9439/6.4.1", "no `Expires`"),
    ("rfc6902", "only while the network changes"),
    ("rfc8895/5.2/2", "only while the network changes"),
    ("rfc8895/5.3/5", "only while the network changes"),
    ("rfc8895/6.3/2", "only while the network changes"),
    ("rfc8895/6.3/3", "only where a property becomes null"),
    ("rfc8895/6.3/4", "only where a property becomes null"),
    ("rfc8895/6.3/5", "only where a property becomes null"),
    ("rfc8895/6.5/9", "only while the network changes"),
    ("rfc8895/6.7.2/1", "only while the network changes"),
    ("rfc8895/6.7.2/4", "one update stream service"),
    ("rfc8895/6.8/1", "takes 17 seconds"),
    ("rfc8895/7.1/6", "only over HTTPS"),
    ("rfc8895/7.6/13", "only while the network changes"),
    ("rfc8895/9.2/4", "only while the network changes"),
    ("rfc8895/9.3", "only while the network changes"),
    ("rfc8895/9.4/1", "only while the network changes"),
    ("rfc9569/3.1/1", "only while the network changes"),
    ("rfc9569/3.1/3", "only while the network changes"),
    ("rfc9569/3.1/4", "only while the network changes"),
    ("rfc9569/3.2/1", "only while the network changes"),
    ("rfc9569/3.2/3", "only while the network changes"),
    ("rfc9569/3.2/4", "only while the network changes"),
    ("rfc9569/3.2/5", "only after many changes"),
    ("rfc9569/4.1/2", "only while the network changes"),
    ("rfc9569/5.2/3", "only where a property becomes null"),
    ("rfc9569/5.2/4", "only where a property becomes null"),
    ("rfc9569/6.2/3", "only over HTTPS"),
    ("rfc9569/7.2/7", "only after many changes"),
    ("rfc9569/7.4.2/3", "only while the network changes"),
    ("rfc9569/7.4.2/4", "only while the network changes"),
    ("rfc9569/8/1", "only while the network changes"),
    ("rfc9110/13.1.5", "no partial answers"),
    ("rfc9110/15.3.7/2", "no partial answers"),
];

/// All topologies below `topo/data`, those of scenarios included.
fn topologies() -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![crate::support::data("")]);
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if is_topology(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn is_topology(path: &Path) -> bool {
    let text = path.extension().is_some_and(|end| end == "json").then(|| std::fs::read_to_string(path).unwrap());
    let value = text.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    value.is_some_and(|value| value.get("switches").is_some_and(serde_json::Value::is_array))
}

/// Runs the suite, and panics if a check fails or a requirement not listed in `MAY_BE_SKIPPED` is skipped.
#[track_caller]
fn run_suite(options: &Options) -> Report {
    let report = rfc_conformance::run(options);
    assert_eq!(report.could_not_run, None);
    assert_eq!(report.failures().count(), 0, "{}", report.to_text(false));
    for line in &report.lines {
        if let Verdict::Skipped(why) = &line.verdict {
            let known = MAY_BE_SKIPPED.iter().any(|(prefix, _)| line.requirement.is_within(prefix));
            assert!(known, "{} is skipped: {why}", line.requirement.id);
        }
    }
    report
}

fn strict(directory: &str) -> Options {
    Options { strict: true, timeout: TIMEOUT, ..Options::new(directory) }
}

#[test]
fn every_shipped_topology_passes_the_suite() {
    let topologies = topologies();
    assert!(topologies.len() >= 5, "{topologies:?}");
    for topology in topologies {
        println!("{}", topology.display());
        let server = Server::with(&["--topology", topology.to_str().unwrap()]);
        let report = run_suite(&strict(&format!("http://{}/directory", server.address)));
        println!("{} requests in {:.1} s", report.requests, report.took.as_secs_f32());
    }
}

#[test]
fn https_with_digest_passes_the_suite() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    test_support::certificate::self_signed(folder.path());
    std::fs::write(path("users"), "ada:pass:word\n").unwrap();
    let [certificate, key, users] =
        ["cert.pem", "key.pem", "users"].map(|name| path(name).to_str().unwrap().to_owned());
    let arguments = ["--tls-certificate", &certificate, "--tls-key", &key, "--digest-users", &users];
    let server = Server::of_with("conformance-fixture-a.json", &arguments);
    let report = run_suite(&Options {
        user: Some(("ada".to_owned(), "pass:word".to_owned())),
        ca: Some(path("cert.pem")),
        ..strict(&format!("https://localhost:{}/directory", server.address.port()))
    });
    for id in ["rfc7285/8.3.5/1", "rfc7285/8.3.5/2", "rfc7285/15.1.2/1", "rfc7285/15.1.2/2", "rfc7285/15.3.2/2"] {
        let line = report.lines.iter().find(|line| line.requirement.id == id).unwrap();
        assert!(matches!(line.verdict, Verdict::Pass(_)), "{id}: {:?}", line.verdict);
    }
}

/// Topology file of a ring of switches with one host each, which has as many PIDs as switches.
fn ring(length: usize) -> String {
    let mut topology = String::from("{\"name\": \"ring\", \"switches\": [");
    let list = |item: &dyn Fn(usize) -> String| (0..length).map(item).collect::<Vec<_>>().join(",");
    topology += &list(&|n| format!("{{\"name\": \"s{n}\", \"dpid\": \"{n:016x}\"}}"));
    let address = |n: usize| format!("10.{}.{}.1", n / 256, n % 256);
    let _ = write!(
        topology,
        "], \"hosts\": [{}], \"links\": [",
        list(&|n| { format!("{{\"name\": \"h{n}\", \"ip\": \"{}\"}}", address(n)) })
    );
    let link = |from: String, to: String, delay: usize| {
        format!("{{\"source\": \"{from}\", \"destination\": \"{to}\", \"bandwidth\": 100, \"delay\": {delay}}}")
    };
    topology += &list(&|n| {
        let around = link(format!("s{n}"), format!("s{}", (n + 1) % length), n % 7 + 1);
        format!("{},{around}", link(format!("h{n}"), format!("s{n}"), 1))
    });
    topology + "]}"
}

#[test]
fn a_network_with_many_pids_passes_the_suite() {
    // Without optimisation, 200 PIDs take a minute. Set CONFORMANCE_PIDS=200 to measure an optimised build.
    let length = std::env::var("CONFORMANCE_PIDS").map_or(40, |length| length.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.json");
    std::fs::write(&path, ring(length)).unwrap();
    let server = Server::with(&["--topology", path.to_str().unwrap()]);
    let report = run_suite(&strict(&format!("http://{}/directory", server.address)));
    println!("{length} PIDs: {} requests in {:.1} s", report.requests, report.took.as_secs_f32());
}
