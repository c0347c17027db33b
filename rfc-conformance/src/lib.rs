//! A black-box conformance suite for ALTO (RFC 7285) servers and clients. It knows JSON and HTTP, and shares no code with
//! the programs it grades.
//!
//! Given the URI of a root directory, [`run()`] reads all directories reachable from it ([`Subject`]), runs the checks of
//! every standard ([`catalogue`]) and gives each requirement a [`Verdict`]. Expected answers are derived from other answers
//! of the same server: PIDs, prefixes and costs from its full maps, addresses from its prefixes. A requirement for which
//! nothing could be examined is skipped, with the reason; it never passes.
//!
//! From the ground up:
//! - `requirement`: identifiers, levels, and the macro that declares a standard's table;
//! - `http`: requests, exchanges and their records;
//! - `json`, `schema`, `address`, `name`, `entity`, `metric`: syntax of messages;
//! - `view`, `property_map`: network maps, cost maps and property maps, by value;
//! - `subject`: the server under test;
//! - `verdict`, `sheet`, `survey`: findings, and the notes from which verdicts result;
//! - `context`, `sample`, `malformed`, `assertion`: everything that checks share;
//! - `framing`: raw HTTP, byte by byte; `updates`: what is followed, in streams and views; `change`: changes of the data;
//! - `control`: one ordinary request to every resource, before the checks;
//! - `check`, `standard`: types of checks and standards;
//! - `rfc7285`, `rfc8189`, ...: one folder for each standard, with its table of requirements and its checks;
//! - [`catalogue`]: all standards;
//! - `explanation`: failures that others explain;
//! - `run`: runs of the suite; `report`, `expect`, `matrix`: evaluation of results;
//! - `validate`: checks of stored messages without a server;
//! - [`mock_server`]: a scripted ALTO server; [`clients`]: grades clients with it;
//! - [`cli`]: the command line.

// Both end a program whose output nobody reads any more; `command_line` has what does not.
#![warn(clippy::print_stderr, clippy::print_stdout)]

mod address;
mod assertion;
pub mod catalogue;
mod change;
mod check;
pub mod cli;
pub mod clients;
mod context;
mod control;
mod entity;
mod exit;
mod expect;
mod explanation;
mod framing;
mod http;
mod json;
mod malformed;
mod matrix;
mod metric;
pub mod mock_server;
mod name;
mod property_map;
mod report;
mod requirement;
mod run;
mod sample;
mod schema;
mod sheet;
mod standard;
mod subject;
mod suite;
mod survey;
mod updates;
mod validate;
mod verdict;
mod view;
mod wording;

/// Declares the folder of each standard, and the list of all standards.
macro_rules! standards {
    ($($name:ident)+) => {
        $(mod $name;)+

        /// All standards, those with the slowest checks first: they start first, so that the run does not wait for them.
        pub const STANDARDS: &[Standard] = &[$($name::STANDARD,)+ suite::STANDARD];
    };
}

// One folder and one line for each.
standards! {
    rfc8895
    rfc9569
    rfc8189
    rfc9439
    rfc7285
    rfc9240
    rfc9274
    rfc6902
    rfc9110
    rfc9112
    rfc8259
}

pub use change::Change;
pub use check::{Check, Run, When};
pub use context::Context;
pub use exit::Exit;
pub use expect::{ExpectError, Expectations, Surprises};
pub use http::{Answer, Exchange, Failure, MediaType, NoAnswer, Record, Request};
pub use json::{Document, NotJson};
pub use report::{Report, Summary};
pub use requirement::{Level, Requirement};
pub use run::{Options, run};
pub use sheet::{Entry, Sheet};
pub use standard::Standard;
pub use subject::{CostType, DeadEnd, Directory, Kind, Resource, Subject};
pub use validate::{Problem, problems};
pub use verdict::{Evidence, Finding, Grade, Line, Verdict};
