//! BGP-LS (RFC 9552, performance metrics of RFC 8571): link-state databases in UPDATE messages.
//!
//! The decoder is our own, because that of `bgpkit-parser` 0.23 reads the type of a node descriptor as its length.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::link_state::{Adjacency, Attributes, LinkState, Node, Reachable};

/// Address family and subsequent address family of BGP-LS.
const FAMILY: [u8; 3] = [0x40, 0x04, 71];
/// Length of the header of a BGP message, and the type of an UPDATE.
const HEADER: usize = 19;
const UPDATE: u8 = 2;
/// Largest number of objects in a database.
const MAX_OBJECTS: usize = 1_000_000;
/// Longest name of a node in bytes (RFC 5301 §3). One attribute names all nodes of a message.
const MAX_NAME: usize = 255;
/// Mbit/s in a byte per second.
const MBITS: f64 = 8e-6;
/// Percent in a unit of the loss TLV (RFC 8571 §2.4).
const LOSS_UNIT: f64 = 0.000_003;

/// The database that the messages so far describe.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Database {
    nodes: BTreeMap<String, Option<String>>,
    links: BTreeMap<LinkKey, LinkAttributes>,
    prefixes: BTreeMap<(String, IpNet), u32>,
}

/// Identity of a link: its ends, and what tells parallel links apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LinkKey {
    from: String,
    to: String,
    local: Option<IpAddr>,
    remote: Option<IpAddr>,
    /// Local and remote identifiers of unnumbered interfaces.
    identifiers: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct LinkAttributes {
    metric: Option<u32>,
    attributes: Attributes,
}

/// An object that a message names.
#[derive(Clone, Debug, PartialEq)]
enum Object {
    Node(String),
    Link(LinkKey),
    Prefix(String, IpNet),
    /// An object of a type that has no place in a topology.
    Other,
}

/// A message that is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkStateError {
    /// A length leads beyond the end.
    #[error("{0} ends too early")]
    Short(&'static str),
    /// A node without the identifier of a router.
    #[error("a node has no identifier of a router (TLV 515)")]
    Nameless,
    /// More objects than permitted.
    #[error("there are more than {MAX_OBJECTS} objects, which is the limit")]
    Full,
}

impl Database {
    /// Applies one BGP message. Messages of other types, and other address families, change nothing.
    pub fn apply(&mut self, message: &[u8]) -> Result<(), LinkStateError> {
        let kind = *message.get(HEADER - 1).ok_or(LinkStateError::Short("the header"))?;
        if kind != UPDATE {
            return Ok(());
        }
        let mut rest = message.get(HEADER..).unwrap_or_default();
        let _withdrawn = counted(&mut rest, "the withdrawn routes")?;
        let mut attributes = counted(&mut rest, "the attributes")?;
        let (mut reach, mut unreach, mut values) = (None, None, &[][..]);
        while !attributes.is_empty() {
            match attribute(&mut attributes)? {
                (14, value) => reach = Some(value),
                (15, value) => unreach = Some(value),
                (29, value) => values = value,
                _ => {}
            }
        }
        if let Some(mut objects) = unreach.and_then(|value| value.strip_prefix(&FAMILY)) {
            while !objects.is_empty() {
                self.withdraw(&object(&mut objects)?);
            }
        }
        if let Some(value) = reach.and_then(|value| value.strip_prefix(&FAMILY)) {
            let (next_hop, rest) = value.split_first().ok_or(LinkStateError::Short("the next hop"))?;
            // One reserved byte follows the next hop.
            let mut objects = rest.get(usize::from(*next_hop) + 1..).ok_or(LinkStateError::Short("the next hop"))?;
            while !objects.is_empty() {
                let object = object(&mut objects)?;
                self.announce(object, values)?;
            }
        }
        Ok(())
    }

    fn announce(&mut self, object: Object, values: &[u8]) -> Result<(), LinkStateError> {
        if self.nodes.len() + self.links.len() + self.prefixes.len() >= MAX_OBJECTS {
            return Err(LinkStateError::Full);
        }
        match object {
            Object::Node(node) => {
                self.nodes.insert(node, node_name(values)?);
            }
            Object::Link(link) => {
                self.links.insert(link, link_attributes(values)?);
            }
            Object::Prefix(node, prefix) => {
                self.prefixes.insert((node, prefix), prefix_metric(values)?.unwrap_or(0));
            }
            Object::Other => {}
        }
        Ok(())
    }

