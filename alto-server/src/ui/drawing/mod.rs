//! The map of the network: what it draws ([`graph`]), where ([`layout`], [`plan`]), and the picture ([`svg`]).

mod graph;
mod layout;
mod plan;
pub(super) mod svg;

pub(super) use plan::Plan;
