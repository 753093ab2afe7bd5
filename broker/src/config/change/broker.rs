//! Changes of a broker's settings, or of those of all brokers.
//!
//! What must always hold: a start with what results would succeed, on this broker; no secret is planned to be stored.
//!
//! Source: Apache Kafka 4.4, `ConfigAdminManager.validateBrokerConfigChange`, `DynamicBrokerConfig.validate`.

use super::error::BrokerRule;
use super::ops::{self, Lists, Touched};
use super::{AlterError, Ask, Change, Op, Values, View};
use crate::config::definition::{Definition, Kind};
use crate::config::resolve::resolve;
use crate::config::{ConfigError, table, value};

/// Plans for the broker `name`, or for all brokers when it is empty.
pub fn plan(view: &View<'_>, name: &str, ask: &Ask) -> Result<Vec<Change>, AlterError> {
    check_name(view.node_id, name)?;
    check_lists(ask)?;
    let behind = |setting: &str| table::broker_setting(setting).and_then(|found| found.default).map(str::to_owned);
    let mut touched = ops::touched(view.own, ask, &Lists { is_list: &|_| true, behind: &behind })?;
    let given = definitions(&touched)?;
    check_dynamic(&given, name)?;
    for definition in given {
        if let Some(Some(text)) = touched.get_mut(definition.name) {
            *text = value::check(definition, text).map_err(|error| BrokerRule::Value(error.to_string()))?;
            check_use(definition, text)?;
        }
    }
    let resulting = ops::resulting(view.own, &touched);
    check_start(view, name, &resulting)?;
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

fn check_lists(ask: &Ask) -> Result<(), BrokerRule> {
    let Ask::Incremental(ops) = ask else { return Ok(()) };
    for (setting, op) in ops {
        let verb = match op {
            Op::Set(_) | Op::Delete => continue,
            Op::Append(_) => "append",
            Op::Subtract(_) => "subtract",
        };
        let definition = table::broker_setting(setting).ok_or_else(|| BrokerRule::Unknown(setting.clone()))?;
        if definition.kind != Kind::List {
            return Err(BrokerRule::NotAList { verb, setting: setting.clone() });
        }
    }
    Ok(())
}

/// The settings that get a value. (What nobody knows can lose the value that it has not.)
fn definitions(touched: &Touched) -> Result<Vec<&'static Definition>, BrokerRule> {
    let given = touched.iter().filter(|(_, value)| value.is_some()).map(|(setting, _)| setting);
    given.map(|setting| table::broker_setting(setting).ok_or_else(|| BrokerRule::Unknown(setting.clone()))).collect()
}

/// The rules of settings as such, whatever their values, in Kafka's order.
fn check_dynamic(given: &[&'static Definition], name: &str) -> Result<(), BrokerRule> {
    let named = |wanted: &dyn Fn(&Definition) -> bool| {
        let found: Vec<_> = given.iter().filter(|definition| wanted(definition)).map(|found| found.name).collect();
        Some(found.join(", ")).filter(|names| !names.is_empty())
    };
    if let Some(names) = named(&|definition| !definition.is_dynamic()) {
        return Err(BrokerRule::Restart(names));
    }
    if let Some(names) = named(&|definition| is_of_tls(definition.name)) {
        return Err(BrokerRule::WithoutListener(names));
    }
    match named(&|definition| is_per_broker(definition.name)) {
        Some(names) if name.is_empty() => Err(BrokerRule::PerBroker(names)),
        _ => Ok(()),
    }
}

/// Kafka's `SslConfigs.RECONFIGURABLE_CONFIGS`, the dynamic ones of a listener.
fn is_of_tls(setting: &str) -> bool {
    setting.starts_with("ssl.") && setting != "ssl.client.auth"
}

/// Kafka's `DynamicBrokerConfig.PER_BROKER_CONFIGS` beyond those of TLS.
fn is_per_broker(setting: &str) -> bool {
    setting.starts_with("sasl.")
        || ["advertised.listeners", "listeners", "listener.security.protocol.map"].contains(&setting)
        || ["principal.builder.class", "ssl.client.auth"].contains(&setting)
}

fn check_use(definition: &Definition, text: &str) -> Result<(), BrokerRule> {
    if definition.is_sensitive() {
        return Err(BrokerRule::Secret(definition.name));
    }
    match definition.refuses(text) {
        Some(reason) => Err(BrokerRule::Refused { setting: definition.name, reason }),
        None => Ok(()),
    }
}

/// The whole configuration, with the layer that changes.
fn check_start(view: &View<'_>, name: &str, resulting: &Values) -> Result<(), BrokerRule> {
    let (all_brokers, this_broker) =
        if name.is_empty() { (resulting, view.this_broker) } else { (view.all_brokers, resulting) };
    match resolve(view.fixed.under(all_brokers).under(this_broker)) {
        Ok(_) => Ok(()),
        Err(ConfigError::Invalid(error)) => Err(BrokerRule::Value(error.to_string())),
        Err(error) => Err(BrokerRule::Unresolvable(error.to_string())),
    }
}
