//! Catalogue of all standards that servers are graded by, with their requirements and checks.

use crate::check::Check;
use crate::requirement::Requirement;
use crate::standard::Standard;
use crate::{rfc7285, rfc8189, rfc9240, rfc9274, rfc9439, suite};

/// All standards, those with the slowest checks first: they start first, so that the run does not wait for them.
pub const STANDARDS: &[Standard] =
    &[rfc8189::STANDARD, rfc9439::STANDARD, rfc7285::STANDARD, rfc9240::STANDARD, rfc9274::STANDARD, suite::STANDARD];

/// Returns all checks, the slowest first.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    STANDARDS.iter().flat_map(|standard| standard.checks).copied().flatten()
}

/// Returns all requirements that get a verdict, in document order.
pub fn requirements() -> Vec<Requirement> {
    let mut all: Vec<_> = STANDARDS.iter().flat_map(|standard| standard.requirements).copied().collect();
    all.sort_by_key(Requirement::order);
    all
}

/// Returns the IDs of requirements that cannot be observed over HTTP, with the reasons.
pub fn not_observable() -> impl Iterator<Item = (&'static str, &'static str)> {
    STANDARDS.iter().flat_map(|standard| standard.not_observable).copied()
}

/// Returns the standard with a name such as `rfc7285`.
pub fn standard(name: &str) -> Option<&'static Standard> {
    STANDARDS.iter().find(|standard| standard.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_requirement_is_declared_once_and_graded() {
        let all = requirements();
        let ids: BTreeSet<_> = all.iter().map(|requirement| requirement.id).collect();
        assert_eq!(ids.len(), all.len(), "an ID is declared twice");
        assert!(all.len() >= 391, "{}", all.len());
        let graded: BTreeSet<_> = checks().flat_map(|check| check.grades).map(|requirement| requirement.id).collect();
        let suite = suite::STANDARD.requirements.iter().map(|requirement| requirement.id);
        let expected: BTreeSet<_> = graded.iter().copied().chain(suite).collect();
        assert_eq!(ids, expected, "requirements declared and requirements graded differ");
        for (id, _) in not_observable() {
            assert!(!ids.contains(id), "{id} has a check and a reason why there is none");
        }
    }

    #[test]
    fn tables_are_in_document_order() {
        for standard in STANDARDS {
            assert!(standard.requirements.is_sorted_by_key(Requirement::order), "{}", standard.name);
            let unobservable = standard.not_observable.iter().map(|(id, _)| Requirement::def(id, ""));
            assert!(unobservable.is_sorted_by_key(|requirement| requirement.order()), "{}", standard.name);
        }
    }

    #[test]
    fn every_requirement_belongs_to_a_chapter() {
        for requirement in requirements() {
            let chapter = standard(requirement.document()).and_then(|standard| standard.chapter(requirement.section()));
            assert!(chapter.is_some(), "{}", requirement.id);
        }
        assert_eq!(rfc7285::STANDARD.chapter("11.2.3.6"), Some(("11.2.3", "Cost Map")));
        assert_eq!(rfc7285::STANDARD.chapter("8.5.2"), Some(("8.5", "Protocol Errors")));
        assert_eq!(rfc7285::STANDARD.chapter("10.8.1"), Some(("10.8", "Endpoint Property")));
    }
}
