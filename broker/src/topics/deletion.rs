//! Deleting topics: which topics a request means, by name or by id; nothing here touches the catalog.
//!
//! What must always hold: a topic is deleted at most once per request, and not at all when the request names it twice,
//! in whichever way.
//!
//! Source: Apache Kafka, `ControllerApis.deleteTopics`.

use std::collections::{HashMap, HashSet};

use thiserror::Error;
use uuid::Uuid;

use crate::topics::name;

/// A topic as a client names it; one of the two, if the request is right.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Named {
    /// By name.
    pub name: Option<String>,
    /// By id; nil for none.
    pub id: Uuid,
}

/// Why a topic is not deleted. The texts are Kafka's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeleteError {
    /// Neither name nor id.
    #[error("Neither topic name nor id were specified.")]
    Neither,
    /// Name and id.
    #[error("You may not specify both topic name and topic id.")]
    Both,
    /// The name appears more than once.
    #[error("Duplicate topic name.")]
    DuplicateName,
    /// The id appears more than once.
    #[error("Duplicate topic id.")]
    DuplicateId,
    /// The topic is named by its id, too.
    #[error("The provided topic name maps to an ID that was already supplied.")]
    NameOfGivenId,
    /// No topic has the name.
    #[error("This server does not host this topic-partition.")]
    UnknownName,
    /// No topic has the id.
    #[error("This server does not host this topic ID.")]
    UnknownId,
    /// It holds the configuration of the broker.
    #[error("__config holds what was changed while the broker ran; it cannot be deleted.")]
    Configuration,
    /// `delete.topic.enable` is false.
    #[error("Topic deletion is disabled.")]
    Disabled,
}

/// What to do for one thing that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// What the answer names: the topic's name and id as far as the client may learn them.
    pub topic: Named,
    /// Whether to delete it.
    pub verdict: Result<(), DeleteError>,
}

/// The topics there are.
pub trait Catalog {
    /// The id of the topic with that name.
    fn id(&self, name: &str) -> Option<Uuid>;
    /// The name of the topic with that id.
    fn name(&self, id: Uuid) -> Option<String>;
}

/// What to do for each thing that a request names, in its order. What it names twice is answered once; so is a topic
/// that it names once by name and once by id.
pub fn plan(request: Vec<Named>, catalog: &impl Catalog) -> Vec<Deletion> {
    let mut times: HashMap<Named, u32> = HashMap::new();
    request.iter().for_each(|named| *times.entry(named.clone()).or_default() += 1);
    let mut answered = HashSet::new();
    let once = request.iter().filter(|named| answered.insert(*named));
    once.filter_map(|named| one(named, &times, catalog)).collect()
}

fn one(named: &Named, times: &HashMap<Named, u32>, catalog: &impl Catalog) -> Option<Deletion> {
    let repeated = times.get(named).is_some_and(|count| *count > 1);
    let refused = |error| Some(Deletion { topic: named.clone(), verdict: Err(error) });
    match &named.name {
        Some(_) if !named.id.is_nil() => refused(DeleteError::Both),
        Some(_) if repeated => refused(DeleteError::DuplicateName),
        Some(name) => match catalog.id(name) {
            None => refused(DeleteError::UnknownName),
            Some(id) => Some(by_name(name, id, times)),
        },
        None if named.id.is_nil() => refused(DeleteError::Neither),
        None if repeated => refused(DeleteError::DuplicateId),
        None => match catalog.name(named.id) {
            None => refused(DeleteError::UnknownId),
            Some(name) => by_id(name, named.id, times),
        },
    }
}

fn by_name(name: &str, id: Uuid, times: &HashMap<Named, u32>) -> Deletion {
    if name == name::CONFIG {
        return Deletion { topic: Named { name: Some(name.to_owned()), id }, verdict: Err(DeleteError::Configuration) };
    }
    let id_given = times.contains_key(&Named { name: None, id });
    let verdict = if id_given { Err(DeleteError::NameOfGivenId) } else { Ok(()) };
    Deletion { topic: Named { name: Some(name.to_owned()), id }, verdict }
}

/// No answer when the name is given too: its answer speaks for both.
fn by_id(name: String, id: Uuid, times: &HashMap<Named, u32>) -> Option<Deletion> {
    if name == name::CONFIG {
        return Some(Deletion { topic: Named { name: Some(name), id }, verdict: Err(DeleteError::Configuration) });
    }
    let named = Named { name: Some(name), id: Uuid::nil() };
    if times.get(&named) == Some(&1) {
        return None;
    }
    Some(Deletion { topic: Named { id, ..named }, verdict: Ok(()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: Uuid = Uuid::from_u128(1);
    const GONE: Uuid = Uuid::from_u128(9);

    /// One topic: `orders`.
    struct OneTopic;

    impl Catalog for OneTopic {
        fn id(&self, name: &str) -> Option<Uuid> {
            (name == "orders").then_some(ORDERS)
        }

        fn name(&self, id: Uuid) -> Option<String> {
            (id == ORDERS).then(|| "orders".to_owned())
        }
    }

    fn name(name: &str) -> Named {
        Named { name: Some(name.to_owned()), id: Uuid::nil() }
    }

    fn id(id: Uuid) -> Named {
        Named { name: None, id }
    }

    fn orders(verdict: Result<(), DeleteError>) -> Deletion {
        Deletion { topic: Named { name: Some("orders".to_owned()), id: ORDERS }, verdict }
    }

    fn refused(topic: Named, error: DeleteError) -> Deletion {
        Deletion { topic, verdict: Err(error) }
    }

    #[test]
    fn a_topic_is_found_by_name_and_by_id() {
        assert_eq!(plan(vec![name("orders")], &OneTopic), [orders(Ok(()))]);
        assert_eq!(plan(vec![id(ORDERS)], &OneTopic), [orders(Ok(()))]);
        assert_eq!(plan(vec![name("x")], &OneTopic), [refused(name("x"), DeleteError::UnknownName)]);
        assert_eq!(plan(vec![id(GONE)], &OneTopic), [refused(id(GONE), DeleteError::UnknownId)]);
    }

    #[test]
    fn neither_and_both_are_refused() {
        let neither = Named::default();
        assert_eq!(plan(vec![neither.clone()], &OneTopic), [refused(neither, DeleteError::Neither)]);
        let both = Named { id: ORDERS, ..name("orders") };
        assert_eq!(plan(vec![both.clone()], &OneTopic), [refused(both, DeleteError::Both)]);
    }

    #[test]
    fn what_is_named_twice_is_not_deleted() {
        let names = plan(vec![name("orders"), name("x"), name("orders")], &OneTopic);
        assert_eq!(names[0], refused(name("orders"), DeleteError::DuplicateName));
        assert_eq!(names.len(), 2);
        let ids = plan(vec![id(ORDERS), id(ORDERS), id(ORDERS)], &OneTopic);
        assert_eq!(ids, [refused(id(ORDERS), DeleteError::DuplicateId)]);
        for request in [vec![name("orders"), id(ORDERS)], vec![id(ORDERS), name("orders")]] {
            assert_eq!(plan(request, &OneTopic), [orders(Err(DeleteError::NameOfGivenId))]);
        }
    }
}
