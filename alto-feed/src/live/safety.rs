//! Safety: a change that drops too much at once is more often a broken source than a broken network, so it waits for the
//! operator.

/// Numbers of links and prefixes that a change drops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Number of links that were up and no longer are, and of all that were up.
    pub links: (usize, usize),
    /// Number of prefixes whose addresses are no longer in the same PID, and of all prefixes.
    pub prefixes: (usize, usize),
}

/// Decision about a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The change may pass.
    Pass,
    /// The change is held back, for this reason.
    Hold(String),
}

/// Decides about a change.
pub fn judge(losses: Losses, max_drop: f64) -> Verdict {
    let too_much = |(lost, all): (usize, usize)| {
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more precision")]
        let share = if all == 0 { 0.0 } else { lost as f64 / all as f64 };
        share > max_drop
    };
    let dropped =
        [("links", losses.links), ("prefixes", losses.prefixes)].into_iter().filter(|(_, count)| too_much(*count));
    let texts: Vec<String> = dropped.map(|(what, (lost, all))| format!("{lost} of {all} {what}")).collect();
    if texts.is_empty() {
        return Verdict::Pass;
    }
    Verdict::Hold(format!(
        "the observed network lacks {}, more than the share of {max_drop} that may be dropped unconfirmed; check the \
         sources, then run `alto-feed confirm` if the network really changed",
        texts.join(" and ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_drops_beyond_the_share_are_held_back() {
        let losses = |links, prefixes| Losses { links, prefixes };
        assert_eq!(judge(losses((2, 10), (0, 0)), 0.2), Verdict::Pass);
        assert_eq!(judge(losses((10, 10), (10, 10)), 1.0), Verdict::Pass);
        let Verdict::Hold(reason) = judge(losses((3, 10), (5, 5)), 0.2) else { panic!("passed") };
        assert!(reason.contains("lacks 3 of 10 links and 5 of 5 prefixes"), "{reason}");
    }
}
