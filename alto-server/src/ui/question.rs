//! What a visitor asks: the PID of an address, and costs in a metric.

use std::net::IpAddr;

use topo::Metric;

/// Longest address that is read, in bytes. No address is longer, and what is longer is not shown again either.
const MAX_ADDRESS: usize = 64;

/// Question of a visitor, from the query of the page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// What was entered as the address; empty if nothing was.
    pub(super) entered: String,
    pub(super) metric: Metric,
}

impl Question {
    /// Reads a query. Parameters that are missing or unknown are as good as none.
    pub(super) fn from_query(query: &str) -> Self {
        let mut question = Self { entered: String::new(), metric: Metric::RoutingCost };
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "address" => question.entered = value.trim().chars().take(MAX_ADDRESS).collect(),
                "metric" => question.metric = value.parse().unwrap_or(question.metric),
                _ => {}
            }
        }
        question
    }

    /// Address that was entered, with or without its ALTO type (`ipv4:192.0.2.1`); absent if it is none.
    pub(super) fn address(&self) -> Option<IpAddr> {
        let untyped = self.entered.strip_prefix("ipv4:").or_else(|| self.entered.strip_prefix("ipv6:"));
        untyped.unwrap_or(&self.entered).parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_becomes_a_question() {
        let none = Question { entered: String::new(), metric: Metric::RoutingCost };
        for query in ["", "address=", "address=+&metric=none", "other=1", "%FF"] {
            assert_eq!(Question::from_query(query), none, "{query}");
        }
        let asked = Question::from_query("address=+ipv6%3A2001%3Adb8%3A%3A1+&metric=hopcount");
        assert_eq!((asked.address(), asked.metric), ("2001:db8::1".parse().ok(), Metric::HopCount));
        assert_eq!(Question::from_query("address=192.0.2.1").address(), "192.0.2.1".parse().ok());
        assert_eq!(Question::from_query("address=192.0.2").address(), None);
        assert_eq!(Question::from_query(&format!("address={}", "a".repeat(1000))).entered.len(), MAX_ADDRESS);
    }
}
