//! The `meta` of cost answers, composed of parts that are serialized once per snapshot.

use alto_history::{Key, Meta, Shown};
use alto_types::{NoCostType, VersionTag};
use serde::Serialize;
use serde_json::value::RawValue;

use super::selection::Selection;
use crate::resource::json::{append, to_bytes, version};
use crate::state::snapshot::Snapshot;

/// `meta` of a cost answer (RFC 7285 §11.2.3.6, §11.5.1.6; RFC 8189 §4.1.3).
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::resource) struct CostMeta<'a> {
    /// Network map that the costs are keyed by; absent if they are keyed by endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    dependent_vtags: Option<[&'a VersionTag; 1]>,
    cost_type: One<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_cost_types: Option<Vec<&'a RawValue>>,
    vtag: VersionTag,
}

/// Cost type of the answer, or its empty placeholder in a multi-cost answer (RFC 8189 §4.1.3).
#[derive(Serialize)]
#[serde(untagged)]
enum One<'a> {
    Given(&'a RawValue),
    Multi(NoCostType),
}

impl<'a> CostMeta<'a> {
    /// Describes the selected costs in an answer of the resource `id`, keyed by PID or by endpoint.
    pub(in crate::resource) fn new(snapshot: &'a Snapshot, id: &str, selection: &Selection, by_pid: bool) -> Self {
        let wire = |column: &usize| snapshot.cost_type(selection.columns[*column]);
        let (cost_type, multi_cost_types) = match &selection.shown {
            Shown::One(column) => (One::Given(wire(column)), None),
            Shown::Multi(columns) => (One::Multi(NoCostType), Some(columns.iter().map(wire).collect())),
        };
        let dependent_vtags = by_pid.then(|| [snapshot.network_map_vtag()]);
        Self { dependent_vtags, cost_type, multi_cost_types, vtag: snapshot.cost_vtag(id) }
    }

    /// Converts to the `meta` of a version in a history.
    pub(in crate::resource) fn into_meta(self) -> Meta {
        let mut members = Vec::with_capacity(3);
        if let Some(vtags) = &self.dependent_vtags {
            members.push((Key::new("dependent-vtags"), to_bytes(vtags).into()));
        }
        members.push((Key::new("cost-type"), to_bytes(&self.cost_type).into()));
        if let Some(types) = &self.multi_cost_types {
            members.push((Key::new("multi-cost-types"), to_bytes(types).into()));
        }
        Meta { members, vtag: Some(version(&self.vtag)) }
    }

    /// Writes the begin of the answer: this `meta`, and the name of the `member` with the costs.
    pub(in crate::resource) fn into_head(self, member: &str) -> Vec<u8> {
        let mut out = br#"{"meta":"#.to_vec();
        append(&mut out, &self);
        out.extend_from_slice(b",\"");
        out.extend_from_slice(member.as_bytes());
        out.extend_from_slice(b"\":");
        out
    }
}
