//! A broker's life: settings, storage, listeners, ready; then the signal, the last answers, the last commit.
//!
//! What must always hold: nothing is accepted before storage is recovered and every listener is bound; storage is
//! shut down after the last request; a stop ends within `ANSWER_MAX` plus the last commit, whatever clients wait for.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use catena_storage::fs::RealFileSystem;
use catena_storage::{OpenError, RecoveryReport, Storage, StorageOptions, StoreError};
use rustix::process::{Resource, Rlimit};
use thiserror::Error;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinSet, spawn_blocking};
use tracing::{info, warn};

use crate::broker::{AdvertisedListener, Broker};
use crate::config::live::{Current, Live};
use crate::config::{Config, ConfigError};
use crate::control::apply::apply_to_storage;
use crate::control::partitions::log_configs;
use crate::control::{Configs, Owner};
use crate::dispatch;
use crate::fetch::{ColdReads, FetchSessions};
use crate::fleet::Fleets;
use crate::groups::Groups;
use crate::heavy::HeavyWork;
use crate::lifecycle::{Stop, Stopping};
use crate::metrics::Metrics;
use crate::monitoring::Scrapes;
use crate::net::accept::{SocketSettings, accept};
use crate::net::admission::Admission;
use crate::net::connection::ConnectionLimits;
use crate::net::listener::{BindError, Listener};
use crate::producers;
use crate::topics::Topics;

/// How long requests in flight may take to be answered when the broker stops.
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// Why the broker cannot start, or did not stop well.
#[derive(Debug, Error)]
pub enum ServerError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// An address cannot be used.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The address for metrics cannot be used.
    #[error("cannot serve metrics on {address} (catena.metrics.listener): {source}")]
    Metrics {
        /// The address.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The system refuses threads or signals.
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
    /// The last commit of a store failed.
    #[error("cannot shut down the data: {0}")]
    Shutdown(#[source] StoreError),
}

/// A broker that serves.
pub struct Server {
    broker: Arc<Broker>,
    stop: Stop,
    listeners: JoinSet<()>,
    metrics_address: Option<SocketAddr>,
}

/// Runs a broker until a signal tells it to stop.
///
/// # Errors
/// `ServerError`, in words for the operator.
pub fn run(file: Option<&Path>, overrides: &[String]) -> Result<(), ServerError> {
    let loaded = Config::load(file, overrides)?;
    loaded.warnings.iter().for_each(|warning| warn!("{warning}"));
    raise_open_files();
    let runtime = Runtime::new()?;
    let outcome = runtime.block_on(async {
        let mut stop_asked = listen_to_signals()?;
        let (server, recovery) = Server::start(loaded.config).await?;
        println!("{}", server.ready_line(&recovery));
        stop_asked.wait().await;
        server.shutdown().await
    });
    // A blocking call that still runs must not keep the process.
    runtime.shutdown_background();
    outcome
}

/// Every partition that is written and every connection holds a file: take as many as the system gives.
fn raise_open_files() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = rustix::process::setrlimit(Resource::Nofile, raised) {
        warn!("cannot raise the number of open files above {:?}: {error}", limit.current);
    }
}

impl Server {
    /// Recovers the data, binds the listeners and begins to serve.
    ///
    /// # Errors
    /// `Open` or `Bind`.
    pub async fn start(config: Config) -> Result<(Self, RecoveryReport), ServerError> {
        let bound = bind(&config).await?;
        let scrapes = bind_metrics(&config).await?;
        let live = Live::new(Arc::new(config.clone()));
        let (configs, owner) = Configs::new(config.settings.clone(), config.node_id);
        let options = StorageOptions {
            fs: Arc::new(RealFileSystem),
            cordoned: config.cordoned_dirs.clone(),
            open_files: Arc::default(),
            journal_segment_bytes: config.journal_segment_bytes,
            move_bytes_per_second_max: config.move_bytes_per_second_max,
            retention_check_interval: config.retention_check_interval,
            cleaner: config.cleaner.clone(),
            log_config: log_configs(live.clone(), configs.known().clone()),
            ..StorageOptions::default()
        };
        let dirs = config.data_dirs.clone();
        let opened = spawn_blocking(move || Storage::open(&dirs, options)).await;
        let (storage, recovery) = opened.map_err(io::Error::other)??;
        let advertised = advertised(&config, &bound);
        let (mut owner, storage, config) = load(owner, storage).await?;
        let (fixed, config) = (live.current(), Arc::new(config));
        live.replace(Current { config: config.clone(), trials: None });
        apply_to_storage(&storage, &fixed.config, &config);
        storage.refresh_log_configs();
        let (broker, stop) = assemble(&config, live, storage, configs, advertised)?;
        broker.fleets.begin(&broker);
        owner.resume(&broker);
        tokio::spawn(owner.run(broker.clone()));
        broker.groups.load();
        tokio::spawn(producers::look_after(broker.clone()));
        let config = broker.config();
        let settings = socket_settings(&config);
        let mut listeners = JoinSet::new();
        for listener in bound {
            listeners.spawn(accept(listener, broker.clone(), settings));
        }
        let metrics_address = scrapes.as_ref().and_then(|scrapes| scrapes.address().ok());
        if let Some(scrapes) = scrapes {
            listeners.spawn(scrapes.serve(broker.clone()));
        }
        Ok((Self { broker, stop, listeners, metrics_address }, recovery))
    }

