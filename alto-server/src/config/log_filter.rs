//! The setting `log-level`: levels, alone or for parts of the program.

use tracing_subscriber::EnvFilter;

/// Levels, from none to all.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// Parts of the program whose names may stand alone, for all that they log.
const PARTS: [&str; 10] =
    ["access", "alto_registry", "alto_selection", "alto_server", "audit", "h2", "hyper", "redb", "rustls", "topo"];

/// Parses a filter. The library takes every unknown word for a part of the program, and then logs nothing else.
pub(super) fn parse(text: &str) -> Result<EnvFilter, String> {
    let refused = |part: &str| {
        let meant = match part.to_ascii_lowercase().as_str() {
            "warning" => " (did you mean warn?)",
            "err" | "critical" | "fatal" | "emerg" | "alert" | "crit" => " (did you mean error?)",
            "information" | "notice" | "verbose" => " (did you mean info?)",
            "none" | "quiet" | "silent" => " (did you mean off?)",
            _ => "",
        };
        Err(format!(
            "{part:?} is not a level{meant}: use {}, or a filter such as info,alto_server=debug",
            LEVELS.join(", ")
        ))
    };
    if text.trim().is_empty() {
        return refused(text);
    }
    for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        // Directives about spans and fields are for those who know the library.
        if directive.contains(['[', '{']) {
            continue;
        }
        let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
        match directive.split_once('=') {
            Some((_, level)) if !is_level(level) => return refused(level),
            None if !is_level(directive) && !directive.contains("::") && !PARTS.contains(&directive) => {
                return refused(directive);
            }
            _ => {}
        }
    }
    EnvFilter::try_new(text)
        .map_err(|_| format!("{text:?} is not a filter: use a level, or one per part as in info,alto_server=debug"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_levels_are_taken() {
        for good in
            ["info", "WARN", "info,alto_server=debug", "off,access=info", "alto_server", "info,hyper::proto=trace"]
        {
            assert!(parse(good).is_ok(), "{good}");
        }
        for (bad, says) in [
            ("warning", "did you mean warn?"),
            ("info,alto_server=loud", "\"loud\""),
            ("verbose", "did you mean info?"),
            ("", "is not a level"),
            ("7", "is not a level"),
        ] {
            let error = parse(bad).unwrap_err();
            assert!(error.contains(says) && error.contains("error, warn, info, debug, trace"), "{error}");
        }
    }
}
