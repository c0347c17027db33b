//! Tests of the coordinator with a clock, a registry and holders that exist only in the test.

use std::collections::BTreeMap;

use alto_types::swarm::{FileId, PeerId};
use proptest::prelude::*;
use rand::SeedableRng;

use super::*;
use crate::download::engine::holder::Holder;
use crate::download::helpers::availability_poller::AvailabilityReport;
use crate::download::helpers::workers::JobReport;
use crate::download::outcome::Outcome;
use crate::download::request::Job;
use crate::policy::PolicyName;

const PIECES: usize = 16;
const PIECE_SIZE: u32 = 65_536;

fn id(byte: u8) -> FileId {
    FileId::from_digest([byte; 32])
}

fn source(last: u8) -> SocketAddr {
    ([127, 0, 0, last], 6881).into()
}

fn listing(last: u8, complete: bool) -> Listing {
    let source = source(last);
    Listing {
        peer: PeerId(format!("peer-{last}")),
        name: format!("holder-{last}"),
        address: source.ip(),
        port: source.port(),
        manifest: id(2),
        complete,
    }
}

/// A coordinator, its clock, and what it wanted done that the test has not looked at yet.
struct Bench {
    coordinator: Coordinator,
    now: Instant,
    jobs: Vec<Job>,
    events: Vec<Event>,
    followed: Vec<(SocketAddr, Following)>,
    measured: Vec<SocketAddr>,
    polls_costs: bool,
}

impl Bench {
    fn new(change: impl Fn(&mut Options)) -> Self {
        let mut options = Options { policy: PolicyName::Random, parallel: 4, ..Options::default() };
        change(&mut options);
        let size = u64::from(PIECE_SIZE) * PIECES as u64;
        let target = Target { file: id(1), manifest: id(2), size, pieces: PIECES, piece_size: PIECE_SIZE };
        let (now, have) = (Instant::now(), Bitfield::new(PIECES));
        let rng = StdRng::seed_from_u64(1);
        let coordinator = Coordinator::new(target, &options, &have, Tally::default(), rng, now);
        let (jobs, events, followed, measured) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { coordinator, now, jobs, events, followed, measured, polls_costs: false }
    }

    fn listed(holders: &[Listing]) -> Self {
        let mut bench = Self::new(|_| ());
        bench.handle(Input::Holders(Ok(holders.to_vec())));
        bench.passes(Duration::from_millis(200)).unwrap();
        bench
    }

    fn handle(&mut self, input: Input) {
        self.coordinator.handle(input, self.now).unwrap();
        self.coordinator.settle(self.now);
        self.coordinator.assign(self.now);
        self.look();
    }

    fn passes(&mut self, time: Duration) -> Result<(), FetchError> {
        self.now += time;
        let result = self.coordinator.tick(0, self.now);
        self.coordinator.assign(self.now);
        self.look();
        result
    }

    fn look(&mut self) {
        while let Some(action) = self.coordinator.next_action() {
            match action {
                Action::Request(job) => self.jobs.push(job),
                Action::Follow(source, following) => self.followed.push((source, following)),
                Action::MeasureRoundTrips(sources) => self.measured.extend(sources),
                Action::PollCosts => self.polls_costs = true,
                Action::CountWritten(_) | Action::NoteGiven(..) | Action::NoteCommon(_) => {}
                Action::Emit(event) => self.events.push(event),
            }
        }
        self.check();
    }

    /// The invariants of holders and jobs, and those between the two.
    fn check(&self) {
        let holders = &self.coordinator.holders;
        for (piece, count) in holders.rarity().iter().enumerate() {
            let counted = holders.neighbours().filter_map(Holder::counted_pieces).filter(|have| have.get(piece));
            assert_eq!(counted.count(), *count as usize, "rarity of piece {piece}");
        }
        assert!(holders.neighbours().all(|holder| !holder.is_banned()));
        assert!(holders.neighbours().count() <= self.coordinator.options.neighbours);
        assert!(self.coordinator.jobs.chosen(self.now) <= self.coordinator.options.parallel);
        // With one whose piece the holder chooses.
        assert!(self.coordinator.jobs.running() <= 2 * self.coordinator.options.parallel + 1);
        for job in &self.jobs {
            assert!(self.coordinator.jobs.source(job.id).is_some_and(|source| source == job.source));
        }
    }

