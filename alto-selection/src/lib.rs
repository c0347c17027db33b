//! Peer selection by network cost: which holders of a file to use, and in what order to ask them.
//!
//! * [`Candidate`] is what a policy needs to know about a holder; callers implement it for their own type.
//! * [`Policy`] is the interface of all policies: [`Alto`], [`Best`], [`Nearest`] and [`Random`]. [`PolicyName`] is the
//!   name users write, and [`AnyPolicy`] the policy behind such a name.
//! * [`choose_placed`] applies the policies to candidates that are only counted by place, for a tracker with large swarms.
//! * [`ratings`] combines several costs of each candidate, by weight, into the single cost that policies compare.
//!
//! The crate does no I/O and reads no clock; randomness comes from a generator that the caller passes in, so that equal
//! seeds give equal choices. A call allocates a few buffers, each as long as the list of candidates at most, and nothing
//! per candidate: a tracker can choose 50 of several thousand peers thousands of times a second.

mod candidate;
mod choice;
mod placed;
mod policy;
mod rating;

pub use candidate::{Candidate, Candidates};
pub use placed::{Group, Pick, Tier, Wanted, choose_placed};
pub use policy::{Alto, AnyPolicy, Best, Nearest, Needs, Policy, PolicyName, Random, Shares, UnknownPolicy};
pub use rating::{Criterion, Preference, is_compromise, ratings};
