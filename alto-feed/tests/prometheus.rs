//! Measurements from Prometheus: what its answers become, and when they are reported.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use alto_feed::input::Text;
use alto_feed::live::prometheus::{Interfaces, Prometheus, Settings, changes};
use serde_json::json;
use test_support::ports::free_port;
use test_support::scripted_server::{Reply, Script};

fn answer(samples: &[(&str, &str, &str)]) -> Reply {
    let sample = |(instance, interface, value): &(&str, &str, &str)| json!({"metric": {"instance": instance, "ifName": interface}, "value": [1_700_000_000.5, value]});
    let result: Vec<_> = samples.iter().map(sample).collect();
    Reply::typed(
        "application/json",
        json!({"status": "success", "data": {"resultType": "vector", "result": result}}).to_string(),
    )
}

fn prometheus(script: &Script) -> Prometheus {
    let table = "instance,ifName,source,destination,index\nr1,eth0,r1,r2,\nr1,eth1,r1,r2,1\n";
    let settings: Settings = serde_json::from_value(json!({
        "url": script.uri(""), "interfaces": "unused", "interval": 60, "expire": 90,
        "queries": [{"query": "load", "measures": "utilisation"}, {"query": "delay", "measures": "delay", "factor": 1000}],
    }))
    .unwrap();
    Prometheus::new(settings, Interfaces::read(&Text::new("t", table)).unwrap())
}

const LOAD: &str = "GET /api/v1/query?query=load";
const DELAY: &str = "GET /api/v1/query?query=delay";

#[test]
fn samples_become_changes_of_links_and_nonsense_is_counted() {
    let script = Script::start();
    script.on(
        LOAD,
        [answer(&[("r1", "eth0", "0.29998"), ("r1", "eth1", "+Inf"), ("r1", "eth1", "NaN"), ("r9", "eth0", "0.5")])],
    );
    script.on(DELAY, [answer(&[("r1", "eth0", "0.002"), ("r1", "eth1", "0.003")])]);
    let measured = prometheus(&script).measure(Instant::now()).unwrap();
    assert_eq!((measured.unusable, measured.unknown), (2, 1));
    let changes: Vec<String> =
        changes(&measured.values).iter().map(|change| serde_json::to_string(change).unwrap()).collect();
    let expected = [
        r#"{"source":"r1","destination":"r2","index":0,"utilisation":0.29998,"measured-delay":2.0}"#,
        r#"{"source":"r1","destination":"r2","index":1,"measured-delay":3.0}"#,
    ];
    assert_eq!(changes, expected);
}

#[test]
fn reports_are_damped_and_what_is_not_repeated_expires() {
    let script = Script::start();
    let loads = ["0.30", "0.33", "0.50"].map(|load| answer(&[("r1", "eth0", load)]));
    script.on(LOAD, loads.into_iter().chain([answer(&[])]));
    script.on(DELAY, [answer(&[])]);
    let (mut source, start) = (prometheus(&script), Instant::now());
    let mut values = |seconds| {
        let now = start + Duration::from_secs(seconds);
        let measured = source.measure(now).unwrap();
        source.reported(&measured.values, now);
        measured.values.into_iter().map(|(_, _, value)| value).collect::<Vec<_>>()
    };
    assert_eq!(values(0), [Some(0.3)]);
    assert_eq!(values(61), [], "three points are too few");
    assert_eq!(values(62), [Some(0.5)]);
    assert_eq!(values(100), [], "the series is gone, but its value still holds");
    assert_eq!(values(152), [None]);
    assert_eq!(values(153), []);
}

#[test]
fn errors_of_prometheus_name_the_query() {
    let script = Script::start();
    let error = json!({"status": "error", "errorType": "bad_data", "error": "parse error"}).to_string();
    script.on(LOAD, [Reply::typed("application/json", error).with_status(400)]);
    let error = prometheus(&script).measure(Instant::now()).unwrap_err();
    assert!(error.ends_with("load: parse error"), "{error}");
}

/// A program that is killed at the end of the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _already_gone = self.0.wait();
    }
}

#[test]
fn a_real_prometheus_is_understood() {
    let program = "/usr/bin/prometheus";
    if !Path::new(program).exists() {
        return eprintln!("skipped: prometheus is not installed: apt-get install prometheus");
    }
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    std::fs::write(&config, "global: {}\n").unwrap();
    let port = free_port();
    let mut command = Command::new(program);
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}")).stdout(Stdio::null()).stderr(Stdio::null());
    let _program = Program(command.spawn().unwrap());
    // Expressions that give series without any scraping.
    let series = |value: &str, interface: &str| {
        format!(r#"label_replace(label_replace({value}, "instance", "r1", "", ""), "ifName", "{interface}", "", "")"#)
    };
    let settings: Settings = serde_json::from_value(json!({
        "url": format!("http://127.0.0.1:{port}"), "interfaces": "unused",
        "queries": [
            {"query": series("vector(0.29998)", "eth0"), "measures": "utilisation"},
            {"query": series("vector(1) / 0", "eth1"), "measures": "utilisation"},
            {"query": series("vector(1) > 2", "eth1"), "measures": "loss"},
            {"query": series("vector(0.002)", "eth1"), "measures": "delay", "factor": 1000},
        ],
    }))
    .unwrap();
    let table = "instance,ifName,source,destination,index\nr1,eth0,r1,r2,\nr1,eth1,r1,r2,1\n";
    let mut source = Prometheus::new(settings, Interfaces::read(&Text::new("t", table)).unwrap());
    let deadline = Instant::now() + Duration::from_mins(1);
    let measured = loop {
        match source.measure(Instant::now()) {
            Ok(measured) => break measured,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    let values: Vec<_> = measured.values.iter().map(|(_, link, value)| (link.index, value.unwrap())).collect();
    assert_eq!((values, measured.unusable, measured.unknown), (vec![(0, 0.29998), (1, 2.0)], 1, 0));
}
