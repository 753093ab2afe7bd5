//! Changes of a subscription of client metrics (KIP-714).
//!
//! What must always hold: the patterns of a stored subscription can be compiled.
//!
//! Source: Apache Kafka 4.4, `ClientMetricsConfigs.validate`.

use regex_syntax::ast::parse::Parser;

use super::error::ClientMetricsRule;
use super::ops::{self, Lists};
use super::{AlterError, Ask, Change, View};
use crate::config::bounds::list_items;
use crate::config::{table, value};

const INTERVAL: &str = "interval.ms";
/// Between two reports of a client, milliseconds.
const INTERVAL_MS: std::ops::RangeInclusive<i32> = 100..=3_600_000;
const MATCH: &str = "match";
/// What a client can be recognised by.
const PARAMETERS: [&str; 6] = [
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

/// Plans for the subscription `name`.
pub fn plan(view: &View<'_>, name: &str, ask: &Ask) -> Result<Vec<Change>, AlterError> {
    // Kafka takes no list of a subscription apart.
    let mut touched = ops::touched(view.own, ask, &Lists { is_list: &|_| false, behind: &|_| None })?;
    if name.is_empty() {
        return Err(ClientMetricsRule::NoName.into());
    }
    if let Some(unknown) = ops::unknown(&touched, |setting| table::client_metrics_setting(setting).is_some()) {
        return Err(ClientMetricsRule::Unknown(unknown.to_owned()).into());
    }
    for (setting, value) in &mut touched {
        if let Some(text) = value {
            *text = checked(setting, text)?;
        }
    }
    Ok(ops::changes(view.own, touched, false))
}

fn checked(setting: &str, text: &str) -> Result<String, AlterError> {
    let number = text.trim().parse().ok().filter(|_| setting == INTERVAL);
    if let Some(interval) = number.filter(|interval| !INTERVAL_MS.contains(interval)) {
        return Err(ClientMetricsRule::Interval(interval).into());
    }
    let definition = table::client_metrics_setting(setting);
    let definition = definition.ok_or_else(|| ClientMetricsRule::Unknown(setting.to_owned()))?;
    let text = value::check(definition, text)?;
    if setting == MATCH {
        list_items(&text).try_for_each(check_pattern)?;
    }
    Ok(text)
}

fn check_pattern(pattern: &str) -> Result<(), ClientMetricsRule> {
    let is_right = |(name, expression): (&str, &str)| {
        let alone = !expression.is_empty() && !expression.contains('=');
        alone && PARAMETERS.contains(&name.trim()) && Parser::new().parse(expression.trim()).is_ok()
    };
    if pattern.split_once('=').is_some_and(is_right) {
        return Ok(());
    }
    Err(ClientMetricsRule::Match(pattern.to_owned()))
}
