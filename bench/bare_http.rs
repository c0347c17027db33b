//! Upper bounds of the speed of the server's libraries (docs/performance.md): a program that does the same work as one
//! resource of the server, on the same libraries, without any limit, counter or log.
//!
//! `bare_http not-modified hyper|warp` answers a client's copy of a document with 304, on `hyper` alone or through `warp`;
//! `bare_http document FILE` answers every request with the bytes of a file; `bare_http endpoint-cost MAP` looks up the
//! requested costs in a cost map of a network of `bench/networks.py`, whose PID `s00001` has the addresses 10.0.1.0/24;
//! `bare_http endpoint-property TOPOLOGY` looks up the PIDs of the requested addresses in the prefixes of a topology.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LAST_MODIFIED, VARY,
};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use tokio::net::{TcpListener, TcpStream};
use topo::{NetworkMap, Topology, View};
use warp::Filter;

/// Date of every document.
const DATE: &str = "Sun, 29 Nov 2026 20:24:44 GMT";
/// ID of every request.
const ID: &str = "b57c0a40cc89b133-1a2b3c";

/// Work of the program.
enum Task {
    NotModified { through_warp: bool },
    Document { body: Bytes },
    EndpointCost(Matrix),
    EndpointProperty(Box<View>),
}

/// Costs between PIDs, by source and then destination.
struct Matrix {
    pids: usize,
    costs: Vec<Option<Number>>,
}

/// Cost map as the server answers it.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct CostMap {
    cost_map: HashMap<String, HashMap<String, Number>>,
}

/// Request for endpoint costs.
#[derive(Deserialize)]
struct Question<'a> {
    #[serde(borrow)]
    endpoints: Endpoints<'a>,
}

#[derive(Deserialize)]
struct Endpoints<'a> {
    #[serde(borrow)]
    srcs: Vec<&'a str>,
    #[serde(borrow)]
    dsts: Vec<&'a str>,
}

/// Request for properties of endpoints.
#[derive(Deserialize)]
struct PropertyQuestion<'a> {
    #[serde(borrow)]
    properties: [&'a str; 1],
    #[serde(borrow)]
    endpoints: Vec<&'a str>,
}

/// Answer with the PIDs of endpoints.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct PropertyAnswer<'a> {
    meta: serde_json::Value,
    endpoint_properties: Pids<'a>,
}

/// PIDs of endpoints.
struct Pids<'a> {
    map: &'a NetworkMap,
    property: &'a str,
    endpoints: Vec<(&'a str, IpAddr)>,
}

/// The property of an endpoint that has a PID, and its value.
struct OfEndpoint<'a>(Option<(&'a str, &'a str)>);

/// Answer with endpoint costs.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Answer<'a> {
    meta: serde_json::Value,
    endpoint_cost_map: Rows<'a>,
}

/// Costs from each source.
struct Rows<'a> {
    matrix: &'a Matrix,
    srcs: Vec<(&'a str, usize)>,
    dsts: Vec<(&'a str, usize)>,
}

/// Costs from one source.
struct Row<'a>(&'a Rows<'a>, usize);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let task = match words[..] {
        ["not-modified", library @ ("hyper" | "warp")] => Task::NotModified { through_warp: library == "warp" },
        ["document", file] => Task::Document { body: std::fs::read(file)?.into() },
        ["endpoint-cost", map] => Task::EndpointCost(Matrix::read(map)?),
        ["endpoint-property", file] => {
            Task::EndpointProperty(Box::new(View::compute(Arc::new(Topology::from_path(Path::new(file))?))))
        }
        _ => return Err("bare_http not-modified hyper|warp, or document|endpoint-cost|endpoint-property FILE".into()),
    };
    serve(&Arc::new(task))
}

/// Serves connections on an event loop for each core, as the server does.
fn serve(task: &Arc<Task>) -> Result<(), Box<dyn std::error::Error>> {
    let mut loops = Vec::new();
    for _ in 0..std::thread::available_parallelism()?.get() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        loops.push(runtime.handle().clone());
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        eprintln!("listening on http://{}/", listener.local_addr()?);
        for handle in loops.iter().cycle() {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (stream, task) = (stream.into_std()?, Arc::clone(task));
            handle.spawn(async move {
                if let Ok(stream) = TcpStream::from_std(stream) {
                    connection(stream, task).await;
                }
            });
        }
        Ok(())
    })
}

async fn connection(stream: TcpStream, task: Arc<Task>) {
    let io = TokioIo::new(stream);
    let builder = http1::Builder::new();
    let ended = if matches!(*task, Task::NotModified { through_warp: true }) {
        let answer = warp::path!("costmap")
            .and(warp::header::value("if-none-match"))
            .map(|known: HeaderValue| not_modified(&known));
        builder.serve_connection(io, TowerToHyperService::new(warp::service(answer))).await
    } else {
        let answer = move |request| {
            let task = Arc::clone(&task);
            async move { Ok::<_, Infallible>(task.answer(request).await) }
        };
        builder.serve_connection(io, service_fn(answer)).await
    };
    // An error means that the client has disconnected, as at the end of every measurement.
    let _ended = ended;
}

