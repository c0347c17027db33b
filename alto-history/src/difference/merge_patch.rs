//! Merge patches (RFC 7396).

use super::{Change, Difference, RowChange};
use crate::text;

/// Object that is being written, with a comma before each member but the first.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    has_members: bool,
}

impl Difference {
    /// Writes the difference as a merge patch. Returns none if it has values that a merge patch cannot express: null, which
    /// deletes there (RFC 8895 §6.3), and objects in place of objects, which would be merged.
    pub fn merge_patch(&self) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(self.text.len() + 256);
        let mut document = Object::begin(&mut out);
        if !self.meta.is_empty() || self.tags.is_some() {
            let mut meta = document.object("meta");
            if self.meta.iter().any(|change| change.had && self.starts_object(change)) {
                return None;
            }
            self.changes(&self.meta, &mut meta)?;
            if let Some((_, tag)) = &self.tags {
                let mut vtag = meta.object("vtag");
                text::string(vtag.name("tag"), tag.as_json());
                vtag.end();
            }
            meta.end();
        }
        if !self.rows.is_empty() {
            let mut table = document.object(self.member);
            for (key, change) in &self.rows {
                match change {
                    RowChange::Removed(_) => table.name(key.as_json()).extend_from_slice(b"null"),
                    RowChange::Added(members) => {
                        let mut row = table.object(key.as_json());
                        for (key, span) in members {
                            let json = Some(self.json(*span)).filter(|json| *json != b"null")?;
                            row.name(key.as_json()).extend_from_slice(json);
                        }
                        row.end();
                    }
                    RowChange::Changed(changes) => {
                        let mut row = table.object(key.as_json());
                        self.changes(changes, &mut row)?;
                        row.end();
                    }
                }
            }
            table.end();
        }
        document.end();
        Some(out)
    }

    fn changes(&self, changes: &[Change], object: &mut Object<'_>) -> Option<()> {
        for Change { key, value, .. } in changes {
            let json = match value {
                Some(span) => Some(self.json(*span)).filter(|json| *json != b"null")?,
                None => b"null",
            };
            object.name(key.as_json()).extend_from_slice(json);
        }
        Some(())
    }

    fn starts_object(&self, change: &Change) -> bool {
        change.value.is_some_and(|span| self.json(span).starts_with(b"{"))
    }
}

impl<'a> Object<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, has_members: false }
    }

    /// Writes the name of a member, after which its value has to be written.
    fn name(&mut self, key: &str) -> &mut Vec<u8> {
        if std::mem::replace(&mut self.has_members, true) {
            self.out.push(b',');
        }
        text::string(self.out, key);
        self.out.push(b':');
        self.out
    }

    fn object(&mut self, key: &str) -> Object<'_> {
        Object::begin(self.name(key))
    }

    fn end(self) {
        self.out.push(b'}');
    }
}
