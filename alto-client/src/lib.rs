//! Client of ALTO servers (RFC 7285), for any program: blocking, thread-safe, cheap to clone.
//!
//! A [`Client`] starts from the URI of a directory, discovers what the directory offers, and answers queries:
//!
//! ```no_run
//! use std::net::IpAddr;
//!
//! use alto_client::{Client, EndpointCostQuery};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("http://alto.example/directory").build()?;
//!
//! // The network map is fetched once; addresses are looked up in it without further requests.
//! let address: IpAddr = "192.0.2.7".parse()?;
//! println!("{:?}", client.network_map(None)?.pid_of(address));
//!
//! // Costs from this client, which need not know its own address, to some candidates.
//! let candidates: [IpAddr; 2] = [address, "198.51.100.1".parse()?];
//! for (_, destination, cost) in client.endpoint_costs(&EndpointCostQuery::to(candidates))?.iter() {
//!     println!("{destination} {cost}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! * A [`Directory`] is the whole closure: directories that others delegate to are followed, within bounds. Ill-formed
//!   entries are left out and listed by [`Directory::problems`].
//! * Maps are cached as the server's header fields allow, and validated afterwards. [`Client::maps`] gives a network map
//!   and costs of one version.
//! * A [`CostQuery`] has one type of cost or several. Several take one request if the server supports that (RFC 8189),
//!   and one for each type if it does not. [`metric`] knows the units of metrics, and of which ones more is better
//!   (RFC 9439).
//! * [`Client::follow`] tells of changes as they happen, by update streams (RFC 8895), TIPS (RFC 9569) or repeated requests.
//! * Every [`Error`] of an exchange names the URI; an ALTO error keeps its code, field and value ([`AltoError`]).
//! * Time, sizes, redirects, retries and documents are bounded. See [`ClientBuilder`]. So is where a server may lead a
//!   client: see [`ReachFault`].
//!
//! Of several ways to an answer the cheapest is taken: GET before POST, one answer for many requests, and filters in the
//! client if the server has none. Costs that a server does not define are absent, never 0.

mod client;
mod cost;
mod decode;
mod directory;
mod endpoint_properties;
mod error;
mod exchange;
pub mod follow;
mod network_map;
mod printable;
mod scope;

pub use self::client::{BuildError, Client, ClientBuilder, SiblingAnswer};
pub use self::cost::{
    Basis, CostColumn, CostMap, CostMapQuery, CostQuery, CostRows, CostTable, CostTest, EndpointCostQuery,
    EndpointCosts, Maps, cost_type, metric, routing_cost,
};
pub use self::directory::{Directory, Entry, Kind};
pub use self::endpoint_properties::EndpointProperties;
pub use self::error::{AltoError, Error, RedirectFault};
pub use self::exchange::UriError;
pub use self::network_map::{NetworkMap, PartialNetworkMap};
pub use self::printable::{is_printable, printable};
pub use self::scope::{AddressScope, ReachFault};
