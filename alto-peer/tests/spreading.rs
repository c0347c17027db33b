//! Spreading of pieces: a peer chooses which piece to send where it may, and tells its neighbours of new ones.

use alto_peer::content::Bitfield;
use serde_json::Value;
use test_support::http::{Answer, Request};

use crate::serving::{PIECE, Peer, partial, problem};
use crate::support::content::content;

#[test]
fn a_peer_that_may_choose_sends_every_piece_once_before_it_sends_any_twice() {
    let peer = Peer::new();
    let content = content(8 * PIECE);
    let id = peer.share("file", &content);
    let any = |want: &str| peer.get(&format!("/files/{id}/pieces/any?want={want}"));
    let chosen = |answer: &Answer| {
        let location = answer.field("content-location").unwrap().to_owned();
        let piece: usize = location.strip_prefix(&format!("/files/{id}/pieces/")).unwrap().parse().unwrap();
        assert!(answer.status == 200 && answer.body == content[piece * PIECE..(piece + 1) * PIECE], "{location}");
        piece
    };
    peer.get(&format!("/files/{id}/pieces/3"));
    let mut pieces: Vec<usize> = (0..7).map(|_| chosen(&any("ff"))).collect();
    pieces.sort_unstable();
    assert_eq!(pieces, [0, 1, 2, 4, 5, 6, 7], "the one that was asked for counts, too");
    assert_eq!(chosen(&any("02")), 6, "only what is wanted");
    problem(&any("00"), 404);
    for wrong in ["", "f", "xx", "fff"] {
        problem(&any(wrong), 400);
    }
    let head = Request::new("HEAD", &format!("/files/{id}/pieces/any?want=ff")).send(peer.address());
    assert_eq!(head.status, 405);
}

#[test]
fn a_client_is_told_of_new_pieces_in_one_answer() {
    let peer = Peer::new();
    let content = content(9 * PIECE);
    let (partial, manifest) = partial(peer.folder.path(), &content);
    peer.library.add_partial(&partial);
    partial.write_piece(1, &content[PIECE..2 * PIECE]).unwrap();
    let path = format!("/files/{}/have?follow=60", manifest.id);
    let (address, asked) = (peer.address(), path.clone());
    let told = std::thread::spawn(move || Request::new("GET", &asked).send(address));
    for n in [0, 2, 3, 4, 5, 6, 7, 8] {
        partial.write_piece(n, &content[n * PIECE..(n + 1) * PIECE]).unwrap();
    }
    // The answer ends by itself once all pieces are there.
    let answer = told.join().unwrap();
    assert_eq!((answer.status, answer.media_type()), (200, "application/x-ndjson"));
    let text = String::from_utf8(answer.body).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut have = Bitfield::from_hex(9, lines[0]["have"].as_str().unwrap()).unwrap();
    for line in &lines[1..] {
        let new = line["new"].as_array().unwrap();
        assert!(new.iter().all(|piece| have.set(usize::try_from(piece.as_u64().unwrap()).unwrap())), "{text}");
        assert_eq!(line["version"], have.count() as u64);
    }
    assert!(have.is_complete() && text.ends_with('\n'), "{text}");
    let whole = peer.get(&path);
    assert_eq!(String::from_utf8(whole.body).unwrap().lines().count(), 1, "nothing more will come");
}
