//! Requirements that no standard states and the suite itself adds.

use crate::standard::Standard;

/// Table of the suite's own requirements.
pub(crate) mod requirements {
    crate::requirement::requirements! {
        "suite"

        alive "alive":
            1 must ALIVE "After all checks, the server still answers as it did at first";

        @not_observable
    }
}

/// The suite's own requirements in the form of a standard.
pub(crate) const STANDARD: Standard = Standard {
    name: "suite",
    title: "The suite itself",
    chapters: &[("alive", "Before and after"), ("plain", "Nothing unusual")],
    ledger: "",
    requirements: requirements::ALL,
    not_observable: requirements::NOT_OBSERVABLE,
    checks: &[],
};
