//! Where replicas of new partitions go: striped over racks and brokers, live ones first.
//!
//! The first rack and, in it, the first broker are random; each partition starts one further, so
//! leaders and replicas are spread evenly. The first replica is always a live broker.

use std::collections::BTreeMap;

use chronik_types::NodeId;

use crate::controller::Random;
use crate::image::MetadataImage;

/// A broker that replicas may be placed on.
pub(crate) struct Candidate<'a> {
    pub(crate) node: NodeId,
    pub(crate) rack: Option<&'a str>,
    pub(crate) active: bool,
}

/// The brokers that are known: registered ones, fenced too, and listed voters that are not yet.
pub(crate) fn candidates<'a>(image: &'a MetadataImage, voters: &[NodeId]) -> Vec<Candidate<'a>> {
    let mut candidates: Vec<_> = image
        .brokers()
        .map(|broker| Candidate {
            node: broker.node,
            rack: broker.rack.as_deref(),
            active: broker.is_active(),
        })
        .collect();
    for voter in voters {
        if image.broker(*voter).is_none() {
            candidates.push(Candidate {
                node: *voter,
                rack: None,
                active: false,
            });
        }
    }
    candidates.sort_by_key(|candidate| candidate.node);
    candidates
}

/// Places `partitions` partitions of `replicas` replicas each, which must not be more than there
/// are candidates; one of these must be active.
pub(crate) fn place(
    candidates: &[Candidate<'_>],
    partitions: usize,
    replicas: usize,
    random: &mut dyn Random,
) -> Vec<Vec<NodeId>> {
    assert!(replicas <= candidates.len(), "the caller checked");
    let mut racks: BTreeMap<Option<&str>, [Vec<NodeId>; 2]> = BTreeMap::new();
    for candidate in candidates {
        let [live, fenced] = racks.entry(candidate.rack).or_default();
        if candidate.active { live } else { fenced }.push(candidate.node);
    }
    let racks: Vec<_> = racks.into_values().collect();
    let first_rack = random.below(racks.len());
    let first_broker = random.below(candidates.len());
    (0..partitions)
        .map(|partition| {
            let mut placed = Vec::with_capacity(candidates.len());
            // A rack is first again after all racks were, and then starts one broker further.
            let broker = first_broker + partition / racks.len();
            for class in [0, 1] {
                for round in 0..candidates.len() {
                    for rack in 0..racks.len() {
                        let nodes = &racks[(first_rack + partition + rack) % racks.len()][class];
                        if round < nodes.len() {
                            placed.push(nodes[(broker + round) % nodes.len()]);
                        }
                    }
                }
            }
            placed.truncate(replicas);
            placed
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::tests::Seeded;

    fn candidates(racks: &[(i32, Option<&'static str>, bool)]) -> Vec<Candidate<'static>> {
        racks
            .iter()
            .map(|(node, rack, active)| Candidate {
                node: NodeId::new(*node),
                rack: *rack,
                active: *active,
            })
            .collect()
    }

    #[test]
    fn leaders_and_replicas_are_spread_evenly() {
        let brokers = candidates(&[(1, None, true), (2, None, true), (3, None, true)]);
        let placed = place(&brokers, 9, 2, &mut Seeded(7));
        for node in [1, 2, 3].map(NodeId::new) {
            assert_eq!(placed.iter().filter(|p| p[0] == node).count(), 3);
            assert_eq!(placed.iter().filter(|p| p.contains(&node)).count(), 6);
        }
    }

    #[test]
    fn replicas_of_a_partition_lie_in_different_racks_while_there_are_any() {
        let brokers = candidates(&[
            (1, Some("a"), true),
            (2, Some("a"), true),
            (3, Some("b"), true),
            (4, Some("b"), true),
            (5, Some("c"), true),
            (6, Some("c"), true),
        ]);
        let rack_of = |node: NodeId| (node.get() - 1) / 2;
        let placed = place(&brokers, 12, 3, &mut Seeded(1));
        for replicas in &placed {
            let mut racks: Vec<_> = replicas.iter().copied().map(rack_of).collect();
            racks.sort_unstable();
            assert_eq!(racks, [0, 1, 2]);
        }
        for node in (1..=6).map(NodeId::new) {
            assert_eq!(placed.iter().filter(|p| p[0] == node).count(), 2);
        }
    }

    #[test]
    fn a_fenced_broker_is_used_last_and_never_first() {
        let brokers = candidates(&[(1, None, true), (2, None, false), (3, None, true)]);
        for replicas in place(&brokers, 4, 3, &mut Seeded(3)) {
            assert_eq!(replicas[2], NodeId::new(2));
        }
    }
}
