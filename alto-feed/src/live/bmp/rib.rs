//! The routes of all routers that speak BMP with us.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipnet::IpNet;

use super::message::Peer;
use crate::bgp::decode::{Change, Update};
use crate::pids::route::Route;

/// Largest number of routers.
const MAX_ROUTERS: usize = 1000;
/// Time after the start of a connection at which a table that is never quiet counts as complete, as a multiple of the
/// quiet that is waited for.
const NEVER_QUIET: u32 = 12;

/// Communities that a route may have at the weight of one; more of them weigh more.
const LIGHT_COMMUNITIES: usize = 32;

/// Routes by router.
#[derive(Debug)]
pub struct Rib {
    routers: BTreeMap<IpAddr, Router>,
    limit: usize,
    /// Number of changes so far.
    changes: u64,
}

/// The routes of one router.
#[derive(Debug, Default)]
struct Router {
    /// Number of the connection, from 1.
    session: u64,
    connected: bool,
    /// True once the router has told its whole table, in this connection or an earlier one.
    complete: bool,
    /// Time of the start of the connection.
    since: Option<Instant>,
    /// Time of the latest route, or of the start of the connection.
    latest: Option<Instant>,
    /// Tables by peer, none of them empty.
    tables: HashMap<Peer, Table>,
    /// Weight of all routes.
    weight: usize,
}

/// The routes of one peer. Peers of different policy or routing table never mix.
#[derive(Debug, Default)]
struct Table {
    routes: HashMap<Path, Entry>,
    weight: usize,
    /// Connections in which the end of the table was told, of IPv4 and of IPv6. Nothing older is left after it.
    ended: [u64; 2],
}

/// A connection of a router. What comes from one that another has replaced no longer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    router: IpAddr,
    number: u64,
}

/// Identity of a route among those of its peer.
type Path = (IpNet, Option<u32>);

/// Order of the routes to a prefix: others than the router's own, router, peer and path.
type Rank = (bool, IpAddr, Peer, Option<u32>);

#[derive(Clone, Debug)]
struct Entry {
    route: Arc<Route>,
    /// Connection in which the route was last told.
    session: u64,
}

/// Reason why the routes do not describe the network yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsettled {
    /// Table without any routes.
    #[error("no router has told its routes yet")]
    Nothing,
    /// A router is still telling its routes for the first time.
    #[error("{0} has not told all of its routes yet")]
    Incomplete(IpAddr),
}

/// More routes or routers than permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Too many routers.
    #[error("there are {MAX_ROUTERS} routers already")]
    Routers,
    /// Too many routes of one router.
    #[error(
        "tells more than {0} routes, which is the limit for one router (max-routes); one with more than 32 communities \
         counts as several"
    )]
    Routes(usize),
}

impl Rib {
    /// Creates a table that takes at most `limit` routes of each router. A route with more than 32 communities counts as
    /// several.
    pub fn new(limit: usize) -> Self {
        Self { routers: BTreeMap::new(), limit, changes: 0 }
    }

    /// Notes that a router has connected. Its routes of earlier connections stay until it has told which are left.
    pub fn connected(&mut self, address: IpAddr, now: Instant) -> Result<Session, Full> {
        if self.routers.len() >= MAX_ROUTERS && !self.routers.contains_key(&address) {
            self.routers.retain(|_, router| router.connected || !router.tables.is_empty());
            if self.routers.len() >= MAX_ROUTERS {
                return Err(Full::Routers);
            }
        }
        let router = self.routers.entry(address).or_default();
        router.session += 1;
        router.connected = true;
        (router.since, router.latest) = (Some(now), Some(now));
        Ok(Session { router: address, number: router.session })
    }

    /// Notes that a connection ended, unless the router has another one by now.
    pub fn disconnected(&mut self, session: Session) {
        if let Some(router) = self.router(session) {
            router.connected = false;
        }
    }

    /// Returns the router of a connection, unless it has another one by now.
    fn router(&mut self, session: Session) -> Option<&mut Router> {
        self.routers.get_mut(&session.router).filter(|router| router.session == session.number)
    }

    /// Applies an update of a router's peer.
    pub fn apply(&mut self, session: Session, peer: Peer, update: Update, now: Instant) -> Result<(), Full> {
        let limit = self.limit;
        let Some(router) = self.router(session) else { return Ok(()) };
        let full = match update {
            Update::Other => return Ok(()),
            Update::EndOfRib { ipv6 } => {
                let changed = router.end_table(peer, ipv6);
                self.changes += u64::from(changed);
                return Ok(());
            }
            Update::Changes(changes) => {
                router.latest = Some(now);
                router.change(peer, changes, limit);
                router.weight > limit
            }
        };
        self.changes += 1;
        if full { Err(Full::Routes(limit)) } else { Ok(()) }
    }

