//! What a check is: requirements it grades, and a function that looks at the target and notes what it saw.

use std::fmt;

use crate::context::Context;
use crate::http::NoAnswer;
use crate::verdict::Sheet;

/// How binding a requirement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// MUST, MUST NOT, SHALL, REQUIRED.
    Must,
    /// Follows from a definition, a grammar, or a document that is normatively referenced.
    Def,
    /// SHOULD, SHOULD NOT, RECOMMENDED.
    Should,
    /// MAY, OPTIONAL.
    May,
}

/// One sentence of a standard, with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// `rfc7285/SECTION/NUMBER`: the number counts requirements within the section.
    pub id: &'static str,
    /// What violating it means.
    pub level: Level,
    /// What is expected of the target, in one line.
    pub text: &'static str,
}

/// What a check does. An error means that the target gave no answer.
pub type Run = fn(&Context<'_>, &mut Sheet) -> Result<(), NoAnswer>;

/// When a check runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Whenever there is time, beside others.
    Anytime,
    /// Alone, after all others: it looks at what they saw, or puts a strain on the target.
    Last,
}

/// A function over the target, and what it grades. Every requirement of the list gets a verdict of its own.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// What this check grades.
    pub grades: &'static [Requirement],
    /// Whether to wait for the others.
    pub when: When,
    /// Looks at the target. An error means that the target gave no answer, and therefore no verdict is possible.
    pub run: Run,
}

impl Check {
    /// A check that runs beside others.
    pub const fn new(grades: &'static [Requirement], run: Run) -> Self {
        Self { grades, when: When::Anytime, run }
    }

    /// A check that runs alone, after all others.
    pub const fn last(grades: &'static [Requirement], run: Run) -> Self {
        Self { grades, when: When::Last, run }
    }
}

impl Requirement {
    /// A requirement with the keyword MUST.
    pub const fn must(id: &'static str, text: &'static str) -> Self {
        Self { id, level: Level::Must, text }
    }

    /// A requirement that follows from a definition.
    pub const fn def(id: &'static str, text: &'static str) -> Self {
        Self { id, level: Level::Def, text }
    }

    /// A requirement with the keyword SHOULD.
    pub const fn should(id: &'static str, text: &'static str) -> Self {
        Self { id, level: Level::Should, text }
    }

    /// A requirement with the keyword MAY.
    pub const fn may(id: &'static str, text: &'static str) -> Self {
        Self { id, level: Level::May, text }
    }

    /// The document: `rfc7285`.
    pub fn document(&self) -> &'static str {
        self.id.split('/').next().unwrap_or(self.id)
    }

    /// The section: `11.2.1.6`.
    pub fn section(&self) -> &'static str {
        self.id.split('/').nth(1).unwrap_or("")
    }

    /// Sorts by document, then by section and number as numbers: §8.3 comes before §11.2.
    pub fn order(&self) -> (&'static str, Vec<u32>) {
        let numbers = self.id.split(['/', '.']).skip(1).map(|part| part.parse().unwrap_or(0));
        // `8.3/2` is before `8.3.1/1`: the section is padded, so that its own requirements come first.
        let mut numbers: Vec<u32> = numbers.collect();
        let number = numbers.pop().unwrap_or(0);
        numbers.resize(6, 0);
        numbers.push(number);
        (self.document(), numbers)
    }

    /// Whether this requirement is selected by `rfc7285/11.2`: the prefix ends where a part of the ID ends.
    pub fn is_within(&self, prefix: &str) -> bool {
        let prefix = prefix.trim_end_matches(['/', '.']);
        self.id.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "MUST",
            Self::Def => "DEF",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_sorted_as_the_document_is() {
        let ids = ["rfc7285/8.3/2", "rfc7285/8.3/10", "rfc7285/8.3.1/1", "rfc7285/11.2.1.6/1", "rfc9274/3.2/1"];
        let mut sorted: Vec<_> = ids.iter().rev().map(|id| Requirement::def(id, "")).collect();
        sorted.sort_by_key(Requirement::order);
        assert_eq!(sorted.iter().map(|requirement| requirement.id).collect::<Vec<_>>(), ids);
    }

    #[test]
    fn prefixes_end_at_parts() {
        let requirement = Requirement::def("rfc7285/11.2.1.6/1", "");
        for prefix in ["rfc7285", "rfc7285/11", "rfc7285/11.2", "rfc7285/11.2.1.6/", "rfc7285/11.2.1.6/1", ""] {
            assert_eq!(requirement.is_within(prefix), !prefix.is_empty(), "{prefix}");
        }
        assert!(!requirement.is_within("rfc7285/1"));
        assert!(!requirement.is_within("rfc9274"));
    }
}
