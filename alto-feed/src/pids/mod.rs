//! PIDs from BGP: rules that give each route a PID, and the sets of prefixes that result.
//!
//! [`rules`] reads the operator's rules and applies them to a route, [`merge`] makes sets of prefixes smaller without
//! changing any longest match, [`assignment`] holds the PID of every prefix, [`table`] finds the PIDs of a routing
//! table, and [`extend`] puts them into a topology file.

pub mod assignment;
pub mod extend;
pub mod merge;
pub mod route;
pub mod rules;
pub mod table;
