//! What a service of updates can follow: the resources in its `uses`, with a request for those that are asked by POST.

use serde_json::{Map, Value, json};

use crate::context::{Context, post_request};
use crate::http::{Exchange, NoAnswer, Request};
use crate::subject::{Kind, Resource};
use std::sync::Arc;

/// Maximum number of services that are examined.
const MOST_SERVICES: usize = 4;
/// Maximum number of resources of a service that are followed.
const MOST_TARGETS: usize = 64;

/// A service, with the resources that it can follow.
pub(crate) struct Service<'a> {
    /// Entry of the service.
    pub(crate) resource: &'a Resource,
    /// Resources that can be followed, those that others depend on first.
    pub(crate) targets: Vec<Target<'a>>,
}

/// A resource that can be followed.
#[derive(Clone)]
pub(crate) struct Target<'a> {
    /// Resource itself.
    pub(crate) resource: &'a Resource,
    /// Request body, for a resource that is asked by POST.
    pub(crate) input: Option<Value>,
    /// Media types of patches that the service announces for the resource.
    pub(crate) patches: Vec<String>,
}

impl<'a> Service<'a> {
    /// Collects the services of a media type.
    pub(crate) fn all(context: &'a Context<'_>, media_type: &str) -> Result<Vec<Self>, NoAnswer> {
        let services = context.resources().filter(|resource| resource.media_type == media_type && resource.is_posted());
        services.take(MOST_SERVICES).map(|resource| Self::read(context, resource)).collect()
    }

    fn read(context: &'a Context<'_>, resource: &'a Resource) -> Result<Self, NoAnswer> {
        let announced = |id: &str| {
            let types = resource.entry.get("capabilities")?.get("incremental-change-media-types")?.get(id)?.as_str()?;
            Some(types.split(',').map(|text| text.trim().to_owned()).collect())
        };
        let mut targets = Vec::new();
        for id in resource.uses() {
            let Some(used) = context.subject.named(id).filter(|used| context.is_usable(used)) else { continue };
            // What is not one JSON object per answer is no target: RFC 9275 is not graded.
            if used.kind == Kind::Other || used.kind == Kind::Directory || targets.len() == MOST_TARGETS {
                continue;
            }
            let input = if used.is_posted() { context.valid_request(used)? } else { None };
            if used.is_posted() && input.is_none() {
                continue;
            }
            targets.push(Target { resource: used, input, patches: announced(id).unwrap_or_default() });
        }
        let depends = |target: &Target<'_>| !target.resource.uses().is_empty();
        targets.sort_by_key(depends);
        Ok(Self { resource, targets })
    }

    /// Returns a few targets of different kinds, small ones where there is a choice.
    pub(crate) fn some(&self, most: usize) -> Vec<&Target<'a>> {
        let mut chosen: Vec<&Target<'a>> = Vec::new();
        for target in &self.targets {
            let known = chosen.iter().filter(|other| other.resource.kind == target.resource.kind).count();
            if known < 1 && chosen.len() < most {
                chosen.push(target);
            }
        }
        chosen
    }

    /// Returns the first target of a kind.
    pub(crate) fn of(&self, kind: Kind) -> Option<&Target<'a>> {
        self.targets.iter().find(|target| target.resource.kind == kind)
    }

    /// Returns a target that is asked by GET and small: a network map, or else the first one.
    pub(crate) fn plain(&self) -> Option<&Target<'a>> {
        self.of(Kind::NetworkMap).or_else(|| self.targets.iter().find(|target| target.input.is_none()))
    }
}

impl Target<'_> {
    /// Returns the value of an `add` member for this resource.
    pub(crate) fn add(&self) -> Value {
        let mut members = Map::new();
        members.insert("resource-id".into(), self.resource.id.as_str().into());
        if let Some(input) = &self.input {
            members.insert("input".into(), input.clone());
        }
        members.into()
    }

    /// Returns the value of an `add` member with one more member.
    pub(crate) fn add_with(&self, name: &str, value: impl Into<Value>) -> Value {
        let mut add = self.add();
        add[name] = value.into();
        add
    }

    /// Requests the resource itself.
    pub(crate) fn fetch(&self, context: &Context<'_>) -> Result<Arc<Exchange>, NoAnswer> {
        match &self.input {
            Some(input) => context.post(self.resource, input),
            None => context.get(self.resource),
        }
    }

    /// Requests the resource itself with another body.
    pub(crate) fn post(&self, context: &Context<'_>, body: &Value) -> Result<Arc<Exchange>, NoAnswer> {
        let request: Request = post_request(self.resource, body.to_string());
        context.send(request)
    }
}

/// Returns inputs that a resource may refuse: none, one without members, and one whose members have wrong types.
pub(crate) fn bad_inputs(target: &Target<'_>) -> Vec<Option<Value>> {
    let spoiled = target.input.as_ref().and_then(Value::as_object).map(|members| {
        let mut members = members.clone();
        if let Some((_, value)) = members.iter_mut().next() {
            *value = json!(5);
        }
        Value::Object(members)
    });
    vec![None, Some(json!({})), spoiled]
}

/// Returns the body of a request for a stream.
pub(crate) fn adding(add: impl IntoIterator<Item = (String, Value)>) -> Value {
    json!({ "add": add.into_iter().collect::<Map<_, _>>() })
}
