//! The `meta` of answers of costs, put together from parts that are written once for each view: a small answer is little
//! more than its `meta`.

use alto_types::{NoCostType, VersionTag};
use serde::Serialize;
use serde_json::value::RawValue;

use super::selection::{Selection, Shown};
use crate::published::Published;

/// The `meta` of an answer (RFC 7285 §11.2.3.6, §11.5.1.6; RFC 8189 §4.1.3).
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct CostMeta<'a> {
    /// The network map, where costs are keyed by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    dependent_vtags: Option<[&'a VersionTag; 1]>,
    cost_type: One<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_cost_types: Option<Vec<&'a RawValue>>,
    vtag: VersionTag,
}

/// The cost type, or none where there are several.
#[derive(Serialize)]
#[serde(untagged)]
enum One<'a> {
    Given(&'a RawValue),
    Several(NoCostType),
}

impl<'a> CostMeta<'a> {
    /// What an answer of the resource `id` says of the costs that are selected; `by_pid` says how they are keyed.
    pub(super) fn new(published: &'a Published, id: &str, selection: &Selection, by_pid: bool) -> Self {
        let wire = |column: &usize| published.cost_type(selection.columns[*column]);
        let (cost_type, multi_cost_types) = match &selection.shown {
            Shown::One(column) => (One::Given(wire(column)), None),
            Shown::Several(columns) => (One::Several(NoCostType), Some(columns.iter().map(wire).collect())),
        };
        let dependent_vtags = by_pid.then(|| [published.network_map_vtag()]);
        Self { dependent_vtags, cost_type, multi_cost_types, vtag: published.cost_vtag(id) }
    }
}
