//! Costs from every source to every destination, in numbers.

use std::collections::HashMap;
use std::ops::Range;

use super::keys::{Key, Keys};
use crate::difference::{Change, Difference, RowChange};
use crate::text;

/// Number that stands for an undefined cost.
const UNDEFINED: u64 = u64::MAX;

/// Costs from every source to every destination: the data member of a cost map or of an endpoint cost answer.
#[derive(Clone, Debug)]
pub struct Costs {
    /// Sources, one row each.
    pub sources: Keys,
    /// Destinations, which all rows share.
    pub destinations: Keys,
    /// Costs of every type, each with one number for each pair, row by row.
    pub columns: Vec<Column>,
    /// Columns that are in the document.
    pub shown: Shown,
}

/// Costs of one type.
#[derive(Clone, Debug)]
pub struct Column {
    unit: Unit,
    numbers: Vec<u64>,
}

/// What the numbers of a column count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Millionths of the unit of the metric.
    Millionths,
    /// Ranks.
    Ranks,
}

/// Columns that are in a document, by place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// One cost, written as a number.
    One(usize),
    /// Several costs, written as an array with null for what is undefined (RFC 8189 §4.1.3).
    Multi(Vec<usize>),
}

impl Column {
    /// Creates a column without costs.
    pub fn undefined(unit: Unit, pairs: usize) -> Self {
        Self { unit, numbers: vec![UNDEFINED; pairs] }
    }

    /// Sets the cost of a pair.
    pub fn set(&mut self, pair: usize, number: u64) {
        // The largest number is a value that no sum of costs reaches.
        self.numbers[pair] = number.min(UNDEFINED - 1);
    }

    /// Removes the cost of a pair.
    pub fn clear(&mut self, pair: usize) {
        self.numbers[pair] = UNDEFINED;
    }

    /// Cost of a pair, if it has one.
    pub fn get(&self, pair: usize) -> Option<u64> {
        Some(self.numbers[pair]).filter(|number| *number != UNDEFINED)
    }

    /// What the numbers count.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// Costs that are defined, in order of pairs.
    pub fn defined(&self) -> impl Iterator<Item = u64> {
        self.numbers.iter().copied().filter(|number| *number != UNDEFINED)
    }

    /// Replaces the defined costs, in order of pairs, by numbers of another unit.
    pub fn replace_defined(&mut self, unit: Unit, numbers: impl IntoIterator<Item = u64>) {
        let defined = self.numbers.iter_mut().filter(|number| **number != UNDEFINED);
        for (number, new) in defined.zip(numbers) {
            *number = new;
        }
        self.unit = unit;
    }

    fn write(&self, out: &mut Vec<u8>, pair: usize) {
        match self.get(pair) {
            None => out.extend_from_slice(b"null"),
            Some(number) => self.write_number(out, number),
        }
    }

    fn write_number(&self, out: &mut Vec<u8>, number: u64) {
        match self.unit {
            // Whole amounts have no fraction: `13`, not `13.0`.
            Unit::Millionths => text::millionths(out, number),
            Unit::Ranks => text::whole(out, number),
        }
    }
}

impl Costs {
    /// Bytes that the costs take in memory, about.
    pub fn bytes(&self) -> usize {
        let columns: usize = self.columns.iter().map(|column| size_of_val(&*column.numbers)).sum();
        columns + self.sources.bytes() + self.destinations.bytes()
    }

    /// Tells whether a pair is in the document. A pair without any value may be left out (RFC 8189 §4.1.3).
    fn has(&self, pair: usize) -> bool {
        match &self.shown {
            Shown::One(column) => self.columns[*column].get(pair).is_some(),
            Shown::Multi(shown) => shown.iter().any(|column| self.columns[*column].get(pair).is_some()),
        }
    }

    /// Appends the members of a source's object, those of the destinations from `first` on, until the text has `length`
    /// bytes or more. Returns the destination that is next; `has_members` tells whether the object has a member already.
    pub fn write_members(
        &self,
        out: &mut Vec<u8>,
        (source, first): (usize, usize),
        has_members: &mut bool,
        length: usize,
    ) -> usize {
        let mut begin = |out: &mut Vec<u8>, mut key: Range<usize>| {
            // There is no comma before the first.
            key.start += usize::from(!std::mem::replace(has_members, true));
            self.destinations.append(out, key);
        };
        // Large answers consist of single costs, of which one look at the number tells all.
        let only = match &self.shown {
            Shown::One(column) => Some(&self.columns[*column]),
            Shown::Multi(_) => None,
        };
        let row = self.pair(source, 0);
        for (destination, key) in self.destinations.starting_at(first) {
            let pair = row + destination;
            if let Some(column) = only {
                let Some(number) = column.get(pair) else { continue };
                begin(out, key);
                column.write_number(out, number);
            } else if self.has(pair) {
                begin(out, key);
                self.write(out, pair);
            }
            if out.len() >= length {
                return destination + 1;
            }
        }
        self.destinations.len()
    }

    /// Appends the value of a pair that is in the document.
    fn write(&self, out: &mut Vec<u8>, pair: usize) {
        match &self.shown {
            Shown::One(column) => self.columns[*column].write(out, pair),
            Shown::Multi(shown) => {
                let mut separator = b'[';
                for column in shown {
                    out.push(std::mem::replace(&mut separator, b','));
                    self.columns[*column].write(out, pair);
                }
                out.push(b']');
            }
        }
    }

