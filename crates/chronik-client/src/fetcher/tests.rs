//! A fetcher against the fake node.

use chronik_protocol::{ApiKey, BatchBuilder, Codec};
use chronik_types::ErrorCode;

use super::*;
use crate::ClientOptions;
use crate::fake::{Fake, Fault};

async fn client(fake: &Fake) -> Client {
    let options = ClientOptions {
        patience: Duration::from_secs(5),
        backoff_min: Duration::from_millis(5),
        backoff_max: Duration::from_millis(20),
        ..ClientOptions::default()
    };
    let bootstrap = std::slice::from_ref(&fake.addr);
    Client::connect_with(bootstrap, options).await.unwrap()
}

/// A batch of these values at an offset; the value is the timestamp too.
fn batch(offset: i64, codec: Codec, values: std::ops::Range<i64>) -> Bytes {
    let mut builder = BatchBuilder::new(codec).base_offset(offset);
    for value in values {
        let text = value.to_string();
        builder
            .push(value, None, Some(text.as_bytes()), &[])
            .unwrap();
    }
    builder.build().unwrap()
}

/// 100 records in batches of 10, the value of each its offset.
async fn hundred(partitions: usize) -> Fake {
    let fake = Fake::start(&[("t", partitions)]).await;
    for (place, log) in fake
        .lock()
        .logs
        .get_mut("t")
        .unwrap()
        .iter_mut()
        .enumerate()
    {
        let codec = Codec::ALL[place % Codec::ALL.len()];
        *log = (0..10)
            .map(|n| batch(n * 10, codec, n * 10..n * 10 + 10))
            .collect();
    }
    fake
}

fn range(partition: i32, start: Start, stop: Stop) -> PartitionRange {
    PartitionRange {
        topic: "t".into(),
        partition: PartitionId::new(partition),
        start,
        stop,
    }
}

async fn read(fake: &Fake, ranges: &[PartitionRange]) -> Vec<(i32, i64)> {
    let options = FetcherOptions::default();
    let mut fetcher = Fetcher::open(client(fake).await, ranges, options)
        .await
        .unwrap();
    let mut read = Vec::new();
    while let Some(record) = fetcher.next().await.unwrap() {
        assert_eq!(record.value.unwrap(), record.offset.get().to_string());
        read.push((record.partition.get(), record.offset.get()));
    }
    read
}

