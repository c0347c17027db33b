//! The interface of all policies, and the list of them.
//!
//! A new policy is a file in this folder, with an implementation of [`Policy`], and a line in the list below.

/// Declares the modules of all policies, and from them [`PolicyName`] and [`AnyPolicy`]. A module is named as users write
/// the policy.
macro_rules! policies {
    ($($module:ident: $policy:ident,)+) => {
        $(mod $module;)+
        $(pub use $module::$policy;)+

        /// The name of a policy, as users write it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum PolicyName {
            $(
                #[doc = concat!("Name of [`", stringify!($policy), "`].")]
                $policy,
            )+
        }

        /// Any of the policies, for callers that take the policy from a setting.
        #[derive(Clone, Debug)]
        pub enum AnyPolicy {
            $(
                #[doc = concat!("See [`", stringify!($policy), "`].")]
                $policy($policy),
            )+
        }

        impl PolicyName {
            /// The names of all policies.
            pub const ALL: &[Self] = &[$(Self::$policy,)+];

            /// The name as users write it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$policy => stringify!($module),)+ }
            }

            /// Holders that the policy prefers, in a few words for help texts.
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$policy => <$policy as Policy>::SUMMARY,)+ }
            }

            /// Measurements without which the policy cannot tell candidates apart.
            pub const fn needs(self) -> Needs {
                match self { $(Self::$policy => <$policy as Policy>::NEEDS,)+ }
            }

            /// The policy of this name. Only [`Alto`] uses the shares.
            pub fn build(self, shares: Shares) -> AnyPolicy {
                match self { $(Self::$policy => AnyPolicy::$policy(<$policy as Policy>::new(shares)),)+ }
            }
        }

        impl AnyPolicy {
            /// The name of this policy.
            pub const fn name(&self) -> PolicyName {
                match self { $(Self::$policy(_) => PolicyName::$policy,)+ }
            }

            /// Chooses as [`Policy::choose`] does.
            pub fn choose<C: Candidate, R: Rng + ?Sized>(
                &self, candidates: Candidates<'_, C>, keep: &[usize], limit: usize, rng: &mut R,
            ) -> Vec<usize> {
                match self { $(Self::$policy(policy) => policy.choose(candidates, keep, limit, rng),)+ }
            }

            /// Orders as [`Policy::order`] does.
            pub fn order<C: Candidate, R: Rng + ?Sized>(
                &self, candidates: Candidates<'_, C>, among: &[usize], rng: &mut R,
            ) -> Vec<usize> {
                match self { $(Self::$policy(policy) => policy.order(candidates, among, rng),)+ }
            }
        }
    };
}

policies! {
    alto: Alto,
    best: Best,
    random: Random,
    nearest: Nearest,
}

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use rand::Rng;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};

pub use alto::Shares;

use crate::candidate::{Candidate, Candidates};

/// A way to choose among candidates, which are referred to by their indices in [`Candidates::all`].
pub trait Policy {
    /// Holders that the policy prefers, in a few words for help texts.
    const SUMMARY: &str;
    /// Measurements without which the policy cannot tell candidates apart.
    const NEEDS: Needs;

    /// The policy with these shares, where it has a use for them.
    fn new(shares: Shares) -> Self
    where
        Self: Sized;

    /// Chooses up to `limit` neighbours, without repetition. Those in `keep` are neighbours now: they stay unless the
    /// policy has a better use for their place.
    fn choose<C: Candidate, R: Rng + ?Sized>(
        &self,
        candidates: Candidates<'_, C>,
        keep: &[usize],
        limit: usize,
        rng: &mut R,
    ) -> Vec<usize>;

    /// Orders the neighbours in `among`, all of which have a piece that is wanted: the first that is not busy gets the
    /// request. A neighbour that is left out gets no request even while all others are busy.
    fn order<C: Candidate, R: Rng + ?Sized>(
        &self,
        candidates: Candidates<'_, C>,
        among: &[usize],
        rng: &mut R,
    ) -> Vec<usize>;
}

/// Measurements that a policy depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// None: every candidate is as good as any other.
    Nothing,
    /// Costs from an ALTO server.
    Costs,
    /// Round-trip times, as measured by the peer.
    RoundTrips,
}

/// A string that names no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a policy; use one of: {names}", names = listed())]
pub struct UnknownPolicy(String);

fn listed() -> String {
    PolicyName::ALL.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PolicyName {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        let named = Self::ALL.iter().copied().find(|name| name.as_str() == text);
        named.ok_or_else(|| UnknownPolicy(text.chars().take(100).collect()))
    }
}

impl Serialize for PolicyName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for PolicyName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for PolicyName {
    fn schema_name() -> Cow<'static, str> {
        "PolicyName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = PolicyName::ALL.iter().map(|name| name.as_str()).collect();
        json_schema!({
            "description": "the name of a policy, which decides whom to download from",
            "type": "string",
            "enum": names,
        })
    }
}
