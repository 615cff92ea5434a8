//! Which partition a record goes to: by its key as Kafka's own producer does, so that keys of
//! both end up together; without a key a batch's worth to one partition, then to the next.

use chronik_types::PartitionId;

/// The partition of a key among `count` (at least 1): Murmur2 of its bytes, without the sign.
pub fn partition_for_key(key: &[u8], count: i32) -> PartitionId {
    let positive = (murmur2(key) & 0x7fff_ffff).cast_signed();
    PartitionId::new(positive % count.max(1))
}

/// Murmur2 with the seed that Kafka uses.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    // Kafka counts lengths in 32 bits too.
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = 0x9747_b28c ^ length;
    let words = data.chunks_exact(4);
    let rest = words.remainder();
    for word in words {
        let bytes = word.first_chunk().copied().unwrap_or_default();
        let mut k = u32::from_le_bytes(bytes).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// Turns between partitions for records without a key.
#[derive(Debug, Default)]
pub(super) struct Rotation {
    partition: i32,
    filled: usize,
}

impl Rotation {
    /// The partition of the next record, which takes `cost` bytes.
    pub(super) fn next(&mut self, count: i32, cost: u32, batch_bytes: usize) -> PartitionId {
        if self.filled >= batch_bytes {
            self.filled = 0;
            self.partition = (self.partition + 1) % count.max(1);
        }
        self.filled += usize::try_from(cost).unwrap_or(usize::MAX);
        PartitionId::new(self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hash_as_in_kafka() {
        // The vectors of Kafka's own test of Utils.murmur2.
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn a_key_always_goes_to_the_same_partition_and_none_is_negative() {
        for key in 0..1000_u32 {
            let partition = partition_for_key(&key.to_be_bytes(), 7);
            assert!((0..7).contains(&partition.get()));
            assert_eq!(partition, partition_for_key(&key.to_be_bytes(), 7));
        }
    }

    #[test]
    fn records_without_a_key_fill_a_batch_before_the_next_partition_has_its_turn() {
        let mut rotation = Rotation::default();
        let chosen: Vec<_> = (0..7).map(|_| rotation.next(3, 50, 100).get()).collect();
        assert_eq!(chosen, [0, 0, 1, 1, 2, 2, 0]);
    }
}
