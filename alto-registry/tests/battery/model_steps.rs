//! Random sequences of calls, for the comparison with the model.

use std::collections::BTreeSet;
use std::time::Duration;

use alto_registry::{ContentId, FileName, Holding, Limits, ManifestDigest};
use proptest::prelude::*;

use super::session::{LEASE, file, torrent};

/// Limits that random calls reach often.
pub const TIGHT: Limits = Limits {
    lease: LEASE,
    peers: 5,
    peers_per_address: 3,
    files: 4,
    files_per_peer: 3,
    files_per_address: 5,
    holdings: 8,
};

/// One call, or what happens between calls.
#[derive(Clone, Debug)]
pub enum Step {
    Register { at: Place, files: Vec<Holding> },
    Renew { key: Key, at: Place, files: Vec<Holding> },
    Announce { key: Key, add: Vec<Holding>, remove: Vec<ContentId> },
    AnnounceFrom { at: Place, add: Vec<Holding>, remove: Vec<ContentId> },
    Heartbeat(Key),
    Leave(Key),
    Wait(Duration),
    Restart,
}

/// One of few addresses: the last byte of the IP address, and the port.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub host: u8,
    pub port: u16,
}

/// Credentials of an earlier registration, by its number modulo the number of all, with the right or a wrong secret.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub number: usize,
    pub right: bool,
}

fn any_id() -> impl Strategy<Value = ContentId> {
    (0..6_u8).prop_map(|number| if number < 4 { file(number) } else { torrent(number) })
}

/// One of few files, under one of few names, in one of few versions.
fn any_holding() -> impl Strategy<Value = Holding> {
    let lease = prop::option::weighted(0.3, (1..3 * LEASE.as_secs()).prop_map(Duration::from_secs));
    (any_id(), 0..4_u8, 0..4_u8, any::<bool>(), lease).prop_map(|(file, name, version, complete, lease)| Holding {
        file,
        name: (name > 0).then(|| FileName::new(&format!("name {name}")).unwrap()),
        size: (version > 0).then_some(u64::from(version)),
        manifest: (version > 1).then_some(ManifestDigest([version; 32])),
        complete,
        lease,
    })
}

/// Few holdings, of different files: lists that name a file twice have a test of their own.
fn any_holdings() -> impl Strategy<Value = Vec<Holding>> {
    prop::collection::vec(any_holding(), 0..4).prop_map(|mut holdings| {
        let mut seen = BTreeSet::new();
        holdings.retain(|holding| seen.insert(holding.file));
        holdings.truncate(TIGHT.files_per_peer as usize);
        holdings
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    let key = || (any::<usize>(), prop::bool::weighted(0.85)).prop_map(|(number, right)| Key { number, right });
    let place = || (1..4_u8, 1..4_u16).prop_map(|(host, port)| Place { host, port });
    let remove = || prop::collection::vec(any_id(), 0..3);
    prop_oneof![
        6 => (place(), any_holdings()).prop_map(|(at, files)| Step::Register { at, files }),
        3 => (key(), place(), any_holdings()).prop_map(|(key, at, files)| Step::Renew { key, at, files }),
        6 => (key(), any_holdings(), remove()).prop_map(|(key, add, remove)| Step::Announce { key, add, remove }),
        5 => (place(), any_holdings(), remove())
            .prop_map(|(at, add, remove)| Step::AnnounceFrom { at, add, remove }),
        3 => key().prop_map(Step::Heartbeat),
        2 => key().prop_map(Step::Leave),
        4 => (1..LEASE.as_secs()).prop_map(|seconds| Step::Wait(Duration::from_secs(seconds))),
        1 => Just(Step::Restart),
    ]
}

/// Sequence of calls.
pub fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any_step(), 1..80)
}
