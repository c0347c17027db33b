//! The matrix of costs in an answer: looked up, ranked in ordinal mode, and filtered.
//!
//! Cost maps and endpoint costs differ in their keys and in the source of a cost. What an answer keeps in memory while it
//! is being sent is this matrix, in eight bytes for a cost; its text is several times as long ([`super::text`]).

use alto_history::{Column, Costs, Keys, Unit};
use topo::{Metric, Value, dense_ranks};

use super::filter::Filter;
use super::kind::{CostKind, Mode};
use super::selection::Selection;
use crate::http::offload::{Abandoned, Cancel};

/// Number of pairs that are tested between two looks at whether the client still waits.
const PAIRS_BETWEEN_CHECKS: usize = 4096;

/// Looks up every pair, ranks the costs of ordinal types, then drops the pairs that fail the tests. `costs_into` makes the
/// function that finds the costs of one metric to one destination.
///
/// Ranks are among all requested pairs (RFC 7285 §6.1.2.2), and tests apply to the ranks, so that an answer to tests is a
/// part of the answer without them. An undefined value passes no test.
pub(in crate::resource) fn look_up<'d, K: AsRef<str>, T, F: Fn(&T) -> Option<Value>>(
    srcs: &[(K, T)],
    dsts: &'d [(K, T)],
    selection: Selection,
    costs_into: impl Fn(Metric, &'d T) -> F,
    cancel: &Cancel,
) -> Result<Costs, Abandoned> {
    let pairs = srcs.len() * dsts.len();
    let column = |kind: &CostKind| {
        let mut column = Column::undefined(Unit::Millionths, pairs);
        // By destination, which is the order of costs in a view and so the order that reads memory in sequence.
        for (place, (_, dst)) in dsts.iter().enumerate() {
            cancel.check()?;
            let cost_from = costs_into(kind.metric, dst);
            for (pair, (_, src)) in (place..).step_by(dsts.len()).zip(srcs) {
                if let Some(value) = cost_from(src) {
                    column.set(pair, value.micros());
                }
            }
        }
        if kind.mode == Mode::Ordinal {
            rank(&mut column, kind.metric);
        }
        Ok(column)
    };
    let mut columns: Vec<Column> = selection.columns.iter().map(column).collect::<Result<_, _>>()?;
    if let Some(filter) = &selection.filter {
        drop_failing(&mut columns, pairs, filter, cancel)?;
    }
    let names = |members: &[(K, T)]| Keys::of(members.iter().map(|(name, _)| name));
    Ok(Costs { sources: names(srcs), destinations: names(dsts), columns, shown: selection.shown })
}

/// Replaces amounts by their ranks.
fn rank(column: &mut Column, metric: Metric) {
    let amounts: Vec<Value> = column.defined().map(Value::from_micros).collect();
    let ranks = dense_ranks(metric, &amounts);
    column.replace_defined(Unit::Ranks, ranks.into_iter().map(u64::from));
}

/// Removes the costs of all pairs that fail the tests.
fn drop_failing(columns: &mut [Column], pairs: usize, filter: &Filter, cancel: &Cancel) -> Result<(), Abandoned> {
    for pair in 0..pairs {
        if pair % PAIRS_BETWEEN_CHECKS == 0 {
            cancel.check()?;
        }
        if !filter.admits(|column| number(&columns[column], pair)) {
            for column in &mut *columns {
                column.clear(pair);
            }
        }
    }
    Ok(())
}

/// Cost of a pair as tests see it.
#[expect(clippy::cast_precision_loss, reason = "ranks are numbers of pairs, far below 2^53")]
fn number(column: &Column, pair: usize) -> Option<f64> {
    column.get(pair).map(|number| match column.unit() {
        Unit::Millionths => Value::from_micros(number).as_f64(),
        Unit::Ranks => number as f64,
    })
}

/// A multi-cost filtered cost map with given data, which least-cost routes cannot produce.
#[cfg(test)]
mod tests {
    use alto_types::{CostSelection, FilteredCostMapRequest, decode_request};
    use serde_json::{Value as Json, json};

    use super::super::text::CostText;
    use super::*;
    use crate::resource::limits::WorkLimits;

