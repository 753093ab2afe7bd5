//! Random stories as Apache Kafka's own `SharePartition` told them (`compat-tests/java/deliveries`): event by event what
//! is handed out, how acknowledgements are answered, where the start offset stands and what is read next.

use std::sync::Arc;

use super::super::*;

const GOLDEN: &str = include_str!("kafka-4.4.0.txt");

/// What is not as in Kafka, on purpose: it gives suspects to a member that has got fresh records of the same batch,
/// however many. Here at most half of the batch goes together. Such a story ends there.
const ENDED_EARLY_MAX: usize = 5;

struct Story {
    live: Deliveries,
    log: Vec<FetchedBatch>,
    copies: Vec<GivenUp>,
    rules: Rules,
    now: u64,
}

#[test]
fn random_stories_go_as_in_kafka() {
    let stories: Vec<&str> = GOLDEN.split("story ").filter(|story| !story.is_empty()).collect();
    assert!(stories.len() >= 100);
    let ended_early = stories.iter().filter(|story| !goes_as_in_kafka(story)).count();
    assert!(ended_early <= ENDED_EARLY_MAX, "{ended_early} stories");
}

/// `false`: it ended early.
fn goes_as_in_kafka(text: &str) -> bool {
    let mut lines = text.lines();
    let mut story = Story::new(lines.next().expect("the rules"));
    for line in lines {
        match line.split_once(" => ") {
            None => story.append(line),
            Some((event, expected)) => {
                let outcome = format!("{} | {}", story.happens(event), story.state());
                if outcome != expected && story.mixes_suspects(&outcome, expected) {
                    return false;
                }
                assert_eq!(outcome, expected, "{line}\nin the story {text}");
            }
        }
    }
    true
}

impl Story {
    fn new(rules: &str) -> Self {
        let [limit, locks, dead_letters] = rules.split(' ').collect::<Vec<_>>()[..] else { panic!("{rules}") };
        let rules = Rules {
            delivery_count_limit: number(limit) as i16,
            record_locks_max: number(locks),
            lock_duration_ms: 30_000,
            renew_allowed: true,
            dead_letters: dead_letters == "true",
        };
        let live = Deliveries::from_stored(&Stored::initial(0, 0), 0);
        Self { live, log: Vec::new(), copies: Vec::new(), rules, now: 0 }
    }

    fn append(&mut self, line: &str) {
        let [_, first, last] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        self.log.push(FetchedBatch { first: number(first), last: number(last), visible: true });
    }

    fn happens(&mut self, event: &str) -> String {
        let words: Vec<&str> = event.split(' ').collect();
        match words[..] {
            ["acquire", member, records, size, exact] => {
                let mode = if exact == "true" { AcquireMode::RecordLimit } else { AcquireMode::BatchOptimized };
                self.acquire(member, Wish { records_max: number(records), batch_size: number(size), mode })
            }
            ["ack", member, ref batches @ ..] => self.acknowledge(member, batches),
            ["release", member] => self.apply(self.live.release(member, &self.rules)),
            ["expire"] => {
                self.now += self.rules.lock_duration_ms;
                self.apply(self.live.expire(self.now, &self.rules))
            }
            ["copied"] => {
                for copy in std::mem::take(&mut self.copies) {
                    self.apply(self.live.copied(&copy, true));
                }
                "ok".to_owned()
            }
            _ => panic!("{event}"),
        }
    }

    fn acquire(&mut self, member: &str, wish: Wish) -> String {
        let Some(from) = self.live.fetch_from(self.rules.record_locks_max) else { return "full".to_owned() };
        let Some(batch) = self.log.iter().find(|batch| batch.last >= from) else { return "nothing".to_owned() };
        let fetched = Fetched { from, batches: &[*batch] };
        let got = self.live.acquire(&Arc::from(member), fetched, wish, self.now, &self.rules);
        let written = got.iter().map(|range| format!("{}-{}x{}", range.first, range.last, range.delivery_count));
        written.collect::<Vec<_>>().join(" ")
    }

    fn acknowledge(&mut self, member: &str, batches: &[&str]) -> String {
        let batches: Vec<AckBatch> = batches.iter().map(|batch| acknowledged(batch)).collect();
        assert_eq!(check(&batches, true), Ok(()));
        match self.live.acknowledge(member, &batches, self.now, &self.rules) {
            Ok(change) => self.apply(change),
            Err(AckError::NotHeld(_)) => "InvalidRecordStateException".to_owned(),
            Err(AckError::PastTheEnd(_) | AckError::Malformed) => "InvalidRequestException".to_owned(),
        }
    }

    fn apply(&mut self, change: Change) -> String {
        self.live.apply(&change);
        self.copies.extend(change.copies);
        "ok".to_owned()
    }

    /// Where the start offset stands, what is read next, how many are finished.
    fn state(&self) -> String {
        let finished = self.live.counts().acknowledged + self.live.counts().archived;
        let next = self.live.fetch_from(i64::MAX).expect("locks without end");
        format!("{} {next} {finished}", self.live.start())
    }

    /// Whether Kafka gave suspects behind the fresh records that were given here.
    fn mixes_suspects(&self, outcome: &str, expected: &str) -> bool {
        let (ours, theirs) = (counts(outcome), counts(expected));
        let half = (self.rules.delivery_count_limit + 1) / 2;
        ours.len() < theirs.len()
            && theirs.starts_with(&ours)
            && ours.iter().all(|&(_, count)| count <= half)
            && theirs[ours.len()].1 > half
    }
}

fn acknowledged(text: &str) -> AckBatch {
    let (range, types) = text.split_once(':').expect("types");
    let (first, last) = range.split_once('-').expect("a range");
    let types = types.split(',').map(|id| AckType::from_id(number(id) as i8).expect("a type"));
    AckBatch { first: number(first), last: number(last), types: types.collect() }
}

/// The offsets of an outcome like `3-4x1 7-7x2 | …`, with their delivery counts.
fn counts(outcome: &str) -> Vec<(i64, i16)> {
    let ranges = outcome.split(" | ").next().unwrap_or_default().split(' ');
    let parsed = ranges.filter_map(|range| {
        let (range, count) = range.split_once('x')?;
        let (first, last) = range.split_once('-')?;
        Some((number(first)..=number(last)).map(move |offset| (offset, number(count) as i16)))
    });
    parsed.flatten().collect()
}

fn number(text: &str) -> i64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}
