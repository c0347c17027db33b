//! What a service manager hears from the server.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;

use test_support::patience::PATIENCE;

use crate::support::{Server, data, program};

/// The next message to the manager.
fn next(manager: &UnixDatagram) -> String {
    let mut bytes = [0; 100];
    loop {
        match manager.recv(&mut bytes) {
            // This process was suspended meanwhile.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            length => return String::from_utf8(bytes[..length.unwrap()].to_vec()).unwrap(),
        }
    }
}

#[test]
fn the_service_manager_hears_of_start_reload_life_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let next = || next(&manager);
    // Signs of life come at any time, other messages in their order.
    let next_but_alive = || std::iter::repeat_with(next).find(|message| message != "WATCHDOG=1").unwrap();
    let mut command = program();
    command.args(["--listen", "127.0.0.1:0", "--topology"]).arg(data("two-isps.json"));
    let server = Server::start(command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "2000000"));
    assert_eq!(next_but_alive(), "READY=1");
    for _ in 0..3 {
        assert_eq!(next(), "WATCHDOG=1");
    }
    server.signal("HUP");
    assert_eq!(next_but_alive(), "RELOADING=1");
    assert_eq!(next_but_alive(), "READY=1");
    server.signal("TERM");
    assert_eq!(next_but_alive(), "STOPPING=1");
}

#[test]
fn another_process_is_watched_than_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = program();
    command.args(["--listen", "127.0.0.1:0", "--topology"]).arg(data("two-isps.json"));
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "1000").env("WATCHDOG_PID", "1");
    let server = Server::start(&mut command);
    assert_eq!(next(&manager), "READY=1");
    server.signal("TERM");
    assert_eq!(next(&manager), "STOPPING=1", "no sign of life before");
}
