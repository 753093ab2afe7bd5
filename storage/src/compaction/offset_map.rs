//! The last offset of each key, in a fixed amount of memory.
//!
//! What must always hold: one allocation, made at the beginning, of no more bytes than were given; keys are known by their hash
//! alone, which is keyed, so that no producer can make two keys that meet. At least one slot is always free, so every search ends.
//!
//! Open addressing: a key's slot is the first free one at or after the place its hash points to. Nothing is ever removed.
//!
//! Source: Apache Kafka, `SkimpyOffsetMap`.

use siphasher::sip128::{Hasher128, SipHasher24};

/// Words of a slot: the hash in two, and one more than the offset, so that zeros are a free slot.
const SLOT_WORDS: usize = 3;
const SLOT_BYTES: u64 = 8 * SLOT_WORDS as u64;

/// A key's 128-bit hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(u64, u64);

/// Hashes a key, piece by piece.
pub struct KeyHasher(SipHasher24);

impl KeyHasher {
    /// Takes the next piece.
    pub fn write(&mut self, piece: &[u8]) {
        std::hash::Hasher::write(&mut self.0, piece);
    }

    /// The hash of all pieces together.
    pub fn finish(&self) -> KeyHash {
        let hash = self.0.finish128();
        KeyHash(hash.h1, hash.h2)
    }
}

/// Key to last offset.
pub struct OffsetMap {
    words: Vec<u64>,
    slots: u64,
    len: u64,
    len_max: u64,
    secret: [u8; 16],
}

impl OffsetMap {
    /// A map in at most `bytes_max` bytes, full when `load_factor` of its slots are taken. It takes less where `keys_max` keys, the most that
    /// will come, need less. `secret` should be random.
    pub fn new(bytes_max: u64, load_factor: f64, keys_max: u64, secret: [u8; 16]) -> Self {
        let load_factor = load_factor.clamp(0.01, 1.0);
        let needed = ((keys_max as f64 / load_factor) as u64).saturating_add(2);
        let slots = (bytes_max / SLOT_BYTES).min(needed);
        let len_max = ((slots as f64 * load_factor) as u64).min(slots.saturating_sub(1));
        Self { words: vec![0; slots as usize * SLOT_WORDS], slots, len: 0, len_max, secret }
    }

    /// Hashes keys for this map.
    pub fn hasher(&self) -> KeyHasher {
        KeyHasher(SipHasher24::new_with_key(&self.secret))
    }

    /// Sets the key's offset, which is not negative. False, and nothing is set, once the map is full; as in Apache Kafka also when the
    /// key is there already.
    pub fn put(&mut self, key: KeyHash, offset: i64) -> bool {
        if self.len >= self.len_max {
            return false;
        }
        let at = self.slot_of(key);
        let Some([first, second, stored]) = self.words.get_mut(at..at + SLOT_WORDS) else { return false };
        self.len += u64::from(*stored == 0);
        (*first, *second, *stored) = (key.0, key.1, offset.unsigned_abs().saturating_add(1));
        true
    }

    /// The key's last offset.
    pub fn get(&self, key: KeyHash) -> Option<i64> {
        let at = self.slot_of(key);
        let stored = *self.words.get(at + SLOT_WORDS - 1)?;
        i64::try_from(stored.checked_sub(1)?).ok()
    }

    /// How full it is; 1 when nothing more fits.
    pub fn utilization(&self) -> f64 {
        self.len as f64 / self.len_max.max(1) as f64
    }

    /// Where the key's slot begins, or the free one where it would go.
    fn slot_of(&self, key: KeyHash) -> usize {
        let mut slot = ((u128::from(key.0) * u128::from(self.slots)) >> 64) as u64;
        loop {
            let at = slot as usize * SLOT_WORDS;
            match self.words.get(at..at + SLOT_WORDS) {
                Some([first, second, stored]) if *stored != 0 && (*first, *second) != (key.0, key.1) => {}
                _ => return at,
            }
            slot = if slot + 1 == self.slots { 0 } else { slot + 1 };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn hash(map: &OffsetMap, key: &[u8]) -> KeyHash {
        let mut hasher = map.hasher();
        key.chunks(3).for_each(|piece| hasher.write(piece));
        hasher.finish()
    }

    #[test]
    fn gives_what_a_map_of_whole_keys_gives() {
        let seed = rand::random();
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        for load_factor in [0.3, 0.9, 1.0] {
            let mut map = OffsetMap::new(1_000 * SLOT_BYTES, load_factor, u64::MAX, [7; 16]);
            let mut model = HashMap::new();
            for offset in 0.. {
                let key = random.random_range(0..1_500u32).to_string();
                let hashed = hash(&map, key.as_bytes());
                if !map.put(hashed, offset) {
                    break;
                }
                model.insert(key, offset);
            }
            assert_eq!(model.len(), ((1_000.0 * load_factor) as usize).min(999), "keys that fit");
            assert_eq!(map.utilization(), 1.0);
            for key in 0..1_500u32 {
                let key = key.to_string();
                assert_eq!(map.get(hash(&map, key.as_bytes())), model.get(&key).copied(), "{key}");
            }
        }
    }

    #[test]
    fn takes_no_more_memory_than_is_given_or_needed() {
        assert_eq!(OffsetMap::new(1_000_000, 0.9, u64::MAX, [0; 16]).words.len() as u64 * 8, 1_000_000 / 24 * 24);
        let small = OffsetMap::new(1 << 40, 0.5, 100, [0; 16]);
        assert!(small.words.len() * 8 < 10_000);
        let mut small = small;
        assert!((0..100).all(|at| small.put(hash(&OffsetMap::new(0, 1.0, 0, [0; 16]), &[at]), 0)), "all that come fit");
    }

    #[test]
    fn without_room_nothing_fits_and_nothing_is_found() {
        for bytes in [0, 23, 24] {
            let mut map = OffsetMap::new(bytes, 1.0, 10, [0; 16]);
            let key = hash(&map, b"k");
            assert!(!map.put(key, 1));
            assert_eq!(map.get(key), None);
        }
    }

    #[test]
    fn another_secret_another_hash() {
        let [a, b] = [[1; 16], [2; 16]].map(|secret| hash(&OffsetMap::new(0, 1.0, 0, secret), b"key"));
        assert_ne!(a, b);
    }
}
