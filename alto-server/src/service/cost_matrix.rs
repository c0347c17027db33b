//! Costs of sources times destinations, as they are put into an answer: ranked if asked, selected, and written.
//!
//! The PID-based and the endpoint-based services differ only in their keys and in where a cost comes from; requests for
//! one cost and for several (RFC 8189) only in what is written for a pair.

use topo::{Metric, Value, dense_ranks};

use super::append;
use super::cost_type::{CostKind, Mode};
use super::selection::{Selection, Shown};

/// The data member of a cost answer: source key to destination key to cost.
pub(super) struct CostMatrix<K> {
    srcs: Vec<K>,
    dsts: Vec<K>,
    /// For every cost that was looked up, row by row; what is undefined is absent, and so is what is not shown as its
    /// pair fails the tests.
    columns: Vec<Vec<Option<Cell>>>,
    shown: Shown,
}

/// One cost of an answer.
#[derive(Clone, Copy)]
enum Cell {
    Amount(Value),
    Rank(u32),
}

impl<K> CostMatrix<K> {
    /// Looks every pair up, ranks where the mode wants it, then drops the pairs that fail the tests.
    ///
    /// Ranks are those of all pairs asked for (RFC 7285 §6.1.2.2); tests then apply to the ranks, so that a selected
    /// answer is a part of the one without tests. What is undefined passes no test.
    pub(super) fn new<T>(
        srcs: Vec<(K, T)>,
        dsts: Vec<(K, T)>,
        selection: Selection,
        cost: impl Fn(Metric, &T, &T) -> Option<Value>,
    ) -> Self {
        let pairs = srcs.len() * dsts.len();
        let column = |kind: &CostKind| {
            let mut values = vec![None; pairs];
            // By destination, since that is how a view keeps costs: what is read one after the other stands together.
            for (place, (_, dst)) in dsts.iter().enumerate() {
                for (value, (_, src)) in values.iter_mut().skip(place).step_by(dsts.len()).zip(&srcs) {
                    *value = cost(kind.metric, src, dst);
                }
            }
            cells(*kind, values)
        };
        let mut columns: Vec<Vec<Option<Cell>>> = selection.columns.iter().map(column).collect();
        if !selection.groups.is_empty() {
            for pair in 0..pairs {
                let passes = selection.groups.iter().any(|tests| {
                    tests.iter().all(|(column, constraint)| {
                        columns[*column][pair].is_some_and(|cell| constraint.admits(cell.as_f64()))
                    })
                });
                if !passes {
                    for column in &mut columns {
                        column[pair] = None;
                    }
                }
            }
        }
        let keys = |list: Vec<(K, T)>| list.into_iter().map(|(key, _)| key).collect();
        Self { srcs: keys(srcs), dsts: keys(dsts), columns, shown: selection.shown }
    }
}

/// Values as they are given.
fn cells(kind: CostKind, values: Vec<Option<Value>>) -> Vec<Option<Cell>> {
    match kind.mode {
        Mode::Numerical => values.into_iter().map(|value| value.map(Cell::Amount)).collect(),
        Mode::Ordinal => {
            let defined: Vec<Value> = values.iter().copied().flatten().collect();
            let mut ranks = dense_ranks(kind.metric, &defined).into_iter();
            values.into_iter().map(|value| value.and_then(|_| ranks.next()).map(Cell::Rank)).collect()
        }
    }
}

impl Cell {
    fn as_f64(self) -> f64 {
        match self {
            Self::Amount(value) => value.as_f64(),
            Self::Rank(rank) => f64::from(rank),
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Rank(rank) => append(out, &rank),
            // A whole amount without a fraction: `13`, not `13.0`.
            Self::Amount(value) => match value.as_integer() {
                Some(whole) => append(out, &whole),
                None => append(out, &value.as_f64()),
            },
        }
    }
}

