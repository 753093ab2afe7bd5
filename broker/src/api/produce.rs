//! Produce (0), versions 3 to 13: appends one record batch to each of some partitions.
//!
//! v7 allows zstd, v8 adds the list of bad records and a message, v13 names topics by id.
//!
//! The append happens in `start`, so batches of one connection enter the logs in the order in which they came. The
//! answer waits for durability with acks=-1 (all); acks=1 answers after the append (but for the first records of a chain,
//! which would not survive the death of the process before their commit); acks=0 is never answered, and an error then
//! closes the connection, the only way to tell the client.
//!
//! A batch whose records have to be read (another codec, keys, timestamps) or whose producers have to be loaded first is appended
//! where no other connection waits for the thread; the connection's next request waits.
//!
//! Not done: transactions (a transactional batch is refused with INVALID_TXN_STATE).
//!
//! Source: Apache Kafka, `KafkaApis.handleProduceRequest`, `ReplicaManager.appendRecords`, `ProduceRequest.validateRecords`.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use catena_protocol::batch::BatchHeader;
use catena_protocol::error_code::ErrorCode;
use catena_protocol::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
    TopicProduceResponse,
};
use catena_storage::{AppendError, AppendOrigin, Appended, PartitionLog, Topic};
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::produce_wait::{Counts, Ticket, Waiting, answered, want};
use super::record_errors;
use crate::broker::{Broker, RequestContext};
use crate::control::intake::{self, Refused};
use crate::errors;
use crate::fleet::{self, owner::Fleet};
use crate::topics::name;

/// Codec id of zstd, and the version since which it is allowed.
const ZSTD: i16 = 4;
const ZSTD_SINCE: i16 = 7;
/// The version since which topics are named by id.
const IDS_SINCE: i16 = 13;
/// The one client that may write to internal topics.
const ADMIN_CLIENT_ID: &str = "__admin_client";
const ALL: i16 = -1;
const LEADER: i16 = 1;
const NONE: i16 = 0;
/// "No offset" and "no timestamp" on the wire.
const UNKNOWN: i64 = -1;

/// How the client hears of the outcome.
pub enum Outcome {
    /// By a response.
    Respond(ProduceResponse),
    /// Not at all: acks=0.
    Silent,
    /// By the end of the connection: acks=0 and an error.
    Close,
}

/// Appends, and returns the wait for what `acks` asks for.
pub fn start(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: ProduceRequest,
) -> impl Future<Output = Outcome> + Send + 'static {
    let acks = request.acks;
    let begun = Instant::now();
    let deadline = begun + Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let mut batch = Batch { broker, context, now_ms: broker.now_ms(), acks, begun, tickets: Vec::new() };
    let responses = request.topic_data.into_iter().enumerate().map(|(at, topic)| batch.topic(at, topic)).collect();
    let waiting = Waiting::begin(batch.tickets, begun, deadline);
    async move {
        let mut response = ProduceResponse { responses, ..ProduceResponse::default() };
        if acks == NONE {
            return if has_error(&response) { Outcome::Close } else { Outcome::Silent };
        }
        for ((topic, partition), error, why) in waiting.failed(deadline).await {
            let answer = &mut response.responses[topic].partition_responses[partition];
            answer.error_code = error.code();
            answer.error_message = why.map(StrBytes::from_string);
        }
        Outcome::Respond(response)
    }
}

fn has_error(response: &ProduceResponse) -> bool {
    let mut partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions.any(|partition| partition.error_code != ErrorCode::None.code())
}

/// The appends of one request.
struct Batch<'a> {
    broker: &'a Broker,
    context: &'a RequestContext,
    now_ms: i64,
    acks: i16,
    begun: Instant,
    tickets: Vec<Ticket>,
}

/// A topic, and what may be written into it: found out once for all its partitions in a request.
struct Target {
    topic: Arc<Topic>,
    intake: Intake,
}

/// What may be written into a topic.
enum Intake {
    /// Anything.
    Open,
    /// It is the coordinators' own.
    Closed,
    /// What the broker's configuration takes.
    Configuration,
    /// What a user's config topic takes.
    Fleet(Arc<Fleet>),
}

