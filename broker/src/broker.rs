//! The one place where the parts of a broker are put together.

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use catena_storage::Storage;

use crate::config::Config;
use crate::config::live::Live;
use crate::control::Configs;
use crate::fetch::{ColdReads, FetchSessions};
use crate::fleet::Fleets;
use crate::groups::Groups;
use crate::heavy::HeavyWork;
use crate::lifecycle::Stopping;
use crate::metrics::Metrics;
use crate::net::admission::Admission;
use crate::rollout::arms::{Seat, Trials, Unit, place_of_group, place_of_partition};
use crate::topics::Topics;

/// What every API handler can reach. Each part owns its own state and locks.
pub struct Broker {
    /// This broker (`node.id`).
    pub node_id: i32,
    /// The settings that run.
    pub live: Live,
    /// What can be changed of them.
    pub configs: Configs,
    /// Config topics of users.
    pub fleets: Fleets,
    /// Topics, partition logs and the catalog.
    pub storage: Arc<Storage>,
    /// Creating, deleting, describing topics; auto-creation.
    pub topics: Topics,
    /// Who may connect.
    pub admission: Arc<Admission>,
    /// The group coordinator.
    pub groups: Groups,
    /// Incremental fetch sessions (KIP-227).
    pub fetch_sessions: FetchSessions,
    /// Reads of what is not in memory.
    pub cold_reads: ColdReads,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Where work is done that takes long.
    pub heavy: HeavyWork,
    /// How clients reach this broker, by listener.
    pub advertised: Vec<AdvertisedListener>,
    /// The APIs that are answered.
    pub apis: Vec<ApiVersionRange>,
    /// Kafka's name of an API that is answered.
    pub api_name: fn(i16) -> Option<&'static str>,
    /// Says when the broker stops.
    pub stopping: Stopping,
}

/// The address clients are told, on one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvertisedListener {
    /// The listener's name.
    pub name: Arc<str>,
    /// Host name or address.
    pub host: String,
    /// Port, never 0.
    pub port: u16,
}

/// An API and the versions of it that are advertised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiVersionRange {
    /// The API's key.
    pub key: i16,
    /// Oldest version.
    pub min: i16,
    /// Newest version.
    pub max: i16,
}

/// Who asks, over which listener, in which version.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The settings that apply to this client.
    pub config: Arc<Config>,
    /// The rollouts that run.
    pub trials: Option<Arc<Trials>>,
    /// The asking unit's seat in them, once it is known.
    pub seat: OnceLock<Seat>,
    /// The request's `client_id`; empty when null.
    pub client_id: Arc<str>,
    /// The peer's address, as groups describe it: `/127.0.0.1`.
    pub client_host: Arc<str>,
    /// The negotiated version of the API asked.
    pub api_version: i16,
    /// Name of the listener the client came in by (decides the advertised address).
    pub listener: Arc<str>,
}

impl Broker {
    /// The broker's clock: milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// The settings of all that take part in no rollout. What serves one client uses those of its `RequestContext`.
    pub fn config(&self) -> Arc<Config> {
        self.live.current().config.clone()
    }

    /// The address told to clients that came in by `listener`.
    pub fn advertised(&self, listener: &str) -> Option<&AdvertisedListener> {
        self.advertised.iter().find(|advertised| *advertised.name == *listener)
    }
}

impl RequestContext {
    /// The settings that apply to a group; the request counts as the group's from now on.
    pub fn config_of_group(&self, group_id: &str) -> Arc<Config> {
        self.count_for_group(group_id).and_then(Seat::config).unwrap_or(&self.config).clone()
    }

    /// From now on the request counts as the group's, while groups try something. Its seat then.
    pub fn count_for_group(&self, group_id: &str) -> Option<&Seat> {
        let trials = self.trials.as_ref().filter(|trials| trials.unit == Unit::Group)?;
        Some(self.seat.get_or_init(|| Seat::new(trials.clone(), place_of_group(group_id))))
    }

    /// The seat of a partition, while partitions try something.
    pub fn seat_of_partition(&self, topic: &str, index: i32) -> Option<Seat> {
        let trials = self.trials.as_ref().filter(|trials| trials.unit == Unit::Partition)?;
        Some(Seat::new(trials.clone(), place_of_partition(topic, u32::try_from(index).ok()?)))
    }
}
