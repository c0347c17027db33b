//! The BGP Monitoring Protocol (RFC 7854, RFC 8671, RFC 9069): routers connect and tell their routes.
//!
//! [`message`] frames the stream and reads the headers, [`rib`] holds the routes of all routers, and [`listener`] accepts
//! the connections.

pub mod listener;
pub mod message;
pub mod rib;
