//! Events of a stream, in the form of Server-Sent Events (RFC 8895 §5.1).

use std::sync::Arc;

use alto_history::{Form, Item, Text};
use alto_types::{ControlEvent, MediaType};
use bytes::Bytes;

use crate::http::admission::Reader;

/// Longest event that is written in one piece, in bytes. Copying less costs less than a second write.
const AT_ONCE: usize = 8 * 1024;

/// Event with an update, on its way line by line.
pub(super) struct DataEvent {
    /// Name of the event: the media type and the substream.
    head: String,
    text: Arc<Text>,
    /// Line that is next.
    line: usize,
    _reader: Option<Reader>,
}

/// Comment that shows that the stream lives.
pub(super) const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// Returns a control event (RFC 8895 §5.3).
pub(super) fn control(event: &ControlEvent) -> Bytes {
    let json = serde_json::to_string(event).expect("control events are texts");
    format!("event: {}\ndata: {json}\n\n", MediaType::UPDATE_STREAM_CONTROL).into()
}

/// Media type of an item, where `whole` is that of whole documents.
pub(super) fn media_type(form: Form, whole: MediaType) -> MediaType {
    match form {
        Form::Whole => whole,
        Form::MergePatch => MediaType::MERGE_PATCH,
        Form::JsonPatch => MediaType::JSON_PATCH,
    }
}

impl DataEvent {
    /// Begins the event with an update of a substream. The reader counts the bytes that wait in memory.
    pub(super) fn new(item: Item, whole: MediaType, substream: &str, reader: Option<Reader>) -> Self {
        let head = format!("event: {},{substream}\n", media_type(item.form, whole));
        Self { head, text: item.text, line: 0, _reader: reader }
    }

    /// Returns the next piece, and whether it is the last one.
    pub(super) fn next(&mut self) -> (Bytes, bool) {
        let body = self.text.body();
        if body.len() <= AT_ONCE {
            return ([self.head.as_bytes(), b"data: ", body, b"\n\n"].concat().into(), true);
        }
        // Lines are parts of the text that all readers share; what stands between them is written in between.
        let (place, lines) = (self.line / 2, self.text.line_count());
        self.line += 1;
        if self.line.is_multiple_of(2) {
            return (self.text.line(place), false);
        }
        match place {
            0 => (format!("{}data: ", self.head).into(), false),
            last if last == lines => (Bytes::from_static(b"\n\n"), true),
            _ => (Bytes::from_static(b"\ndata: "), false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(body: String) -> String {
        let item = Item { form: Form::MergePatch, text: Arc::new(Text::new(body.into())) };
        let mut event = DataEvent::new(item, MediaType::COST_MAP, "c", None);
        let mut all = Vec::new();
        loop {
            let (piece, is_last) = event.next();
            all.extend_from_slice(&piece);
            if is_last {
                return String::from_utf8(all).unwrap();
            }
        }
    }

    #[test]
    fn a_short_event_has_one_line_of_data() {
        assert_eq!(written("{\"a\":1}".to_owned()), "event: application/merge-patch+json,c\ndata: {\"a\":1}\n\n");
    }

    #[test]
    fn a_long_event_has_short_lines_that_join_to_its_text() {
        let body = serde_json::to_string(&(0..90_000).collect::<Vec<_>>()).unwrap();
        let text = written(body.clone());
        let lines: Vec<_> = text.strip_suffix("\n\n").unwrap().split('\n').collect();
        assert_eq!(lines[0], "event: application/merge-patch+json,c");
        assert!(lines.len() > 8 && lines.iter().all(|line| line.len() <= 64 * 1024));
        let data: Vec<_> = lines[1..].iter().map(|line| line.strip_prefix("data: ").unwrap()).collect();
        assert_eq!(data.concat(), body);
    }
}
