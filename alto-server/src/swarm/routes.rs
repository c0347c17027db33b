//! Requests to `/swarm` and their answers.

use std::net::SocketAddr;
use std::sync::Arc;

use alto_registry::{Announcer, Completeness, ContentKind, FileQuery, HolderQuery, Refusal};
use alto_types::swarm::{Announcement, BestPeer, Credentials, FileList, Holders, Lease, RankedHolder, Registration};
use http::header::{CACHE_CONTROL, HeaderValue};
use http::{Method, StatusCode};
use plain_words::Fault;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::SwarmError;
use super::probe::Probes;
use super::query::{Query, file_id};
use super::rank::rank;
use super::service::Swarm;
use super::translate;
use crate::http::access::Access;
use crate::http::error::json;
use crate::http::offload::{Cancel, WorkPool};
use crate::http::router::Route;
use crate::http::{Exchange, HttpError, Response, body};
use crate::state::network::Network;

/// Work to rank one holder, in the unit of [`crate::http::offload`].
const WEIGHT_PER_HOLDER: usize = 5;
/// Greatest number of holders that are ranked at all; of more, a random choice.
const MAX_RANKED: usize = 20_000;

/// Context of the handlers.
struct Api {
    network: Arc<Network>,
    access: Arc<Access>,
    swarm: Arc<Swarm>,
    probes: Arc<Probes>,
    pool: WorkPool,
    /// Longest request body, in bytes.
    body_bytes: u64,
}

/// Builds the routes below `/swarm`.
pub(crate) fn routes(
    network: &Arc<Network>,
    access: &Arc<Access>,
    swarm: &Arc<Swarm>,
    pool: &WorkPool,
    body_bytes: u64,
) -> Vec<Route> {
    let api = Arc::new(Api {
        network: Arc::clone(network),
        access: Arc::clone(access),
        swarm: Arc::clone(swarm),
        probes: Arc::new(Probes::new()),
        pool: pool.clone(),
        body_bytes,
    });
    vec![
        api.route("swarm/register", Method::POST, register),
        api.route("swarm/heartbeat", Method::POST, heartbeat),
        api.route("swarm/announce", Method::POST, announce),
        api.route("swarm/unregister", Method::POST, unregister),
        api.route("swarm/files", Method::GET, files),
        api.route("swarm/files/{}", Method::GET, file),
        api.route("swarm/files/{}/holders", Method::GET, holders),
        api.route("swarm/files/{}/best", Method::GET, best),
    ]
}

async fn register(api: Arc<Api>, mut exchange: Exchange) -> Result<Response, HttpError> {
    let message: Registration = api.read(&mut exchange).await?;
    let peer = translate::peer(exchange.client(), &message, api.swarm.limits())?;
    let address = peer.address.ip();
    let probed = (message.probe && exchange.is_direct()).then(|| SocketAddr::new(address, message.port));
    let renewed = message.renew.as_ref().map(translate::credentials);
    let registered = api.swarm.call(exchange.payer(), move |registry, now| {
        let renewed = renewed.map(|caller| registry.renew(&caller?, &peer, now));
        match renewed {
            // A registration whose lease has ended is as good as none.
            None | Some(Err(Refusal::UnknownPeer)) => registry.register(&peer, now, &mut rand::rng()),
            Some(renewed) => renewed,
        }
    });
    let registered = registered.await?.map_err(|refusal| SwarmError::in_list("files", refusal))?;
    let registered = registered.saved().await.map_err(SwarmError::from)?;
    if let Some(probed) = probed {
        api.probes.start(registered.peer.to_string(), probed);
    }
    Ok(answer(StatusCode::CREATED, &translate::registered(&registered, address)))
}

async fn heartbeat(api: Arc<Api>, mut exchange: Exchange) -> Result<Response, HttpError> {
    let message: Credentials = api.read(&mut exchange).await?;
    let caller = translate::credentials(&message).map_err(SwarmError::from)?;
    let lease = match api.swarm.call_here(|registry, now| registry.heartbeat_at_once(&caller, now)) {
        Some(decided) => decided,
        None => api.swarm.call(exchange.payer(), move |registry, now| registry.heartbeat(&caller, now)).await?,
    };
    let reachable = api.probes.found_unreachable(&message.peer.0).then_some(false);
    Ok(answer(StatusCode::OK, &Lease { lease: lease.map_err(SwarmError::from)?.as_secs(), reachable }))
}

async fn announce(api: Arc<Api>, mut exchange: Exchange) -> Result<Response, HttpError> {
    let message: Announcement = api.read(&mut exchange).await?;
    let limits = api.swarm.limits();
    alto_registry::check::length(message.remove.len(), limits).map_err(|error| SwarmError::in_list("remove", error))?;
    let add = translate::holdings("add", &message.add, limits)?;
    let remove: Vec<_> = message.remove.iter().map(|id| translate::content_id(*id)).collect();
    let caller = translate::credentials(&message.credentials);
    let announced = api.swarm.call(exchange.payer(), move |registry, now| {
        registry.announce(&Announcer::Registered(caller?), &add, &remove, now, &mut rand::rng())
    });
    let announced = announced.await?.map_err(|refusal| SwarmError::in_list("add", refusal))?;
    let lease = announced.saved().await.map_err(SwarmError::from)?;
    Ok(answer(StatusCode::OK, &Lease { lease: lease.as_secs(), reachable: None }))
}

