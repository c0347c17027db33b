//! Shared by everything that writes topology files: parts of a file, legal names, and counts of what was assumed.

pub mod assumptions;
pub mod name;
pub mod parts;
