//! Settings of groups whose members are given partitions by the server: consumer groups and share groups.
//!
//! What must always hold: a group's own value counts within the broker's bounds for it, also when those were moved after it was
//! set (Kafka's `GroupConfig.evaluate`); a start refuses bounds that contradict each other or the broker's own value.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::ConfigError;
use crate::config::resolve::refuse;
use crate::config::settings::Settings;

/// The settings of a kind of groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAssigned {
    /// `*.heartbeat.interval.ms`.
    pub heartbeat_interval: Bounded,
    /// `*.session.timeout.ms`.
    pub session_timeout: Bounded,
    /// `*.assignment.interval.ms`.
    pub assignment_interval: Bounded,
    /// `*.max.size`.
    pub members_max: usize,
}

/// A time that groups may set themselves, within bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounded {
    /// The setting of a group.
    setting: &'static str,
    /// Where a group has none of its own.
    default_ms: u64,
    min_ms: u64,
    max_ms: u64,
}

/// Names of one setting: the group's, then the broker's own, least and greatest.
struct Names(&'static str, &'static str, &'static str, &'static str);

impl Bounded {
    /// What applies to a group with these values of its own.
    pub fn of(&self, own: &BTreeMap<String, String>) -> Duration {
        let own_ms = own.get(self.setting).and_then(|value| value.trim().parse::<u64>().ok());
        let value_ms = own_ms.map_or(self.default_ms, |own_ms| own_ms.min(self.max_ms).max(self.min_ms));
        Duration::from_millis(value_ms)
    }

    fn resolve(settings: &Settings, names: &Names) -> Result<Self, ConfigError> {
        let Names(setting, name, min, max) = names;
        let number = |name: &'static str| settings.number::<u64>(name);
        let bounded = Self { setting, default_ms: number(name)?, min_ms: number(min)?, max_ms: number(max)? };
        if bounded.max_ms < bounded.min_ms {
            return Err(refuse(settings, max, &format!("must be greater than or equal to {min}"))?);
        }
        if bounded.default_ms < bounded.min_ms {
            return Err(refuse(settings, name, &format!("must be greater than or equal to {min}"))?);
        }
        if bounded.default_ms > bounded.max_ms {
            return Err(refuse(settings, name, &format!("must be less than or equal to {max}"))?);
        }
        Ok(bounded)
    }
}

impl ServerAssigned {
    /// Those of consumer groups.
    ///
    /// # Errors
    /// Which setting contradicts which.
    pub fn consumer(settings: &Settings) -> Result<Self, ConfigError> {
        let heartbeat = Names(
            "consumer.heartbeat.interval.ms",
            "group.consumer.heartbeat.interval.ms",
            "group.consumer.min.heartbeat.interval.ms",
            "group.consumer.max.heartbeat.interval.ms",
        );
        let session = Names(
            "consumer.session.timeout.ms",
            "group.consumer.session.timeout.ms",
            "group.consumer.min.session.timeout.ms",
            "group.consumer.max.session.timeout.ms",
        );
        let assignment = Names(
            "consumer.assignment.interval.ms",
            "group.consumer.assignment.interval.ms",
            "group.consumer.min.assignment.interval.ms",
            "group.consumer.max.assignment.interval.ms",
        );
        Self::resolve(settings, &heartbeat, &session, &assignment, "group.consumer.max.size")
    }

    /// Those of share groups.
    ///
    /// # Errors
    /// Which setting contradicts which.
    pub fn share(settings: &Settings) -> Result<Self, ConfigError> {
        let heartbeat = Names(
            "share.heartbeat.interval.ms",
            "group.share.heartbeat.interval.ms",
            "group.share.min.heartbeat.interval.ms",
            "group.share.max.heartbeat.interval.ms",
        );
        let session = Names(
            "share.session.timeout.ms",
            "group.share.session.timeout.ms",
            "group.share.min.session.timeout.ms",
            "group.share.max.session.timeout.ms",
        );
        let assignment = Names(
            "share.assignment.interval.ms",
            "group.share.assignment.interval.ms",
            "group.share.min.assignment.interval.ms",
            "group.share.max.assignment.interval.ms",
        );
        Self::resolve(settings, &heartbeat, &session, &assignment, "group.share.max.size")
    }

    fn resolve(
        settings: &Settings,
        heartbeat: &Names,
        session: &Names,
        assignment: &Names,
        members_max: &'static str,
    ) -> Result<Self, ConfigError> {
        let resolved = Self {
            heartbeat_interval: Bounded::resolve(settings, heartbeat)?,
            session_timeout: Bounded::resolve(settings, session)?,
            assignment_interval: Bounded::resolve(settings, assignment)?,
            members_max: settings.number(members_max)?,
        };
        if resolved.heartbeat_interval.default_ms >= resolved.session_timeout.default_ms {
            return Err(refuse(settings, heartbeat.1, &format!("must be less than {}", session.1))?);
        }
        Ok(resolved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(values: &[(&str, &str)]) -> Result<ServerAssigned, ConfigError> {
        let given = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ServerAssigned::consumer(&Settings::default().under(&given))
    }

    #[test]
    fn a_groups_own_value_counts_within_the_brokers_bounds() {
        let settings = resolve(&[]).expect("defaults");
        let of = |value: &str| {
            let own = BTreeMap::from([("consumer.session.timeout.ms".to_owned(), value.to_owned())]);
            settings.session_timeout.of(&own).as_millis()
        };
        assert_eq!((of("50000"), of("1"), of("99999999"), of("?")), (50_000, 45_000, 60_000, 45_000));
        assert_eq!(settings.session_timeout.of(&BTreeMap::new()).as_millis(), 45_000);
    }

    #[test]
    fn bounds_that_contradict_each_other_are_refused() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (
                &[("group.consumer.max.session.timeout.ms", "100")],
                "must be greater than or equal to group.consumer.min",
            ),
            (&[("group.consumer.session.timeout.ms", "100")], "must be greater than or equal to group.consumer.min"),
            (&[("group.consumer.session.timeout.ms", "70000")], "must be less than or equal to group.consumer.max"),
            (
                &[
                    ("group.consumer.max.heartbeat.interval.ms", "50000"),
                    ("group.consumer.heartbeat.interval.ms", "45000"),
                ],
                "must be less than group.consumer.session.timeout.ms",
            ),
        ];
        for (values, expected) in cases {
            let refused = resolve(values).expect_err("contradiction").to_string();
            assert!(refused.contains(expected), "{refused}");
        }
    }
}
