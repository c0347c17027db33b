//! Leases of registrations. All are equally long, so the order in which they are granted is the order in which they
//! end, and a linked list keeps them sorted at constant cost.

use crate::time::Timestamp;

/// Leases of registrations, by the number of the registration.
#[derive(Default)]
pub(super) struct Leases {
    /// Indexed by number; entries outside the linked list are stale.
    links: Vec<Link>,
    first: Option<u32>,
    last: Option<u32>,
}

#[derive(Clone, Copy)]
struct Link {
    end: Timestamp,
    /// [`NONE`] at the start of the list.
    previous: u32,
    /// [`NONE`] at the end of the list.
    next: u32,
}

const NONE: u32 = u32::MAX;

impl Leases {
    /// Grants a lease to a number that has none. It must not end before any other.
    pub(super) fn grant(&mut self, number: u32, end: Timestamp) {
        let link = Link { end, previous: self.last.unwrap_or(NONE), next: NONE };
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

    /// Removes the lease of a number that has one.
    pub(super) fn remove(&mut self, number: u32) {
        let Link { previous, next, .. } = self.links[number as usize];
        let known = |number| (number != NONE).then_some(number);
        match known(previous) {
            Some(previous) => self.links[previous as usize].next = next,
            None => self.first = known(next),
        }
        match known(next) {
            Some(next) => self.links[next as usize].previous = previous,
            None => self.last = known(previous),
        }
    }

    /// Replaces the lease of a number that has one.
    pub(super) fn renew(&mut self, number: u32, end: Timestamp) {
        self.remove(number);
        self.grant(number, end);
    }

    /// End of the lease of a number that has one.
    pub(super) fn end(&self, number: u32) -> Timestamp {
        self.links[number as usize].end
    }

    /// Number whose lease ended first, if any has ended.
    pub(super) fn ended(&self, now: Timestamp) -> Option<u32> {
        self.first.filter(|first| self.end(*first) <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(milliseconds: u64) -> Timestamp {
        Timestamp::from_unix_milliseconds(milliseconds)
    }

    #[test]
    fn leases_end_in_order() {
        let mut leases = Leases::default();
        for number in 0..4 {
            leases.grant(number, at(10 + u64::from(number)));
        }
        assert_eq!(leases.ended(at(9)), None);
        leases.renew(0, at(20));
        leases.remove(2);
        leases.renew(3, at(21));
        let mut order = Vec::new();
        while let Some(number) = leases.ended(at(30)) {
            order.push((number, leases.end(number).unix_milliseconds()));
            leases.remove(number);
        }
        assert_eq!(order, [(1, 11), (0, 20), (3, 21)]);
        leases.grant(1, at(40));
        assert_eq!((leases.ended(at(39)), leases.ended(at(40))), (None, Some(1)));
    }
}
