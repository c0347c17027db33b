//! Requirements on servers that no question over HTTP can settle, and why.

/// An ID of the ledger with the reason.
pub const NOT_OBSERVABLE: &[(&str, &str)] = &[
    ("rfc7285/3.2/1", "says what caches may do, not what a server must"),
    ("rfc7285/8.2/8", "binds who reads numbers; requests of this protocol have none outside of constraints"),
    ("rfc7285/8.3/1", "the sum of rfc7285/8.3/2 to rfc7285/8.3/15, each graded for itself"),
    ("rfc7285/8.5.2/18", "leaves the order of checks to the server; any fault that is there is accepted"),
    ("rfc7285/8.5.3/1", "needs a server that is overloaded or in maintenance at the time"),
    ("rfc7285/8.5.3/5", "allows connections to be dropped; there is nothing to violate"),
    ("rfc7285/9.1.1/2", "needs two generations of the server's data"),
    ("rfc7285/9.1.1/3", "needs two generations of the server's directory"),
    ("rfc7285/9.1.2/1", "covered by rfc7285/8.3/12 and rfc7285/8.3/17"),
    ("rfc7285/9.1.5/1", "covered by rfc7285/9.2.2/12"),
    ("rfc7285/10.3/2", "binds who compares version tags"),
    ("rfc7285/10.5/1", "superseded by RFC 9274"),
    ("rfc7285/11.2.3.6/4", "binds who reads costs; what a server sends is rfc7285/6.1.2.1/1"),
    ("rfc7285/16.2.1/1", "logging is not visible over HTTP"),
    ("rfc7285/16.2.5/1", "metrics are not part of ALTO"),
    ("rfc9274/3.1/1", "binds who reads a directory; a server names only modes of its own"),
];
