//! A black-box conformance suite for ALTO (RFC 7285): it knows JSON and HTTP, and shares no code with what it judges.

pub mod stage;
