//! Limits on the work that one request may ask for (RFC 7285 §15.5.2).

use alto_types::ProtocolError;

/// Limits on one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkLimits {
    /// Length of any one list in a request.
    pub(crate) list_entries: usize,
    /// Number of sources times destinations, times the number of costs in a multi-cost request; or of entities times
    /// properties.
    pub(crate) pairs: usize,
}

/// Comparisons per pair that are always answered. More must fit the limit on pairs, times this number.
const COMPARISONS_PER_PAIR: usize = 32;

/// Number of comparisons that are as much work as one cost looked up.
const COMPARISONS_PER_COST: usize = 8;

impl WorkLimits {
    /// Refuses a list that is too long, naming its field. Returns the length.
    pub(super) fn bound_list(&self, field: &str, len: usize) -> Result<usize, ProtocolError> {
        if len > self.list_entries {
            let value = format!("{len} entries, at most {} are answered", self.list_entries);
            return Err(ProtocolError::invalid_value(field, value));
        }
        Ok(len)
    }

    /// Refuses too many pairs of the two numbers of elements, each counted `costs` times. Returns the number of pairs.
    pub(super) fn bound_pairs(
        &self,
        field: &str,
        (srcs, dsts): (usize, usize),
        costs: usize,
    ) -> Result<usize, ProtocolError> {
        let pairs = srcs.saturating_mul(dsts).saturating_mul(costs);
        if pairs > self.pairs {
            let each = if costs > 1 { format!(" for {costs} costs") } else { String::new() };
            let value = format!("{srcs} x {dsts} pairs{each}, at most {} are answered", self.pairs);
            return Err(ProtocolError::invalid_value(field, value));
        }
        Ok(pairs)
    }

    /// Refuses too many comparisons of costs, naming the field with the tests that they remain of. Returns their weight.
    pub(super) fn bound_comparisons(
        &self,
        field: &str,
        pairs: usize,
        comparisons: usize,
    ) -> Result<usize, ProtocolError> {
        let total = pairs.saturating_mul(comparisons);
        let most = self.pairs.saturating_mul(COMPARISONS_PER_PAIR);
        if comparisons > COMPARISONS_PER_PAIR && total > most {
            let value =
                format!("{comparisons} comparisons for each of {pairs} pairs, at most {most} in all are answered");
            return Err(ProtocolError::invalid_value(field, value));
        }
        Ok(total / COMPARISONS_PER_COST)
    }
}
