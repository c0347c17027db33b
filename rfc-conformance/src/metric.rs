//! Metric strings of RFC 9439 §3.2: a base metric and an operator for the statistic.

/// Base metrics of RFC 9439.
const BASES: &[&str] =
    &["delay-ow", "delay-rt", "delay-variation", "lossrate", "hopcount", "tput", "bw-residual", "bw-available"];

/// Parts of a metric string.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Metric<'a> {
    /// Base metric, such as `delay-ow`.
    pub(crate) base: &'a str,
    /// Text after the colon, if there is one.
    pub(crate) suffix: Option<&'a str>,
}

/// Operator for a statistic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operator {
    Cur,
    Min,
    Max,
    Median,
    Mean,
    StdDev,
    StdVar,
    /// Percentile from 0 to 100.
    Percentile(f64),
}

/// Error in an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OperatorError {
    /// Empty or more than one operator.
    Form,
    /// Operator that RFC 9439 does not define.
    Unknown,
    /// Letter `p` without a number from 0 to 100.
    Percentile,
}

impl<'a> Metric<'a> {
    /// Splits a metric string. Private names may contain colons, so only valid operators are split off.
    pub(crate) fn read(name: &'a str) -> Self {
        if name.starts_with("priv:") {
            return match name.rsplit_once(':') {
                Some((base, suffix)) if base != "priv" && Operator::read(suffix).is_ok() => {
                    Self { base, suffix: Some(suffix) }
                }
                _ => Self { base: name, suffix: None },
            };
        }
        match name.split_once(':') {
            Some((base, suffix)) => Self { base, suffix: Some(suffix) },
            None => Self { base: name, suffix: None },
        }
    }

    /// Tests whether RFC 9439 defines the base metric.
    pub(crate) fn is_performance(self) -> bool {
        BASES.contains(&self.base)
    }

    /// Parses the explicit operator, if there is one.
    pub(crate) fn explicit(self) -> Option<Result<Operator, OperatorError>> {
        self.suffix.map(Operator::read)
    }

    /// Returns the explicit or default statistic: by default the median, for two of the bandwidths the current value
    /// (RFC 9439 §3.2, §5.2.3, §5.3.3).
    pub(crate) fn statistic(self) -> Option<Operator> {
        match self.explicit() {
            Some(written) => written.ok(),
            None if matches!(self.base, "bw-residual" | "bw-available") => Some(Operator::Cur),
            None => Some(Operator::Median),
        }
    }
}

impl Operator {
    fn read(text: &str) -> Result<Self, OperatorError> {
        match text {
            "cur" => Ok(Self::Cur),
            "min" => Ok(Self::Min),
            "max" => Ok(Self::Max),
            "median" => Ok(Self::Median),
            "mean" => Ok(Self::Mean),
            "stddev" => Ok(Self::StdDev),
            "stdvar" => Ok(Self::StdVar),
            _ if text.is_empty() || text.contains(':') => Err(OperatorError::Form),
            _ => percentile(text),
        }
    }

    /// Returns the position in the distribution from 0 to 100; `None` for other statistics.
    pub(crate) fn position(self) -> Option<f64> {
        match self {
            Self::Min => Some(0.0),
            Self::Median => Some(50.0),
            Self::Max => Some(100.0),
            Self::Percentile(number) => Some(number),
            Self::Cur | Self::Mean | Self::StdDev | Self::StdVar => None,
        }
    }

    /// Returns the recommended name of a percentile (RFC 9439 §3.2).
    pub(crate) fn preferred_name(self) -> Option<&'static str> {
        let Self::Percentile(number) = self else { return None };
        [(0.0, "min"), (50.0, "median"), (100.0, "max")]
            .into_iter()
            .find(|(place, _)| number.total_cmp(place).is_eq())
            .map(|(_, name)| name)
    }
}

/// Parses `p` and a decimal number without leading zeros, optionally with a fraction.
fn percentile(text: &str) -> Result<Operator, OperatorError> {
    let Some(number) = text.strip_prefix('p') else { return Err(OperatorError::Unknown) };
    if number.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(OperatorError::Unknown);
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, rest)| (whole, Some(rest)));
    let form = digits(whole) && (whole == "0" || !whole.starts_with('0')) && fraction.is_none_or(digits);
    let value = number.parse().ok().filter(|value| form && (0.0..=100.0).contains(value));
    value.map(Operator::Percentile).ok_or(OperatorError::Percentile)
}

/// Tests whether larger values of a metric are better; `None` for unknown metrics.
pub(crate) fn more_is_better(metric: &str) -> Option<bool> {
    match Metric::read(metric).base {
        "routingcost" | "hopcount" | "delay-ow" | "delay-rt" | "delay-variation" | "lossrate" => Some(false),
        "tput" | "bw-residual" | "bw-available" => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_strings_are_split() {
        let read = |name| {
            let metric = Metric::read(name);
            (metric.base, metric.explicit())
        };
        assert_eq!(read("delay-ow"), ("delay-ow", None));
        assert_eq!(read("delay-ow:p95"), ("delay-ow", Some(Ok(Operator::Percentile(95.0)))));
        assert_eq!(read("delay-ow:p99.9"), ("delay-ow", Some(Ok(Operator::Percentile(99.9)))));
        assert_eq!(read("tput:mean"), ("tput", Some(Ok(Operator::Mean))));
        assert_eq!(read("priv:acme-rtt"), ("priv:acme-rtt", None));
        assert_eq!(read("priv:min"), ("priv:min", None));
        assert_eq!(read("priv:acme:min"), ("priv:acme", Some(Ok(Operator::Min))));
        for wrong in ["p101", "p-1", "p", "p99.", "p.5", "p095", "p1e1"] {
            assert_eq!(Operator::read(wrong), Err(OperatorError::Percentile), "{wrong}");
        }
        for wrong in ["avg", "Median", "percentile"] {
            assert_eq!(Operator::read(wrong), Err(OperatorError::Unknown), "{wrong}");
        }
        assert_eq!(read("delay-ow:").1, Some(Err(OperatorError::Form)));
        assert_eq!(read("delay-ow:p95:cur").1, Some(Err(OperatorError::Form)));
    }

    #[test]
    fn the_default_statistic_is_that_of_the_metric() {
        assert_eq!(Metric::read("delay-ow").statistic(), Some(Operator::Median));
        assert_eq!(Metric::read("bw-available").statistic(), Some(Operator::Cur));
        assert_eq!(Metric::read("bw-available:min").statistic(), Some(Operator::Min));
        assert_eq!(Metric::read("lossrate:avg").statistic(), None);
    }

    proptest::proptest! {
        #[test]
        fn only_numbers_from_0_to_100_are_percentiles(text in r"p[0-9.\-+eE]{0,6}") {
            if let Ok(Operator::Percentile(number)) = Operator::read(&text) {
                proptest::prop_assert!((0.0..=100.0).contains(&number));
                proptest::prop_assert!(text[1..].bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
            }
        }
    }
}