/// Why a partition's batch was not appended.
enum Refusal {
    Code(ErrorCode),
    Config(Vec<Refused>),
    Append(AppendError, i64),
}

impl Batch<'_> {
    fn topic(&mut self, at: usize, data: TopicProduceData) -> TopicProduceResponse {
        let topic = if self.context.api_version >= IDS_SINCE {
            self.broker.storage.topic_by_id(data.topic_id).ok_or(ErrorCode::UnknownTopicId)
        } else {
            self.broker.storage.topic(&data.name).ok_or(ErrorCode::UnknownTopicOrPartition)
        };
        let target = topic.map(|topic| Target { intake: self.intake(&topic), topic });
        let mut answers = Vec::with_capacity(data.partition_data.len());
        for partition in data.partition_data {
            let (index, records) = (partition.index, partition.records.unwrap_or_default());
            let topic = target.as_ref().ok().map(|target| &*target.topic);
            let seat = topic.and_then(|topic| self.context.seat_of_partition(&topic.name, index));
            let bytes = records.len();
            let result = self.append(target.as_ref(), index, records);
            answers.push(match result {
                Ok(appended) => {
                    self.appended((at, answers.len()), index, appended, seat.map(|seat| Counts { seat, bytes }))
                }
                Err(refusal) => {
                    seat.inspect(|seat| seat.answered(answered(true, self.begun, 0)));
                    refused(topic, index, &refusal)
                }
            });
        }
        TopicProduceResponse { name: data.name, topic_id: data.topic_id, partition_responses: answers }
    }

    fn intake(&self, topic: &Topic) -> Intake {
        match self.broker.fleets.of(topic.id) {
            _ if topic.name == name::CONFIG => Intake::Configuration,
            _ if crate::topics::is_internal(&topic.name) => Intake::Closed,
            Some(fleet) => Intake::Fleet(fleet),
            None => Intake::Open,
        }
    }

    fn append(&self, target: Result<&Target, &ErrorCode>, index: i32, records: Bytes) -> Result<Appended, Refusal> {
        let target = target.map_err(|code| Refusal::Code(*code))?;
        let log = find(&target.topic, index).ok_or(Refusal::Code(ErrorCode::UnknownTopicOrPartition))?;
        self.check(&target.intake, &records).map_err(Refusal::Code)?;
        self.check_config(&target.intake, index, &records)?;
        let bytes = records.len();
        let heavy = log.append_is_heavy(&records, self.now_ms);
        let append = || log.append(records, AppendOrigin::Client, self.now_ms);
        let appended = if heavy { self.broker.heavy.run(append) } else { append() };
        let appended = appended.map_err(|error| Refusal::Append(error, log.offsets().log_start))?;
        self.broker.metrics.appended(bytes, appended.duplicate);
        Ok(appended)
    }

    /// What is wrong with the request, rather than with the batch.
    fn check(&self, intake: &Intake, records: &Bytes) -> Result<(), ErrorCode> {
        let is_zstd = |header: BatchHeader| header.compression_id() == ZSTD;
        if self.context.api_version < ZSTD_SINCE && BatchHeader::parse(records).is_ok_and(is_zstd) {
            return Err(ErrorCode::UnsupportedCompressionType);
        }
        if ![ALL, LEADER, NONE].contains(&self.acks) {
            return Err(ErrorCode::InvalidRequiredAcks);
        }
        if matches!(intake, Intake::Closed) && *self.context.client_id != *ADMIN_CLIENT_ID {
            return Err(ErrorCode::InvalidTopicException);
        }
        Ok(())
    }

    /// What is written into `__config`, or a user's config topic, is looked at record by record.
    fn check_config(&self, intake: &Intake, index: i32, records: &Bytes) -> Result<(), Refusal> {
        let checked = match intake {
            Intake::Open | Intake::Closed => return Ok(()),
            Intake::Fleet(fleet) => self.broker.heavy.run(|| fleet::intake::check(fleet, index, records)),
            Intake::Configuration => {
                let known = self.broker.configs.known();
                known.written();
                self.broker.heavy.run(|| intake::check(known, &self.broker.storage, index, records))
            }
        };
        checked.map_err(Refusal::Config)
    }

    fn appended(
        &mut self,
        place: (usize, usize),
        index: i32,
        appended: Appended,
        counts: Option<Counts>,
    ) -> PartitionProduceResponse {
        let waits = self.acks == ALL || (self.acks == LEADER && !appended.crash_safe);
        if waits {
            self.tickets.push(Ticket { place, commit: appended.commit, counts });
        } else if let Some(Counts { seat, bytes }) = counts {
            seat.answered(answered(false, self.begun, bytes));
        }
        PartitionProduceResponse {
            index,
            base_offset: appended.base_offset,
            log_append_time_ms: appended.log_append_time_ms.unwrap_or(UNKNOWN),
            log_start_offset: appended.log_start,
            ..PartitionProduceResponse::default()
        }
    }
}

