//! Answers to announcements and scrapes, whatever the transport.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alto_registry::swarms::{
    Announcement, Counts, Infohash, Locator, Members, Place, Population, SavedError, Survey, SurveyedSwarm,
    SwarmLimits, SwarmStats,
};
use alto_registry::{PeerAddress, Swarms};
use alto_selection::{Group, PolicyName, Tier, Wanted, choose_placed};
use alto_types::tracker::announce::{AnnounceAnswer, AnnounceRequest, Event};
use alto_types::tracker::scrape::ScrapedTorrent;
use arc_swap::ArcSwap;

use super::access::{Access, AccessFiles};
use super::guide::{Guide, Guides};
use super::meters::{self, Meters, Transport};
use super::refusal::Refused;
use crate::state::network::Network;
use crate::swarm::service::Clock;

/// Interval at which swarms are saved while the server runs.
const SAVE_EVERY: Duration = Duration::from_mins(5);

/// Settings of the tracker.
#[derive(Clone, Debug)]
pub(crate) struct TrackerSettings {
    /// Policy for torrents that have none of their own.
    pub(crate) policy: PolicyName,
    /// Greatest number of peers in an answer that are neither in the PID of the client nor near.
    pub(crate) outsiders: usize,
    /// Greatest number of peers in an answer, and their number where the client does not say.
    pub(crate) answer_peers: u32,
    /// Time after which peers are asked to announce again.
    pub(crate) interval: Duration,
    /// Time within which they are asked not to.
    pub(crate) min_interval: Duration,
    pub(crate) limits: SwarmLimits,
    /// Greatest number of UDP packets of one address that are answered in a second.
    pub(crate) udp_rate: u32,
    pub(crate) files: AccessFiles,
    /// File in which swarms survive a restart, if they are to.
    pub(crate) saved: Option<PathBuf>,
}

/// Tracker of this server.
pub(crate) struct Tracker {
    settings: TrackerSettings,
    access: ArcSwap<Access>,
    swarms: Swarms,
    guides: Guides,
    clock: Clock,
    /// Held while swarms are saved, so that the last save of a server that ends does not meet another one.
    saving: Mutex<()>,
    /// Makes the numbers by which a peer gets the same outsiders every time.
    identities: RandomState,
    pub(super) meters: Meters,
}

/// Peers of all swarms by PID, and the largest swarms.
pub(crate) struct Overview {
    pub(crate) pids: Vec<PidPeers>,
    pub(crate) largest: Vec<PidSwarm>,
}

/// Peers of a PID.
pub(crate) struct PidPeers {
    pub(crate) pid: String,
    pub(crate) peers: Population,
    /// Peers that were named to them, by location: their own PID, near ones, others.
    pub(crate) named: [u64; 3],
}

/// One swarm with its peers by PID.
pub(crate) struct PidSwarm {
    pub(crate) infohash: Infohash,
    pub(crate) counts: Counts,
    pub(crate) pids: Vec<(String, Population)>,
}

/// Request as its transport received it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller<'a> {
    /// Address that the request comes from.
    pub(super) address: IpAddr,
    pub(super) passkey: Option<&'a str>,
    pub(super) transport: Transport,
}

impl Tracker {
    /// Starts with the swarms of an earlier run, if they were saved.
    pub(crate) fn start(settings: TrackerSettings, access: Access, network: &Arc<Network>) -> Result<Self, SavedError> {
        meters::describe();
        let swarms = Swarms::new(settings.limits);
        let (guides, clock) = (Guides::new(Arc::clone(network)), Clock::start());
        if let Some(path) = &settings.saved {
            let peers = swarms.load(path, &*guides.current(), clock.now())?;
            tracing::info!(peers, "swarms of an earlier run are in force");
        }
        Ok(Self {
            settings,
            access: ArcSwap::from_pointee(access),
            swarms,
            guides,
            clock,
            saving: Mutex::new(()),
            identities: RandomState::new(),
            meters: Meters::new(),
        })
    }

    /// Greatest number of UDP packets of one address that are answered in a second.
    pub(super) const fn udp_rate(&self) -> u32 {
        self.settings.udp_rate
    }

    /// Uses other access lists from now on.
    pub(crate) fn replace_lists(&self, access: Access) {
        self.access.store(Arc::new(access));
    }

    /// Records a peer, and names others to it.
    pub(super) fn announce(&self, request: &AnnounceRequest, caller: &Caller<'_>) -> Result<AnnounceAnswer, Refused> {
        let start = Instant::now();
        let answer = self.answer(request, caller).inspect_err(meters::refused)?;
        self.meters.announced(caller.transport, request.event);
        self.meters.took(caller.transport, start.elapsed());
        Ok(answer)
    }

    fn answer(&self, request: &AnnounceRequest, caller: &Caller<'_>) -> Result<AnnounceAnswer, Refused> {
        let access = self.access.load();
        access.admit(caller.passkey)?;
        let policy = access.policy(&request.infohash)?.unwrap_or(self.settings.policy);
        let address = PeerAddress::new(caller.address, request.port);
        let now = self.clock.now();
        if request.event == Event::Stopped {
            let counts = self.swarms.stop(&request.infohash, address, now);
            return Ok(self.answer_with(counts, address, Vec::new()));
        }
        let announcement = Announcement {
            infohash: request.infohash,
            address,
            identity: request.identity(),
            complete: request.is_complete(),
            finished: request.event == Event::Completed,
        };
        let guide = self.guides.current();
        let wanted = Wanted {
            peers: request.wanted.unwrap_or(self.settings.answer_peers).min(self.settings.answer_peers) as usize,
            outside: self.settings.outsiders,
            seeding: announcement.complete,
            identity: self.identities.hash_one((request.infohash, address)),
        };
        // A packet has room for one family only.
        let both = caller.transport == Transport::Http;
        let (counts, peers) = self.swarms.announce(&announcement, &*guide, now, |members| {
            (members.counts(), self.named(members, address, &guide, policy, wanted, both))
        })?;
        Ok(self.answer_with(counts, address, peers))
    }