    /// Has a request bring all its pieces.
    fn succeeds(&mut self, job: &Job) {
        self.jobs.retain(|other| other.id != job.id);
        let chosen = job.any_of.as_ref().map(|any| any.iter().next().unwrap());
        for piece in chosen.map_or(job.pieces.clone(), |piece| piece..piece + 1) {
            self.coordinator.jobs.begun(job.id, piece, self.now);
            let (bytes, took) = (u64::from(PIECE_SIZE), Duration::from_millis(100));
            let arrival =
                Arrival { piece, bytes, from_others: Vec::new(), took, transfer: took, written: Written::New };
            let progress = Progress::Step(Step::Arrived(arrival));
            self.coordinator.handle(Input::Job(JobReport { job: job.id, progress }), self.now).unwrap();
        }
        self.ends(job, Outcome::Served);
    }

    fn ends(&mut self, job: &Job, outcome: Outcome) {
        self.jobs.retain(|other| other.id != job.id);
        let progress = Progress::Ended { outcome, wasted: 0 };
        self.handle(Input::Job(JobReport { job: job.id, progress }));
    }

    fn states(&self, last: u8) -> Vec<SourceState> {
        let state = |event: &Event| match event {
            Event::Source { source: at, state, .. } if *at == source(last) => Some(*state),
            _ => None,
        };
        self.events.iter().filter_map(state).collect()
    }
}

#[test]
fn a_listed_holder_becomes_a_neighbour_and_is_asked() {
    let mut bench = Bench::listed(&[listing(1, true), listing(2, false)]);
    let chosen = |event: &Event| matches!(event, Event::Candidates { holders, .. } if holders.iter().all(|h| h.chosen));
    assert!(bench.events.iter().any(chosen), "{:?}", bench.events);
    assert_eq!(bench.jobs.len(), 2, "two requests per neighbour, and the pieces of the other are not known");
    assert!(bench.jobs.iter().all(|job| job.source == source(1)));
    let [(followed, _)] = bench.followed[..] else { panic!("{:?}", bench.followed) };
    assert_eq!(followed, source(2), "a complete holder has no news");
    let news = News::Has(Bitfield::full(PIECES));
    bench.handle(Input::Availability(AvailabilityReport { source: source(2), news }));
    assert!(bench.followed[0].1.cancel.is_cancelled(), "complete now");
    assert_eq!(bench.jobs.len(), 4);
    assert!(!bench.polls_costs && bench.measured.is_empty());
}

#[test]
fn a_download_is_finished_when_every_piece_has_arrived() {
    let mut bench = Bench::listed(&[listing(1, true), listing(2, true)]);
    // The oldest request first: a newer one may have overtaken it otherwise.
    while let Some(job) = bench.jobs.first().cloned() {
        bench.succeeds(&job);
    }
    assert!(bench.coordinator.is_finished());
    let tally = bench.coordinator.finish();
    assert_eq!((tally.bytes, tally.wasted), (u64::from(PIECE_SIZE) * PIECES as u64, 0));
    assert_eq!(tally.sources.values().map(|contribution| contribution.pieces).sum::<usize>(), PIECES);
}

#[test]
fn a_holder_that_lied_is_banned_and_its_requests_are_cancelled() {
    let mut bench = Bench::listed(&[listing(1, true)]);
    let [first, second] = &bench.jobs.clone()[..] else { panic!("two requests") };
    bench.ends(first, Outcome::Lied("sent a wrong piece".to_owned()));
    assert!(second.cancel.is_cancelled());
    bench.ends(second, Outcome::Lied("sent a wrong piece".to_owned()));
    assert_eq!(bench.states(1), [SourceState::Lied]);
    // Neither the registry nor time rehabilitates it.
    bench.handle(Input::Holders(Ok(vec![])));
    bench.handle(Input::Holders(Ok(vec![listing(1, true)])));
    bench.passes(Duration::from_secs(100)).unwrap();
    assert!(bench.jobs.is_empty());
    let Err(FetchError::GaveUp { missing: PIECES, reason, .. }) = bench.passes(Duration::from_mins(10)) else {
        panic!("no holder is left")
    };
    assert!(reason.starts_with("nobody who can be reached has the rest ("), "{reason}");
    assert!(reason.contains("sent a wrong piece"), "{reason}");
}

