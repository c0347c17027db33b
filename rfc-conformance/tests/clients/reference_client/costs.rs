//! Determination of costs from maps, filtered maps and the endpoint cost service.

use std::collections::HashSet;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::super::fault::Fault;
use super::{COST_MAP, CostSource, Entry, Failed, Run};

impl Run<'_> {
    pub(super) fn cost_map(&mut self, map: Option<&str>, cost_type: &(String, String)) -> Failed<Value> {
        self.discover()?;
        let map = map.map(str::to_owned).or_else(|| self.default_map.clone()).ok_or("no default map")?;
        let fits = |entry: &Entry, cost_type: &(String, String)| {
            entry.media_type == COST_MAP
                && entry.accepts.is_none()
                && entry.uses == [map.clone()]
                && entry.cost_types == std::slice::from_ref(cost_type)
        };
        let entry = self.entry(|entry| fits(entry, cost_type));
        // Ranks can be made from numbers, and are better than nothing where there are no numbers.
        let other = (cost_type.0.clone(), if cost_type.1 == "ordinal" { "numerical" } else { "ordinal" }.to_owned());
        let entry = entry.or_else(|_| self.entry(|entry| fits(entry, &other)))?;
        if self.is(Fault::NeverRefreshes) && self.client.kept.contains_key(&entry.uri) {
            return Ok(self.client.kept[&entry.uri].clone());
        }
        if self.is(Fault::AsksForAllByFilter) {
            let filter = self.entry(|entry| entry.media_type == COST_MAP && entry.accepts.is_some())?;
            return self.fetch(&filter, Some(&json!({ "cost-type": json_of(cost_type) })));
        }
        let mut costs = self.fetch(&entry, None)?;
        if self.is(Fault::AsksTwice) {
            costs = self.fetch(&entry, None)?;
        }
        self.check_costs(&costs["cost-map"], &entry.cost_types[0])?;
        self.client.kept.insert(entry.uri, costs.clone());
        Ok(costs)
    }

    /// Returns an error if a cost is not a number.
    pub(super) fn check_costs(&self, rows: &Value, cost_type: &(String, String)) -> Failed<()> {
        let mut ranks = HashSet::new();
        for (_, row) in rows.as_object().ok_or("no costs")? {
            for (_, cost) in row.as_object().ok_or("a row is not an object")? {
                if !cost.is_number() && !self.is(Fault::LenientCosts) {
                    return Err(format!("{cost} is no cost"));
                }
                let strict = self.is(Fault::StrictRanks) && cost_type.1 == "ordinal";
                if strict && (!ranks.insert(cost.to_string()) || cost == 0) {
                    return Err(format!("{cost} is no rank"));
                }
            }
        }
        Ok(())
    }

    pub(super) fn costs(
        &mut self,
        cost_type: &(String, String),
        from: &str,
        to: &[String],
        most: Option<String>,
    ) -> Failed<Value> {
        let most: Option<f64> = most.and_then(|most| most.parse().ok());
        let mut row = match self.client.source {
            CostSource::Service => self.costs_by_service(cost_type, from, to, most)?,
            _ => self.costs_by_maps(cost_type, from, to)?,
        };
        row.retain(|_, cost| most.is_none_or(|most| cost.as_f64().is_some_and(|cost| cost <= most)));
        Ok(row.into())
    }

    fn costs_by_maps(&mut self, cost_type: &(String, String), from: &str, to: &[String]) -> Failed<Map<String, Value>> {
        for _ in 0..3 {
            let map = self.map(None)?;
            let source = self.pid_of(&map, from).ok_or("no PID")?;
            let pids: Vec<_> = to.iter().filter_map(|to| Some((to.clone(), self.pid_of(&map, to)?))).collect();
            let costs = if self.client.source == CostSource::Filters {
                self.filtered_costs(cost_type, &source, &pids)?
            } else {
                self.cost_map(None, cost_type)?
            };
            let (tag, used) = (&map["meta"]["vtag"], &costs["meta"]["dependent-vtags"][0]);
            let same = match self.fault {
                Some(Fault::IgnoresTags) => true,
                Some(Fault::TagsWithoutIds) => tag["tag"] == used["tag"],
                _ => tag["tag"] == used["tag"] && tag["resource-id"] == used["resource-id"],
            };
            if !same {
                continue;
            }
            let mut row = Map::new();
            for (address, pid) in pids {
                match costs["cost-map"].get(&source).and_then(|row| row.get(&pid)) {
                    Some(cost) => drop(row.insert(address, cost.clone())),
                    None if self.is(Fault::MissingCostsAreZero) => drop(row.insert(address, json!(0))),
                    None => {}
                }
            }
            return Ok(row);
        }
        Err("the maps do not fit together".into())
    }

    fn filtered_costs(
        &mut self,
        cost_type: &(String, String),
        source: &str,
        pids: &[(String, String)],
    ) -> Failed<Value> {
        let offers = |entry: &Entry| entry.media_type == COST_MAP && entry.accepts.is_some();
        let entry = self.entry(|entry| offers(entry) && entry.cost_types.contains(cost_type))?;
        let destinations: Vec<_> = pids.iter().map(|(_, pid)| pid.clone()).collect();
        let mut body = json!({ "cost-type": json_of(cost_type), "pids": { "srcs": [source], "dsts": destinations } });
        self.inject_fault(&mut body);
        let costs = self.fetch(&entry, Some(&body))?;
        self.check_costs(&costs["cost-map"], cost_type)?;
        Ok(costs)
    }

    /// Injects the client's fault into a cost request.
    fn inject_fault(&self, body: &mut Value) {
        match self.fault {
            Some(Fault::AsksUnoffered) => {
                body["cost-type"] = json!({ "cost-mode": "numerical", "cost-metric": "hopcount" });
            }
            Some(Fault::BareMetric) => body["cost-type"] = json!({ "cost-mode": "a.b", "cost-metric": "priv:" }),
            Some(Fault::LongNames) => {
                let long = "x".repeat(33);
                body["cost-type"] = json!({ "cost-mode": long, "cost-metric": format!("{long}.@") });
            }
            Some(Fault::DescribesCostTypes) => body["cost-type"]["description"] = json!("costs"),
            Some(Fault::ConstraintsAlways) => body["constraints"] = json!(["ge 0"]),
            Some(Fault::SpacedConstraints) => body["constraints"] = json!(["ge0"]),
            Some(Fault::OmitsDestinations) if body["pids"].is_object() => {
                body["pids"].as_object_mut().unwrap().remove("dsts");
            }
            Some(Fault::MissingCostType) => {
                body.as_object_mut().unwrap().remove("cost-type");
            }
            Some(Fault::EmptyEndpoints) if body["endpoints"].is_object() => body["endpoints"] = json!({ "srcs": [] }),
            _ => {}
        }
    }

    fn costs_by_service(
        &mut self,
        cost_type: &(String, String),
        from: &str,
        to: &[String],
        most: Option<f64>,
    ) -> Failed<Map<String, Value>> {
        self.discover()?;
        let service = |entry: &Entry| entry.media_type == "application/alto-endpointcost+json";
        // Where nothing is left out, a service without constraints will do as well.
        let entry = self.entry(|entry| {
            service(entry) && entry.cost_types.contains(cost_type) && (entry.constraints == most.is_some())
        });
        let entry = entry.or_else(|_| self.entry(|entry| service(entry) && entry.cost_types.contains(cost_type)));
        let other = (cost_type.0.clone(), if cost_type.1 == "ordinal" { "numerical" } else { "ordinal" }.to_owned());
        let (entry, cost_type) = match entry {
            Ok(entry) => (entry, cost_type.clone()),
            Err(_) => (self.entry(|entry| service(entry) && entry.cost_types.contains(&other))?, other),
        };
        let mut body = json!({ "cost-type": json_of(&cost_type), "endpoints": { "srcs": [from], "dsts": to } });
        if let Some(most) = most.filter(|_| entry.constraints) {
            body["constraints"] = json!([format!("le {most}")]);
        }
        match self.fault {
            Some(Fault::OmitsAddressTypes) => body["endpoints"]["srcs"] = json!(["192.0.2.1"]),
            Some(Fault::LeadingZeros) => body["endpoints"]["srcs"] = json!(["ipv4:192.0.2.001"]),
            _ => {}
        }
        self.inject_fault(&mut body);
        let costs = self.fetch(&entry, Some(&body))?;
        let rows = &costs["endpoint-cost-map"];
        self.check_costs(rows, &cost_type)?;
        let by_value = |key: &str| if self.is(Fault::ComparesKeysAsText) { None } else { address(key) };
        let same = |a: &str, b: &str| a == b || (by_value(a).is_some() && by_value(a) == by_value(b));
        let Some((_, row)) = rows.as_object().into_iter().flatten().find(|(key, _)| same(key, from)) else {
            return Ok(Map::new());
        };
        let row = row.as_object().into_iter().flatten();
        let named = row.filter_map(|(key, cost)| Some((to.iter().find(|to| same(key, to))?.clone(), cost.clone())));
        Ok(named.collect())
    }
}

fn json_of((metric, mode): &(String, String)) -> Value {
    json!({ "cost-metric": metric, "cost-mode": mode })
}

fn address(text: &str) -> Option<IpAddr> {
    text.split_once(':')?.1.parse().ok()
}
