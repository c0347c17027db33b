//! Which costs a request wants, one or several at once (RFC 7285 §11.3.2.3, RFC 8189 §4.1.2), and which pass its tests.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::error::AltoError;
use super::network::{ServedCostType, as_type};
use super::request::{Member, Object};

/// Costs by source and destination.
pub type Costs = BTreeMap<(String, String), f64>;

/// What a resource with costs offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offer {
    /// The cost types that may be asked for.
    pub cost_types: Vec<ServedCostType>,
    /// Whether constraints may be given.
    pub constraints: bool,
    /// How many cost types may be asked for at once (RFC 8189); 0 where that standard is not known.
    pub together: usize,
    /// Cost types on which constraints may be put although `constraints` is false (RFC 8189).
    pub testable: Vec<ServedCostType>,
}

/// What a request wants.
pub(super) struct RequestedCosts {
    types: Vec<ServedCostType>,
    /// Whether costs are arrays, even of one element.
    several: bool,
    /// The cost types that tests point to.
    tested: Vec<ServedCostType>,
    /// Tests of which all of any inner list must hold; none if there are no lists.
    tests: Vec<Vec<Test>>,
}

/// A condition on costs.
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
    /// One cost type without tests.
    pub(super) fn one(cost_type: &ServedCostType) -> Self {
        let types = vec![cost_type.clone()];
        Self { tested: types.clone(), types, several: false, tests: Vec::new() }
    }

    /// What a request says.
    pub(super) fn read(offer: &Offer, request: &Object) -> Result<Self, AltoError> {
        let list = request.optional("multi-cost-types").filter(|_| offer.together > 0);
        let (types, several) = match &list {
            None => (vec![offer.cost_type(request.required("cost-type")?)?], false),
            Some(list) => (offer.several(list)?, true),
        };
        // An empty one says nothing (RFC 8896 §5.2.4 has it beside several).
        let other = request.optional("cost-type").filter(|other| several && other.value != json!({}));
        if let Some(other) = other {
            return Err(AltoError::value(&other.path, &other.value));
        }
        let mut tested = types.clone();
        if let Some(list) = request.optional("testable-cost-types").filter(|_| offer.together > 0) {
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
        if let Some(list) = request.optional("or-constraints").filter(|_| offer.together > 0) {
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
        Ok(Self { types, several, tested, tests })
    }

    /// What the answer says about its costs.
    pub(super) fn meta(&self) -> Map<String, Value> {
        let mut meta = Map::new();
        if self.several {
            meta.insert("cost-type".into(), json!({}));
            meta.insert("multi-cost-types".into(), self.types.iter().map(ServedCostType::to_json).collect());
        } else {
            meta.insert("cost-type".into(), self.types[0].to_json());
        }
        meta
    }

    /// The costs that pass, as they are written. `of` knows the costs of a metric.
    pub(super) fn answer(&self, of: &dyn Fn(&str) -> Costs) -> BTreeMap<(String, String), Value> {
        let typed = |cost_type: &ServedCostType| as_type(cost_type, of(&cost_type.metric));
        let tested: Vec<_> = if self.tests.is_empty() { Vec::new() } else { self.tested.iter().map(typed).collect() };
        let shown: Vec<_> = self.types.iter().map(typed).collect();
        // What is not known passes no test.
        let holds = |pair: &(String, String), test: &Test| {
            tested[test.index].get(pair).and_then(Value::as_f64).is_some_and(|cost| test.admits(cost))
        };
        let passes = |pair: &(String, String)| {
            self.tests.is_empty() || self.tests.iter().any(|all| all.iter().all(|test| holds(pair, test)))
        };
        let written = |pair: &(String, String)| {
            let mut values = shown.iter().map(|costs| costs.get(pair).cloned().unwrap_or(Value::Null));
            if self.several { values.collect() } else { values.next().unwrap_or_default() }
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

    fn several(&self, list: &Member) -> Result<Vec<ServedCostType>, AltoError> {
        let types = types_in(list, &self.cost_types)?;
        if types.is_empty() || types.len() > self.together {
            return Err(AltoError::value(&list.path, &list.value));
        }
        Ok(types)
    }

    fn test(&self, text: &str, tested: &[ServedCostType], path: &str) -> Result<Test, AltoError> {
        let parsed = Test::parse(text, self.together > 0);
        let usable = parsed.filter(|condition| {
            let cost_type = tested.get(condition.index);
            cost_type.is_some_and(|cost_type| self.constraints || self.testable.contains(cost_type))
        });
        usable.ok_or_else(|| AltoError::value(path, &json!(text)))
    }
}

/// A list of cost types, all of them among those offered.
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
    /// `OPERATOR NUMBER`, where `indexed` allows `[INDEX]` before it.
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
