//! Keeping a server up to date while networks change.
//!
//! ```text
//! routers, files -> igp, bgp -> Observation -> difference (with what the server has) -> safety -> server (/admin)
//! ```
//!
//! * [`config`] is `feeds.json`; [`source`] runs commands and reads files, within limits of time and size.
//! * [`routers`] accepts their connections: of listed addresses only, and bounded in number.
//! * [`bgp_ls`] is a passive BGP session that receives a link-state database.
//! * [`bmp`] listens to routers that tell their routes.
//! * [`observation`] makes one [`network`] of everything the sources tell: a topology, and the [`prefixes`] of its PIDs.
//! * [`difference`] finds what changed in a topology, [`safety`] holds back what would drop too much, and [`damping`] small
//!   and frequent changes of measurements.
//! * [`prometheus`] asks for measurements of links; [`prometheus_answer`] reads the answers.
//! * [`server`] is the client of `/admin`, and [`feed`] the state machine that decides what to send. It takes the time as
//!   an argument; [`run`] is the loop around it.
//! * [`status`] is the folder where the feed reports and operators confirm.

pub mod bgp_ls;
pub mod bmp;
pub mod config;
pub mod damping;
pub mod difference;
pub mod feed;
pub mod network;
pub mod observation;
pub mod prefixes;
pub mod prometheus;
pub mod prometheus_answer;
mod routers;
pub mod run;
pub mod safety;
pub mod server;
pub mod source;
pub mod status;
