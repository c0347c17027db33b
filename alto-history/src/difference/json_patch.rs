//! JSON patches (RFC 6902).

use super::{Change, Difference, RowChange, Span};
use crate::content::keys::Key;
use crate::text;

/// Patch that is being written.
struct Operations {
    out: Vec<u8>,
}

impl Difference {
    /// Writes the difference as a JSON patch, which begins with a test of the tag.
    pub fn json_patch(&self) -> Vec<u8> {
        let mut operations = Operations { out: Vec::with_capacity(self.text.len() + 1024) };
        operations.out.push(b'[');
        if let Some((old, _)) = &self.tags {
            operations.begin("test", "meta", &["vtag", "tag"]);
            operations.value(|out| text::string(out, old.as_json()));
        }
        for (key, change) in &self.rows {
            match change {
                RowChange::Removed(_) => {
                    operations.begin("remove", self.member, &[key.as_json()]);
                    operations.end();
                }
                RowChange::Added(members) => {
                    operations.begin("add", self.member, &[key.as_json()]);
                    operations.value(|out| self.object(members, out));
                }
                RowChange::Changed(changes) => {
                    for change in changes {
                        self.change(change, self.member, Some(key), &mut operations);
                    }
                }
            }
        }
        for change in &self.meta {
            self.change(change, "meta", None, &mut operations);
        }
        if let Some((_, new)) = self.tags.as_ref().filter(|(old, new)| old != new) {
            operations.begin("replace", "meta", &["vtag", "tag"]);
            operations.value(|out| text::string(out, new.as_json()));
        }
        operations.out.push(b']');
        operations.out
    }

    fn change(&self, change: &Change, member: &str, row: Option<&Key>, operations: &mut Operations) {
        let mut path: Vec<&str> = row.iter().map(|key| key.as_json()).collect();
        path.push(change.key.as_json());
        let Some(value) = change.value else {
            operations.begin("remove", member, &path);
            return operations.end();
        };
        if let Some(steps) = &change.steps {
            let before = operations.out.len();
            for step in steps.iter() {
                for index in &step.removed {
                    operations.begin_at("remove", member, &path, *index);
                    operations.end();
                }
                for (index, element) in &step.added {
                    operations.begin_at("add", member, &path, *index);
                    operations.value(|out| out.extend_from_slice(self.json(*element)));
                }
            }
            // The whole list may be shorter than the steps to it.
            let whole = self.json(value).len() + path.iter().map(|key| key.len()).sum::<usize>() + member.len() + 40;
            if operations.out.len() - before <= whole {
                return;
            }
            operations.out.truncate(before);
        }
        operations.begin(if change.had { "replace" } else { "add" }, member, &path);
        operations.value(|out| out.extend_from_slice(self.json(value)));
    }

    fn object(&self, members: &[(Key, Span)], out: &mut Vec<u8>) {
        let mut separator = b'{';
        for (key, span) in members {
            out.push(std::mem::replace(&mut separator, b','));
            text::string(out, key.as_json());
            out.push(b':');
            out.extend_from_slice(self.json(*span));
        }
        if members.is_empty() {
            out.push(b'{');
        }
        out.push(b'}');
    }
}

impl Operations {
    /// Begins an operation on a member, which [`Self::value`] or [`Self::end`] has to end.
    fn begin(&mut self, operation: &str, member: &str, path: &[&str]) {
        self.open(operation, member, path);
        self.out.push(b'"');
    }

    /// Begins an operation on an element of an array.
    fn begin_at(&mut self, operation: &str, member: &str, path: &[&str], index: u32) {
        self.open(operation, member, path);
        self.out.push(b'/');
        text::whole(&mut self.out, index.into());
        self.out.push(b'"');
    }

    fn open(&mut self, operation: &str, member: &str, path: &[&str]) {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
        self.out.extend_from_slice(b"{\"op\":");
        text::string(&mut self.out, operation);
        self.out.extend_from_slice(b",\"path\":\"");
        text::token(&mut self.out, member);
        for key in path {
            text::token(&mut self.out, key);
        }
    }

    fn value(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.extend_from_slice(b",\"value\":");
        write(&mut self.out);
        self.end();
    }

    fn end(&mut self) {
        self.out.push(b'}');
    }
}
