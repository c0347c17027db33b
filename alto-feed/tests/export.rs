//! Exports: the programs that read them agree with the server's own costs.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use test_support::alto_server::Server;
use test_support::ports::free_port;

/// Addresses of clients of both providers, and of one that no prefix but the default one covers.
pub(crate) const CLIENTS: [&str; 4] = ["127.1.1.1", "127.1.77.7", "127.2.2.2", "127.2.9.9"];
pub(crate) const CANDIDATES: [(&str, &str); 2] = [("dc-one", "127.1.1.2"), ("dc-two", "127.2.1.1")];

/// Runs an export, and returns its standard output.
pub(crate) fn export(server: &Server, format: &str, more: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto-feed"));
    command.args(["export", format, "--server", &server.directory()]).args(more);
    for (name, address) in CANDIDATES {
        command.args(["--candidate", &format!("{name}={address}")]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The candidates by cost, as the server's endpoint cost service has them.
pub(crate) fn by_cost(server: &Server, client: &str) -> Vec<String> {
    let destinations: Vec<String> = CANDIDATES.iter().map(|(_, address)| format!("ipv4:{address}")).collect();
    let body = serde_json::json!({
        "cost-type": {"cost-mode": "numerical", "cost-metric": "routingcost"},
        "endpoints": {"srcs": [format!("ipv4:{client}")], "dsts": destinations},
    });
    let mut answer = ureq::post(format!("{}/endpointcost/lookup", server.origin()))
        .content_type("application/alto-endpointcostparams+json")
        .send(body.to_string())
        .unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    let row = &answer["endpoint-cost-map"][format!("ipv4:{client}")];
    let cost = |address: &str| row[format!("ipv4:{address}")].as_f64().unwrap_or(f64::INFINITY);
    let mut sorted = CANDIDATES;
    sorted.sort_by(|(_, a), (_, b)| cost(a).total_cmp(&cost(b)));
    sorted.map(|(name, _)| name.to_owned()).into()
}

/// A program that is killed at the end of the test.
pub(crate) struct Program(pub(crate) Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _already_gone = self.0.wait();
    }
}

/// Finds a program, or says that the test is skipped without it.
pub(crate) fn find(name: &str) -> Option<String> {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = places.iter().map(|place| format!("{place}/{name}")).find(|path| Path::new(path).exists());
    if found.is_none() {
        let package = if name == "named" { "bind9" } else { name };
        eprintln!("skipped: {name} is not installed: apt-get install {package}");
    }
    found
}

/// Asks a program which candidate a client gets, until it answers.
fn ask(port: u16, client: &str) -> String {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let uri = format!("http://127.0.0.1:{port}/?client={client}");
        match ureq::get(&uri).header("X-Client", client).call() {
            Ok(mut answer) => return answer.body_mut().read_to_string().unwrap().trim().to_owned(),
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn write(path: &Path, text: &str) {
    std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn haproxy_sends_clients_where_the_server_says() {
    let Some(haproxy) = find("haproxy") else { return };
    let (server, folder, port) = (Server::of("two-isps.json"), tempfile::tempdir().unwrap(), free_port());
    let map = folder.path().join("places.map");
    write(&map, &export(&server, "haproxy", &["--default", "nowhere"]));
    let config = folder.path().join("haproxy.cfg");
    write(
        &config,
        &format!(
            "defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\nfrontend f\n bind \
             127.0.0.1:{port}\n http-request return status 200 content-type text/plain lf-string \
             \"%[req.hdr_ip(x-client),map_ip({},none)]\"\n",
            map.display()
        ),
    );
    let child = Command::new(haproxy).arg("-db").arg("-f").arg(&config).stderr(Stdio::null()).spawn().unwrap();
    let _program = Program(child);
    for client in CLIENTS {
        assert_eq!(ask(port, client), by_cost(&server, client)[0], "{client}");
    }
}

#[test]
fn nginx_sends_clients_where_the_server_says() {
    let Some(nginx) = find("nginx") else { return };
    let (server, folder, port) = (Server::of("two-isps.json"), tempfile::tempdir().unwrap(), free_port());
    let places = folder.path().join("places.conf");
    write(&places, &export(&server, "nginx", &["--default", "nowhere"]));
    let (config, root) = (folder.path().join("nginx.conf"), folder.path().display().to_string());
    write(
        &config,
        &format!(
            "daemon off;\nmaster_process off;\npid {root}/pid;\nerror_log {root}/errors;\nevents {{}}\nhttp {{\n access_log \
             off;\n client_body_temp_path {root}/b;\n proxy_temp_path {root}/p;\n fastcgi_temp_path {root}/f;\n \
             uwsgi_temp_path {root}/u;\n scgi_temp_path {root}/s;\n geo $arg_client $place {{\n  include {};\n }}\n server \
             {{ listen 127.0.0.1:{port}; return 200 $place; }}\n}}\n",
            places.display()
        ),
    );
    let child = Command::new(nginx).arg("-c").arg(&config).stderr(Stdio::null()).spawn().unwrap();
    let _program = Program(child);
    for client in CLIENTS {
        assert_eq!(ask(port, client), by_cost(&server, client)[0], "{client}");
    }
}

#[test]
fn a_file_that_is_watched_follows_the_server_and_is_left_alone_otherwise() {
    let (server, folder) = (Server::of_with("two-isps.json", &[]), tempfile::tempdir().unwrap());
    let out = folder.path().join("distances.csv");
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto-feed"));
    command.args(["export", "rucio", "--server", &server.directory(), "--site", "SITE=127.1.1.1", "--watch", "0.1"]);
    command.args(["--candidate", "RSE-1=127.1.1.2", "--candidate", "RSE-2=127.2.1.1", "--out"]).arg(&out);
    let program = Program(command.stderr(Stdio::null()).spawn().unwrap());
    let deadline = Instant::now() + Duration::from_mins(1);
    while !out.exists() {
        assert!(Instant::now() < deadline, "nothing was written");
        std::thread::sleep(Duration::from_millis(20));
    }
    let text = std::fs::read_to_string(&out).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("SITE,RSE-1,0.") && lines[1] == "SITE,RSE-2,1.000000", "{text}");
    let written = out.metadata().unwrap().modified().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(out.metadata().unwrap().modified().unwrap(), written, "the same content is not written again");
    drop(program);
}
