//! The attacks of `scripts/attacks/` that take seconds and little memory. `make attacks` runs all.

use std::path::Path;
use std::process::Command;

/// Runs an attack against the program and fails with what it printed if the limit did not hold.
fn attack(name: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/attacks").join(format!("{name}.py"));
    let program = env!("CARGO_BIN_EXE_alto-server");
    let output = Command::new("python3").arg(script).args(["--server", program]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{name}\n{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn requests_that_proxies_could_understand_otherwise_are_refused() {
    attack("server_http_rules");
}

#[test]
fn a_refusal_before_the_body_was_read_loses_no_next_request() {
    attack("server_unread_bodies");
}

#[test]
fn idle_http2_connections_end_although_they_answer_pings() {
    attack("server_idle_h2");
}

#[test]
fn a_connection_ends_after_its_number_of_requests() {
    attack("server_endless_connection");
}

#[test]
fn one_address_cannot_take_all_connections() {
    attack("server_all_connections");
}
