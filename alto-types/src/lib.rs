//! The ALTO wire: every message, name, address and media type of RFC 7285, the property maps of RFC 9240, the update
//! streams of RFC 8895 and the views of RFC 9569, as Rust types.
//!
//! The crate does no I/O and knows no HTTP. Servers and clients share its types:
//!
//! * **Lexical types** check their grammar once, on construction: a [`PidName`] is always a legal PID name, and a
//!   [`TypedEndpointAddr`] a valid address. See [`name`], [`address`], [`cost`] and [`version_tag`].
//! * **Messages** know their media type ([`Message`]). Answers are generic over their data member, so that a server can
//!   serialise millions of entries from where they are stored, while a client reads them into maps. There is one module
//!   per resource: [`directory`], [`network_map`], [`cost_map`], [`endpoint_property`], [`endpoint_cost`],
//!   [`property_map`]; the [`entity`] identifiers of the last are addresses, prefixes and PIDs. [`cost_selection`] and
//!   [`multi_cost`] hold what both cost resources share. [`update_stream`] and [`tips`] tell what changes in others.
//! * **Requests** are decoded by [`decode_request`], which converts every possible error in a body into exactly one
//!   [`ProtocolError`] of RFC 7285 §8.5.2 with its code, field path and value. See [`request`], [`json`] and [`error`].
//!
//! In addition to ALTO, [`swarm`] defines the messages between peers and the registry of files, [`tracker`] those between
//! BitTorrent peers and a tracker, and [`client`] what limits count as one client.
//!
//! Unknown members are ignored everywhere (RFC 7285 §8.3.7); in object-maps every key is data.

pub mod address;
pub mod client;
pub mod cost;
pub mod cost_map;
pub mod cost_selection;
pub mod directory;
pub mod endpoint_cost;
pub mod endpoint_property;
pub mod entity;
pub mod error;
pub mod json;
pub mod media_type;
pub mod multi_cost;
pub mod name;
pub mod network_map;
pub mod property_map;
pub mod request;
pub mod swarm;
pub mod tips;
pub mod tracker;
pub mod update_stream;
pub mod version_tag;

pub use address::{AddressType, SpeltAddr, TypedEndpointAddr};
pub use client::ClientNet;
pub use cost::{Comparison, Constraint, CostContext, CostType};
pub use cost_map::{CostMap, CostMapMeta, FilteredCostMapRequest, PidFilter};
pub use cost_selection::{CostSelection, CostTypes, Predicate, Tests};
pub use directory::{Capabilities, Directory, DirectoryMeta, Resource};
pub use endpoint_cost::{EndpointCost, EndpointCostMeta, EndpointCostRequest, EndpointFilter};
pub use endpoint_property::{EndpointProperties, EndpointPropertyMeta, EndpointPropertyRequest};
pub use entity::{DomainType, Entity};
pub use error::{ErrorCode, ErrorMessage, ProtocolError};
pub use media_type::{MediaType, Message};
pub use multi_cost::{MultiCostMapMeta, MultiEndpointCostMeta, NoCostType};
pub use name::{CostMetric, CostMode, CostSource, NameError, PidName, PropertyType, ResourceId, Tag};
pub use network_map::{EndpointAddrGroup, FilteredNetworkMapRequest, NetworkMap, NetworkMapMeta};
pub use property_map::{PropertyMap, PropertyMapMeta, PropertyMapRequest};
pub use request::{Request, decode_request};
pub use tips::{Edge, EdgeRequest, TipsRequest, TipsView, UpdatesGraphSummary, ViewSummary};
pub use update_stream::{AddUpdate, ControlEvent, StreamControlRequest, UpdateStreamRequest};
pub use version_tag::VersionTag;
