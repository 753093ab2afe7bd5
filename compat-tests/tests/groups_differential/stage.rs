//! Where a case is played: named clients, each on a connection of its own, and a transcript of what they were answered.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use compat_tests::Broker;
use compat_tests::wire::{COORDINATOR_NOT_READY, Connection, Group};
use kafka_protocol::messages::{DescribeGroupsRequest, GroupId};
use kafka_protocol::protocol::{Request, StrBytes};
use uuid::Uuid;

use crate::canonical::{Canonical, Ids};
use crate::kept;
use crate::raw::{self, Body};

const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(2);

/// Topics that exist: two partitions, and one.
pub const TOPIC: &str = "groups-two";
/// One partition.
pub const OTHER: &str = "groups-one";

/// Creates the topics, and waits until groups are coordinated.
pub fn prepare(broker: &dyn Broker) {
    let mut connection = Connection::to(broker).unwrap();
    connection.create_topic(TOPIC, 2, &[]).unwrap();
    connection.create_topic(OTHER, 1, &[]).unwrap();
    let group = Group::new("groups-prepare");
    let me = group.join(&mut connection, "", PATIENCE).unwrap();
    group.leave(&mut connection, &me).unwrap();
}

/// One case on one broker.
pub struct Stage {
    address: SocketAddr,
    /// The group the clients speak of, unless they say otherwise.
    pub group: String,
    /// All groups there were.
    groups: Vec<String>,
    clients: BTreeMap<&'static str, Connection>,
    ids: Ids,
    transcript: Vec<String>,
}

impl Stage {
    /// An empty stage; the group is named after the case.
    pub fn new(broker: &dyn Broker, case: &str) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], broker.port()));
        let stage = Self {
            address,
            group: case.replace(' ', "-"),
            groups: vec![case.replace(' ', "-")],
            clients: BTreeMap::new(),
            ids: Ids::default(),
            transcript: Vec::new(),
        };
        stage.await_coordinator();
        stage
    }

    /// The group's coordinator may still be loading its partition.
    fn await_coordinator(&self) {
        let deadline = Instant::now() + PATIENCE;
        let mut connection = Connection::connect(self.address).unwrap();
        while COORDINATOR_NOT_READY.contains(&described(&mut connection, &self.group).2) {
            assert!(Instant::now() < deadline, "the coordinator of {} is not ready", self.group);
            std::thread::sleep(POLL);
        }
    }

    /// What everybody was answered so far.
    pub fn transcript(self) -> Vec<String> {
        self.transcript
    }

    /// A line of our own.
    pub fn note(&mut self, line: String) {
        self.transcript.push(line);
    }

    /// What the log holds of the groups.
    pub fn see_what_is_kept(&mut self) {
        let mut connection = Connection::connect(self.address).unwrap();
        for group in std::mem::take(&mut self.groups) {
            self.transcript.extend(kept::of(&mut connection, &group, &mut self.ids));
        }
    }

    /// Goes on with another group, named after this one.
    pub fn switch(&mut self, suffix: impl std::fmt::Display) {
        let base = self.group.split('/').next().unwrap_or_default().to_owned();
        self.group = format!("{base}/{suffix}");
        self.groups.push(self.group.clone());
        self.await_coordinator();
    }

    /// The group's name on the wire.
    pub fn group_id(&self) -> GroupId {
        GroupId(StrBytes::from_string(self.group.clone()))
    }

    /// `who` sends a request; the answer goes into the transcript.
    pub fn ask<R: Request>(&mut self, who: &'static str, version: i16, request: R) -> R::Response
    where
        R::Response: Canonical + Clone + Debug,
    {
        self.begin(who, version, request);
        self.end::<R>(who, version)
    }

    /// `who` sends a request whose answer depends on how quick a broker is.
    pub fn ask_unseen<R: Request>(&mut self, who: &'static str, version: i16, request: R) -> R::Response {
        self.begin(who, version, request);
        let client = self.clients.get_mut(who).unwrap_or_else(|| panic!("{who} has not asked"));
        client.receive::<R>(version).unwrap_or_else(|e| panic!("{who}: {e}"))
    }

    /// `who` sends a request whose answer is taken later, by `end`.
    pub fn begin<R: Request>(&mut self, who: &'static str, version: i16, request: R) {
        let address = self.address;
        let client = self.clients.entry(who).or_insert_with(|| Connection::connect(address).unwrap());
        client.send(&request, version).unwrap_or_else(|e| panic!("{who}: API {} v{version}: {e}", R::KEY));
    }

    /// `who` takes the answer to an `R`.
    pub fn end<R: Request>(&mut self, who: &'static str, version: i16) -> R::Response
    where
        R::Response: Canonical + Clone + Debug,
    {
        let client = self.clients.get_mut(who).unwrap_or_else(|| panic!("{who} has not asked"));
        let api = std::any::type_name::<R>().rsplit("::").next().unwrap_or_default();
        let answer = client.receive::<R>(version);
        let mut response = answer.unwrap_or_else(|e| {
            self.transcript.push(format!("{who}: {api} v{version}: {:?}", e.kind()));
            panic!("{who}: {api} v{version}: {e}")
        });
        let original = response.clone();
        response.normalize(&self.ids, &self.group);
        let text = format!("{response:?}").replace(", unknown_tagged_fields: {}", "").replace(&self.group, "GROUP");
        self.transcript.push(format!("{who}: {api} v{version}: {}", self.ids.name_all(&text)));
        original
    }

    /// `who` sends a request made by hand; the answer goes into the transcript.
    pub fn ask_raw(&mut self, who: &'static str, (key, version): (i16, i16), body: Body) {
        // A connection of its own: the others count the requests they have made.
        let mut connection = Connection::connect(self.address).unwrap();
        let answer = raw::call(&mut connection, key, version, body);
        let ids = [TOPIC, OTHER].map(|name| (name, self.topic_id(name)));
        self.transcript.push(format!("{who}: API {key} v{version}: {}", raw::readable(&answer, &ids)));
    }

    /// The id of a topic.
    pub fn topic_id(&self, name: &str) -> Uuid {
        Connection::connect(self.address).unwrap().topic(name).unwrap().id
    }

    /// Waits until the group is in `state` with so many members.
    pub fn until(&mut self, state: &str, members: usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut connection = Connection::connect(self.address).unwrap();
        loop {
            let (is_state, is_members, _) = described(&mut connection, &self.group);
            if is_state == state && is_members == members {
                return;
            }
            assert!(Instant::now() < deadline, "{}: {is_state} with {is_members}, not {state}", self.group);
            std::thread::sleep(POLL);
        }
    }
}

/// State, members and error code of a group.
fn described(connection: &mut Connection, group: &str) -> (String, usize, i16) {
    let groups = vec![GroupId(StrBytes::from_string(group.to_owned()))];
    let response = connection.call(&DescribeGroupsRequest::default().with_groups(groups), 5).unwrap();
    let group = response.groups.into_iter().next().unwrap();
    (group.group_state.to_string(), group.members.len(), group.error_code)
}
