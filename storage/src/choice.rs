//! How a round is made durable, decided by what it cost lately: through the journal, or by syncing the segments themselves. What a partition asks for
//! goes before that (`catena.commit.strategy`): the decision is about those that ask for nothing, and only their rounds teach it.
//!
//! 1. Rounds are of one kind when they have about as many segments and bytes; for each kind the cost of both ways is kept, as a moving
//!    average.
//! 2. A round goes the cheaper way. The journal's price includes what its bytes cost when they reach the segments, as far as that is
//!    not free: times the share of the time in which the checkpointer was busy.
//! 3. Now and then the other way is tried, the more seldom the dearer it was: times of yesterday say little about a disk. Rounds of few
//!    bytes for each segment are never tried directly: besides these, a sync waits for all bytes that no checkpoint has reached yet, and
//!    a producer of little wants an answer soon.
//!
//! What must always hold: a kind that was never tried goes the way that was right on the disks where it was measured. Nothing here
//! decides whether records are safe, only what it costs.

use std::time::Duration;

use crate::config::CommitStrategy;

/// Segments that a round syncs directly at most; beyond that the journal's single sync has won wherever it was measured.
pub const DIRECT_SEGMENTS_MAX: usize = 64;
/// Bytes per segment from which an untried round syncs segments. Measured (12 segments, 4 MiB in all): 20 ms one by one, 3 ms through a
/// journal file that was written before, whose blocks need no new metadata.
const DIRECT_BYTES_PER_SEGMENT: u64 = 1024 * 1024;
/// Bytes per segment from which segments may be synced for trial: where bandwidth, not the number of flushes, is the limit.
const TRIAL_BYTES_PER_SEGMENT: u64 = 128 * 1024;
/// Rounds of a kind before the other way is tried, if that costs the same.
const TRIAL_ROUNDS: f64 = 1024.0;
/// How much a new figure moves the average.
const NEW_SHARE: f64 = 1.0 / 8.0;
/// Powers of two of bytes (up to 512 MiB) and of segments (up to 64) that are told apart.
const KINDS: [usize; 2] = [30, 7];

/// A way to make a round durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// One slot for all.
    Journal,
    /// Each segment by itself.
    Direct,
}

/// What a round has to make durable.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Segments with new bytes.
    pub segments: usize,
    /// New bytes in all.
    pub bytes: u64,
}

impl Load {
    fn bytes_per_segment(self) -> u64 {
        self.bytes / (self.segments as u64).max(1)
    }
}

/// What is known of one kind of rounds.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    journal_s: Option<f64>,
    direct_s: Option<f64>,
    since_trial: u32,
}

/// Chooses.
#[derive(Debug)]
pub struct Choice {
    known: [[Known; KINDS[1]]; KINDS[0]],
    /// What a journaled byte costs again in the checkpoint, seconds.
    again_s_per_byte: f64,
}

impl Default for Choice {
    fn default() -> Self {
        Self { known: [[Known::default(); KINDS[1]]; KINDS[0]], again_s_per_byte: 0.0 }
    }
}

impl Choice {
    /// The way for a round.
    pub fn choose(&mut self, load: Load) -> Way {
        if load.segments > DIRECT_SEGMENTS_MAX {
            return Way::Journal;
        }
        let again_s = self.again_s_per_byte * load.bytes as f64;
        let known = self.known(load);
        known.since_trial = known.since_trial.saturating_add(1);
        let (better, dearer_times) = match (known.journal_s.map(|round_s| round_s + again_s), known.direct_s) {
            (Some(journal_s), Some(direct_s)) if journal_s <= direct_s => (Way::Journal, direct_s / journal_s),
            (Some(journal_s), Some(direct_s)) => (Way::Direct, journal_s / direct_s),
            (Some(_), None) => (Way::Journal, 1.0),
            (None, Some(_)) => (Way::Direct, 1.0),
            (None, None) => return untried(load),
        };
        let may_try = better == Way::Direct || load.bytes_per_segment() >= TRIAL_BYTES_PER_SEGMENT;
        if !may_try || f64::from(known.since_trial) < TRIAL_ROUNDS * dearer_times * dearer_times {
            return better;
        }
        known.since_trial = 0;
        better.other()
    }

    /// Takes note of what a round cost.
    pub fn note(&mut self, load: Load, way: Way, took: Duration) {
        let known = self.known(load);
        let average = match way {
            Way::Journal => &mut known.journal_s,
            Way::Direct => &mut known.direct_s,
        };
        let took_s = took.as_secs_f64();
        *average = Some(average.map_or(took_s, |before| before + (took_s - before) * NEW_SHARE));
    }