async fn unregister(api: Arc<Api>, mut exchange: Exchange) -> Result<Response, HttpError> {
    let message: Credentials = api.read(&mut exchange).await?;
    let caller = translate::credentials(&message).map_err(SwarmError::from)?;
    let left = api.swarm.call(exchange.payer(), move |registry, now| registry.leave(&caller, now)).await?;
    left.map_err(SwarmError::from)?.saved().await.map_err(SwarmError::from)?;
    api.probes.forget(&message.peer.0);
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

async fn files(api: Arc<Api>, exchange: Exchange) -> Result<Response, HttpError> {
    let query = Query::of(&exchange)?;
    let listed = api.swarm.call_here(|registry, now| {
        let (name, after) = (query.name.as_deref(), query.after.map(translate::content_id));
        registry.files(&FileQuery { kind: ContentKind::Sha256, name, after, limit: query.rows() }, now)
    });
    let listed = listed.map_err(SwarmError::from)?;
    let files = listed.files.iter().filter_map(translate::summary).collect();
    Ok(answer(StatusCode::OK, &FileList { files, next: listed.next.and_then(translate::file_id) }))
}

async fn file(api: Arc<Api>, exchange: Exchange) -> Result<Response, HttpError> {
    let id = translate::content_id(file_id("id", exchange.segment(2))?);
    let found = api.swarm.call_here(|registry, now| registry.file(id, now)).map_err(SwarmError::from)?;
    let summary = translate::summary(&found).ok_or(SwarmError::Refused(Refusal::UnknownFile(id)))?;
    Ok(answer(StatusCode::OK, &summary))
}

async fn holders(api: Arc<Api>, exchange: Exchange) -> Result<Response, HttpError> {
    let file = translate::content_id(file_id("id", exchange.segment(2))?);
    let query = Query::of(&exchange)?;
    let query = HolderQuery { file, except: query.except, having: Completeness::Any, limit: query.rows() };
    let found = api.swarm.call_here(|registry, now| registry.holders(&query, now, &mut rand::rng()));
    let found = found.map_err(SwarmError::from)?;
    let file = translate::summary(&found.file).ok_or(SwarmError::Refused(Refusal::UnknownFile(file)))?;
    let holders = found.holders.into_iter().filter_map(translate::holder).collect();
    Ok(answer(StatusCode::OK, &Holders { file, holders }))
}

async fn best(api: Arc<Api>, exchange: Exchange) -> Result<Response, HttpError> {
    let file = translate::content_id(file_id("id", exchange.segment(2))?);
    let query = Query::of(&exchange)?;
    let (client, payer, rows) = (exchange.client(), exchange.payer(), query.rows());
    let query = HolderQuery { file, except: query.except, having: Completeness::Complete, limit: MAX_RANKED };
    let found = api.swarm.call_here(|registry, now| registry.file(file, now)).map_err(SwarmError::from)?;
    // Drawing and copying the holders is a part of the work.
    let weight = found.complete.min(MAX_RANKED).saturating_mul(WEIGHT_PER_HOLDER);
    let (published, swarm) = (api.network.current(), Arc::clone(&api.swarm));
    let rank = move |_: &Cancel| {
        let candidates = swarm.call_here(|registry, now| registry.candidates(&query, now, &mut rand::rng()))?;
        Ok::<_, Refusal>(rank(published.snapshot().view(), client, candidates, rows))
    };
    let ranked = api.pool.run(payer, weight, rank).await?.map_err(SwarmError::from)?;
    let row = |ranked: super::rank::Ranked| {
        let holder = translate::holder(ranked.holder)?;
        Some(RankedHolder { holder, cost: ranked.cost.map(topo::Value::as_f64) })
    };
    let ranking: Vec<_> = ranked.into_iter().filter_map(row).collect();
    Ok(answer(StatusCode::OK, &BestPeer { client, best: ranking.first().cloned(), ranking }))
}

impl Api {
    fn route<F, A>(self: &Arc<Self>, path: &str, method: Method, handler: F) -> Route
    where
        F: Fn(Arc<Self>, Exchange) -> A + Copy + Send + Sync + 'static,
        A: Future<Output = Result<Response, HttpError>> + Send + 'static,
    {
        let api = Arc::clone(self);
        Route::new(path, "swarm").on(method, move |exchange| {
            let api = Arc::clone(&api);
            async move {
                api.access.authenticate(&exchange)?;
                handler(api, exchange).await
            }
        })
    }

    async fn read<T: DeserializeOwned>(&self, exchange: &mut Exchange) -> Result<T, HttpError> {
        let is_json = |content_type: &str| {
            content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
        };
        let bytes = body::read(exchange, "application/json", self.body_bytes, is_json).await?;
        Ok(parse(&bytes)?)
    }
}

/// Parses a body. An error names the path of the member that is wrong.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, SwarmError> {
    plain_words::parse(bytes, "{}").map_err(|faults| {
        let Fault { path, problem } = faults.into_one();
        SwarmError::malformed(if path.is_empty() { "body" } else { path.as_str() }, problem)
    })
}

fn answer<T: Serialize>(status: StatusCode, message: &T) -> Response {
    let mut response = json(status, "application/json", message);
    // Holders change all the time, and secrets concern their peers only.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
