//! The matrix of costs in an answer: looked up, ranked in ordinal mode, filtered, and written.
//!
//! Cost maps and endpoint costs differ in their keys and in the source of a cost; single-cost and multi-cost answers
//! (RFC 8189) differ in what is written for a pair.

use topo::{Metric, Value, dense_ranks};

use super::kind::{CostKind, Mode};
use super::selection::{Selection, Shown};
use crate::http::offload::{Abandoned, Cancel};
use crate::resource::json::append;

/// Number of pairs that are tested between two looks at whether the client still waits.
const PAIRS_BETWEEN_CHECKS: usize = 4096;

/// Costs from every source to every destination, the data member of a cost answer.
pub(in crate::resource) struct CostMatrix<K> {
    srcs: Vec<K>,
    dsts: Vec<K>,
    /// Values of every cost type, row by row. Undefined values are absent, and so are all values of a pair that fails
    /// the tests.
    columns: Vec<Vec<Option<Cell>>>,
    shown: Shown,
}

/// One cost in an answer.
#[derive(Clone, Copy)]
enum Cell {
    Amount(Value),
    Rank(u32),
}

impl<K> CostMatrix<K> {
    /// Looks up every pair, ranks the costs of ordinal types, then drops the pairs that fail the tests.
    ///
    /// Ranks are among all requested pairs (RFC 7285 §6.1.2.2), and tests apply to the ranks, so that an answer to tests
    /// is a part of the answer without them. An undefined value passes no test.
    pub(in crate::resource) fn new<T>(
        srcs: Vec<(K, T)>,
        dsts: Vec<(K, T)>,
        selection: Selection,
        cost: impl Fn(Metric, &T, &T) -> Option<Value>,
        cancel: &Cancel,
    ) -> Result<Self, Abandoned> {
        let pairs = srcs.len() * dsts.len();
        let column = |kind: &CostKind| {
            let mut values = vec![None; pairs];
            // By destination, which is the order of costs in a view and so the order that reads memory in sequence.
            for (place, (_, dst)) in dsts.iter().enumerate() {
                cancel.check()?;
                for (value, (_, src)) in values.iter_mut().skip(place).step_by(dsts.len()).zip(&srcs) {
                    *value = cost(kind.metric, src, dst);
                }
            }
            Ok(cells(*kind, values))
        };
        let mut columns: Vec<Vec<Option<Cell>>> = selection.columns.iter().map(column).collect::<Result<_, _>>()?;
        if let Some(filter) = &selection.filter {
            for pair in 0..pairs {
                if pair % PAIRS_BETWEEN_CHECKS == 0 {
                    cancel.check()?;
                }
                if !filter.admits(|column| columns[column][pair].map(Cell::as_f64)) {
                    for column in &mut columns {
                        column[pair] = None;
                    }
                }
            }
        }
        let keys = |list: Vec<(K, T)>| list.into_iter().map(|(key, _)| key).collect();
        Ok(Self { srcs: keys(srcs), dsts: keys(dsts), columns, shown: selection.shown })
    }
}

/// Converts values of one cost type to cells.
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
            // Whole amounts have no fraction: `13`, not `13.0`.
            Self::Amount(value) => match value.as_integer() {
                Some(whole) => append(out, &whole),
                None => append(out, &value.as_f64()),
            },
        }
    }
}

impl<K: AsRef<str>> CostMatrix<K> {
    /// Writes the object of objects that the answer holds.
    ///
    /// Written by hand because it is nearly all of a large answer: each key is escaped once instead of once per pair.
    pub(in crate::resource) fn write(&self, out: &mut Vec<u8>, cancel: &Cancel) -> Result<(), Abandoned> {
        let Self { srcs, dsts, columns, shown } = self;
        let dsts = Keys::of(dsts);
        // Room for costs of a few digits; the vector grows if they have more.
        out.reserve(srcs.len() * (dsts.text.len() + 8 * dsts.ends.len()));
        let mut row = Separated::open(out, b'{');
        for (src, start) in Keys::of(srcs).iter().zip((0..).step_by(dsts.ends.len().max(1))) {
            cancel.check()?;
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
                    // A pair without any value may be left out (RFC 8189 §4.1.3), as in single-cost answers.
                    Shown::Multi(shown) if shown.iter().any(|column| columns[*column][pair].is_some()) => {
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
                    Shown::Multi(_) => {}
                }
            }
            out.push(b'}');
        }
        out.push(b'}');
        Ok(())
    }
}

/// Keys of an object, quoted and escaped, each with its colon.
struct Keys {
    text: Vec<u8>,
    /// End of each key in the text.
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

/// Writer of the commas in an object or an array; true once a member was written.
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

/// A multi-cost filtered cost map with given data, which least-cost routes cannot produce.
#[cfg(test)]
mod tests {
    use alto_types::{CostSelection, FilteredCostMapRequest, decode_request};
    use serde_json::{Value as Json, json};

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
        let cost = |metric: Metric, src: &usize, dst: &usize| {
            let place = match metric {
                Metric::RoutingCost => 0,
                Metric::HopCount => 1,
                _ => 2,
            };
            DATA[*src][*dst][place].map(micros)
        };
        let mut text = Vec::new();
        let limits = WorkLimits { list_entries: 10, pairs: 100 };
        let (selection, cancel) = (Selection::of(costs, &limits).unwrap(), Cancel::default());
        let matrix = CostMatrix::new(places(2), places(3), selection, cost, &cancel).unwrap();
        matrix.write(&mut text, &cancel).unwrap();
        serde_json::from_slice(&text).unwrap()
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
