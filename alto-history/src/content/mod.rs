//! One version of a document, as typed maps.

pub(crate) mod costs;
pub(crate) mod keys;
pub(crate) mod rows;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use self::costs::Costs;
use self::keys::Key;
use self::rows::Rows;
use crate::difference::{Change, Difference};
use crate::history::item::Text;
use crate::text;

/// One version of a document: its `meta`, and one data member.
#[derive(Debug)]
pub struct Content {
    meta: Meta,
    /// Name of the data member.
    member: &'static str,
    table: Table,
    whole: OnceLock<Arc<Text>>,
}

/// The `meta` of a document.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    /// Members other than the version tag, each with its JSON.
    pub members: Vec<(Key, Bytes)>,
    /// Version tag of the document, if it has one (RFC 7285 §10.3).
    pub vtag: Option<Vtag>,
}

/// A version tag.
#[derive(Clone, Debug)]
pub struct Vtag {
    /// ID of the resource.
    pub resource_id: Key,
    /// Tag of the version.
    pub tag: Key,
}

/// The data member of a document.
#[derive(Debug)]
pub enum Table {
    /// Costs.
    Costs(Costs),
    /// Lists or properties.
    Rows(Rows),
}

impl Content {
    /// Creates a version of a document.
    pub fn new(meta: Meta, member: &'static str, table: Table) -> Self {
        Self { meta, member, table, whole: OnceLock::new() }
    }

    /// Data member.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Version tag, as the JSON text between its quotes, if there is one.
    pub fn tag(&self) -> Option<&str> {
        self.meta.vtag.as_ref().map(|vtag| vtag.tag.as_json())
    }

    /// Tells whether the whole document was rendered, or takes little time to be.
    pub fn is_ready(&self) -> bool {
        /// Longest document that takes little time, in bytes.
        const SHORT: usize = 256 * 1024;

        self.whole.get().is_some() || self.least_len() <= SHORT
    }

    /// The whole document, rendered at the first call.
    pub fn whole(&self) -> &Arc<Text> {
        self.whole.get_or_init(|| Arc::new(Text::new(self.render().into())))
    }

    /// Shortest length that the whole document may have, in bytes; the exact one if it is rendered.
    pub(crate) fn least_len(&self) -> usize {
        let table = || match &self.table {
            Table::Costs(costs) => costs.least_len(),
            Table::Rows(rows) => rows.least_len(),
        };
        self.whole.get().map_or_else(table, |whole| whole.body().len())
    }

    fn render(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        out.extend_from_slice(b"{\"meta\":{");
        let mut has_members = false;
        let mut name = |out: &mut Vec<u8>, key: &str| {
            if std::mem::replace(&mut has_members, true) {
                out.push(b',');
            }
            text::string(out, key);
            out.push(b':');
        };
        for (key, value) in &self.meta.members {
            name(&mut out, key.as_json());
            out.extend_from_slice(value);
        }
        if let Some(Vtag { resource_id, tag }) = &self.meta.vtag {
            name(&mut out, "vtag");
            out.extend_from_slice(b"{\"resource-id\":");
            text::string(&mut out, resource_id.as_json());
            out.extend_from_slice(b",\"tag\":");
            text::string(&mut out, tag.as_json());
            out.push(b'}');
        }
        out.extend_from_slice(b"},");
        text::string(&mut out, self.member);
        out.push(b':');
        match &self.table {
            Table::Costs(costs) => costs.append(&mut out),
            Table::Rows(rows) => rows.append(&mut out),
        }
        out.push(b'}');
        out
    }

    /// Returns what differs in a later version of the document.
    pub fn difference(&self, next: &Self) -> Difference {
        let mut difference = Difference::new(self.member);
        for (key, value) in &next.meta.members {
            let old = self.meta.members.iter().find(|(known, _)| known == key);
            if old.is_none_or(|(_, old)| old != value) {
                let value = Some(difference.value(|out| out.extend_from_slice(value)));
                difference.meta.push(Change { key: key.clone(), had: old.is_some(), value, steps: None });
            }
        }
        for (key, _) in &self.meta.members {
            if !next.meta.members.iter().any(|(known, _)| known == key) {
                difference.meta.push(Change { key: key.clone(), had: true, value: None, steps: None });
            }
        }
        difference.tags =
            self.meta.vtag.as_ref().zip(next.meta.vtag.as_ref()).map(|(old, new)| (old.tag.clone(), new.tag.clone()));
        match (&self.table, &next.table) {
            (Table::Costs(old), Table::Costs(new)) => old.compare(new, &mut difference),
            (Table::Rows(old), Table::Rows(new)) => old.compare(new, &mut difference),
            // A resource has one kind of table.
            _ => {}
        }
        difference
    }
}
