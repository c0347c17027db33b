//! Counts of what an importer found, and of what it had to assume.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// Counts by subject, in the order in which the subjects were first counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assumptions(Vec<Count>);

/// The count of one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Count {
    /// Key in reports.
    key: &'static str,
    number: usize,
    /// Text of the warning, completing the number; `None` for what is a fact rather than an assumption.
    warning: Option<String>,
}

impl Assumptions {
    /// Counts something that was found.
    pub fn found(&mut self, key: &'static str, number: usize) {
        self.add(key, number, None);
    }

    /// Counts something that was assumed; `warning` completes the number, as in `5 links have no speed`.
    pub fn assumed(&mut self, key: &'static str, number: usize, warning: impl Into<String>) {
        self.add(key, number, Some(warning.into()));
    }

    fn add(&mut self, key: &'static str, number: usize, warning: Option<String>) {
        match self.0.iter_mut().find(|count| count.key == key) {
            Some(count) => count.number += number,
            None => self.0.push(Count { key, number, warning }),
        }
    }

    /// Returns a count by its key.
    pub fn count(&self, key: &str) -> usize {
        self.0.iter().find(|count| count.key == key).map_or(0, |count| count.number)
    }

    /// Returns the one line of warning, if anything was assumed.
    pub fn warning(&self) -> Option<String> {
        let assumed = self.0.iter().filter(|count| count.number > 0);
        let texts: Vec<String> = assumed
            .filter_map(|count| count.warning.as_ref().map(|warning| format!("{} {warning}", count.number)))
            .collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }
}

impl Serialize for Assumptions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for count in &self.0 {
            map.serialize_entry(count.key, &count.number)?;
        }
        map.end()
    }
}

impl fmt::Display for Assumptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.warning().unwrap_or_default())
    }
}
