//! Random steps, compared with the naive model after each: members that take, acknowledge rightly and wrongly, renew,
//! leave and forget, a log that grows, is compacted and cut, settings that change, a broker that crashes.

use std::sync::Arc;

use super::super::*;
use super::world::{End, World};

/// A small generator (xorshift), so that a seed is a story.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as i64 % bound.max(1)
    }

    fn between(&mut self, first: i64, last: i64) -> i64 {
        first + self.below(last - first + 1)
    }

    fn happens(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }
}

struct Story {
    world: World,
    random: Random,
    members: Vec<Arc<str>>,
}

#[test]
fn a_hundred_thousand_random_steps_agree_with_the_naive_model() {
    (1..=100).for_each(|seed| Story::new(seed).tell(1_000));
}

#[test]
#[ignore = "takes a minute"]
fn a_million_random_steps_agree_with_the_naive_model() {
    (1_000..1_500).for_each(|seed| Story::new(seed).tell(2_000));
}

impl Story {
    fn new(seed: u64) -> Self {
        println!("seed {seed}");
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        (0..10).for_each(|_| _ = random.below(2));
        let members = ["anna", "ben", "carla", "dora"].map(Arc::from).to_vec();
        Self { world: World::new(rules(&mut random)), random, members }
    }

    fn tell(mut self, steps: usize) {
        for _ in 0..steps {
            self.step();
            self.world.compare();
        }
        self.finish();
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..12 => self.log_grows(),
            12..42 => self.acquire(),
            42..80 => self.acknowledge(),
            80..83 => self.leave(),
            83..92 => self.time_passes(),
            92..94 => self.log_is_cut(),
            94..95 => self.log_is_compacted(),
            95..98 => self.copy_ends(),
            98..99 => self.world.rules = rules(&mut self.random),
            _ => self.world.crash(),
        }
    }

    fn log_grows(&mut self) {
        if self.world.log_end - self.world.live.start() < 300 {
            let gap = if self.random.happens(20) { self.random.between(1, 6) } else { 0 };
            let len = if self.random.happens(50) { self.random.between(1, 3) } else { self.random.between(4, 30) };
            let visible = !self.random.happens(8);
            self.world.append(gap, len, visible);
        }
    }

    fn acquire(&mut self) {
        let mode = if self.random.happens(50) { AcquireMode::BatchOptimized } else { AcquireMode::RecordLimit };
        let records_max = self.random.between(0, 40);
        let wish = Wish { records_max, batch_size: self.random.between(1, 25), mode };
        let member = self.member();
        let batches = self.random.between(1, 8) as usize;
        let got = self.world.acquire(&member, wish, batches);
        let records: i64 = got.iter().map(|range| range.last - range.first + 1).sum();
        assert!(mode == AcquireMode::BatchOptimized || records <= records_max);
        let at_last = |range: &Acquired| range.delivery_count >= self.world.rules.delivery_count_limit;
        assert!(self.world.rules.delivery_count_limit <= 2 || !got.iter().any(at_last) || records == 1);
    }

    fn acknowledge(&mut self) {
        let member = self.member();
        let held: Vec<InFlight> = self.world.live.in_flight().filter(|held| held.member == member).collect();
        let mut batches: Vec<AckBatch> = Vec::new();
        for run in &held {
            if self.random.happens(40) {
                continue;
            }
            let first = self.random.between(run.first, run.last);
            let last = self.random.between(first, run.last);
            batches.push(self.acknowledged(first, last));
        }
        if self.random.happens(15) {
            let low = batches.last().map_or(self.world.live.start() - 5, |batch| batch.last).max(0);
            let first = self.random.between(low, self.world.live.end() + 3);
            let last = self.random.between(first, first + 10);
            batches.push(self.acknowledged(first, last));
        }
        assert_eq!(check(&batches, true), Ok(()));
        let _ = self.world.acknowledge(&member, &batches);
    }

    fn acknowledged(&mut self, first: i64, last: i64) -> AckBatch {
        let types = if self.random.happens(60) { 1 } else { last - first + 1 };
        let types = (0..types).map(|_| match self.random.below(20) {
            0..9 => AckType::Accept,
            9..15 => AckType::Release,
            15..17 => AckType::Reject,
            17 => AckType::Gap,
            _ => AckType::Renew,
        });
        AckBatch { first, last, types: types.collect() }
    }

    fn leave(&mut self) {
        let member = self.member();
        self.world.release(&member);
    }

    fn time_passes(&mut self) {
        self.world.now += self.random.between(1, 400) as u64;
        self.world.expire();
    }

    fn log_is_cut(&mut self) {
        let start = self.world.live.start();
        let cut = self.random.between(start - 5, start + 20).clamp(0, self.world.log_end);
        self.world.log_start_moves(cut);
    }

    fn log_is_compacted(&mut self) {
        // The last batch always stays.
        if self.world.log.len() > 1 {
            let batch = self.random.below(self.world.log.len() as i64 - 1) as usize;
            self.world.log.remove(batch);
        }
    }

    fn copy_ends(&mut self) {
        if !self.world.copies.is_empty() {
            let copy = self.random.below(self.world.copies.len() as i64) as usize;
            let succeeds = self.random.happens(80);
            self.world.copied(copy, succeeds);
        }
    }

    fn member(&mut self) -> Arc<str> {
        let at = self.random.below(self.members.len() as i64) as usize;
        self.members[at].clone()
    }

    /// Everybody accepts all there is. Then each record of the log has ended.
    fn finish(mut self) {
        self.world.append(0, 1, true);
        while self.world.live.start() < self.world.log_end {
            self.world.now += self.world.rules.lock_duration_ms;
            self.world.expire();
            while !self.world.copies.is_empty() {
                self.world.copied(0, true);
            }
            let member = self.member();
            let wish = Wish { records_max: 50, batch_size: 50, mode: AcquireMode::BatchOptimized };
            let all = |range: Acquired| AckBatch { first: range.first, last: range.last, types: vec![AckType::Accept] };
            let got: Vec<AckBatch> = self.world.acquire(&member, wish, 5).into_iter().map(all).collect();
            assert_eq!(self.world.acknowledge(&member, &got), Ok(()));
        }
        for batch in self.world.log.iter().filter(|batch| batch.visible) {
            for offset in batch.first..=batch.last {
                assert_ne!(self.world.ends[offset as usize], End::Open, "{offset} is lost");
            }
        }
    }
}

fn rules(random: &mut Random) -> Rules {
    Rules {
        delivery_count_limit: random.between(1, 10) as i16,
        record_locks_max: random.between(20, 200),
        lock_duration_ms: random.between(100, 1_000) as u64,
        renew_allowed: random.happens(80),
        dead_letters: random.happens(40),
    }
}
