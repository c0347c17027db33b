//! ALTO maps as configuration of other programs.
//!
//! [`ranking`] orders candidates by cost for each PID; every format is one function that writes a ranking down.

pub mod format;
pub mod ranking;
