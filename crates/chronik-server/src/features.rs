//! Feature levels: what this node supports and what a new cluster is finalised at (Kafka 4.3).
//!
//! Clients choose their protocols by these: a level is listed only when what it stands for works.

/// A feature with the levels supported.
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    pub(crate) min: i16,
    pub(crate) max: i16,
}

/// `metadata.version` of Kafka 4.3-IV0, from 3.3-IV3; the others come with what they stand for.
pub(crate) const SUPPORTED: &[Feature] = &[
    Feature {
        name: "chronik.version",
        min: 1,
        max: 1,
    },
    Feature {
        name: "metadata.version",
        min: 7,
        max: 30,
    },
];
