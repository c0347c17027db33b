//! Downloads from honest, false, slow and vanished holders: the result is the right file, and the culprits are reported.

use std::time::Duration;

use crate::support::download::{Download, Original, PIECE};
use crate::support::holder::{Behaviour, FakeHolder};
use alto_peer::content::Manifest;
use alto_peer::download::FetchError;
use alto_peer::events::{Event, SourceState};
use alto_peer::policy::PolicyName;
use alto_types::swarm::FileId;
use test_support::patience::wait_until;

fn good() -> Behaviour {
    Behaviour::default()
}

#[test]
fn a_download_from_one_holder_emits_its_events_in_order() {
    let original = Original::of(20);
    let folder = tempfile::tempdir().unwrap();
    let seed = original.holder("127.9.1.1", good());
    let download = Download::of(&original, folder.path(), &[&seed]);
    let done = download.succeeds(&original);
    assert_eq!(done.path, folder.path().join("movie.bin"));
    assert_eq!((done.bytes, done.wasted), (original.manifest.size, 0));
    assert_eq!(done.sources[&seed.address].pieces, 20);
    let names = |event: &Event| match event {
        Event::Joined { pieces: 20, have: 0, piece_size: PIECE, .. } => "joined",
        Event::Candidates { .. } => "candidates",
        Event::Source { state: SourceState::Connected, .. } => "connected",
        Event::Piece { .. } => "piece",
        Event::Progress { .. } => "progress",
        Event::Done { .. } => "done",
        _ => "other",
    };
    let told: Vec<_> = download.heard.all().iter().map(names).filter(|name| *name != "progress").collect();
    assert_eq!(told[..3], ["joined", "candidates", "connected"]);
    assert_eq!(told[3..23], ["piece"; 20]);
    assert_eq!(told[23..], ["done"]);
    assert_eq!(folder.path().read_dir().unwrap().count(), 1, "no other file is left");

    // A second download finds the file there already and requests nothing.
    let asked = seed.pieces_sent();
    assert_eq!(download.succeeds(&original).bytes, 0);
    assert_eq!(seed.pieces_sent(), asked);
}

#[test]
fn a_corrupting_holder_is_dropped_and_reported() {
    let original = Original::of(60);
    let folder = tempfile::tempdir().unwrap();
    // The liar lies with its tenth piece, before the seed has sent all others.
    let seed = original.holder("127.9.2.1", Behaviour { rate: Some(1_000_000), ..good() });
    let liar = corrupting(&original, "127.9.2.2");
    let download = Download::of(&original, folder.path(), &[&seed, &liar]);
    let done = download.succeeds(&original);
    assert!(download.heard.states(&liar).ends_with(&[SourceState::Lied]), "{:?}", download.heard.states(&liar));
    assert!(!download.heard.states(&seed).contains(&SourceState::Lied));
    // Pieces from its other requests until then are right, and count.
    let taken = done.sources.get(&liar.address).map_or(0, |contribution| contribution.pieces);
    assert!(done.wasted >= u64::from(PIECE) && taken < 20, "{taken} pieces of the liar");
}

fn corrupting(original: &Original, address: &str) -> FakeHolder {
    original.holder(address, Behaviour { corrupt_every: Some(10), ..good() })
}

#[test]
fn a_corrupting_holder_alone_yields_no_file() {
    let original = Original::of(30);
    let folder = tempfile::tempdir().unwrap();
    let liar = corrupting(&original, "127.9.3.1");
    let mut download = Download::of(&original, folder.path(), &[&liar]);
    download.order.options.patience = Duration::from_secs(10);
    let Err(FetchError::GaveUp { missing, reason, .. }) = download.run() else { panic!("the download must fail") };
    assert!(missing >= 10 && reason.contains("wrong"), "{missing} {reason}");
    assert!(!folder.path().join("movie.bin").exists());
}

#[test]
fn a_trickling_holder_does_not_delay_the_download() {
    let original = Original::of(40);
    let folder = tempfile::tempdir().unwrap();
    let trickle = original.holder("127.9.4.1", Behaviour { trickle: Some(Duration::from_secs(1)), ..good() });
    let seed = original.holder("127.9.4.2", Behaviour { rate: Some(400_000), ..good() });
    let mut download = Download::of(&original, folder.path(), &[&trickle, &seed]);
    download.order.options.stall = Duration::from_secs(1);
    let done = download.succeeds(&original);
    // One piece of the other takes 18 hours.
    assert!(done.took < Duration::from_mins(1), "{:?} {:#?}", done.took, download.heard.timed());
    assert!(download.heard.states(&trickle).contains(&SourceState::Stalled), "{:?}", download.heard.all());
}

