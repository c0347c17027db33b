//! What the ways of being told of changes have in common.

use alto_types::MediaType;

use crate::error::Error;

/// Open connection to what tells of changes.
pub(super) trait Session: Send {
    /// Waits for news.
    fn next(&mut self) -> Result<Told, Error>;
}

/// Message of a session.
pub(super) enum Told {
    News(News),
    /// Nothing has changed, which a session that asks tells after each round.
    Nothing,
    /// The session is over as a matter of course, and another one may go on.
    Ended(Error),
}

/// Update of a document.
pub(super) struct News {
    /// Place of the document in the list of those followed.
    pub(super) place: usize,
    pub(super) form: Form,
    pub(super) text: Vec<u8>,
}

/// Form of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    MergePatch,
    JsonPatch,
}

impl Form {
    /// Form of a text of some media type.
    pub(super) fn of(media_type: &str) -> Self {
        if MediaType::MERGE_PATCH.names(media_type) {
            Self::MergePatch
        } else if MediaType::JSON_PATCH.names(media_type) {
            Self::JsonPatch
        } else {
            Self::Whole
        }
    }
}
