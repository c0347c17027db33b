//! Description of a standard: its title, chapters, requirements and checks.

use crate::check::Check;
use crate::requirement::Requirement;

/// A standard that servers are graded by.
#[derive(Clone, Copy, Debug)]
pub struct Standard {
    /// First part of its requirement IDs, such as `rfc7285`.
    pub name: &'static str,
    /// Title with the document number.
    pub title: &'static str,
    /// Section numbers with their titles; reports group requirements by the longest match.
    pub chapters: &'static [(&'static str, &'static str)],
    /// Ledger of all requirements, checked or not: a line for each, with ID, level, subject (S server, C client, B both, P
    /// operator, I author of an extension) and text, separated by tabs.
    pub ledger: &'static str,
    /// Requirements that have checks, in document order.
    pub requirements: &'static [Requirement],
    /// IDs of requirements that cannot be observed over HTTP, with the reason.
    pub not_observable: &'static [(&'static str, &'static str)],
    /// Checks by file, the slowest first.
    pub checks: &'static [&'static [Check]],
}

impl Standard {
    /// Returns the text of a requirement in the ledger.
    pub(crate) fn ledger_text(&self, id: &str) -> Option<&'static str> {
        let of_id = |line: &&'static str| line.split('\t').next() == Some(id);
        self.ledger.lines().find(of_id)?.split('\t').nth(3)
    }

    /// Returns number and title of the chapter that a section belongs to: 8.5.2 is part of 8.5.
    pub(crate) fn chapter(&self, section: &str) -> Option<(&'static str, &'static str)> {
        let contains =
            |number: &str| section.strip_prefix(number).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let chapters = self.chapters.iter().copied().filter(|(number, _)| contains(number));
        chapters.max_by_key(|(number, _)| number.len())
    }
}
