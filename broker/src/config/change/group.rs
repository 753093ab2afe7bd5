//! Changes of a group's settings.
//!
//! What must always hold: what a group ends with lies within the limits that the broker has now.
//!
//! Source: Apache Kafka, `GroupConfig.validate`.

use super::error::GroupRule;
use super::ops::{self, Lists};
use super::{AlterError, Ask, Change, View};
use crate::config::definition::Kind;
use crate::config::{table, value};

/// Plans for the group `name`.
pub fn plan(view: &View<'_>, name: &str, ask: &Ask) -> Result<Vec<Change>, AlterError> {
    let is_list = |setting: &str| table::group_setting(setting).is_some_and(|found| found.kind == Kind::List);
    let behind = |setting: &str| table::group_setting(setting).and_then(|found| found.default).map(str::to_owned);
    let mut touched = ops::touched(view.own, ask, &Lists { is_list: &is_list, behind: &behind })?;
    if name.is_empty() {
        return Err(GroupRule::NoName.into());
    }
    for (setting, value) in &mut touched {
        let Some(text) = value else { continue };
        let definition = table::group_setting(setting).ok_or_else(|| GroupRule::Unknown(setting.clone()))?;
        *text = value::check(definition, text)?;
    }
    Ok(ops::changes(view.own, touched, false))
}
