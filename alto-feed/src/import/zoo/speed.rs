//! Bandwidths in the free text of link labels, such as `2x10Gb/s`, `STM-64` or `45 Mbps DS-3`.

/// One element of a label.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
    Number(f64),
    Word(&'a str),
    Symbol(char),
}

/// Returns the bandwidth that a label tells, in Mbit/s: of a range its lower bound, of several the first.
pub fn of_label(label: &str) -> Option<f64> {
    let lower = label.to_ascii_lowercase();
    let tokens = tokens(&lower);
    (0..tokens.len()).find_map(|start| {
        let rest = tokens.get(start..)?;
        match rest {
            // `2x10Gb/s`, `3 x 622Mbps`, `8*GbE`, `2x STM-1`.
            [Token::Number(times), Token::Word("x") | Token::Symbol('*'), rest @ ..] => Some(times * rate(rest)?),
            _ => rate(rest),
        }
    })
}

/// Returns the rate that the tokens start with, in Mbit/s.
fn rate(tokens: &[Token<'_>]) -> Option<f64> {
    let rate = match tokens {
        // The unit of a range stands behind its upper bound.
        [Token::Number(number), Token::Symbol('-'), Token::Number(_), Token::Word(word), ..]
        | [Token::Number(number), Token::Word(word), ..] => number * unit(word)?,
        [Token::Word(word), Token::Number(number), rest @ ..]
        | [Token::Word(word), Token::Symbol('-'), Token::Number(number), rest @ ..] => {
            let rate = hierarchy(word, *number)?;
            match rest {
                // `STM-64x2`.
                [Token::Word("x"), Token::Number(times), ..] => rate * times,
                _ => rate,
            }
        }
        [Token::Word("gige" | "gbe" | "ge"), ..] => 1000.0,
        _ => return None,
    };
    (rate > 0.0).then_some(rate)
}

/// Returns a unit in Mbit/s. Labels write `B` for bits, too.
fn unit(word: &str) -> Option<f64> {
    let (prefix, rest) = word.split_at_checked(1)?;
    let bits = ["", "b", "bs", "bps", "bit", "bits"];
    match (prefix, rest) {
        _ if word == "bit" || word == "bps" => Some(1e-6),
        ("k", rest) if bits.contains(&rest) => Some(1e-3),
        ("m", rest) if bits.contains(&rest) => Some(1.0),
        ("g", rest) if bits.contains(&rest) => Some(1e3),
        _ => None,
    }
}

/// Returns the rate of a level of a digital hierarchy, in Mbit/s.
fn hierarchy(word: &str, level: f64) -> Option<f64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "levels are small; others match nothing"
    )]
    match (word, level as u32) {
        ("stm", _) => Some(155.52 * level),
        ("oc", _) => Some(51.84 * level),
        ("e", 1) => Some(2.048),
        ("e", 3) => Some(34.368),
        ("t" | "ds", 1) => Some(1.544),
        ("t" | "ds", 3) => Some(44.736),
        _ => None,
    }
}

/// Splits a label where letters, digits and other characters meet; spaces only separate.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let belongs: fn(char) -> bool = if first.is_ascii_digit() {
            |character| character.is_ascii_digit() || character == '.'
        } else if first.is_alphabetic() {
            char::is_alphabetic
        } else {
            |_| false
        };
        let length = rest.find(|character| !belongs(character)).unwrap_or(rest.len()).max(first.len_utf8());
        let (token, after) = rest.split_at(length);
        rest = after;
        if first.is_ascii_digit() {
            tokens.extend(token.trim_end_matches('.').parse().ok().map(Token::Number));
        } else if first.is_alphabetic() {
            tokens.push(Token::Word(token));
        } else if !first.is_whitespace() {
            tokens.push(Token::Symbol(first));
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_tell_bandwidths_in_many_ways() {
        let cases = [
            ("45 Mbps DS-3", 45.0),
            ("OC192/STM64", 9953.28),
            ("1-20Gbps", 1000.0),
            ("1-2.5 Gb/s", 1000.0),
            ("2x10Gb/s", 20_000.0),
            ("3 x 622Mbps", 1866.0),
            ("<= 10 Mbps", 10.0),
            ("STM-64x2", 19906.56),
            ("8*GbE", 8000.0),
            ("CANARIE N*10Gbit/s", 10_000.0),
            ("4x1 Gbps + 2x STM-1", 4000.0),
            ("300M-1Gb/s", 300.0),
            ("ANS CO+RE T1", 1.544),
            ("E3", 34.368),
            ("GigE/FE/ATM", 1000.0),
            ("OC-192c", 9953.28),
            ("9600 bit/s", 0.0096),
            ("Managed Fiber (10Gbps, 100Mbps)", 10_000.0),
        ];
        for (label, expected) in cases {
            let found = of_label(label).unwrap_or_default();
            assert!((found - expected).abs() < 1e-9, "{label:?}: {found}");
        }
    }

    #[test]
    fn colours_owners_and_cables_are_no_bandwidths() {
        for label in [
            "",
            "Green Link",
            "TAT-14",
            "SeaMeWe-3",
            "1Q 2003",
            "72 Lambda ROADM Network",
            "Adria-1",
            "0 Gbps",
            "5 meters",
        ] {
            assert_eq!(of_label(label), None, "{label:?}");
        }
    }
}
