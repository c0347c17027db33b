//! Changes to the network while it runs: the API ([`routes`]), the [`token`] and the [`socket`] that open it, and the
//! [`export`] of routes.
//! Nothing here is ALTO, and none of it is in the directory.

pub(crate) mod export;
mod prefixes;
pub(crate) mod routes;
pub(crate) mod service;
pub(crate) mod socket;
pub(crate) mod token;
