//! A TIPS view (RFC 9569) as a client sees it: its summary, its edges, and the documents that follow from them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::patch;
use super::target::Target;
use super::{JSON_PATCH, MERGE_PATCH, TIPS, TIPS_PARAMS};
use crate::context::Context;
use crate::http::{Exchange, NoAnswer, Pending, Request};
use crate::subject::Resource;

/// A view that was opened.
#[derive(Clone)]
pub(crate) struct View<'a> {
    pub(crate) target: Target<'a>,
    /// Absolute URI of the view.
    pub(crate) uri: String,
    pub(crate) summary: Summary,
    /// Answer to the request that opened it.
    pub(crate) opened: Arc<Exchange>,
}

/// Summary of an updates graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Recommended edge.
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Summary {
    /// Reads a summary from an answer that opens a view or recommends an edge.
    pub(crate) fn read(message: &Value) -> Option<Self> {
        let summary = message.pointer("/tips-view-summary/updates-graph-summary")?;
        let number = |pointer: &str| summary.pointer(pointer)?.as_u64();
        Some(Self {
            start: number("/start-seq")?,
            end: number("/end-seq")?,
            from: number("/start-edge-rec/seq-i")?,
            to: number("/start-edge-rec/seq-j")?,
        })
    }

    /// Tests whether the numbers can belong to a graph.
    pub(crate) fn is_possible(&self) -> bool {
        self.start >= 1 && self.start <= self.end && self.from < self.to
    }
}

/// Creates the request for a view.
pub(crate) fn request(service: &Resource, body: &Value) -> Request {
    Request::post(&service.uri, TIPS_PARAMS, body.to_string()).with("Accept", &format!("{TIPS},{ERROR}"))
}

const ERROR: &str = "application/alto-error+json";

impl<'a> View<'a> {
    /// Opens a view; an inner error is an answer without a view.
    pub(crate) fn open(
        context: &Context<'_>,
        service: &Resource,
        target: &Target<'a>,
        tag: Option<&str>,
    ) -> Result<Result<Self, Arc<Exchange>>, NoAnswer> {
        let body = tag.map_or_else(|| target.add(), |tag| target.add_with("tag", tag));
        let opened = context.send(request(service, &body))?;
        let view = || {
            let message = opened.value().filter(|_| opened.answer.status == 200)?;
            let uri = message.get("tips-view-uri")?.as_str()?.trim_end_matches('/').to_owned();
            let summary = Summary::read(message)?;
            Some(Self { target: target.clone(), uri, summary, opened: Arc::clone(&opened) })
        };
        Ok(view().ok_or(opened))
    }

    /// Returns the request for an edge.
    pub(crate) fn request(&self, from: u64, to: u64) -> Request {
        let accept = format!("{},{MERGE_PATCH},{JSON_PATCH},{ERROR}", self.target.resource.media_type);
        Request::get(&format!("{}/ug/{from}/{to}", self.uri)).with("Accept", &accept)
    }

    /// Requests an edge that exists, or that is refused at once.
    pub(crate) fn edge(&self, context: &Context<'_>, from: u64, to: u64) -> Result<Arc<Exchange>, NoAnswer> {
        context.send(self.request(from, to))
    }

    /// Requests an edge that may not exist yet.
    pub(crate) fn poll(&self, context: &Context<'_>, from: u64, to: u64) -> Result<Pending, NoAnswer> {
        context.client.begin(&self.request(from, to))
    }

    /// Asks which edge to begin with.
    pub(crate) fn recommend(&self, context: &Context<'_>, tag: Option<&str>) -> Result<Arc<Exchange>, NoAnswer> {
        let mut body = json!({ "resource-id": self.target.resource.id });
        if let Some(tag) = tag {
            body["tag"] = tag.into();
        }
        let request = Request::post(&format!("{}/ug", self.uri), TIPS_PARAMS, body.to_string());
        context.send(request.with("Accept", &format!("{MERGE_PATCH},{ERROR}")))
    }

    /// Applies an edge to a document; the error says what is wrong with the edge.
    pub(crate) fn apply(&self, document: Option<Value>, edge: &Exchange) -> Result<Value, String> {
        let message = edge.document().map_err(ToString::to_string)?.value.clone();
        let media_type = edge.answer.media_type().map(|media_type| media_type.essence).unwrap_or_default();
        match (media_type.as_str(), document) {
            (full, _) if full == self.target.resource.media_type => Ok(message),
            (MERGE_PATCH, Some(mut document)) => {
                patch::merge(&mut document, &message);
                Ok(document)
            }
            (JSON_PATCH, Some(mut document)) => {
                patch::apply(&mut document, &message).map_err(|unfit| unfit.to_string())?;
                Ok(document)
            }
            (other, _) => Err(format!("media type {other}")),
        }
    }
}
