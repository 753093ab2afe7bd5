//! Temporary stand-in.
use crate::ids::StoreId;
pub struct StoreView {
    pub id: StoreId,
    pub healthy: bool,
    pub cordoned: bool,
    pub has_room: bool,
    pub available_bytes: u64,
    pub load: u64,
}
pub fn choose(stores: &[StoreView], current: Option<StoreId>) -> Option<StoreId> {
    let good = |s: &&StoreView| s.healthy && s.has_room;
    if let Some(s) = stores.iter().filter(good).find(|s| Some(s.id) == current) {
        return Some(s.id);
    }
    stores.iter().filter(good).filter(|s| !s.cordoned).min_by_key(|s| s.load).map(|s| s.id)
}
