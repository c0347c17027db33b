//! Integration tests of the suite, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod clients;
mod command_line;
mod documentation;
mod faulty_servers;
mod reference;
