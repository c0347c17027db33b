//! Metric strings of RFC 9439 §3.2: a base, and an operator that says which statistic of it is meant.

/// The metrics of RFC 9439.
const BASES: &[&str] =
    &["delay-ow", "delay-rt", "delay-variation", "lossrate", "hopcount", "tput", "bw-residual", "bw-available"];

/// A metric string, as far as it can be taken apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Metric<'a> {
    /// What is measured.
    pub(crate) base: &'a str,
    /// What stands behind the colon, if there is one.
    pub(crate) suffix: Option<&'a str>,
}

/// Which statistic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operator {
    Cur,
    Min,
    Max,
    Median,
    Mean,
    StdDev,
    StdVar,
    /// From 0 to 100.
    Percentile(f64),
}

/// What is wrong with an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// There is a colon, but not one operator behind it.
    Form,
    /// None of the list.
    Unknown,
    /// `p` without a number from 0 to 100.
    Percentile,
}

impl<'a> Metric<'a> {
    /// Takes a metric string apart. Names behind `priv:` may have colons of their own: there only what is an operator
    /// counts as one.
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

    /// Whether RFC 9439 defines it.
    pub(crate) fn is_performance(self) -> bool {
        BASES.contains(&self.base)
    }

    /// The operator that is written, if one is.
    pub(crate) fn written(self) -> Option<Result<Operator, Wrong>> {
        self.suffix.map(Operator::read)
    }

    /// Which statistic it is, also where none is written: the median, and for two of the bandwidths the current value
    /// (RFC 9439 §3.2, §5.2.3, §5.3.3).
    pub(crate) fn statistic(self) -> Option<Operator> {
        match self.written() {
            Some(written) => written.ok(),
            None if matches!(self.base, "bw-residual" | "bw-available") => Some(Operator::Cur),
            None => Some(Operator::Median),
        }
    }
}

impl Operator {
    fn read(text: &str) -> Result<Self, Wrong> {
        match text {
            "cur" => Ok(Self::Cur),
            "min" => Ok(Self::Min),
            "max" => Ok(Self::Max),
            "median" => Ok(Self::Median),
            "mean" => Ok(Self::Mean),
            "stddev" => Ok(Self::StdDev),
            "stdvar" => Ok(Self::StdVar),
            _ if text.is_empty() || text.contains(':') => Err(Wrong::Form),
            _ => percentile(text),
        }
    }

    /// Where it stands among the values of a sample, from 0 to 100; nothing if it is no place among them.
    pub(crate) fn place(self) -> Option<f64> {
        match self {
            Self::Min => Some(0.0),
            Self::Median => Some(50.0),
            Self::Max => Some(100.0),
            Self::Percentile(number) => Some(number),
            Self::Cur | Self::Mean | Self::StdDev | Self::StdVar => None,
        }
    }

    /// The name that is recommended for it (RFC 9439 §3.2).
    pub(crate) fn better_name(self) -> Option<&'static str> {
        let Self::Percentile(number) = self else { return None };
        [(0.0, "min"), (50.0, "median"), (100.0, "max")]
            .into_iter()
            .find(|(place, _)| number.total_cmp(place).is_eq())
            .map(|(_, name)| name)
    }
}

/// `p`, digits without a needless zero, perhaps a dot and more digits.
fn percentile(text: &str) -> Result<Operator, Wrong> {
    let Some(number) = text.strip_prefix('p') else { return Err(Wrong::Unknown) };
    if number.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(Wrong::Unknown);
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, rest)| (whole, Some(rest)));
    let form = digits(whole) && (whole == "0" || !whole.starts_with('0')) && fraction.is_none_or(digits);
    let value = number.parse().ok().filter(|value| form && (0.0..=100.0).contains(value));
    value.map(Operator::Percentile).ok_or(Wrong::Percentile)
}

/// Whether more of a metric is better; nothing if nobody has said.
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
    fn metric_strings_are_taken_apart() {
        let read = |name| {
            let metric = Metric::read(name);
            (metric.base, metric.written())
        };
        assert_eq!(read("delay-ow"), ("delay-ow", None));
        assert_eq!(read("delay-ow:p95"), ("delay-ow", Some(Ok(Operator::Percentile(95.0)))));
        assert_eq!(read("delay-ow:p99.9"), ("delay-ow", Some(Ok(Operator::Percentile(99.9)))));
        assert_eq!(read("tput:mean"), ("tput", Some(Ok(Operator::Mean))));
        assert_eq!(read("priv:acme-rtt"), ("priv:acme-rtt", None));
        assert_eq!(read("priv:min"), ("priv:min", None));
        assert_eq!(read("priv:acme:min"), ("priv:acme", Some(Ok(Operator::Min))));
        for wrong in ["p101", "p-1", "p", "p99.", "p.5", "p095", "p1e1"] {
            assert_eq!(Operator::read(wrong), Err(Wrong::Percentile), "{wrong}");
        }
        for wrong in ["avg", "Median", "percentile"] {
            assert_eq!(Operator::read(wrong), Err(Wrong::Unknown), "{wrong}");
        }
        assert_eq!(read("delay-ow:").1, Some(Err(Wrong::Form)));
        assert_eq!(read("delay-ow:p95:cur").1, Some(Err(Wrong::Form)));
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
        fn nothing_that_is_no_percentile_is_one(text in r"p[0-9.\-+eE]{0,6}") {
            if let Ok(Operator::Percentile(number)) = Operator::read(&text) {
                proptest::prop_assert!((0.0..=100.0).contains(&number));
                proptest::prop_assert!(text[1..].bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
            }
        }
    }
}
