//! The checks, one for each fuzz target and its corpus.

/// Check of one input, which panics if it finds a fault.
pub type Check = fn(&[u8]);

/// Declares the modules of the targets and lists them.
macro_rules! targets {
    ($($name:ident,)*) => {
        $(pub mod $name;)*

        /// Every target by name.
        pub const ALL: &[(&str, Check)] = &[$((stringify!($name), $name::check),)*];
    };
}

targets! {
    accept,
    bgp_ls,
    bmp,
    costmap_filter,
    csv,
    digest_header,
    endpointcost_params,
    endpointprop_params,
    isis,
    link_changes,
    manifest,
    networkmap_filter,
    ospf,
    prefix_lines,
    prometheus,
    propmap_params,
    range,
    rfc8345,
    swarm_bodies,
    topohub,
    topology,
    tracker_answer,
    tracker_query,
    tracker_udp,
    zoo,
}
