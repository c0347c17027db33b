//! Shared by everything that writes topology files: parts of a file, networks of places, legal names, and counts of what was
//! assumed.

pub mod assumptions;
pub mod name;
pub mod parts;
pub mod places;