impl Task {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match self {
            Self::NotModified { .. } => match request.headers().get(IF_NONE_MATCH) {
                Some(known) => not_modified(known).map(Full::new),
                None => refused(),
            },
            Self::Document { body } => {
                let mut response = Response::new(Full::new(body.clone()));
                describe(response.headers_mut(), &HeaderValue::from_static("\"957a2e52eef6224b8a2c427e38a62502\""));
                fill(response.headers_mut(), [(CONTENT_TYPE, "application/alto-costmap+json")]);
                response
            }
            Self::EndpointCost(matrix) => {
                answer_body(request, "application/alto-endpointcost+json", |question| matrix.answer(question)).await
            }
            Self::EndpointProperty(view) => {
                let answer = |question: &[u8]| pids(view.network_map(), question);
                answer_body(request, "application/alto-endpointprop+json", answer).await
            }
        }
    }
}

/// Answers the body of a request.
async fn answer_body(
    request: Request<Incoming>,
    media_type: &'static str,
    answer: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Response<Full<Bytes>> {
    let Ok(body) = request.into_body().collect().await else { return refused() };
    let Some(answer) = answer(&body.to_bytes()) else { return refused() };
    let mut response = Response::new(Full::from(answer));
    let fields = [
        (CONTENT_TYPE, media_type),
        (LAST_MODIFIED, DATE),
        (CACHE_CONTROL, "no-store"),
        (VARY, "accept-encoding"),
        (HeaderName::from_static("x-request-id"), ID),
    ];
    fill(response.headers_mut(), fields);
    response
}

/// Answers with the PIDs of endpoints.
fn pids(map: &NetworkMap, question: &[u8]) -> Option<Vec<u8>> {
    let PropertyQuestion { properties: [property], endpoints } = serde_json::from_slice(question).ok()?;
    let address = |endpoint: &str| {
        let (kind, address) = endpoint.split_once(':')?;
        ["ipv4", "ipv6"].contains(&kind).then(|| address.parse::<IpAddr>().ok()).flatten()
    };
    let endpoints =
        endpoints.into_iter().map(|endpoint| Some((endpoint, address(endpoint)?))).collect::<Option<_>>()?;
    let vtag = serde_json::json!({"resource-id": "network-map", "tag": map.tag()});
    let meta = serde_json::json!({"dependent-vtags": [vtag]});
    serde_json::to_vec(&PropertyAnswer { meta, endpoint_properties: Pids { map, property, endpoints } }).ok()
}

impl Serialize for Pids<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.endpoints.iter().map(|(endpoint, address)| {
            let pid = self.map.lookup(*address).map(|id| (self.property, self.map.pid(id).name().as_str()));
            (endpoint, OfEndpoint(pid))
        }))
    }
}

impl Serialize for OfEndpoint<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0)
    }
}

/// Answers that a copy is current, whatever copy that is: the load generator knows one only.
fn not_modified(known: &HeaderValue) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    describe(response.headers_mut(), known);
    response
}

/// Sets the fields that the server's answers about documents have.
fn describe(headers: &mut HeaderMap, entity_tag: &HeaderValue) {
    headers.insert(ETAG, entity_tag.clone());
    let fields = [
        (LAST_MODIFIED, DATE),
        (VARY, "accept-encoding"),
        (CACHE_CONTROL, "public, no-cache"),
        (HeaderName::from_static("x-request-id"), ID),
    ];
    fill(headers, fields);
}

fn fill<const N: usize>(headers: &mut HeaderMap, fields: [(HeaderName, &'static str); N]) {
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn refused() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

impl Matrix {
    fn read(path: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let CostMap { cost_map } = serde_json::from_slice(&std::fs::read(path)?)?;
        let pids = cost_map.len();
        let name = |place: usize| format!("s{place:05}");
        let cost = |pair: usize| cost_map.get(&name(pair / pids))?.get(&name(pair % pids)).cloned();
        Ok(Self { pids, costs: (0..pids * pids).map(cost).collect() })
    }

    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let Endpoints { srcs, dsts } = serde_json::from_slice::<Question<'_>>(question).ok()?.endpoints;
        let endpoint_cost_map = Rows { matrix: self, srcs: self.resolve(srcs)?, dsts: self.resolve(dsts)? };
        let cost_type = serde_json::json!({"cost-mode": "numerical", "cost-metric": "routingcost"});
        let vtag = serde_json::json!({"resource-id": "endpoint-cost", "tag": "0".repeat(64)});
        let meta = serde_json::json!({"cost-type": cost_type, "vtag": vtag});
        serde_json::to_vec(&Answer { meta, endpoint_cost_map }).ok()
    }

    /// Finds the PID of each address.
    fn resolve<'a>(&self, endpoints: Vec<&'a str>) -> Option<Vec<(&'a str, usize)>> {
        let pid = |endpoint: &str| {
            let address: Ipv4Addr = endpoint.strip_prefix("ipv4:")?.parse().ok()?;
            Some(usize::from(address.octets()[2])).filter(|pid| *pid < self.pids)
        };
        endpoints.into_iter().map(|endpoint| Some((endpoint, pid(endpoint)?))).collect()
    }
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.srcs.iter().map(|(name, pid)| (name, Row(self, *pid))))
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(Rows { matrix, dsts, .. }, src) = self;
        let mut row = serializer.serialize_map(None)?;
        for (name, dst) in dsts {
            if let Some(cost) = &matrix.costs[src * matrix.pids + dst] {
                row.serialize_entry(name, cost)?;
            }
        }
        row.end()
    }
}
