//! Lists of links and prefixes from a spreadsheet.

use alto_feed::import::csv::import;
use alto_feed::input::Text;

#[test]
fn columns_come_in_any_order_with_any_separator() {
    let links = "Destination;source;delay;cost;directed\n# a comment\n\"b\";a;2.5;;\nc;\"a\";;7;true\n";
    let prefixes = "prefix,pid,switch\n10.0.0.0/8,west,a\n10.1.0.0/16,west,b\n2001:db8::/32,c,\n";
    let imported = import("n", &Text::new("l", links), Some(&Text::new("p", prefixes))).unwrap();
    let file = &imported.topology;
    let links: Vec<_> = file
        .links
        .iter()
        .map(|link| (&*link.source, &*link.destination, link.delay.0, link.cost, link.directed))
        .collect();
    assert_eq!(links, [("a", "b", 2.5, None, false), ("a", "c", 1.0, Some(7.0), true)]);
    let pids = file.pids.as_ref().unwrap();
    assert_eq!(
        (&pids["west"].switches, &pids["west"].ipv4),
        (&vec!["a".to_owned(), "b".to_owned()], &vec!["10.0.0.0/8".to_owned(), "10.1.0.0/16".to_owned()])
    );
    assert_eq!(
        (&pids["c"].switches[..], &pids["c"].ipv6[..]),
        (&["c".to_owned()][..], &["2001:db8::/32".to_owned()][..])
    );
    let warning = imported.assumptions.warning().unwrap();
    assert_eq!(warning, "2 links have no bandwidth, 1000 Mbit/s is taken; 1 links have no delay, 1 ms is taken");
}

#[test]
fn errors_name_line_and_column() {
    let cases = [
        ("", None, "l: is empty"),
        ("source,destination,colour\n", None, "l:1:20: \"colour\" is not a column; use source, destination, bandwidth"),
        ("source\n", None, "l:1:1: there is no column \"destination\""),
        ("source,destination,delay\na,b,soon\n", None, "l:2:5: \"soon\" is not a number"),
        ("source,destination\na,b c\n", None, "l:2:3: \"b c\" is not a name"),
        ("source,destination\na,b,c\n", None, "l:2:5: there are 3 fields, but 2 columns"),
        ("source,destination\na,\n", None, "l:2:3: the destination is missing"),
        ("source,destination\na,\"b\n", None, "l:2:3: the quotes are not closed"),
        ("source,destination\na,b\n", Some("pid,prefix\nx,10.0.0.0/33\n"), "p:2:3: \"10.0.0.0/33\" is not a prefix"),
        (
            "source,destination\na,b\n",
            Some("pid,prefix\nx,10.0.0.0/8\ny,10.0.0.0/8\n"),
            "p:3:3: 10.0.0.0/8 is already in line 2",
        ),
        (
            "source,destination\na,b\n",
            Some("pid,prefix,switch\nx,10.0.0.0/8,z\n"),
            "p:2:14: \"z\" is not an end of any link",
        ),
    ];
    for (links, prefixes, expected) in cases {
        let prefixes = prefixes.map(|prefixes| Text::new("p", prefixes));
        let error = import("n", &Text::new("l", links), prefixes.as_ref()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
