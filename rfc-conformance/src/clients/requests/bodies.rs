//! Requirements on request bodies, by kind of resource.

use serde_json::Value;

use super::super::recording::Capture;
use super::super::requirements;
use super::super::scenario::PlayedScenario;
use super::names;
use crate::http::Exchange;
use crate::json;
use crate::mock_server::cost_query::Offer;
use crate::mock_server::resource::ResourceKind;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// Grades a request body.
pub(super) fn grade(
    body: &Value,
    capture: &Capture,
    kind: &ResourceKind,
    played: &PlayedScenario<'_>,
    sheet: &mut Sheet,
) {
    let exchange = capture.exchange();
    let mut view = View { body, exchange: &exchange, sheet };
    match kind {
        ResourceKind::FilteredNetworkMap(_) => {
            view.needs(requirements::FNM_PIDS, "/pids", Value::is_array, "an array `pids`, empty for all");
            view.pids("/pids");
            for kind in view.strings("/address-types") {
                names::address_type(&kind, &exchange, view.sheet);
            }
        }
        ResourceKind::FilteredCostMap(_, offer) => {
            view.needs(requirements::FCM_COST_TYPE, "/cost-type", Value::is_object, "an object `cost-type`");
            view.offered(requirements::FCM_OFFERED, requirements::FCM_DESCRIPTION, offer);
            view.constraints(requirements::FCM_CONSTRAINTS, offer, played);
            if body.get("pids").is_some() {
                for list in ["/pids/srcs", "/pids/dsts"] {
                    view.needs(requirements::FCM_PIDS, list, Value::is_array, "both `srcs` and `dsts`, empty for all");
                    view.pids(list);
                }
            }
        }
        ResourceKind::EndpointProperty(offered) => {
            for list in ["/properties", "/endpoints"] {
                view.needs(requirements::EPS_REQUEST, list, not_empty, "a list that is not empty");
            }
            for property in view.strings("/properties") {
                names::property(&property, &exchange, view.sheet);
                let entry = view.sheet.on(requirements::EPS_OFFERED);
                entry.saw(&exchange, 1, "property");
                if !offered.contains(&property) {
                    entry.fail(Finding::new(format!("one of {}", offered.join(", ")), property).from(&exchange));
                }
            }
            view.addresses("/endpoints");
        }
        ResourceKind::EndpointCost(offer) => {
            view.needs(requirements::ECS_REQUEST, "/cost-type", Value::is_object, "an object `cost-type`");
            view.needs(requirements::ECS_REQUEST, "/endpoints", Value::is_object, "an object `endpoints`");
            view.offered(requirements::ECS_OFFERED, requirements::ECS_DESCRIPTION, offer);
            view.constraints(requirements::ECS_CONSTRAINTS, offer, played);
            if body.get("endpoints").is_some() {
                let entry = view.sheet.on(requirements::ECS_ENDPOINTS);
                entry.saw(&exchange, 1, "request");
                if !["/endpoints/srcs", "/endpoints/dsts"].iter().any(|list| body.pointer(list).is_some_and(not_empty))
                {
                    entry.fail(Finding::new("`srcs` or `dsts` with an address", "none").from(&exchange));
                }
            }
            view.addresses("/endpoints/srcs");
            view.addresses("/endpoints/dsts");
        }
        // What concerns updates is graded with them; no scenario has property maps.
        ResourceKind::NetworkMap(_)
        | ResourceKind::CostMap(..)
        | ResourceKind::PropertyMap(_)
        | ResourceKind::FilteredPropertyMap(_)
        | ResourceKind::UpdateStream(_)
        | ResourceKind::Tips(_) => {}
    }
}

/// Returns whether a filter selects everything.
pub(super) fn asks_for_all(body: &[u8]) -> bool {
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else { return false };
    let empty = |value: Option<&Value>| value.is_none_or(|value| value.as_array().is_some_and(Vec::is_empty));
    let all = match body.get("pids") {
        None => body.contains_key("cost-type"),
        Some(Value::Object(lists)) => empty(lists.get("srcs")) && empty(lists.get("dsts")),
        list => empty(list),
    };
    all && empty(body.get("constraints")) && empty(body.get("address-types"))
}

fn not_empty(value: &Value) -> bool {
    value.as_array().is_some_and(|list| !list.is_empty())
}

