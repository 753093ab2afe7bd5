//! Which topics a group wants, and what they look like.
//!
//! What must always hold: a regular expression that is not resolved yet matches nothing.
//!
//! Source: Apache Kafka, `ModernGroup.computeMetadataHash`, `ConsumerGroup.computeSubscribedTopicNames`. The hash is not
//! Kafka's: it is compared with itself only.

use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use siphasher::sip::SipHasher13;
use uuid::Uuid;

use super::member::Subscription;
use super::{ModernGroup, Topics};

/// The hash of a group that no existing topic interests.
const NO_TOPICS: i64 = 0;

/// A change of members that is not applied yet.
#[derive(Clone, Copy, Default)]
pub struct Change<'a> {
    /// Who is no longer there.
    pub gone: &'a [&'a str],
    /// Who is there, with what it wants.
    pub there: Option<(&'a str, &'a Subscription)>,
}

impl ModernGroup {
    /// What each member wants, after a change.
    pub(super) fn subscriptions<'a>(
        &'a self,
        change: Change<'a>,
    ) -> impl Iterator<Item = (&'a str, &'a Subscription)> + 'a {
        let stays = move |id: &str| !change.gone.contains(&id) && change.there.is_none_or(|(there, _)| there != id);
        let staying = self.members.iter().filter(move |(id, _)| stays(id));
        staying.map(|(id, member)| (id.as_str(), &member.wants)).chain(change.there)
    }

    /// The names that anybody wants, after a change.
    pub(super) fn wanted_topics(&self, change: Change) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut patterns = BTreeSet::new();
        for (_, wants) in self.subscriptions(change) {
            names.extend(wants.topics.iter().cloned());
            patterns.extend(wants.pattern());
        }
        let resolved = patterns.iter().filter_map(|pattern| self.patterns.get(*pattern));
        names.extend(resolved.flat_map(|resolved| resolved.topics.iter().cloned()));
        names
    }

    /// Whether anybody wants a topic.
    pub fn is_subscribed(&self, topic: &str) -> bool {
        self.members.values().any(|member| {
            let matches =
                |pattern| self.patterns.get(pattern).is_some_and(|found| found.topics.iter().any(|name| name == topic));
            member.wants.topics.contains(topic) || member.wants.pattern().is_some_and(matches)
        })
    }
}

/// What the topics look like: another number when one that is wanted comes, goes or grows.
pub fn metadata_hash(names: &BTreeSet<String>, topics: &dyn Topics) -> i64 {
    let mut hasher = SipHasher13::new_with_keys(0, 0);
    let mut any = false;
    for name in names {
        if let Some((id, partitions)) = topics.named(name) {
            (name, id.as_bytes(), partitions).hash(&mut hasher);
            any = true;
        }
    }
    if any { i64::from_ne_bytes(hasher.finish().to_ne_bytes()) } else { NO_TOPICS }
}

/// Names and the regular expression: all that says which topics.
type Wanted<'a> = (&'a BTreeSet<String>, Option<&'a str>);

/// Subscriptions as topic ids; equal ones are looked up once.
pub struct TopicIds<'a> {
    group: &'a ModernGroup,
    topics: &'a dyn Topics,
    known: HashMap<Wanted<'a>, Rc<BTreeSet<Uuid>>>,
}

impl<'a> TopicIds<'a> {
    pub fn new(group: &'a ModernGroup, topics: &'a dyn Topics) -> Self {
        Self { group, topics, known: HashMap::new() }
    }

    /// The existing topics a member wants.
    pub fn of(&mut self, wants: &'a Subscription) -> Rc<BTreeSet<Uuid>> {
        let (group, topics) = (self.group, self.topics);
        let found = self.known.entry((&wants.topics, wants.pattern())).or_insert_with(|| {
            let resolved = wants.pattern().and_then(|pattern| group.patterns.get(pattern));
            let names = wants.topics.iter().chain(resolved.into_iter().flat_map(|resolved| &resolved.topics));
            Rc::new(names.filter_map(|name| topics.named(name)).map(|(id, _)| id).collect())
        });
        found.clone()
    }
}
