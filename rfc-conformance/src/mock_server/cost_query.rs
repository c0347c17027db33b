//! Parsing of requests for costs, single or multi-cost, and evaluation of their constraints (RFC 7285 §11.3.2.3, RFC
//! 8189 §4.1.2).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::cost_type::{Costs, ServedCostType, as_type};
use super::error::AltoError;
use super::request::{Member, Object};

/// Cost types and query features that a resource offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offer {
    /// Cost types that requests may name.
    pub cost_types: Vec<ServedCostType>,
    /// Whether requests may have constraints (`cost-constraints`).
    pub constraints: bool,
    /// Limit on the cost types of one request (`max-cost-types`, RFC 8189); 0 without support for multi-cost queries.
    pub max_cost_types: usize,
    /// Cost types that constraints may refer to (`testable-cost-type-names`, RFC 8189), even if `constraints` is false.
    pub testable: Vec<ServedCostType>,
}

/// Costs that a request asks for.
pub(super) struct RequestedCosts {
    types: Vec<ServedCostType>,
    /// Whether the request is a multi-cost query, whose costs are arrays.
    multi_cost: bool,
    /// Cost types that constraints refer to by index.
    tested: Vec<ServedCostType>,
    /// Disjunction of conjunctions of constraints; empty if the request has none.
    tests: Vec<Vec<Test>>,
}

/// Constraint on the cost of one cost type.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Test {
    index: usize,
    operator: Comparison,
    value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Gt,
    Lt,
    Ge,
    Le,
    Eq,
}

impl RequestedCosts {
    /// Creates a request for one cost type without constraints.
    pub(super) fn one(cost_type: &ServedCostType) -> Self {
        let types = vec![cost_type.clone()];
        Self { tested: types.clone(), types, multi_cost: false, tests: Vec::new() }
    }

    /// Parses a request.
    pub(super) fn read(offer: &Offer, request: &Object) -> Result<Self, AltoError> {
        let list = request.optional("multi-cost-types").filter(|_| offer.max_cost_types > 0);
        let (types, multi_cost) = match &list {
            None => (vec![offer.cost_type(request.required("cost-type")?)?], false),
            Some(list) => (offer.multi_cost(list)?, true),
        };
        // RFC 8896 §5.2.4 allows an empty `cost-type` beside `multi-cost-types`.
        let other = request.optional("cost-type").filter(|other| multi_cost && other.value != json!({}));
        if let Some(other) = other {
            return Err(AltoError::value(&other.path, &other.value));
        }
        let mut tested = types.clone();
        if let Some(list) = request.optional("testable-cost-types").filter(|_| offer.max_cost_types > 0) {
            let offered = if offer.testable.is_empty() { &offer.cost_types } else { &offer.testable };
            tested = types_in(&list, offered)?;
            if tested.is_empty() {
                return Err(AltoError::value(&list.path, &list.value));
            }
        }
        let mut tests = Vec::new();
        if let Some(list) = request.optional("constraints") {
            let all = list.strings()?;
            let all: Result<Vec<_>, _> = all.iter().map(|text| offer.test(text, &tested, &list.path)).collect();
            tests.extend(Some(all?).filter(|all| !all.is_empty()));
        }
        if let Some(list) = request.optional("or-constraints").filter(|_| offer.max_cost_types > 0) {
            if request.optional("constraints").is_some() || list.elements()?.is_empty() {
                return Err(AltoError::value(&list.path, &list.value));
            }
            for inner in list.elements()? {
                let inner_list = Member { path: list.path.clone(), value: inner.clone() };
                let strings = inner_list.strings().map_err(|_| AltoError::value(&list.path, inner))?;
                if strings.is_empty() {
                    return Err(AltoError::value(&list.path, inner));
                }
                let all: Result<_, _> = strings.iter().map(|text| offer.test(text, &tested, &list.path)).collect();
                tests.push(all?);
            }
        }
        Ok(Self { types, multi_cost, tested, tests })
    }

    /// Returns the members of `meta` that describe the costs of the answer.
    pub(super) fn meta(&self) -> Map<String, Value> {
        let mut meta = Map::new();
        if self.multi_cost {
            meta.insert("cost-type".into(), json!({}));
            meta.insert("multi-cost-types".into(), self.types.iter().map(ServedCostType::to_json).collect());
        } else {
            meta.insert("cost-type".into(), self.types[0].to_json());
        }
        meta
    }

