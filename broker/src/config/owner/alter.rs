//! Alterations on their way into control.

use jiff::Timestamp;
use tracing::{info, warn};
use uuid::Uuid;

use super::{AlterFailed, Owner, Request};
use crate::broker::Broker;
use crate::config::change::{AlterError, Alteration, Plan};
use crate::config::record::{Author, FORMAT, Record, SettingKey, SettingValue};
use crate::config::resource::{Resource, ResourceKind};
use crate::config::state::Side;

/// Where a change comes from.
pub(super) struct Origin {
    /// Who wants it.
    pub author: Author,
    /// The rollout that proved it.
    pub rollout: Option<String>,
}

impl Owner {
    pub(super) async fn alter(&mut self, broker: &Broker, request: Request) -> Vec<Result<(), AlterFailed>> {
        let mut answers = Vec::with_capacity(request.alterations.len());
        for alteration in &request.alterations {
            answers.push(self.alter_one(broker, alteration, &request).await);
        }
        answers
    }

    async fn alter_one(
        &mut self,
        broker: &Broker,
        alteration: &Alteration,
        request: &Request,
    ) -> Result<(), AlterFailed> {
        let plan = self.known.plan(&broker.storage, alteration)?;
        if request.only_check || plan.changes.is_empty() {
            return Ok(());
        }
        let origin = Origin { author: request.author.clone(), rollout: None };
        let records = self.records(broker, &alteration.resource, plan, &origin)?;
        self.keep(broker, Side::Control, &records).await?;
        info!(resource = %alteration.resource, by = request.author.principal, "configuration changed");
        Ok(())
    }

    /// A plan as records.
    ///
    /// # Errors
    /// `OtherVersion`.
    pub(super) fn records(
        &self,
        broker: &Broker,
        resource: &Resource,
        plan: Plan,
        origin: &Origin,
    ) -> Result<Vec<Record>, AlterError> {
        let topic = broker.storage.topic(&resource.name).filter(|_| resource.kind == ResourceKind::Topic);
        let state = self.known.state();
        let time = Timestamp::now();
        let of_another = topic.as_ref().is_some_and(|topic| state.of_topic(&topic.name, topic.id).is_none());
        let mut records = Vec::with_capacity(plan.changes.len());
        for change in plan.changes {
            let found = if of_another { 0 } else { state.version(resource, &change.setting) };
            if let Some(expected) = plan.expected_version.filter(|expected| *expected != found) {
                return Err(AlterError::OtherVersion { found, expected });
            }
            let value = SettingValue {
                v: FORMAT,
                value: change.value,
                version: found + 1,
                time,
                author: origin.author.clone(),
                reason: plan.reason.clone(),
                topic_id: topic.as_ref().map(|topic| topic.id),
                rollout: origin.rollout.clone(),
            };
            let key = SettingKey { kind: resource.kind, name: resource.name.clone(), setting: change.setting };
            records.push(Record::Setting(key, Some(value)));
        }
        Ok(records)
    }

    pub(super) async fn topic_deleted(&mut self, broker: &Broker, name: &str, id: Uuid) {
        let tombstone = |setting: &String| {
            let key = SettingKey { kind: ResourceKind::Topic, name: name.to_owned(), setting: setting.clone() };
            Record::Setting(key, None)
        };
        let settings = self.known.state().of_topic(name, id).map(|entries| entries.keys().map(tombstone).collect());
        let Some(records): Option<Vec<Record>> = settings else { return };
        if let Err(why) = self.keep(broker, Side::Control, &records).await {
            warn!(topic = name, "the settings of a deleted topic stay in __config, without effect: {why}");
        }
    }
}
