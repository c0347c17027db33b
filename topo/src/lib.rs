//! A network as an ALTO server sees it: who is where, how traffic flows, and what that costs.
//!
//! Data flows one way:
//!
//! ```text
//! topo.json -> file (grammar) -> check (meaning) -> Topology -> graph -> routes -> View (PIDs, costs, tags)
//! ```
//!
//! * [`file`] is the grammar of `topo.json`, [`check`] what must hold beyond grammar; together they make a [`Topology`],
//!   or a [`TopologyError`] that lists every problem with its place and remedy.
//! * [`change`] makes a new [`Topology`] from one whose links changed; nothing is ever changed in place.
//!   [`link_changes`] accumulates what was changed, one entry per link.
//! * [`graph`] has one arc for all parallel links, [`fabric`] the switches alone; [`tree`] finds least-cost routes, and
//!   [`update`] what a change of links changes in them. Ties are broken the same way everywhere, so that every replica
//!   and every emulation agrees. [`costs`] has the trees of all places, [`columns`] their hashes.
//! * [`network_map`] groups addresses into PIDs and finds the PID of an address ([`prefix_table`]).
//! * [`properties`] are what the operator tells of addresses and PIDs; a prefix passes its own on to what it holds
//!   ([`prefix_tree`]).
//! * [`view`] is one immutable state of all costs, named by a hash of its content ([`tag`]).
//! * Numbers are exact: [`Value`] counts millionths in an integer, so sums do not depend on their order; [`loss`]
//!   multiplies what arrives as exactly. [`samples`] are what was measured of a link.
//!
//! Nothing here knows of HTTP or of ALTO's JSON.

pub mod change;
mod check;
mod columns;
mod costs;
mod error;
mod fabric;
pub mod file;
mod graph;
mod link_changes;
mod loss;
mod metric;
mod name;
mod network_map;
mod prefix_table;
mod prefix_tree;
mod properties;
mod property_check;
mod routes;
mod samples;
mod tag;
mod topology;
mod tree;
mod update;
mod value;
mod view;

pub use change::{LinkChange, Measured, Override};
pub use error::{ChangeError, Problem, TopologyError};
pub use link_changes::{Fitted, InvalidLinkKey, LinkChanges, LinkKey};
pub use metric::{Metric, UnknownMetric, dense_ranks};
pub use name::{InvalidName, NodeName, PidName};
pub use network_map::{NetworkMap, Pid, PidId};
pub use properties::{EntityKind, Given, Properties, Property, Said};
pub use routes::Route;
pub use samples::Samples;
pub use topology::{Host, Link, Switch, Topology};
pub use value::Value;
pub use view::{Endpoint, View};
