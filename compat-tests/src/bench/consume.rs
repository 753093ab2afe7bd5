//! Consume load: some connections share a topic's partitions and read all of it, some times over.
//!
//! What must always hold: every byte counted was received in whole batches at the offsets asked for; the limits of a
//! fetch are those of the Java consumer.

use super::produce::{Outcome, account};
use super::system::Running;
use crate::wire::{Connection, FetchPlan, Result, Topic, invalid};

/// Reads `topic` from begin to end `passes` times over `connections`.
///
/// # Errors
/// Of a socket, an error code, or a fetch that does not get on.
pub fn run(broker: &mut Running, topic: &Topic, connections: usize, passes: usize) -> Result<Outcome> {
    let ends = broker.connect()?.end_offsets(topic, &topic.all())?;
    account(broker, connections, |index, connection| {
        let mine: Vec<i32> = topic.all().into_iter().filter(|p| *p as usize % connections == index).collect();
        let passes = (0..passes).map(|_| read_all(connection, topic, &mine, &ends));
        passes.sum::<Result<Sum>>().map(|Sum(bytes, requests)| (bytes, requests))
    })
}

/// Bytes and requests.
struct Sum(u64, u64);

impl std::iter::Sum for Sum {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self(0, 0), |a, b| Self(a.0 + b.0, a.1 + b.1))
    }
}

/// Partitions that are at their end are no longer asked for, so that no request waits.
fn read_all(connection: &mut Connection, topic: &Topic, partitions: &[i32], ends: &[i64]) -> Result<Sum> {
    let mut plan = FetchPlan::new(topic, partitions);
    let mut sum = Sum(0, 0);
    while !plan.positions.is_empty() {
        let fetched = connection.fetch(&mut plan)?;
        let sizes = fetched.partitions.iter().flat_map(|p| p.batches()).map(|batch| batch.bytes.len() as u64);
        let got: u64 = sizes.sum();
        if got == 0 {
            return Err(invalid("a fetch below the end of the log came back empty"));
        }
        sum = Sum(sum.0 + got, sum.1 + 1);
        plan.positions.retain(|(partition, offset)| *offset < ends[*partition as usize]);
        // The next request begins with the partition that was served last, as clients do to be fair.
        let turn = fetched.partitions.iter().filter(|p| !p.records.is_empty()).count() % plan.positions.len().max(1);
        plan.positions.rotate_left(turn);
    }
    Ok(sum)
}
