//! DescribeLogDirs: v1-v5. The data directory, its filesystem and the size of each partition.
//!
//! Version notes: v3 top-level error; v4 total and usable bytes (KIP-827); v5 cordoned.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chronik_protocol::generated::describe_log_dirs_request::DescribeLogDirsRequest;
use chronik_protocol::generated::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};

use super::{Context, Handled, Handler};

pub(super) struct DescribeLogDirs;

impl Handler for DescribeLogDirs {
    type Request = DescribeLogDirsRequest;
    const VERSIONS: RangeInclusive<i16> = 1..=5;

    async fn handle(
        context: Context,
        request: DescribeLogDirsRequest,
    ) -> Handled<DescribeLogDirsResponse> {
        let is_asked = |topic: &str, partition: i32| match &request.topics {
            None => true,
            Some(topics) => topics.iter().any(|asked| {
                asked.topic.as_str() == topic && asked.partitions.contains(&partition)
            }),
        };
        let mut topics: BTreeMap<String, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
        for partition in context.node.replicas.all() {
            let index = partition.partition.get();
            if is_asked(partition.topic.as_str(), index) {
                topics.entry(partition.topic.to_string()).or_default().push(
                    DescribeLogDirsPartition {
                        partition_index: index,
                        partition_size: i64::try_from(partition.log.size_bytes())
                            .unwrap_or(i64::MAX),
                        offset_lag: 0,
                        is_future_key: false,
                    },
                );
            }
        }
        let space = context.node.disk_space.latest();
        let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let result = DescribeLogDirsResult {
            log_dir: context.node.data_dir_text().into(),
            topics: topics
                .into_iter()
                .map(|(name, partitions)| DescribeLogDirsTopic {
                    name: name.into(),
                    partitions,
                })
                .collect(),
            total_bytes: space.map_or(-1, |space| bytes(space.total)),
            usable_bytes: space.map_or(-1, |space| bytes(space.available)),
            ..DescribeLogDirsResult::default()
        };
        DescribeLogDirsResponse {
            results: vec![result],
            ..DescribeLogDirsResponse::default()
        }
        .into()
    }
}
