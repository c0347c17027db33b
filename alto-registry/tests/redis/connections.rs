//! Ways to the store: Sentinels that do not answer, and answers without an end.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use alto_registry::shared::{Connector, Reply, StoreError};
use test_support::redis_server::{RedisServer, is_installed};

use super::{PATIENCE, WAITS};

/// Reads one command, a list of bytes.
fn read_command(input: &mut BufReader<TcpStream>) -> Vec<String> {
    let mut line = || {
        let mut line = String::new();
        input.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let count: usize = line().trim_start_matches('*').parse().unwrap();
    (0..count).map(|_| (line(), line()).1).collect()
}

fn connector(address: &str) -> Connector {
    Connector::waiting(address.parse().unwrap(), None, None, WAITS)
}

/// Listens on a port of loopback.
fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn all_sentinels_are_asked_at_once() {
    if !is_installed() {
        return;
    }
    let redis = RedisServer::on_port(&[]);
    // One never answers, and two others only when both of them have been asked.
    let (_silent, silent) = listen();
    let both_asked = Arc::new(Barrier::new(2));
    let sentinels = [(); 2].map(|()| {
        let ((listener, port), both_asked, master) = (listen(), Arc::clone(&both_asked), redis.port.to_string());
        thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let words = read_command(&mut BufReader::new(socket.try_clone().unwrap()));
            assert_eq!(words, ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "alto"]);
            both_asked.wait();
            let answer = format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{master}\r\n", master.len());
            // Nobody waits any more for the second answer.
            let _gone = socket.write_all(answer.as_bytes());
        });
        port
    });
    let [one, other] = sentinels;
    let address = format!("redis://127.0.0.1:{silent},127.0.0.1:{one},127.0.0.1:{other}/0?sentinel=alto");
    let mut session = connector(&address).connect(PATIENCE).unwrap();
    session.call(&[b"PING"]).unwrap();
}

#[test]
fn an_answer_without_end_is_given_up() {
    for (start, then) in [
        ("$99999999999\r\n", "x".repeat(1 << 16)),
        ("*99999999999\r\n", "$-1\r\n".repeat(1 << 14)),
        ("+", "x".repeat(1 << 16)),
    ] {
        let (listener, port) = listen();
        let (sender, sent) = mpsc::channel();
        thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut input = BufReader::new(socket.try_clone().unwrap());
            assert_eq!(read_command(&mut input), ["ROLE"]);
            socket.write_all(b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n").unwrap();
            assert_eq!(read_command(&mut input), ["GET", "key"]);
            socket.write_all(start.as_bytes()).unwrap();
            let mut count = 0;
            while socket.write_all(then.as_bytes()).is_ok() {
                count += then.len();
            }
            sender.send(count).unwrap();
        });
        let mut session = connector(&format!("redis://127.0.0.1:{port}")).connect(PATIENCE).unwrap();
        let error = session.call(&[b"GET", b"key"]).unwrap_err();
        assert!(matches!(error, StoreError::TooLong(_) | StoreError::Away(_)), "{error}");
        drop(session);
        let sent = sent.recv().unwrap();
        assert!(sent < 128 << 20, "{sent} bytes were taken");
    }
}

#[test]
fn long_values_are_read_up_to_a_length() {
    if !is_installed() {
        return;
    }
    let redis = RedisServer::on_socket(&[]);
    let connector = connector(&redis.url(0));
    let longest = 64 << 20;
    for (length, is_read) in [(longest - 1000, true), (longest, false)] {
        let mut session = connector.connect(PATIENCE).unwrap();
        session.call(&[b"DEL", b"long"]).unwrap();
        session.call(&[b"SETRANGE", b"long", (length - 1).to_string().as_bytes(), b"x"]).unwrap();
        let read = session.call(&[b"GET", b"long"]);
        assert_eq!(read.as_ref().is_ok_and(|reply| reply.bytes().unwrap().len() == length), is_read);
        assert_eq!(matches!(read, Err(StoreError::TooLong(_))), !is_read);
    }
    // Several answers at once have the length of one, unless each is done with before the next.
    let mut session = connector.connect(PATIENCE).unwrap();
    session.call(&[b"DEL", b"long"]).unwrap();
    session.call(&[b"SETRANGE", b"long", (longest / 4).to_string().as_bytes(), b"x"]).unwrap();
    let four = [[&b"GETRANGE"[..], b"long", b"0", b"16777215"]; 4];
    let mut seen = 0;
    let count = |_, reply: Reply| {
        seen += reply.bytes().unwrap().len();
        Ok(())
    };
    session.call_each(&four, count).unwrap();
    assert_eq!(seen, longest);
    assert!(matches!(session.call_all(&four), Err(StoreError::TooLong(_))));
}
