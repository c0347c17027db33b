//! Choice of the resources that answer a query for costs, with as few requests as possible.

use alto_types::CostType;

use super::query::CostQuery;
use crate::directory::Entry;

/// Steps that together give every cost of a query.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) steps: Vec<Step<'a>>,
    /// True if the server applies the tests; they are then part of the only step. Otherwise they are applied to the
    /// joined answers.
    pub(crate) send_tests: bool,
}

/// One or several types of cost that one resource gives in one answer.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    /// The resource; absent if none offers the type, which is then the only one of the step.
    pub(crate) resource: Option<&'a Entry>,
    pub(crate) types: Vec<CostType>,
}

impl<'a> Plan<'a> {
    /// Plans a query over resources of one kind. As many types as possible are asked for at once; a type that no
    /// resource offers beside others is asked for alone (RFC 8189 §4.1.2).
    pub(crate) fn new(query: &CostQuery, resources: &(impl Iterator<Item = &'a Entry> + Clone)) -> Self {
        let types = query.distinct();
        if let Some(resource) = resources.clone().find(|resource| answers_all(resource, query, &types)) {
            return Self { steps: vec![Step { resource: Some(resource), types }], send_tests: true };
        }
        let mut left = query.with_tested();
        let mut steps = Vec::new();
        while !left.is_empty() {
            let offers = resources.clone().map(|resource| (count_at_once(resource, &left), resource));
            let best = offers.reduce(|best, next| if next.0 > best.0 { next } else { best });
            match best.filter(|(count, _)| *count > 1) {
                Some((count, resource)) => {
                    let (types, rest) = take(left, count, |one| resource.offers(one));
                    steps.push(Step { resource: Some(resource), types });
                    left = rest;
                }
                None => steps.extend(left.drain(..).map(|one| Step {
                    resource: resources.clone().find(|resource| resource.offers(&one)),
                    types: vec![one],
                })),
            }
        }
        Self { steps, send_tests: false }
    }
}

/// True if one request to a resource answers the whole query, tests included.
fn answers_all(resource: &Entry, query: &CostQuery, types: &[CostType]) -> bool {
    if query.is_plain() {
        // Constraints may only be sent to a resource that supports them (RFC 7285 §11.3.2.3, §11.5.1.3).
        let testable = resource.capabilities().cost_constraints || !query.is_tested();
        return testable && types.iter().all(|one| resource.offers(one));
    }
    count_at_once(resource, types) == types.len() && query.tested().all(|tested| resource.can_test(tested))
}

/// Number of these types that a resource gives in one answer.
fn count_at_once(resource: &Entry, types: &[CostType]) -> usize {
    let limit = usize::try_from(resource.capabilities().max_cost_types).unwrap_or(usize::MAX);
    types.iter().filter(|cost_type| resource.offers(cost_type)).count().min(limit)
}

/// Splits off the first `count` types that are wanted.
fn take(types: Vec<CostType>, count: usize, wanted: impl Fn(&CostType) -> bool) -> (Vec<CostType>, Vec<CostType>) {
    let mut taken = 0;
    types.into_iter().partition(|one| {
        let take = taken < count && wanted(one);
        taken += usize::from(take);
        take
    })
}
