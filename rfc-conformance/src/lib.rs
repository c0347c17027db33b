//! A black-box conformance suite for ALTO (RFC 7285) servers and clients: it knows JSON and HTTP, and shares no code
//! with what it judges.
//!
//! Given the URI of a directory, [`run`] reads everything the directory leads to ([`Target`]), asks each resource what
//! the standards have an opinion about ([`checks`]), and grades every requirement by what it saw ([`Verdict`]).
//! Whatever is compared with an answer is itself taken from answers: PIDs, prefixes and costs from the full maps,
//! addresses from the prefixes. A requirement that nothing could be seen of is skipped, with the reason; it never
//! passes.
//!
//! From the wire upwards:
//! - `http`: sends, bounds and records exchanges;
//! - `json`, `schema`, `address`, `name`, `entity`, `metric`: what a message must look like;
//! - `target`: the closure of the root directory;
//! - `check`, `verdict`, `context`: what a check is, what it notes, what it works with;
//! - [`checks`]: the checks themselves, a file per resource or subject;
//! - `run`: runs them; `report`, `expect`, `matrix`: what is made of the result;
//! - `validate`: judges stored messages without a server;
//! - [`mock_server`]: a small ALTO server that behaves as it is told; [`clients`]: plays it to judge clients.

mod address;
mod assertion;
pub mod catalogue;
mod check;
pub mod clients;
mod context;
mod entity;
mod exit;
mod expect;
mod http;
mod json;
mod malformed;
mod matrix;
mod metric;
pub mod mock_server;
pub mod mock_server;
mod name;
mod options;
mod property_map;
mod report;
mod requirement;
mod rfc7285;
mod rfc8189;
mod rfc9240;
mod rfc9274;
mod rfc9439;
mod run;
mod sample;
mod schema;
mod sheet;
mod standard;
mod subject;
mod suite;
mod survey;
mod validate;
mod verdict;
mod view;
mod wording;

pub use check::{Check, Run, When};
pub use context::Context;
pub use exit::Exit;
pub use expect::{ExpectError, Expectations, Surprises};
pub use http::{Answer, Exchange, Failure, MediaType, NoAnswer, Record, Request};
pub use json::{Document, NotJson};
pub use options::main;
pub use report::{Report, Summary};
pub use requirement::{Level, Requirement};
pub use run::{Options, run};
pub use sheet::{Entry, Sheet};
pub use standard::Standard;
pub use subject::{CostType, DeadEnd, Directory, Kind, Resource, Subject};
pub use validate::problems;
pub use verdict::{Evidence, Finding, Grade, Line, Verdict};
