//! BGP: messages and archives of them. [`decode`] alone knows the library that parses them, and
//! [`link_state`] decodes BGP-LS.

pub mod decode;
pub mod link_state;
