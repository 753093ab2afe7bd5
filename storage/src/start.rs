//! From directories to a broker's data.
//!
//! 1. Open every directory: those that are stores first, so that the others can be told which cluster they belong to, and so that a
//!    directory that is missing is known to be one.
//! 2. Take the next broker epoch, in every store.
//! 3. Recover every store, side by side: replay its journal, find the ends of its open chains.
//! 4. Unite what all catalogs know: which topics there are, which chains, where each ends.
//! 5. Seal the chains that were open, tell every store what it has missed.
//! 6. Begin: logs and committers; in the background, make the segments durable, remove the journals and what is not needed any more.
//!
//! What must always hold: nothing is removed before 6, so a crash in the middle begins again with 1; a store that cannot be used is left
//! out and its chains are known to be away; a directory that was named by mistake ends the start.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use crate::catalog::{Row, StoreRecord};
use crate::committer::Committer;
use crate::compaction::Work;
use crate::config::StorageOptions;
use crate::error::{OpenError, StoreError};
use crate::files::ChainFiles;
use crate::fs::{File, FileSystem};
use crate::ids::PartitionId;
use crate::known::{Known, Places};
use crate::log::PartitionLog;
use crate::log_configs::PartitionOf;
use crate::members::{Member, Members};
use crate::moving::Moves;
use crate::open::{self, Opened};
use crate::preferred::Preferred;
use crate::recovery::{self, Recovered, RecoveryReport};
use crate::storage::Shared;
use crate::store::{Store, chains_dir};
use crate::stores::Stores;
use crate::sweep;
use crate::topics::{Topic, Topics};
use crate::union::{StoreRows, Union};

/// A store that was opened, and what its recovery found.
pub struct Found {
    /// Its directory.
    pub dir: PathBuf,
    /// The lock, the catalog, the identity.
    pub opened: Opened,
    /// Its chains.
    pub recovered: Recovered,
}

/// Opens or creates the stores in `dirs`; begins again without one that turns out to be unusable.
///
/// # Errors
/// A directory that was named by mistake, or no store that can be used.
pub fn open(dirs: &[PathBuf], options: StorageOptions) -> Result<(Shared, RecoveryReport), OpenError> {
    let mut usable = dirs.to_vec();
    loop {
        match open_all(&usable, &options) {
            Err(error) if !error.is_mistake() && usable.len() > 1 => {
                tracing::error!("starting without a store: {error}");
                usable.retain(|dir| dir != error.dir());
            }
            outcome => return outcome.map(|(shared, report)| (Shared { dirs: dirs.to_vec(), ..shared }, report)),
        }
    }
}

/// Opens the stores in `dirs`, all or none.
fn open_all(dirs: &[PathBuf], options: &StorageOptions) -> Result<(Shared, RecoveryReport), OpenError> {
    let (opened, cluster_id) = open_each(&options.fs, dirs)?;
    let epoch = next_epoch(&opened)?;
    let (found, report) = recover_each(&options.fs, opened)?;
    let rows = found.iter().map(rows_of).collect::<Result<Vec<_>, _>>()?;
    let united = Union::of(&rows, epoch);
    united.report();
    let mut known = Known::new(united);
    for store in &found {
        settle(&options.fs, store, &mut known).map_err(|error| damaged(&store.dir, &error))?;
    }
    for store in &found {
        store.opened.catalog.forget(known.forgettable()).map_err(|error| damaged(&store.dir, &error))?;
    }
    let shared = begin(found, &known, options, cluster_id, epoch)?;
    for log in shared.logs().iter().filter(|log| known.ends_in_gap(log.id())) {
        if let Err(error) = log.mark_gap() {
            tracing::warn!("{}: the gap before {} has no mark: {error}", log.id(), log.offsets().log_end);
        }
    }
    Ok((shared, report))
}

