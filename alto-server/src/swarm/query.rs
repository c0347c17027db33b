//! Query strings of `/swarm`.

use alto_types::swarm::{FileId, FileIdError};

use super::error::SwarmError;
use crate::http::Exchange;

/// Rows of a list where the request does not say.
const DEFAULT_ROWS: usize = 200;
/// Greatest number of rows of a list, whatever the request says.
const MAX_ROWS: usize = 1000;

/// Parameters of a request.
#[derive(Default)]
pub(super) struct Query {
    pub(super) name: Option<String>,
    pub(super) after: Option<FileId>,
    pub(super) except: Option<alto_registry::PeerId>,
    limit: Option<usize>,
}

impl Query {
    /// Reads the query string of a request. Parameters that are empty or unknown are ignored.
    pub(super) fn of(exchange: &Exchange) -> Result<Self, SwarmError> {
        let query = exchange.target.query().unwrap_or_default();
        let mut read = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty()) {
            match key.as_ref() {
                "name" => read.name = Some(value.into_owned()),
                "after" => read.after = Some(file_id("after", &value)?),
                // A text that is not a peer ID leaves nobody out.
                "except" => read.except = value.parse().ok(),
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| *limit > 0);
                    let limit = limit.ok_or_else(|| SwarmError::malformed("limit", "is not a number above 0"))?;
                    read.limit = Some(limit);
                }
                _ => {}
            }
        }
        Ok(read)
    }

    /// Number of rows to answer with.
    pub(super) fn rows(&self) -> usize {
        self.limit.unwrap_or(DEFAULT_ROWS).min(MAX_ROWS)
    }
}

/// Parses the ID of a file, which is the part `field` of a request.
pub(super) fn file_id(field: &str, text: &str) -> Result<FileId, SwarmError> {
    text.parse().map_err(|error: FileIdError| SwarmError::malformed(field, error.to_string()))
}