/// Request body under examination.
struct View<'a> {
    body: &'a Value,
    exchange: &'a Exchange,
    sheet: &'a mut Sheet,
}

impl View<'_> {
    fn needs(&mut self, requirement: Requirement, pointer: &str, is_right: fn(&Value) -> bool, expected: &str) {
        let entry = self.sheet.on(requirement);
        entry.saw(self.exchange, 1, "request");
        let found = self.body.pointer(pointer);
        if !found.is_some_and(is_right) {
            let seen =
                found.map_or_else(|| format!("no {pointer}"), |found| format!("{} at {pointer}", json::brief(found)));
            entry.fail(Finding::new(expected, seen).from(self.exchange));
        }
    }

    /// Returns the strings of a list, without other elements.
    fn strings(&self, pointer: &str) -> Vec<String> {
        let list = self.body.pointer(pointer).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn pids(&mut self, pointer: &str) {
        for pid in self.strings(pointer) {
            names::pid(&pid, self.exchange, self.sheet);
        }
    }

    fn addresses(&mut self, pointer: &str) {
        for address in self.strings(pointer) {
            names::address(&address, self.exchange, self.sheet);
        }
    }

    fn offered(&mut self, offered: Requirement, description: Requirement, offer: &Offer) {
        let Some(cost_type) = self.body.get("cost-type").filter(|cost_type| cost_type.is_object()) else { return };
        for member in ["cost-metric", "cost-mode"] {
            let entry = self.sheet.on(requirements::COST_TYPE);
            entry.saw(self.exchange, 1, "cost type");
            if !cost_type.get(member).is_some_and(Value::is_string) {
                entry.fail(Finding::new(format!("a string `{member}`"), json::brief(cost_type)).from(self.exchange));
            }
        }
        let text = |member: &str| cost_type.get(member).and_then(Value::as_str).unwrap_or_default();
        let (metric, mode) = (text("cost-metric"), text("cost-mode"));
        names::metric(metric, self.exchange, self.sheet);
        names::mode(mode, self.exchange, self.sheet);
        let entry = self.sheet.on(offered);
        entry.saw(self.exchange, 1, "request");
        if !offer.cost_types.iter().any(|its| its.metric == metric && its.mode == mode) {
            let types: Vec<_> = offer.cost_types.iter().map(|its| format!("{} {}", its.mode, its.metric)).collect();
            let expected = format!("one of: {}", types.join(", "));
            entry.fail(Finding::new(expected, format!("{mode} {metric}")).from(self.exchange));
        }
        let entry = self.sheet.on(description);
        entry.saw(self.exchange, 1, "request");
        if cost_type.get("description").is_some() {
            entry.fail(Finding::new("no `description`", json::brief(cost_type)).from(self.exchange));
        }
    }

    fn constraints(&mut self, requirement: Requirement, offer: &Offer, played: &PlayedScenario<'_>) {
        let list = self.body.get("constraints");
        let sent = list.is_some_and(not_empty);
        let absent = [requirement, requirements::NO_CONSTRAINTS];
        // Where constraints may be sent, that none are shows nothing.
        let watched: &[Requirement] = match (offer.constraints, played.scenario.name) {
            (false, "unconstrained") => &absent,
            (false, _) => &absent[..1],
            (true, _) => &[],
        };
        for requirement in watched {
            let entry = self.sheet.on(*requirement);
            entry.saw(self.exchange, 1, "request");
            if sent {
                let seen = json::brief(list.unwrap_or(&Value::Null));
                entry.fail(Finding::new("no constraints, as none are supported", seen).from(self.exchange));
            }
        }
        for text in self.strings("/constraints") {
            let entry = self.sheet.on(requirements::CONSTRAINT_FORM);
            entry.saw(self.exchange, 1, "constraint");
            if !is_constraint(&text) {
                entry.fail(Finding::new("an operator, white space, a number", text).from(self.exchange));
            }
        }
    }
}

fn is_constraint(text: &str) -> bool {
    let Some((operator, number)) = text.split_once([' ', '\t']) else { return false };
    let number = number.trim_start_matches([' ', '\t']);
    matches!(operator, "gt" | "lt" | "ge" | "le" | "eq") && serde_json::from_str::<serde_json::Number>(number).is_ok()
}
