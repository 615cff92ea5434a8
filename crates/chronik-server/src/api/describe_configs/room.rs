//! How much one answer may say: a request of a few bytes per resource could ask for gigabytes.

use chronik_protocol::Str;
use chronik_protocol::generated::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsSynonym,
};

/// Configurations in one answer. A resource without any counts as one.
const ENTRIES_MAX: usize = 100_000;

/// Bytes of their names, values and documentation.
const BYTES_MAX: usize = 64 << 20;

/// What is left for one answer. The resource that takes the last of it is answered whole.
pub(super) struct Room {
    entries: usize,
    bytes: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            entries: ENTRIES_MAX,
            bytes: BYTES_MAX,
        }
    }
}

impl Room {
    pub(super) fn is_used_up(&self) -> bool {
        self.entries == 0 || self.bytes == 0
    }

    /// Counts the configurations of one resource.
    pub(super) fn take(&mut self, configs: &[DescribeConfigsResourceResult]) {
        let bytes: usize = configs.iter().map(size).sum();
        self.entries = self.entries.saturating_sub(configs.len().max(1));
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// Bytes of a configuration's texts.
fn size(config: &DescribeConfigsResourceResult) -> usize {
    let text = |text: &Option<Str>| text.as_ref().map_or(0, |text| text.len());
    let synonym = |one: &DescribeConfigsSynonym| one.name.len() + text(&one.value);
    let synonyms: usize = config.synonyms.iter().map(synonym).sum();
    config.name.len() + text(&config.value) + text(&config.documentation) + synonyms
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many resources with such configurations are answered, of at most 200,000.
    fn answered(configs: &[DescribeConfigsResourceResult]) -> usize {
        let mut room = Room::default();
        let asked = (0..200_000).take_while(|_| {
            let has_room = !room.is_used_up();
            room.take(configs);
            has_room
        });
        asked.count()
    }

    #[test]
    fn an_answer_is_bounded_in_configurations_and_in_bytes_of_all_their_texts() {
        let long = || Str::from("x".repeat(1 << 20).as_str());
        let config = DescribeConfigsResourceResult::default;
        let synonym = DescribeConfigsSynonym {
            name: "a".into(),
            value: Some(long()),
            ..DescribeConfigsSynonym::default()
        };
        let described = DescribeConfigsResourceResult {
            value: Some(long()),
            synonyms: vec![synonym],
            documentation: Some(long()),
            ..config()
        };
        assert_eq!(answered(&[]), 100_000);
        assert_eq!(answered(&[config(), config()]), 50_000);
        assert_eq!(answered(&[described]), 22);
    }
}
