//! The network map (RFC 7285 §11.2.1).

use alto_types::{NetworkMap, NetworkMapMeta, VersionTag};
use serde::ser::{Serialize, SerializeMap, Serializer};
use topo::{Pid, PidId};

/// The whole map.
pub(crate) fn render(map: &topo::NetworkMap, vtag: &VersionTag) -> Vec<u8> {
    let pids = map.pids().map(|(id, _)| id).collect();
    super::to_bytes(&message(map, vtag, pids, AddressTypes::ALL))
}

/// A network map message over some PIDs and address types of `map`, with the tag of the whole map (§11.3.1.6).
pub(super) fn message<'a>(
    map: &'a topo::NetworkMap,
    vtag: &VersionTag,
    pids: Vec<PidId>,
    types: AddressTypes,
) -> NetworkMap<Groups<'a>> {
    NetworkMap { meta: NetworkMapMeta { vtag: vtag.clone() }, network_map: Groups { map, pids, types } }
}

/// Which address types go into an answer.
#[derive(Clone, Copy)]
pub(super) struct AddressTypes {
    pub(super) ipv4: bool,
    pub(super) ipv6: bool,
}

/// Endpoint address groups by PID, streamed from the view.
pub(super) struct Groups<'a> {
    map: &'a topo::NetworkMap,
    pids: Vec<PidId>,
    types: AddressTypes,
}

/// The endpoint address group of one PID (§10.4.5); `{}` where nothing fits.
struct Group<'a>(&'a Pid, AddressTypes);

/// Prefixes as strings, without collecting them first.
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
