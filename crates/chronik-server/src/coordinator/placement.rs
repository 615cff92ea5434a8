//! Which partition of `__consumer_offsets` keeps a group.
//!
//! Kafka's rule, because tools that read the topic compute it themselves: Java's hash of the
//! name, its absolute value (zero for the smallest), modulo the number of partitions.

use chronik_types::PartitionId;

/// The partition that keeps `group`, of `partitions`, which is at least 1.
pub(crate) fn partition_of(group: &str, partitions: usize) -> PartitionId {
    let hash = group.encode_utf16().fold(0i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    });
    let count = i32::try_from(partitions.max(1)).unwrap_or(i32::MAX);
    PartitionId::new(hash.checked_abs().unwrap_or(0) % count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_lies_where_java_would_put_it() {
        // `Utils.abs("…".hashCode()) % 50` as a Java virtual machine computes it.
        for (group, partition) in [
            ("", 0),
            ("a", 47),
            ("group", 47),
            ("gr\u{f6}\u{df}e\u{1f600}", 22),
            // Its hash is the smallest integer, which has no absolute value.
            ("polygenelubricants", 0),
        ] {
            assert_eq!(
                partition_of(group, 50),
                PartitionId::new(partition),
                "{group}"
            );
        }
    }
}
