//! A broker with several stores lives through failures, crashes and returns, any one of them at a time: nothing that was acknowledged
//! is hidden behind another chain, and no offset is acknowledged twice.

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use super::*;

const STORES: u32 = 3;
const RANGE: i64 = 100;

/// A chain as it is in its store's file.
#[derive(Debug, Clone)]
struct Written {
    id: ChainId,
    start: i64,
    /// Acknowledged up to here.
    acknowledged: i64,
    /// Written up to here; more than that, the broker went on elsewhere.
    end: i64,
}

struct World {
    random: StdRng,
    topic: TopicRecord,
    stores: Vec<StoreRows>,
    here: Vec<bool>,
    written: Vec<Written>,
    /// The chain that is appended to.
    open: Option<usize>,
    epoch: u32,
    sequence: u32,
    versions: u64,
    high_watermark: i64,
}

impl World {
    fn new(seed: u64) -> Self {
        let topic = topic("t", 1, 0);
        let mut known: Vec<Row> = (1..=STORES).map(store_row).collect();
        known.push(Row::Topic(topic.clone()));
        Self {
            random: StdRng::seed_from_u64(seed),
            topic,
            stores: (1..=STORES).map(|number| rows(number, &known)).collect(),
            here: vec![true; STORES as usize],
            written: Vec::new(),
            open: None,
            epoch: 0,
            sequence: 0,
            versions: 0,
            high_watermark: 0,
        }
    }

    fn partition(&self) -> PartitionId {
        PartitionId { topic: self.topic.id, index: 0 }
    }

    fn those_here(&self) -> Vec<usize> {
        (0..self.stores.len()).filter(|at| self.here[*at]).collect()
    }

    fn at(&self, store: StoreId) -> usize {
        self.stores.iter().position(|rows| rows.store == store).unwrap()
    }

    /// The union of the stores that are here, in any order.
    fn union(&mut self) -> Union {
        let mut stores: Vec<StoreRows> = self.those_here().into_iter().map(|at| self.stores[at].clone()).collect();
        stores.shuffle(&mut self.random);
        stores.iter_mut().for_each(|store| store.rows.shuffle(&mut self.random));
        Union::of(&stores, self.epoch)
    }

    fn record(&self, at: usize, version: u64, end: Option<i64>) -> ChainRecord {
        ChainRecord {
            partition: self.partition(),
            id: self.written[at].id,
            counts_as: self.written[at].id,
            version,
            start: self.written[at].start,
            end,
            segments: Vec::new(),
            replaces: Vec::new(),
            leader_epochs: Vec::new(),
        }
    }

    fn put_chain(&mut self, at: usize, end: Option<i64>) {
        self.versions += 1;
        let row = self.record(at, self.versions, end);
        let of = self.at(row.id.store);
        let gone = Row::ChainGone(row.partition, row.id);
        let row = if row.is_empty() { gone } else { Row::Chain(row) };
        learn(&mut self.stores[of], &[row]);
    }

    /// Writes a reservation into every other store that is here.
    fn reserve(&mut self, at: usize, end: i64) {
        let chain = self.written[at].clone();
        let row = ReservationRecord { partition: self.partition(), chain: chain.id, start: chain.start, end };
        for other in self.those_here() {
            if self.stores[other].store != chain.id.store {
                learn(&mut self.stores[other], &[Row::Reservation(row)]);
            }
        }
    }

    fn open_chain(&mut self, start: i64) {
        let of = *self.those_here().choose(&mut self.random).unwrap();
        let id = ChainId { epoch: self.epoch, sequence: self.sequence, store: self.stores[of].store };
        self.sequence += 1;
        self.written.push(Written { id, start, acknowledged: start, end: start });
        self.open = Some(self.written.len() - 1);
        self.high_watermark = start;
        // In this order: a chain that others know of is known to its own store.
        self.put_chain(self.written.len() - 1, None);
        self.reserve(self.written.len() - 1, start + RANGE);
    }

    fn append(&mut self) {
        let Some(at) = self.open else { return self.open_chain(self.high_watermark) };
        let count = self.random.random_range(1..=RANGE / 4);
        let chain = &mut self.written[at];
        chain.end = chain.end.max(chain.acknowledged + count);
        if self.random.random_bool(0.2) {
            return;
        }
        let end = chain.acknowledged + count;
        // Renewed before it is used up.
        self.reserve(at, end + RANGE);
        self.put_chain(at, None);
        self.written[at].acknowledged = end;
        self.high_watermark = end;
    }

