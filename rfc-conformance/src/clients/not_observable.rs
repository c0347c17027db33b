//! Client requirements that a server cannot observe.

/// Requirement IDs with the reason.
pub const NOT_OBSERVABLE: &[(&str, &str)] = &[
    ("rfc7285/6.3/3", "what a client takes from a tag shows in rfc7285/11.3.2.6/2 and rfc7285/10.3/2"),
    ("rfc7285/8.3.4.1/1", "frees clients from acting on what they receive; nothing violates it"),
    ("rfc7285/10.7/3", "what a client shows to its developer is not sent to servers"),
    ("rfc7285/11.3.2.3/7", "a number does not tell its unit"),
    ("rfc7285/13.3/1", "STUN is spoken with other servers"),
    ("rfc7285/13.3/2", "STUN is spoken with other servers"),
    ("rfc7285/15.1.3/1", "information that others redistribute does not come from the server"),
    ("rfc7285/15.2.2/1", "what an application makes of guidance is not sent to servers"),
    ("rfc7285/15.4.2/3", "an address does not tell how much of it was left out"),
    ("rfc7285/16.1.1/3", "discovery (RFC 7286) ends where the suite begins"),
    ("rfc7285/16.2.1/1", "logging is not visible over HTTP"),
];
