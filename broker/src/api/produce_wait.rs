//! What a Produce waits for: durability, batch by batch.
//!
//! What must always hold: every ticket is waited for until the request's deadline; a batch of a partition that tries something
//! is timed on its own, so that the slow do not count for the others of the request, or of the requests behind it. What is durable
//! too late counts as failed.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use catena_protocol::error_code::ErrorCode;
use catena_storage::{CommitTicket, StoreError};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::errors;
use crate::rollout::arms::Seat;
use crate::rollout::tally::Answered;

/// Produce's key.
const PRODUCE: i16 = 0;

/// What is waited for, and where its answer stands in the response.
pub struct Ticket {
    /// Which topic of the response, and which partition of the topic.
    pub place: (usize, usize),
    /// The wait.
    pub commit: CommitTicket,
    /// For whom it counts how long that takes.
    pub counts: Option<Counts>,
}

/// A partition that is in an arm, and the bytes that it got.
pub struct Counts {
    /// Its seat.
    pub seat: Seat,
    /// Bytes of its batch.
    pub bytes: usize,
}

/// A batch that is not known to be durable: its place in the response, and why, with a text where the client can do something about it.
pub type Failed = ((usize, usize), ErrorCode, Option<String>);

/// All that a request waits for.
pub enum Waiting {
    /// Looked at when it is the request's turn to be answered: nobody counts.
    Here(Vec<Ticket>),
    /// Looked at by a task of its own, for these places: whoever counts must not wait for the requests before this one.
    Timed(JoinHandle<Vec<Failed>>, Vec<(usize, usize)>),
}

impl Waiting {
    /// Begins to wait for the tickets of a request that was begun at `begun`, but not beyond `deadline`.
    pub fn begin(tickets: Vec<Ticket>, begun: Instant, deadline: Instant) -> Self {
        if tickets.iter().any(|ticket| ticket.counts.is_some()) {
            let places = tickets.iter().map(|ticket| ticket.place).collect();
            return Self::Timed(tokio::spawn(wait_side_by_side(tickets, begun, deadline)), places);
        }
        Self::Here(tickets)
    }

    /// What fails.
    pub async fn failed(self, deadline: Instant) -> Vec<Failed> {
        match self {
            Self::Here(tickets) => wait(tickets, deadline).await,
            Self::Timed(task, places) => task.await.unwrap_or_else(|error| {
                let error = StoreError::Failed(error.to_string().into());
                places.into_iter().map(|place| failed(place, &error)).collect()
            }),
        }
    }
}

async fn wait(tickets: Vec<Ticket>, deadline: Instant) -> Vec<Failed> {
    let mut failures = Vec::new();
    for Ticket { place, commit, .. } in tickets {
        match timeout_at(deadline, commit.durable()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => failures.push(failed(place, &error)),
            Err(_) => failures.push(late(place)),
        }
    }
    failures
}

/// The same where it counts when each of them is durable.
async fn wait_side_by_side(tickets: Vec<Ticket>, begun: Instant, deadline: Instant) -> Vec<Failed> {
    let mut failures = Vec::new();
    let mut open: Vec<Open> = tickets.into_iter().map(Open::new).collect();
    let all = poll_fn(|context| {
        open.retain_mut(|open| match open.durable.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(durable) => {
                open.count(durable.is_err(), begun);
                failures.extend(durable.err().map(|error| failed(open.place, &error)));
                false
            }
        });
        if open.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    });
    // What is still open then was not durable in time.
    let _ = timeout_at(deadline, all).await;
    open.iter().for_each(|open| open.count(true, begun));
    failures.extend(open.iter().map(|open| late(open.place)));
    failures
}

/// A wait among others.
struct Open {
    place: (usize, usize),
    durable: Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>,
    counts: Option<Counts>,
}

impl Open {
    fn new(Ticket { place, commit, counts }: Ticket) -> Self {
        Self { place, durable: Box::pin(commit.durable()), counts }
    }

    fn count(&self, failed: bool, begun: Instant) {
        if let Some(Counts { seat, bytes }) = &self.counts {
            seat.answered(answered(failed, begun, *bytes));
        }
    }
}

fn failed(place: (usize, usize), error: &StoreError) -> Failed {
    (place, errors::store(error), want(error))
}

fn late(place: (usize, usize)) -> Failed {
    (place, ErrorCode::RequestTimedOut, None)
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
