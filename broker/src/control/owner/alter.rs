//! Alterations on their way into control.

use std::collections::BTreeSet;

use catena_storage::CommitTicket;
use jiff::Timestamp;
use tracing::{info, warn};
use uuid::Uuid;

use super::{AlterFailed, Owner, Request};
use crate::broker::Broker;
use crate::config::change::{AlterError, Alteration, Plan};
use crate::config::log::NotKept;
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

/// What came of the alterations of a request.
struct Made {
    answers: Vec<Result<(), AlterFailed>>,
    /// Those that are written and not known to be durable.
    pending: Vec<(usize, CommitTicket)>,
}

impl Made {
    fn add(&mut self, begun: Result<Option<CommitTicket>, AlterFailed>) {
        let at = self.answers.len();
        self.answers.push(begun.map(|ticket| self.pending.extend(ticket.map(|ticket| (at, ticket)))));
    }
}

impl Owner {
    pub(super) async fn alter(&mut self, broker: &Broker, request: Request) -> Vec<Result<(), AlterFailed>> {
        let mut made = Made { answers: Vec::with_capacity(request.alterations.len()), pending: Vec::new() };
        let mut begun = BTreeSet::new();
        for alteration in &request.alterations {
            let of_broker = alteration.resource.kind == ResourceKind::Broker;
            // What is planned must know all that it depends on: its own resource, and the broker's settings.
            if !begun.insert(&alteration.resource) || of_broker {
                self.settle(broker, &mut made).await;
            }
            let ticket = self.begin_one(broker, alteration, &request).await;
            made.add(ticket);
            if of_broker {
                self.settle(broker, &mut made).await;
            }
        }
        self.settle(broker, &mut made).await;
        made.answers
    }

    /// Waits until what was begun is durable, and applies it.
    async fn settle(&mut self, broker: &Broker, made: &mut Made) {
        if made.pending.is_empty() {
            return;
        }
        for (at, ticket) in std::mem::take(&mut made.pending) {
            match ticket.durable().await {
                Ok(()) => broker.metrics.config_changes.one(),
                Err(error) => made.answers[at] = Err(NotKept::from(error).into()),
            }
        }
        self.catch_up(broker);
    }

    /// Writes one alteration; none if there is nothing to write.
    async fn begin_one(
        &mut self,
        broker: &Broker,
        alteration: &Alteration,
        request: &Request,
    ) -> Result<Option<CommitTicket>, AlterFailed> {
        let plan = self.known.plan(&broker.storage, alteration)?;
        let origin = Origin { author: request.author.clone(), rollout: None };
        let records = self.records(broker, &alteration.resource, plan, &origin)?;
        if request.only_check || records.is_empty() {
            return Ok(None);
        }
        let ticket = self.append(broker, Side::Control, &records).await?;
        info!(resource = %alteration.resource, by = request.author.principal, "configuration changed");
        Ok(Some(ticket))
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
        let tombstone = |(setting, _): (&str, _)| {
            let key = SettingKey { kind: ResourceKind::Topic, name: name.to_owned(), setting: setting.to_owned() };
            Record::Setting(key, None)
        };
        let settings = self.known.state().of_topic(name, id).map(|given| given.values().map(tombstone).collect());
        let Some(records): Option<Vec<Record>> = settings else { return };
        if let Err(why) = self.keep(broker, Side::Control, &records).await {
            warn!(topic = name, "the settings of a deleted topic stay in __config, without effect: {why}");
        }
    }
}
