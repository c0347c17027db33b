//! The network map (RFC 7285 §11.2.1).

use alto_history::{Cell, Content, Key, List, Meta, Row, Rows, Table};
use alto_types::{MediaType, NetworkMap, NetworkMapMeta};
use serde::ser::{Serialize, SerializeMap, Serializer};
use topo::{Pid, PidId};

use super::catalogue::{ALL_PATCHES, Catalogue, Document, Entry, Previous, Resource, Service};
use super::json;
use super::scope::Scope;
use crate::state::snapshot::Snapshot;

/// Resource ID of the default network map.
pub(crate) const ID: &str = "network-map";

/// Document of the network map.
struct WholeNetworkMap;

pub(super) fn resources(scope: &Scope) -> Vec<Resource> {
    vec![Resource {
        id: scope.id(ID).into(),
        path: scope.path("networkmap").into(),
        media_type: MediaType::NETWORK_MAP,
        service: Service::document_of(scope, WholeNetworkMap),
        entry: Some(Entry::plain(Vec::new())),
        patches: ALL_PATCHES,
    }]
}

impl Document for WholeNetworkMap {
    fn render(&self, snapshot: &Snapshot, _catalogue: &Catalogue) -> Vec<u8> {
        let pids = snapshot.view().network_map().pids().map(|(id, _)| id).collect();
        json::to_bytes(&message(snapshot, pids, AddressTypes::ALL))
    }

    fn is_unchanged(&self, previous: &Snapshot, next: &Snapshot, _catalogue: &Catalogue) -> bool {
        previous.network_map_vtag() == next.network_map_vtag()
    }

    fn values(&self, snapshot: &Snapshot) -> usize {
        snapshot.view().network_map().prefix_count()
    }

    fn content(&self, snapshot: &Snapshot, previous: Option<Previous<'_>>) -> Option<Content> {
        let pids = snapshot.view().network_map().pids().map(|(id, _)| id).collect();
        Some(content(snapshot, pids, AddressTypes::ALL, previous))
    }
}

/// Data member of an answer (§11.2.1.6).
const MEMBER: &str = "network-map";

/// Returns some PIDs and address types as a version in a history. Of a `previous` version of all PIDs, those that did not
/// change are shared.
pub(super) fn content(
    snapshot: &Snapshot,
    pids: Vec<PidId>,
    types: AddressTypes,
    previous: Option<Previous<'_>>,
) -> Content {
    let map = snapshot.view().network_map();
    let [ipv4, ipv6] = ["ipv4", "ipv6"].map(Key::new);
    let row = |id: PidId| {
        let pid = map.pid(id);
        let shared = previous.and_then(|previous| same_row(pid, previous));
        shared.unwrap_or_else(|| {
            let four = (types.ipv4 && !pid.ipv4().is_empty()).then(|| (ipv4.clone(), List::of_plain(pid.ipv4())));
            let six = (types.ipv6 && !pid.ipv6().is_empty()).then(|| (ipv6.clone(), List::of_plain(pid.ipv6())));
            let lists = four.into_iter().chain(six).map(|(key, list)| (key, Cell::List(list)));
            Row::new(Key::new(pid.name().as_str()), lists)
        })
    };
    let rows = Rows::new(pids.into_iter().map(row).collect());
    let meta = Meta { members: Vec::new(), vtag: Some(json::version(snapshot.network_map_vtag())) };
    Content::new(meta, MEMBER, Table::Rows(rows))
}

/// Finds the row of a PID that the map before has in common with the present one.
fn same_row(pid: &Pid, Previous { snapshot, content }: Previous<'_>) -> Option<Row> {
    let map = snapshot.view().network_map();
    let id = map.id(pid.name().as_str())?;
    let Table::Rows(rows) = content.table() else { return None };
    let row = rows.rows().get(id.0 as usize)?;
    std::ptr::eq(map.pid(id), pid).then(|| row.clone())
}

/// Builds the message for some PIDs and address types, with the version tag of the whole map (§11.3.1.6).
pub(super) fn message(snapshot: &Snapshot, pids: Vec<PidId>, types: AddressTypes) -> NetworkMap<Groups<'_>> {
    let meta = NetworkMapMeta { vtag: snapshot.network_map_vtag().clone() };
    NetworkMap { meta, network_map: Groups { map: snapshot.view().network_map(), pids, types } }
}

/// Address types that an answer contains.
#[derive(Clone, Copy)]
pub(super) struct AddressTypes {
    pub(super) ipv4: bool,
    pub(super) ipv6: bool,
}

/// Endpoint address groups by PID, serialized straight from the view.
pub(super) struct Groups<'a> {
    map: &'a topo::NetworkMap,
    pids: Vec<PidId>,
    types: AddressTypes,
}

/// Endpoint address group of one PID (§10.4.5); `{}` if it has no address of the types.
struct Group<'a>(&'a Pid, AddressTypes);

/// Prefixes, serialized as strings without collecting them first.
struct Prefixes<'a, P>(&'a [P]);

impl AddressTypes {
    pub(super) const ALL: Self = Self { ipv4: true, ipv6: true };
}

impl Serialize for Groups<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let groups = self.pids.iter().map(|&id| {
            let pid = self.map.pid(id);
            (pid.name().as_str(), Group(pid, self.types))
        });
        serializer.collect_map(groups)
    }
}

impl Serialize for Group<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(pid, types) = self;
        let mut group = serializer.serialize_map(None)?;
        if types.ipv4 && !pid.ipv4().is_empty() {
            group.serialize_entry("ipv4", &Prefixes(pid.ipv4()))?;
        }
        if types.ipv6 && !pid.ipv6().is_empty() {
            group.serialize_entry("ipv6", &Prefixes(pid.ipv6()))?;
        }
        group.end()
    }
}

impl<P: std::fmt::Display> Serialize for Prefixes<'_, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Text<'a, P>(&'a P);
        impl<P: std::fmt::Display> Serialize for Text<'_, P> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self.0)
            }
        }
        serializer.collect_seq(self.0.iter().map(Text))
    }
}