    /// The broker's parts.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// Where metrics are served, if they are.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// One line for whoever waits for the broker.
    pub fn ready_line(&self, recovery: &RecoveryReport) -> String {
        let addresses: Vec<_> = self.broker.advertised.iter().map(|at| format!("{}:{}", at.host, at.port)).collect();
        format!(
            "catena is ready on {}, data in {}, cluster {}, recovered in {:.1} ms",
            addresses.join(", "),
            listed(&self.broker.config().data_dirs),
            self.broker.storage.cluster_id(),
            recovery.elapsed.as_secs_f64() * 1000.0
        )
    }

    /// Stops accepting, answers what is in flight, makes everything durable.
    ///
    /// # Errors
    /// `Shutdown` when the last commit fails.
    pub async fn shutdown(mut self) -> Result<(), ServerError> {
        info!("stopping");
        self.stop.stop();
        let answered = async { while self.listeners.join_next().await.is_some() {} };
        if tokio::time::timeout(ANSWER_MAX, answered).await.is_err() {
            warn!("some requests are not answered");
            self.listeners.abort_all();
        }
        let storage = self.broker.storage.clone();
        let done = spawn_blocking(move || storage.shutdown()).await.map_err(io::Error::other)?;
        done.map_err(ServerError::Shutdown)
    }
}

/// Reads what was changed while earlier starts ran.
async fn load(mut owner: Owner, storage: Arc<Storage>) -> Result<(Owner, Arc<Storage>, Config), ServerError> {
    let load = move || owner.load(&storage).map(|config| (owner, storage, config));
    Ok(spawn_blocking(load).await.map_err(io::Error::other)??)
}

fn assemble(
    config: &Config,
    live: Live,
    storage: Arc<Storage>,
    configs: Configs,
    advertised: Vec<AdvertisedListener>,
) -> io::Result<(Arc<Broker>, Stop)> {
    let (stop, stopping) = Stopping::new();
    let known = configs.known().clone();
    let own_of_groups = Box::new(move |id: &str| known.own_of_group(id));
    let broker = Broker {
        topics: Topics::new(storage.clone(), live.clone(), config.node_id),
        groups: Groups::new(storage.clone(), &live, own_of_groups, stopping.clone()),
        admission: Admission::new((&config.net).into()),
        fetch_sessions: FetchSessions::new(config.fetch.session_slots),
        cold_reads: ColdReads::start(config.fetch.cold_threads, config.fetch.cold_buffer_bytes)?,
        metrics: Arc::new(Metrics::default()),
        heavy: HeavyWork::default(),
        apis: dispatch::versions(),
        api_name: dispatch::name,
        advertised,
        stopping,
        storage,
        fleets: Fleets::default(),
        configs,
        node_id: config.node_id,
        live,
    };
    Ok((Arc::new(broker), stop))
}

fn listed(dirs: &[PathBuf]) -> String {
    dirs.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", ")
}

async fn bind(config: &Config) -> Result<Vec<Listener>, BindError> {
    let mut bound = Vec::with_capacity(config.listeners.len());
    for listener in &config.listeners {
        bound.push(Listener::bind(&listener.bind, config.net.listen_backlog).await?);
    }
    Ok(bound)
}

async fn bind_metrics(config: &Config) -> Result<Option<Scrapes>, ServerError> {
    let Some(address) = &config.metrics_listener else { return Ok(None) };
    let failed = |source| ServerError::Metrics { address: address.clone(), source };
    Scrapes::bind(address).await.map(Some).map_err(failed)
}

/// What clients are told: the advertised host, or the one listened on, or this machine's name; and the real port.
fn advertised(config: &Config, bound: &[Listener]) -> Vec<AdvertisedListener> {
    let mut told = Vec::new();
    for (listener, bound) in config.listeners.iter().zip(bound) {
        let Some(advertised) = &listener.advertised else { continue };
        let host = if advertised.host.is_empty() { host_name() } else { advertised.host.clone() };
        let port = if advertised.port == 0 { bound.address.port() } else { advertised.port };
        told.push(AdvertisedListener { name: bound.name.clone(), host, port });
    }
    told
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn socket_settings(config: &Config) -> SocketSettings {
    SocketSettings {
        send_buffer_bytes: config.net.send_buffer_bytes,
        receive_buffer_bytes: config.net.receive_buffer_bytes,
        connection: ConnectionLimits { frame_bytes_max: config.net.request_bytes_max },
    }
}

/// SIGTERM and SIGINT, listened to before anything else is started.
struct StopSignals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

fn listen_to_signals() -> io::Result<StopSignals> {
    Ok(StopSignals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
}

impl StopSignals {
    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
