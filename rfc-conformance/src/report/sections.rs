//! Titles of documents and sections, for people who read reports.

/// What a document is called.
pub(super) fn document(name: &str) -> &'static str {
    match name {
        "rfc7285" => "RFC 7285 Application-Layer Traffic Optimization (ALTO) Protocol",
        "rfc8189" => "RFC 8189 Multi-Cost ALTO",
        "rfc9274" => "RFC 9274 A Cost Mode Registry for ALTO",
        _ => "The suite itself",
    }
}

/// What a section is called, by its first two or three numbers; nothing if it is not known.
pub(super) fn section(document: &str, section: &str) -> &'static str {
    let known = TITLES.iter().filter(|(of, number, _)| {
        *of == document
            && (section == *number || section.strip_prefix(number).is_some_and(|rest| rest.starts_with('.')))
    });
    known.max_by_key(|(_, number, _)| number.len()).map_or("", |(_, _, title)| title)
}

const TITLES: &[(&str, &str, &str)] = &[
    ("rfc7285", "3.2", "ALTO Service Framework"),
    ("rfc7285", "6.1", "Cost Types"),
    ("rfc7285", "6.1.1", "Cost Metric"),
    ("rfc7285", "6.1.2", "Cost Mode"),
    ("rfc7285", "6.2", "Cost Map Structure"),
    ("rfc7285", "6.3", "Network Map and Cost Map Dependency"),
    ("rfc7285", "6.4", "Cost Map Update"),
    ("rfc7285", "7.1", "Endpoint Properties"),
    ("rfc7285", "8.2", "Notation"),
    ("rfc7285", "8.3", "Basic Operations"),
    ("rfc7285", "8.3.1", "Client Discovering Information Resources"),
    ("rfc7285", "8.3.2", "Client Requesting Information Resources"),
    ("rfc7285", "8.3.3", "Server Responding to Requests"),
    ("rfc7285", "8.3.4", "Client Handling Server Responses"),
    ("rfc7285", "8.3.5", "Authentication and Encryption"),
    ("rfc7285", "8.3.6", "Information Refreshing"),
    ("rfc7285", "8.3.7", "Parsing of Unknown Fields"),
    ("rfc7285", "8.4", "Server Response Encoding"),
    ("rfc7285", "8.5", "Protocol Errors"),
    ("rfc7285", "8.5.1", "Media Type of Errors"),
    ("rfc7285", "8.5.2", "Response Format and Error Codes"),
    ("rfc7285", "8.5.3", "Overload Conditions and Server Unavailability"),
    ("rfc7285", "9.1", "Information Resource Attributes"),
    ("rfc7285", "9.1.1", "Resource ID"),
    ("rfc7285", "9.1.3", "Capabilities"),
    ("rfc7285", "9.1.4", "Accepts Input Parameters"),
    ("rfc7285", "9.2", "Information Resource Directory"),
    ("rfc7285", "9.2.2", "Encoding of Directories"),
    ("rfc7285", "9.2.4", "Delegation Using Directories"),
    ("rfc7285", "9.2.5", "Considerations of Using Directories"),
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
    ("rfc7285", "11.4.1", "Endpoint Property"),
    ("rfc7285", "11.5.1", "Endpoint Cost"),
    ("rfc7285", "13.1", "Discovery"),
    ("rfc7285", "13.2", "Hosts with Multiple Endpoint Addresses"),
    ("rfc7285", "13.3", "Network Address Translation"),
    ("rfc7285", "14.1", "Media Types"),
    ("rfc7285", "15.1", "Authenticity and Integrity"),
    ("rfc7285", "15.3", "Confidentiality"),
    ("rfc7285", "15.4", "Privacy for Users"),
    ("rfc7285", "15.5", "Availability"),
    ("rfc8189", "3.5", "Full Cost Maps"),
    ("rfc8189", "4.1.1", "Capabilities"),
    ("rfc8189", "4.1.2", "Requests"),
    ("rfc8189", "4.1.3", "Responses"),
    ("rfc9274", "3.1", "Updates to Cost Modes"),
    ("rfc9274", "3.2", "Cost Mode Identifiers"),
    ("rfc9274", "4", "Backward Compatibility"),
    ("suite", "alive", "Before and after"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_has_a_title() {
        for requirement in crate::checks::requirements() {
            let title = section(requirement.document(), requirement.section());
            assert!(!title.is_empty(), "{}", requirement.id);
        }
        assert_eq!(section("rfc7285", "11.2.3.6"), "Cost Map");
        assert_eq!(section("rfc7285", "8.5.2"), "Response Format and Error Codes");
    }
}
