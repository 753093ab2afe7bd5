//! Changes of a subscription of client metrics (KIP-714).
//!
//! Source: Apache Kafka, `ClientMetricsConfigs.validate`.

use super::error::ClientMetricsRule;
use super::ops::{self, Lists};
use super::{AlterError, Ask, Change, View};

/// The settings that are lists.
const LISTS: [&str; 2] = ["match", "metrics"];
const INTERVAL: &str = "interval.ms";

/// Plans for the subscription `name`.
pub fn plan(view: &View<'_>, name: &str, ask: &Ask) -> Result<Vec<Change>, AlterError> {
    let lists = Lists { is_list: &|setting| LISTS.contains(&setting), behind: &|_| None };
    let touched = ops::touched(view.own, ask, &lists)?;
    if name.is_empty() {
        return Err(ClientMetricsRule::NoName.into());
    }
    if let Some(unknown) = touched.keys().find(|setting| !LISTS.contains(&setting.as_str()) && *setting != INTERVAL) {
        return Err(ClientMetricsRule::Unknown(unknown.clone()).into());
    }
    Ok(ops::changes(view.own, touched, false))
}
