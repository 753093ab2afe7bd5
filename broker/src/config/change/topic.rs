//! Changes of a topic's settings.
//!
//! What must always hold: what a topic ends with passes the check that a new topic's settings pass.
//!
//! Source: Apache Kafka, `ControllerConfigurationValidator`, `LogConfig.validate`.

use super::error::TopicRule;
use super::ops::{self, Lists};
use super::{AlterError, Ask, Change, View};
use crate::config::definition::Kind;
use crate::config::{table, topic_values};

/// Plans for the topic `name`.
pub fn plan(view: &View<'_>, name: &str, ask: &Ask) -> Result<Vec<Change>, AlterError> {
    let is_list = |setting: &str| table::topic_setting(setting).is_some_and(|found| found.kind == Kind::List);
    let behind = |setting: &str| table::topic_setting(setting).and_then(|found| found.default).map(str::to_owned);
    let mut touched = ops::touched(view.own, ask, &Lists { is_list: &is_list, behind: &behind })?;
    if name.is_empty() {
        return Err(TopicRule::NoName.into());
    }
    let resulting = ops::resulting(view.own, &touched);
    let given: Vec<_> = resulting.into_iter().map(|(name, value)| (name, Some(value))).collect();
    let checked = topic_values::check(&given).map_err(TopicRule::Configs)?;
    if !view.exists {
        return Err(TopicRule::Unknown(name.to_owned()).into());
    }
    for (setting, value) in &mut touched {
        if value.is_some() {
            *value = checked.get(setting).cloned();
        }
    }
    Ok(ops::changes(view.own, touched, false))
}
