//! Compaction of small logs held in memory, pass after pass.

use chronik_protocol::{BatchBuilder, Codec, ProducerStamp, RecordIter};

use super::*;

const NOW: i64 = 1_000_000;
const RETENTION: i64 = 1_000;

type Pairs<'a> = &'a [(&'a str, Option<&'a str>)];

fn batch(base: i64, records: Pairs<'_>) -> Bytes {
    build(BatchBuilder::new(Codec::Lz4).base_offset(base), records)
}

fn build(mut builder: BatchBuilder, records: Pairs<'_>) -> Bytes {
    for (key, value) in records {
        let key = (!key.is_empty()).then_some(key.as_bytes());
        builder
            .push(500, key, value.map(str::as_bytes), &[])
            .unwrap();
    }
    builder.build().unwrap()
}

fn of_producer(base: i64, id: i64, sequence: i32) -> BatchBuilder {
    BatchBuilder::new(Codec::None)
        .base_offset(base)
        .producer(ProducerStamp {
            producer_id: id,
            producer_epoch: 0,
            base_sequence: sequence,
        })
}

fn data(base: i64, id: i64, sequence: i32, key: &str) -> Bytes {
    let builder = of_producer(base, id, sequence).transactional();
    build(builder, &[(key, Some("of a transaction"))])
}

fn marker(base: i64, id: i64, commits: bool) -> Bytes {
    let mut builder = of_producer(base, id, -1).transactional().control();
    let key = [0, 0, 0, u8::from(commits)];
    builder
        .push(500, Some(&key), Some(&[0, 0, 0, 0, 0, 7]), &[])
        .unwrap();
    builder.build().unwrap()
}

/// One pass over a log whose dirty part begins at `dirty`, ending at its end.
fn pass(log: &[Bytes], dirty: i64, now: i64, last_batches: &LastBatches) -> Vec<Bytes> {
    let mut map = OffsetMap::new(1 << 16, [3, 4]);
    let mut aborted = Aborted::default();
    let header = |batch: &Bytes| Header::parse(batch).unwrap();
    for batch in log {
        aborted.read(&header(batch), batch).unwrap();
    }
    for batch in log {
        let header = header(batch);
        if header.is_control() || aborted.contains(&header) {
            continue;
        }
        for record in RecordIter::new(batch, 1 << 20).unwrap() {
            let record = record.unwrap();
            if let Some(key) = record.key.filter(|_| record.offset >= dirty) {
                assert!(map.put(&key, Offset::new(record.offset)));
            }
        }
    }
    let mut filter = Filter {
        map,
        upto: header(log.last().unwrap()).next_offset(),
        aborted,
        last_batches: last_batches.clone(),
        now,
        delete_retention_ms: RETENTION,
        observed: Observed::default(),
        counted: Counted::default(),
    };
    let mut out = Vec::new();
    for batch in log {
        match filter.judge(&header(batch), batch).unwrap() {
            Verdict::Keep => out.push(batch.clone()),
            Verdict::Replace(batch) => out.push(batch),
            Verdict::Drop => {}
        }
    }
    for batch in &out {
        assert!(header(batch).checksum_fits(batch));
    }
    out
}

fn clean(log: &[Bytes], now: i64) -> Vec<Bytes> {
    pass(log, 0, now, &LastBatches::new())
}

/// Batches in one line: `base..=last` and the offsets of the records.
fn shape(log: &[Bytes]) -> String {
    let mut text = String::new();
    for batch in log {
        let header = Header::parse(batch).unwrap();
        let records = RecordIter::new(batch, 1 << 20).unwrap();
        let offsets: Vec<_> = records.map(|record| record.unwrap().offset).collect();
        text += &format!(
            "{}..={}{offsets:?} ",
            header.base_offset,
            header.last_offset()
        );
    }
    text.trim_end().to_owned()
}

#[test]
fn the_last_value_of_every_key_stays_where_it_was() {
    let log = [
        batch(0, &[("a", Some("1")), ("b", Some("1")), ("c", Some("1"))]),
        batch(3, &[("a", Some("2"))]),
        batch(4, &[("b", Some("2")), ("a", Some("3"))]),
        batch(6, &[("d", Some("1"))]),
    ];
    let after = clean(&log, NOW);
    assert_eq!(shape(&after), "0..=2[2] 4..=5[4, 5] 6..=6[6]");
    assert_eq!(after[1..], log[2..], "what stays whole is the same bytes");
    assert_eq!(clean(&after, NOW), after);
}

