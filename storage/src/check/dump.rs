//! What a data directory holds, in words: its catalog, its journal, the batches of its segments, their records.
//!
//! What must always hold: a line stands for itself; what cannot be read is said in its place and the rest goes on; contents of records
//! are printed only if that was asked for.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::journal::{End, each_slot};
use super::look::{self, Looked};
use super::segments;
use crate::catalog::{ChainRecord, Row, RowKey};
use crate::error::OpenError;
use crate::fs::{FileSystem, Open};
use crate::ids::{ChainId, PartitionId, SegmentId};
use crate::journal::files;
use crate::store::{chains_dir, journal_dir};

/// What to print.
#[derive(Debug, Clone, Default)]
pub struct DumpOptions {
    /// Only of this topic.
    pub topic: Option<String>,
    /// Only of partitions with this index.
    pub partition: Option<u32>,
    /// The catalog's rows and events.
    pub catalog: bool,
    /// The journal's slots.
    pub journal: bool,
    /// The batches of the chains' segments.
    pub segments: bool,
    /// The batches of this segment, a path or a name.
    pub segment: Option<PathBuf>,
    /// With each batch its records.
    pub records: bool,
    /// With each record its key and value, as text; what is not is escaped.
    pub contents: bool,
}

/// Prints what the store in `dir` holds.
///
/// # Errors
/// When the directory is no store of ours or cannot be read, its catalog is damaged, or `out` takes no more.
pub fn dump(fs: &Arc<dyn FileSystem>, dir: &Path, options: &DumpOptions, out: &mut dyn Write) -> Result<(), OpenError> {
    let chains = chains_dir(dir);
    let io = |source| OpenError::Io { dir: dir.to_owned(), source };
    if let Some(segment) = &options.segment {
        return segments::file(fs.as_ref(), &segment_path(&chains, segment), options, out).map_err(io);
    }
    let looked = look::look(fs, dir)?;
    let names = Names::of(&looked);
    identity(&looked, out).map_err(io)?;
    if options.catalog {
        catalog(&looked, &names, options, out).map_err(io)?;
    }
    if options.journal {
        journal(fs.as_ref(), &looked, &names, options, out).map_err(io)?;
    }
    let chosen = chains_of(&looked).filter(|chain| options.segments && names.are_wanted(chain.partition, options));
    for chain in chosen {
        writeln!(out, "{}", chain_line(chain, &names)).map_err(io)?;
        for id in chain.segment_ids() {
            segments::file(fs.as_ref(), &id.log_path(&chains), options, out).map_err(io)?;
        }
    }
    Ok(())
}

/// A name alone is one of the store's.
fn segment_path(chains: &Path, given: &Path) -> PathBuf {
    let named = given.file_name().and_then(|name| name.to_str()).and_then(SegmentId::of_file_name);
    match named {
        Some(id) if given.components().count() == 1 => id.log_path(chains),
        _ => given.to_owned(),
    }
}

/// What things are called.
struct Names {
    topics: HashMap<uuid::Uuid, String>,
    partitions: HashMap<ChainId, PartitionId>,
}

impl Names {
    fn of(looked: &Looked) -> Self {
        let topic = |row: &Row| if let Row::Topic(topic) = row { Some((topic.id, topic.name.clone())) } else { None };
        Self {
            topics: looked.catalog.rows.iter().filter_map(topic).collect(),
            partitions: chains_of(looked).map(|chain| (chain.id, chain.partition)).collect(),
        }
    }

    fn partition(&self, id: PartitionId) -> String {
        self.topics.get(&id.topic).map_or_else(|| id.to_string(), |name| format!("{name}-{}", id.index))
    }

    fn is_wanted_topic(&self, id: uuid::Uuid, options: &DumpOptions) -> bool {
        options.topic.as_ref().is_none_or(|wanted| self.topics.get(&id) == Some(wanted))
    }

    fn are_wanted(&self, id: PartitionId, options: &DumpOptions) -> bool {
        self.is_wanted_topic(id.topic, options) && options.partition.is_none_or(|wanted| wanted == id.index)
    }

    fn is_wanted(&self, key: &RowKey, options: &DumpOptions) -> bool {
        match key {
            RowKey::Store(_) => options.topic.is_none() && options.partition.is_none(),
            RowKey::Topic(id) => self.is_wanted_topic(*id, options),
            RowKey::Partition(id) | RowKey::Chain(id, _) | RowKey::Reservation(id, _) | RowKey::Producers(id) => {
                self.are_wanted(*id, options)
            }
        }
    }
}

fn chains_of(looked: &Looked) -> impl Iterator<Item = &ChainRecord> {
    looked.catalog.rows.iter().filter_map(|row| if let Row::Chain(chain) = row { Some(chain) } else { None })
}

fn identity(looked: &Looked, out: &mut dyn Write) -> io::Result<()> {
    let (identity, counters) = (&looked.identity, looked.catalog.counters);
    let motion = if looked.in_motion { ", a broker is at work here" } else { "" };
    let (epoch, producer) = (counters.next_broker_epoch, counters.next_producer_id);
    writeln!(
        out,
        "store {}, cluster {}, next broker epoch {epoch}, next producer id {producer}{motion}",
        identity.store, identity.cluster_id
    )
}

