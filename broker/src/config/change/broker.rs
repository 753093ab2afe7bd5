//! Changes of a broker's settings, or of those of all brokers.
//!
//! What must always hold: a start with what results would succeed; no secret is planned to be stored.
//!
//! Source: Apache Kafka, `ConfigAdminManager.validateBrokerConfigChange`, `DynamicBrokerConfig.validate`.

use super::error::BrokerRule;
use super::ops::{self, Lists};
use super::{AlterError, Ask, Change, View};
use crate::config::definition::{Kind, Update};
use crate::config::{table, value};

/// Plans for the broker `name`, or for all brokers when it is empty.
pub fn plan(view: &View<'_>, name: &str, ask: &Ask) -> Result<Vec<Change>, AlterError> {
    check_name(view.node_id, name)?;
    let is_list = |setting: &str| table::broker_setting(setting).is_some_and(|found| found.kind == Kind::List);
    let behind = |setting: &str| table::broker_setting(setting).and_then(|found| found.default).map(str::to_owned);
    let mut touched = ops::touched(view.own, ask, &Lists { is_list: &is_list, behind: &behind })?;
    for (setting, value) in &mut touched {
        let Some(text) = value else { continue };
        let definition = table::broker_setting(setting).ok_or_else(|| BrokerRule::Unknown(setting.clone()))?;
        if definition.update == Update::Restart {
            return Err(BrokerRule::Restart(setting.clone()).into());
        }
        *text = value::check(definition, text)?;
    }
    Ok(ops::changes(view.own, touched, true))
}

fn check_name(node_id: i32, name: &str) -> Result<(), BrokerRule> {
    match name.parse::<i32>() {
        _ if name.is_empty() => Ok(()),
        Ok(id) if id == node_id => Ok(()),
        Ok(_) => Err(BrokerRule::Other { expected: node_id, found: name.to_owned() }),
        Err(_) => Err(BrokerRule::NotANumber(name.to_owned())),
    }
}
