//! The catalogue: what every resource states about itself.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use alto_history::{Content, Patches};
use alto_types::{Capabilities, MediaType, Message, ProtocolError, decode_request};

use super::limits::WorkLimits;
use super::lookup::{Lookup, LookupContext, ask};
use super::scope::Scope;
use crate::http::HttpError;
use crate::http::offload::Cancel;
use crate::http::router::Route;
use crate::state::snapshot::Snapshot;

/// All resources of the server.
pub(crate) struct Catalogue {
    resources: Vec<Resource>,
    /// URI that the paths are relative to, for clients that cannot resolve them; empty if they are to.
    base: String,
}

/// Definition of one resource.
pub(crate) struct Resource {
    /// Resource ID in the directory (RFC 7285 §10.2), and name in metrics. An ID never changes its meaning (§9.1.1).
    pub(crate) id: Cow<'static, str>,
    /// Path relative to the root of the server.
    pub(crate) path: Cow<'static, str>,
    /// Media type of the answer.
    pub(crate) media_type: MediaType,
    /// Method and implementation.
    pub(crate) service: Service,
    /// Entry in the directory; absent for the directory itself.
    pub(crate) entry: Option<Entry>,
    /// Patches in which changes are told; absent if they are not told.
    pub(crate) patches: Option<Patches>,
}

/// Parts of a directory entry that depend on the resource (RFC 7285 §9.2.2).
pub(crate) struct Entry {
    /// IDs of the resources that the answer depends on.
    pub(crate) uses: Vec<Cow<'static, str>>,
    /// Capabilities for a snapshot.
    pub(crate) capabilities: Box<dyn Fn(&Snapshot) -> Capabilities + Send + Sync>,
}

/// Method and implementation of a resource.
pub(crate) enum Service {
    /// Document that is read with GET.
    Document(Box<dyn Document>),
    /// Lookup that is asked with POST.
    Lookup(LookupService),
    /// Service with routes of its own, which is asked with POST in the given media type.
    Separate(MediaType),
}

/// Patches of costs: null is no cost, and merge patches are a third as long as JSON patches.
pub(super) const MERGE_PATCHES: Option<Patches> = Some(Patches { merge: true, json: false });

/// Patches of lists and properties: merge patches cannot say null, and JSON patches tell changes of lists shortly.
pub(super) const ALL_PATCHES: Option<Patches> = Some(Patches { merge: true, json: true });

/// Resource whose whole content is read with GET, rendered once per snapshot.
pub(crate) trait Document: Send + Sync + 'static {
    /// Renders the body.
    fn render(&self, snapshot: &Snapshot, catalogue: &Catalogue) -> Vec<u8>;

    /// Tells whether the body is the same for both snapshots.
    fn is_unchanged(&self, previous: &Snapshot, next: &Snapshot, catalogue: &Catalogue) -> bool;

    /// Number of values in the body, about; decides where it is rendered.
    fn values(&self, snapshot: &Snapshot) -> usize;

    /// Returns the content as typed maps for a history, where `previous` is the version before; none if the document has no
    /// history.
    fn content(&self, snapshot: &Snapshot, previous: Option<Previous<'_>>) -> Option<Content>;
}

/// Version of a document that another one follows, parts of which it may share.
#[derive(Clone, Copy)]
pub(crate) struct Previous<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) content: &'a Content,
}

/// Lookup of some type, behind functions.
pub(crate) struct LookupService {
    /// Media type of the request.
    pub(crate) accepts: MediaType,
    /// Place of the network map that it is about, among those beside the default one.
    map: Option<usize>,
    route: fn(&Resource, &Arc<LookupContext>, Option<usize>) -> Route,
    /// Decides whether the answer to a request depends on who asks.
    depends_on_client: fn(&[u8]) -> Result<bool, ProtocolError>,
    content: fn(&Question<'_>, &Snapshot, &Cancel) -> Result<Content, HttpError>,
}

/// Document of a network map beside the default one.
struct OfMap<D> {
    /// Place of the map among those beside the default one.
    map: usize,
    document: D,
}

/// Request to a lookup whose answer is followed.
pub(crate) struct Question<'a> {
    /// JSON of the request.
    pub(crate) input: &'a [u8],
    pub(crate) client: IpAddr,
    pub(crate) limits: &'a WorkLimits,
}

