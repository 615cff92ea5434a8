//! Which partition of `__consumer_offsets` a group belongs to, and so which shard.

use chronik_types::PartitionId;

/// The partition of a group among `partitions`, which is at least 1, as every Kafka has it.
pub fn partition_of(group: &str, partitions: i32) -> PartitionId {
    let hash = java_hash(group);
    // The least number has no positive counterpart.
    let hash = hash.checked_abs().unwrap_or(0);
    PartitionId::new(hash % partitions.max(1))
}

/// `String.hashCode` of Java.
fn java_hash(text: &str) -> i32 {
    let units = text.encode_utf16();
    units.fold(0, |hash: i32, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_where_kafka_looks_for_it() {
        assert_eq!(java_hash("hello"), 99_162_322);
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
        assert_eq!(java_hash("\u{1f600}"), 0xd83d * 31 + 0xde00);
        assert_eq!(partition_of("hello", 50), PartitionId::new(22));
        assert_eq!(partition_of("polygenelubricants", 50), PartitionId::new(0));
        assert_eq!(partition_of("", 50), PartitionId::new(0));
        assert!((0..1_000).all(|i| {
            let partition = partition_of(&format!("group-{i}"), 50).get();
            (0..50).contains(&partition)
        }));
    }
}
