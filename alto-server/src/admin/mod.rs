//! Changes to the network while it runs: the API ([`routes`]: [`links`], [`topology`], [`prefixes`], [`operation`]), whom the
//! [`entrance`] lets in as an [`operator`] (over the [`socket`], or with a [`token`]), what a handler gets of it
//! ([`call`]), and the [`export`] of routes.
//! Nothing here is ALTO, and none of it is in the directory.

pub(crate) mod call;
pub(crate) mod entrance;
pub(crate) mod export;
pub(crate) mod links;
pub(crate) mod operation;
mod operator;
mod parameters;
pub(crate) mod prefixes;
pub(crate) mod routes;
pub(crate) mod service;
pub(crate) mod socket;
pub(crate) mod token;
mod topology;
