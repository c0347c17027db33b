//! Changing the network while it runs: who may ([`token`]), what can be asked ([`routes`]), and what makes a change
//! survive a restart ([`store`]). Nothing here is ALTO; none of it is in the directory.

pub(crate) mod routes;
pub(crate) mod store;
pub(crate) mod token;
