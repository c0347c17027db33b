//! The routes of the services that tell of updates.

use std::sync::Arc;

use http::Method;

use super::hub::Hub;
use super::tips::Tips;
use super::{control, open};
use crate::http::access::Access;
use crate::http::router::Route;
use crate::resource::{tips as tips_resource, update_stream};

/// Creates the routes. URIs of views begin with `base_uri`, or else with `scheme` and the host of the request.
pub(crate) fn routes(
    hub: &Arc<Hub>,
    access: &Arc<Access>,
    body_bytes: u64,
    (base_uri, scheme): (Option<String>, &'static str),
) -> Vec<Route> {
    let (of_open, of_control) = ((Arc::clone(hub), Arc::clone(access)), (Arc::clone(hub), Arc::clone(access)));
    let service = Tips { hub: Arc::clone(hub), access: Arc::clone(access), body_bytes, base_uri, scheme };
    let [to_open, to_recommend, to_update] = [(); 3].map({
        let service = Arc::new(service);
        move |()| Arc::clone(&service)
    });
    vec![
        Route::new(update_stream::PATH, update_stream::ID).on(Method::POST, move |exchange| {
            open::open(Arc::clone(&of_open.0), Arc::clone(&of_open.1), body_bytes, exchange)
        }),
        Route::new(&format!("{}/{{}}", open::CONTROL_PATH), "update-stream-control")
            .on(Method::POST, move |exchange| {
                control::change(Arc::clone(&of_control.0), Arc::clone(&of_control.1), body_bytes, exchange)
            })
            .with_secret_path(),
        Route::new(tips_resource::PATH, tips_resource::ID)
            .on(Method::POST, move |exchange| Arc::clone(&to_open).open(exchange)),
        Route::new(&format!("{}/{{}}/ug", tips_resource::PATH), "tips-recommendation")
            .on(Method::POST, move |exchange| Arc::clone(&to_recommend).recommend(exchange)),
        Route::new(&format!("{}/{{}}/ug/{{}}/{{}}", tips_resource::PATH), "tips-update")
            .on(Method::GET, move |exchange| Arc::clone(&to_update).update(exchange))
            .held(),
    ]
}
