//! Questions about files and their holders.

use std::collections::BTreeSet;

use alto_registry::{
    Announcer, Completeness, ContentId, ContentKind, FileName, FileQuery, HolderQuery, Holding, ManifestDigest, PeerId,
    Refusal,
};

use super::Backend;
use super::session::{ROOMY, Session, address, credentials, file, holding, peer, torrent};

/// Lists all files, page by page; IDs and number of pages.
fn list<B: Backend>(
    session: &Session<B>,
    kind: ContentKind,
    name: Option<&str>,
    limit: usize,
) -> (Vec<ContentId>, usize) {
    let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = session.registry().files(&FileQuery { kind, name, after, limit }, session.now).unwrap();
        seen.extend(page.files.iter().map(|file| file.id));
        pages += 1;
        after = page.next;
        if after.is_none() {
            return (seen, pages);
        }
    }
}

pub fn files_are_listed_page_by_page_and_by_kind<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    session.register(&peer(1, (0..25).rev())).unwrap();
    let same_name = Holding { name: holding(7).name, ..holding(100) };
    session.register(&alto_registry::Peer { holdings: vec![same_name], ..peer(2, []) }).unwrap();
    let anonymous = Announcer::Address(address("127.0.0.2", 1));
    session.announce(&anonymous, &[0, 1].map(|number| Holding::new(torrent(number), true)), &[]).unwrap();

    let all: Vec<_> = (0..25).chain([100]).map(file).collect();
    let sha256 = ContentKind::Sha256;
    assert_eq!(list(&session, sha256, None, 10), (all.clone(), 3));
    assert_eq!(list(&session, sha256, None, 26), (all, 1), "no empty page at the end");
    assert_eq!(list(&session, sha256, Some("file-7"), 1), (vec![file(7), file(100)], 2));
    assert_eq!(list(&session, sha256, Some("file"), 10), (vec![], 1));
    assert_eq!(list(&session, sha256, Some("no/name"), 10), (vec![], 1));
    assert_eq!(list(&session, ContentKind::Infohash, None, 1), (vec![torrent(0), torrent(1)], 2));
    assert_eq!(list(&session, ContentKind::Infohash, Some("file-7"), 10), (vec![], 1));
    let after = Some(file(100));
    let page = FileQuery { kind: ContentKind::Infohash, name: None, after, limit: 10 };
    assert_eq!(session.registry().files(&page, session.now).unwrap().files.len(), 2, "after all IDs of another kind");
}

pub fn large_swarms_are_sampled_at_random<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    let mut last = PeerId(0);
    for port in 1..=100 {
        let partial = Holding { complete: port % 2 == 0, ..holding(1) };
        last = session.register(&alto_registry::Peer { holdings: vec![partial], ..peer(port, []) }).unwrap().peer;
    }
    let mut draw = |except, limit| -> BTreeSet<PeerId> {
        let query = HolderQuery { file: file(1), except, having: Completeness::Any, limit };
        let mut rng = session.rng.clone();
        let found = session.registry().holders(&query, session.now, &mut rng).unwrap();
        session.rng = rng;
        assert_eq!((found.file.complete, found.file.partial), (50, 50));
        let distinct: BTreeSet<_> = found.holders.iter().map(|holder| holder.peer).collect();
        assert_eq!(distinct.len(), found.holders.len(), "no holder twice");
        distinct
    };
    assert_eq!(draw(None, 1000).len(), 100);
    assert_eq!(draw(Some(PeerId(0)), 100).len(), 100, "an unknown peer leaves no holder out");
    let others = draw(Some(last), 1000);
    assert!(others.len() == 99 && !others.contains(&last));
    let samples: Vec<_> = (0..5).map(|_| draw(Some(last), 20)).collect();
    assert!(samples.iter().all(|sample| sample.len() == 20 && !sample.contains(&last)));
    assert!(samples.windows(2).any(|pair| pair[0] != pair[1]));
    let drawn: BTreeSet<_> = (0..200).flat_map(|_| draw(None, 20)).collect();
    assert_eq!(drawn.len(), 100, "every holder is drawn at some time");
}

pub fn candidates_are_seeds_or_leechers_as_asked<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    let ids: Vec<PeerId> = (1..=6)
        .map(|port| {
            let partial = Holding { complete: port <= 2, ..holding(1) };
            session.register(&alto_registry::Peer { holdings: vec![partial], ..peer(port, []) }).unwrap().peer
        })
        .collect();
    let mut rng = session.rng.clone();
    let mut draw = |having, except, limit| {
        let query = HolderQuery { file: file(1), except, having, limit };
        let drawn = session.registry().candidates(&query, session.now, &mut rng).unwrap();
        drawn.iter().map(|holder| holder.address.port()).collect::<BTreeSet<_>>()
    };
    assert_eq!(draw(Completeness::Complete, None, 9), BTreeSet::from([1, 2]));
    assert_eq!(draw(Completeness::Partial, None, 9), BTreeSet::from([3, 4, 5, 6]));
    assert_eq!(draw(Completeness::Complete, Some(ids[0]), 9), BTreeSet::from([2]));
    assert_eq!(draw(Completeness::Complete, Some(ids[5]), 9), BTreeSet::from([1, 2]));
    assert_eq!(draw(Completeness::Partial, Some(ids[2]), 9), BTreeSet::from([4, 5, 6]));
    assert_eq!(draw(Completeness::Any, Some(ids[2]), 9), BTreeSet::from([1, 2, 4, 5, 6]));
    assert_eq!(draw(Completeness::Partial, None, 3).len(), 3);
    let query = HolderQuery { file: file(2), except: None, having: Completeness::Any, limit: 1 };
    let unknown = session.registry().candidates(&query, session.now, &mut rng);
    assert_eq!(unknown, Err(Refusal::UnknownFile(file(2))));
}

