//! The time of day, passed in wherever an answer depends on it.

use std::time::SystemTime;

/// Source of the time of day: [`SystemTime::now`] in the program, a fixed time in tests.
pub(crate) type Clock = fn() -> SystemTime;