#[tokio::test]
async fn everything_is_read_once_and_in_order_from_the_start_to_the_high_watermark() {
    let fake = hundred(6).await;
    let ranges: Vec<_> = (0..6)
        .map(|partition| range(partition, Start::Earliest, Stop::HighWatermark))
        .collect();
    let read = read(&fake, &ranges).await;
    for partition in 0..6 {
        let offsets: Vec<_> = read
            .iter()
            .filter(|(p, _)| *p == partition)
            .map(|(_, offset)| *offset)
            .collect();
        assert_eq!(offsets, (0..100).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn start_and_stop_cut_batches_in_two() {
    let fake = hundred(1).await;
    let at = |offset| Offset::new(offset);
    let time = |millis| Timestamp::from_millis(millis);
    for (start, stop, expected) in [
        (Start::Offset(at(15)), Stop::Offset(at(27)), 15..27),
        (Start::Offset(at(95)), Stop::HighWatermark, 95..100),
        (Start::Offset(at(20)), Stop::Offset(at(20)), 20..20),
        (Start::Latest, Stop::HighWatermark, 100..100),
        (Start::Time(time(35)), Stop::Time(time(61)), 30..60),
        (Start::Time(time(1000)), Stop::HighWatermark, 100..100),
        (Start::Offset(at(98)), Stop::Time(time(1000)), 98..100),
    ] {
        let offsets: Vec<_> = read(&fake, &[range(0, start, stop)]).await;
        let expected: Vec<_> = expected.map(|offset| (0, offset)).collect();
        assert_eq!(offsets, expected, "{start:?} {stop:?}");
    }
}

#[tokio::test]
async fn reading_goes_on_through_lost_connections_and_moved_leaders() {
    let fake = hundred(2).await;
    let moved = Fault::Code(ErrorCode::NotLeaderOrFollower);
    fake.fail(ApiKey::Fetch, [moved, Fault::Lost, Fault::Nothing, moved]);
    let both = [
        range(0, Start::Earliest, Stop::HighWatermark),
        range(1, Start::Earliest, Stop::HighWatermark),
    ];
    assert_eq!(read(&fake, &both).await.len(), 200);
}

#[tokio::test]
async fn a_read_that_is_given_up_while_it_waits_loses_nothing() {
    let fake = Fake::start(&[("t", 1)]).await;
    let options = FetcherOptions::default();
    let follow = [range(0, Start::Latest, Stop::Never)];
    let mut fetcher = Fetcher::open(client(&fake).await, &follow, options)
        .await
        .unwrap();
    for n in 0..20 {
        let patience = Duration::from_millis(3);
        let waited = tokio::time::timeout(patience, fetcher.next()).await;
        assert!(waited.is_err(), "there is nothing to read");
        fake.lock().logs.get_mut("t").unwrap()[0].push(batch(n, Codec::None, n..n + 1));
        let record = fetcher.next().await.unwrap().unwrap();
        assert_eq!(record.offset.get(), n);
    }
    let partition = PartitionId::new(0);
    assert_eq!(fetcher.position("t", partition), Some(Offset::new(20)));
    assert_eq!(
        fetcher.high_watermark("t", partition),
        Some(Offset::new(20))
    );
}

#[tokio::test]
async fn holes_that_compaction_left_and_markers_are_passed_over() {
    let fake = Fake::start(&[("t", 1)]).await;
    let mut marker = BatchBuilder::new(Codec::None).control().base_offset(7);
    marker.push(0, None, None, &[]).unwrap();
    let log = [
        batch(2, Codec::None, 2..4),
        marker.build().unwrap(),
        batch(20, Codec::Lz4, 20..22),
    ];
    fake.lock().logs.get_mut("t").unwrap()[0].extend(log);
    let read = read(&fake, &[range(0, Start::Earliest, Stop::HighWatermark)]).await;
    assert_eq!(read, [(0, 2), (0, 3), (0, 20), (0, 21)]);
}

#[tokio::test]
async fn a_damaged_batch_is_an_error_after_everything_before_it() {
    let fake = hundred(1).await;
    {
        let mut state = fake.lock();
        let damaged = &mut state.logs.get_mut("t").unwrap()[0][5];
        let mut bytes = damaged.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        *damaged = bytes.into();
    }
    let ranges = [range(0, Start::Earliest, Stop::HighWatermark)];
    let options = FetcherOptions::default();
    let mut fetcher = Fetcher::open(client(&fake).await, &ranges, options)
        .await
        .unwrap();
    for offset in 0..50 {
        assert_eq!(fetcher.next().await.unwrap().unwrap().offset.get(), offset);
    }
    for _ in 0..2 {
        let error = fetcher.next().await.unwrap_err();
        let ClientError::Batch { offset, error, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(offset.get(), 50);
        assert!(matches!(error, BatchError::Crc { .. }));
    }
}

#[tokio::test]
async fn a_batch_that_opens_to_more_than_allowed_is_refused() {
    let fake = Fake::start(&[("t", 1)]).await;
    let mut bomb = BatchBuilder::new(Codec::Gzip);
    bomb.push(0, None, Some(&vec![0; 1 << 20]), &[]).unwrap();
    fake.lock().logs.get_mut("t").unwrap()[0].push(bomb.build().unwrap());
    let ranges = [range(0, Start::Earliest, Stop::HighWatermark)];
    let options = FetcherOptions {
        batch_memory_max: 1 << 16,
        ..FetcherOptions::default()
    };
    let mut fetcher = Fetcher::open(client(&fake).await, &ranges, options)
        .await
        .unwrap();
    let error = fetcher.next().await.unwrap_err();
    let ClientError::Batch { error, .. } = error else {
        panic!("{error}");
    };
    assert!(matches!(error, BatchError::OverBudget { .. }));
}

#[tokio::test]
async fn an_offset_outside_of_the_log_is_told_and_not_tried_again() {
    let fake = hundred(1).await;
    let outside = [range(0, Start::Offset(Offset::new(101)), Stop::Never)];
    let options = FetcherOptions::default();
    let mut fetcher = Fetcher::open(client(&fake).await, &outside, options)
        .await
        .unwrap();
    let error = fetcher.next().await.unwrap_err();
    assert!(
        matches!(error, ClientError::OffsetOutOfRange { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_start_beyond_the_end_is_told_even_if_nothing_would_be_read() {
    let fake = hundred(1).await;
    let beyond = [range(
        0,
        Start::Offset(Offset::new(101)),
        Stop::HighWatermark,
    )];
    let options = FetcherOptions::default();
    let opened = Fetcher::open(client(&fake).await, &beyond, options).await;
    let error = opened.map(|_| ()).unwrap_err();
    assert!(
        matches!(error, ClientError::OffsetOutOfRange { .. }),
        "{error}"
    );
}
