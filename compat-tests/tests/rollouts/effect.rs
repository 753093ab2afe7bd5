//! What can be seen of a value: which partitions have it, told by what they do and not by what the broker says.

use compat_tests::wire::batch::BatchBuilder;
use compat_tests::wire::now_ms;

use crate::await_some;
use crate::load::{Load, Seen, now, producer, quantile};
use crate::stage::Stage;

const MESSAGE_TOO_LARGE: i16 = 10;
/// Between the usual limit and the one that is tried.
const LARGE: usize = 1_200_000;
/// So many records in a row tell how fast a partition is.
const TOLD_BY: usize = 15;

/// How a partition shows that it has the value.
pub enum Effect {
    /// It takes a record that is larger than the usual limit.
    TakesLarge,
    /// Its producer waits longer than so many milliseconds.
    Slower(f64),
    /// Its producer waits less.
    Faster(f64),
}

impl Effect {
    /// Waits until the first `partitions` of `topic` show it just where it is `wanted`.
    pub fn until(&self, stage: &Stage, load: &Load, topic: &str, partitions: i32, wanted: &dyn Fn(i32) -> bool) {
        let from = now();
        let wanted: Vec<(i32, bool)> = (0..partitions).map(|partition| (partition, wanted(partition))).collect();
        await_some(&format!("the value is where it must be: {wanted:?}"), || {
            let seen = load.since(from);
            let is_so =
                |(partition, wanted): &(i32, bool)| self.shown(stage, &seen, topic, *partition) == Some(*wanted);
            wanted.iter().all(is_so).then_some(())
        });
    }

    /// Whether a partition shows it, as soon as that can be told.
    fn shown(&self, stage: &Stage, seen: &[Seen], topic: &str, partition: i32) -> Option<bool> {
        match self {
            Self::TakesLarge => Some(takes_large(stage, topic, partition)),
            Self::Slower(ms) => Some(took(seen, partition)? > *ms),
            Self::Faster(ms) => Some(took(seen, partition)? < *ms),
        }
    }
}

/// How long the last records of a partition took, as a rule.
fn took(seen: &[Seen], partition: i32) -> Option<f64> {
    let client = producer(partition);
    let seen: Vec<Seen> = seen.iter().filter(|seen| seen.client == client).cloned().collect();
    Some(quantile(&seen[seen.len().checked_sub(TOLD_BY)?..], 0.5))
}

fn takes_large(stage: &Stage, topic: &str, partition: i32) -> bool {
    let mut client = stage.connect();
    let topic = client.topic(topic).unwrap();
    let batch = BatchBuilder::new(now_ms()).push(None, Some(&[b'x'; LARGE])).build();
    match client.try_produce(&topic, partition, &batch).unwrap().error_code {
        0 => true,
        MESSAGE_TOO_LARGE => false,
        code => panic!("error code {code}"),
    }
}