    const PIDS: [&str; 3] = ["ams-core", "ber-edge", "mad-edge"];
    /// Routing cost, hop count and loss rate from the first two PIDs; `None` is undefined.
    const DATA: [[[Option<f64>; 3]; 3]; 2] = [
        [[Some(1.0), Some(1.0), Some(0.0)], [Some(7.0), Some(3.0), Some(0.02)], [Some(22.0), Some(5.0), Some(0.4)]],
        [[Some(7.0), Some(3.0), Some(0.02)], [Some(1.0), Some(1.0), Some(0.0)], [None, Some(6.0), Some(0.5)]],
    ];

    fn cost_type(metric: &str) -> Json {
        json!({"cost-mode": "numerical", "cost-metric": metric})
    }

    /// Answer to the request of the example with some members replaced.
    fn answer(members: &Json) -> Json {
        let mut request = json!({
            "multi-cost-types": [cost_type("routingcost"), cost_type("lossrate")],
            "pids": {"srcs": ["ams-core", "ber-edge"], "dsts": []},
        });
        for (name, value) in members.as_object().unwrap() {
            request[name] = value.clone();
        }
        let request: FilteredCostMapRequest = decode_request(request.to_string().as_bytes()).unwrap();
        matrix(&request.costs)
    }

    fn matrix(costs: &CostSelection) -> Json {
        let places = |count: usize| PIDS.into_iter().zip(0..).take(count).collect::<Vec<(&str, usize)>>();
        let micros = |number: f64| Value::from_micros(format!("{:.0}", number * 1e6).parse().unwrap());
        let costs_into = |metric: Metric, dst: &usize| {
            let place = match metric {
                Metric::RoutingCost => 0,
                Metric::HopCount => 1,
                _ => 2,
            };
            let dst = *dst;
            move |src: &usize| DATA[*src][dst][place].map(micros)
        };
        let limits = WorkLimits { list_entries: 10, pairs: 100 };
        let (selection, cancel) = (|| Selection::of(costs, &limits).unwrap(), Cancel::default());
        let (srcs, dsts) = (places(2), places(3));
        let matrix = || look_up(&srcs, &dsts, selection(), costs_into, &cancel).unwrap();
        let text = |length: usize| {
            let pieces = CostText::new(br#"{"costs":"#.to_vec(), matrix()).pieces(length);
            serde_json::from_slice::<Json>(&pieces.collect::<Vec<_>>().concat()).unwrap()["costs"].take()
        };
        let whole = text(usize::MAX);
        for length in [1, 10, 50] {
            assert_eq!(text(length), whole, "in pieces of {length}");
        }
        whole
    }

    #[test]
    fn pairs_are_filtered_by_costs_that_are_not_shown() {
        let selected = answer(&json!({
            "testable-cost-types": [cost_type("routingcost"), cost_type("hopcount")],
            "or-constraints": [["[0] lt 5"], ["[0] le 20", "[1] le 4"]],
        }));
        let expected = json!({
            "ams-core": {"ams-core": [1, 0], "ber-edge": [7, 0.02]},
            "ber-edge": {"ams-core": [7, 0.02], "ber-edge": [1, 0]},
        });
        assert_eq!(selected, expected);
    }

    #[test]
    fn undefined_costs_are_null_and_pass_no_test() {
        assert_eq!(answer(&json!({}))["ber-edge"]["mad-edge"], json!([null, 0.5]));
        let tested = answer(&json!({"constraints": ["[0] ge 0"]}));
        assert_eq!(tested["ber-edge"].get("mad-edge"), None);
        assert_eq!(tested["ams-core"]["mad-edge"], json!([22, 0.4]));
        // A pair without any value is left out.
        let only = answer(&json!({"multi-cost-types": [cost_type("routingcost")]}));
        assert_eq!(only["ber-edge"], json!({"ams-core": [7], "ber-edge": [1]}));
    }

    #[test]
    fn one_cost_can_be_filtered_by_another() {
        let request = json!({
            "cost-type": cost_type("lossrate"),
            "testable-cost-types": [cost_type("hopcount"), cost_type("routingcost")],
            "or-constraints": [["[0] ge 6"], ["[1] eq 22"]],
        });
        let request: FilteredCostMapRequest = decode_request(request.to_string().as_bytes()).unwrap();
        let expected = json!({"ams-core": {"mad-edge": 0.4}, "ber-edge": {"mad-edge": 0.5}});
        assert_eq!(matrix(&request.costs), expected);
    }
}