    /// Some stores learn what others have.
    fn follow(&mut self) {
        let here = self.those_here();
        let (from, to) = (*here.choose(&mut self.random).unwrap(), *here.choose(&mut self.random).unwrap());
        let rows = self.stores[from].rows.clone();
        let announced: Vec<Row> = rows.into_iter().filter(Row::is_announced).collect();
        learn(&mut self.stores[to], &announced);
    }

    /// A store fails while the broker runs; the last one does not.
    fn fail(&mut self) {
        let here = self.those_here();
        if here.len() == 1 {
            return;
        }
        let failed = *here.choose(&mut self.random).unwrap();
        self.here[failed] = false;
        if self.open.is_some_and(|at| self.written[at].id.store == self.stores[failed].store) {
            self.open_chain(self.high_watermark);
        }
    }

    /// Seals what the stores that are here have open, but not the chain that is written.
    fn recover(&mut self) {
        let view = self.union().partition(self.partition());
        for chain in view.chains.iter().filter(|chain| chain.is_here && chain.row.end.is_none()) {
            let at = self.written.iter().position(|written| written.id == chain.row.id).unwrap();
            if Some(at) != self.open {
                let end = chain.end.map_or(self.written[at].end, |limit| limit.min(self.written[at].end));
                self.put_chain(at, Some(end));
            }
        }
        for gone in &view.obsolete {
            let (at, tombstone) = (self.those_here()[0], Row::ChainGone(self.partition(), *gone));
            learn(&mut self.stores[at], &[tombstone]);
        }
        self.share();
    }

    fn share(&mut self) {
        let union = self.union();
        for (store, rows) in &union.missing {
            let at = self.at(*store);
            learn(&mut self.stores[at], rows);
        }
        assert!(self.union().missing.is_empty());
        assert_eq!(self.union().partitions, union.partitions);
        for at in self.those_here() {
            self.stores[at].rows.retain(|row| !union.forgettable.contains(&row.key()));
        }
    }

    /// Stores come back while the broker runs.
    fn come_back(&mut self) {
        let at = self.random.random_range(0..self.stores.len());
        self.here[at] = true;
        self.recover();
        // What was reserved in it, if anything, may be used up.
        if let Some(open) = self.open {
            self.reserve(open, self.written[open].acknowledged + RANGE);
        }
    }

    /// The broker dies, and starts with other stores; one that was there to the end is among them.
    fn crash(&mut self) {
        let sure = *self.those_here().choose(&mut self.random).unwrap();
        let chance = self.random.random_range(0.2..1.0);
        self.here = (0..self.stores.len()).map(|at| at == sure || self.random.random_bool(chance)).collect();
        self.open = None;
        self.epoch += 1;
        self.recover();
        let union = self.union();
        assert!(union.next_broker_epoch <= u64::from(self.epoch));
        self.high_watermark = union.partition(self.partition()).next_offset.expect("nothing is open");
    }

    fn check(&mut self) {
        let view = self.union().partition(self.partition());
        assert_eq!(view.conflicts, [], "{view:#?}");
        let ends = view.chains.iter().map(|chain| (chain.row.start, chain.end.unwrap_or(i64::MAX)));
        let ends: Vec<_> = ends.collect();
        assert!(ends.iter().all(|(start, end)| start < end), "{view:#?}");
        assert!(ends.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{view:#?}");
        for written in self.written.iter().filter(|written| written.acknowledged > written.start) {
            for offset in [written.start, written.acknowledged - 1] {
                let found = view.chain_for(offset).filter(|chain| chain.row.start <= offset);
                assert_eq!(found.map(|chain| chain.row.id), Some(written.id), "offset {offset}: {view:#?}");
            }
            assert!(view.next_offset.is_none_or(|next| next >= written.acknowledged), "{view:#?}");
        }
    }
}

#[test]
fn what_is_acknowledged_stays_in_its_place_through_failures_and_returns() {
    let first: u64 = rand::random();
    for seed in (0..300).map(|round| first.wrapping_add(round)) {
        println!("seed {seed}");
        let mut world = World::new(seed);
        for _ in 0..80 {
            let op = world.random.random_range(0..20);
            match op {
                0..10 => world.append(),
                10..15 => world.follow(),
                15..17 => world.fail(),
                17..19 => world.come_back(),
                _ => world.crash(),
            }
            world.check();
        }
    }
}
