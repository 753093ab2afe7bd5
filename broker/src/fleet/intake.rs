//! What producers may write into a user's config topic.
//!
//! What must always hold: what stands in control and canary can be read by every process of the fleet; what stands among the
//! reports adds up.

use super::owner::Fleet;
use super::report;
use crate::config::record::{JSON_BEGINS, Record, SettingValue};
use crate::config::state::{Entry, Side, State};
use crate::control::intake::{Refused, canary, check_claims, each_record};
use crate::rollout::arms::Unit;
use crate::rollout::check::{Checked, RolloutError, check_form, plan};
use crate::rollout::record::Rollout;

/// Longest name and value of a setting, bytes.
const NAME_BYTES_MAX: usize = 249;
const VALUE_BYTES_MAX: usize = 65_536;
/// What is compared if nothing is said: the silent count as errors too.
const USUAL: &[&str] = &["errors"];

/// Checks a batch for a partition of a config topic.
///
/// # Errors
/// The records for which it is refused.
pub fn check(fleet: &Fleet, partition: i32, batch: &[u8]) -> Result<(), Vec<Refused>> {
    match Side::of_index(partition) {
        Some(Side::Control) => each_record(batch, |key, value| control(&fleet.state(), key, value)),
        Some(Side::Canary) => each_record(batch, |key, value| {
            canary(key, value, |name, rollout| {
                check_claims(&fleet.state(), name, rollout)?;
                check_rollout(name, rollout).map(drop).map_err(|error| error.to_string())
            })
        }),
        None => each_record(batch, reported),
    }
}

fn control(state: &State, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<(), String> {
    match Record::decode(key, value).map_err(|error| error.to_string())? {
        Record::Plain(key, None) => check_setting(&key.setting, None),
        Record::Plain(key, Some(value)) => {
            check_setting(&key.setting, value.value.as_deref())?;
            check_version(state.plain().get(&key.setting), &value)
        }
        Record::Newer(format) => Err(format!("format {format} is not known here")),
        Record::Verdict(..) => Err("verdicts are written by the broker".to_owned()),
        Record::Setting(..) | Record::Rollout(..) => {
            Err("control takes settings; the key is the name, such as pool.size".to_owned())
        }
    }
}

fn check_version(standing: Option<&Entry>, value: &SettingValue) -> Result<(), String> {
    match standing.map_or(0, |standing| standing.version) {
        standing if value.version <= standing => Err(format!("the setting has version {standing} already")),
        _ => Ok(()),
    }
}

fn check_setting(name: &str, value: Option<&str>) -> Result<(), String> {
    if name.is_empty() {
        return Err("a setting needs a name".to_owned());
    }
    if name.starts_with(JSON_BEGINS) {
        return Err(format!("the name of a setting cannot begin with {JSON_BEGINS}"));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(format!("the name of a setting has at most {NAME_BYTES_MAX} bytes"));
    }
    if value.is_some_and(|value| value.len() > VALUE_BYTES_MAX) {
        return Err(format!("a value has at most {VALUE_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// Whether a rollout of a fleet can be tried.
///
/// # Errors
/// `RolloutError`.
pub fn check_rollout(name: &str, rollout: &Rollout) -> Result<Checked, RolloutError> {
    check_form(name, rollout)?;
    for (at, tried) in rollout.changes.iter().enumerate() {
        if tried.resource().is_some() || tried.name.is_some() {
            return Err(RolloutError::Refused("settings of a fleet belong to no resource".to_owned()));
        }
        if rollout.changes[..at].iter().any(|other| other.setting == tried.setting) {
            return Err(RolloutError::Twice(tried.setting.clone()));
        }
        check_setting(&tried.setting, tried.value.as_deref()).map_err(RolloutError::Refused)?;
    }
    Ok(Checked { unit: Unit::Instance, plan: plan(rollout, USUAL)? })
}

fn reported(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<(), String> {
    report::id(key).map_err(|error| error.to_string())?;
    value.map_or(Ok(()), |value| report::parse(value).map(drop)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_may_be_as_long_as_is_said_and_no_longer() {
        let (name, value) = ("n".repeat(NAME_BYTES_MAX), "v".repeat(VALUE_BYTES_MAX));
        assert_eq!(check_setting(&name, Some(&value)), Ok(()));
        assert_eq!(check_setting(&"ñ".repeat(124), None), Ok(()));
        let refused = |name: &str, value: &str| check_setting(name, Some(value)).expect_err("is refused");
        assert_eq!(refused(&"n".repeat(250), ""), "the name of a setting has at most 249 bytes");
        assert_eq!(refused(&"ñ".repeat(125), ""), "the name of a setting has at most 249 bytes");
        assert_eq!(refused(&name, &"v".repeat(65_537)), "a value has at most 65536 bytes");
        assert_eq!(refused("", ""), "a setting needs a name");
        assert_eq!(refused("{a", ""), "the name of a setting cannot begin with {");
    }
}
