//! Who may connect: `max.connections` and `max.connections.per.ip`.
//!
//! What must always hold: at most `connections_max` connections are served over all listeners, the next one waits; at
//! most `per_ip_max` of one address, the next one is turned away; whoever leaves makes room, however it left.
//!
//! Source: Apache Kafka, `ConnectionQuotas.inc`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for connections.
pub struct Admission {
    places: Arc<Semaphore>,
    per_ip_max: usize,
    by_ip: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection that is counted for its address.
pub struct Guest {
    ip: IpAddr,
    admission: Arc<Admission>,
}

impl Admission {
    /// Places for so many connections in all and of one address.
    pub fn new(connections_max: usize, per_ip_max: usize) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { places, per_ip_max, by_ip: Mutex::default() })
    }

    /// Counts a connection of `ip`; None when that address has as many as it may.
    pub fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<Guest> {
        // An IPv4 address is one address, whether it came over an IPv4 or an IPv6 socket.
        let ip = ip.to_canonical();
        let mut by_ip = self.lock();
        let connections = by_ip.get(&ip).copied().unwrap_or(0);
        if connections >= self.per_ip_max {
            return None;
        }
        by_ip.insert(ip, connections + 1);
        Some(Guest { ip, admission: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_ip.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// Waits for a place among all connections. None never happens: places are not closed.
    pub async fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.admission.places.clone().acquire_owned().await.ok()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut by_ip = self.admission.lock();
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

    #[test]
    fn an_address_is_limited_for_itself_and_leaving_makes_room() {
        let admission = Admission::new(100, 2);
        let (here, mapped, there) = ("127.0.0.1", "::ffff:127.0.0.1", "127.0.0.2");
        let admit = |ip: &str| admission.admit(ip.parse().unwrap());
        let first = admit(here).unwrap();
        let _second = admit(mapped).unwrap();
        assert!(admit(here).is_none() && admit(mapped).is_none());
        let _other = admit(there).unwrap();
        drop(first);
        assert!(admit(here).is_some());
        assert_eq!(admission.lock().len(), 2);
    }

    #[test]
    fn an_address_that_left_is_forgotten() {
        let admission = Admission::new(100, 2);
        drop(admission.admit("::1".parse().unwrap()));
        assert!(admission.lock().is_empty());
        assert!(Admission::new(100, 0).admit("::1".parse().unwrap()).is_none());
    }
}
