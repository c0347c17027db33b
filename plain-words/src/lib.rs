//! What libraries say about files, messages and connections, in plain words.
//!
//! Parsers describe what they expected in words of their own. Those who wrote a file or a request want to know where the
//! fault is, what stands there, and what belongs there; and they want to know of all faults, not of the first one.
//!
//! * [`parse`] reads JSON as a value of any type that can be deserialised, and describes all [`Faults`] of its form.
//! * [`convert`] does so with a part of a document, and [`explain`] after another parser failed.
//! * [`syntax`] describes texts that are not JSON at all.
//! * [`plain`] translates what a deserialiser says about a value.
//! * [`is_misspelt`] finds the word that was probably meant.
//! * [`tls_fault`] translates why a connection over TLS failed.

mod fault;
mod parse;
mod retry;
mod spelling;
pub mod syntax;
mod tls;
mod words;

pub use fault::{Fault, Faults};
pub use parse::{convert, explain, parse, parse_str};
pub use spelling::is_misspelt;
pub use tls::tls_fault;
pub use words::plain;
