//! Survey of all answers of a run: requirements that bind every message are examined as each answer arrives.

use std::sync::{Mutex, PoisonError};

use crate::http::{Exchange, Observer};
use crate::sheet::Sheet;

/// Function that examines one answer.
pub(crate) type Inspect = fn(&Exchange, &mut Sheet);

/// Notes on all answers so far.
pub(crate) struct Survey {
    inspect: Inspect,
    sheet: Mutex<Sheet>,
}

impl Survey {
    /// Creates an empty survey that examines answers with a function.
    pub(crate) fn new(inspect: Inspect) -> Self {
        Self { inspect, sheet: Mutex::new(Sheet::new(&[])) }
    }

    /// Copies the notes on the requirements of a sheet into it.
    pub(crate) fn copy_into(&self, sheet: &mut Sheet) {
        sheet.absorb_own(&self.sheet.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Observer for Survey {
    fn observe(&self, exchange: &Exchange) {
        // Answers to deliberately broken HTTP are judged by the checks that send it.
        if exchange.request.raw.is_none() {
            (self.inspect)(exchange, &mut self.sheet.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}
