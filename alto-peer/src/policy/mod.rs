//! The peer's side of peer selection: the metrics by which candidates are rated. The policies are those of
//! [`alto_selection`].

mod metrics;

pub use alto_selection::{AnyPolicy, Candidate, Candidates, Needs, PolicyName, Shares};
pub use metrics::{Metrics, MetricsError, Weighted};
