//! Frames: a size, a header and a body. Requests and responses, from both ends.
//!
//! Keeps I14: a header is read before anything is known about the peer and allocates nothing.
//! Absent: the size of an incoming frame, which the connection reads and bounds itself.

use std::fmt;

use bytes::Bytes;

use crate::generated::{RequestHeader, ResponseHeader};
use crate::{
    ApiKey, DecodeError, Decoder, EncodeError, Encoder, Limits, Message, Request, Response, Rope,
    Str, Trailing,
};

impl ApiKey {
    /// The version of the header before a request of `version`, which need not exist: an
    /// ApiVersions request too new for us is still answered.
    pub const fn request_header_version(self, version: i16) -> i16 {
        match self.first_flexible_version() {
            Some(first) if version >= first => 2,
            _ => 1,
        }
    }

    /// The version of the header before a response of `version`. ApiVersions always has the
    /// oldest, since its reader does not know yet what the writer speaks.
    pub const fn response_header_version(self, version: i16) -> i16 {
        match (self, self.first_flexible_version()) {
            (Self::ApiVersions, _) => 0,
            (_, Some(first)) if version >= first => 1,
            _ => 0,
        }
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A request whose header has been read.
#[derive(Clone, PartialEq, Debug)]
pub struct RequestFrame {
    /// What is asked.
    pub api_key: ApiKey,
    /// In which version; not checked against anything.
    pub version: i16,
    /// Goes back in the response.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<Str>,
    /// Everything after the header.
    pub body: Bytes,
}

/// Why a header cannot be read. Kafka closes the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HeaderError {
    /// No API has this key, so the header's form is unknown.
    UnknownApiKey(i16),
    /// The bytes are no header.
    Malformed(DecodeError),
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownApiKey(key) => write!(f, "unknown api key {key}"),
            Self::Malformed(error) => write!(f, "malformed request header: {error}"),
        }
    }
}

impl std::error::Error for HeaderError {}

impl From<DecodeError> for HeaderError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

/// Reads the header of a request; `frame` starts after the size.
pub fn decode_request_header(frame: &Bytes) -> Result<RequestFrame, HeaderError> {
    let mut d = Decoder::new(frame.clone(), Limits::default());
    let api_key: i16 = d.read()?;
    let version: i16 = d.read()?;
    let api_key = ApiKey::from_code(api_key).ok_or(HeaderError::UnknownApiKey(api_key))?;
    let mut d = Decoder::new(frame.clone(), Limits::default());
    let header = RequestHeader::decode(&mut d, api_key.request_header_version(version))?;
    Ok(RequestFrame {
        api_key,
        version,
        correlation_id: header.correlation_id,
        client_id: header.client_id,
        body: frame.slice(d.position()..),
    })
}

impl RequestFrame {
    /// Reads the body, and ignores what follows it as Kafka does; also gives the bytes that its
    /// arrays take in memory.
    ///
    /// # Panics
    /// If `R` is not of [`Self::api_key`]: the caller chose it by that key.
    pub fn decode<R: Request>(&self, limits: Limits) -> Result<(R, usize), DecodeError> {
        assert_eq!(R::KEY, self.api_key, "a body is decoded as another API's");
        let mut d = Decoder::new(self.body.clone(), limits);
        let request = R::decode(&mut d, self.version)?;
        Ok((request, d.finish(Trailing::Accept)?))
    }
}

/// Writes a whole request, its size included.
pub fn encode_request<R: Request>(
    correlation_id: i32,
    client_id: Option<&Str>,
    version: i16,
    request: &R,
) -> Result<Rope, EncodeError> {
    let header = RequestHeader {
        request_api_key: R::KEY.code(),
        request_api_version: version,
        correlation_id,
        client_id: client_id.cloned(),
    };
    let mut e = Encoder::with_capacity(256);
    e.raw(&[0; 4]);
    header.encode(&mut e, R::KEY.request_header_version(version))?;
    request.encode(&mut e, version)?;
    e.finish_frame()
}

/// Writes a whole response, its size included.
pub fn encode_response<R: Response>(
    correlation_id: i32,
    version: i16,
    response: &R,
) -> Result<Rope, EncodeError> {
    let mut e = Encoder::with_capacity(256);
    e.raw(&[0; 4]);
    let header = ResponseHeader { correlation_id };
    header.encode(&mut e, R::KEY.response_header_version(version))?;
    response.encode(&mut e, version)?;
    e.finish_frame()
}

