//! Faults of a JSON text: where, and what.

use std::fmt;

/// Fault in a JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Path of the value, such as `files[0].id`; empty for the text as a whole.
    pub path: String,
    /// What is wrong, and what belongs there.
    pub problem: String,
}

/// All faults of a JSON text, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub(crate) Vec<Fault>);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, problem } = self;
        if path.is_empty() { f.write_str(problem) } else { write!(f, "{path}: {problem}") }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Faults {
    /// Joins the faults to one: its path is that of the first, and its words name the paths of the others.
    pub fn into_one(self) -> Fault {
        let mut all = self.0.into_iter();
        let first = all.next().unwrap_or_else(|| Fault { path: String::new(), problem: String::new() });
        all.fold(first, |one, more| Fault { problem: format!("{}; {more}", one.problem), ..one })
    }

    /// A fault of the text as a whole.
    pub(crate) fn whole(problem: String) -> Self {
        Self(vec![Fault { path: String::new(), problem }])
    }
}