    fn withdraw(&mut self, object: &Object) {
        match object {
            Object::Node(node) => {
                self.nodes.remove(node);
            }
            Object::Link(link) => {
                self.links.remove(link);
            }
            Object::Prefix(node, prefix) => {
                self.prefixes.remove(&(node.clone(), *prefix));
            }
            Object::Other => {}
        }
    }

    /// Returns the database in the form that all link-state protocols share.
    pub fn link_state(&self) -> LinkState {
        let mut state = LinkState::default();
        let ends = self.links.keys().flat_map(|link| [&link.from, &link.to]);
        let all: BTreeSet<&String> = self.nodes.keys().chain(ends).collect();
        for id in all {
            let name = self.nodes.get(id).cloned().flatten();
            state.nodes.insert(id.clone(), Node { name, lan: is_lan(id), overloaded: false });
        }
        for (link, LinkAttributes { metric, attributes }) in &self.links {
            let (from, to) = (link.from.clone(), link.to.clone());
            let metric = metric.unwrap_or(0);
            state.adjacencies.push(Adjacency { from, to, metric, local: link.local, attributes: *attributes });
        }
        for ((node, prefix), metric) in &self.prefixes {
            state.prefixes.push(Reachable { prefix: *prefix, metric: *metric, node: node.clone() });
        }
        state
    }
}

/// Returns whether an identifier is that of a LAN: of OSPF by its prefix, of IS-IS by the number of its circuit.
fn is_lan(id: &str) -> bool {
    id.starts_with("lan-") || (id.len() == "0000.0000.0000.00".len() && !id.ends_with(".00"))
}

/// Takes a field that begins with its length in two bytes.
fn counted<'a>(rest: &mut &'a [u8], what: &'static str) -> Result<&'a [u8], LinkStateError> {
    let (length, after) = rest.split_first_chunk().ok_or(LinkStateError::Short(what))?;
    let (field, after) =
        after.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(LinkStateError::Short(what))?;
    *rest = after;
    Ok(field)
}

/// Takes a path attribute (RFC 4271 §4.3), and returns its type and value.
fn attribute<'a>(rest: &mut &'a [u8]) -> Result<(u8, &'a [u8]), LinkStateError> {
    const EXTENDED_LENGTH: u8 = 0x10;
    let short = || LinkStateError::Short("an attribute");
    let ([flags, kind], after) = rest.split_first_chunk().ok_or_else(short)?;
    *rest = after;
    if flags & EXTENDED_LENGTH != 0 {
        return Ok((*kind, counted(rest, "an attribute")?));
    }
    let (length, after) = rest.split_first().ok_or_else(short)?;
    let (value, after) = after.split_at_checked((*length).into()).ok_or_else(short)?;
    *rest = after;
    Ok((*kind, value))
}

/// Takes a TLV, and returns its type and value.
fn tlv<'a>(rest: &mut &'a [u8]) -> Result<(u16, &'a [u8]), LinkStateError> {
    let (kind, after) = rest.split_first_chunk().ok_or(LinkStateError::Short("a TLV"))?;
    *rest = after;
    Ok((u16::from_be_bytes(*kind), counted(rest, "a TLV")?))
}

/// Takes an object (RFC 9552 §5.2).
fn object(rest: &mut &[u8]) -> Result<Object, LinkStateError> {
    let (kind, body) = tlv(rest)?;
    // Protocol and identifier of its instance.
    let mut descriptors = body.get(9..).ok_or(LinkStateError::Short("an object"))?;
    let (mut local, mut remote) = (None, None);
    let (mut here, mut there, mut identifiers, mut prefix) = (None, None, None, None);
    while !descriptors.is_empty() {
        let (kind_of_tlv, value) = tlv(&mut descriptors)?;
        match kind_of_tlv {
            256 => local = Some(router(value)?),
            257 => remote = Some(router(value)?),
            258 => identifiers = value.try_into().ok().map(u64::from_be_bytes),
            259 | 261 => here = here.or_else(|| address(value)),
            260 | 262 => there = there.or_else(|| address(value)),
            265 => prefix = reachable(kind, value),
            _ => {}
        }
    }
    match (kind, local) {
        (1..=4, None) => Err(LinkStateError::Nameless),
        (1, Some(node)) => Ok(Object::Node(node)),
        (2, Some(from)) => {
            let to = remote.ok_or(LinkStateError::Nameless)?;
            Ok(Object::Link(LinkKey { from, to, local: here, remote: there, identifiers }))
        }
        (3 | 4, Some(node)) => Ok(prefix.map_or(Object::Other, |prefix| Object::Prefix(node, prefix))),
        _ => Ok(Object::Other),
    }
}

