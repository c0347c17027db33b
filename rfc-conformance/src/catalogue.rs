//! Catalogue of all standards that servers are graded by, with their requirements and checks.

use std::fmt::Write as _;

use crate::check::Check;
use crate::requirement::Requirement;

pub use crate::STANDARDS;
pub use crate::standard::Standard;

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

/// Explains a requirement: what it says, where it stands, and how it is tested or why not; `None` if the ID is unknown.
pub fn explain(id: &str) -> Option<String> {
    let standard = standard(id.split('/').next()?)?;
    let section = id.split('/').nth(1)?;
    let requirement = standard.requirements.iter().find(|requirement| requirement.id == id);
    let reason = standard.not_observable.iter().find(|(other, _)| *other == id).map(|(_, reason)| *reason);
    let ledger = standard.ledger_text(id);
    let text = requirement.map(|requirement| requirement.text).or(ledger)?;
    let level = requirement.map_or_else(String::new, |requirement| format!(" ({})", requirement.level));
    let mut out = format!("{id}{level}\n{text}.\n\n{}, section {section}\n", standard.title);
    if standard.name.starts_with("rfc") {
        let _ = writeln!(out, "https://www.rfc-editor.org/rfc/{}#section-{section}", standard.name);
    }
    if let Some(ledger) = ledger.filter(|ledger| *ledger != text) {
        let _ = writeln!(out, "\nThe ledger has it as: {ledger}");
    }
    if let Some(reason) = reason {
        let _ = writeln!(out, "\nNot tested: {reason}.");
        return Some(out);
    }
    let _ = writeln!(out, "\nTo test it, the suite");
    for check in checks().filter(|check| check.grades.iter().any(|graded| graded.id == id)) {
        let _ = writeln!(out, "- {}.", check.how);
    }
    if standard.name == "suite" {
        let _ = writeln!(out, "- asks the root URI once more after all checks.");
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{rfc7285, suite};

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
    fn every_requirement_is_explained() {
        for requirement in requirements() {
            let text = explain(requirement.id).unwrap_or_default();
            assert!(text.contains(requirement.text) && text.contains("\n- "), "{text}");
        }
        for (id, reason) in not_observable() {
            assert!(explain(id).unwrap_or_default().contains(reason), "{id}");
        }
        assert_eq!(explain("rfc7285/99/1"), None);
        assert_eq!(explain("nothing"), None);
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
