//! The route between every two hosts in JSON, exactly as costs are computed, for programs that build the same network.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::ser::Serializer;
use topo::{Metric, Route, View};

/// Route in JSON.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ExportedRoute {
    pub(crate) source: String,
    pub(crate) destination: String,
    /// All nodes on the way, both hosts included.
    pub(crate) path: Vec<String>,
    /// Links between them, by their positions in the topology file, from 0.
    links: Vec<u32>,
    #[serde(flatten)]
    values: MetricValues,
    /// Further routes, best first, if they were requested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) alternatives: Vec<Vec<String>>,
}

/// Values of a route by metric, without metrics that a single route has no value of.
struct MetricValues(Vec<(Metric, f64)>);

/// Exports the routes between all hosts.
pub(crate) fn all(view: &View) -> Vec<ExportedRoute> {
    view.routes().map(|route| ExportedRoute::from(&route)).collect()
}

impl From<&Route> for ExportedRoute {
    fn from(route: &Route) -> Self {
        let path: Vec<String> = route.nodes().iter().map(ToString::to_string).collect();
        let value = |metric| Some((metric, route.value(metric)?.as_f64()));
        Self {
            source: path.first().cloned().unwrap_or_default(),
            destination: path.last().cloned().unwrap_or_default(),
            values: MetricValues(Metric::ALL.into_iter().filter_map(value).collect()),
            path,
            links: route.links().to_vec(),
            alternatives: Vec::new(),
        }
    }
}

impl Serialize for MetricValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(metric, value)| (metric.name(), value)))
    }
}

impl JsonSchema for MetricValues {
    fn schema_name() -> Cow<'static, str> {
        "MetricValues".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let metric = |metric: Metric| (metric.name().to_owned(), serde_json::json!({"type": "number"}));
        let metrics: serde_json::Map<_, _> = Metric::ALL.into_iter().map(metric).collect();
        json_schema!({"type": "object", "properties": metrics})
    }
}