    /// Returns the costs that satisfy the constraints, as JSON values; `of` returns the costs of a metric.
    pub(super) fn answer(&self, of: &dyn Fn(&str) -> Costs) -> BTreeMap<(String, String), Value> {
        let typed = |cost_type: &ServedCostType| as_type(cost_type, of(&cost_type.metric));
        let tested: Vec<_> = if self.tests.is_empty() { Vec::new() } else { self.tested.iter().map(typed).collect() };
        let shown: Vec<_> = self.types.iter().map(typed).collect();
        // An undefined cost satisfies no constraint.
        let holds = |pair: &(String, String), test: &Test| {
            tested[test.index].get(pair).and_then(Value::as_f64).is_some_and(|cost| test.admits(cost))
        };
        let passes = |pair: &(String, String)| {
            self.tests.is_empty() || self.tests.iter().any(|all| all.iter().all(|test| holds(pair, test)))
        };
        let written = |pair: &(String, String)| {
            let mut values = shown.iter().map(|costs| costs.get(pair).cloned().unwrap_or(Value::Null));
            if self.multi_cost { values.collect() } else { values.next().unwrap_or_default() }
        };
        let pairs: BTreeSet<_> = shown.iter().flat_map(BTreeMap::keys).filter(|pair| passes(pair)).collect();
        pairs.into_iter().map(|pair| (pair.clone(), written(pair))).collect()
    }
}

impl Offer {
    fn cost_type(&self, member: Member) -> Result<ServedCostType, AltoError> {
        let object = member.object()?;
        let cost_type = ServedCostType {
            mode: object.required("cost-mode")?.string()?,
            metric: object.required("cost-metric")?.string()?,
        };
        if self.cost_types.contains(&cost_type) {
            return Ok(cost_type);
        }
        if self.cost_types.iter().any(|offered| offered.mode == cost_type.mode) {
            return Err(AltoError::value("cost-type/cost-metric", &cost_type.metric.into()));
        }
        Err(AltoError::value("cost-type/cost-mode", &cost_type.mode.into()))
    }

    fn multi_cost(&self, list: &Member) -> Result<Vec<ServedCostType>, AltoError> {
        let types = types_in(list, &self.cost_types)?;
        if types.is_empty() || types.len() > self.max_cost_types {
            return Err(AltoError::value(&list.path, &list.value));
        }
        Ok(types)
    }

    fn test(&self, text: &str, tested: &[ServedCostType], path: &str) -> Result<Test, AltoError> {
        let parsed = Test::parse(text, self.max_cost_types > 0);
        let usable = parsed.filter(|condition| {
            let cost_type = tested.get(condition.index);
            cost_type.is_some_and(|cost_type| self.constraints || self.testable.contains(cost_type))
        });
        usable.ok_or_else(|| AltoError::value(path, &json!(text)))
    }
}

/// Parses a list of cost types, all of which must be offered.
fn types_in(list: &Member, offered: &[ServedCostType]) -> Result<Vec<ServedCostType>, AltoError> {
    let one = |element: &Value| {
        let wrong = || AltoError::value(&list.path, element);
        let object = Member { path: list.path.clone(), value: element.clone() }.object().map_err(|_| wrong())?;
        let text = |name| object.required(name)?.string();
        let cost_type = ServedCostType { metric: text("cost-metric")?, mode: text("cost-mode")? };
        if offered.contains(&cost_type) { Ok(cost_type) } else { Err(wrong()) }
    };
    list.elements()?.iter().map(one).collect()
}

impl Test {
    /// Parses `OPERATOR NUMBER`, with an optional `[INDEX]` before it if `indexed`.
    fn parse(text: &str, indexed: bool) -> Option<Self> {
        let blank = [' ', '\t'];
        let mut rest = text.trim_matches(blank);
        let mut index = 0;
        if let Some((number, after)) = rest.strip_prefix('[').filter(|_| indexed).and_then(|rest| rest.split_once(']'))
        {
            index = number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()))?;
            rest = after.strip_prefix(blank)?.trim_start_matches(blank);
        }
        let (operator, value) = rest.split_once(blank)?;
        let operator = match operator {
            "gt" => Comparison::Gt,
            "lt" => Comparison::Lt,
            "ge" => Comparison::Ge,
            "le" => Comparison::Le,
            "eq" => Comparison::Eq,
            _ => return None,
        };
        Some(Self { index, operator, value: serde_json::from_str(value.trim_start_matches(blank)).ok()? })
    }

    #[expect(clippy::float_cmp, reason = "`eq` is equality of doubles")]
    fn admits(self, cost: f64) -> bool {
        match self.operator {
            Comparison::Gt => cost > self.value,
            Comparison::Lt => cost < self.value,
            Comparison::Ge => cost >= self.value,
            Comparison::Le => cost <= self.value,
            Comparison::Eq => cost == self.value,
        }
    }
}
