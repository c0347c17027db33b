//! Warnings about costs that are valid but probably not what was intended.

use crate::prefix::network_map::PidId;
use crate::view::View;

/// Largest number of warnings of one kind that are given one by one.
const LISTED: usize = 10;
/// Largest number of lookups for the comparison of all PIDs.
const MAX_WORK: usize = 20_000_000;

impl View {
    /// Warns of PIDs whose hosts are nearer to another PID than to each other, and of PIDs with a route one way only.
    ///
    /// Networks with so many PIDs that comparing all of them would take long are not compared.
    pub fn warnings(&self) -> Vec<String> {
        let pids: Vec<PidId> = self.network_map().pids().map(|(pid, _)| pid).collect();
        let groups: usize = pids.iter().map(|pid| self.group_count(*pid)).sum();
        if groups.saturating_mul(groups) > MAX_WORK {
            return Vec::new();
        }
        let mut warnings = Vec::new();
        shorten(&mut warnings, self.nearer_pids(&pids), "PIDs that are nearer to others than to themselves");
        shorten(&mut warnings, self.one_way_pairs(&pids), "pairs of PIDs with a route one way only");
        warnings
    }

    fn nearer_pids(&self, pids: &[PidId]) -> Vec<String> {
        let name = |pid: PidId| self.network_map().pid(pid).name();
        let warning = |&pid: &PidId| {
            let own = self.core_cost(pid, pid)?;
            let others = pids.iter().filter(|other| **other != pid);
            let (nearest, cost) =
                others.filter_map(|&other| Some((other, self.core_cost(pid, other)?))).min_by_key(|(_, cost)| *cost)?;
            (cost < own).then(|| {
                format!(
                    "the PID {} is nearer to {} ({cost}) than to itself ({own}), access left out: clients in it are sent \
                     there; give its parts PIDs of their own",
                    name(pid),
                    name(nearest)
                )
            })
        };
        pids.iter().filter_map(warning).collect()
    }

    fn one_way_pairs(&self, pids: &[PidId]) -> Vec<String> {
        let name = |pid: PidId| self.network_map().pid(pid).name();
        let mut found = Vec::new();
        for (i, &one) in pids.iter().enumerate() {
            for &other in &pids[..i] {
                let (there, back) = (self.core_cost(one, other), self.core_cost(other, one));
                let (from, to) = match (there, back) {
                    (Some(_), None) => (one, other),
                    (None, Some(_)) => (other, one),
                    _ => continue,
                };
                found.push(format!(
                    "there is a route from the PID {} to {}, but none back: is a link of the other direction missing?",
                    name(from),
                    name(to)
                ));
            }
        }
        found
    }
}

/// Takes over the first warnings of a kind, and the number of the others.
fn shorten(warnings: &mut Vec<String>, mut found: Vec<String>, kind: &str) {
    let more = found.len().saturating_sub(LISTED);
    found.truncate(LISTED);
    warnings.extend(found);
    if more > 0 {
        warnings.push(format!("and {more} more {kind}"));
    }
}
