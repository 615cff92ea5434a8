//! Names that repeat: topic names shared between groups, and the hash of group ids.

use std::hash::{BuildHasher, DefaultHasher, Hasher};
use std::sync::Arc;

use indexmap::IndexSet;

/// Hashes with a seed, so that the order of a map repeats and its collisions cannot be chosen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seeded(pub(crate) u64);

impl BuildHasher for Seeded {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

/// Topic names, each held once however many groups commit to the topic.
#[derive(Debug)]
pub(crate) struct Names {
    names: IndexSet<Arc<str>, Seeded>,
    /// At this many the unused ones are dropped.
    sweep_at: usize,
}

impl Names {
    pub(crate) fn new(hasher: Seeded) -> Self {
        Self {
            names: IndexSet::with_hasher(hasher),
            sweep_at: 1024,
        }
    }

    /// The shared form of a name.
    pub(crate) fn intern(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        if self.names.len() >= self.sweep_at {
            self.names.retain(|name| Arc::strong_count(name) > 1);
            self.sweep_at = (self.names.len() * 2).max(1024);
        }
        let name: Arc<str> = name.into();
        self.names.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nobody_uses_any_more_is_dropped() {
        let mut names = Names::new(Seeded(1));
        let kept = names.intern("kept");
        for i in 0..5000 {
            names.intern(&format!("topic-{i}"));
        }
        assert!(names.names.len() <= 1025);
        assert!(Arc::ptr_eq(&kept, &names.intern("kept")));
    }
}
