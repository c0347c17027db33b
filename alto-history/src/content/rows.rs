//! Two levels of members with texts and lists: network maps and property maps.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;

use super::keys::Key;
use crate::difference::{Change, Difference, RowChange, Step};
use crate::text;

/// Objects by key: the data member of a network map, a property map, or an endpoint property answer.
#[derive(Debug, Default)]
pub struct Rows(Vec<Row>);

/// An object, which versions share that do not differ in it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Name of the object.
    pub key: Key,
    /// Its members, with distinct keys.
    pub cells: Arc<[(Key, Cell)]>,
}

/// Value of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Absence of a value that is data (RFC 9240 §4.6).
    Null,
    /// String, as the JSON text between its quotes.
    Text(Key),
    /// Strings, whose order in all versions is that of one total order.
    List(List),
}

/// Distinct strings, such as the prefixes of a PID.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// Elements as JSON, with commas between them.
    text: Bytes,
    /// End of each element in the text.
    ends: Arc<[u32]>,
}

impl Rows {
    /// Creates the objects, whose keys are distinct.
    pub fn new(rows: Vec<Row>) -> Self {
        Self(rows)
    }

    /// Objects in their order.
    pub fn rows(&self) -> &[Row] {
        &self.0
    }

    pub(super) fn append(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (place, row) in self.0.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            text::string(out, row.key.as_json());
            out.extend_from_slice(b":{");
            for (place, (key, cell)) in row.cells.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                text::string(out, key.as_json());
                out.push(b':');
                cell.append(out);
            }
            out.push(b'}');
        }
        out.push(b'}');
    }

    /// Shortest length that the text may have, in bytes.
    pub(super) fn least_len(&self) -> usize {
        let cell = |(key, cell): &(Key, Cell)| key.as_json().len() + 4 + cell.len();
        self.0.iter().map(|row| row.key.as_json().len() + 4 + row.cells.iter().map(cell).sum::<usize>()).sum()
    }

    /// Notes what differs in another version.
    pub(super) fn compare(&self, next: &Self, difference: &mut Difference) {
        let is_same_order = self.0.len() == next.0.len() && self.0.iter().zip(&next.0).all(|(a, b)| a.key == b.key);
        if is_same_order {
            for (old, new) in self.0.iter().zip(&next.0) {
                old.compare(new, difference);
            }
            return;
        }
        let mut old: HashMap<&Key, &Row> = self.0.iter().map(|row| (&row.key, row)).collect();
        for new in &next.0 {
            if let Some(old) = old.remove(&new.key) {
                old.compare(new, difference);
            } else {
                let member = |(key, cell): &(Key, Cell)| (key.clone(), difference.value(|out| cell.append(out)));
                let members = new.cells.iter().map(member).collect();
                difference.rows.push((new.key.clone(), RowChange::Added(members)));
            }
        }
        for row in self.0.iter().filter(|row| old.contains_key(&row.key)) {
            let had = row.cells.iter().map(|(key, _)| key.clone()).collect();
            difference.rows.push((row.key.clone(), RowChange::Removed(had)));
        }
    }
}

impl Row {
    /// Creates an object.
    pub fn new(key: Key, cells: impl IntoIterator<Item = (Key, Cell)>) -> Self {
        Self { key, cells: cells.into_iter().collect() }
    }

    fn compare(&self, next: &Self, difference: &mut Difference) {
        if Arc::ptr_eq(&self.cells, &next.cells) || self.cells == next.cells {
            return;
        }
        // Objects have few members, or the same ones in the same order.
        let find = |cells: &[(Key, Cell)], key: &Key, place: usize| {
            let at_place = cells.get(place).filter(|(known, _)| known == key);
            at_place.or_else(|| cells.iter().find(|(known, _)| known == key)).map(|(_, cell)| cell.clone())
        };
        let mut changes = Vec::new();
        for (place, (key, cell)) in next.cells.iter().enumerate() {
            let old = find(&self.cells, key, place);
            if old.as_ref() == Some(cell) {
                continue;
            }
            let steps = match (&old, cell) {
                (Some(Cell::List(old)), Cell::List(new)) => {
                    old.step_to(new, difference).map(|step| Box::new(vec![step]))
                }
                _ => None,
            };
            let value = Some(difference.value(|out| cell.append(out)));
            changes.push(Change { key: key.clone(), had: old.is_some(), value, steps });
        }
        for (place, (key, _)) in self.cells.iter().enumerate() {
            if find(&next.cells, key, place).is_none() {
                changes.push(Change { key: key.clone(), had: true, value: None, steps: None });
            }
        }
        if !changes.is_empty() {
            difference.rows.push((self.key.clone(), RowChange::Changed(changes)));
        }
    }
}

impl Cell {
    fn append(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Text(value) => text::string(out, value.as_json()),
            Self::List(list) => {
                out.push(b'[');
                out.extend_from_slice(&list.text);
                out.push(b']');
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Null => 4,
            Self::Text(value) => value.as_json().len() + 2,
            Self::List(list) => list.text.len() + 2,
        }
    }
}

impl List {
    /// Collects elements whose text needs no escapes in JSON, such as prefixes.
    pub fn of_plain<E: Display>(elements: impl IntoIterator<Item = E>) -> Self {
        use std::io::Write as _;

        let (mut text, mut ends) = (Vec::new(), Vec::new());
        for element in elements {
            if !text.is_empty() {
                text.push(b',');
            }
            // Writing to a vector never fails.
            let _ = write!(text, "\"{element}\"");
            ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        Self { text: text.into(), ends: ends.into() }
    }

    /// Elements as JSON.
    fn elements(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|end| *end as usize + 1));
        starts.zip(self.ends.iter()).map(|(start, end)| &self.text[start..*end as usize])
    }

    /// Describes the way to another list: elements removed from the back, then elements inserted from the front. None if
    /// the elements that remain are not in the same order.
    fn step_to(&self, next: &Self, difference: &mut Difference) -> Option<Step> {
        let old: HashSet<&[u8]> = self.elements().collect();
        let new: HashSet<&[u8]> = next.elements().collect();
        let kept = self.elements().filter(|element| new.contains(element));
        if !kept.eq(next.elements().filter(|element| old.contains(element))) {
            return None;
        }
        let place = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let removed = self.elements().enumerate().filter(|(_, element)| !new.contains(element));
        let mut removed: Vec<u32> = removed.map(|(index, _)| place(index)).collect();
        removed.reverse();
        let added = next.elements().enumerate().filter(|(_, element)| !old.contains(element));
        let added =
            added.map(|(index, element)| (place(index), difference.value(|out| out.extend_from_slice(element))));
        Some(Step { removed, added: added.collect() })
    }
}