#[test]
fn a_silent_holder_is_overtaken_at_the_end() {
    let original = Original::of(10);
    let folder = tempfile::tempdir().unwrap();
    let silent = original.holder("127.9.5.1", Behaviour { silent: true, ..good() });
    let seed = original.holder("127.9.5.2", good());
    let done = Download::of(&original, folder.path(), &[&silent, &seed]).succeeds(&original);
    assert_eq!(done.sources.keys().collect::<Vec<_>>(), [&seed.address]);
}

#[test]
fn what_a_holder_sent_before_it_left_is_not_requested_again() {
    let original = Original::of(20);
    for whole_only in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let cut = original.holder("127.9.24.1", Behaviour { cut: true, ..good() });
        let only = Some((0..19).collect());
        let seed = original.holder("127.9.24.2", Behaviour { only, whole_only, ..good() });
        let download = Download::of(&original, folder.path(), &[&cut, &seed]);
        let done = std::thread::scope(|scope| {
            scope.spawn(|| {
                // The last piece was begun by the only holder by then, which is asked for the rest, or for half of the rest, again.
                wait_until("a part was requested", || (cut.requests("part") > 0).then_some(()));
                seed.gets(19);
            });
            download.succeeds(&original)
        });
        let sent: u64 = done.sources.values().map(|contribution| contribution.bytes).sum();
        assert_eq!(sent, original.manifest.size, "{:?}", done.sources);
        // A peer of an earlier version sends again what is there.
        assert_eq!(done.wasted == 0, !whole_only, "{} bytes were wasted", done.wasted);
        assert!(whole_only || done.sources[&cut.address].bytes > 0, "{:?}", done.sources);
    }
}

#[test]
fn the_end_of_a_piece_that_is_sent_slowly_comes_from_another_holder_at_the_same_time() {
    let original = Original::of(12);
    let folder = tempfile::tempdir().unwrap();
    // Both begin with one request; the slow one needs three seconds for each piece.
    let slow = original.holder("127.9.25.1", Behaviour { rate: Some(20_000), ..good() });
    let seed = original.holder("127.9.25.2", Behaviour { rate: Some(400_000), ..good() });
    let download = Download::of(&original, folder.path(), &[&slow, &seed]);
    let done = download.succeeds(&original);
    let shared = download.heard.all().into_iter().filter_map(|event| match event {
        Event::Piece { source, others, bytes, .. } if !others.is_empty() => Some((source, others, bytes)),
        _ => None,
    });
    let shared: Vec<_> = shared.collect();
    assert!(!shared.is_empty() && seed.requests("part") > 0, "{:?}", download.heard.all());
    for (source, others, bytes) in shared {
        let other = if source == slow.address { seed.address } else { slow.address };
        assert!(others.keys().eq([&other]) && others[&other] < bytes, "{others:?} {bytes}");
    }
    let sent: u64 = done.sources.values().map(|contribution| contribution.bytes).sum();
    assert_eq!(sent, original.manifest.size);
    // Nothing but what is on the way when a part is over.
    assert!(done.wasted < u64::from(PIECE) / 4, "{} bytes were wasted", done.wasted);
}

#[test]
fn wrong_parts_spoil_one_piece_and_no_file() {
    let original = Original::of(30);
    let folder = tempfile::tempdir().unwrap();
    let liar = original.holder("127.9.26.1", Behaviour { cut: true, corrupt_every: Some(1), ..good() });
    let seed = original.holder("127.9.26.2", Behaviour { rate: Some(400_000), ..good() });
    let download = Download::of(&original, folder.path(), &[&liar, &seed]);
    let done = download.succeeds(&original);
    assert!(!download.heard.states(&seed).contains(&SourceState::Lied));
    assert_eq!(done.sources.keys().collect::<Vec<_>>(), [&seed.address]);
    // The halves that it sent, and those pieces that were completed with them before the first was found to be wrong.
    let most = liar.requests("piece") as u64 * u64::from(PIECE) / 2 + 2 * u64::from(PIECE);
    assert!(done.wasted <= most, "{} bytes were wasted, of {most}", done.wasted);
}

#[test]
fn pieces_scattered_over_holders_make_up_the_file() {
    let original = Original::of(31);
    let folder = tempfile::tempdir().unwrap();
    let holders: Vec<_> = (0..3)
        .map(|i| {
            let only = Some((0..31).filter(|n| n % 3 == i && *n != 30).collect());
            original.holder(&format!("127.9.6.{}", i + 1), Behaviour { only, ..good() })
        })
        .collect();
    let listed: Vec<_> = holders.iter().collect();
    let download = Download::of(&original, folder.path(), &listed);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // One of them gets the last piece only when the download has all others.
            download.heard.wait_for("piece 30 of 31", |event| matches!(event, Event::Piece { have: 30, .. }));
            holders[1].gets(30);
        });
        let done = download.succeeds(&original);
        assert_eq!((done.sources.len(), done.wasted), (3, 0), "{:?}", done.sources);
    });
}

