//! The one place where the parts of a broker are put together.

use std::sync::Arc;

use catena_storage::Storage;

use crate::config::Config;
use crate::fetch::FetchSessions;
use crate::groups::Groups;
use crate::topics::Topics;

/// What every API handler can reach. Each part owns its own state and locks.
pub struct Broker {
    /// Settings, resolved and bounded.
    pub config: Arc<Config>,
    /// Topics, partition logs and the catalog.
    pub storage: Arc<Storage>,
    /// Creating, deleting, describing topics; auto-creation.
    pub topics: Topics,
    /// The group coordinator.
    pub groups: Groups,
    /// Incremental fetch sessions (KIP-227).
    pub fetch_sessions: FetchSessions,
}

/// Who asks, over which listener, in which version.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The request's `client_id`; empty when null.
    pub client_id: Arc<str>,
    /// The peer's address, as groups describe it: `/127.0.0.1`.
    pub client_host: Arc<str>,
    /// The negotiated version of the API asked.
    pub api_version: i16,
    /// Name of the listener the client came in by (decides the advertised address).
    pub listener: Arc<str>,
}