#[test]
fn a_record_without_a_key_goes() {
    let log = [
        batch(0, &[("", Some("1")), ("a", Some("1"))]),
        batch(2, &[("b", Some("1"))]),
    ];
    assert_eq!(shape(&clean(&log, NOW)), "0..=1[1] 2..=2[2]");
}

#[test]
fn a_tombstone_stays_until_its_horizon_and_takes_its_key_along() {
    let log = [
        batch(0, &[("a", Some("1")), ("b", Some("1"))]),
        batch(2, &[("a", None)]),
        batch(3, &[("c", Some("1"))]),
    ];
    let first = clean(&log, NOW);
    assert_eq!(shape(&first), "0..=1[1] 2..=2[2] 3..=3[3]");
    let horizon = delete_horizon(&Header::parse(&first[1]).unwrap());
    assert_eq!(horizon, Some(NOW + RETENTION));
    assert_eq!(clean(&first, NOW + RETENTION - 1), first);
    let gone = clean(&first, NOW + RETENTION);
    assert_eq!(shape(&gone), "0..=1[1] 3..=3[3]");
}

#[test]
fn a_tombstone_in_the_clean_part_goes_without_being_in_the_map() {
    let log = [
        batch(0, &[("a", None), ("b", Some("1"))]),
        batch(2, &[("c", Some("1"))]),
    ];
    let first = clean(&log, NOW);
    let gone = pass(&first, 2, NOW + RETENTION, &LastBatches::new());
    assert_eq!(shape(&gone), "0..=1[1] 2..=2[2]");
}

#[test]
fn the_last_batch_of_a_producer_and_the_last_of_the_round_stay_without_records() {
    let log = [
        build(of_producer(0, 7, 0), &[("a", Some("1"))]),
        build(of_producer(1, 7, 1), &[("a", Some("2"))]),
        build(of_producer(2, 8, 0), &[("a", Some("3"))]),
        batch(3, &[("a", Some("4")), ("", Some("no key"))]),
        batch(5, &[("", Some("no key"))]),
    ];
    let zero = ProducerEpoch::new(0);
    let last = [(ProducerId::new(7), (zero, Some(Offset::new(1))))].into();
    let after = pass(&log, 0, NOW, &last);
    assert_eq!(shape(&after), "1..=1[] 3..=4[3] 5..=5[]");
    let kept = Header::parse(&after[0]).unwrap().producer.unwrap();
    assert_eq!(kept.first_sequence.map(|s| s.get()), Some(1));
    // A later round ends further on and its producer has written again.
    let more = [after, vec![batch(6, &[("b", Some("1"))])]].concat();
    assert_eq!(shape(&clean(&more, NOW)), "3..=4[3] 6..=6[6]");
}

#[test]
fn aborted_data_goes_at_once_and_supersedes_nothing() {
    let log = [
        batch(0, &[("a", Some("before"))]),
        data(1, 7, 0, "a"),
        data(2, 8, 0, "b"),
        marker(3, 7, false),
        marker(4, 8, true),
        batch(5, &[("c", Some("1"))]),
    ];
    let after = clean(&log, NOW);
    assert_eq!(
        shape(&after),
        "0..=0[0] 2..=2[2] 3..=3[3] 4..=4[4] 5..=5[5]"
    );
}

#[test]
fn a_marker_stays_until_its_data_is_gone_and_then_until_a_horizon() {
    let log = [
        data(0, 7, 0, "a"),
        marker(1, 7, true),
        batch(2, &[("a", Some("after"))]),
    ];
    let first = clean(&log, NOW);
    assert_eq!(shape(&first), "1..=1[1] 2..=2[2]", "it still saw the data");
    assert_eq!(first[0], log[1]);
    let second = clean(&first, NOW);
    let horizon = delete_horizon(&Header::parse(&second[0]).unwrap());
    assert_eq!(horizon, Some(NOW + RETENTION));
    assert_eq!(clean(&second, NOW + RETENTION - 1), second);
    let third = clean(&second, NOW + RETENTION);
    assert_eq!(shape(&third), "2..=2[2]");
    // The marker is the last that a producer with state wrote: its epoch has to stay.
    let epoch = ProducerEpoch::new(0);
    let last = [(ProducerId::new(7), (epoch, None))].into();
    let fenced = pass(&second, 0, NOW + RETENTION, &last);
    assert_eq!(shape(&fenced), "1..=1[] 2..=2[2]");
}