/// The logs, and the threads that serve the stores.
fn begin(
    found: Vec<Found>,
    known: &Known,
    options: &StorageOptions,
    cluster_id: String,
    epoch: u32,
) -> Result<Shared, OpenError> {
    let (all, locks): (Vec<_>, Vec<_>) =
        found.into_iter().map(|found| found.into_store(options, &options.cordoned)).unzip();
    let stores = Arc::new(Stores::new(epoch, all.clone()));
    let topics = load_topics(&stores, options, known, &Places::of(&stores, &options.fs));
    let begin = |(store, lock): (&Arc<Store>, Arc<dyn File>)| {
        member(store, lock, &stores, options).map_err(|source| OpenError::Io { dir: store.dir.clone(), source })
    };
    let members = all.iter().zip(locks).map(begin).collect::<Result<Vec<_>, _>>()?;
    Ok(Shared {
        stores,
        options: options.clone(),
        cluster_id,
        topics: RwLock::new(topics),
        changing: Mutex::new(()),
        members: Members::new(members),
        cleaning: Arc::new(Work::new(options.cleaner.clone())),
        moves: Moves::new(options.move_bytes_per_second_max),
        cordoned: RwLock::new(options.cordoned.clone()),
        preferred: Preferred::default(),
        dirs: Vec::new(),
    })
}

impl Found {
    /// The store, and its lock.
    pub fn into_store(self, options: &StorageOptions, cordoned: &[PathBuf]) -> (Arc<Store>, Arc<dyn File>) {
        let Opened { lock, catalog, identity } = self.opened;
        let cordoned = cordoned.contains(&self.dir);
        let store = Store::new(identity.store, options.fs.clone(), &options.open_files, self.dir, catalog, cordoned);
        store.look_for_room();
        (Arc::new(store), lock)
    }
}

/// The stores, and the cluster they belong to.
fn open_each(fs: &Arc<dyn FileSystem>, dirs: &[PathBuf]) -> Result<(Vec<(PathBuf, Opened)>, String), OpenError> {
    let (known, rest): (Vec<_>, Vec<_>) = dirs.iter().partition(|dir| open::is_store(fs.as_ref(), dir));
    let mut opened: Vec<(PathBuf, Opened)> = Vec::new();
    for dir in known.into_iter().chain(rest) {
        let store = open_one(fs, dir, &opened)?;
        opened.push((dir.clone(), store));
    }
    let first = opened.first().ok_or_else(|| OpenError::Missing { dir: PathBuf::new() })?;
    let cluster_id = first.1.identity.cluster_id.clone();
    Ok((opened, cluster_id))
}

/// Opens the store in `dir`, or makes one, unless another store remembers one there that must be away.
fn open_one(fs: &Arc<dyn FileSystem>, dir: &Path, others: &[(PathBuf, Opened)]) -> Result<Opened, OpenError> {
    let known = others.iter().find_map(|(_, other)| remembered(&other.catalog, dir));
    open_known(fs, dir, known.as_ref(), others.first().map(|(_, other)| other.identity.cluster_id.as_str()))
}

/// As `open_one`, for a directory where there was a store `known`.
pub fn open_known(
    fs: &Arc<dyn FileSystem>,
    dir: &Path,
    known: Option<&StoreRecord>,
    cluster_id: Option<&str>,
) -> Result<Opened, OpenError> {
    let io = |source| OpenError::Io { dir: dir.to_owned(), source };
    let missing = || OpenError::Missing { dir: dir.to_owned() };
    if let Some(known) = known {
        let unmounted = known.is_mount_point && !fs.is_mount_point(dir).map_err(|_| missing())?;
        if unmounted && !open::is_store(fs.as_ref(), dir) {
            return Err(missing());
        }
    } else {
        fs.create_dir_all(dir).map_err(io)?;
    }
    open::open(fs, dir, cluster_id)
}

/// What a catalog knows of the store that was last in `dir`.
pub fn remembered(catalog: &crate::catalog::Catalog, dir: &Path) -> Option<StoreRecord> {
    let name = dir.display().to_string();
    let stores = catalog.stores().ok()?;
    stores.into_iter().filter(|store| store.dir == name).max_by_key(|store| store.version)
}