pub fn disagreeing_holders_keep_their_own_manifest<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    let first = credentials(&session.register(&peer(1, [1])).unwrap());
    let other = Holding {
        name: Some(FileName::new("other").unwrap()),
        size: Some(5),
        manifest: Some(ManifestDigest([9; 32])),
        ..holding(1)
    };
    session.register(&alto_registry::Peer { holdings: vec![other.clone()], ..peer(2, []) }).unwrap();
    let manifests: Vec<_> = session.holders(file(1)).iter().map(|holder| holder.manifest).collect();
    assert_eq!(manifests, [holding(1).manifest, other.manifest]);
    assert_eq!(session.registry().file(file(1), session.now).unwrap().size, holding(1).size);
    session.leave(&first).unwrap();
    let summary = session.registry().file(file(1), session.now).unwrap();
    assert_eq!((summary.size, summary.name), (Some(5), other.name), "what nobody says any more counts no more");
}

pub fn a_false_name_and_size_are_outvoted<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    let lie = Holding { name: Some(FileName::new("lie").unwrap()), size: Some(1), ..holding(1) };
    session.register(&alto_registry::Peer { holdings: vec![lie.clone()], ..peer(1, []) }).unwrap();
    let seen = |session: &Session<B>| {
        let file = session.registry().file(file(1), session.now).unwrap();
        (file.name, file.size)
    };
    let honest = (holding(1).name, holding(1).size);
    session.register(&peer(2, [1])).unwrap();
    assert_eq!(seen(&session), (lie.name.clone(), lie.size), "one against one");
    let third = credentials(&session.register(&peer(3, [1])).unwrap());
    assert_eq!(seen(&session), honest);
    session.announce(&Announcer::Registered(third), std::slice::from_ref(&lie), &[]).unwrap();
    assert_eq!(seen(&session), (lie.name, lie.size), "two against one");
}

pub fn every_name_of_a_content_leads_to_it<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    let film = |number| Holding { name: Some(FileName::new("film").unwrap()), ..holding(number) };
    let as_film = |port, number| alto_registry::Peer { holdings: vec![film(number)], ..peer(port, []) };
    for port in [1, 2, 3] {
        session.register(&peer(port, [1])).unwrap();
    }
    let alone = credentials(&session.register(&as_film(4, 1)).unwrap());
    let named = |session: &Session<B>, name| list(session, ContentKind::Sha256, Some(name), 10).0;
    assert_eq!(named(&session, "file-1"), [file(1)]);
    assert_eq!(named(&session, "film"), [file(1)], "one holder is enough");
    let query = FileQuery { kind: ContentKind::Sha256, name: Some("film"), after: None, limit: 10 };
    let found = session.registry().files(&query, session.now).unwrap().files.remove(0);
    assert_eq!((found.name, found.complete), (film(1).name, 4), "under the name that was asked for, with all holders");
    for port in [5, 6] {
        session.register(&as_film(port, 2)).unwrap();
    }
    let order = named(&session, "film");
    assert_eq!(order, [2, 1].map(file), "two of two holders give this name, and one of four");
    session.leave(&alone).unwrap();
    assert_eq!(named(&session, "film"), [file(2)], "a name ends with the last holder that gives it");
}

pub fn files_of_one_name_are_listed_by_their_number_of_holders<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    let named = |number| Holding { name: Some(FileName::new("film").unwrap()), ..holding(number) };
    let mut port = 0;
    let mut hold = |session: &mut Session<B>, number| {
        port += 1;
        let peer = alto_registry::Peer { holdings: vec![named(number)], ..peer(port, []) };
        credentials(&session.register(&peer).unwrap())
    };
    for number in [1, 2, 3, 3, 4, 4] {
        hold(&mut session, number);
    }
    let last = hold(&mut session, 4);
    let order = |session: &Session<B>, limit| list(session, ContentKind::Sha256, Some("film"), limit).0;
    for limit in [1, 2, 10] {
        assert_eq!(order(&session, limit), [4, 3, 1, 2].map(file));
    }
    session.leave(&last).unwrap();
    assert_eq!(order(&session, 10), [3, 4, 1, 2].map(file), "equal numbers are sorted by ID");
    let query = FileQuery { kind: ContentKind::Sha256, name: Some("film"), after: Some(file(9)), limit: 10 };
    assert!(session.registry().files(&query, session.now).unwrap().files.is_empty(), "after a file that is gone");
}
