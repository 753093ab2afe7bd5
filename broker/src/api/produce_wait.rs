//! What a Produce waits for: durability, batch by batch.
//!
//! What must always hold: every ticket is waited for until the request's deadline; a batch of a partition that tries something
//! is timed on its own, so that the slow do not count for the others of the request.

use catena_protocol::error_code::ErrorCode;
use catena_storage::{CommitTicket, StoreError};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::errors;
use crate::rollout::arms::Seat;
use crate::rollout::tally::Answered;

/// Produce's key.
const PRODUCE: i16 = 0;

/// What is waited for, and where its answer stands in the response.
pub struct Ticket {
    /// Which topic of the response.
    pub topic: usize,
    /// Which partition of the topic.
    pub partition: usize,
    /// The wait.
    pub wait: Wait,
}

/// A wait for durability.
pub enum Wait {
    /// As part of the request.
    Here(CommitTicket),
    /// Timed on its own.
    Timed(JoinHandle<Result<(), StoreError>>),
}

impl Wait {
    /// A wait that counts for the partition's arm.
    pub fn timed(ticket: CommitTicket, seat: Seat, begun: Instant, bytes: usize) -> Self {
        Self::Timed(tokio::spawn(async move {
            let durable = ticket.durable().await;
            seat.answered(answered(durable.is_err(), begun, bytes));
            durable
        }))
    }

    /// Waits, but not beyond `deadline`.
    ///
    /// # Errors
    /// Why the batch is not known to be durable: a code, and a text where the client can do something about it.
    pub async fn until(self, deadline: Instant) -> Result<(), (ErrorCode, Option<String>)> {
        let durable = async {
            match self {
                Self::Here(ticket) => ticket.durable().await,
                Self::Timed(task) => {
                    task.await.unwrap_or_else(|error| Err(StoreError::Failed(error.to_string().into())))
                }
            }
        };
        match tokio::time::timeout_at(deadline, durable).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err((errors::store(&error), want(&error))),
            Err(_) => Err((ErrorCode::RequestTimedOut, None)),
        }
    }
}

/// What a partition did for its arm.
pub fn answered(failed: bool, begun: Instant, bytes: usize) -> Answered {
    Answered { key: PRODUCE, failed, took: Some(begun.elapsed()), bytes }
}

/// A producer that has to wait for room should know; Kafka has no text here.
pub fn want(error: &StoreError) -> Option<String> {
    match error {
        StoreError::Full | StoreError::NoFiles => Some(error.to_string()),
        StoreError::Failed(_) => None,
    }
}
