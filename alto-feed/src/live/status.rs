//! The state folder: what the feed reports about itself, and what operators confirm.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use topo::file::TopologyFile;

use super::network::{Known, Network};
use super::prefixes::Prefixes;
use crate::output;

/// Name of the report.
const REPORT: &str = "status.json";
/// Name of the file with the topology that the server has.
const NETWORK: &str = "network.json";
/// Name of the file with the prefixes that the server has.
const PREFIXES: &str = "prefixes.txt";
/// Beginning of its first line, which ends with the sequence number.
const SEQUENCE: &str = "# sequence ";
/// Name of the file that confirms what is held back.
const CONFIRMATION: &str = "confirmed";

/// The state folder.
#[derive(Clone, Debug)]
pub struct StatusFolder(PathBuf);

/// Counts and state of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// Rounds so far.
    pub rounds: u64,
    /// Rounds in which the sources could not be read.
    pub source_failures: u64,
    /// Rounds in which the server could not be told.
    pub server_failures: u64,
    /// Whole topologies sent.
    pub replacements: u64,
    /// Whole sets of prefixes sent.
    #[serde(default)]
    pub prefix_sets: u64,
    /// Changes of single prefixes sent.
    #[serde(default)]
    pub prefix_changes: u64,
    /// Changes of links sent.
    pub link_changes: u64,
    /// Links of which measurements were sent.
    #[serde(default)]
    pub measurements: u64,
    /// Measurements of links that the server does not have.
    #[serde(default)]
    pub unknown_links: u64,
    /// Samples that are no finite number, or whose interface the table lacks.
    #[serde(default)]
    pub unusable_samples: u64,
    /// Rounds in which a change was held back.
    pub held_back: u64,
    /// True if the sources have been silent for too long.
    pub stale: bool,
    /// Reason why a change is held back now.
    pub held: Option<String>,
    /// Latest error of the sources or the server.
    pub error: Option<String>,
}

impl StatusFolder {
    /// Opens a folder, which is created if it is missing.
    pub fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    /// Writes the report, if it changed.
    pub fn write(&self, report: &Report) -> io::Result<()> {
        let json = serde_json::to_string_pretty(report)? + "\n";
        output::replace(&self.0.join(REPORT), json.as_bytes()).map(drop)
    }

    /// Reads the report.
    pub fn read(&self) -> io::Result<Report> {
        let bytes = std::fs::read(self.0.join(REPORT))?;
        plain_words::parse(&bytes, "{}").map_err(|faults| io::Error::new(io::ErrorKind::InvalidData, faults))
    }

    /// Returns what the server had when an earlier run ended, if anything was kept.
    pub fn known(&self) -> Option<Known> {
        let bytes = std::fs::read(self.0.join(NETWORK)).ok()?;
        let topology = TopologyFile::from_json(&bytes, NETWORK).ok()?;
        let text = std::fs::read_to_string(self.0.join(PREFIXES)).ok()?;
        let sequence = text.lines().next()?.strip_prefix(SEQUENCE)?.parse().ok()?;
        let prefixes = Prefixes::parse(&text).ok()?;
        Some(Known { network: Network { topology, prefixes }, sequence })
    }

    /// Keeps what the server has for the next run, its prefixes only if their sequence number is not `kept`. Returns the
    /// sequence number that is kept now.
    ///
    /// The file of prefixes has their sequence number, so that a next run can tell whether the server has just these.
    pub fn write_known(&self, known: Option<&Known>, kept: Option<u64>) -> io::Result<Option<u64>> {
        let Some(Known { network, sequence }) = known else { return Ok(kept) };
        output::replace(&self.0.join(NETWORK), network.topology.to_json().as_bytes())?;
        if kept != Some(*sequence) {
            let text = format!("{SEQUENCE}{sequence}\n{}", network.prefixes.lines());
            output::replace(&self.0.join(PREFIXES), text.as_bytes())?;
        }
        Ok(Some(*sequence))
    }

    /// Confirms what is held back.
    pub fn confirm(&self, reason: &str) -> io::Result<()> {
        output::replace(&self.0.join(CONFIRMATION), reason.as_bytes()).map(drop)
    }

    /// Returns the reason for holding back that an operator confirmed, if any.
    pub fn confirmed(&self) -> Option<String> {
        std::fs::read_to_string(self.0.join(CONFIRMATION)).ok()
    }

    /// Uses up the confirmation.
    pub fn use_up(&self) {
        let _none_was_there = std::fs::remove_file(self.0.join(CONFIRMATION));
    }
}