    /// Chooses the peers that a peer is told of: those of its own address family first.
    fn named(
        &self,
        members: &Members<'_>,
        own: PeerAddress,
        guide: &Guide,
        policy: PolicyName,
        wanted: Wanted,
        both: bool,
    ) -> Vec<SocketAddr> {
        let place = guide.place(own.ip());
        let own_family = own.ip().is_ipv6();
        let (mut named, mut left) = (Vec::with_capacity(wanted.peers), wanted);
        for ipv6 in [own_family, !own_family].into_iter().take(1 + usize::from(both)) {
            if left.peers == 0 {
                break;
            }
            let of_family = members.sections().enumerate().filter(|(_, section)| section.ipv6 == ipv6);
            let (sections, groups): (Vec<usize>, Vec<Group>) = of_family
                .map(|(index, section)| (index, guide.group(place, &section, policy == PolicyName::Nearest)))
                // The bound on outsiders holds for both families together.
                .filter(|(_, group)| ipv6 == own_family || left.outside > 0 || group.tier != Tier::Far)
                .unzip();
            let picks = choose_placed(policy, &groups, &left, &mut rand::rng());
            let mut counts = [0; 3];
            for pick in &picks {
                counts[groups[pick.group].tier as usize] += 1;
            }
            self.meters.named(counts);
            guide.count_named(place, counts);
            let outside = usize::try_from(counts[Tier::Far as usize]).unwrap_or(usize::MAX);
            left.outside = left.outside.saturating_sub(outside);
            left.peers -= picks.len();
            let addresses =
                picks.iter().filter_map(|pick| members.address(sections[pick.group], pick.seed, pick.index));
            named.extend(addresses.map(|address| SocketAddr::new(address.ip(), address.port())));
        }
        named
    }

    fn answer_with(&self, counts: Counts, own: PeerAddress, peers: Vec<SocketAddr>) -> AnnounceAnswer {
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        AnnounceAnswer {
            interval: seconds(self.settings.interval),
            min_interval: seconds(self.settings.min_interval),
            complete: counts.complete,
            incomplete: counts.incomplete,
            external: Some(own.ip()),
            peers,
        }
    }

    /// Counts the peers of torrents. Unknown torrents have none; refused ones are answered as unknown.
    pub(super) fn scrape(&self, infohashes: &[Infohash], caller: &Caller<'_>) -> Result<Vec<ScrapedTorrent>, Refused> {
        let start = Instant::now();
        let access = self.access.load();
        access.admit(caller.passkey).inspect_err(meters::refused)?;
        let now = self.clock.now();
        let scraped = |infohash: &Infohash| {
            let counts = access.policy(infohash).ok().and_then(|_| self.swarms.counts(infohash, now));
            let Counts { complete, incomplete, finished } = counts.unwrap_or_default();
            ScrapedTorrent { complete, downloaded: finished, incomplete }
        };
        let torrents = infohashes.iter().map(scraped).collect();
        self.meters.scraped(caller.transport);
        self.meters.took(caller.transport, start.elapsed());
        Ok(torrents)
    }

    /// Ends expired leases and records the size, then again and again; saves now and then.
    pub(crate) async fn keep(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(crate::swarm::service::SWEEP);
        let mut saved = Instant::now();
        loop {
            ticks.tick().await;
            self.swarms.sweep(self.clock.now());
            meters::sized(self.swarms.stats());
            if self.settings.saved.is_some() && saved.elapsed() >= SAVE_EVERY {
                saved = Instant::now();
                let tracker = Arc::clone(&self);
                let _panicked = tokio::task::spawn_blocking(move || tracker.save()).await;
            }
        }
    }

    /// Counts the peers of all swarms by PID, and lists the `most` largest swarms. Takes a while where there are many.
    pub(crate) fn overview(&self, most: usize) -> Overview {
        let guide = self.guides.current();
        let Survey { places, largest } = self.swarms.survey(most, &*guide, self.clock.now());
        let name = |place: Place| guide.name(place).unwrap_or_else(|| "no PID".to_owned());
        let pids = places
            .into_iter()
            .map(|(place, peers)| PidPeers { pid: name(place), peers, named: guide.named(place) })
            .collect();
        let swarm = |SurveyedSwarm { infohash, counts, places }| {
            let pids = places.into_iter().map(|(place, peers)| (name(place), peers)).collect();
            PidSwarm { infohash, counts, pids }
        };
        Overview { pids, largest: largest.into_iter().map(swarm).collect() }
    }

    /// Counts swarms and peers.
    pub(crate) fn stats(&self) -> SwarmStats {
        self.swarms.stats()
    }

    /// Saves the swarms, if they are to survive a restart.
    pub(crate) fn save(&self) {
        let Some(path) = &self.settings.saved else { return };
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        match self.swarms.save(path) {
            Ok(peers) => tracing::debug!(peers, "swarms saved"),
            Err(error) => tracing::error!(%error, "the swarms could not be saved"),
        }
    }
}