    /// Takes note of a checkpoint: `bytes` were made durable in place in the time `syncing`, the last one was done `since` ago.
    pub fn note_checkpoint(&mut self, bytes: u64, syncing: Duration, since: Duration) {
        let busy = (syncing.as_secs_f64() / since.as_secs_f64().max(f64::MIN_POSITIVE)).min(1.0);
        self.again_s_per_byte = busy * syncing.as_secs_f64() / bytes.max(1) as f64;
    }

    fn known(&mut self, load: Load) -> &mut Known {
        let power = |count: u64| count.max(1).ilog2() as usize;
        let [bytes, segments] = KINDS;
        &mut self.known[power(load.bytes).min(bytes - 1)][power(load.segments as u64).min(segments - 1)]
    }
}

impl Way {
    fn other(self) -> Self {
        match self {
            Self::Journal => Self::Direct,
            Self::Direct => Self::Journal,
        }
    }
}

impl CommitStrategy {
    /// The way of a partition that asks for this, where `cheaper` is the way for those that ask for nothing.
    pub(crate) fn way(self, cheaper: Way) -> Way {
        match self {
            Self::Auto => cheaper,
            Self::Journal => Way::Journal,
            Self::Direct => Way::Direct,
        }
    }
}

fn untried(load: Load) -> Way {
    if load.bytes_per_segment() >= DIRECT_BYTES_PER_SEGMENT { Way::Direct } else { Way::Journal }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: Load = Load { segments: 12, bytes: 12 * 200 * 1024 };

    /// What `rounds` rounds of one load choose on a disk on which each way takes so long: how many were direct.
    fn direct_of(choice: &mut Choice, load: Load, rounds: usize, journal_ms: u64, direct_ms: u64) -> usize {
        let mut direct = 0;
        for _ in 0..rounds {
            let way = choice.choose(load);
            let ms = if way == Way::Journal { journal_ms } else { direct_ms };
            choice.note(load, way, Duration::from_millis(ms));
            direct += usize::from(way == Way::Direct);
        }
        direct
    }

    #[test]
    fn what_was_never_tried_goes_by_the_bytes_of_a_segment() {
        let mut choice = Choice::default();
        assert_eq!(choice.choose(SOME), Way::Journal);
        assert_eq!(choice.choose(Load { segments: 2, bytes: 2 << 20 }), Way::Direct);
        assert_eq!(choice.choose(Load { segments: 65, bytes: 1 << 30 }), Way::Journal);
    }

    #[test]
    fn what_a_partition_asks_for_goes_before_what_is_cheaper() {
        for cheaper in [Way::Journal, Way::Direct] {
            let ways = [CommitStrategy::Auto, CommitStrategy::Journal, CommitStrategy::Direct].map(|s| s.way(cheaper));
            assert_eq!(ways, [cheaper, Way::Journal, Way::Direct]);
        }
    }

    #[test]
    fn the_dearer_way_is_tried_the_more_seldom_the_dearer_it_is() {
        assert_eq!(direct_of(&mut Choice::default(), SOME, 1_000_000, 2, 20), 1_000_000 / 102_400 + 1);
        let trials_of_equals = direct_of(&mut Choice::default(), SOME, 102_400, 2, 2);
        assert!((90..=110).contains(&trials_of_equals), "{trials_of_equals}");
    }

    #[test]
    fn rounds_of_few_bytes_are_never_tried_directly() {
        let few = Load { segments: 12, bytes: 12 * 20 * 1024 };
        assert_eq!(direct_of(&mut Choice::default(), few, 100_000, 20, 2), 0);
    }

    #[test]
    fn a_disk_that_syncs_segments_quickly_is_found_out_and_so_is_its_end() {
        let mut choice = Choice::default();
        assert!(direct_of(&mut choice, SOME, 10_000, 3, 1) > 8_000);
        assert!(direct_of(&mut choice, SOME, 100_000, 3, 30) < 1_000);
    }

    #[test]
    fn a_checkpointer_that_has_no_rest_makes_the_journal_dearer() {
        let mut choice = Choice::default();
        let load = Load { segments: 1, bytes: 900 << 10 };
        assert!(direct_of(&mut choice, load, 1_000, 2, 3) < 20);
        choice.note_checkpoint(64 << 20, Duration::from_millis(900), Duration::from_secs(1));
        assert!(direct_of(&mut choice, load, 1_000, 2, 3) > 950);
        choice.note_checkpoint(64 << 20, Duration::from_millis(90), Duration::from_secs(1));
        assert!(direct_of(&mut choice, load, 1_000, 2, 3) < 50);
    }
}
