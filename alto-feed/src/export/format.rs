//! The formats of other programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use ipnet::IpNet;

use super::ranking::{Candidate, Ranking, Row};

/// First line of every file whose format has comments.
const HEAD: &str = "# Written by alto-feed; changes are lost.\n";

/// Writes a map for `HAProxy` (`map_ip`): each prefix and the least costly candidate for it.
///
/// Prefixes of PIDs without costs get `default`, if there is one, because a shorter prefix would decide otherwise.
pub fn haproxy(ranking: &Ranking, default: Option<&str>) -> String {
    let mut text = HEAD.to_owned();
    for (prefix, row) in by_prefix(ranking) {
        if let Some(name) = first(row, default) {
            let _ = writeln!(text, "{prefix} {name}");
        }
    }
    text
}

/// Writes the inside of a `geo` block of nginx: each prefix and the least costly candidate for it.
pub fn nginx(ranking: &Ranking, default: Option<&str>) -> String {
    let mut text = HEAD.to_owned();
    for (prefix, row) in by_prefix(ranking) {
        if let Some(name) = first(row, default) {
            let _ = writeln!(text, "{prefix} {name};");
        }
    }
    text
}

/// Writes a `nets` file of gdnsd's plugin `geoip`: each prefix and all candidates in order.
///
/// Prefixes of PIDs without costs are left to a shorter prefix around them, or to the map's own default.
pub fn gdnsd(ranking: &Ranking) -> String {
    let mut text = HEAD.to_owned();
    for (prefix, row) in by_prefix(ranking).into_iter().filter(|(_, row)| !row.candidates.is_empty()) {
        let names: Vec<&str> = row.candidates.iter().map(|(candidate, _)| candidate.name.as_str()).collect();
        let _ = writeln!(text, "{prefix} => [ {} ]", names.join(", "));
    }
    text
}

/// Writes a `sortlist` statement of BIND: for each prefix the addresses of the candidates in order.
///
/// The statement takes the first prefix that matches, so longer ones come first.
pub fn bind(ranking: &Ranking) -> String {
    let mut text = "// Written by alto-feed; changes are lost.\nsortlist {\n".to_owned();
    let mut rows: Vec<(IpNet, &Row)> =
        by_prefix(ranking).into_iter().filter(|(_, row)| !row.candidates.is_empty()).collect();
    rows.sort_by_key(|(prefix, _)| (std::cmp::Reverse(prefix.prefix_len()), *prefix));
    for (prefix, row) in rows {
        let addresses: Vec<String> =
            row.candidates.iter().map(|(candidate, _)| format!("{};", candidate.address)).collect();
        let _ = writeln!(text, "    {{ {prefix}; {{ {} }}; }};", addresses.join(" "));
    }
    text.push_str("};\n");
    text
}

/// Writes a distance table of Rucio (`custom_distance_download_url`): site, storage element, and cost as a share of the
/// largest one. Pairs without costs are left out, which Rucio takes as the largest distance.
pub fn rucio(ranking: &Ranking, sites: &[Candidate]) -> String {
    let mut lines = BTreeMap::new();
    let rows = sites.iter().filter_map(|site| Some((site, longest_match(ranking, site.address)?)));
    for (site, row) in rows {
        for (element, cost) in &row.candidates {
            lines.insert((site.name.as_str(), element.name.as_str()), *cost);
        }
    }
    let largest = lines.values().copied().fold(0.0, f64::max);
    let mut text = String::new();
    for ((site, element), cost) in lines {
        let distance = if largest > 0.0 { cost / largest } else { 0.0 };
        let _ = writeln!(text, "{site},{element},{distance:.6}");
    }
    text
}

/// Returns the row of each prefix, sorted by prefix.
fn by_prefix(ranking: &Ranking) -> BTreeMap<IpNet, &Row> {
    ranking.rows.values().flat_map(|row| row.prefixes.iter().map(move |prefix| (*prefix, row))).collect()
}

fn first<'a>(row: &'a Row, default: Option<&'a str>) -> Option<&'a str> {
    row.candidates.first().map(|(candidate, _)| candidate.name.as_str()).or(default)
}

fn longest_match(ranking: &Ranking, address: IpAddr) -> Option<&Row> {
    let rows = by_prefix(ranking).into_iter().filter(|(prefix, _)| prefix.contains(&address));
    rows.max_by_key(|(prefix, _)| prefix.prefix_len()).map(|(_, row)| row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking() -> Ranking {
        let candidate = |name: &str, last: u8| Candidate { name: name.to_owned(), address: [192, 0, 2, last].into() };
        let (a, b) = (candidate("dc-a", 1), candidate("dc-b", 2));
        let row = |prefixes: &[&str], candidates: Vec<(Candidate, f64)>| Row {
            prefixes: prefixes.iter().map(|prefix| prefix.parse().unwrap()).collect(),
            candidates,
        };
        let rows = [
            ("east", row(&["10.1.0.0/16", "2001:db8:1::/48"], vec![(b.clone(), 1.0), (a.clone(), 4.0)])),
            ("west", row(&["10.0.0.0/8"], vec![(a, 2.0), (b, 8.0)])),
            ("nowhere", row(&["10.9.0.0/16"], vec![])),
        ];
        Ranking { rows: rows.into_iter().map(|(name, row)| (name.to_owned(), row)).collect() }
    }

    #[test]
    fn each_format_has_the_order_of_the_costs() {
        let body = |text: String| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            body(haproxy(&ranking(), Some("dc-a"))),
            ["10.0.0.0/8 dc-a", "10.1.0.0/16 dc-b", "10.9.0.0/16 dc-a", "2001:db8:1::/48 dc-b"]
        );
        assert_eq!(body(nginx(&ranking(), None)), ["10.0.0.0/8 dc-a;", "10.1.0.0/16 dc-b;", "2001:db8:1::/48 dc-b;"]);
        assert_eq!(
            body(gdnsd(&ranking())),
            ["10.0.0.0/8 => [ dc-a, dc-b ]", "10.1.0.0/16 => [ dc-b, dc-a ]", "2001:db8:1::/48 => [ dc-b, dc-a ]"]
        );
        let bind = bind(&ranking());
        let lines: Vec<&str> = bind.lines().map(str::trim).collect();
        assert_eq!(
            lines[1..4],
            [
                "sortlist {",
                "{ 2001:db8:1::/48; { 192.0.2.2; 192.0.2.1; }; };",
                "{ 10.1.0.0/16; { 192.0.2.2; 192.0.2.1; }; };"
            ]
        );
    }

    #[test]
    fn distances_are_shares_of_the_largest_cost() {
        let sites =
            ["SITE-E=10.1.2.3", "SITE-W=10.2.0.1", "SITE-N=10.9.0.1"].map(|text| Candidate::parse(text).unwrap());
        let expected = "SITE-E,dc-a,0.500000\nSITE-E,dc-b,0.125000\nSITE-W,dc-a,0.250000\nSITE-W,dc-b,1.000000\n";
        assert_eq!(rucio(&ranking(), &sites), expected);
    }

    #[test]
    fn names_that_a_format_would_have_to_quote_are_refused() {
        for text in ["a b=10.0.0.1", "a;=10.0.0.1", "=10.0.0.1", "a=b", "a"] {
            assert!(Candidate::parse(text).is_err(), "{text:?}");
        }
    }
}