fn catalog(looked: &Looked, names: &Names, options: &DumpOptions, out: &mut dyn Write) -> io::Result<()> {
    let copy = &looked.catalog;
    for row in copy.rows.iter().filter(|row| names.is_wanted(&row.key(), options)) {
        writeln!(out, "{}", row_line(row, names))?;
        if let Row::Chain(chain) = row {
            for (id, segment) in chain.segment_ids().zip(&chain.segments) {
                let (base, len, time) = (segment.base_offset, segment.len, segment.max_timestamp);
                let path = id.log_path(Path::new("chains"));
                writeln!(out, "  segment {base}, {len} bytes, timestamps up to {time}, {}", path.display())?;
            }
        }
    }
    for key in &copy.unreadable {
        writeln!(out, "a row that cannot be read, key {key:02x?}")?;
    }
    for (number, key) in &copy.events {
        match key {
            Some(key) if names.is_wanted(key, options) => writeln!(out, "event {number}: {}", key_line(key, names))?,
            Some(_) => {}
            None => writeln!(out, "event {number}: a key that cannot be read")?,
        }
    }
    Ok(())
}

fn row_line(row: &Row, names: &Names) -> String {
    let name = key_line(&row.key(), names);
    match row {
        Row::Store(store) => {
            let mounted = if store.is_mount_point { ", a mount point" } else { "" };
            format!("{name}, version {}, in {}{mounted}", store.version, store.dir)
        }
        Row::Topic(topic) => {
            let (internal, configs) = (if topic.internal { ", internal" } else { "" }, &topic.configs);
            let configs: String = configs.iter().map(|(name, value)| format!(", {name}={value}")).collect();
            let (id, version, epoch) = (topic.id, topic.version, topic.created_epoch);
            format!(
                "{name}, id {id}, version {version}, made in epoch {epoch}, {} partitions{internal}{configs}",
                topic.partitions
            )
        }
        Row::TopicGone(_) | Row::ChainGone(..) => format!("{name}, gone"),
        Row::Partition(partition) => {
            format!("{name}, log start {}, cleaned to {}", partition.log_start, partition.cleaned_to)
        }
        Row::Chain(chain) => chain_line(chain, names),
        Row::Reservation(reserved) => format!("{name}, offsets {} to {}", reserved.start, reserved.end),
        Row::Producers(producers) => {
            format!("{name}, as of offset {}, {} bytes", producers.next_offset, producers.bytes.len())
        }
    }
}

fn chain_line(chain: &ChainRecord, names: &Names) -> String {
    let name = key_line(&RowKey::Chain(chain.partition, chain.id), names);
    let end = chain.end.map_or_else(|| "open".to_owned(), |end| format!("end {end}"));
    let mut line = format!("{name}, version {}, start {}, {end}", chain.version, chain.start);
    if chain.counts_as != chain.id {
        line.push_str(&format!(", counts as {}", chain.counts_as));
    }
    let epochs = chain.leader_epochs.iter().map(|known| format!(", epoch {} from {}", known.epoch, known.start));
    chain.replaces.iter().map(|id| format!(", replaces {id}")).chain(epochs).for_each(|part| line.push_str(&part));
    line
}

fn key_line(key: &RowKey, names: &Names) -> String {
    match key {
        RowKey::Store(id) => format!("store {id}"),
        RowKey::Topic(id) => {
            names.topics.get(id).map_or_else(|| format!("topic with id {id}"), |name| format!("topic {name}"))
        }
        RowKey::Partition(id) => format!("partition {}", names.partition(*id)),
        RowKey::Chain(id, chain) => format!("chain {chain} of {}", names.partition(*id)),
        RowKey::Reservation(id, chain) => format!("reservation for chain {chain} of {}", names.partition(*id)),
        RowKey::Producers(id) => format!("producers of {}", names.partition(*id)),
    }
}

fn journal(
    fs: &dyn FileSystem,
    looked: &Looked,
    names: &Names,
    options: &DumpOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let filtered = options.topic.is_some() || options.partition.is_some();
    for (id, path) in files(fs, &journal_dir(&looked.dir))? {
        writeln!(out, "journal {}", path.display())?;
        let file = fs.open(&path, Open::Read)?;
        let (end, why) = each_slot(&*file, id, |number, at, slot| {
            writeln!(out, "  slot {number}, position {at}, {} bytes, {} ranges", slot.len, slot.ranges.len())?;
            for (range, _) in &slot.ranges {
                let (chain, base) = (range.segment.chain, range.segment.base_offset);
                let partition = names.partitions.get(&chain);
                if partition.map_or(filtered, |id| !names.are_wanted(*id, options)) {
                    continue;
                }
                let of = partition.map_or_else(|| "no partition".to_owned(), |id| names.partition(*id));
                let (from, to) = (range.position, range.position.saturating_add(range.len.into()));
                writeln!(out, "    chain {chain} of {of}, segment {base}, positions {from} to {to}")?;
            }
            Ok(())
        })?;
        match why {
            End::Clean => writeln!(out, "  no slot at position {end}")?,
            End::Torn => writeln!(out, "  a slot that is not whole at position {end}")?,
            End::Damaged => writeln!(out, "  a damaged slot at position {end}, whole ones follow")?,
        }
    }
    Ok(())
}
