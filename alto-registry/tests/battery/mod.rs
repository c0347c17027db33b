//! Tests of the promises of the trait, generic over the backend.

pub mod anonymous;
pub mod lifecycle;
pub mod limits;
pub mod model;
pub mod model_steps;
pub mod queries;
pub mod restart;
pub mod session;

use alto_registry::{Limits, Registry, Timestamp};

/// A backend under test, with the storage that outlives its registry.
pub trait Backend {
    /// Whether changes that were confirmed are there after a restart.
    const SURVIVES_RESTART: bool;
    /// Whether all leases begin anew with a restart, because nobody knows how much was left of them.
    const RENEWS_LEASES: bool = true;
    /// Number of random sequences of calls to compare with the model, as many as take a few seconds.
    const SEQUENCES: u32;

    /// Makes empty storage.
    fn new() -> Self;

    /// Opens the registry that is in the storage. The one that was opened before is closed already.
    fn open(&self, limits: Limits, now: Timestamp) -> Box<dyn Registry>;
}

/// Runs the battery against one backend, in a module of the given name.
macro_rules! battery {
    ($name:ident, $backend:path) => {
        battery!($name, $backend, if true);
    };
    ($name:ident, $backend:path, if $is_there:expr) => {
        mod $name {
            battery!(@cases $backend, $is_there,
                lifecycle::peers_register_find_each_other_and_leave,
                lifecycle::only_the_secret_changes_a_registration,
                lifecycle::an_address_and_port_are_registered_once,
                lifecycle::a_renewal_keeps_id_and_secret_and_may_move,
                lifecycle::leases_end_unless_they_are_renewed,
                lifecycle::time_never_goes_back,
                lifecycle::a_holding_with_a_lease_ends_before_its_peer,
                lifecycle::an_announcement_is_made_whole_or_not_at_all,
                anonymous::announcing_from_an_address_needs_no_registration,
                anonymous::a_peer_without_a_secret_ends_with_its_last_holding,
                anonymous::an_address_with_a_secret_cannot_be_spoken_for,
                limits::the_limit_that_decides_is_named,
                limits::an_ipv6_network_counts_as_one_address,
                limits::lists_are_checked_before_anything_changes,
                queries::files_are_listed_page_by_page_and_by_kind,
                queries::large_swarms_are_sampled_at_random,
                queries::candidates_are_seeds_or_leechers_as_asked,
                queries::disagreeing_holders_keep_their_own_manifest,
                queries::a_false_name_and_size_are_outvoted,
                queries::every_name_of_a_content_leads_to_it,
                queries::files_of_one_name_are_listed_by_their_number_of_holders,
                restart::confirmed_changes_survive_a_restart_if_the_backend_says_so,
                model::random_calls_are_answered_as_by_the_model,
            );
        }
    };
    (@cases $backend:path, $is_there:expr, $($module:ident::$case:ident,)+) => {
        $(
            #[test]
            fn $case() {
                if $is_there {
                    crate::battery::$module::$case::<$backend>();
                }
            }
        )+
    };
}