#[test]
fn refusals_are_respected_and_broken_connections_survived() {
    let original = Original::of(20);
    let folder = tempfile::tempdir().unwrap();
    let busy = original.holder("127.9.7.1", Behaviour { busy: Some((1, 1)), ..good() });
    let cut = original.holder("127.9.7.2", Behaviour { cut: true, ..good() });
    let download = Download::of(&original, folder.path(), &[&busy, &cut]);
    download.succeeds(&original);
    assert!(download.heard.states(&busy).contains(&SourceState::Refused));
    assert!(download.heard.states(&cut).contains(&SourceState::Left));
    assert!(cut.requests("piece") < 12, "asked {} times", cut.requests("piece"));
}

#[test]
fn holders_of_a_false_manifest_are_reported_as_liars() {
    let (original, other) = (Original::of(12), Original::of(12));
    let folder = tempfile::tempdir().unwrap();
    let mut content = original.content.clone();
    content[100_000] ^= 1;
    let path = other.folder.path().join("other.bin");
    std::fs::write(&path, &content).unwrap();
    let mut manifest = Manifest::of_file(&path, PIECE, |_| ()).unwrap();
    manifest.id = original.manifest.id;
    // Two liars against one, so that their manifest is tried first.
    let lie = || Behaviour { manifest: Some(manifest.to_json()), ..good() };
    let liars = ["127.9.8.1", "127.9.8.2"].map(|a| FakeHolder::start(a, &content, &original.manifest, lie()));
    let honest = original.holder("127.9.8.3", good());
    let download = Download::of(&original, folder.path(), &[&liars[0], &liars[1], &honest]);
    let done = download.succeeds(&original);
    for liar in &liars {
        assert_eq!(download.heard.states(liar).last(), Some(&SourceState::Lied));
    }
    assert!(!download.heard.states(&honest).contains(&SourceState::Lied));
    assert_eq!(done.sources.keys().collect::<Vec<_>>(), [&honest.address]);
    assert_eq!(done.bytes, original.manifest.size);
    assert!(done.wasted >= original.manifest.size, "{}", done.wasted);

    // Without an honest holder the download fails.
    let folder = tempfile::tempdir().unwrap();
    let download = Download::of(&original, folder.path(), &[&liars[0]]);
    assert!(matches!(download.run(), Err(FetchError::AllFalse { .. })));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_cancelled_download_continues_where_it_stopped() {
    let original = Original::of(40);
    let folder = tempfile::tempdir().unwrap();
    let seed = original.holder("127.9.9.1", Behaviour { rate: Some(500_000), ..good() });
    let download = Download::of(&original, folder.path(), &[&seed]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            download.heard.wait_for("a tenth piece", |event| matches!(event, Event::Piece { have: 10, .. }));
            download.cancel.cancel();
        });
        assert!(matches!(download.run(), Err(FetchError::Cancelled)));
    });
    assert!(!folder.path().join("movie.bin").exists());
    let again = Download::of(&original, folder.path(), &[&seed]);
    let done = again.succeeds(&original);
    let had = again.heard.all().iter().find_map(|event| match event {
        Event::Joined { have, .. } => Some(*have),
        _ => None,
    });
    assert!(had.is_some_and(|had| had >= 10), "{had:?}");
    assert!(done.bytes <= original.manifest.size - 9 * u64::from(PIECE), "{} bytes arrived again", done.bytes);
}

#[test]
fn without_an_alto_server_round_trips_decide() {
    let original = Original::of(5);
    for policy in [PolicyName::Alto, PolicyName::Best] {
        let folder = tempfile::tempdir().unwrap();
        let seed = original.holder("127.9.10.1", good());
        let mut download = Download::of(&original, folder.path(), &[&seed]);
        download.order.options.policy = policy;
        download.succeeds(&original);
        assert_eq!(download.heard.fallbacks(), [(policy.to_string(), "nearest".to_owned())]);
    }
}

