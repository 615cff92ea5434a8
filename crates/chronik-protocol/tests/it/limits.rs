//! True counts of tiny elements, up to the limits: legal bytes that are meant to cost memory.

use bytes::{BufMut, Bytes, BytesMut};
use chronik_protocol::generated::{DeleteTopicsRequest, FetchRequest, MetadataRequest};
use chronik_protocol::{DecodeError, Decoder, Limits, Message};

const LIMITS: Limits = Limits {
    elements_max: 1_000_000,
    tagged_max: 10_000,
    memory_max: 64 << 20,
};

fn decode<M: Message>(
    frame: impl Into<Bytes>,
    version: i16,
    limits: Limits,
) -> (Result<M, DecodeError>, usize) {
    let mut d = Decoder::new(frame.into(), limits);
    let result = M::decode(&mut d, version);
    (result, d.charged())
}

/// A Metadata v4 request for `count` topics with empty names.
fn metadata(count: i32) -> BytesMut {
    let mut frame = BytesMut::new();
    frame.put_i32(count);
    frame.put_bytes(0, 2 * count as usize + 1);
    frame
}

#[test]
fn a_true_count_is_decoded_up_to_the_limit_of_elements_and_not_beyond() {
    let (request, charged) = decode::<MetadataRequest>(metadata(1_000_000), 4, Limits::default());
    let topics = request.expect("at the limit").topics.expect("not null");
    assert_eq!((topics.len(), topics.capacity()), (1_000_000, 1_000_000));
    assert_eq!(charged, 1_000_000 * size_of_val(&topics[0]));

    let (request, charged) = decode::<MetadataRequest>(metadata(1_000_001), 4, Limits::default());
    assert!(matches!(
        request,
        Err(DecodeError::TooManyElements {
            count: 1_000_001,
            ..
        })
    ));
    assert_eq!(charged, 0);
}

#[test]
fn a_true_count_whose_elements_do_not_fit_the_memory_is_refused_before_it_is_allocated() {
    let limits = Limits {
        memory_max: 40 << 20,
        ..LIMITS
    };
    let (request, charged) = decode::<MetadataRequest>(metadata(1_000_000), 4, limits);
    assert!(matches!(request, Err(DecodeError::MemoryExceeded { .. })));
    assert_eq!(charged, 0);
}

#[test]
fn the_limits_hold_for_all_arrays_of_a_request_together() {
    // Fetch v4: replica, wait, min, max, isolation, then topics with an empty name and no
    // partitions; one topic with many partitions at the end.
    let topics = 10_000;
    let mut frame = BytesMut::new();
    frame.put_bytes(0, 17);
    frame.put_i32(topics);
    for _ in 0..topics - 1 {
        frame.put_bytes(0, 6);
    }
    frame.put_i16(0);
    frame.put_i32(990_001);
    frame.put_bytes(0, 990_001 * 16);
    let (request, charged) = decode::<FetchRequest>(frame.clone(), 4, Limits::default());
    assert!(matches!(
        request,
        Err(DecodeError::TooManyElements {
            count: 1_000_001,
            ..
        })
    ));
    assert!(charged <= 2 * frame.len());

    let limits = Limits {
        elements_max: usize::MAX,
        ..LIMITS
    };
    let (request, charged) = decode::<FetchRequest>(frame.clone(), 4, limits);
    assert!(request.is_ok() && charged <= 64 << 20, "{charged}");
    let limits = Limits {
        memory_max: charged - 1,
        ..limits
    };
    let (request, charged) = decode::<FetchRequest>(frame, 4, limits);
    assert!(matches!(request, Err(DecodeError::MemoryExceeded { .. })));
    assert!(charged < limits.memory_max);
}

#[test]
fn a_few_bytes_that_claim_billions_of_elements_cost_nothing() {
    let claims: [&[u8]; 3] = [
        b"\x7f\xff\xff\xff\0\0\0",
        b"\x00\x10\0\0\0\0\0",
        b"\0\0\0\x05\0\0\0\0",
    ];
    for claim in claims {
        let (request, charged) = decode::<DeleteTopicsRequest>(claim, 1, Limits::default());
        assert!(
            matches!(request, Err(DecodeError::Truncated { .. })),
            "{request:?}"
        );
        assert_eq!(charged, 0);
    }
}

#[test]
fn tagged_fields_are_counted_over_the_whole_request() {
    // DeleteTopics v6 with topics that carry 100 empty unknown fields each.
    let request = |topics: u8| {
        let mut frame = BytesMut::new();
        frame.put_u8(topics + 1);
        for _ in 0..topics {
            frame.put_bytes(0, 17);
            frame.put_u8(100);
            for tag in 0..100 {
                frame.put_slice(&[tag, 0]);
            }
        }
        frame.put_bytes(0, 5);
        decode::<DeleteTopicsRequest>(frame, 6, Limits::default()).0
    };
    assert!(request(100).is_ok());
    assert!(matches!(
        request(101),
        Err(DecodeError::TooManyTags { count: 10_100, .. })
    ));
}