#[test]
fn a_holder_that_failed_loses_its_place_and_is_asked_again_later() {
    let mut bench = Bench::listed(&[listing(1, true)]);
    for job in bench.jobs.clone() {
        bench.ends(&job, Outcome::Left("closed the connection".to_owned()));
    }
    assert_eq!(bench.states(1), [SourceState::Left], "both requests are one failure");
    assert!(bench.jobs.is_empty() && bench.coordinator.holders.neighbours().count() == 0);
    bench.passes(Duration::from_secs(1)).unwrap();
    assert_eq!(bench.jobs.len(), 2);
}

#[test]
fn a_holder_that_refused_keeps_its_place() {
    let mut bench = Bench::listed(&[listing(1, true)]);
    for job in bench.jobs.clone() {
        bench.ends(&job, Outcome::Refused(Duration::from_secs(5), "answered 503".to_owned()));
    }
    assert_eq!(bench.states(1), [SourceState::Refused]);
    bench.passes(Duration::from_secs(4)).unwrap();
    assert!(bench.jobs.is_empty() && bench.coordinator.holders.neighbours().count() == 1);
    bench.passes(Duration::from_secs(1)).unwrap();
    assert_eq!(bench.jobs.len(), 2);
}

#[test]
fn an_announced_piece_that_is_missing_is_struck_off_and_the_third_is_a_failure() {
    let mut bench = Bench::listed(&[listing(1, true)]);
    let job = bench.jobs[0].clone();
    bench.ends(&job, Outcome::Missing);
    let have = |bench: &Bench| bench.coordinator.holders.get(source(1)).unwrap().have.clone().unwrap();
    assert_eq!(have(&bench).count(), 0, "it is not complete after all");
    assert_eq!(bench.followed.len(), 1);
    let job = bench.jobs[0].clone();
    bench.ends(&job, Outcome::Missing);
    assert!(bench.states(1).is_empty());
    let news = News::Has(Bitfield::full(PIECES));
    bench.handle(Input::Availability(AvailabilityReport { source: source(1), news }));
    let job = bench.jobs[0].clone();
    bench.ends(&job, Outcome::Missing);
    assert_eq!(bench.states(1), [SourceState::Left]);
}

#[test]
fn an_idle_neighbour_makes_room_for_another_holder() {
    let mut bench = Bench::new(|options| options.neighbours = 1);
    bench.handle(Input::Holders(Ok(vec![listing(1, false)])));
    bench.handle(Input::Availability(AvailabilityReport { source: source(1), news: News::Has(Bitfield::new(PIECES)) }));
    bench.handle(Input::Holders(Ok(vec![listing(1, false), listing(2, true)])));
    for _ in 0..10 {
        bench.passes(Duration::from_millis(200)).unwrap();
    }
    assert!(bench.jobs.is_empty(), "it has had its place for two seconds only");
    bench.passes(Duration::from_secs(2)).unwrap();
    bench.passes(Duration::from_secs(1)).unwrap();
    assert_eq!(bench.jobs.len(), 2);
    assert!(bench.jobs.iter().all(|job| job.source == source(2)));
    assert!(bench.followed[0].1.cancel.is_cancelled());
}

