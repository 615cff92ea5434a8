//! The two rules about safety that everybody asks for: how many replicas must have a write, and
//! what "have" means.

use chronik_types::Durability;

/// How many in-sync replicas an acks=all write needs, given `min.insync.replicas` where it was set
/// explicitly and the partition's replication factor. Explicit values are capped by the factor;
/// otherwise 2 of 3 or more, else 1.
#[must_use]
pub fn effective_min_isr(config: Option<i32>, replication_factor: usize) -> usize {
    match config {
        Some(explicit) => usize::try_from(explicit)
            .unwrap_or(1)
            .clamp(1, replication_factor.max(1)),
        None if replication_factor >= 3 => 2,
        None => 1,
    }
}

/// A topic's class: its own `chronik.durability`, or quorum-fsync if it asks for a flush after
/// every message in Kafka's words, or the cluster's.
pub(crate) fn topic_durability(
    own: Option<&str>,
    flush_messages: Option<&str>,
    cluster: Durability,
) -> Durability {
    // Values were judged without the white space around them.
    match own.map(|text| text.trim().parse()) {
        Some(Ok(durability)) => durability,
        _ if flush_messages.map(str::trim) == Some("1") => Durability::QuorumFsync,
        _ => cluster,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explicit_min_isr_is_capped_by_the_replication_factor() {
        assert_eq!(effective_min_isr(Some(2), 1), 1);
        assert_eq!(effective_min_isr(Some(2), 3), 2);
        assert_eq!(effective_min_isr(Some(5), 3), 3);
        assert_eq!(effective_min_isr(Some(1), 3), 1);
    }

    #[test]
    fn without_one_two_of_three_replicas_must_have_a_write() {
        assert_eq!(effective_min_isr(None, 1), 1);
        assert_eq!(effective_min_isr(None, 2), 1);
        assert_eq!(effective_min_isr(None, 3), 2);
        assert_eq!(effective_min_isr(None, 5), 2);
    }

    #[test]
    fn flush_messages_1_means_quorum_fsync_unless_the_topic_names_its_class() {
        let memory = Durability::QuorumMemory;
        assert_eq!(topic_durability(None, None, memory), memory);
        assert_eq!(
            topic_durability(None, Some("1"), memory),
            Durability::QuorumFsync
        );
        assert_eq!(
            topic_durability(Some("quorum-memory"), Some("1"), memory),
            memory
        );
    }
}