fn find(topic: &Topic, index: i32) -> Option<&Arc<PartitionLog>> {
    topic.partitions.get(usize::try_from(index).ok()?)
}

fn refused(topic: Option<&Topic>, index: i32, refusal: &Refusal) -> PartitionProduceResponse {
    let (code, log_start) = match refusal {
        Refusal::Code(code) => (*code, UNKNOWN),
        Refusal::Config(_) => (ErrorCode::InvalidRecord, UNKNOWN),
        Refusal::Append(error, log_start) => {
            (errors::append(error), if tells_log_start(error) { *log_start } else { UNKNOWN })
        }
    };
    let partition = topic.map(|topic| format!("{}-{index}", topic.name)).unwrap_or_default();
    let (error_message, record_errors) = explained(refusal, &partition);
    PartitionProduceResponse {
        index,
        error_code: code.code(),
        base_offset: UNKNOWN,
        log_append_time_ms: UNKNOWN,
        log_start_offset: log_start,
        error_message: error_message.map(StrBytes::from_string),
        record_errors,
        ..PartitionProduceResponse::default()
    }
}

/// Kafka tells where the log begins with some errors (`ReplicaManager.appendToLocalLog`).
fn tells_log_start(error: &AppendError) -> bool {
    match error {
        AppendError::Corrupt(_)
        | AppendError::TooLarge { .. }
        | AppendError::LargerThanSegment { .. }
        | AppendError::Deleted
        | AppendError::Overtaken { .. }
        | AppendError::Store(_) => false,
        AppendError::InvalidRecord(_)
        | AppendError::UnsupportedMagic(_)
        | AppendError::UnsupportedCompression(_)
        | AppendError::Rejected(_)
        | AppendError::OutOfOrderSequence { .. }
        | AppendError::InvalidProducerEpoch { .. }
        | AppendError::InvalidTransaction(_) => true,
    }
}

/// Kafka sends a text when it names single records; here every invalid batch has one, and the want of room.
fn explained(refusal: &Refusal, partition: &str) -> (Option<String>, Vec<BatchIndexAndErrorMessage>) {
    match refusal {
        Refusal::Append(AppendError::Rejected(rejected), _) => {
            (Some(record_errors::message(rejected, partition)), record_errors::list(rejected, partition))
        }
        Refusal::Config(refused) => (refused.first().map(|first| first.why.clone()), by_record(refused)),
        Refusal::Append(error @ AppendError::InvalidRecord(_), _) => (Some(error.to_string()), Vec::new()),
        Refusal::Append(AppendError::Store(error), _) => (want(error), Vec::new()),
        Refusal::Append(..) | Refusal::Code(_) => (None, Vec::new()),
    }
}

fn by_record(refused: &[Refused]) -> Vec<BatchIndexAndErrorMessage> {
    let entry = |refused: &Refused| BatchIndexAndErrorMessage {
        batch_index: refused.index,
        batch_index_error_message: Some(StrBytes::from_string(refused.why.clone())),
    };
    refused.iter().map(entry).collect()
}
