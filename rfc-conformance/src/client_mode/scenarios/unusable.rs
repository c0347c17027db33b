//! Messages that are wrong in a way that no client may overlook.

use serde_json::{Value, json};

use super::super::rules;
use super::super::scenario::{Place, Scenario, Task};
use super::messages::members_of;
use super::{cost_map_task, costs_task, odd, property_task, rewritten};
use crate::stage::site::Site;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        odd(
            "cost-string",
            "A cost that is a string",
            rules::COSTS_ARE_NUMBERS,
            |place| bad_cost(place, &json!("5")),
            bad_cost_tasks,
        ),
        odd(
            "cost-null",
            "A cost that is null",
            rules::COSTS_ARE_NUMBERS,
            |place| bad_cost(place, &Value::Null),
            bad_cost_tasks,
        ),
        odd(
            "cost-array",
            "A cost that is an array",
            rules::COSTS_ARE_NUMBERS,
            |place| bad_cost(place, &json!([5])),
            bad_cost_tasks,
        ),
        odd("property-number", "A property that is a number", rules::PROPERTIES_ARE_STRINGS, bad_property, |site| {
            vec![property_task(site, rules::PROPERTIES_ARE_STRINGS, &["ipv4:192.0.2.7"]).refused()]
        }),
    ]
}

fn bad_cost(place: &Place, bad: &Value) -> Site {
    let bad = bad.clone();
    rewritten(place, move |_, _, message| {
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

fn bad_cost_tasks(site: &Site) -> Vec<Task> {
    vec![
        cost_map_task(site, rules::COSTS_ARE_NUMBERS).refused(),
        costs_task(site, rules::ENDPOINT_COSTS_ARE_NUMBERS).refused(),
    ]
}

fn bad_property(place: &Place) -> Site {
    rewritten(place, |_, _, message| {
        for properties in members_of(message.get_mut("endpoint-properties")) {
            members_of(Some(properties)).for_each(|value| *value = json!(7));
        }
    })
}
