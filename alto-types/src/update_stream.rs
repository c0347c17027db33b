//! Update streams (RFC 8895): requests for streams and for changes to them, and control events.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ProtocolError;
use crate::media_type::{MediaType, Message};
use crate::name::ResourceId;
use crate::request::{Fields, Request};

/// A request for an update stream (RFC 8895 §6.5), with at least one entry.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateStreamRequest {
    /// Resources by the ID of their substream, which has the format of a resource ID.
    pub add: Vec<(ResourceId, AddUpdate)>,
}

/// A change to an open stream (RFC 8895 §7.5).
#[derive(Clone, Debug, PartialEq)]
pub struct StreamControlRequest {
    /// Resources to add, by the ID of their substream.
    pub add: Vec<(ResourceId, AddUpdate)>,
    /// Substreams to end; an empty list ends all of them.
    pub remove: Option<Vec<String>>,
}

/// A resource in a request for updates (RFC 8895 §6.5).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AddUpdate {
    /// ID of the resource; unchecked, because it has to be one of the service's in any case.
    pub resource_id: String,
    /// Tag of the version that the client has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Whether patches may be sent.
    pub incremental_changes: bool,
    /// Request of the resource, if that is asked with POST.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
}

/// A control event (RFC 8895 §5.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ControlEvent {
    /// URI for changes to the stream, relative to that of the stream; only in its first event, where null says that there
    /// is none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub control_uri: Option<Option<String>>,
    /// Substreams whose updates begin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub started: Vec<String>,
    /// Substreams whose updates end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stopped: Vec<String>,
    /// Reason for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Deserialises a member that differs from an absent one even if it is null.
#[expect(clippy::option_option, reason = "absent, null and a text differ")]
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Message for UpdateStreamRequest {
    const MEDIA_TYPE: MediaType = MediaType::UPDATE_STREAM_PARAMS;
}

impl Message for StreamControlRequest {
    const MEDIA_TYPE: MediaType = MediaType::UPDATE_STREAM_PARAMS;
}

impl Message for ControlEvent {
    const MEDIA_TYPE: MediaType = MediaType::UPDATE_STREAM_CONTROL;
}

impl Request for UpdateStreamRequest {
    fn decode(fields: Fields<'_>) -> Result<Self, ProtocolError> {
        let add = add(&fields)?;
        // A list of substreams to end is ignored (§6.5).
        if add.is_empty() { Err(ProtocolError::MissingField("add".to_owned())) } else { Ok(Self { add }) }
    }
}

impl Request for StreamControlRequest {
    fn decode(fields: Fields<'_>) -> Result<Self, ProtocolError> {
        let add = add(&fields)?;
        let remove = fields.strings_if_present("remove")?;
        let remove = remove.map(|list| list.into_iter().map(str::to_owned).collect::<Vec<_>>());
        match &remove {
            None if add.is_empty() => return Err(ProtocolError::MissingField("add".to_owned())),
            Some(remove) if remove.is_empty() && !add.is_empty() => return Err(fields.invalid("remove", "[]")),
            _ => {}
        }
        Ok(Self { add, remove })
    }
}

fn add(fields: &Fields<'_>) -> Result<Vec<(ResourceId, AddUpdate)>, ProtocolError> {
    let entry = |(key, entry): (&str, Fields<'_>)| {
        let id = key.parse().map_err(|_| fields.invalid("add", key))?;
        let update = AddUpdate {
            resource_id: entry.string("resource-id")?,
            tag: entry.optional_string("tag")?.map(str::to_owned),
            incremental_changes: entry.optional_bool("incremental-changes")?.unwrap_or(true),
            input: entry.optional_object("input")?.and(entry.value("input")).map(Value::from),
        };
        Ok((id, update))
    };
    fields.optional_entries("add")?.unwrap_or_default().into_iter().map(entry).collect()
}
