//! Known failures: a run succeeds if exactly these requirements fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::catalogue;
use crate::exit::Exit;
use crate::report::Report;

/// IDs of the requirements that are expected to fail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectations(BTreeSet<String>);

/// Differences between expected and actual failures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surprises {
    /// Requirements that failed unexpectedly.
    pub failed: Vec<String>,
    /// Requirements that were expected to fail and did not.
    pub not_failed: Vec<String>,
}

/// Error in a file of known failures.
#[derive(Debug, thiserror::Error)]
pub enum ExpectError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Cause of the failure.
        source: std::io::Error,
    },
    /// The file names an unknown requirement.
    #[error("{}, line {line}: {id:?} is not checked; --list shows what is", path.display())]
    Unknown {
        /// Path of the file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// Text that is not a requirement ID.
        id: String,
    },
}

impl Expectations {
    /// Reads a file with one ID per line and comments after `#`.
    pub fn from_file(path: &Path) -> Result<Self, ExpectError> {
        let text =
            fs::read_to_string(path).map_err(|source| ExpectError::Unreadable { path: path.to_owned(), source })?;
        let mut expected = BTreeSet::new();
        for (index, line) in text.lines().enumerate() {
            let id = line.split('#').next().unwrap_or_default().trim();
            if id.is_empty() {
                continue;
            }
            if !catalogue::requirements().iter().any(|requirement| requirement.id == id) {
                return Err(ExpectError::Unknown { path: path.to_owned(), line: index + 1, id: id.to_owned() });
            }
            expected.insert(id.to_owned());
        }
        Ok(Self(expected))
    }

    /// Compares the failures of a report with the expected ones, considering only requirements that were graded.
    pub fn surprises(&self, report: &Report) -> Surprises {
        let failed: BTreeSet<_> = report.failures().map(|line| line.requirement.id).collect();
        let graded: BTreeSet<_> = report.lines.iter().map(|line| line.requirement.id).collect();
        let unexpected = failed.iter().filter(|id| !self.0.contains(**id));
        let missing = self.0.iter().filter(|id| graded.contains(id.as_str()) && !failed.contains(id.as_str()));
        Surprises { failed: unexpected.map(|id| (*id).to_owned()).collect(), not_failed: missing.cloned().collect() }
    }
}

impl Surprises {
    /// Returns the outcome of the program.
    pub fn exit(&self, report: &Report) -> Exit {
        if report.could_not_run.is_some() {
            Exit::CouldNotRun
        } else if self.failed.is_empty() && self.not_failed.is_empty() {
            if report.not_changed.is_some() { Exit::Incomplete } else { Exit::Passed }
        } else {
            Exit::Failed
        }
    }
}

impl std::fmt::Display for Surprises {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.failed.is_empty() && self.not_failed.is_empty() {
            return writeln!(f, "Exactly the expected requirements failed.");
        }
        for id in &self.failed {
            writeln!(f, "{id} failed and was not expected to")?;
        }
        for id in &self.not_failed {
            writeln!(f, "{id} was expected to fail and did not: take it off the list")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requirement::Requirement;
    use crate::verdict::{Line, Verdict};

    fn report(lines: &[(&'static str, Verdict)]) -> Report {
        let mut report = Report::empty("http://a/", false);
        let line = |(id, verdict): &(&'static str, Verdict)| Line::new(Requirement::must(id, ""), verdict.clone());
        report.lines = lines.iter().map(line).collect();
        report
    }

    #[test]
    fn exactly_the_expected_failures_are_a_success() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known");
        fs::write(&path, "# known\nrfc7285/8.2/5 # since always\n\n").unwrap();
        let expected = Expectations::from_file(&path).unwrap();
        let skipped = || Verdict::Skipped(String::new());
        let exit = |lines: &[(&'static str, Verdict)]| {
            let report = report(lines);
            expected.surprises(&report).exit(&report)
        };
        assert_eq!(exit(&[("rfc7285/8.2/5", Verdict::Fail), ("rfc7285/8.4/1", skipped())]), Exit::Passed);
        assert_eq!(exit(&[("rfc7285/8.2/5", skipped())]), Exit::Failed);
        assert_eq!(exit(&[("rfc7285/8.2/5", Verdict::Fail), ("rfc7285/8.4/1", Verdict::Fail)]), Exit::Failed);
        assert_eq!(exit(&[("rfc7285/8.4/1", skipped())]), Exit::Passed);
    }

    #[test]
    fn typing_errors_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known");
        fs::write(&path, "\nrfc7285/8.2/55\n").unwrap();
        let error = Expectations::from_file(&path).unwrap_err().to_string();
        assert!(error.ends_with("known, line 2: \"rfc7285/8.2/55\" is not checked; --list shows what is"), "{error}");
    }
}
