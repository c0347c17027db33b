//! Parameters of requests for streams, for changes to streams, and for views.

use serde_json::{Map, Value};

use super::Documents;
use crate::mock_server::error::AltoError;
use crate::mock_server::http::ReceivedRequest;
use crate::mock_server::resource::{Followed, ServedResource};

/// Resource that a request names, with the rest of what it says about it.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) resource: ServedResource,
    pub(super) input: Option<Value>,
    pub(super) tag: Option<String>,
    pub(super) patches: bool,
}

/// Parses a body that has to be an object.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, AltoError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(AltoError::Syntax("the body is not a JSON object".into())),
        Err(error) => Err(AltoError::Syntax(error.to_string())),
    }
}

/// Reads an object with a `resource-id`, which stands below a path.
pub(super) fn wanted(
    service: &dyn Documents,
    followed: &[Followed],
    members: &Map<String, Value>,
    path: &str,
    request: &ReceivedRequest,
) -> Result<Wanted, AltoError> {
    let place = |name: &str| format!("{path}{name}");
    let id = members.get("resource-id").ok_or_else(|| AltoError::MissingField(place("resource-id")))?;
    let id = id.as_str().ok_or_else(|| AltoError::InvalidFieldType(place("resource-id")))?;
    let unknown = || AltoError::value(place("resource-id"), &id.into());
    let Some(resource) = service.resource(id) else { return Err(unknown()) };
    if !followed.iter().any(|followed| followed.id == id) {
        return Err(unknown());
    }
    let input = members.get("input").cloned();
    if resource.kind.accepts().is_some() {
        // The error is that of the resource.
        service.document(None, resource, input.as_ref(), request.peer.ip())?;
    }
    Ok(Wanted {
        resource: resource.clone(),
        input: input.filter(|_| resource.kind.accepts().is_some()),
        tag: members.get("tag").and_then(Value::as_str).map(str::to_owned),
        patches: members.get("incremental-changes") != Some(&Value::Bool(false)),
    })
}

/// Reads the resources that a request adds, by substream.
pub(super) fn added(
    service: &dyn Documents,
    followed: &[Followed],
    members: &Map<String, Value>,
    request: &ReceivedRequest,
) -> Result<Vec<(String, Wanted)>, AltoError> {
    let Some(add) = members.get("add") else { return Ok(Vec::new()) };
    let add = add.as_object().ok_or_else(|| AltoError::InvalidFieldType("add".into()))?;
    let mut all = Vec::new();
    for (id, value) in add {
        let legal = |character: char| character.is_ascii_alphanumeric() || "-:@_".contains(character);
        if id.is_empty() || id.len() > 64 || !id.chars().all(legal) {
            return Err(AltoError::value("add", &id.as_str().into()));
        }
        let value = value.as_object().ok_or_else(|| AltoError::InvalidFieldType(format!("add/{id}")))?;
        all.push((id.clone(), wanted(service, followed, value, &format!("add/{id}/"), request)?));
    }
    Ok(all)
}
