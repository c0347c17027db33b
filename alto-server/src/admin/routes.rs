//! `/admin`: the API of operators, and of programs that measure the network, as a table of paths.

use std::sync::Arc;

use super::call::Table;
use super::entrance::Entrance;
use super::service::Admin;
use super::{links, operation, prefixes, topology};
use crate::http::router::Route;

/// Creates the routes. Who may ask for what depends on the way in.
pub(crate) fn routes(admin: &Arc<Admin>, entrance: &Entrance) -> Vec<Route> {
    let table = Table { admin, entrance };
    let mut routes = links::routes(&table);
    routes.extend(topology::routes(&table));
    routes.extend(operation::routes(&table));
    routes.extend(prefixes::routes(&table));
    routes
}
