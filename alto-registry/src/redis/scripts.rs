//! The scripts of the registry, one for each kind of write.

use std::sync::LazyLock;

use crate::shared::Script;

/// Functions that the scripts share.
const COMMON: &str = include_str!("scripts/common.lua");

macro_rules! scripts {
    ($($(#[$meta:meta])* $name:ident: $file:literal,)+) => {
        $(
            $(#[$meta])*
            pub(super) fn $name() -> &'static Script {
                static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
                    Script::new(stringify!($name), &format!("{COMMON}\n{}", include_str!($file)))
                });
                &SCRIPT
            }
        )+

        /// All of them, for the store to learn.
        pub(super) fn all() -> Vec<&'static Script> {
            vec![$($name()),+]
        }
    };
}

scripts! {
    /// Makes a registration.
    register: "scripts/register.lua",
    /// Replaces what a registration says.
    renew: "scripts/renew.lua",
    /// Changes what a registered peer holds.
    announce: "scripts/announce.lua",
    /// Changes what the peer at an address holds.
    announce_from: "scripts/announce_from.lua",
    /// Ends a registration.
    leave: "scripts/leave.lua",
    /// Tells how long an address is taken.
    remaining: "scripts/remaining.lua",
    /// Renews leases in bulk.
    beat: "scripts/beat.lua",
    /// Ends what is due.
    expire: "scripts/expire.lua",
}
