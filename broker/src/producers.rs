//! The task that looks after idempotent producers.
//!
//! What must always hold: the threads that serve connections never do this work; it ends with the broker.

use std::sync::Arc;
use std::time::Duration;

use catena_storage::{ProducerLimits, ProducerUpkeep};
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use crate::broker::Broker;

/// Time between two turns.
const TURN: Duration = Duration::from_secs(1);

/// Runs until the broker stops.
pub async fn look_after(broker: Arc<Broker>) {
    let mut stopping = broker.stopping.clone();
    let mut turns = interval(TURN);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut upkeep = ProducerUpkeep::default();
    loop {
        tokio::select! {
            () = stopping.wait() => return,
            _ = turns.tick() => {}
        }
        let working = broker.clone();
        let turn = tokio::task::spawn_blocking(move || {
            turn(&working, &mut upkeep, &working.config().producers);
            upkeep
        });
        match turn.await {
            Ok(back) => upkeep = back,
            Err(error) => {
                tracing::error!("looking after producers has failed: {error}");
                upkeep = ProducerUpkeep::default();
            }
        }
    }
}

fn turn(broker: &Broker, upkeep: &mut ProducerUpkeep, limits: &ProducerLimits) {
    match upkeep.turn(&broker.storage, limits, broker.now_ms()) {
        Ok(turn) => {
            broker.metrics.producers_expired.add(turn.expired as usize);
            broker.metrics.producers_evicted.add(turn.evicted as usize);
        }
        Err(error) => warn!("producers cannot be looked after now: {error}"),
    }
}
