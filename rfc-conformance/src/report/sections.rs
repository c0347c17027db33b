//! Titles of documents and sections, for people who read reports.

/// What a document is called.
pub(super) fn document(name: &str) -> &'static str {
    match name {
        "rfc7285" => "RFC 7285 Application-Layer Traffic Optimization (ALTO) Protocol",
        "rfc8189" => "RFC 8189 Multi-Cost ALTO",
        "rfc9240" => "RFC 9240 An ALTO Extension: Entity Property Maps",
        "rfc9274" => "RFC 9274 A Cost Mode Registry for ALTO",
        "rfc9439" => "RFC 9439 ALTO Performance Cost Metrics",
        _ => "The suite itself",
    }
}

/// The chapter that a section belongs to, with its title: 8.5.2 is a part of 8.5.
pub(super) fn chapter(document: &str, section: &'static str) -> (&'static str, &'static str) {
    let known = TITLES.iter().filter(|(of, number, _)| {
        *of == document
            && (section == *number || section.strip_prefix(number).is_some_and(|rest| rest.starts_with('.')))
    });
    known.max_by_key(|(_, number, _)| number.len()).map_or((section, ""), |(_, number, title)| (number, title))
}

const TITLES: &[(&str, &str, &str)] = &[
    ("rfc7285", "3", "Architecture"),
    ("rfc7285", "6.1", "Cost Types"),
    ("rfc7285", "6.2", "Cost Map Structure"),
    ("rfc7285", "6.3", "Network Map and Cost Map Dependency"),
    ("rfc7285", "6.4", "Cost Map Update"),
    ("rfc7285", "7", "Endpoint Properties"),
    ("rfc7285", "8.2", "Notation"),
    ("rfc7285", "8.3", "Basic Operations"),
    ("rfc7285", "8.4", "Server Response Encoding"),
    ("rfc7285", "8.5", "Protocol Errors"),
    ("rfc7285", "9.1", "Information Resource Attributes"),
    ("rfc7285", "9.2", "Information Resource Directory"),
    ("rfc7285", "10.1", "PID Name"),
    ("rfc7285", "10.2", "Resource ID"),
    ("rfc7285", "10.3", "Version Tag"),
    ("rfc7285", "10.4", "Endpoints"),
    ("rfc7285", "10.5", "Cost Mode"),
    ("rfc7285", "10.6", "Cost Metric"),
    ("rfc7285", "10.7", "Cost Type"),
    ("rfc7285", "10.8", "Endpoint Property"),
    ("rfc7285", "11.1", "Meta Information"),
    ("rfc7285", "11.2.1", "Network Map"),
    ("rfc7285", "11.2.2", "Mapping IP Addresses to PIDs"),
    ("rfc7285", "11.2.3", "Cost Map"),
    ("rfc7285", "11.3.1", "Filtered Network Map"),
    ("rfc7285", "11.3.2", "Filtered Cost Map"),
    ("rfc7285", "11.4", "Endpoint Property Service"),
    ("rfc7285", "11.5", "Endpoint Cost Service"),
    ("rfc7285", "13", "Discussions"),
    ("rfc7285", "14", "IANA Considerations"),
    ("rfc7285", "15", "Security Considerations"),
    ("rfc7285", "16", "Manageability Considerations"),
    ("rfc8189", "3", "Overview of Approach"),
    ("rfc8189", "4", "Protocol Extensions for Multi-Cost ALTO"),
    ("rfc9240", "3", "Basic Features of the Entity Property Map Extension"),
    ("rfc9240", "4", "Advanced Features of the Entity Property Map Extension"),
    ("rfc9240", "5.1", "Entity Domain"),
    ("rfc9240", "5.2", "Entity Property"),
    ("rfc9240", "6", "Entity Domain Types Defined in This Document"),
    ("rfc9240", "7", "Property Map"),
    ("rfc9240", "8", "Filtered Property Map"),
    ("rfc9240", "9", "Impact on Legacy ALTO Servers and ALTO Clients"),
    ("rfc9240", "11", "Security Considerations"),
    ("rfc9240", "12", "IANA Considerations"),
    ("rfc9274", "3", "Updates to Cost Modes"),
    ("rfc9274", "4", "Backward Compatibility"),
    ("rfc9439", "1", "Introduction"),
    ("rfc9439", "3.1", "Performance Metric Context"),
    ("rfc9439", "3.2", "Performance Metric Statistics"),
    ("rfc9439", "4.1", "One-Way Delay"),
    ("rfc9439", "4.2", "Round-Trip Delay"),
    ("rfc9439", "4.3", "Delay Variation"),
    ("rfc9439", "4.4", "Loss Rate"),
    ("rfc9439", "4.5", "Hop Count"),
    ("rfc9439", "5.1", "TCP Throughput"),
    ("rfc9439", "5.2", "Residual Bandwidth"),
    ("rfc9439", "5.3", "Available Bandwidth"),
    ("rfc9439", "6", "Operational Considerations"),
    ("rfc9439", "7", "Security Considerations"),
    ("rfc9439", "8", "IANA Considerations"),
    ("suite", "alive", "Before and after"),
    ("suite", "plain", "Nothing unusual"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_belongs_to_a_chapter() {
        for requirement in crate::checks::requirements().into_iter().chain(crate::clients::requirements()) {
            let (_, title) = chapter(requirement.document(), requirement.section());
            assert!(!title.is_empty(), "{}", requirement.id);
        }
        assert_eq!(chapter("rfc7285", "11.2.3.6"), ("11.2.3", "Cost Map"));
        assert_eq!(chapter("rfc7285", "8.5.2"), ("8.5", "Protocol Errors"));
        assert_eq!(chapter("rfc7285", "10.8.1"), ("10.8", "Endpoint Property"));
    }
}
