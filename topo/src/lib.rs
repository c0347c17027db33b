//! A network as an ALTO server sees it: its nodes and links, the routes through it, and their costs.
//!
//! Data flows in one direction:
//!
//! ```text
//! topo.json -> file (grammar) -> check (meaning) -> Topology -> graph -> routes -> View (PIDs, costs, tags)
//! ```
//!
//! * [`file`] defines the grammar of `topo.json` and reads and writes it; `check` turns a file into a [`Topology`], or
//!   into a [`TopologyError`] that lists every problem with its place and remedy.
//! * `model` holds the checked network: its parts, its properties, and the changes that derive a new [`Topology`] from one
//!   whose links changed. Nothing is modified in place. [`LinkChanges`] accumulates changes, one entry per link.
//! * `prefix` groups addresses into PIDs, finds the PID of an address, and answers which prefixes nest. [`PrefixLayer`] has
//!   prefixes from outside the topology, which network maps combine with its own.
//! * `route` finds least-cost routes: `graph` has one edge per pair of neighbours, `switches` the part that carries transit
//!   traffic, `tree` the routes to one destination, and `update` their recomputation after a change. Ties are broken
//!   identically everywhere, so that every replica and every emulation agrees.
//! * `metric` has one file for each cost metric: its name, and its value from what a route accumulated. `ranks` orders
//!   values.
//! * `means` derives the costs of PIDs from those of their hosts.
//! * `view` is one immutable network state. It combines `costs`, the trees to all destinations, with `digests`, the hashes
//!   of all routes that make up its tag; `changed_pairs` tells which costs may differ from the view before. `advice` warns of costs that are probably not what was intended.
//! * Numbers are exact: [`Value`] is a fixed-point number, so that sums do not depend on their order.
//!
//! The crate knows neither HTTP nor the JSON of ALTO.

mod advice;
mod changed_pairs;
mod check;
mod costs;
mod digests;
mod error;
pub mod file;
mod means;
mod metric;
mod model;
mod name;
mod parallel;
mod prefix;
mod ranks;
mod route;
mod tag;
mod value;
mod view;

pub use changed_pairs::ChangedPairs;
pub use error::{ChangeError, Problem, TopologyError};
pub use metric::{Context, Metric, UnknownMetric};
pub use model::change::{LinkChange, Measured, Override};
pub use model::link_changes::{Fitted, InvalidLinkKey, LinkChanges, LinkKey};
pub use model::parts::{Host, Link, Switch};
pub use model::properties::{Assignment, Assignments, EntityKind, Properties, Property};
pub use model::samples::Samples;
pub use model::topology::Topology;
pub use name::{InvalidMapName, InvalidName, MapName, NodeName, PidName};
pub use prefix::layer::{PrefixChanges, PrefixDifference, PrefixLayer, PrefixSet};
pub use prefix::network_map::{NetworkMap, Pid, PidId};
pub use ranks::dense_ranks;
pub use route::paths::Route;
pub use value::Value;
pub use view::{Endpoint, IntoEndpoint, IntoPid, View};
