//! Requests at the edge of the protocol, byte by byte, to Apache Kafka 4.4.0 and to Catena: which of them are answered,
//! with what, and which end the connection.

use std::io::ErrorKind;
use std::thread;

use compat_tests::catena::Options;
use compat_tests::wire::Connection;
use compat_tests::{Broker, Catena, Kafka, java};

const TOPIC: &str = "edge";
/// Bytes of an answer that say the same on both brokers; what follows are lists of what each of them can do.
const ERROR_CODE: usize = 2;
const WHOLE: usize = usize::MAX;

/// What identifies a broker.
struct Identity {
    cluster_id: String,
    node_id: i32,
}

/// A request, and how much of the answer's body must be the same.
struct Case {
    name: &'static str,
    key: i16,
    version: i16,
    /// What follows the correlation id: the rest of the header, and the body.
    rest: Vec<u8>,
    compared: usize,
}

fn case(name: &'static str, (key, version): (i16, i16), compared: usize, rest: &[&[u8]]) -> Case {
    Case { name, key, version, rest: rest.concat(), compared }
}

const NO_CLIENT: &[u8] = &[0xff, 0xff];
const NO_CLIENT_NO_TAGS: &[u8] = &[0xff, 0xff, 0];
const API_VERSIONS_5: (i16, i16) = (18, 5);
const SOFTWARE: &[u8] = b"\x05test\x021";

fn cases(identity: &Identity) -> Vec<Case> {
    let versions = |name, cluster: Option<&str>, node: i32| {
        let length = cluster.map_or(0, |cluster| cluster.len() as u8 + 1);
        let cluster = [&[length], cluster.unwrap_or_default().as_bytes()].concat();
        case(name, API_VERSIONS_5, ERROR_CODE, &[NO_CLIENT_NO_TAGS, SOFTWARE, &cluster, &node.to_be_bytes(), &[0]])
    };
    let (cluster, node) = (identity.cluster_id.as_str(), identity.node_id);
    let pending_upload = &(-6_i64).to_be_bytes();
    vec![
        versions("versions of whoever is there", None, -1),
        versions("versions of this broker", Some(cluster), node),
        versions("versions of another cluster", Some("another"), node),
        versions("versions of another node", Some(cluster), node + 1),
        versions("versions of a cluster without a node", Some(cluster), -1),
        versions("versions of a node without a cluster", None, node),
        case("a software name with a blank", (18, 3), ERROR_CODE, &[NO_CLIENT_NO_TAGS, b"\x04a b\x021", &[0]]),
        case("versions of the future", (18, 6), ERROR_CODE, &[NO_CLIENT_NO_TAGS, b"who knows"]),
        case("metadata of the future", (3, 14), WHOLE, &[NO_CLIENT_NO_TAGS, &[1, 0, 0, 0]]),
        case("an API that nobody knows", (9999, 0), WHOLE, &[NO_CLIENT]),
        case("2,147,483,574 topics", (3, 0), WHOLE, &[NO_CLIENT, &[0x7f, 0xff, 0xff, 0xff, 0xb6]]),
        case("4,294,967,294 topics", (3, 12), WHOLE, &[NO_CLIENT_NO_TAGS, &[0xff, 0xff, 0xff, 0xff, 0x0f]]),
        case("null topics before null meant all", (3, 0), WHOLE, &[NO_CLIENT, &[0xff; 4]]),
        case("a null name", (3, 9), WHOLE, &[NO_CLIENT_NO_TAGS, &[2, 0, 0, 1, 0, 0, 0]]),
        case("no body", (3, 12), WHOLE, &[NO_CLIENT_NO_TAGS]),
        case("no client id", (3, 12), WHOLE, &[]),
        case("bytes after the body", (12, 0), WHOLE, &[NO_CLIENT, b"\0\x01g\0\0\0\x01\0\x01mand more"]),
        case("unknown tags", (12, 4), WHOLE, &[NO_CLIENT, b"\x01\x63\x02hi\x02g\0\0\0\x01\x02m\0\x01\x63\x01x"]),
        case("a tag beyond the end", (12, 4), WHOLE, &[NO_CLIENT, &[1, 0x63, 9]]),
        case("pending upload, asked in v11", (2, 11), WHOLE, &list_offsets(&[&[NO_EPOCH, pending_upload].concat()])),
        case("pending upload, asked in v10", (2, 10), WHOLE, &list_offsets(&[&[NO_EPOCH, pending_upload].concat()])),
        case("deleting a group that is not there", (42, 3), WHOLE, &[NO_CLIENT_NO_TAGS, b"\x02\x05none\0"]),
    ]
}

const NO_EPOCH: &[u8] = &[0xff; 4];

/// Partition 0 of the topic, in the flexible versions with a timeout.
fn list_offsets<'a>(epoch_and_timestamp: &[&'a [u8]; 1]) -> Vec<&'a [u8]> {
    const START: &[u8] = b"\xff\xff\0\xff\xff\xff\xff\0\x02\x05edge\x02\0\0\0\0";
    vec![START, epoch_and_timestamp[0], &[0, 0], &[0, 0, 0, 9], &[0]]
}

#[test]
fn requests_at_the_edge_of_the_protocol_end_as_on_apache_kafka() {
    if !java::available() {
        return;
    }
    let (kafka, catena) = thread::scope(|scope| {
        let kafka = scope.spawn(|| play(&Kafka::start(&[])));
        let catena = play(&Catena::start(Options::new()));
        (kafka.join().unwrap(), catena)
    });
    for (kafka, catena) in kafka.iter().zip(&catena) {
        println!("{kafka}");
        assert_eq!(catena, kafka, "left is Catena, right is Apache Kafka");
    }
}

fn play(broker: &dyn Broker) -> Vec<String> {
    let mut connection = Connection::to(broker).unwrap();
    connection.create_topic(TOPIC, 1, &[]).unwrap();
    let metadata = connection.metadata(Some(TOPIC)).unwrap();
    let cluster_id = metadata.cluster_id.expect("a cluster id").to_string();
    let identity = Identity { cluster_id, node_id: metadata.brokers[0].node_id.0 };
    cases(&identity).iter().map(|case| format!("{}: {}", case.name, answer(broker, case))).collect()
}

/// The body of the answer in hex, or the end of the connection.
fn answer(broker: &dyn Broker, case: &Case) -> String {
    let mut connection = Connection::to(broker).unwrap();
    let request = [&case.key.to_be_bytes()[..], &case.version.to_be_bytes(), &[0, 0, 0, 5], &case.rest].concat();
    let length = (request.len() as u32).to_be_bytes();
    connection.send_bytes(&[&length[..], &request].concat()).unwrap();
    match connection.receive_frame() {
        Ok(frame) => {
            assert_eq!(frame[..4], [0, 0, 0, 5], "the correlation id");
            frame[4..].iter().take(case.compared).map(|byte| format!("{byte:02x}")).collect()
        }
        Err(error) if error.kind() == ErrorKind::UnexpectedEof || error.kind() == ErrorKind::ConnectionReset => {
            "closed".to_owned()
        }
        Err(error) => panic!("{}: {}: {error}", broker.name(), case.name),
    }
}
