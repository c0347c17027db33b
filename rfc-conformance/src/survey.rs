//! Survey of all answers of a run: requirements that bind every message are examined as each answer arrives.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use crate::http::{Exchange, Observer};
use crate::sheet::Sheet;

/// Function that examines one answer.
pub(crate) type Inspect = fn(&Exchange, &mut Sheet);

/// Notes on all answers so far.
pub(crate) struct Survey {
    inspect: Inspect,
    sheet: Mutex<Sheet>,
    /// Hashes of the large answers that have been examined: maps are read many times, and examining them takes long.
    known: Mutex<HashSet<u64>>,
}

/// Size in bytes of answers that are examined once only, as long as they do not change.
const LARGE: usize = 64 * 1024;
/// Maximum number of large answers that are remembered.
const MOST_KNOWN: usize = 4096;

impl Survey {
    /// Creates an empty survey that examines answers with a function.
    pub(crate) fn new(inspect: Inspect) -> Self {
        Self { inspect, sheet: Mutex::new(Sheet::new(&[])), known: Mutex::default() }
    }

    /// Copies the notes on the requirements of a sheet into it.
    pub(crate) fn copy_into(&self, sheet: &mut Sheet) {
        sheet.absorb_own(&self.sheet.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Survey {
    /// Tests whether an answer has to be examined, and remembers it if it is large.
    fn is_new(&self, exchange: &Exchange) -> bool {
        let answer = &exchange.answer;
        if answer.body.len() < LARGE {
            return true;
        }
        let mut hasher = DefaultHasher::new();
        (answer.status, &answer.headers("content-type").collect::<Vec<_>>(), &answer.body).hash(&mut hasher);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.len() >= MOST_KNOWN || known.insert(hasher.finish())
    }
}

impl Observer for Survey {
    fn observe(&self, exchange: &Exchange) {
        // Answers to deliberately broken HTTP are judged by the checks that send it.
        if exchange.request.raw.is_none() && self.is_new(exchange) {
            (self.inspect)(exchange, &mut self.sheet.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}
