//! What producers may write into `__config`.
//!
//! What must always hold: control is written by its owner alone; into canary goes only what could be tried now. (Records are
//! looked at one by one, here and in users' config topics only.)

use bytes::Bytes;
use catena_storage::Storage;

use crate::config::record::{FormatError, Key, Record};
use crate::config::state::{Side, State};
use crate::control::Known;
use crate::internal_log::{Found, read_batch};
use crate::rollout::record::Rollout;

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
    each_record(batch, |key, value| {
        canary(key, value, |name, rollout| {
            check_claims(&known.state(), name, rollout)?;
            known.check_rollout(storage, name, rollout).map(drop).map_err(|error| error.to_string())
        })
    })
}

/// Checks record by record.
///
/// # Errors
/// The records for which the batch is refused.
pub fn each_record(
    batch: &[u8],
    mut check: impl FnMut(Option<&[u8]>, Option<&[u8]>) -> Result<(), String>,
) -> Result<(), Vec<Refused>> {
    let (mut index, mut refused) = (0, Vec::new());
    read_batch(batch, i64::MIN, &mut |found| {
        let checked = match found {
            Found::Record { key, value, .. } => check(key, value),
            Found::Unreadable => Err("the record cannot be read".to_owned()),
        };
        refused.extend(checked.err().map(|why| Refused { index, why }));
        index += 1;
    });
    if refused.is_empty() { Ok(()) } else { Err(refused) }
}

/// Checks a record for the canary partition of a config topic; `check` says whether a rollout can be tried.
///
/// # Errors
/// Why it is refused.
pub fn canary(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    check: impl FnOnce(&str, &Rollout) -> Result<(), String>,
) -> Result<(), String> {
    let named = key.ok_or(FormatError::NoKey).and_then(Key::decode).map_err(|error| error.to_string())?;
    if !matches!(named, Key::Rollout(_)) {
        return Err("only rollouts belong here, with a key such as {\"rollout\":\"name\"}".to_owned());
    }
    match Record::decode(key, value).map_err(|error| error.to_string())? {
        Record::Rollout(name, Some(rollout)) => check(&name, &rollout),
        Record::Newer(format) => Err(format!("format {format} is not known here")),
        Record::Rollout(_, None) | Record::Setting(..) | Record::Plain(..) | Record::Verdict(..) => Ok(()),
    }
}

/// Checks what a producer says about the rollout itself.
///
/// # Errors
/// That it gives itself an arm, or a version from the past.
pub fn check_claims(state: &State, name: &str, rollout: &Rollout) -> Result<(), String> {
    if rollout.arm.is_some() {
        return Err("arm is written by the broker".to_owned());
    }
    let standing = state.rollout(name).map_or(0, |standing| standing.rollout.version.unwrap_or(0));
    if rollout.version.is_some_and(|version| version <= standing) {
        return Err(format!("the rollout has version {standing} already"));
    }
    Ok(())
}
