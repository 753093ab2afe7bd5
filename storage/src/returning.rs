//! A store joins a broker that runs: one that was away, or a new one.
//!
//! 1. Open it and recover it, as at a start.
//! 2. Unite what it knows with what the others know: its chains end where the next ones start, whatever else is in their files.
//! 3. Seal its chains, and let everybody know what the others know.
//! 4. Let the logs see its chains, and let it take new ones.
//!
//! What must always hold: topics do not change meanwhile; nobody reads a chain of it before it is cut.

use std::path::Path;
use std::sync::Arc;

use crate::catalog::Row;
use crate::error::{OpenError, StoreError};
use crate::known::{Known, Places};
use crate::recovery::{self, RecoveryReport};
use crate::start::{Found, member, open_known, remembered, rows_of, settle};
use crate::storage::{Shared, lock};
use crate::store::Store;
use crate::union::{StoreRows, Union};

/// Opens the store in `dir` and lets it take part.
///
/// # Errors
/// Why it cannot, or not yet.
pub fn join(shared: &Shared, dir: &Path) -> Result<Arc<Store>, OpenError> {
    let options = &shared.options;
    let alive = shared.stores.alive();
    let known = alive.iter().find_map(|store| remembered(&store.catalog, dir));
    let opened = open_known(&options.fs, dir, known.as_ref(), Some(&shared.cluster_id))?;
    let io = |source| OpenError::Io { dir: dir.to_owned(), source };
    let damaged = |error: StoreError| OpenError::Damaged { dir: dir.to_owned(), reason: error.to_string() };
    let mut report = RecoveryReport::default();
    let recovered = recovery::recover(options.fs.as_ref(), dir, &opened.catalog, &mut report).map_err(io)?;
    let found = Found { dir: dir.to_owned(), opened, recovered };

    let _changing = lock(&shared.changing);
    let mut rows = vec![rows_of(&found)?];
    for store in &alive {
        rows.push(StoreRows { store: store.id, rows: store.catalog.rows().map_err(damaged)? });
    }
    let united = Union::of(&rows, shared.stores.epoch);
    united.report();
    let mut known = Known::new(united);
    // The logs know better than the catalogs what was promised: a chain that took the place of another may not be written down yet.
    for chain in found.recovered.were_open() {
        shared.log(chain.partition).iter().for_each(|log| known.limit(chain.id, log.sealed_end(chain.id)));
    }
    settle(&options.fs, &found, &mut known).map_err(damaged)?;
    // At once: the journal that is written from now on has the names of this one.
    recovery::finish(options.fs.as_ref(), dir, shared.stores.epoch.saturating_add(1)).map_err(io)?;
    let (store, lock) = found.into_store(options, &shared.cordoned());
    let member = member(&store, lock, &shared.stores, options).map_err(io)?;
    reserve(shared, &store).map_err(damaged)?;
    shared.stores.put(store.clone());
    // For who has changed that meanwhile.
    store.set_cordoned(shared.cordoned().contains(&store.dir));
    shared.members.add(member);
    // For chains that were opened meanwhile.
    if let Err(error) = reserve(shared, &store) {
        store.catalog_failed(error);
    }
    shared.stores.alive().iter().for_each(|from| shared.stores.spread(from));
    let places = Places::of(&shared.stores, &options.fs);
    for log in shared.logs() {
        // One that had nowhere to go still is where it was.
        log.leave_failed();
        if let Some((chains, _)) = known.partition(log.id(), &places) {
            log.see(store.id, &chains);
        }
    }
    Ok(store)
}

/// Sets offsets aside for every chain that is open elsewhere: before the store counts, so that a start with it alone uses none of them.
fn reserve(shared: &Shared, store: &Store) -> Result<(), StoreError> {
    let logs = shared.logs();
    let reservations = logs.iter().filter_map(|log| log.reservation_now()).map(Row::Reservation);
    store.catalog.learn(&reservations.collect::<Vec<_>>())
}
