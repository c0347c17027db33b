//! Scenarios with invalid messages that clients must reject.

use serde_json::{Value, json};

use super::super::requirements;
use super::super::scenario::{Deployment, Scenario};
use super::super::task::Task;
use super::messages::members_of;
use super::{cost_map_task, costs_task, property_task, scenario, with_rewritten_messages};
use crate::mock_server::service::Service;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario(
            "cost-string",
            "A cost that is a string",
            requirements::COSTS_ARE_NUMBERS,
            |deployment| bad_cost(deployment, &json!("5")),
            bad_cost_tasks,
        ),
        scenario(
            "cost-null",
            "A cost that is null",
            requirements::COSTS_ARE_NUMBERS,
            |deployment| bad_cost(deployment, &Value::Null),
            bad_cost_tasks,
        ),
        scenario(
            "cost-array",
            "A cost that is an array",
            requirements::COSTS_ARE_NUMBERS,
            |deployment| bad_cost(deployment, &json!([5])),
            bad_cost_tasks,
        ),
        scenario(
            "property-number",
            "A property that is a number",
            requirements::PROPERTIES_ARE_STRINGS,
            bad_property,
            |service| vec![property_task(service, requirements::PROPERTIES_ARE_STRINGS, &["ipv4:192.0.2.7"]).refused()],
        ),
    ]
}

fn bad_cost(deployment: &Deployment, bad: &Value) -> Service {
    let bad = bad.clone();
    with_rewritten_messages(deployment, move |_, _, message| {
        let spoil = |cell: Option<&mut Value>| {
            if let Some(cell) = cell {
                *cell = bad.clone();
            }
        };
        spoil(message.pointer_mut("/cost-map/pidA/pidC"));
        for row in members_of(message.get_mut("endpoint-cost-map")) {
            spoil(row.get_mut("ipv4:198.51.100.200"));
        }
    })
}

fn bad_cost_tasks(service: &Service) -> Vec<Task> {
    vec![
        cost_map_task(service, requirements::COSTS_ARE_NUMBERS).refused(),
        costs_task(service, requirements::ENDPOINT_COSTS_ARE_NUMBERS).refused(),
    ]
}

fn bad_property(deployment: &Deployment) -> Service {
    with_rewritten_messages(deployment, |_, _, message| {
        for properties in members_of(message.get_mut("endpoint-properties")) {
            members_of(Some(properties)).for_each(|value| *value = json!(7));
        }
    })
}
