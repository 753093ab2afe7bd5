//! What AlterConfigs and IncrementalAlterConfigs share: from the resources of a request to alterations, and back to an
//! answer for each resource, in the request's order.
//!
//! Source: Apache Kafka, `ConfigAdminManager`.

use std::collections::HashMap;

use catena_protocol::error_code::ErrorCode;
use kafka_protocol::protocol::StrBytes;

use super::explain;
use crate::broker::{Broker, RequestContext};
use crate::config::change::request::{self, RequestError, Wish};
use crate::config::change::{Alteration, Ask, logger};
use crate::config::record::{ANONYMOUS, Author};
use crate::config::resource::{Resource, ResourceKind};
use crate::control::AlterFailed;
use crate::topics::name::{self, InvalidName};
use crate::{errors, loggers};

/// The type of loggers in Kafka's `ConfigResource.Type`.
pub const BROKER_LOGGER: i8 = 8;
/// The other resource types there.
pub const TOPIC: i8 = 2;
/// A broker, or all of them.
pub const BROKER: i8 = 4;
/// A subscription of client metrics.
pub const CLIENT_METRICS: i8 = 16;
/// A group.
pub const GROUP: i8 = 32;
/// Every type, in the order in which they are listed.
pub const TYPES: [i8; 5] = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];

/// A resource of a request.
pub struct Wanted {
    /// Kafka's number of its type.
    pub type_id: i8,
    /// Its name.
    pub name: StrBytes,
    /// What is to become of its settings.
    pub wishes: Vec<Wish>,
}

impl Wanted {
    /// A resource, and for each setting that is named its operation and value.
    pub fn new(
        type_id: i8,
        name: StrBytes,
        settings: impl IntoIterator<Item = (StrBytes, i8, Option<StrBytes>)>,
    ) -> Self {
        let wish = |(setting, operation, value): (StrBytes, i8, Option<StrBytes>)| Wish {
            setting: setting.to_string(),
            operation,
            value: value.map(|value| value.to_string()),
        };
        Self { type_id, name, wishes: settings.into_iter().map(wish).collect() }
    }
}

/// What is answered for a resource: the fields of a response.
pub struct Answer {
    /// Kafka's number of its type.
    pub type_id: i8,
    /// Its name.
    pub name: StrBytes,
    /// 0, or why it is refused.
    pub code: i16,
    /// Why, in words.
    pub message: Option<StrBytes>,
}

/// What is done with all resources of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// What is named is changed.
    Incremental,
    /// What is not named is taken away. There are no loggers then.
    Replace,
}

/// What a resource comes to.
enum Outcome {
    /// It is done, or would be.
    Done,
    /// It is not, and why.
    Refused(ErrorCode, StrBytes),
}

/// The type of a resource whose settings are stored, by Kafka's number.
pub fn kind(type_id: i8) -> Option<ResourceKind> {
    [ResourceKind::Topic, ResourceKind::Broker, ResourceKind::Group, ResourceKind::ClientMetrics]
        .into_iter()
        .find(|kind| self::type_id(*kind) == type_id)
}

/// Kafka's number of a type, `ConfigResource.Type`.
pub fn type_id(kind: ResourceKind) -> i8 {
    match kind {
        ResourceKind::Topic => TOPIC,
        ResourceKind::Broker => BROKER,
        ResourceKind::ClientMetrics => CLIENT_METRICS,
        ResourceKind::Group => GROUP,
    }
}

