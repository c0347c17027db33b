//! Costs of PIDs: means over the ordered pairs of distinct hosts, one of each PID.
//!
//! Hosts that are linked to one switch only are grouped by that switch, so that a mean costs one lookup for each pair of
//! switches, weighted by their hosts, and never one for each pair of hosts. Hosts at several switches are groups of their
//! own, because their routes begin and end at different switches. A PID without hosts is one virtual host at the nearest
//! of the PID's switches, with the access of a typical host.
//!
//! * `access` sums up the links between hosts and switches, and finds the typical host.
//! * `members` groups the hosts of one PID.
//! * `memo` keeps the costs that were asked for.
//! * `pairs` has the mean over all pairs of two such groups.

pub(crate) mod access;
pub(crate) mod members;
pub(crate) mod memo;
pub(crate) mod pairs;
