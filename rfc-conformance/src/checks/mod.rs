//! What is checked, a file per resource or subject.

pub(crate) mod every_answer;
mod network_map;

use crate::check::{Check, Requirement};

/// All checks.
pub fn all() -> impl Iterator<Item = &'static Check> {
    [network_map::CHECKS, every_answer::CHECKS].into_iter().flatten()
}

/// Everything that gets a verdict.
pub fn requirements() -> impl Iterator<Item = Requirement> {
    all().flat_map(|check| check.grades).copied().chain([crate::run::ALIVE])
}
