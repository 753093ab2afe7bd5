//! Old records go: those that clients delete, and in the background those that retention finds.
//!
//! What must always hold: a log start is durable before anybody sees it; many logs are trimmed with one transaction.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam::channel::{RecvTimeoutError, Sender, unbounded};

use crate::catalog::{PartitionRecord, Row};
use crate::error::{DeleteRecordsError, StoreError};
use crate::log::{PartitionLog, Trim};
use crate::storage::Shared;

/// The first round comes so soon after the start, or sooner if rounds are closer together (`log.initial.task.delay.ms`).
const FIRST_ROUND: Duration = Duration::from_secs(30);
/// Logs trimmed in one transaction.
const LOGS_PER_TRANSACTION: usize = 512;

/// A log and where it is to begin.
type Trimming = (Arc<PartitionLog>, Trim);

/// Deletes the records of each log before the offset that comes with it; see `Storage::delete_records`.
pub fn delete_records(shared: &Shared, wanted: &[(Arc<PartitionLog>, i64)]) -> Vec<Result<i64, DeleteRecordsError>> {
    let plans: Vec<_> = wanted.iter().map(|(log, up_to)| log.plan_delete(*up_to)).collect();
    let planned = wanted.iter().zip(&plans).filter_map(|((log, _), plan)| {
        let trim = plan.as_ref().ok()?.clone()?;
        Some((log.clone(), trim))
    });
    let trimmed = trim(shared, &planned.collect::<Vec<_>>());
    let answered = wanted.iter().zip(plans).map(|((log, _), plan)| {
        if plan?.is_some() {
            trimmed.clone()?;
        }
        Ok(log.offsets().log_start)
    });
    answered.collect()
}

/// Deletes what the settings of each log do not keep; see `Storage::apply_retention`.
pub fn apply_retention(shared: &Shared, now_ms: i64) -> Result<usize, StoreError> {
    let mut count = 0;
    for logs in shared.logs().chunks(LOGS_PER_TRANSACTION) {
        let planned = logs.iter().filter_map(|log| Some((log.clone(), log.plan_retention(now_ms)?)));
        let planned: Vec<_> = planned.collect();
        trim(shared, &planned)?;
        count += planned.len();
    }
    Ok(count)
}

/// Makes new log starts durable, then has the logs let go of what is below.
fn trim(shared: &Shared, planned: &[Trimming]) -> Result<(), StoreError> {
    if planned.is_empty() {
        return Ok(());
    }
    shared.stores.check_open()?;
    let rows: Vec<Row> = planned.iter().flat_map(|(_, trim)| rows(trim)).collect();
    shared.stores.announce(None, &rows)?;
    planned.iter().for_each(|(log, trim)| log.trimmed(trim));
    Ok(())
}

fn rows(trim: &Trim) -> Vec<Row> {
    let start = PartitionRecord { id: trim.partition, log_start: trim.log_start, cleaned_to: 0 };
    let gone = trim.gone.iter().map(|chain| Row::ChainGone(trim.partition, *chain));
    std::iter::once(Row::Partition(start)).chain(gone).collect()
}

/// The thread that applies retention; ends when this is dropped.
pub struct Caretaker {
    /// Takes another interval. Dropped first, which tells the thread to end.
    wake: Option<Sender<Duration>>,
    thread: Option<JoinHandle<()>>,
}

impl Caretaker {
    /// Starts it.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let (wake, woken) = unbounded::<Duration>();
        let shared = shared.clone();
        let run = move || {
            let (mut interval, mut first) = (shared.options.retention_check_interval, FIRST_ROUND);
            let mut last = Instant::now();
            loop {
                match woken.recv_timeout(interval.min(first).saturating_sub(last.elapsed())) {
                    Ok(other) => interval = other,
                    Err(RecvTimeoutError::Timeout) => {
                        round(&shared);
                        (last, first) = (Instant::now(), Duration::MAX);
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        };
        let thread = std::thread::Builder::new().name("retention".into()).spawn(run)?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }

    /// Another interval, counted from the last round on.
    pub fn set_interval(&self, interval: Duration) {
        // Without a thread there is nobody to hear it.
        let _ = self.wake.as_ref().map(|wake| wake.send(interval));
    }
}

impl Drop for Caretaker {
    fn drop(&mut self) {
        drop(self.wake.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("retention has panicked");
        }
    }
}

fn round(shared: &Shared) {
    match apply_retention(shared, now_ms()) {
        Ok(0) => {}
        Ok(logs) => tracing::debug!("retention has trimmed {logs} logs"),
        Err(error) => tracing::warn!("retention cannot delete what is too old or too much: {error}"),
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
