//! What single reads do at the edges; golden and hostile vectors are in `tests/it`.

use bytes::Bytes;

use super::*;
use crate::Message;
use crate::generated::{
    ConsumerProtocolSubscription, DescribeTopicPartitionsRequest, FetchRequest, HeartbeatRequest,
    MetadataRequest,
};

fn decode<M: Message>(frame: &[u8], version: i16) -> Result<M, DecodeError> {
    let mut d = Decoder::new(Bytes::copy_from_slice(frame), Limits::default());
    let message = M::decode(&mut d, version)?;
    d.finish(Trailing::Refuse)?;
    Ok(message)
}

/// A Fetch v17 request that ends with these tagged fields.
fn fetch(tags: &[u8]) -> Result<FetchRequest, DecodeError> {
    let mut frame = vec![0; 21];
    frame.extend([1, 1, 1]);
    frame.extend(tags);
    decode(&frame, 17)
}

#[test]
fn known_tagged_fields_are_read_and_unknown_ones_skipped() {
    let request = fetch(&[
        3, 0, 3, 3, b'm', b'e', 1, 13, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 9, 0, 100, 2, 7, 7,
    ]);
    let request = request.expect("well formed");
    assert_eq!(request.cluster_id.as_deref(), Some("me"));
    assert_eq!(
        (
            request.replica_state.replica_id,
            request.replica_state.replica_epoch
        ),
        (4, 9)
    );
    assert_eq!(
        fetch(&[0]),
        Ok(FetchRequest {
            max_bytes: 0,
            session_epoch: 0,
            ..Default::default()
        })
    );
}

#[test]
fn a_tagged_field_fills_its_size_and_does_not_leave_it() {
    let cluster = |size: u8| fetch(&[1, 0, size, 3, b'm', b'e', 0, 0]);
    assert_eq!(
        cluster(4),
        Err(DecodeError::TagSize {
            tag: 0,
            offset: 30,
            left: 1
        })
    );
    assert!(matches!(
        cluster(2),
        Err(DecodeError::Truncated {
            what: "string",
            left: 1,
            ..
        })
    ));
    assert!(matches!(
        cluster(9),
        Err(DecodeError::Truncated {
            what: "tagged field",
            ..
        })
    ));
}

#[test]
fn a_tag_of_another_version_is_an_unknown_tag() {
    let mut frame = vec![0; 25];
    frame.extend([1, 1, 1, 1, 1, 1, 0xff]);
    let request: FetchRequest = decode(&frame, 12).expect("tag 1 means nothing in v12");
    assert_eq!(request.replica_state.replica_id, -1);
}

#[test]
fn null_is_read_where_it_is_legal_and_refused_where_not() {
    assert_eq!(
        decode::<MetadataRequest>(b"\xff\xff\xff\xff", 1).map(|m| m.topics),
        Ok(None)
    );
    assert_eq!(
        decode::<MetadataRequest>(b"\xff\xff\xff\xff", 0),
        Err(DecodeError::UnexpectedNull {
            what: "array",
            offset: 4
        })
    );
    assert_eq!(
        decode::<HeartbeatRequest>(b"\xff\xff", 0),
        Err(DecodeError::UnexpectedNull {
            what: "string",
            offset: 2
        })
    );
    assert_eq!(
        decode::<HeartbeatRequest>(b"\xff\xfe", 0),
        Err(DecodeError::InvalidLength {
            what: "string",
            offset: 0,
            length: -2
        })
    );
}

#[test]
fn a_nullable_struct_is_marked_by_a_byte() {
    let read = |frame: &[u8]| decode::<DescribeTopicPartitionsRequest>(frame, 0);
    assert_eq!(read(b"\x01\0\0\0\0\xff\0").map(|m| m.cursor), Ok(None));
    let cursor = read(b"\x01\0\0\0\0\x01\x02t\0\0\0\x05\0\0")
        .expect("well formed")
        .cursor;
    assert_eq!(cursor.map(|c| c.partition_index), Some(5));
}

#[test]
fn text_is_utf8_and_at_most_32767_bytes() {
    assert_eq!(
        decode::<HeartbeatRequest>(b"\0\x02\xc3\x28", 0),
        Err(DecodeError::InvalidUtf8 { offset: 2 })
    );
    let mut frame = b"\x81\x80\x02".to_vec();
    frame.resize(40_000, b'a');
    assert_eq!(
        decode::<HeartbeatRequest>(&frame, 4),
        Err(DecodeError::InvalidLength {
            what: "string",
            offset: 0,
            length: 32768
        })
    );
}

#[test]
fn versions_and_trailing_bytes_are_for_the_caller_to_refuse() {
    assert_eq!(
        decode::<HeartbeatRequest>(b"", 5),
        Err(DecodeError::UnsupportedVersion {
            message: "HeartbeatRequest",
            version: 5
        })
    );
    let frame = b"\0\0\0\0\0\0\0\0rest";
    assert_eq!(
        decode::<HeartbeatRequest>(frame, 0),
        Err(DecodeError::TrailingBytes { offset: 8, left: 4 })
    );
    let mut d = Decoder::new(Bytes::from_static(frame), Limits::default());
    assert!(HeartbeatRequest::decode(&mut d, 0).is_ok());
    assert_eq!((d.left(), d.finish(Trailing::Accept)), (4, Ok(0)));
}

#[test]
fn bytes_and_text_are_slices_of_the_frame() {
    let frame = Bytes::from_static(b"\0\0\0\x01\0\x05topic\0\0\0\x03any");
    let mut d = Decoder::new(frame.clone(), Limits::default());
    let read = ConsumerProtocolSubscription::decode(&mut d, 0).expect("well formed");
    assert_eq!(read.topics[0].as_bytes().as_ptr(), frame[6..].as_ptr());
    assert_eq!(
        read.user_data.expect("not null").as_ptr(),
        frame[15..].as_ptr()
    );
    assert_eq!(d.charged(), size_of::<crate::Str>());
}
