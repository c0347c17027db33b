//! A complete ALTO service: routing of requests to directories and resources, and hooks that change its behaviour.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::error::AltoError;
use super::http::{ReceivedRequest, Response};
use super::network::Network;
use super::resource::{RequestTarget, ResourceKind, ServedDirectory, ServedResource};
use super::updates::{self, Documents, Updates};
use super::{admits, media_type, query};

/// ALTO service with its data, resources and deliberate deviations.
#[derive(Clone)]
pub struct Service {
    /// Data that the resources are made from.
    pub network: Network,
    /// Directories, the root first.
    pub directories: Vec<ServedDirectory>,
    /// Resources other than directories.
    pub resources: Vec<ServedResource>,
    /// Deviations from RFC 7285, or from what is usual.
    pub hooks: Hooks,
    /// Updates, if the service tells what changes.
    pub updates: Option<Arc<Updates>>,
}

type Intercept = dyn Fn(&Service, &ReceivedRequest) -> Option<Response> + Send + Sync;
type Rewrite = dyn Fn(RequestTarget<'_>, &ReceivedRequest, &mut Value) + Send + Sync;
type Render = dyn Fn(&Value) -> Vec<u8> + Send + Sync;
type Finish = dyn Fn(Option<RequestTarget<'_>>, &ReceivedRequest, &mut Response) + Send + Sync;

/// Functions that change how a service answers.
#[derive(Clone, Default)]
pub struct Hooks {
    /// Answers a request in place of the service.
    pub intercept: Option<Arc<Intercept>>,
    /// Changes the message of a directory or resource, errors included.
    pub rewrite: Option<Arc<Rewrite>>,
    /// Serializes a message.
    pub render: Option<Arc<Render>>,
    /// Changes a finished response.
    pub finish: Option<Arc<Finish>>,
}

impl Service {
    /// Answers a request from the present version of the network, hooks included.
    pub fn respond(&self, request: &ReceivedRequest) -> Response {
        match self.updates.as_ref().and_then(|updates| updates.network()) {
            Some(network) => Self { network, ..self.clone() }.respond_now(request),
            None => self.respond_now(request),
        }
    }

    fn respond_now(&self, request: &ReceivedRequest) -> Response {
        let target = self.find(request);
        let intercepted = self.hooks.intercept.as_ref().and_then(|intercept| intercept(self, request));
        let mut response = intercepted.unwrap_or_else(|| self.route(request));
        if let Some(finish) = &self.hooks.finish {
            finish(target, request, &mut response);
        }
        response
    }

    /// Returns a resource or directory by its ID.
    pub fn by_id(&self, id: &str) -> Option<RequestTarget<'_>> {
        let directory = self.directories.iter().find(|directory| directory.id == id).map(RequestTarget::Directory);
        directory.or_else(|| self.resources.iter().find(|resource| resource.id == id).map(RequestTarget::Resource))
    }

    /// Returns what a request addresses; resources at the same path differ by method and media type of the body.
    pub fn find(&self, request: &ReceivedRequest) -> Option<RequestTarget<'_>> {
        let candidates = self.at(&request.path);
        let media_type = request.media_type();
        let method = if request.method == "HEAD" { "GET" } else { request.method.as_str() };
        let exact =
            candidates.iter().find(|target| target.method() == method && target.accepts() == media_type.as_deref());
        let by_method = || candidates.iter().find(|target| target.method() == method);
        exact.or_else(by_method).or(candidates.first()).copied()
    }

    fn at(&self, path: &str) -> Vec<RequestTarget<'_>> {
        let directories =
            self.directories.iter().filter(|directory| directory.path == path).map(RequestTarget::Directory);
        let resources = self.resources.iter().filter(|resource| resource.path == path).map(RequestTarget::Resource);
        directories.chain(resources).collect()
    }

    /// Answers as RFC 7285 and HTTP require, apart from [`Hooks::rewrite`] and [`Hooks::render`].
    pub fn route(&self, request: &ReceivedRequest) -> Response {
        if !matches!(request.method.as_str(), "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS") {
            return Response::plain(501, "unknown method");
        }
        let Some(target) = self.find(request) else {
            let created = self.updates.as_ref().and_then(|updates| updates.route(self, request));
            return created.unwrap_or_else(|| Response::plain(404, "no resource at this path"));
        };
        let mut methods: Vec<_> = self.at(&request.path).iter().map(RequestTarget::method).collect();
        methods.sort_unstable();
        methods.dedup();
        let mut allow = methods.join(", ");
        if methods.contains(&"GET") {
            allow += ", HEAD";
        }
        match request.method.as_str() {
            "OPTIONS" => return Response { status: 204, ..Response::default() }.with("Allow", &(allow + ", OPTIONS")),
            "HEAD" if target.method() == "GET" => {}
            method if method == target.method() => {}
            _ => return Response::plain(405, "method not allowed").with("Allow", &allow),
        }
        if let Some(accepts) = target.accepts() {
            if request.media_type().as_deref() != Some(accepts) {
                return Response::plain(415, &format!("the media type of the body must be {accepts}"));
            }
            if request.field("content-encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
                return Response::plain(415, "the body must not have a content coding");
            }
        }
        if !admits(request.field("accept").as_deref(), target.media_type()) {
            return Response::plain(406, &format!("the only media type available is {}", target.media_type()));
        }
        self.serve(target, request)
    }

    /// Answers a request that is valid for its target.
    pub fn serve(&self, target: RequestTarget<'_>, request: &ReceivedRequest) -> Response {
        if let (RequestTarget::Resource(resource), Some(updates)) = (target, &self.updates)
            && resource.kind.is_of_updates()
        {
            return updates.serve(self, &resource.kind, request);
        }
        let message = match target {
            RequestTarget::Directory(directory) => Ok(self.directory_message(directory)),
            RequestTarget::Resource(resource) => self.resource_message(resource, &request.body, request.peer.ip()),
        };
        let (status, media_type, mut message) = match message {
            Ok(mut message) => {
                if let (RequestTarget::Resource(resource), Some(_)) = (target, &self.updates) {
                    updates::tag(resource, &mut message);
                }
                (200, target.media_type(), message)
            }
            Err(error) => (400, media_type::ERROR, error.to_json()),
        };
        if let Some(rewrite) = &self.hooks.rewrite {
            rewrite(target, request, &mut message);
        }
        let body =
            self.hooks.render.as_ref().map_or_else(|| message.to_string().into_bytes(), |render| render(&message));
        let mut response = Response::new(status, media_type, body);
        if target.accepts().is_none() && status == 200 {
            let tag = format!("\"{:016x}\"", fingerprint(&response.body));
            let known = request.field("if-none-match").unwrap_or_default();
            let required = request.field("if-match").unwrap_or_else(|| "*".to_owned());
            // RFC 9110 §13.1.1: If-Match compares strongly.
            if !required.split(',').any(|required| required.trim() == tag || required.trim() == "*") {
                response = Response::plain(412, "the representation has another entity tag");
            } else if known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag || known.trim() == "*")
            {
                response = Response { status: 304, ..Response::default() };
            }
            response = response.with("ETag", &tag).with("Cache-Control", "no-cache");
        } else {
            response = response.with("Cache-Control", "no-store");
        }
        response.with("Vary", "Accept")
    }

    /// Returns the message of a directory.
    pub fn directory_message(&self, directory: &ServedDirectory) -> Value {
        let mut meta = Map::new();
        if let Some(default) = &directory.default_map {
            meta.insert("default-alto-network-map".into(), default.as_str().into());
        }
        if !directory.cost_types.is_empty() {
            let types: Map<_, _> =
                directory.cost_types.iter().map(|(name, cost_type)| (name.clone(), cost_type.to_json())).collect();
            meta.insert("cost-types".into(), types.into());
        }
        let mut resources = Map::new();
        for (id, uri) in &directory.entries {
            let mut entry = Map::new();
            entry.insert("uri".into(), uri.as_str().into());
            let Some(target) = self.by_id(id) else { continue };
            entry.insert("media-type".into(), target.media_type().into());
            if let Some(accepts) = target.accepts() {
                entry.insert("accepts".into(), accepts.into());
            }
            if let RequestTarget::Resource(resource) = target {
                let capabilities = resource.kind.capabilities(directory);
                if !capabilities.is_empty() {
                    entry.insert("capabilities".into(), capabilities.into());
                }
                let uses = resource.kind.uses();
                if !uses.is_empty() {
                    entry.insert("uses".into(), json!(uses));
                }
            }
            resources.insert(id.clone(), entry.into());
        }
        json!({ "meta": meta, "resources": resources })
    }

    /// Returns the message with which a resource answers a request body.
    pub fn resource_message(&self, resource: &ServedResource, body: &[u8], client: IpAddr) -> Result<Value, AltoError> {
        let map = |id: &str| {
            self.network.map(id).ok_or_else(|| AltoError::Syntax(format!("the service has no network map {id}")))
        };
        match &resource.kind {
            ResourceKind::NetworkMap(id) => {
                let map = map(id)?;
                let pids: Map<_, _> = map.pids.keys().map(|pid| (pid.clone(), map.group(pid, None).into())).collect();
                Ok(json!({ "meta": { "vtag": map.vtag() }, "network-map": pids }))
            }
            ResourceKind::CostMap(id, cost_type) => Ok(query::full_cost_map(map(id)?, cost_type)),
            ResourceKind::FilteredNetworkMap(id) => query::filter_network_map(map(id)?, body),
            ResourceKind::FilteredCostMap(id, offer) => query::filter_cost_map(map(id)?, offer, body),
            ResourceKind::EndpointProperty(offered) => query::endpoint_properties(&self.network, offered, body),
            ResourceKind::EndpointCost(offer) => query::endpoint_costs(&self.network, offer, client, body),
            ResourceKind::PropertyMap(properties) => Ok(properties.whole(&self.network)),
            ResourceKind::FilteredPropertyMap(properties) => properties.filtered(&self.network, body),
            ResourceKind::UpdateStream(_) | ResourceKind::Tips(_) => {
                Err(AltoError::Syntax("the service has no documents of its own".into()))
            }
        }
    }
}

impl Documents for Service {
    fn resource(&self, id: &str) -> Option<&ServedResource> {
        self.resources.iter().find(|resource| resource.id == id)
    }

    fn document(
        &self,
        network: Option<&Network>,
        resource: &ServedResource,
        input: Option<&Value>,
        client: IpAddr,
    ) -> Result<Value, AltoError> {
        let body = input.map_or_else(|| "{}".to_owned(), Value::to_string);
        let mut message = match network {
            Some(network) => {
                let then = Self { network: network.clone(), ..self.clone() };
                then.resource_message(resource, body.as_bytes(), client)?
            }
            None => self.resource_message(resource, body.as_bytes(), client)?,
        };
        updates::tag(resource, &mut message);
        Ok(message)
    }

    fn kept(&self) -> Box<dyn Documents> {
        Box::new(self.clone())
    }
}

/// Returns the FNV-1a hash of a body, for entity tags.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
