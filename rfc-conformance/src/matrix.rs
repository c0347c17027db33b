//! Comparison of several servers side by side, from the JSON reports of their runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::catalogue;
use crate::report::{escape, html};

/// Verdicts on one server.
pub(crate) struct Column {
    name: String,
    target: String,
    verdicts: BTreeMap<String, String>,
}

/// Verdicts with their symbols and descriptions.
const LETTERS: &[(&str, &str, &str)] = &[
    ("pass", "✔", "passed"),
    ("fail", "✘", "failed"),
    ("warn", "!", "warned"),
    ("info", "i", "noted"),
    ("skipped", "–", "skipped"),
    ("error", "E", "no answer"),
    ("blocked", "b", "blocked"),
];

/// Reads the JSON report of a run.
pub(crate) fn read(name: String, bytes: &[u8]) -> Result<Column, String> {
    let report: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if report.get("form").and_then(Value::as_str) != Some(crate::report::JSON_FORM) {
        return Err(format!("`form` is not {:?}", crate::report::JSON_FORM));
    }
    let target = report.get("target").and_then(Value::as_str).unwrap_or_default().to_owned();
    let results = report.get("results").and_then(Value::as_array).ok_or("`results` is not an array")?;
    let verdict = |result: &Value| {
        let text = |name: &str| result.get(name)?.as_str().map(str::to_owned);
        Some((text("id")?, text("verdict")?))
    };
    let mut verdicts: BTreeMap<String, String> = BTreeMap::new();
    for (id, verdict) in results.iter().filter_map(verdict) {
        // A requirement that several resources violate has several verdicts; a failure counts.
        let known = verdicts.entry(id).or_insert_with(|| verdict.clone());
        if verdict == "fail" {
            *known = verdict;
        }
    }
    Ok(Column { name, target, verdicts })
}

/// Returns the IDs and texts of the requirements, in the order of the standards; with `differences`, only those on which
/// the servers differ.
pub(crate) fn rows(columns: &[Column], differences: bool) -> Vec<(&'static str, &'static str)> {
    let requirements = catalogue::requirements().into_iter();
    let graded = requirements.filter(|requirement| {
        let verdicts: Vec<_> = columns.iter().map(|column| column.verdicts.get(requirement.id)).collect();
        let differ = verdicts.windows(2).any(|pair| pair[0] != pair[1]);
        verdicts.iter().any(Option::is_some) && (differ || !differences)
    });
    graded.map(|requirement| (requirement.id, requirement.text)).collect()
}

/// Returns the verdict on a requirement with its symbol.
fn letter(column: &Column, id: &str) -> (&'static str, &'static str) {
    let verdict = column.verdicts.get(id).map(String::as_str);
    LETTERS.iter().find(|(word, _, _)| Some(*word) == verdict).map_or(("", ""), |(word, letter, _)| (*word, *letter))
}

fn count(column: &Column, word: &str) -> usize {
    column.verdicts.values().filter(|verdict| *verdict == word).count()
}

fn legend() -> String {
    let parts: Vec<_> = LETTERS.iter().map(|(_, letter, meaning)| format!("{letter} {meaning}")).collect();
    parts.join(", ")
}

/// Renders the comparison as Markdown tables.
pub(crate) fn to_markdown(columns: &[Column], rows: &[(&str, &str)]) -> String {
    let names: Vec<_> = columns.iter().map(|column| escape::markdown(&column.name)).collect();
    let mut out = format!("| | {} |\n|---|{}\n", names.join(" | "), "---:|".repeat(columns.len()));
    let targets: Vec<_> = columns.iter().map(|column| escape::markdown(&column.target)).collect();
    let _ = writeln!(out, "| target | {} |", targets.join(" | "));
    for (word, _, meaning) in LETTERS {
        let counts: Vec<_> = columns.iter().map(|column| count(column, word).to_string()).collect();
        let _ = writeln!(out, "| {meaning} | {} |", counts.join(" | "));
    }
    let _ = write!(out, "\n| | Requirement | {} |\n|---|---|{}\n", names.join(" | "), ":---:|".repeat(columns.len()));
    for (id, text) in rows {
        let letters: Vec<_> = columns.iter().map(|column| letter(column, id).1).collect();
        let _ = writeln!(out, "| {id} | {} | {} |", escape::markdown(text), letters.join(" | "));
    }
    let _ = writeln!(out, "\n{}", legend());
    out
}

/// Renders the comparison as an HTML page.
pub(crate) fn to_html(columns: &[Column], rows: &[(&str, &str)]) -> String {
    let mut out = String::new();
    html::head(&mut out, "ALTO conformance of several servers");
    out.push_str("<h1>ALTO conformance</h1>\n<table class=matrix><tr><th><th>Requirement");
    for column in columns {
        let (name, target) = (escape::markup(&column.name), escape::markup(&column.target));
        let _ = write!(out, "<th title=\"{target}\">{name}");
    }
    for (word, _, meaning) in LETTERS {
        let _ = write!(out, "\n<tr><td><td class=dim>{meaning}");
        for column in columns {
            let _ = write!(out, "<td class=\"v {word}\">{}", count(column, word));
        }
    }
    for (id, text) in rows {
        let _ = write!(out, "\n<tr><td><code>{id}</code><td>{}", escape::markup(text));
        for column in columns {
            let (word, letter) = letter(column, id);
            let _ = write!(out, "<td class=\"v {word}\" title=\"{word}\">{letter}");
        }
    }
    let _ = writeln!(out, "\n</table>\n<p class=dim>{}</p>\n</body></html>", legend());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report;
    use crate::requirement::Requirement;
    use crate::verdict::{Line, Verdict};

    fn column_of(name: &str, lines: &[(&'static str, Verdict)]) -> Column {
        let mut report = Report::empty("http://a/<x>", false);
        let line = |(id, verdict): &(&'static str, Verdict)| Line::new(Requirement::must(id, ""), verdict.clone());
        report.lines = lines.iter().map(line).collect();
        read(name.to_owned(), report.to_json().as_bytes()).unwrap()
    }

    #[test]
    fn reports_are_read_back_and_compared() {
        let skipped = || Verdict::Skipped("no".into());
        let one = column_of("one", &[("rfc7285/8.2/5", Verdict::Fail), ("rfc7285/8.4/1", skipped())]);
        let two = column_of("t|wo", &[("rfc7285/8.2/5", Verdict::Warn), ("rfc7285/8.4/1", skipped())]);
        let columns = [one, two];
        let table = to_markdown(&columns, &rows(&columns, false));
        assert!(table.contains("| | one | t\\|wo |"), "{table}");
        assert!(
            table.lines().any(|line| line.starts_with("| rfc7285/8.2/5 |") && line.ends_with("| ✘ | ! |")),
            "{table}"
        );
        assert_eq!(rows(&columns, true).len(), 1);
        let page = to_html(&columns, &rows(&columns, false));
        assert!(page.contains("http://a/&lt;x&gt;") && !page.contains("<x>"));
        assert!(read("x".into(), b"{}").is_err());
    }
}
