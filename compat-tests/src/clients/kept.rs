//! The codec that batches are kept in: no client tells, so it is looked up on the wire.

use crate::Broker;
use crate::wire::Connection;

/// What `compression.type` may be of a topic that is not kept as produced, in the order of the numbers on the wire.
pub const KEPT_IN: [&str; 5] = ["uncompressed", "gzip", "snappy", "lz4", "zstd"];

/// Every batch of the topics `<prefix>-kept-<codec>` is in that codec.
pub fn assert_kept_in_the_codec_of_the_topic(broker: &dyn Broker, prefix: &str) {
    for (codec, name) in KEPT_IN.iter().enumerate() {
        let topic = format!("{prefix}-kept-{name}");
        let codecs = codecs(broker, &topic).unwrap_or_else(|e| panic!("{topic} of {}: {e}", broker.name()));
        assert!(
            !codecs.is_empty() && codecs.iter().all(|kept| *kept == codec),
            "{topic} of {}: {codecs:?}",
            broker.name()
        );
    }
}

fn codecs(broker: &dyn Broker, topic: &str) -> std::io::Result<Vec<usize>> {
    let mut connection = Connection::to(broker)?;
    let topic = connection.topic(topic)?;
    let mut codecs = Vec::new();
    for partition in topic.all() {
        let batches = connection.read_partition(&topic, partition, 0)?;
        assert!(batches.iter().all(|batch| batch.crc_matches()));
        codecs.extend(batches.iter().map(|batch| batch.codec()));
    }
    Ok(codecs)
}
