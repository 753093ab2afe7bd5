//! Subscriptions by regular expression: checked when they come, resolved in the background, kept as records.
//!
//! What must always hold: a group resolves all its expressions together, one resolution at a time, and no more often
//! than every ten seconds unless an expression is new. An expression is matched in time linear in the names.
//!
//! Source: Apache Kafka, `GroupMetadataManager.maybeUpdateRegularExpressions`, `handleRegularExpressionsResult`,
//! `TopicRegexResolver` (RE2/J there, `regex-automata` here: both are RE2's language but for details).

use std::collections::BTreeSet;

use catena_protocol::group_records::{GroupEpoch, ModernRecord, ResolvedRegex};
use regex_automata::meta::Regex;
use regex_syntax::hir::{Hir, Look};

use super::heartbeat::refused;
use super::member::Subscription;
use super::subscriptions::{Change, metadata_hash};
use super::{Decision, ModernGroup, World};
use crate::groups::types::{GroupError, Refused};

/// The least time between two resolutions, milliseconds.
const REFRESH_INTERVAL_MIN_MS: i64 = 10_000;
/// What a compiled expression may take, bytes: a few thousand states, and no more for one made to explode.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// What a changed subscription means for the group's expressions.
#[derive(Default)]
pub struct PatternChange {
    /// An expression that nobody wants any more.
    pub records: Vec<ModernRecord>,
    /// The member's expression is another one.
    pub updated: bool,
    /// And it is known what that matches.
    pub resolved: bool,
    /// To be resolved now.
    pub resolve: Option<Vec<String>>,
}

/// What an expression matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The expression.
    pub pattern: String,
    /// Names of topics.
    pub topics: BTreeSet<String>,
}

/// Resolves expressions. Not for the group's task: the time depends on the number of topics.
pub fn resolve(patterns: &[String], topics: &[String]) -> Vec<Resolution> {
    let matching = |pattern: &String| {
        let topics = match compile(pattern) {
            Ok(compiled) => topics.iter().filter(|name| compiled.is_match(name)).cloned().collect(),
            Err(_) => BTreeSet::new(),
        };
        Resolution { pattern: pattern.clone(), topics }
    };
    patterns.iter().map(matching).collect()
}

/// Whether an expression is one.
///
/// # Errors
/// `InvalidRegularExpression`, and what is wrong with it.
pub fn check_pattern(pattern: &str) -> Result<(), Refused> {
    compile(pattern).map(drop).or_else(|error| {
        let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let message = format!("SubscribedTopicRegex `{pattern}` is not a valid regular expression: {why}.");
        refused(GroupError::InvalidRegularExpression, message)
    })
}

/// The whole name has to match.
fn compile(pattern: &str) -> Result<Regex, String> {
    let hir = regex_syntax::parse(pattern).map_err(|error| error.to_string())?;
    let whole = Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
    let bounded = Regex::config().nfa_size_limit(Some(COMPILED_BYTES_MAX)).hybrid(false);
    Regex::builder().configure(bounded).build_from_hir(&whole).map_err(|_| "error: too large".to_owned())
}

impl ModernGroup {
    pub(super) fn pattern_change(
        &self,
        id: &str,
        before: &Subscription,
        after: &Subscription,
        world: World,
    ) -> Result<PatternChange, Refused> {
        let mut change = PatternChange::default();
        let mut refresh = false;
        if before.regex != after.regex {
            change.updated = true;
            let (old, new) = (before.pattern(), after.pattern());
            change
                .records
                .extend(old.filter(|old| self.wanting(old) == 1).map(|old| ModernRecord::Regex(old.to_owned(), None)));
            match new {
                Some(new) if self.wanting(new) == 0 => {
                    check_pattern(new)?;
                    refresh = true;
                }
                Some(new) => change.resolved = self.patterns.contains_key(new),
                None => change.resolved = old.is_some(),
            }
        }
        change.resolve = self.to_resolve(refresh, Change { gone: &[], there: Some((id, after)) }, world);
        Ok(change)
    }

    /// Members that want an expression.
    fn wanting(&self, pattern: &str) -> usize {
        self.members.values().filter(|member| member.wants.pattern() == Some(pattern)).count()
    }

    fn to_resolve(&self, is_new: bool, change: Change, world: World) -> Option<Vec<String>> {
        let wanted: BTreeSet<&str> = self.subscriptions(change).filter_map(|(_, wants)| wants.pattern()).collect();
        if self.resolving || wanted.is_empty() {
            return None;
        }
        let last_ms = self.patterns.values().next().map(|resolved| resolved.timestamp_ms);
        let since_ms = last_ms.map(|at_ms| world.now.wall_ms.saturating_sub(at_ms));
        if since_ms.is_some_and(|since_ms| since_ms <= REFRESH_INTERVAL_MIN_MS) {
            return None;
        }
        let unresolved = wanted.len() != self.patterns.len();
        let new_topics = self.patterns_seen != Some(world.topics.version());
        let old = since_ms.is_some_and(|since_ms| since_ms > world.rules.pattern_refresh_ms);
        (is_new || unresolved || new_topics || old).then(|| wanted.into_iter().map(str::to_owned).collect())
    }

    /// Takes over what the group's expressions match.
    pub fn resolved(&self, found: &[Resolution], world: World) -> Decision<()> {
        let mut decision = Decision::nothing(());
        let mut changed = false;
        let mut names = self.wanted_topics(Change::default());
        for Resolution { pattern, topics } in found.iter().filter(|found| self.wanting(&found.pattern) > 0) {
            let before =
                self.patterns.get(pattern).map(|before| before.topics.iter().cloned().collect::<BTreeSet<_>>());
            changed |= before.unwrap_or_default() != *topics;
            names.extend(topics.iter().cloned());
            let resolved = ResolvedRegex {
                topics: topics.iter().cloned().collect(),
                version: i64::try_from(world.topics.version()).unwrap_or(i64::MAX),
                timestamp_ms: world.now.wall_ms,
            };
            decision.records.push(ModernRecord::Regex(pattern.clone(), Some(resolved)));
        }
        let hash = metadata_hash(&names, world.topics);
        if changed || hash != self.metadata_hash {
            let epoch = GroupEpoch { epoch: self.epoch.saturating_add(1), metadata_hash: hash };
            decision.records.push(ModernRecord::Epoch(Some(epoch)));
            decision.rebalance = true;
        }
        decision
    }
}
