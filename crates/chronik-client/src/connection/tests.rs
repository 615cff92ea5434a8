//! A connection against the other end of a pipe, in virtual time.

use bytes::BytesMut;
use chronik_protocol::generated::api_versions_response::ApiVersion;
use chronik_protocol::generated::{ApiVersionsResponse, MetadataRequest, MetadataResponse};
use chronik_protocol::{RequestFrame, Response, decode_request_header, encode_response};
use chronik_types::ErrorCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

/// The server's end.
struct Peer(DuplexStream);

impl Peer {
    async fn read(&mut self) -> RequestFrame {
        let size = self.0.read_i32().await.unwrap();
        let mut frame = BytesMut::zeroed(usize::try_from(size).unwrap());
        self.0.read_exact(&mut frame).await.unwrap();
        decode_request_header(&frame.freeze()).unwrap()
    }

    async fn answer<R: Response>(&mut self, id: i32, version: i16, response: &R) {
        let mut rope = encode_response(id, version, response).unwrap();
        self.0.write_all_buf(&mut rope).await.unwrap();
    }
}

fn pair() -> (Connection, Peer) {
    let (ours, theirs) = duplex(1 << 20);
    let options = ConnectionOptions {
        request_timeout: Duration::from_secs(5),
        frame_max: 1000,
        ..ConnectionOptions::default()
    };
    (Connection::over("peer", options, ours), Peer(theirs))
}

fn named(controller: i32) -> MetadataResponse {
    MetadataResponse {
        controller_id: controller,
        ..MetadataResponse::default()
    }
}

#[tokio::test(start_paused = true)]
async fn answers_find_their_requests_whatever_their_order() {
    let (connection, mut peer) = pair();
    let request = MetadataRequest::default();
    let (a, b, c) = (
        connection.send(&request, 12),
        connection.send(&request, 9),
        connection.send(&request, 1),
    );
    let (first, second, third) = (peer.read().await, peer.read().await, peer.read().await);
    assert_eq!((first.version, second.version, third.version), (12, 9, 1));
    peer.answer(third.correlation_id, 1, &named(3)).await;
    peer.answer(first.correlation_id, 12, &named(1)).await;
    peer.answer(second.correlation_id, 9, &named(2)).await;
    assert_eq!(a.await.unwrap().controller_id, 1);
    assert_eq!(b.await.unwrap().controller_id, 2);
    assert_eq!(c.await.unwrap().controller_id, 3);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_times_out_and_takes_the_connection_with_it() {
    let (connection, mut peer) = pair();
    let request = MetadataRequest::default();
    let slow = connection.send(&request, 12);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let behind = tokio::spawn(connection.send(&request, 12));
    let error = slow.await.unwrap_err();
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
    assert!(error.outcome_unknown());
    let behind = behind.await.unwrap().unwrap_err();
    assert!(matches!(behind, ClientError::Closed { .. }), "{behind}");
    assert!(connection.is_closed());
    assert!(connection.call(&request, 12).await.is_err());
    // The other side sees it too, after what was sent.
    let (_, _) = (peer.read().await, peer.read().await);
    assert_eq!(peer.0.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_wait_any_more_does_not_disturb_the_others() {
    let (connection, mut peer) = pair();
    let request = MetadataRequest::default();
    drop(connection.send(&request, 12));
    let waited_for = connection.send(&request, 12);
    let (first, second) = (peer.read().await, peer.read().await);
    peer.answer(first.correlation_id, 12, &named(1)).await;
    peer.answer(second.correlation_id, 12, &named(2)).await;
    assert_eq!(waited_for.await.unwrap().controller_id, 2);
}

#[tokio::test(start_paused = true)]
async fn everything_pending_fails_when_the_other_side_hangs_up() {
    let (connection, mut peer) = pair();
    let request = MetadataRequest::default();
    let (a, b) = (connection.send(&request, 12), connection.send(&request, 12));
    peer.read().await;
    drop(peer);
    for answer in [a.await, b.await] {
        assert!(matches!(answer, Err(ClientError::Closed { .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_too_large_or_was_never_asked_for_ends_the_connection() {
    for bytes in [
        &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0][..],
        &[0xff, 0xff, 0xff, 0xff],
        &[0, 0, 0, 2, 0, 0],
        &[0, 0, 0, 4, 0, 0, 0, 99],
    ] {
        let (connection, mut peer) = pair();
        let answer = connection.send(&MetadataRequest::default(), 12);
        peer.read().await;
        peer.0.write_all(bytes).await.unwrap();
        let error = answer.await.unwrap_err();
        assert!(matches!(error, ClientError::Closed { .. }), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_read_is_told_with_its_api() {
    let (connection, mut peer) = pair();
    let answer = connection.send(&MetadataRequest::default(), 12);
    peer.read().await;
    peer.0
        .write_all(&[0, 0, 0, 6, 0, 0, 0, 0, 0, 9])
        .await
        .unwrap();
    let error = answer.await.unwrap_err();
    let ClientError::Malformed { api, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(api, ApiKey::Metadata);
    assert!(!connection.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_nobody_holds_is_closed() {
    let (connection, mut peer) = pair();
    let answer = connection.send(&MetadataRequest::default(), 12);
    drop(connection);
    // The answer to come holds it.
    let request = peer.read().await;
    peer.answer(request.correlation_id, 12, &named(1)).await;
    answer.await.unwrap();
    assert_eq!(peer.0.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_older_server_is_asked_for_its_versions_in_its_own() {
    let (connection, mut peer) = pair();
    let server = async {
        let newest = peer.read().await;
        assert_eq!(newest.version, ApiKey::ApiVersions.newest_stable_version());
        let ours = |key: ApiKey, min_version, max_version| ApiVersion {
            api_key: key.code(),
            min_version,
            max_version,
        };
        let refusal = ApiVersionsResponse {
            error_code: ErrorCode::UnsupportedVersion.code(),
            api_keys: vec![ours(ApiKey::ApiVersions, 0, 2)],
            ..ApiVersionsResponse::default()
        };
        peer.answer(newest.correlation_id, 0, &refusal).await;
        let older = peer.read().await;
        assert_eq!(older.version, 2);
        let offered = ApiVersionsResponse {
            api_keys: vec![ours(ApiKey::Metadata, 0, 7)],
            ..ApiVersionsResponse::default()
        };
        peer.answer(older.correlation_id, 2, &offered).await;
    };
    let (negotiated, ()) = tokio::join!(connection.negotiate(), server);
    negotiated.unwrap();
    assert_eq!(connection.pick(ApiKey::Metadata), Ok(7));
    assert_eq!(connection.pick_at_most(ApiKey::Metadata, 5), Ok(5));
    let error = connection.pick(ApiKey::Fetch).unwrap_err();
    assert!(matches!(error, ClientError::Version { offered: None, .. }));
}

#[tokio::test]
async fn connecting_to_nobody_says_so() {
    let error = Connection::connect("127.0.0.1:1").await.unwrap_err();
    let ClientError::Connect { addr, kind, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(addr, "127.0.0.1:1");
    assert_eq!(kind, std::io::ErrorKind::ConnectionRefused);
}
