//! What all answers together say. Some requirements bind every message, whatever it was asked for: each answer is
//! looked at as it comes in, and a check reads the result at the end.

use std::sync::{Mutex, PoisonError};

use crate::checks::every_answer;
use crate::http::Exchange;
use crate::verdict::Sheet;

/// Notes on all answers so far.
pub struct Survey {
    sheet: Mutex<Sheet>,
}

impl Default for Survey {
    fn default() -> Self {
        Self { sheet: Mutex::new(Sheet::new(&[])) }
    }
}

impl Survey {
    /// Looks at one more answer.
    pub(crate) fn look(&self, exchange: &Exchange) {
        let mut sheet = self.sheet.lock().unwrap_or_else(PoisonError::into_inner);
        every_answer::look(exchange, &mut sheet);
    }

    /// Takes the notes over, as far as the sheet has room for them.
    pub(crate) fn copy_into(&self, sheet: &mut Sheet) {
        sheet.absorb_own(&self.sheet.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
