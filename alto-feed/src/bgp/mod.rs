//! BGP: messages and archives of them. [`decode`] alone knows the library that parses them.

pub mod decode;