#[test]
fn the_only_source_chooses_among_what_no_neighbour_has() {
    let partial = [2, 3].map(|last| listing(last, false));
    let mut bench = Bench::listed(&[listing(1, true), partial[0].clone(), partial[1].clone()]);
    let have = |bench: &mut Bench, hex: &str| {
        let news = News::Has(Bitfield::from_hex(PIECES, hex).unwrap());
        bench.handle(Input::Availability(AvailabilityReport { source: source(2), news }));
    };
    let any = |bench: &Bench| -> Vec<(SocketAddr, String)> {
        let any_of = |job: &Job| job.any_of.as_ref().map(|any| (job.source, any.to_hex()));
        bench.jobs.iter().filter_map(any_of).collect()
    };
    assert_eq!(any(&bench), [(source(1), "ffff".to_owned())], "and nothing else is asked of it");
    assert_eq!(bench.jobs.len(), 1);
    let job = bench.jobs[0].clone();
    have(&mut bench, "ff00");
    assert_eq!(bench.jobs.iter().filter(|job| job.source == source(2)).count(), 2);
    bench.succeeds(&job);
    assert_eq!(any(&bench), [(source(1), "00ff".to_owned())]);
    // A source of an earlier version does not know what that is, and is asked for pieces like everybody else.
    let job = bench.jobs.iter().find(|job| job.any_of.is_some()).cloned().unwrap();
    bench.ends(&job, Outcome::Missing);
    assert!(any(&bench).is_empty() && bench.jobs.iter().filter(|job| job.source == source(1)).count() == 2);
    assert!(bench.states(1).iter().all(|state| *state == SourceState::Connected));
}

#[test]
fn a_source_is_asked_for_everything_while_nobody_else_sends() {
    let mut bench = Bench::listed(&[listing(1, true), listing(2, false), listing(3, false)]);
    // A free rider: it says what it has, and answers no request.
    let some = News::Has(Bitfield::from_hex(PIECES, "fffe").unwrap());
    bench.handle(Input::Availability(AvailabilityReport { source: source(2), news: some }));
    let first = bench.jobs.iter().find(|job| job.any_of.is_some()).cloned().unwrap();
    bench.succeeds(&first);
    let of_source = |bench: &Bench| bench.jobs.iter().find_map(|job| job.any_of.clone()).map(|any| any.count());
    assert_eq!(of_source(&bench), Some(1), "what nobody else has");
    let last = bench.jobs.iter().find(|job| job.any_of.is_some()).cloned().unwrap();
    bench.succeeds(&last);
    assert_eq!(of_source(&bench), None);
    bench.passes(DRY).unwrap();
    assert_eq!(of_source(&bench), Some(PIECES - 2));
}

#[test]
fn holders_of_another_manifest_end_the_download_once_the_requests_have_ended() {
    let mut bench = Bench::listed(&[listing(1, true)]);
    let mut other = listing(2, true);
    other.manifest = id(3);
    bench.handle(Input::Holders(Ok(vec![other])));
    let jobs = bench.jobs.clone();
    bench.passes(ORPHANED).unwrap();
    assert!(!bench.coordinator.is_orphaned(bench.now), "requests are running");
    for job in jobs {
        bench.ends(&job, Outcome::Left("closed the connection".to_owned()));
    }
    assert!(bench.coordinator.is_orphaned(bench.now));
    bench.handle(Input::Holders(Ok(vec![listing(1, true)])));
    assert!(!bench.coordinator.is_orphaned(bench.now));
}

