//! Variants of the reference server for RFC 8189 and RFC 9439.

use rfc_conformance::mock_server::cost_query::Offer;
use rfc_conformance::mock_server::cost_type::ServedCostType;
use rfc_conformance::mock_server::resource::{RequestTarget, ResourceKind, ServedResource};
use serde_json::{Value, json};

use super::server::Reference;

/// Returns the name of a cost type in the directory.
pub(crate) fn name_of(cost_type: &ServedCostType) -> String {
    match (cost_type.metric.as_str(), cost_type.mode.as_str()) {
        ("routingcost", "numerical") => "num-routing".to_owned(),
        ("routingcost", _) => "ord-routing".to_owned(),
        (metric, mode) => format!("{}-{}", &mode[..3], metric.replace([':', '.'], "-")),
    }
}

/// Metrics with numerical costs for all pairs.
const METRICS: [&str; 18] = [
    "bw-available",
    "bw-available:cur",
    "bw-residual",
    "bw-residual:cur",
    "delay-ow",
    "delay-ow:max",
    "delay-ow:mean",
    "delay-ow:median",
    "delay-ow:min",
    "delay-ow:p95",
    "delay-ow:p99.9",
    "delay-ow:stddev",
    "delay-rt",
    "delay-rt:mean",
    "delay-variation",
    "hopcount",
    "lossrate",
    "tput",
];

/// Time of the last change of the costs (Last-Modified).
const SINCE: &str = "Sun, 06 Nov 2022 08:49:37 GMT";

impl Reference {
    /// One filter that takes constraints on every cost type, one service with a list of those it takes them on, and one
    /// that takes none.
    pub(crate) fn offer_several(&mut self) {
        let numbers = ["hopcount", "delay-ow", "bw-residual"].map(|metric| ServedCostType::new(metric, "numerical"));
        let types: Vec<_> =
            [ServedCostType::numerical(), ServedCostType::ordinal()].into_iter().chain(numbers).collect();
        self.offer_types(&types);
        let testable = vec![ServedCostType::numerical(), ServedCostType::new("bw-residual", "numerical")];
        *self.offer("fcm-a") =
            Offer { cost_types: types.clone(), constraints: true, max_cost_types: 2, testable: Vec::new() };
        *self.offer("ecs") = Offer { cost_types: types, constraints: false, max_cost_types: 3, testable };
        self.offer("ecs-nc").max_cost_types = 1;
    }

    /// Offers every metric with some statistics and its cost source, between PIDs and endpoints.
    pub(crate) fn offer_metrics(&mut self) {
        let numbers = METRICS.map(|metric| ServedCostType::new(metric, "numerical"));
        let ranks = ["delay-ow", "bw-available"].map(|metric| ServedCostType::new(metric, "ordinal"));
        let routing = [ServedCostType::numerical(), ServedCostType::ordinal()];
        let types: Vec<_> = routing.into_iter().chain(ranks.clone()).chain(numbers).collect();
        self.offer_types(&types);
        for id in ["fcm-a", "ecs"] {
            *self.offer(id) =
                Offer { cost_types: types.clone(), constraints: false, max_cost_types: 4, testable: Vec::new() };
        }
        let bandwidth = ServedCostType::new("bw-available", "numerical");
        let maps = [("cm-a-bw", bandwidth), ("cm-a-bw-ord", ranks[1].clone()), ("cm-a-delay-ord", ranks[0].clone())];
        for (id, cost_type) in maps {
            let path = format!("/costs/{id}");
            self.service.directories[0].entries.push((id.to_owned(), path.clone()));
            self.service.resources.push(ServedResource {
                id: id.to_owned(),
                path,
                kind: ResourceKind::CostMap("nm-a".to_owned(), cost_type),
            });
        }
        self.rewrite_messages(|found, _, message| {
            let types = match found {
                RequestTarget::Directory(_) => message.pointer_mut("/meta/cost-types"),
                RequestTarget::Resource(_) => message.pointer_mut("/meta/multi-cost-types"),
            };
            match types {
                Some(Value::Object(types)) => types.values_mut().for_each(add_context),
                Some(Value::Array(types)) => types.iter_mut().for_each(add_context),
                _ => {}
            }
            if let Some(cost_type) = message.pointer_mut("/meta/cost-type") {
                add_context(cost_type);
            }
        });
    }

