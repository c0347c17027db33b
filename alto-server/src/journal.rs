//! The latest warnings and errors of the log, for the page.

use std::collections::VecDeque;
use std::fmt::{Debug, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Number of entries that are kept.
const KEPT: usize = 30;
/// Longest text of an entry, in characters.
const MOST_CHARACTERS: usize = 400;

/// The latest warnings and errors.
#[derive(Default)]
pub(crate) struct Journal(Mutex<VecDeque<Entry>>);

/// Warning or error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) at: SystemTime,
    pub(crate) is_error: bool,
    /// Message with all fields, as the log has it.
    pub(crate) text: String,
}

/// Layer of the log that keeps what a journal has.
pub(crate) struct Recorder(pub(crate) Arc<Journal>);

/// Text of an event.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Journal {
    /// Entries, the newest first.
    pub(crate) fn latest(&self) -> Vec<Entry> {
        self.entries().iter().cloned().collect()
    }

    fn record(&self, entry: Entry) {
        let mut entries = self.entries();
        entries.push_front(entry);
        entries.truncate(KEPT);
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Text without what could name a client or a place on this machine: addresses, prefixes, paths and URIs.
    pub(crate) fn anonymous(&self) -> String {
        let hidden = |word: &str| {
            let around = |c: char| !c.is_ascii_alphanumeric() && !"[]:".contains(c);
            let bare = word.trim_matches(around);
            // A colon at the end may be part of an address or of the sentence.
            let forms = [bare, bare.trim_end_matches(':').trim_matches(around)];
            let is_address = |form: &str| form.parse::<IpAddr>().is_ok() || form.parse::<SocketAddr>().is_ok();
            word.contains(['/', '\\']) || forms.into_iter().any(is_address)
        };
        let words: Vec<&str> = self.text.split(' ').map(|word| if hidden(word) { "…" } else { word }).collect();
        words.join(" ")
    }
}

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let level = *event.metadata().level();
        if level > Level::WARN {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let text = format!("{}{}", text.message, text.fields).chars().take(MOST_CHARACTERS).collect();
        self.0.record(Entry { at: SystemTime::now(), is_error: level == Level::ERROR, text });
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string never fails.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, "; {name}: {value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn texts(log: impl FnOnce()) -> Vec<Entry> {
        let journal = Arc::new(Journal::default());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Recorder(Arc::clone(&journal))), log);
        journal.latest()
    }

    #[test]
    fn the_latest_warnings_and_errors_are_kept() {
        let entries = texts(|| {
            tracing::info!("not kept");
            for number in 0..KEPT + 5 {
                tracing::warn!(number, "a warning");
            }
            tracing::error!(error = %"disk full", name = "é", "an error of {}", 7);
        });
        assert_eq!(entries.len(), KEPT);
        assert_eq!((entries[0].is_error, entries[0].text.as_str()), (true, "an error of 7; error: disk full; name: é"));
        assert_eq!((entries[1].is_error, entries[1].text.as_str()), (false, "a warning; number: 34"));
        let long = texts(|| tracing::warn!("{}", "ä".repeat(10_000)));
        assert_eq!(long[0].text.chars().count(), MOST_CHARACTERS);
    }

    #[test]
    fn an_anonymous_text_names_neither_addresses_nor_paths() {
        let anonymous =
            |text: &str| Entry { at: SystemTime::UNIX_EPOCH, is_error: false, text: text.to_owned() }.anonymous();
        for (text, expected) in [
            ("closed; peer: 192.0.2.1:5000; reason: 12:30", "closed; peer: … reason: 12:30"),
            ("from 2001:db8::1, [2001:db8::1]:80 and (192.0.2.1)", "from … … and …"),
            ("\"192.0.2.1\": /etc/alto/key.pem: cannot be read", "… … cannot be read"),
            ("network 2001:db8:: and `2001:db8::1`:", "network … and …"),
            ("a link a2 b2 is left out", "a link a2 b2 is left out"),
            ("prefix 10.0.0.0/8 of http://a.example/x", "prefix … of …"),
        ] {
            assert_eq!(anonymous(text), expected);
        }
    }
}
