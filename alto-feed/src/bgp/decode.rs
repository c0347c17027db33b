//! Decoding of BGP UPDATE messages (RFC 4271) and MRT files (RFC 6396), with the library `bgpkit-parser`.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bgpkit_parser::models::{
    Afi, AsPath, AsnLength, BgpElem, BgpMessage, BgpUpdateMessage, Community as WireCommunity, ElemType, MetaCommunity,
    MrtMessage, NetworkPrefix, NextHopAddress,
};
use bgpkit_parser::parser::bgp::messages::parse_bgp_message;
use bgpkit_parser::{BgpkitParser, Elementor, FallibleRecordIterator, ParserError};
use bytes::Bytes;
use ipnet::IpNet;

use crate::pids::route::{Community, Route};

/// A route that came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Prefix of the route.
    pub prefix: IpNet,
    /// Identifier of one of several paths (RFC 7911).
    pub path: Option<u32>,
    /// Router that the route came from.
    pub peer: IpAddr,
    /// The route, which all prefixes of a message share; `None` if it was withdrawn.
    pub route: Option<Arc<Route>>,
}

/// Content of an UPDATE message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// Routes that came or went.
    Changes(Vec<Change>),
    /// End of the routes of an address family (RFC 4724 §2); true for IPv6.
    EndOfRib {
        /// True for IPv6, false for IPv4.
        ipv6: bool,
    },
    /// A message that tells nothing about unicast routes.
    Other,
}

/// A message or record that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(String);

/// Decodes one BGP message with its header. Peers send AS numbers of four bytes unless they are very old.
pub fn message(bytes: &[u8], add_path: bool, four_bytes: bool) -> Result<Update, DecodeError> {
    let length = if four_bytes { AsnLength::Bits32 } else { AsnLength::Bits16 };
    let mut bytes = Bytes::copy_from_slice(bytes);
    let message = parse_bgp_message(&mut bytes, add_path, &length).map_err(|error| DecodeError(error.to_string()))?;
    let BgpMessage::Update(update) = &message else { return Ok(Update::Other) };
    if update.is_end_of_rib() {
        let family = update.attributes.get_unreachable_nlri().map(|nlri| nlri.afi);
        return Ok(match family {
            None | Some(Afi::Ipv4) => Update::EndOfRib { ipv6: false },
            Some(Afi::Ipv6) => Update::EndOfRib { ipv6: true },
            Some(_) => Update::Other,
        });
    }
    Ok(Update::Changes(changes(update)))
}

/// Returns the routes of a message. The library's own conversion copies all attributes for each prefix, which makes
/// gigabytes of a message of 64 KiB that has as much of both.
fn changes(update: &BgpUpdateMessage) -> Vec<Change> {
    let attributes = &update.attributes;
    let (reach, unreach) = (attributes.get_reachable_nlri(), attributes.get_unreachable_nlri());
    let path = attributes.effective_as_path();
    let route = Arc::new(Route {
        communities: attributes.iter_communities().filter_map(|found| community(&found)).collect(),
        next_hop: attributes.next_hop().or_else(|| reach?.next_hop.as_ref().map(NextHopAddress::global_addr)),
        first_as: path.as_ref().and_then(AsPath::get_collector_opt).map(u32::from),
        origin_as: path.as_ref().and_then(AsPath::get_origin_opt).map(u32::from),
    });
    let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let change = |prefix: &NetworkPrefix, route| Change {
        prefix: prefix.prefix.trunc(),
        path: prefix.path_id,
        peer: nobody,
        route,
    };
    let announced = update.announced_prefixes.iter().chain(reach.into_iter().flat_map(|nlri| &nlri.prefixes));
    let withdrawn = update.withdrawn_prefixes.iter().chain(unreach.into_iter().flat_map(|nlri| &nlri.prefixes));
    let announced = announced.map(|prefix| change(prefix, Some(Arc::clone(&route))));
    announced.chain(withdrawn.map(|prefix| change(prefix, None))).collect()
}

/// The records of an MRT file, which must not be compressed any more.
pub struct MrtFile<R> {
    records: FallibleRecordIterator<R>,
    elements: Elementor,
}

/// A record of an MRT file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// True for a part of a table, false for an update of one.
    pub table: bool,
    /// Routes of the record.
    pub changes: Vec<Change>,
}

impl<R: Read> MrtFile<R> {
    /// Creates a reader of the records in a stream.
    pub fn new(reader: R) -> Self {
        let records = BgpkitParser::from_reader(reader).disable_warnings().into_fallible_record_iter();
        Self { records, elements: Elementor::new() }
    }
}

impl<R: Read> Iterator for MrtFile<R> {
    type Item = Result<Record, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = match self.records.next()? {
            Ok(record) => record,
            Err(error) => {
                // A broken end of the file is no record.
                let ended = matches!(error.error, ParserError::EofExpected);
                return if ended { None } else { Some(Err(DecodeError(error.error.to_string()))) };
            }
        };
        let table = !matches!(record.message, MrtMessage::Bgp4Mp(_) | MrtMessage::LegacyBgp(_));
        let changes = self.elements.record_to_elems(record).iter().map(change).collect();
        Some(Ok(Record { table, changes }))
    }
}

fn change(element: &BgpElem) -> Change {
    Change {
        prefix: element.prefix.prefix.trunc(),
        path: element.prefix.path_id,
        peer: element.peer_ip,
        route: (element.elem_type == ElemType::ANNOUNCE).then(|| Arc::new(route(element))),
    }
}

fn route(element: &BgpElem) -> Route {
    let path = element.as_path.as_ref();
    Route {
        communities: element.communities.iter().flatten().filter_map(community).collect(),
        next_hop: element.next_hop,
        first_as: path.and_then(AsPath::get_collector_opt).map(u32::from),
        origin_as: path.and_then(AsPath::get_origin_opt).map(u32::from),
    }
}

fn community(community: &MetaCommunity) -> Option<Community> {
    match community {
        MetaCommunity::Plain(WireCommunity::Custom(asn, value)) => {
            u16::try_from(u32::from(*asn)).ok().map(|asn| Community::Plain(asn, *value))
        }
        MetaCommunity::Plain(WireCommunity::NoExport) => Some(Community::Plain(0xffff, 0xff01)),
        MetaCommunity::Plain(WireCommunity::NoAdvertise) => Some(Community::Plain(0xffff, 0xff02)),
        MetaCommunity::Plain(WireCommunity::NoExportSubConfed) => Some(Community::Plain(0xffff, 0xff03)),
        MetaCommunity::Large(large) => {
            Some(Community::Large(large.global_admin, large.local_data[0], large.local_data[1]))
        }
        MetaCommunity::Extended(_) | MetaCommunity::Ipv6Extended(_) => None,
    }
}
