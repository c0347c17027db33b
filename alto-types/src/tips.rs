//! The Transport Information Publication Service, TIPS (RFC 9569): requests for views and edges, and their answers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ProtocolError;
use crate::media_type::{MediaType, Message};
use crate::request::{Fields, Request};

/// A request for a view (RFC 9569 §6.1).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TipsRequest {
    /// ID of the resource; unchecked, because it has to be one of the service's in any case.
    pub resource_id: String,
    /// Tag of the version that the client has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Request of the resource, if that is asked with POST.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
}

/// A request for the next edge of a view (RFC 9569 §7.4.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EdgeRequest {
    /// ID of the resource of the view.
    pub resource_id: String,
    /// Tag of the version that the client has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// A view (RFC 9569 §6.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TipsView {
    /// Absolute URI of the view; absent in the patch that recommends an edge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tips_view_uri: Option<String>,
    /// State of the view.
    pub tips_view_summary: ViewSummary,
}

/// The state of a view (RFC 9569 §6.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ViewSummary {
    /// State of its graph.
    pub updates_graph_summary: UpdatesGraphSummary,
}

/// The state of an updates graph (RFC 9569 §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct UpdatesGraphSummary {
    /// Oldest version.
    pub start_seq: u64,
    /// Newest version.
    pub end_seq: u64,
    /// Edge to begin with.
    pub start_edge_rec: Edge,
}

/// An edge of an updates graph (RFC 9569 §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Edge {
    /// Version at its beginning; 0 for nothing.
    pub seq_i: u64,
    /// Version at its end.
    pub seq_j: u64,
}

impl Message for TipsRequest {
    const MEDIA_TYPE: MediaType = MediaType::TIPS_PARAMS;
}

impl Message for EdgeRequest {
    const MEDIA_TYPE: MediaType = MediaType::TIPS_PARAMS;
}

impl Message for TipsView {
    const MEDIA_TYPE: MediaType = MediaType::TIPS;
}

impl Request for TipsRequest {
    fn decode(fields: Fields<'_>) -> Result<Self, ProtocolError> {
        Ok(Self {
            resource_id: fields.string("resource-id")?,
            tag: fields.optional_string("tag")?.map(str::to_owned),
            input: fields.optional_object("input")?.and(fields.value("input")).map(Value::from),
        })
    }
}

impl Request for EdgeRequest {
    fn decode(fields: Fields<'_>) -> Result<Self, ProtocolError> {
        if let Some(input) = fields.value("input") {
            return Err(fields.invalid("input", &input.to_string()));
        }
        Ok(Self { resource_id: fields.string("resource-id")?, tag: fields.optional_string("tag")?.map(str::to_owned) })
    }
}
