//! Who may connect, and when: `max.connections`, `max.connections.per.ip` with its overrides, `max.connection.creation.rate`.
//!
//! What must always hold: at most `connections_max` connections are served over all listeners, the next one waits; of one
//! address at most its limit, the next one is turned away; whoever leaves makes room, however it left. Another limit counts at
//! once, also for those who wait. Where there are more in all than may be from then on, those that were silent for longest are
//! asked to leave.
//!
//! Source: Apache Kafka, `ConnectionQuotas.inc`, `Processor.closeExcessConnections`.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tracing::warn;

use super::rate::Rate;
use crate::config::NetConfig;

/// What there may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Connections in all.
    pub connections_max: usize,
    /// Connections of one address ...
    pub per_ip_max: usize,
    /// ... but for these addresses.
    pub overrides: HashMap<IpAddr, usize>,
    /// Connections accepted in a second.
    pub rate_max: u32,
}

/// Places for connections.
pub struct Admission {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    quotas: Quotas,
    rate: Rate,
    /// Places that are taken.
    seats: BTreeMap<u64, Arc<Seat>>,
    /// Tells apart who takes them.
    seated: u64,
    by_ip: HashMap<IpAddr, usize>,
}

/// A connection that is counted for its address.
pub struct Guest {
    ip: IpAddr,
    admission: Arc<Admission>,
}

/// A place among all connections.
pub struct Place {
    number: u64,
    seat: Arc<Seat>,
    admission: Arc<Admission>,
}

/// What is known of who has a place.
pub struct Seat {
    since: Instant,
    /// When it was last heard of, milliseconds after `since`.
    last_ms: AtomicU64,
    leave: Notify,
}

/// What somebody without a place waits for.
enum Wait {
    /// That somebody leaves, or the limits change.
    Change,
    /// That time, or that the limits change.
    Until(Instant),
}

impl Admission {
    /// Nobody is there.
    pub fn new(quotas: Quotas) -> Arc<Self> {
        let rate = Rate::new(quotas.rate_max);
        let state = State { quotas, rate, seats: BTreeMap::new(), seated: 0, by_ip: HashMap::new() };
        Arc::new(Self { state: Mutex::new(state), changed: Notify::new() })
    }

    /// Other limits.
    pub fn set(&self, quotas: Quotas) {
        let mut state = self.lock();
        state.rate.set(quotas.rate_max);
        state.quotas = quotas;
        state.ask_to_leave();
        drop(state);
        self.changed.notify_waiters();
    }

