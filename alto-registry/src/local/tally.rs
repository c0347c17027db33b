//! Count of what the holders of a file say, and the value that most of them give.

use std::collections::{BTreeMap, BTreeSet};

/// Values with their numbers of votes. As long as all votes agree, as those of honest holders do, it is one value and
/// one number; each further value costs memory only while it has votes.
pub(super) struct Tally<T> {
    /// Value with the most votes. Among equals, the one that led before.
    leader: Option<(T, u32)>,
    others: Option<Box<Others<T>>>,
}

/// Values other than the leading one.
struct Others<T> {
    votes: BTreeMap<T, u32>,
    order: BTreeSet<(u32, T)>,
}

impl<T: Ord + Clone> Tally<T> {
    /// Counts nothing yet.
    pub(super) const fn new() -> Self {
        Self { leader: None, others: None }
    }

    /// Value with the most votes.
    pub(super) fn leader(&self) -> Option<&T> {
        self.leader.as_ref().map(|(value, _)| value)
    }

    /// Number of votes for a value.
    pub(super) fn votes(&self, value: &T) -> u32 {
        match &self.leader {
            Some((leader, votes)) if leader == value => *votes,
            _ => self.others.as_ref().and_then(|others| others.votes.get(value)).copied().unwrap_or(0),
        }
    }

    /// Counts a vote.
    pub(super) fn add(&mut self, value: &T) {
        match &mut self.leader {
            None => self.leader = Some((value.clone(), 1)),
            Some((leader, votes)) if leader == value => *votes += 1,
            Some(_) => {
                self.others.get_or_insert_default().change(value, |votes| votes + 1);
                self.elect();
            }
        }
    }

    /// Takes a vote back, which was counted before.
    pub(super) fn remove(&mut self, value: &T) {
        match &mut self.leader {
            Some((leader, votes)) if leader == value => *votes = votes.saturating_sub(1),
            _ => {
                if let Some(others) = &mut self.others {
                    others.change(value, |votes| votes.saturating_sub(1));
                }
            }
        }
        self.elect();
    }

    /// Replaces the leader by a value with more votes, if there is one, and forgets what has none.
    fn elect(&mut self) {
        let present = self.leader.as_ref().map_or(0, |(_, votes)| *votes);
        if let Some(others) = &mut self.others {
            if let Some((votes, value)) = others.order.last().filter(|(votes, _)| *votes > present).cloned() {
                others.change(&value, |_| 0);
                if let Some((old, votes)) = self.leader.replace((value, votes)) {
                    others.change(&old, |_| votes);
                }
            }
            if others.votes.is_empty() {
                self.others = None;
            }
        }
        self.leader.take_if(|(_, votes)| *votes == 0);
    }
}

impl<T: Ord + Clone> Others<T> {
    /// Changes the number of votes of a value.
    fn change(&mut self, value: &T, new: impl FnOnce(u32) -> u32) {
        let old = self.votes.remove(value).unwrap_or(0);
        if old > 0 {
            self.order.remove(&(old, value.clone()));
        }
        let votes = new(old);
        if votes > 0 {
            self.votes.insert(value.clone(), votes);
            self.order.insert((votes, value.clone()));
        }
    }
}

impl<T> Default for Others<T> {
    fn default() -> Self {
        Self { votes: BTreeMap::new(), order: BTreeSet::new() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_leader_has_the_most_votes_and_changes_only_for_more(
            steps in prop::collection::vec((any::<bool>(), 0..4_usize), 0..60),
        ) {
            let (mut tally, mut votes, mut leader) = (Tally::new(), [0_u32; 4], None);
            for (add, value) in steps {
                if add {
                    tally.add(&value);
                    votes[value] += 1;
                } else if votes[value] > 0 {
                    tally.remove(&value);
                    votes[value] -= 1;
                }
                let most = votes.into_iter().max().unwrap();
                let seen = tally.leader().copied();
                prop_assert_eq!(seen.map_or(0, |value| votes[value]), most);
                if seen.is_some() && leader != seen && let Some(before) = leader {
                    prop_assert!(votes[before] < most, "an equal number of votes replaces nobody");
                }
                leader = seen;
                prop_assert!((0..4).all(|value| tally.votes(&value) == votes[value]));
                let known = tally.others.as_ref().map_or(0, |others| others.votes.len());
                prop_assert_eq!(known + usize::from(seen.is_some()), votes.iter().filter(|votes| **votes > 0).count());
            }
        }
    }
}
