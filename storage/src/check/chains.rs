//! The partitions, their chains, and the files in the directories.
//!
//! What must always hold: only what a start would serve is judged; chains that are replaced or below the log start may be half gone.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;

use super::Check;
use super::finding::Place;
use super::look::Looked;
use super::segment::{self, Expected};
use crate::catalog::{ChainRecord, Row, TopicRecord};
use crate::ids::{PartitionId, SegmentId, StoreId};
use crate::kept::keep_above;
use crate::store::chains_dir;
use crate::union::{ChainView, PartitionView, Union};

/// Everything, topic by topic.
pub fn check(check: &mut Check<'_>, union: &Union) {
    for topic in union.topics.values() {
        check.summary.topics += 1;
        for index in 0..topic.partitions {
            check.summary.partitions += 1;
            let id = PartitionId { topic: topic.id, index };
            if let Some(view) = union.partitions.get(&id) {
                partition(check, union, topic, index, view);
            }
        }
    }
}

fn partition(check: &mut Check<'_>, union: &Union, topic: &TopicRecord, index: u32, view: &PartitionView) {
    let name = format!("{}-{index}", topic.name);
    for conflict in &view.conflicts {
        let place = check.place_of(conflict.chain.store).partition(&name).chain(conflict.chain);
        let (start, end) = (conflict.offsets.start, conflict.offsets.end);
        check.tell(place.offset(start).problem(format!("offsets {start} to {end} are another chain's too")));
    }
    let mut before: Option<&ChainView> = None;
    for chain in &view.chains {
        let place = check.place_of(chain.row.id.store).partition(&name).chain(chain.row.id);
        let end_before = before.and_then(|before| before.end);
        if let Some(end) = end_before.filter(|end| *end < chain.row.start) {
            let text = format!("no chain has the offsets from here to {}", chain.row.start);
            let here = place.offset(end);
            // While a store was away, another one may have gone on behind what was reserved for it.
            let several = union.stores.len() > 1;
            check.tell(if several {
                here.note(text + ": they were reserved, or are lost")
            } else {
                here.problem(text)
            });
        }
        before = Some(chain);
        check.summary.chains += 1;
        match check.directory(chain.row.id.store) {
            Some(dir) => segments(check, dir, &keep_above(view.log_start, chain.row.clone()), &place),
            None => away(check, union, chain, &place),
        }
    }
}

fn away(check: &mut Check<'_>, union: &Union, chain: &ChainView, place: &Place) {
    let store = chain.row.id.store;
    let dir = union.stores.get(&store).map_or_else(String::new, |known| format!(" ({})", known.dir));
    let end = chain.end.map_or_else(|| "an unknown end".to_owned(), |end| end.to_string());
    let start = chain.row.start;
    check.tell(place.note(format!("store {store}{dir} is away, and with it offsets {start} to {end}")));
}

fn segments(check: &mut Check<'_>, dir: PathBuf, chain: &ChainRecord, place: &Place) {
    let chains = chains_dir(&dir);
    let limits = chain.segments.iter().skip(1).map(|next| Some(next.base_offset)).chain([chain.end]);
    let mut begin = None;
    for (at, (summary, limit)) in chain.segments.iter().zip(limits).enumerate() {
        if begin.is_some_and(|begin| summary.base_offset <= begin) {
            check.tell(place.offset(summary.base_offset).problem("segments of the chain are not in order"));
        }
        begin = Some(summary.base_offset);
        let id = SegmentId { chain: chain.id, base_offset: summary.base_offset };
        let expected = Expected {
            chain,
            summary: *summary,
            limit,
            is_tail: chain.end.is_none() && at + 1 == chain.segments.len(),
        };
        let is_mended = check.mended.contains(&id);
        let Check { fs, summary, report, .. } = check;
        let mut problems = 0;
        let mut tell = |finding: super::Finding| {
            let finding = if is_mended { finding.unless_mended() } else { finding };
            problems += u64::from(finding.is_problem);
            report(finding);
        };
        let looked = segment::check(fs.as_ref(), &chains, &expected, place, summary, &mut tell);
        check.summary.problems += problems;
        if let Err(error) = looked {
            check.tell(place.log(&chains, id).problem(format!("the file cannot be read: {error}")));
        }
    }
}

/// Names the files in `looked` that no row knows.
pub fn files(check: &mut Check<'_>, looked: &Looked) -> io::Result<()> {
    let owned: HashSet<SegmentId> = looked.catalog.rows.iter().flat_map(owned_by).collect();
    let (chains, place) = (chains_dir(&looked.dir), Place::dir(&looked.dir));
    for folder in check.fs.read_dir(&chains)?.into_iter().filter(|entry| entry.is_dir) {
        let folder = chains.join(&folder.name);
        for file in check.fs.read_dir(&folder)? {
            let path = folder.join(&file.name);
            match SegmentId::of_file_name(&file.name) {
                Some(id) if owned.contains(&id) => {}
                Some(_) => check.tell(place.file(&path).note(format!("no chain has this file, {} bytes", file.len))),
                None => check.tell(place.file(&path).note("this is no file of ours")),
            }
        }
    }
    Ok(())
}

fn owned_by(row: &Row) -> Vec<SegmentId> {
    match row {
        Row::Chain(chain) => chain.segment_ids().collect(),
        _ => Vec::new(),
    }
}

/// The directories by store.
pub fn directories(looked: &[Looked]) -> HashMap<StoreId, PathBuf> {
    looked.iter().map(|looked| (looked.identity.store, looked.dir.clone())).collect()
}