    /// Counts a connection of `ip`; None when that address has as many as it may.
    pub fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<Guest> {
        // An IPv4 address is one address, whether it came over an IPv4 or an IPv6 socket.
        let ip = ip.to_canonical();
        let mut state = self.lock();
        let connections = state.by_ip.get(&ip).copied().unwrap_or(0);
        if connections >= state.quotas.of(ip) {
            return None;
        }
        state.by_ip.insert(ip, connections + 1);
        Some(Guest { ip, admission: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<&NetConfig> for Quotas {
    /// A host that has no address now has no limit of its own. Blocking where a host has a name.
    fn from(net: &NetConfig) -> Self {
        let overrides = net.connections_per_ip_overrides.iter().flat_map(|(host, limit)| {
            let addresses = addresses(host);
            addresses.into_iter().map(|address| (address.to_canonical(), *limit))
        });
        Self {
            connections_max: net.connections_max,
            per_ip_max: net.connections_per_ip_max,
            overrides: overrides.collect(),
            rate_max: net.connection_rate_max,
        }
    }
}

fn addresses(host: &str) -> Vec<IpAddr> {
    if let Ok(address) = host.parse() {
        return vec![address];
    }
    match (host, 0).to_socket_addrs() {
        Ok(found) => found.map(|address| address.ip()).collect(),
        Err(why) => {
            warn!(host, "a host in max.connections.per.ip.overrides has no address: {why}");
            Vec::new()
        }
    }
}

impl Quotas {
    fn of(&self, ip: IpAddr) -> usize {
        self.overrides.get(&ip).copied().unwrap_or(self.per_ip_max)
    }
}

impl State {
    fn take_place(&mut self, now: Instant) -> Result<(u64, Arc<Seat>), Wait> {
        if self.seats.len() >= self.quotas.connections_max {
            return Err(Wait::Change);
        }
        self.rate.take(now).map_err(|wait| wait.map_or(Wait::Change, |wait| Wait::Until(now + wait)))?;
        let seat = Arc::new(Seat { since: now, last_ms: AtomicU64::new(0), leave: Notify::new() });
        self.seated += 1;
        self.seats.insert(self.seated, seat.clone());
        Ok((self.seated, seat))
    }

    /// Asks those that were silent for longest, where there are too many.
    fn ask_to_leave(&self) {
        let too_many = self.seats.len().saturating_sub(self.quotas.connections_max);
        let mut by_silence: Vec<_> = self.seats.values().collect();
        by_silence.sort_by_key(|seat| seat.last());
        by_silence.iter().take(too_many).for_each(|seat| seat.leave.notify_one());
    }
}

impl Guest {
    /// Waits for a place among all connections.
    pub async fn place(&self) -> Place {
        loop {
            // Before the look, so that no change is missed.
            let changed = self.admission.changed.notified();
            let taken = self.admission.lock().take_place(Instant::now());
            match taken {
                Ok((number, seat)) => return Place { number, seat, admission: self.admission.clone() },
                Err(Wait::Change) => changed.await,
                Err(Wait::Until(time)) => tokio::select! {
                    () = tokio::time::sleep_until(time.into()) => {}
                    () = changed => {}
                },
            }
        }
    }
}

impl Place {
    /// What is known of who has it.
    pub fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }
}

impl Seat {
    /// It was heard of.
    pub fn heard(&self) {
        self.last_ms.store(self.since.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Completes when its place is needed.
    pub async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }

    /// When it was last heard of.
    fn last(&self) -> Instant {
        self.since + self.silent_since()
    }

    /// The same, after it was given.
    fn silent_since(&self) -> Duration {
        Duration::from_millis(self.last_ms.load(Ordering::Relaxed))
    }

    /// When it has been silent for `silence_ms`; never, for a time that no clock can tell.
    pub fn silent_for(&self, silence_ms: u64) -> Option<Instant> {
        self.since.checked_add(self.silent_since().saturating_add(Duration::from_millis(silence_ms)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.lock().seats.remove(&self.number);
        self.admission.changed.notify_waiters();
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let by_ip = &mut self.admission.lock().by_ip;
        if let Some(connections) = by_ip.get_mut(&self.ip) {
            *connections -= 1;
            if *connections == 0 {
                by_ip.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(per_ip_max: usize) -> Quotas {
        Quotas { connections_max: 100, per_ip_max, rate_max: u32::MAX, overrides: HashMap::new() }
    }

    #[test]
    fn an_address_is_limited_for_itself_and_leaving_makes_room() {
        let admission = Admission::new(quotas(2));
        let (here, mapped, there) = ("127.0.0.1", "::ffff:127.0.0.1", "127.0.0.2");
        let admit = |ip: &str| admission.admit(ip.parse().unwrap());
        let first = admit(here).unwrap();
        let _second = admit(mapped).unwrap();
        assert!(admit(here).is_none() && admit(mapped).is_none());
        let _other = admit(there).unwrap();
        drop(first);
        assert!(admit(here).is_some());
        assert_eq!(admission.lock().by_ip.len(), 2);
    }

    #[test]
    fn an_address_that_left_is_forgotten() {
        let admission = Admission::new(quotas(2));
        drop(admission.admit("::1".parse().unwrap()));
        assert!(admission.lock().by_ip.is_empty());
        assert!(Admission::new(quotas(0)).admit("::1".parse().unwrap()).is_none());
    }

    #[test]
    fn some_addresses_have_limits_of_their_own() {
        let (named, other) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let admission = Admission::new(Quotas { overrides: HashMap::from([(named, 1)]), ..quotas(0) });
        let _first = admission.admit(named).unwrap();
        assert!(admission.admit(named).is_none() && admission.admit(other).is_none());
        admission.set(Quotas { overrides: HashMap::from([(other, 1)]), ..quotas(2) });
        assert!(admission.admit(named).is_some() && admission.admit(other).is_some());
    }

    #[tokio::test]
    async fn who_waits_goes_on_when_somebody_leaves_or_there_may_be_more() {
        let admission = Admission::new(Quotas { connections_max: 1, ..quotas(9) });
        let guest = admission.admit("::1".parse().unwrap()).unwrap();
        let first = guest.place().await;
        let mut second = std::pin::pin!(guest.place());
        assert!(futures_now(second.as_mut()).is_none());
        drop(first);
        let second = second.await;
        let mut third = std::pin::pin!(guest.place());
        assert!(futures_now(third.as_mut()).is_none());
        admission.set(Quotas { connections_max: 2, ..quotas(9) });
        let third = third.await;
        third.seat().last_ms.store(5, Ordering::Relaxed);
        admission.set(Quotas { connections_max: 1, ..quotas(9) });
        second.seat().asked_to_leave().await;
        assert!(futures_now(std::pin::pin!(third.seat().asked_to_leave())).is_none());
        drop(third);
        let mut fourth = std::pin::pin!(guest.place());
        assert!(futures_now(fourth.as_mut()).is_none(), "the second is still there");
        drop(second);
        drop(fourth.await);
        assert!(admission.lock().seats.is_empty());
    }

    #[tokio::test]
    async fn a_rate_holds_up_who_comes_too_soon_until_it_is_another() {
        let admission = Admission::new(Quotas { rate_max: 1, ..quotas(9) });
        let guest = admission.admit("::1".parse().unwrap()).unwrap();
        let _first = guest.place().await;
        let mut second = std::pin::pin!(guest.place());
        assert!(futures_now(second.as_mut()).is_none());
        admission.set(Quotas { rate_max: 0, ..quotas(9) });
        assert!(futures_now(second.as_mut()).is_none());
        admission.set(Quotas { rate_max: 1_000_000, ..quotas(9) });
        drop(second.await);
    }

    /// What a future comes to without waiting.
    fn futures_now<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.poll(&mut context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        }
    }
}