impl<K: AsRef<str>> CostMatrix<K> {
    /// Writes the map of maps that the answer holds.
    ///
    /// By hand, since it is nearly all of a large answer: every key is escaped once, not once for every pair.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let Self { srcs, dsts, columns, shown } = self;
        let dsts = Keys::of(dsts);
        // Most costs have few digits; where they have more, the vector grows.
        out.reserve(srcs.len() * (dsts.text.len() + 8 * dsts.ends.len()));
        let mut row = Separated::open(out, b'{');
        for (src, start) in Keys::of(srcs).iter().zip((0..).step_by(dsts.ends.len().max(1))) {
            row.next(out);
            out.extend_from_slice(src);
            let mut pairs = Separated::open(out, b'{');
            for (dst, pair) in dsts.iter().zip(start..) {
                match shown {
                    Shown::One(column) => {
                        if let Some(cell) = columns[*column][pair] {
                            pairs.next(out);
                            out.extend_from_slice(dst);
                            cell.write(out);
                        }
                    }
                    // A pair of which nothing is known may be left out (RFC 8189 §4.1.3), as with one cost.
                    Shown::Several(shown) if shown.iter().any(|column| columns[*column][pair].is_some()) => {
                        pairs.next(out);
                        out.extend_from_slice(dst);
                        let mut values = Separated::open(out, b'[');
                        for column in shown {
                            values.next(out);
                            match columns[*column][pair] {
                                Some(cell) => cell.write(out),
                                None => out.extend_from_slice(b"null"),
                            }
                        }
                        out.push(b']');
                    }
                    Shown::Several(_) => {}
                }
            }
            out.push(b'}');
        }
        out.push(b'}');
    }
}

/// Keys as they stand in an object: quoted, escaped, with the colon.
struct Keys {
    text: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Keys {
    fn of<K: AsRef<str>>(keys: &[K]) -> Self {
        let (mut text, mut ends) = (Vec::with_capacity(keys.len() * 24), Vec::with_capacity(keys.len()));
        for key in keys {
            append(&mut text, key.as_ref());
            text.push(b':');
            ends.push(text.len());
        }
        Self { text, ends }
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.text[start..*end])
    }
}

/// Puts commas between the members of an object or an array.
struct Separated(bool);

impl Separated {
    fn open(out: &mut Vec<u8>, bracket: u8) -> Self {
        out.push(bracket);
        Self(false)
    }

    fn next(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.0, true) {
            out.push(b',');
        }
    }
}

/// The worked example of a filtered cost map with several costs: its data are no least-cost routes, so they are given.
#[cfg(test)]
mod tests {
    use alto_types::{CostSelection, FilteredCostMapRequest, decode_request};
    use serde_json::{Value as Json, json};

    use super::*;

    const PIDS: [&str; 3] = ["ams-core", "ber-edge", "mad-edge"];
    /// Routing cost, hop count and loss rate, from the first two; nothing is unknown.
    const DATA: [[[Option<f64>; 3]; 3]; 2] = [
        [[Some(1.0), Some(1.0), Some(0.0)], [Some(7.0), Some(3.0), Some(0.02)], [Some(22.0), Some(5.0), Some(0.4)]],
        [[Some(7.0), Some(3.0), Some(0.02)], [Some(1.0), Some(1.0), Some(0.0)], [None, Some(6.0), Some(0.5)]],
    ];

    fn cost_type(metric: &str) -> Json {
        json!({"cost-mode": "numerical", "cost-metric": metric})
    }

    /// The request of the example, with other members.
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
        let cost = |metric: Metric, src: &usize, dst: &usize| {
            let place = match metric {
                Metric::RoutingCost => 0,
                Metric::HopCount => 1,
                _ => 2,
            };
            DATA[*src][*dst][place].map(micros)
        };
        let mut text = Vec::new();
        CostMatrix::new(places(2), places(3), Selection::of(costs).unwrap(), cost).write(&mut text);
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn pairs_are_selected_by_costs_that_are_not_shown() {
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
    fn what_is_unknown_is_null_and_passes_no_test() {
        assert_eq!(answer(&json!({}))["ber-edge"]["mad-edge"], json!([null, 0.5]));
        let tested = answer(&json!({"constraints": ["[0] ge 0"]}));
        assert_eq!(tested["ber-edge"].get("mad-edge"), None);
        assert_eq!(tested["ams-core"]["mad-edge"], json!([22, 0.4]));
        // Where nothing at all is known the pair is left out.
        let only = answer(&json!({"multi-cost-types": [cost_type("routingcost")]}));
        assert_eq!(only["ber-edge"], json!({"ams-core": [7], "ber-edge": [1]}));
    }

    #[test]
    fn one_cost_can_be_selected_by_another() {
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