    /// Restricts constraints to some cost types of one service, and takes none at another.
    pub(crate) fn offer_testable(&mut self) {
        let testable = vec![ServedCostType::numerical(), ServedCostType::new("bw-residual", "numerical")];
        let ecs = self.offer("ecs");
        ecs.testable = testable;
        self.offer("fcm-a").constraints = true;
        self.offer("ecs-nc").max_cost_types = 1;
    }

    /// Adds cost types to the root directory, with their costs and modification time.
    fn offer_types(&mut self, types: &[ServedCostType]) {
        self.service.network = self.service.network.clone().with_metrics();
        let named = types.iter().map(|cost_type| (name_of(cost_type), cost_type.clone()));
        self.service.directories[0].cost_types = named.collect();
        self.after(|found, _, answer| {
            let kind = match found {
                Some(RequestTarget::Resource(resource)) => Some(&resource.kind),
                _ => None,
            };
            let costs = matches!(
                kind,
                Some(ResourceKind::CostMap(..) | ResourceKind::FilteredCostMap(..) | ResourceKind::EndpointCost(_))
            );
            if costs && answer.status == 200 {
                answer.set("Last-Modified", SINCE);
            }
        });
    }

    /// Changes the costs of a metric.
    pub(crate) fn costs(&mut self, metric: &str, change: impl Fn(f64) -> f64) {
        let costs = self.service.network.maps[0].metrics.get_mut(metric).expect("the fixture has it");
        for cost in costs.values_mut() {
            *cost = change(*cost);
        }
    }

    /// Changes the definitions of a metric's cost types in the root directory.
    pub(crate) fn cost_types(&mut self, metric: &'static str, change: fn(&mut Value)) {
        self.of("root", move |message| {
            for (_, cost_type) in message["meta"]["cost-types"].as_object_mut().into_iter().flatten() {
                if cost_type["cost-metric"] == metric {
                    change(cost_type);
                }
            }
        });
    }
}

/// Adds a cost context with a source to a cost type.
fn add_context(cost_type: &mut Value) {
    let Some(metric) = cost_type.get("cost-metric").and_then(Value::as_str) else { return };
    let estimated = |parameters: Value| json!({ "cost-source": "estimation", "parameters": parameters });
    let registered = |name: &str| {
        let uri = format!("https://www.iana.org/assignments/performance-metrics/{name}");
        estimated(json!({ "registered-metric": uri }))
    };
    let context = match metric {
        "routingcost" => json!({ "cost-source": "estimation" }),
        "delay-ow:p95" => json!({ "cost-source": "sla", "parameters": { "link": "https://isp.example/sla/gold" } }),
        "delay-ow:mean" => registered("OWDelay_Active_IP-UDP-Poisson-Payload250B_RFC8912sec7_Seconds_Mean"),
        "delay-rt:mean" => registered("RTDelay_Active_IP-UDP-Periodic_RFC8912sec4_Seconds_Mean"),
        "delay-variation" => registered("OWPDV_Active_IP-UDP-Periodic_RFC8912sec5_Seconds"),
        "lossrate" => registered("OWLoss_Active_IP-UDP-Periodic_RFC8912sec8_Percent_LossRatio"),
        "hopcount" => estimated(json!({ "hop": "router" })),
        "tput" => estimated(json!({
            "congestion-control-algorithm": "https://www.rfc-editor.org/info/rfc9438",
            "method": "model"
        })),
        "bw-residual" | "bw-residual:cur" => return,
        _ => estimated(json!({ "method": "twamp", "window-seconds": 600 })),
    };
    cost_type["cost-context"] = context;
}
