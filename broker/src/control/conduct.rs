//! Rollouts carried out, the broker's own and those of fleets: begun, decided, taken out of the canary partition.
//!
//! What must always hold:
//! - The verdict and the values that it brings are one batch in control: that batch is the decision. The tombstone in the canary
//!   partition comes after it, and is written again by whoever finds it missing.
//! - What is written follows from what was read: whoever was overtaken looks again.

use std::future::Future;

use jiff::Timestamp;
use tracing::{info, warn};

use crate::broker::Broker;
use crate::config::log::NotKept;
use crate::config::record::{Outcome, Record};
use crate::config::state::{Side, Standing};
use crate::rollout::machine::{Command, Decision};
use crate::rollout::record::{Arm, Rollout};

/// Who owns a config topic.
pub trait Owns: Send {
    /// The topic's name.
    fn topic(&self) -> &str;

    /// What is to be done next, if anything.
    fn next_command(&mut self, broker: &Broker) -> Option<Command>;

    /// A rollout as it stands in the canary partition.
    fn standing(&self, name: &str) -> Option<Standing>;

    /// The values that an approval brings.
    fn approved_values(&self, broker: &Broker, decision: &Decision, rollout: &Rollout) -> Vec<Record>;

    /// Makes records durable, and applies them.
    fn keep(
        &mut self,
        broker: &Broker,
        side: Side,
        records: &[Record],
    ) -> impl Future<Output = Result<(), NotKept>> + Send;
}

/// Does all that is to be done for the rollouts of a topic now.
pub async fn conduct(owner: &mut impl Owns, broker: &Broker) {
    while let Some(command) = owner.next_command(broker) {
        match execute(owner, broker, &command).await {
            Ok(()) => {}
            // What was written wakes the owner as soon as it can be read.
            Err(NotKept::Overtaken) => return,
            Err(why) => return warn!(topic = owner.topic(), "a rollout has to wait: {why}"),
        }
    }
}

async fn execute(owner: &mut impl Owns, broker: &Broker, command: &Command) -> Result<(), NotKept> {
    match command {
        Command::Begin { name, arm } => begin(owner, broker, name, *arm).await,
        Command::Decide(decision) => decide(owner, broker, decision).await,
        Command::Forget { name } => owner.keep(broker, Side::Canary, &[Record::Rollout(name.clone(), None)]).await,
    }
}

async fn begin(owner: &mut impl Owns, broker: &Broker, name: &str, arm: Arm) -> Result<(), NotKept> {
    let Some(Standing { rollout, .. }) = owner.standing(name) else { return Ok(()) };
    let begun = rollout.begun(arm, Timestamp::now());
    owner.keep(broker, Side::Canary, &[Record::Rollout(name.to_owned(), Some(begun))]).await?;
    info!(topic = owner.topic(), rollout = name, from = arm.from, to = arm.to, "rollout begins");
    Ok(())
}

async fn decide(owner: &mut impl Owns, broker: &Broker, decision: &Decision) -> Result<(), NotKept> {
    let standing = owner.standing(&decision.name).filter(|standing| standing.offset == decision.offset);
    let Some(Standing { rollout, .. }) = standing else { return Ok(()) };
    let mut records = match decision.outcome {
        Outcome::Approved => owner.approved_values(broker, decision, &rollout),
        Outcome::Rejected => Vec::new(),
    };
    records.push(decision.verdict(Timestamp::now()));
    owner.keep(broker, Side::Control, &records).await?;
    broker.metrics.rollout_decided(decision.outcome == Outcome::Approved);
    let (topic, why) = (owner.topic(), &decision.why);
    info!(topic, rollout = decision.name, verdict = ?decision.outcome, why, "rollout decided");
    Ok(())
}