    /// Removes the routes of a peer whose session ended.
    pub fn peer_down(&mut self, session: Session, peer: Peer) {
        let Some(router) = self.router(session) else { return };
        if let Some(table) = router.tables.remove(&peer) {
            router.weight -= table.weight;
            self.changes += 1;
        }
    }

    /// Removes routes that a router has not repeated within `patience` after it connected again.
    pub fn expire(&mut self, patience: Duration, now: Instant) {
        for router in self.routers.values_mut().filter(|router| router.connected) {
            if has_passed(router.since, patience, now) {
                self.changes += u64::from(router.retain_told());
            }
        }
    }

    /// Checks that there are routes, and that every router that tells some has told its whole table: it was quiet for a
    /// while, or has had twelve times as long. A table that is told again after a reset stays complete meanwhile.
    pub fn settle(&mut self, quiet: Duration, now: Instant) -> Result<(), Unsettled> {
        let mut settled = Err(Unsettled::Nothing);
        for (address, router) in self.routers.iter_mut().filter(|(_, router)| !router.tables.is_empty()) {
            router.complete |= router.connected
                && (has_passed(router.latest, quiet, now) || has_passed(router.since, quiet * NEVER_QUIET, now));
            if !router.complete {
                return Err(Unsettled::Incomplete(*address));
            }
            settled = Ok(());
        }
        settled
    }

    /// Returns a router that has told routes and is not connected any more.
    pub fn missing(&self) -> Option<IpAddr> {
        let mut missing = self.routers.iter().filter(|(_, router)| !router.connected && !router.tables.is_empty());
        missing.next().map(|(address, _)| *address)
    }

    /// Returns the number of changes so far, which tells whether anything changed.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Returns the number of routes of all routers.
    pub fn len(&self) -> usize {
        self.routers.values().flat_map(|router| router.tables.values()).map(|table| table.routes.len()).sum()
    }

    /// Returns whether there are no routes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the route to each prefix: a router's own best one before those of its peers, then the first in order of
    /// router and peer, so that the choice never depends on the order of arrival.
    pub fn best(&self) -> BTreeMap<IpNet, Arc<Route>> {
        let mut best: BTreeMap<IpNet, (Rank, Arc<Route>)> = BTreeMap::new();
        let tables =
            self.routers.iter().flat_map(|(address, router)| router.tables.iter().map(move |told| (address, told)));
        for (address, (peer, table)) in tables {
            for ((prefix, path), entry) in &table.routes {
                let rank = (!peer.own, *address, *peer, *path);
                match best.get_mut(prefix) {
                    Some(known) if known.0 <= rank => {}
                    Some(known) => *known = (rank, Arc::clone(&entry.route)),
                    None => drop(best.insert(*prefix, (rank, Arc::clone(&entry.route)))),
                }
            }
        }
        best.into_iter().map(|(prefix, (_, route))| (prefix, route)).collect()
    }
}

impl Router {
    /// Applies changes of a peer's routes, until all routes together weigh more than `limit`.
    fn change(&mut self, peer: Peer, changes: Vec<Change>, limit: usize) {
        let session = self.session;
        let table = self.tables.entry(peer).or_default();
        self.weight -= table.weight;
        for change in changes {
            if self.weight + table.weight > limit {
                break;
            }
            let path = (change.prefix, change.path);
            let before = match change.route {
                Some(route) => {
                    table.weight += weight(&route);
                    table.routes.insert(path, Entry { route, session })
                }
                None => table.routes.remove(&path),
            };
            table.weight -= before.map_or(0, |before| weight(&before.route));
        }
        self.weight += table.weight;
        if table.routes.is_empty() {
            self.tables.remove(&peer);
        }
    }

    /// Removes what a peer has not told again in this connection. Returns whether there was anything.
    fn end_table(&mut self, peer: Peer, ipv6: bool) -> bool {
        let session = self.session;
        let Some(table) = self.tables.get_mut(&peer) else { return false };
        if std::mem::replace(&mut table.ended[usize::from(ipv6)], session) == session {
            return false;
        }
        self.weight -= table.weight;
        let removed =
            table.retain(|(prefix, _), entry| matches!(prefix, IpNet::V6(_)) != ipv6 || entry.session == session);
        self.weight += table.weight;
        if table.routes.is_empty() {
            self.tables.remove(&peer);
        }
        removed
    }

