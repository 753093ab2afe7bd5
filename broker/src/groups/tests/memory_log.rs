//! A log in memory.

use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard};

use catena_protocol::group_records::Record;
use catena_storage::{ReadError, StoreError};
use tokio::sync::oneshot;

use crate::groups::log::{Durable, GroupLog};
use crate::groups::types::GroupError;

type Commit = oneshot::Sender<Result<(), StoreError>>;

#[derive(Default)]
struct State {
    records: Vec<Record>,
    refuse: Option<GroupError>,
    unreadable: bool,
    slow: bool,
    commits: Vec<(usize, Commit)>,
}

/// Records, and what is wrong with the disk.
#[derive(Clone, Default)]
pub struct MemoryLog(Arc<Mutex<State>>);

impl MemoryLog {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics with the lock")
    }

    pub fn records(&self) -> Vec<Record> {
        self.state().records.clone()
    }

    /// Gives the records from one on; says how many.
    pub fn each_from(&self, from: usize, mut give: impl FnMut(&Record)) -> usize {
        let state = self.state();
        let records = state.records.get(from..).unwrap_or_default();
        records.iter().for_each(&mut give);
        records.len()
    }

    /// Appends are refused from now on.
    pub fn refuse(&self, error: Option<GroupError>) {
        self.state().refuse = error;
    }

    /// Appends become durable only with `commit`, or are lost with `lose`.
    pub fn be_slow(&self) {
        self.state().slow = true;
    }

    /// Makes everything durable.
    pub fn commit(&self) {
        for (_, commit) in self.state().commits.drain(..) {
            let _ = commit.send(Ok(()));
        }
    }

    /// Loses everything that is not durable.
    pub fn lose(&self) {
        let mut state = self.state();
        let durable = state.commits.first().map_or(state.records.len(), |(before, _)| *before);
        state.records.truncate(durable);
        for (_, commit) in state.commits.drain(..) {
            let _ = commit.send(Err(StoreError::Failed("lost".into())));
        }
    }

    pub fn be_unreadable(&self, unreadable: bool) {
        self.state().unreadable = unreadable;
    }

    pub fn uncommitted(&self) -> usize {
        self.state().commits.len()
    }
}

impl GroupLog for MemoryLog {
    fn append(&self, records: &[Record], _: i64) -> Result<Durable, GroupError> {
        let mut state = self.state();
        if let Some(error) = state.refuse {
            return Err(error);
        }
        let before = state.records.len();
        state.records.extend_from_slice(records);
        if !state.slow {
            return Ok(Box::pin(ready(Ok(()))));
        }
        let (commit, durable) = oneshot::channel();
        state.commits.push((before, commit));
        Ok(Box::pin(async { durable.await.unwrap_or(Ok(())) }))
    }

    fn replay(&self, apply: &mut dyn FnMut(Record)) -> Result<(), ReadError> {
        if self.state().unreadable {
            return Err(ReadError::Corrupt { offset: 0 });
        }
        self.records().into_iter().for_each(apply);
        Ok(())
    }
}