#[test]
fn holders_that_appear_later_are_found_at_once() {
    let original = Original::of(10);
    let folder = tempfile::tempdir().unwrap();
    let partial = original.holder("127.9.11.1", Behaviour { only: Some(vec![0]), ..good() });
    let seed = original.holder("127.9.11.2", good());
    let mut download = Download::of(&original, folder.path(), &[&partial]);
    download.order.options.refresh = Duration::from_mins(1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            download.heard.wait_for("the first piece", |event| matches!(event, Event::Piece { .. }));
            download.listing.set(&[&partial, &seed]);
        });
        let done = download.succeeds(&original);
        assert!(done.took < Duration::from_secs(45), "{:?}", done.took);
    });
}

#[test]
fn polling_neighbours_takes_a_small_part_of_a_thin_line() {
    const HOLDERS: usize = 20;
    let original = Original::of(24);
    let folder = tempfile::tempdir().unwrap();
    // 3 Mbit/s over eight requests at a time. Every holder gets a new piece every other second.
    let holders: Vec<_> = (0..HOLDERS)
        .map(|i| {
            let only = Some((0..24).filter(|n| (n + i) % 2 == 0).collect());
            let behaviour = Behaviour { only, rate: Some(375_000 / 8), ..good() };
            original.holder(&format!("127.9.14.{}", i + 1), behaviour)
        })
        .collect();
    let listed: Vec<_> = holders.iter().collect();
    let download = Download::of(&original, folder.path(), &listed);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| download.succeeds(&original));
        for piece in (0..24).cycle().take_while(|_| !running.is_finished()) {
            for holder in &holders {
                holder.gets(piece);
            }
            // The share of polling depends on real rates, so this is real time.
            std::thread::sleep(Duration::from_secs(2));
        }
        let polls: usize = holders.iter().map(|holder| holder.requests("have")).sum();
        // Two packets and their acknowledgements, with the headers of Ethernet, IP and TCP.
        let lower = polls as u64 * 4 * 66;
        let control = holders.iter().map(FakeHolder::control).sum::<u64>() + lower;
        let share = control * 1000 / original.manifest.size;
        println!("{polls} polls took {control} bytes, {share} ‰ of the file");
        assert!(polls >= HOLDERS && share < 25, "{polls} polls took {share} ‰");
    });
}

#[test]
fn holders_of_another_manifest_are_used_once_the_first_are_gone() {
    let original = Original::of(40);
    let folder = tempfile::tempdir().unwrap();
    let leaves = original.holder("127.9.15.1", Behaviour { rate: Some(500_000), ..good() });
    let other_manifest = Manifest::of_file(&original.folder.path().join("movie.bin"), 2 * PIECE, |_| ()).unwrap();
    let stays = FakeHolder::start("127.9.15.2", &original.content, &other_manifest, good());
    let download = Download::of(&original, folder.path(), &[&leaves]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            download.heard.wait_for("a tenth piece", |event| matches!(event, Event::Piece { have: 10, .. }));
            leaves.stop();
            download.listing.set(&[&stays]);
        });
        let done = download.succeeds(&original);
        let joined = |event: &Event| match event {
            Event::Joined { pieces, have, .. } => Some((*pieces, *have)),
            _ => None,
        };
        let joined: Vec<_> = download.heard.all().iter().filter_map(joined).collect();
        assert!(joined[0] == (40, 0) && joined[1].0 == 20 && joined[1].1 > 0, "{joined:?}");
        assert!(done.sources.contains_key(&leaves.address) && done.sources.contains_key(&stays.address));
        assert!(!download.heard.states(&stays).contains(&SourceState::Lied));
    });
}

#[test]
fn a_download_without_holders_fails() {
    let original = Original::of(2);
    let folder = tempfile::tempdir().unwrap();
    let mut download = Download::of(&original, folder.path(), &[]);
    assert!(matches!(download.run(), Err(FetchError::NoSuchFile { .. })));
    let [Event::Failed { reason, .. }] = &download.heard.all()[..] else { panic!("{:?}", download.heard.all()) };
    assert!(reason.contains(&original.manifest.id.to_string()));

    // A holder is listed, but does not answer.
    let gone = original.holder("127.9.12.1", good());
    gone.stop();
    download.listing.set(&[&gone]);
    download.order.options.patience = Duration::from_secs(1);
    assert!(matches!(download.run(), Err(FetchError::NoManifest { .. })));
}

#[test]
fn an_empty_file_is_downloaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty");
    std::fs::write(&path, b"").unwrap();
    let manifest = Manifest::of_file(&path, PIECE, |_| ()).unwrap();
    let original = Original { content: Vec::new(), manifest, folder };
    let target = tempfile::tempdir().unwrap();
    let seed = original.holder("127.9.13.1", good());
    let done = Download::of(&original, target.path(), &[&seed]).succeeds(&original);
    assert_eq!(
        done.file,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse::<FileId>().unwrap()
    );
}