fn next_epoch(opened: &[(PathBuf, Opened)]) -> Result<u32, OpenError> {
    let mut largest = 0;
    for (dir, store) in opened {
        let counters = store.catalog.counters().map_err(|error| damaged(dir, &error))?;
        largest = largest.max(counters.next_broker_epoch);
    }
    for (dir, store) in opened {
        store.catalog.next_broker_epoch(largest).map_err(|error| damaged(dir, &error))?;
    }
    let used_up = || StoreError::Failed("broker epochs are used up".into());
    u32::try_from(largest).map_err(|_| damaged(&opened[0].0, &used_up()))
}

/// Recovers the stores side by side.
fn recover_each(
    fs: &Arc<dyn FileSystem>,
    opened: Vec<(PathBuf, Opened)>,
) -> Result<(Vec<Found>, RecoveryReport), OpenError> {
    let recover = |(dir, opened): (PathBuf, Opened)| {
        let mut report = RecoveryReport::default();
        let recovered = recovery::recover(fs.as_ref(), &dir, &opened.catalog, &mut report);
        match recovered {
            Ok(recovered) => Ok((Found { dir, opened, recovered }, report)),
            Err(source) => Err(OpenError::Io { dir, source }),
        }
    };
    let outcomes = std::thread::scope(|scope| {
        let running: Vec<_> = opened.into_iter().map(|one| scope.spawn(|| recover(one))).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).collect::<Result<Vec<_>, _>>()
    })?;
    let mut report = RecoveryReport::default();
    outcomes.iter().for_each(|(_, one)| report.add(one));
    Ok((outcomes.into_iter().map(|(found, _)| found).collect(), report))
}

/// All rows of a store.
///
/// # Errors
/// When they cannot be read.
pub fn rows_of(found: &Found) -> Result<StoreRows, OpenError> {
    let rows = found.opened.catalog.rows().map_err(|error| damaged(&found.dir, &error))?;
    Ok(StoreRows { store: found.opened.identity.store, rows })
}

/// Seals what was open, learns what was missed. The journal stays until the segments are durable (`recovery::finish`).
///
/// # Errors
/// Of the store.
pub fn settle(fs: &Arc<dyn FileSystem>, found: &Found, known: &mut Known) -> Result<(), StoreError> {
    let files = Arc::new(ChainFiles::new(fs.clone(), chains_dir(&found.dir)));
    let failed = |error: io::Error| StoreError::of_write(&error);
    let sealed = found.recovered.sealed(&files, |chain| known.end_of(chain)).map_err(failed)?;
    let store = found.opened.identity.store;
    let rows: Vec<Row> = sealed.iter().cloned().map(Row::Chain).chain(known.obsolete(store)).collect();
    found.opened.catalog.learn(known.lacking(store))?;
    found.opened.catalog.apply(&rows)?;
    known.seal(sealed);
    Ok(())
}

fn damaged(dir: &Path, error: &StoreError) -> OpenError {
    OpenError::Damaged { dir: dir.to_owned(), reason: error.to_string() }
}

/// Begins the life of a store: its commits, and giving back what a crash has left.
///
/// # Errors
/// When the system refuses threads.
pub fn member(
    store: &Arc<Store>,
    lock: Arc<dyn File>,
    stores: &Arc<Stores>,
    options: &StorageOptions,
) -> io::Result<Member> {
    let committer = Committer::start(store, stores, options.journal_segment_bytes)?;
    let sweeper = sweep::start(store, stores.epoch)?;
    Ok(Member { store: store.clone(), committer, sweeper, lock })
}

fn load_topics(stores: &Arc<Stores>, options: &StorageOptions, known: &Known, places: &Places) -> Topics {
    let mut topics = Topics::default();
    for record in known.topics() {
        let log = |index| {
            let (topic_id, topic, configs) = (record.id, record.name.as_str(), &record.configs);
            let config = options.log_config.of(&PartitionOf { topic_id, topic, configs, index });
            let id = PartitionId { topic: record.id, index };
            let (chains, offsets) = known.partition(id, places).unwrap_or_default();
            let log = PartitionLog::new(stores.clone(), id, config, &chains, offsets);
            log.was_cleaned_to(known.cleaned_to(id));
            Arc::new(log)
        };
        topics.put(&Arc::new(Topic::new(record, (0..record.partitions).map(log).collect())));
    }
    topics
}
