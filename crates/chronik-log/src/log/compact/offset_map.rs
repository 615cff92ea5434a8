//! The last offset of each key met so far, in bounded memory.
//!
//! A slot is 24 bytes: 128 bits of a hash and the offset. The hash depends on a secret drawn for
//! each run, so that no client can choose keys that collide and lose another one's record; by
//! chance two of a billion keys do with a probability below 10^-20. Linear probing, at most
//! three quarters full; the table doubles up to its limit, so that a small log costs little.

use std::hash::{DefaultHasher, Hasher};

use chronik_types::Offset;

const SLOT_BYTES: usize = size_of::<Slot>();
const SLOTS_FIRST: usize = 1024;

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: [u64; 2],
    /// Below 0: free.
    offset: i64,
}

const FREE: Slot = Slot {
    hash: [0; 2],
    offset: -1,
};

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct OffsetMap {
    slots: Vec<Slot>,
    used: usize,
    slots_max: usize,
    secret: [u64; 2],
}

impl OffsetMap {
    /// An empty map of at most `bytes_max` bytes, or the few that one key takes.
    pub(super) fn new(bytes_max: usize, secret: [u64; 2]) -> Self {
        let slots_max = (bytes_max / SLOT_BYTES).max(2);
        Self {
            slots: vec![FREE; SLOTS_FIRST.min(slots_max)],
            used: 0,
            slots_max,
            secret,
        }
    }

    /// Keys in it.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.used
    }

    /// Notes that the record at `offset` has `key`; false if a further key has no room.
    #[must_use]
    pub(super) fn put(&mut self, key: &[u8], offset: Offset) -> bool {
        let hash = self.hash(key);
        let at = self.find(hash);
        if self.slots[at].offset < 0 {
            if !self.make_room() {
                return false;
            }
            self.used += 1;
        }
        // Growing has moved everything.
        let at = self.find(hash);
        self.slots[at] = Slot {
            hash,
            offset: offset.get(),
        };
        true
    }

    /// The greatest offset noted for `key`.
    pub(super) fn get(&self, key: &[u8]) -> Option<Offset> {
        let slot = self.slots[self.find(self.hash(key))];
        (slot.offset >= 0).then(|| Offset::new(slot.offset))
    }

    /// Where a hash is, or would be.
    fn find(&self, hash: [u64; 2]) -> usize {
        let count = self.slots.len();
        let mut at = usize::try_from(hash[0] % count as u64).unwrap_or(0);
        // There is always a free slot.
        while self.slots[at].offset >= 0 && self.slots[at].hash != hash {
            at = (at + 1) % count;
        }
        at
    }

    /// Whether one more key fits, after growing if need be.
    fn make_room(&mut self) -> bool {
        if self.used < room(self.slots.len()) {
            return true;
        }
        let bigger = (self.slots.len() * 2).min(self.slots_max);
        if self.used >= room(bigger) {
            return false;
        }
        let old = std::mem::replace(&mut self.slots, vec![FREE; bigger]);
        for slot in old.into_iter().filter(|slot| slot.offset >= 0) {
            let at = self.find(slot.hash);
            self.slots[at] = slot;
        }
        true
    }

    fn hash(&self, key: &[u8]) -> [u64; 2] {
        self.secret.map(|secret| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u64(secret);
            hasher.write(key);
            hasher.finish()
        })
    }
}

/// Keys that so many slots may hold.
fn room(slots: usize) -> usize {
    (slots * 3 / 4).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> [u8; 8] {
        n.to_le_bytes()
    }

    #[test]
    fn the_last_offset_of_a_key_is_found_while_the_map_grows() {
        let mut map = OffsetMap::new(1 << 20, [1, 2]);
        for round in 0..2 {
            for n in 0..20_000 {
                let offset = Offset::new((round * 20_000 + n) as i64);
                assert!(map.put(&key(n), offset));
            }
        }
        assert_eq!(map.len(), 20_000);
        for n in 0..20_000 {
            assert_eq!(map.get(&key(n)), Some(Offset::new(20_000 + n as i64)));
        }
        assert_eq!(map.get(&key(20_000)), None);
    }

    #[test]
    fn a_full_map_takes_known_keys_and_no_others() {
        let mut map = OffsetMap::new(100 * SLOT_BYTES, [1, 2]);
        let fits = (0..100)
            .take_while(|n| map.put(&key(*n), Offset::new(*n as i64)))
            .count();
        assert_eq!(fits, 75);
        assert!(map.put(&key(3), Offset::new(500)));
        assert!(!map.put(&key(99), Offset::new(501)));
        assert_eq!(map.get(&key(3)), Some(Offset::new(500)));
        assert_eq!(map.get(&key(99)), None);
        let mut smallest = OffsetMap::new(0, [1, 2]);
        assert!(
            smallest.put(b"one", Offset::ZERO),
            "there is always progress"
        );
        assert!(!smallest.put(b"two", Offset::ZERO));
    }
}