    /// Removes the routes of earlier connections. Returns whether there were any.
    fn retain_told(&mut self) -> bool {
        let session = self.session;
        let mut removed = false;
        self.tables.retain(|_, table| {
            removed |= table.retain(|_, entry| entry.session == session);
            !table.routes.is_empty()
        });
        self.weight = self.tables.values().map(|table| table.weight).sum();
        removed
    }
}

impl Table {
    /// Removes routes. Returns whether there were any.
    fn retain(&mut self, keep: impl Fn(&Path, &Entry) -> bool) -> bool {
        let before = self.routes.len();
        let weight_left = &mut self.weight;
        self.routes.retain(|path, entry| {
            let stays = keep(path, entry);
            *weight_left -= if stays { 0 } else { weight(&entry.route) };
            stays
        });
        before != self.routes.len()
    }
}

/// Weight of a route towards the limit, which follows the memory that it takes.
fn weight(route: &Route) -> usize {
    1 + route.communities.len() / LIGHT_COMMUNITIES
}

fn has_passed(since: Option<Instant>, time: Duration, now: Instant) -> bool {
    since.is_some_and(|since| now.saturating_duration_since(since) >= time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pids::route::Community;

    const ROUTER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn peer(last: u8, own: bool) -> Peer {
        Peer { own, address: IpAddr::from([10, 0, 1, last]), distinguisher: 0 }
    }

    fn change(prefix: &str, origin: Option<u32>) -> Update {
        let route = origin.map(|origin| Arc::new(Route { origin_as: Some(origin), ..Route::default() }));
        Update::Changes(vec![Change { prefix: prefix.parse().unwrap(), path: None, peer: ROUTER, route }])
    }

    fn origins(rib: &Rib) -> Vec<(String, u32)> {
        rib.best().into_iter().map(|(prefix, route)| (prefix.to_string(), route.origin_as.unwrap())).collect()
    }

    #[test]
    fn the_choice_among_peers_does_not_depend_on_the_order_of_arrival() {
        let now = Instant::now();
        let mut rib = Rib::new(10);
        let router = rib.connected(ROUTER, now).unwrap();
        rib.apply(router, peer(2, false), change("10.1.0.0/16", Some(2)), now).unwrap();
        rib.apply(router, peer(1, false), change("10.1.0.0/16", Some(1)), now).unwrap();
        assert_eq!(origins(&rib), [("10.1.0.0/16".to_owned(), 1)]);
        rib.apply(router, peer(9, true), change("10.1.0.0/16", Some(9)), now).unwrap();
        assert_eq!(origins(&rib), [("10.1.0.0/16".to_owned(), 9)], "the router's own choice comes first");
        rib.peer_down(router, peer(9, true));
        rib.apply(router, peer(1, false), change("10.1.0.0/16", None), now).unwrap();
        assert_eq!(origins(&rib), [("10.1.0.0/16".to_owned(), 2)]);
    }

    #[test]
    fn routes_that_a_router_does_not_repeat_go_at_the_end_of_its_table() {
        let now = Instant::now();
        let mut rib = Rib::new(10);
        let first = rib.connected(ROUTER, now).unwrap();
        for prefix in ["10.1.0.0/16", "10.2.0.0/16", "2001:db8::/32"] {
            rib.apply(first, peer(1, false), change(prefix, Some(1)), now).unwrap();
        }
        let router = rib.connected(ROUTER, now).unwrap();
        rib.disconnected(first);
        rib.apply(router, peer(1, false), change("10.2.0.0/16", Some(1)), now).unwrap();
        assert_eq!(rib.len(), 3, "all stay while the router tells its table again");
        rib.apply(router, peer(1, false), Update::EndOfRib { ipv6: false }, now).unwrap();
        let prefixes: Vec<_> = origins(&rib).into_iter().map(|(prefix, _)| prefix).collect();
        assert_eq!(prefixes, ["10.2.0.0/16", "2001:db8::/32"]);
        rib.expire(Duration::from_mins(1), now + Duration::from_mins(1));
        assert_eq!(rib.len(), 1, "without an end of the table, time decides");
    }

    #[test]
    fn a_table_is_complete_when_the_router_is_quiet_or_has_had_its_time_and_stays_so_through_resets() {
        let (start, quiet) = (Instant::now(), Duration::from_secs(5));
        let after = |seconds| start + Duration::from_secs(seconds);
        let incomplete = Err(Unsettled::Incomplete(ROUTER));
        let mut rib = Rib::new(100);
        let first = rib.connected(ROUTER, start).unwrap();
        assert_eq!(rib.settle(quiet, after(60)), Err(Unsettled::Nothing));
        for seconds in 0..60 {
            let update = change(&format!("10.{seconds}.0.0/16"), Some(1));
            rib.apply(first, peer(1, false), update, after(seconds)).unwrap();
            assert_eq!(rib.settle(quiet, after(seconds)), incomplete, "{seconds}");
        }
        // A session that ends in the middle of the first table leaves it incomplete.
        rib.disconnected(first);
        assert_eq!((rib.settle(quiet, after(70)), rib.missing()), (incomplete, Some(ROUTER)));
        rib.connected(ROUTER, after(70)).unwrap();
        assert_eq!((rib.settle(quiet, after(71)), rib.missing()), (incomplete, None));
        assert_eq!(rib.settle(quiet, after(75)), Ok(()));
        let third = rib.connected(ROUTER, after(80)).unwrap();
        rib.apply(first, peer(1, false), change("10.1.0.0/16", None), after(80)).unwrap();
        rib.apply(third, peer(1, false), change("10.1.0.0/16", Some(1)), after(82)).unwrap();
        assert_eq!((rib.settle(quiet, after(82)), rib.len()), (Ok(()), 60), "all routes stay meanwhile");

        // Another router delays the next state until it has told its routes, at the latest after a minute.
        let other = IpAddr::from([10, 0, 0, 2]);
        let session = rib.connected(other, after(100)).unwrap();
        for seconds in 100..=160 {
            rib.apply(session, peer(1, false), change("10.99.0.0/16", Some(1)), after(seconds)).unwrap();
            let expected = if seconds < 160 { Err(Unsettled::Incomplete(other)) } else { Ok(()) };
            assert_eq!(rib.settle(quiet, after(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn a_router_that_tells_too_much_is_refused() {
        let now = Instant::now();
        let mut rib = Rib::new(1);
        let router = rib.connected(ROUTER, now).unwrap();
        rib.apply(router, peer(1, false), change("10.1.0.0/16", Some(1)), now).unwrap();
        for prefix in ["10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16"] {
            let router = rib.connected(ROUTER, now).unwrap();
            let full = rib.apply(router, peer(1, false), change(prefix, Some(1)), now);
            assert_eq!(full, Err(Full::Routes(1)));
        }
        assert_eq!(rib.len(), 2, "who connects again is refused again");
    }

    #[test]
    fn many_communities_count_as_many_routes() {
        let now = Instant::now();
        let mut rib = Rib::new(4);
        let router = rib.connected(ROUTER, now).unwrap();
        let mut tell = |last: u8, count: usize| {
            let route = Route { communities: vec![Community::Plain(1, 2); count], ..Route::default() };
            let prefix = IpNet::from(IpAddr::from([10, 0, 0, last]));
            let change = Change { prefix, path: None, peer: ROUTER, route: Some(Arc::new(route)) };
            rib.apply(router, peer(1, false), Update::Changes(vec![change]), now)
        };
        assert_eq!(tell(1, 31), Ok(()));
        assert_eq!(tell(2, 64), Ok(()));
        assert_eq!(tell(2, 0), Ok(()), "the weight of a route that is replaced is given back");
        assert_eq!(tell(3, 33), Ok(()));
        assert_eq!(tell(3, 100), Err(Full::Routes(4)));
    }

    #[test]
    fn routers_that_have_gone_without_routes_make_room_for_others() {
        let now = Instant::now();
        let mut rib = Rib::new(1);
        let router = |number: usize| IpAddr::from((0x0a00_0000_u32 + u32::try_from(number).unwrap()).to_be_bytes());
        for number in 0..MAX_ROUTERS {
            let session = rib.connected(router(number), now).unwrap();
            if number < MAX_ROUTERS - 1 {
                rib.apply(session, peer(1, false), change("10.1.0.0/16", Some(1)), now).unwrap();
            }
            rib.disconnected(session);
        }
        assert!(rib.connected(router(MAX_ROUTERS), now).is_ok());
        assert_eq!(rib.connected(router(MAX_ROUTERS + 1), now), Err(Full::Routers));
    }
}
