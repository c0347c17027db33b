//! Titles of documents and chapters in reports.

use crate::catalogue;

/// Returns the title of a document such as `rfc7285`.
pub(super) fn document(name: &str) -> &'static str {
    catalogue::standard(name).map_or("", |standard| standard.title)
}

/// Returns number and title of the chapter that a section belongs to; the section itself where none is known.
pub(super) fn chapter(document: &str, section: &'static str) -> (&'static str, &'static str) {
    let chapter = catalogue::standard(document).and_then(|standard| standard.chapter(section));
    chapter.unwrap_or((section, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_requirement_belongs_to_a_chapter() {
        for requirement in crate::clients::requirements() {
            let (_, title) = chapter(requirement.document(), requirement.section());
            assert!(!title.is_empty(), "{}", requirement.id);
        }
    }
}