/// Makes the alterations, or only checks them; an answer for each resource, in their order.
pub async fn alter(
    broker: &Broker,
    context: &RequestContext,
    wanted: Vec<Wanted>,
    manner: Manner,
    only_check: bool,
) -> Vec<Answer> {
    let named: Vec<_> = wanted.iter().map(|one| (one.type_id, one.name.clone())).collect();
    let repeated = repeated(broker, &wanted);
    let mut decided = Vec::with_capacity(wanted.len());
    let mut alterations = Vec::new();
    for (one, is_repeated) in wanted.into_iter().zip(repeated) {
        decided.push(match begun(broker, one, is_repeated, manner, only_check) {
            Ok(Begun::Alteration(alteration)) => {
                alterations.push(alteration);
                None
            }
            Ok(Begun::Done) => Some(Outcome::Done),
            Err(refused) => Some(refused),
        });
    }
    let author = Author { principal: ANONYMOUS.to_owned(), client_id: context.client_id.to_string() };
    let answered =
        if alterations.is_empty() { Vec::new() } else { broker.configs.alter(alterations, only_check, author).await };
    let mut answered = answered.into_iter().map(outcome);
    let stopping = || outcome(Err(AlterFailed::Stopping));
    let outcomes = decided.into_iter().map(|one| one.or_else(|| answered.next()).unwrap_or_else(stopping));
    named.into_iter().zip(outcomes).map(|((type_id, name), outcome)| outcome.answer(type_id, name)).collect()
}

/// A resource that is answered already, or is up to the owner of the configuration.
enum Begun {
    Done,
    Alteration(Alteration),
}

fn begun(broker: &Broker, one: Wanted, is_repeated: bool, manner: Manner, only_check: bool) -> Result<Begun, Outcome> {
    if is_repeated {
        return Err(RequestError::SameResource.into());
    }
    request::check(&one.wishes)?;
    if one.type_id == BROKER_LOGGER && manner == Manner::Incremental {
        let changes = logger::plan(broker.node_id, &one.name, &one.wishes)?;
        if !only_check {
            loggers::set(&changes);
        }
        return Ok(Begun::Done);
    }
    let kind = kind(one.type_id).ok_or(RequestError::UnknownType(one.type_id))?;
    if kind == ResourceKind::Topic && !one.name.is_empty() {
        name::check(&one.name)?;
    }
    let resource = Resource::new(kind, canonical(broker, kind, &one.name));
    let ask = match manner {
        Manner::Incremental => Ask::Incremental(request::ops(one.wishes)?),
        Manner::Replace => {
            let values = one.wishes.into_iter().map(|wish| (wish.setting, wish.value.unwrap_or_default()));
            Ask::Replace(values.collect())
        }
    };
    Ok(Begun::Alteration(Alteration { resource, ask }))
}

/// A broker has one name, whatever number is written: 01 is 1.
fn canonical(broker: &Broker, kind: ResourceKind, name: &str) -> String {
    let is_this = |id: i32| id == broker.node_id;
    match name.parse::<i32>() {
        Ok(id) if kind == ResourceKind::Broker && is_this(id) => id.to_string(),
        _ => name.to_owned(),
    }
}

/// For each resource, whether it appears more than once, by whatever name.
fn repeated(broker: &Broker, wanted: &[Wanted]) -> Vec<bool> {
    let key = |one: &Wanted| {
        let name = kind(one.type_id).map(|kind| canonical(broker, kind, &one.name));
        (one.type_id, name.unwrap_or_else(|| one.name.to_string()))
    };
    let keys: Vec<_> = wanted.iter().map(key).collect();
    let mut count = HashMap::new();
    keys.iter().for_each(|key| *count.entry(key).or_insert(0) += 1);
    keys.iter().map(|key| count.get(key).is_some_and(|count| *count > 1)).collect()
}

fn outcome(answer: Result<(), AlterFailed>) -> Outcome {
    match answer {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Refused(errors::alter(&error), explain::message(&error)),
    }
}

impl Outcome {
    fn answer(self, type_id: i8, name: StrBytes) -> Answer {
        match self {
            Self::Done => Answer { type_id, name, code: ErrorCode::None.code(), message: None },
            Self::Refused(code, message) => Answer { type_id, name, code: code.code(), message: Some(message) },
        }
    }
}

impl From<RequestError> for Outcome {
    fn from(error: RequestError) -> Self {
        Self::Refused(errors::config_request(&error), explain::message(&error))
    }
}

impl From<InvalidName> for Outcome {
    fn from(error: InvalidName) -> Self {
        Self::Refused(errors::topic_name(&error), explain::message(&error))
    }
}

impl From<logger::LoggerRule> for Outcome {
    fn from(error: logger::LoggerRule) -> Self {
        Self::Refused(errors::logger(&error), explain::message(&error))
    }
}