#[test]
fn costs_decide_as_soon_as_they_are_known_and_round_trips_without_them() {
    let mut bench = Bench::new(|options| options.policy = PolicyName::Best);
    bench.handle(Input::Holders(Ok(vec![listing(1, true), listing(2, true)])));
    bench.passes(Duration::from_secs(1)).unwrap();
    assert!(bench.polls_costs && bench.jobs.is_empty(), "the first costs are waited for");
    let view = |costs: [f64; 2]| CostView {
        costs: BTreeMap::from([1, 2].map(|last| (source(last).ip(), vec![Some(costs[usize::from(last) - 1])]))),
        asked: [source(1).ip(), source(2).ip()].into(),
        ..CostView::default()
    };
    bench.handle(Input::Costs(Ok(view([9.0, 5.0]))));
    assert!(!bench.jobs.is_empty() && bench.jobs.iter().all(|job| job.source == source(2)));
    // A small change moves nobody, a large one everybody.
    bench.now += Duration::from_secs(2);
    bench.handle(Input::Costs(Ok(view([5.1, 5.2]))));
    bench.now += Duration::from_secs(2);
    bench.handle(Input::Costs(Ok(view([5.1, 5000.0]))));
    let neighbours: Vec<SocketAddr> = bench.coordinator.holders.neighbours().map(|holder| holder.source).collect();
    assert_eq!(neighbours, [source(1)]);

    let mut bench = Bench::new(|options| options.policy = PolicyName::Best);
    bench.handle(Input::Holders(Ok(vec![listing(1, true), listing(2, true)])));
    bench.handle(Input::Costs(Err("connection refused".to_owned())));
    bench.passes(Duration::from_secs(1)).unwrap();
    assert_eq!(bench.measured, [source(1), source(2)]);
    for (last, milliseconds) in [(1, 20), (2, 10)] {
        let round_trip = Some(Duration::from_millis(milliseconds));
        let report = crate::download::helpers::round_trip_prober::RoundTripReport { source: source(last), round_trip };
        bench.handle(Input::RoundTrip(report));
    }
    bench.passes(Duration::from_secs(1)).unwrap();
    let fallback = |event: &Event| matches!(event, Event::Fallback { to, .. } if to == "nearest");
    assert!(bench.events.iter().any(fallback), "{:?}", bench.events);
    assert!(bench.jobs.first().is_some_and(|job| job.source == source(2)), "the nearest is asked first");
}

#[test]
fn a_download_gives_up_after_its_patience_without_a_new_piece() {
    let mut bench = Bench::listed(&[listing(1, true)]);
    bench.passes(Duration::from_secs(599)).unwrap();
    let job = bench.jobs[0].clone();
    bench.succeeds(&job);
    bench.passes(Duration::from_secs(599)).unwrap();
    let Err(FetchError::GaveUp { missing: 15, .. }) = bench.passes(Duration::from_secs(1)) else {
        panic!("it gives up")
    };
}

proptest! {
    #[test]
    fn a_download_ends_whatever_holders_do_as_long_as_one_is_honest(
        steps in prop::collection::vec((0..8u8, any::<u16>()), 0..120),
    ) {
        let mut bench = Bench::listed(&[listing(1, true), listing(2, true), listing(3, false)]);
        for (step, number) in steps {
            let source = source(2 + u8::try_from(number % 2).unwrap());
            // The first holder is honest, if slow.
            let job = bench.jobs.iter().find(|job| job.source != self::source(1)).cloned();
            match (step, job) {
                (0, Some(job)) => bench.succeeds(&job),
                (1, Some(job)) => bench.ends(&job, Outcome::Missing),
                (2, Some(job)) => bench.ends(&job, Outcome::Left("left".to_owned())),
                (3, Some(job)) => bench.ends(&job, Outcome::Refused(Duration::from_secs(1), "refused".to_owned())),
                (4, Some(job)) if number % 5 == 0 => bench.ends(&job, Outcome::Lied("lied".to_owned())),
                (5, _) => {
                    let have = Bitfield::from_hex(PIECES, &format!("{number:04x}")).unwrap();
                    bench.handle(Input::Availability(AvailabilityReport { source, news: News::Has(have) }));
                }
                (6, _) => {
                    let mut listed = vec![listing(1, true), listing(2, number % 3 == 0), listing(3, false)];
                    listed.truncate(usize::from(number % 3) + 1);
                    bench.handle(Input::Holders(Ok(listed)));
                }
                _ => bench.passes(Duration::from_millis(u64::from(number % 2000))).unwrap(),
            }
        }
        for _ in 0..400 {
            if bench.coordinator.is_finished() {
                break;
            }
            for job in bench.jobs.clone() {
                if job.source == source(1) {
                    bench.succeeds(&job);
                } else {
                    bench.ends(&job, Outcome::Left("left".to_owned()));
                }
            }
            bench.passes(Duration::from_millis(500)).unwrap();
        }
        prop_assert!(bench.coordinator.is_finished(), "{} pieces are missing", bench.coordinator.jobs.missing());
    }
}
