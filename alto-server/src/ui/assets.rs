//! Files that a browser loads besides the page.

use bytes::Bytes;
use http::StatusCode;
use http::header::{ETAG, HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

use super::secured::secured;
use crate::http::{Response, conditional};

/// File of the page.
pub(super) struct Asset {
    /// Name below `/ui/`.
    pub(super) name: &'static str,
    content_type: &'static str,
    body: &'static [u8],
}

/// Media types of files.
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// All files. The first is shared with the reports of other programs.
pub(super) const ASSETS: [Asset; 5] = [
    Asset { name: "base.css", content_type: CSS, body: include_bytes!("assets/base.css") },
    Asset { name: "page.css", content_type: CSS, body: include_bytes!("assets/page.css") },
    Asset { name: "refresh.js", content_type: JAVASCRIPT, body: include_bytes!("assets/refresh.js") },
    Asset { name: "form.js", content_type: JAVASCRIPT, body: include_bytes!("assets/form.js") },
    Asset { name: "live.js", content_type: JAVASCRIPT, body: include_bytes!("assets/live.js") },
];

impl Asset {
    /// Returns an entity tag that changes with the content. It is weak, because the content may be compressed on its way
    /// (RFC 9110 §8.8.1).
    pub(super) fn entity_tag(&self) -> String {
        let digest = Sha256::digest(self.body);
        digest[..8].iter().fold(String::from("W/\""), |tag, byte| tag + &format!("{byte:02x}")) + "\""
    }

    /// Answers GET and HEAD: with the file, or with 304 if the client has it.
    pub(super) fn answer(&self, entity_tag: &str, headers: &HeaderMap) -> Response {
        let strong = entity_tag.trim_start_matches("W/");
        let mut response = if conditional::is_current(headers, strong, None) {
            let mut unchanged = Response::default();
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            unchanged
        } else {
            Response::new(Bytes::from_static(self.body).into())
        };
        if let Ok(tag) = HeaderValue::try_from(entity_tag) {
            response.headers_mut().insert(ETAG, tag);
        }
        secured(response, self.content_type)
    }
}