    /// Appends all costs as an object.
    pub(super) fn append(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for source in 0..self.sources.len() {
            if source > 0 {
                out.push(b',');
            }
            out.extend_from_slice(self.sources.get(source));
            out.push(b'{');
            self.write_members(out, (source, 0), &mut false, usize::MAX);
            out.push(b'}');
        }
        out.push(b'}');
    }

    /// Shortest length that the text may have, in bytes.
    pub(super) fn least_len(&self) -> usize {
        let row = |source: usize| {
            let start = self.pair(source, 0);
            (start..start + self.destinations.len()).filter(|pair| self.has(*pair)).count()
        };
        let pairs: usize = (0..self.sources.len()).map(row).sum();
        let shortest_key = (0..self.destinations.len()).map(|place| self.destinations.get(place).len()).min();
        self.sources.text_len() + pairs * (shortest_key.unwrap_or(0) + 1)
    }

    /// Notes what differs in another version.
    pub(super) fn compare(&self, next: &Self, difference: &mut Difference) {
        if self.sources.are_same(&next.sources) && self.destinations.are_same(&next.destinations) {
            self.compare_numbers(next, difference);
        } else {
            self.compare_by_key(next, difference);
        }
    }

    fn pair(&self, source: usize, destination: usize) -> usize {
        source * self.destinations.len() + destination
    }

    /// Columns of both versions that are in the document.
    fn shown_columns<'a>(&'a self, next: &'a Self) -> Vec<(&'a Column, &'a Column)> {
        let (old, new) = (self.shown_places(), next.shown_places());
        old.iter().zip(new).map(|(old, new)| (&self.columns[*old], &next.columns[*new])).collect()
    }

    fn shown_places(&self) -> &[usize] {
        match &self.shown {
            Shown::One(column) => std::slice::from_ref(column),
            Shown::Multi(shown) => shown,
        }
    }

    /// Compares versions with the same sources and destinations, number by number.
    fn compare_numbers(&self, next: &Self, difference: &mut Difference) {
        let shown = self.shown_columns(next);
        for source in 0..self.sources.len() {
            let row = self.pair(source, 0)..self.pair(source + 1, 0);
            if shown.iter().all(|(old, new)| old.numbers[row.clone()] == new.numbers[row.clone()]) {
                continue;
            }
            let mut changes = Vec::new();
            for (destination, pair) in row.enumerate() {
                if shown.iter().any(|(old, new)| old.numbers[pair] != new.numbers[pair]) {
                    changes.extend(self.change((pair, pair), next, destination, difference));
                }
            }
            difference.rows.push((next.sources.each()[source].clone(), RowChange::Changed(changes)));
        }
    }

    /// Describes the change of a pair, which has a place in each version.
    fn change(
        &self,
        (old, new): (usize, usize),
        next: &Self,
        destination: usize,
        difference: &mut Difference,
    ) -> Option<Change> {
        let had = self.has(old);
        let value = next.has(new).then(|| difference.value(|out| next.write(out, new)));
        let key = || next.destinations.each()[destination].clone();
        (had || value.is_some()).then(|| Change { key: key(), had, value, steps: None })
    }

    /// Compares versions whose sources or destinations differ.
    fn compare_by_key(&self, next: &Self, difference: &mut Difference) {
        let places = |keys: &Keys| -> HashMap<Key, usize> { keys.each().iter().cloned().zip(0..).collect() };
        let (old_sources, old_destinations) = (places(&self.sources), places(&self.destinations));
        let (new_sources, new_destinations) = (places(&next.sources), places(&next.destinations));
        let shown = self.shown_columns(next);
        for (source, key) in next.sources.each().iter().enumerate() {
            let Some(old_source) = old_sources.get(key) else {
                let defined = |destination: &usize| next.has(next.pair(source, *destination));
                let members: Vec<_> = (0..next.destinations.len())
                    .filter(defined)
                    .map(|destination| {
                        let value = difference.value(|out| next.write(out, next.pair(source, destination)));
                        (next.destinations.each()[destination].clone(), value)
                    })
                    .collect();
                difference.rows.push((key.clone(), RowChange::Added(members)));
                continue;
            };
            let mut changes = Vec::new();
            for (destination, key) in next.destinations.each().iter().enumerate() {
                let new = next.pair(source, destination);
                match old_destinations.get(key).map(|destination| self.pair(*old_source, *destination)) {
                    Some(old) if shown.iter().any(|(before, after)| before.numbers[old] != after.numbers[new]) => {
                        changes.extend(self.change((old, new), next, destination, difference));
                    }
                    None if next.has(new) => {
                        let value = Some(difference.value(|out| next.write(out, new)));
                        changes.push(Change { key: key.clone(), had: false, value, steps: None });
                    }
                    _ => {}
                }
            }
            for (destination, key) in self.destinations.each().iter().enumerate() {
                if !new_destinations.contains_key(key) && self.has(self.pair(*old_source, destination)) {
                    changes.push(Change { key: key.clone(), had: true, value: None, steps: None });
                }
            }
            if !changes.is_empty() {
                difference.rows.push((key.clone(), RowChange::Changed(changes)));
            }
        }
        for (source, key) in self.sources.each().iter().enumerate() {
            if !new_sources.contains_key(key) {
                let keys = self.destinations.each().iter().enumerate();
                let had = keys.filter(|(destination, _)| self.has(self.pair(source, *destination)));
                difference.rows.push((key.clone(), RowChange::Removed(had.map(|(_, key)| key.clone()).collect())));
            }
        }
    }
}