/// Returns the identifier of a router or LAN from its descriptors (RFC 9552 §5.2.1.4).
fn router(mut descriptors: &[u8]) -> Result<String, LinkStateError> {
    let mut found = None;
    while !descriptors.is_empty() {
        if let (515, value) = tlv(&mut descriptors)? {
            found = Some(match value {
                [_, _, _, _] => dotted(value),
                // The router that is designated, and its address on the LAN.
                [_, _, _, _, lan @ ..] if lan.len() == 4 => format!("lan-{}", dotted(lan)),
                [_, _, _, _, _, _] => system_id(value, 0),
                [system @ .., circuit] if system.len() == 6 => system_id(system, *circuit),
                _ => return Err(LinkStateError::Nameless),
            });
        }
    }
    found.ok_or(LinkStateError::Nameless)
}

/// Writes an identifier of OSPF, such as `10.0.0.1`.
fn dotted(bytes: &[u8]) -> String {
    bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(".")
}

/// Writes an identifier of IS-IS, such as `0102.5500.0001.00`.
fn system_id(system: &[u8], circuit: u8) -> String {
    let hex: Vec<String> = system.iter().chain([&circuit]).map(|byte| format!("{byte:02x}")).collect();
    hex.chunks(2).map(<[String]>::concat).collect::<Vec<_>>().join(".")
}

fn address(value: &[u8]) -> Option<IpAddr> {
    if let Ok(address) = <[u8; 4]>::try_from(value) {
        return Some(Ipv4Addr::from(address).into());
    }
    <[u8; 16]>::try_from(value).ok().map(|address| Ipv6Addr::from(address).into())
}

/// Reads a prefix: its length, and as many bytes as that needs (RFC 9552 §5.2.3.2).
fn reachable(kind: u16, value: &[u8]) -> Option<IpNet> {
    let (length, bytes) = value.split_first()?;
    if kind == 3 {
        let mut address = [0; 4];
        address.get_mut(..bytes.len())?.copy_from_slice(bytes);
        return Ipv4Net::new(address.into(), *length).ok().map(|net| net.trunc().into());
    }
    let mut address = [0; 16];
    address.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Ipv6Net::new(address.into(), *length).ok().map(|net| net.trunc().into())
}

fn node_name(mut values: &[u8]) -> Result<Option<String>, LinkStateError> {
    let mut name = None;
    while !values.is_empty() {
        if let (1026, value) = tlv(&mut values)? {
            let value = value.get(..MAX_NAME).unwrap_or(value);
            name = Some(String::from_utf8_lossy(value).into_owned()).filter(|name| !name.is_empty());
        }
    }
    Ok(name)
}

fn prefix_metric(mut values: &[u8]) -> Result<Option<u32>, LinkStateError> {
    let mut metric = None;
    while !values.is_empty() {
        if let (1155, value) = tlv(&mut values)? {
            metric = value.try_into().ok().map(u32::from_be_bytes);
        }
    }
    Ok(metric)
}

fn link_attributes(mut values: &[u8]) -> Result<LinkAttributes, LinkStateError> {
    let mut found = LinkAttributes::default();
    while !values.is_empty() {
        let (kind, value) = tlv(&mut values)?;
        let attributes = &mut found.attributes;
        match kind {
            // One byte of IS-IS with narrow metrics (of which six bits count), two of OSPF, three of wide metrics.
            1095 if (1..=4).contains(&value.len()) => {
                found.metric = Some(value.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte)));
            }
            1089 => attributes.bandwidth = megabits(value).filter(|bandwidth| *bandwidth > 0.0),
            1120 => attributes.used = megabits(value),
            1114 => attributes.delay = low_24_bits(value).map(|microseconds| f64::from(microseconds) / 1000.0),
            1117 => attributes.loss = low_24_bits(value).map(|units| f64::from(units) * LOSS_UNIT),
            _ => {}
        }
    }
    Ok(found)
}

/// Reads bytes per second as a single-precision number.
fn megabits(value: &[u8]) -> Option<f64> {
    let bytes = f64::from(f32::from_be_bytes(value.try_into().ok()?));
    (bytes.is_finite() && bytes >= 0.0).then_some(bytes * MBITS)
}

/// Reads a number of 24 bits, before which flags stand.
fn low_24_bits(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.try_into().ok()?) & 0x00ff_ffff)
}
