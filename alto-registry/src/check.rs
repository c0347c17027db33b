//! Rules that every backend applies to a call before it looks at its data.

use std::collections::HashSet;

use crate::holding::Holding;
use crate::id::ContentId;
use crate::limits::Limits;
use crate::refusal::Refusal;

/// Refuses a list that is longer than a registration may be. Front ends may ask this before they build the list.
pub fn length(length: usize, limits: &Limits) -> Result<(), Refusal> {
    let maximum = limits.files_per_peer;
    if length > maximum as usize { Err(Refusal::TooManyFiles { requested: length, maximum }) } else { Ok(()) }
}

/// Refuses a list of holdings that is too long or names a file twice.
pub fn holdings(list: &[Holding], limits: &Limits) -> Result<(), Refusal> {
    length(list.len(), limits)?;
    let mut seen = HashSet::with_capacity(list.len());
    match list.iter().position(|holding| !seen.insert(holding.file)) {
        Some(index) => Err(Refusal::Repeated { index }),
        None => Ok(()),
    }
}

/// Refuses the lists of an announcement that are too long, or of which the first names a file twice.
pub fn announcement(add: &[Holding], remove: &[ContentId], limits: &Limits) -> Result<(), Refusal> {
    length(remove.len(), limits)?;
    holdings(add, limits)
}
