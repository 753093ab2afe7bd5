//! Changes of settings, asked of Catena and of Apache Kafka 4.4.0 in the same words: their answers must be equal, and
//! so must be what both describe afterwards. What may differ stands in [`stage::DIFFERENCES`], with the reason.

mod cases;
mod differences;
mod stage;
mod verbs;

use std::sync::{PoisonError, RwLock};

use stage::assert_alike;

/// Who changes the settings of the one Kafka that the tests of this file share is alone with it; what topics inherit stays as it is
/// while others look.
static SETTINGS_OF_BROKERS: RwLock<()> = RwLock::new(());

#[test]
fn topics_are_changed_alike() {
    let _unchanged = SETTINGS_OF_BROKERS.read().unwrap_or_else(PoisonError::into_inner);
    assert_alike(&cases::topics::good());
}

#[test]
fn topics_are_not_changed_alike() {
    let _unchanged = SETTINGS_OF_BROKERS.read().unwrap_or_else(PoisonError::into_inner);
    assert_alike(&cases::topics::bad());
}

#[test]
fn brokers_are_changed_alike() {
    let _alone = SETTINGS_OF_BROKERS.write().unwrap_or_else(PoisonError::into_inner);
    assert_alike(&[cases::brokers::good(), cases::brokers::bad(), cases::brokers::defaults()].concat());
}

#[test]
fn groups_are_changed_alike() {
    assert_alike(&cases::groups::calls());
}

#[test]
fn subscriptions_of_client_metrics_are_changed_alike() {
    assert_alike(&cases::client_metrics::calls());
}

#[test]
fn levels_of_loggers_are_changed_alike() {
    assert_alike(&cases::loggers::calls());
}

#[test]
fn requests_are_read_alike() {
    let _unchanged = SETTINGS_OF_BROKERS.read().unwrap_or_else(PoisonError::into_inner);
    assert_alike(&cases::requests::calls());
}
