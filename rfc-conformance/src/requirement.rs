//! Requirements of the standards: identifiers, levels, and the macro that declares one document's table of them.

use std::fmt;

/// The force of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// MUST, MUST NOT, SHALL or REQUIRED in the text.
    Must,
    /// Binding without a keyword: a definition, a grammar, or a document that is referenced normatively.
    Def,
    /// SHOULD, SHOULD NOT or RECOMMENDED in the text.
    Should,
    /// MAY or OPTIONAL in the text.
    May,
}

/// A single requirement of a standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Identifier `DOCUMENT/SECTION/NUMBER`, such as `rfc7285/11.2.2/1`; the number counts within the section.
    pub id: &'static str,
    /// Force of the requirement, which decides how serious a violation is.
    pub level: Level,
    /// Behaviour that is required, in one line.
    pub text: &'static str,
}

impl Requirement {
    /// Creates a requirement of level [`Level::Must`].
    pub const fn must(id: &'static str, text: &'static str) -> Self {
        Self { id, level: Level::Must, text }
    }

    /// Creates a requirement of level [`Level::Def`].
    pub const fn def(id: &'static str, text: &'static str) -> Self {
        Self { id, level: Level::Def, text }
    }

    /// Creates a requirement of level [`Level::Should`].
    pub const fn should(id: &'static str, text: &'static str) -> Self {
        Self { id, level: Level::Should, text }
    }

    /// Creates a requirement of level [`Level::May`].
    pub const fn may(id: &'static str, text: &'static str) -> Self {
        Self { id, level: Level::May, text }
    }

    /// Returns the document part of the identifier, such as `rfc7285`.
    pub fn document(&self) -> &'static str {
        self.id.split('/').next().unwrap_or(self.id)
    }

    /// Returns the section part of the identifier, such as `11.2.1.6`.
    pub fn section(&self) -> &'static str {
        self.id.split('/').nth(1).unwrap_or("")
    }

    /// Returns a sort key in document order: by document, section and number, with sections compared numerically.
    pub fn order(&self) -> (&'static str, Vec<u32>) {
        let (_, place) = self.id.split_once('/').unwrap_or_default();
        let (section, number) = place.rsplit_once('/').unwrap_or((place, ""));
        // Appendices come after sections.
        let appendix = |part: &str| 1000 + part.bytes().next().map_or(0, u32::from);
        let numbers = section.split('.').map(|part| part.parse().unwrap_or_else(|_| appendix(part)));
        // Sections are padded to one length, so that `8.3/2` sorts before `8.3.1/1`.
        let mut numbers: Vec<u32> = numbers.collect();
        numbers.resize(6, 0);
        // A letter tells apart what belongs together: `6/3b` comes after `6/3`.
        let letter = number.trim_start_matches(|character: char| character.is_ascii_digit());
        let digits = &number[..number.len() - letter.len()];
        numbers.extend([digits.parse().unwrap_or(0), letter.bytes().next().map_or(0, u32::from)]);
        (self.document(), numbers)
    }

    /// Tests whether the identifier starts with a prefix that ends at a part boundary, such as `rfc7285/11.2`.
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

/// Declares the requirements of one document.
///
/// Each section becomes a module with one constant per row (`NUMBER LEVEL NAME "text";`); `ALL` lists the constants in
/// order. Requirements that no check can observe follow at the end, each with the reason, and become `NOT_OBSERVABLE`.
macro_rules! requirements {
    (
        $document:literal
        $($module:ident $section:literal : $($number:literal $level:ident $name:ident $text:literal;)+)*
        @not_observable $($unobservable:literal $reason:literal;)*
    ) => {
        $(
            #[doc = concat!("Requirements of section ", $section, ".")]
            #[allow(clippy::doc_markdown, reason = "requirement texts are written for reports as well")]
            pub(crate) mod $module {
                use crate::requirement::Requirement;

                $(
                    #[doc = $text]
                    pub(crate) const $name: Requirement =
                        Requirement::$level(concat!($document, "/", $section, "/", $number), $text);
                )+
            }
        )*

        /// Requirements that have checks, in document order.
        pub(crate) const ALL: &[crate::requirement::Requirement] = &[$($($module::$name,)+)*];

        /// Identifiers of requirements that cannot be observed over HTTP, with the reason.
        pub(crate) const NOT_OBSERVABLE: &[(&str, &str)] =
            &[$((concat!($document, "/", $unobservable), $reason),)*];
    };
}
pub(crate) use requirements;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_sort_in_document_order() {
        let ids = [
            "rfc7285/8.3/2",
            "rfc7285/8.3/10",
            "rfc7285/8.3.1/1",
            "rfc7285/11.2.1.6/1",
            "rfc8895/6.6/3",
            "rfc8895/6.6/3b",
            "rfc8895/6.6/4",
            "rfc9274/3.2/1",
            "rfc9569/9/1",
            "rfc9569/A/1",
        ];
        let mut sorted: Vec<_> = ids.iter().rev().map(|id| Requirement::def(id, "")).collect();
        sorted.sort_by_key(Requirement::order);
        assert_eq!(sorted.iter().map(|requirement| requirement.id).collect::<Vec<_>>(), ids);
    }

    #[test]
    fn prefixes_match_at_part_boundaries_only() {
        let requirement = Requirement::def("rfc7285/11.2.1.6/1", "");
        for prefix in ["rfc7285", "rfc7285/11", "rfc7285/11.2", "rfc7285/11.2.1.6/", "rfc7285/11.2.1.6/1", ""] {
            assert_eq!(requirement.is_within(prefix), !prefix.is_empty(), "{prefix}");
        }
        assert!(!requirement.is_within("rfc7285/1"));
        assert!(!requirement.is_within("rfc9274"));
    }
}
