//! When which registration ends. All leases are equally long, so the order in which they were given is the order in
//! which they end, and a linked list keeps it at no cost.

use std::time::Duration;

/// A moment, in milliseconds of the registry's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Moment(pub(super) u64);

/// The leases of registrations, each of which has a small number as its name.
pub(super) struct Leases {
    /// By number; what is not in the list is stale.
    links: Vec<Link>,
    first: Option<u32>,
    last: Option<u32>,
}

#[derive(Clone, Copy)]
struct Link {
    end: Moment,
    /// [`NOBODY`] at either end of the list.
    previous: u32,
    next: u32,
}

const NOBODY: u32 = u32::MAX;

impl Moment {
    pub(super) fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
    }

    pub(super) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Leases {
    pub(super) fn new() -> Self {
        Self { links: Vec::new(), first: None, last: None }
    }

    /// Gives a lease to a number that has none. It must not end before any other.
    pub(super) fn give(&mut self, number: u32, end: Moment) {
        let link = Link { end, previous: self.last.unwrap_or(NOBODY), next: NOBODY };
        let place = number as usize;
        if place >= self.links.len() {
            self.links.resize(place + 1, link);
        }
        self.links[place] = link;
        match self.last.replace(number) {
            Some(last) => self.links[last as usize].next = number,
            None => self.first = Some(number),
        }
    }

    /// Ends the lease of a number that has one.
    pub(super) fn end(&mut self, number: u32) {
        let Link { previous, next, .. } = self.links[number as usize];
        let known = |number| (number != NOBODY).then_some(number);
        match known(previous) {
            Some(previous) => self.links[previous as usize].next = next,
            None => self.first = known(next),
        }
        match known(next) {
            Some(next) => self.links[next as usize].previous = previous,
            None => self.last = known(previous),
        }
    }

    pub(super) fn renew(&mut self, number: u32, end: Moment) {
        self.end(number);
        self.give(number, end);
    }

    /// When the lease of a number that has one ends.
    pub(super) fn ends(&self, number: u32) -> Moment {
        self.links[number as usize].end
    }

    /// The number whose lease has ended longest ago, if any has.
    pub(super) fn ended(&self, now: Moment) -> Option<u32> {
        self.first.filter(|first| self.ends(*first) <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_end_in_order() {
        let mut leases = Leases::new();
        for number in 0..4 {
            leases.give(number, Moment(10 + u64::from(number)));
        }
        assert_eq!(leases.ended(Moment(9)), None);
        leases.renew(0, Moment(20));
        leases.end(2);
        leases.renew(3, Moment(21));
        let mut order = Vec::new();
        while let Some(number) = leases.ended(Moment(30)) {
            order.push((number, leases.ends(number).0));
            leases.end(number);
        }
        assert_eq!(order, [(1, 11), (0, 20), (3, 21)]);
        leases.give(1, Moment(40));
        assert_eq!((leases.ended(Moment(39)), leases.ended(Moment(40))), (None, Some(1)));
    }
}
