//! What producers may write into `__config`.
//!
//! What must always hold: control is written by its owner alone; into canary goes only what could be tried now. (Records are
//! looked at one by one, here and in users' config topics only.)

use bytes::Bytes;
use catena_protocol::batch::BatchHeader;
use catena_protocol::records::{Codec, Rewrite, recompress};
use catena_storage::Storage;

use crate::config::owner::Known;
use crate::config::record::Record;
use crate::config::state::Side;
use crate::internal_log::{Found, read_batch};
use crate::rollout::record::Rollout;

/// Longest batch that is looked at, unpacked: bytes.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// A record that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its number in the batch.
    pub index: i32,
    /// Why.
    pub why: String,
}

/// Checks a batch for a partition of `__config`.
///
/// # Errors
/// The records for which it is refused.
pub fn check(known: &Known, storage: &Storage, partition: i32, batch: &Bytes) -> Result<(), Vec<Refused>> {
    let whole = |why: &str| vec![Refused { index: 0, why: why.to_owned() }];
    match Side::of_index(partition) {
        Some(Side::Canary) => {}
        Some(Side::Control) => {
            return Err(whole("control is written by the broker: change settings, or start a rollout"));
        }
        None => return Err(whole("this partition of __config has no meaning")),
    }
    let plain = plain(batch).map_err(|why| whole(&why))?;
    let (mut index, mut refused) = (0, Vec::new());
    read_batch(&plain, i64::MIN, &mut |found| {
        let checked = match found {
            Found::Record { key, value, .. } => check_one(known, storage, key, value),
            Found::Unreadable => Err("the record cannot be read".to_owned()),
        };
        refused.extend(checked.err().map(|why| Refused { index, why }));
        index += 1;
    });
    if refused.is_empty() { Ok(()) } else { Err(refused) }
}

/// The batch without compression.
fn plain(batch: &Bytes) -> Result<Bytes, String> {
    let header = BatchHeader::parse(batch).map_err(|error| error.to_string())?;
    if header.compression_id() == Codec::None as i16 {
        return Ok(batch.clone());
    }
    let rewrite = Rewrite { codec: Codec::None, level: None, batch_bytes_max: BATCH_BYTES_MAX };
    let plain = recompress(batch, &rewrite, BATCH_BYTES_MAX as u64, |_| {});
    plain.map(Bytes::from).map_err(|error| error.to_string())
}

fn check_one(known: &Known, storage: &Storage, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<(), String> {
    match Record::decode(key, value).map_err(|error| error.to_string())? {
        Record::Rollout(_, None) => Ok(()),
        Record::Rollout(name, Some(rollout)) => check_rollout(known, storage, &name, &rollout),
        Record::Newer(format) => Err(format!("format {format} is not known here")),
        Record::Setting(..) | Record::Plain(..) | Record::Verdict(..) => {
            Err("only rollouts belong here, with a key such as {\"rollout\":\"name\"}".to_owned())
        }
    }
}

fn check_rollout(known: &Known, storage: &Storage, name: &str, rollout: &Rollout) -> Result<(), String> {
    if rollout.arm.is_some() {
        return Err("arm is written by the broker".to_owned());
    }
    let standing = known.state().rollout(name).map_or(0, |standing| standing.rollout.version.unwrap_or(0));
    if rollout.version.is_some_and(|version| version <= standing) {
        return Err(format!("the rollout has version {standing} already"));
    }
    known.check_rollout(storage, name, rollout).map(drop).map_err(|error| error.to_string())
}