/// Reads the header of a response: its correlation id, and everything after the header.
/// `frame` starts after the size; `version` is the request's.
pub fn decode_response_header(
    api_key: ApiKey,
    version: i16,
    frame: &Bytes,
) -> Result<(i32, Bytes), DecodeError> {
    let mut d = Decoder::new(frame.clone(), Limits::default());
    let header = ResponseHeader::decode(&mut d, api_key.response_header_version(version))?;
    Ok((header.correlation_id, frame.slice(d.position()..)))
}

/// Reads a whole response: its correlation id and its body. `frame` starts after the size.
pub fn decode_response<R: Response>(
    version: i16,
    frame: &Bytes,
    limits: Limits,
) -> Result<(i32, R), DecodeError> {
    let (correlation_id, body) = decode_response_header(R::KEY, version, frame)?;
    let mut d = Decoder::new(body, limits);
    let response = R::decode(&mut d, version)?;
    d.finish(Trailing::Accept)?;
    Ok((correlation_id, response))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::{
        ApiVersionsRequest, FetchResponse, MetadataRequest, fetch_response::FetchableTopicResponse,
        fetch_response::PartitionData,
    };

    #[test]
    fn a_request_reads_back_from_its_frame() {
        let request = MetadataRequest::default();
        for version in ApiKey::Metadata.request_versions() {
            let rope = encode_request(7, Some(&Str::from("me")), version, &request);
            let mut frame = rope.expect("defaults fit every version").into_bytes();
            let size = frame.split_to(4);
            assert_eq!(
                u32::from_be_bytes(size[..].try_into().unwrap()) as usize,
                frame.len()
            );
            let read = decode_request_header(&frame).expect("a header");
            assert_eq!((read.api_key, read.version), (ApiKey::Metadata, version));
            assert_eq!(
                (read.correlation_id, read.client_id.as_deref()),
                (7, Some("me"))
            );
            assert_eq!(
                read.decode(Limits::default()).map(|(body, _)| body),
                Ok(request.clone())
            );
        }
    }

    #[test]
    fn an_api_versions_request_of_the_future_still_has_a_header() {
        let frame = Bytes::from_static(b"\0\x12\0\x7f\0\0\0\x05\0\x02me\0rest");
        let read = decode_request_header(&frame).expect("a header");
        assert_eq!((read.version, read.correlation_id), (127, 5));
        assert_eq!(read.body, "rest");
        assert!(
            read.decode::<ApiVersionsRequest>(Limits::default())
                .is_err()
        );
    }

    #[test]
    fn an_api_without_a_schema_is_named() {
        let frame = Bytes::from_static(b"\0\x04\0\0\0\0\0\x05\0\x02me");
        assert_eq!(
            decode_request_header(&frame),
            Err(HeaderError::UnknownApiKey(4))
        );
        assert!(matches!(
            decode_request_header(&Bytes::from_static(b"\0")),
            Err(HeaderError::Malformed(_))
        ));
    }

    #[test]
    fn records_are_shared_with_the_response_and_not_copied() {
        let records = Bytes::from(vec![7; 5000]);
        let response = FetchResponse {
            responses: vec![FetchableTopicResponse {
                partitions: vec![PartitionData {
                    records: Some(records.clone()),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let rope = encode_response(1, 17, &response).expect("fits v17");
        assert!(
            rope.chunks()
                .any(|chunk| chunk.as_ptr() == records.as_ptr())
        );
        let mut frame = rope.into_bytes();
        let size = frame.split_to(4);
        assert_eq!(
            u32::from_be_bytes(size[..].try_into().unwrap()) as usize,
            frame.len()
        );
        assert_eq!(
            decode_response(17, &frame, Limits::default()),
            Ok((1, response))
        );
    }

    #[test]
    fn the_api_versions_response_has_the_oldest_header() {
        assert_eq!(ApiKey::ApiVersions.response_header_version(4), 0);
        assert_eq!(ApiKey::ApiVersions.request_header_version(4), 2);
        assert_eq!(ApiKey::Fetch.response_header_version(12), 1);
        assert_eq!(ApiKey::Fetch.response_header_version(11), 0);
    }
}
