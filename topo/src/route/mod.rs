//! Least-cost routes, and what the links along them amount to.

pub(crate) mod along;
pub(crate) mod graph;
pub(crate) mod key;
pub(crate) mod length;
pub(crate) mod loss;
pub(crate) mod measures;
pub(crate) mod packed;
pub(crate) mod paths;
pub(crate) mod queue;
pub(crate) mod search;
pub(crate) mod switches;
pub(crate) mod tree;
pub(crate) mod update;