impl Catalogue {
    /// Creates the catalogue of the given resources.
    pub(super) fn new(resources: Vec<Resource>, base: Option<String>) -> Self {
        Self { resources, base: base.unwrap_or_default() }
    }

    /// URI of a resource in the directory.
    pub(super) fn uri(&self, resource: &Resource) -> String {
        format!("{}{}", self.base, resource.path)
    }

    /// Resources in the order of the list; documents are known by their position here.
    pub(crate) fn resources(&self) -> &[Resource] {
        &self.resources
    }
}

impl<D: Document> Document for OfMap<D> {
    fn render(&self, snapshot: &Snapshot, catalogue: &Catalogue) -> Vec<u8> {
        self.document.render(snapshot.of_map(Some(self.map)), catalogue)
    }

    fn is_unchanged(&self, previous: &Snapshot, next: &Snapshot, catalogue: &Catalogue) -> bool {
        self.document.is_unchanged(previous.of_map(Some(self.map)), next.of_map(Some(self.map)), catalogue)
    }

    fn values(&self, snapshot: &Snapshot) -> usize {
        self.document.values(snapshot.of_map(Some(self.map)))
    }

    fn content(&self, snapshot: &Snapshot, previous: Option<Previous<'_>>) -> Option<Content> {
        let of_map = |Previous { snapshot, content }| Previous { snapshot: snapshot.of_map(Some(self.map)), content };
        self.document.content(snapshot.of_map(Some(self.map)), previous.map(of_map))
    }
}

impl Resource {
    /// Implementation of a document; absent for a lookup.
    pub(crate) fn document(&self) -> Option<&dyn Document> {
        match &self.service {
            Service::Document(document) => Some(&**document),
            Service::Lookup(_) | Service::Separate(_) => None,
        }
    }
}

impl Entry {
    /// Creates an entry without capabilities.
    pub(super) fn plain(uses: Vec<Cow<'static, str>>) -> Self {
        Self { uses, capabilities: Box::new(|_| Capabilities::default()) }
    }
}

impl Service {
    /// Wraps a document.
    pub(super) fn document(document: impl Document) -> Self {
        Self::Document(Box::new(document))
    }

    /// Wraps a document of a network map.
    pub(super) fn document_of(scope: &Scope, document: impl Document) -> Self {
        match scope.place() {
            None => Self::document(document),
            Some(map) => Self::document(OfMap { map, document }),
        }
    }

    /// Wraps a lookup.
    pub(super) fn lookup<L: Lookup>() -> Self {
        Self::lookup_of::<L>(&Scope::default())
    }

    /// Wraps a lookup about a network map.
    pub(super) fn lookup_of<L: Lookup>(scope: &Scope) -> Self {
        let route = |resource: &Resource, context: &Arc<LookupContext>, map: Option<usize>| {
            let (context, media_type) = (Arc::clone(context), resource.media_type);
            Route::new(&resource.path, &*resource.id)
                .on(http::Method::POST, move |exchange| ask::<L>(Arc::clone(&context), (media_type, map), exchange))
        };
        let depends_on_client = |input: &[u8]| Ok(L::depends_on_client(&decode_request(input)?));
        let content = |question: &Question<'_>, snapshot: &Snapshot, cancel: &Cancel| {
            let (_, work) = L::weigh(decode_request(question.input)?, snapshot, question.limits)?;
            L::content(snapshot, work, question.client, cancel)
        };
        let (accepts, map) = (<L::Request as Message>::MEDIA_TYPE, scope.place());
        Self::Lookup(LookupService { accepts, map, route, depends_on_client, content })
    }
}

impl LookupService {
    /// Creates the route of the lookup that `resource` defines.
    pub(crate) fn route(&self, resource: &Resource, context: &Arc<LookupContext>) -> Route {
        (self.route)(resource, context, self.map)
    }

    /// Tells whether the answer to a request depends on who asks.
    pub(crate) fn depends_on_client(&self, input: &[u8]) -> Result<bool, ProtocolError> {
        (self.depends_on_client)(input)
    }

    /// Returns the answer to a question as typed maps for a history.
    pub(crate) fn content(
        &self,
        question: &Question<'_>,
        snapshot: &Snapshot,
        cancel: &Cancel,
    ) -> Result<Content, HttpError> {
        (self.content)(question, snapshot.of_map(self.map), cancel)
    }
}
