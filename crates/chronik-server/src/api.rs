//! What clients may ask. One file per API; the table below is the only list.
//!
//! The advertised versions come from the handlers themselves, so nothing can be advertised that
//! does not exist. Absent: broker-only APIs, which have a listener and a table of their own.

mod alter_configs;
mod api_versions;
mod authorized_operations;
mod config_changes;
mod config_resource;
mod create_partitions;
mod create_topics;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_log_dirs;
mod describe_producers;
mod describe_topic_partitions;
mod fetch;
mod find_coordinator;
mod groups;
mod incremental_alter_configs;
mod init_producer_id;
mod list_config_resources;
mod list_offsets;
mod metadata;
mod offset_for_leader_epoch;
mod produce;

use std::fmt;
use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chronik_protocol::{
    ApiKey, DecodeError, EncodeError, HeaderError, Limits, Request, RequestFrame, Response, Rope,
    Str, decode_request_header, encode_response,
};

pub(crate) use fetch::session::FetchSessions;

use crate::net::budget::Reservation;
use crate::net::connection::PendingAnswer;
use crate::net::{ConnectionInfo, Frame};
use crate::shared::Shared;

/// Every API that clients are served, by key.
pub(crate) const TABLE: &[Api] = &[
    produce::API,
    Api::of::<fetch::Fetch>(),
    Api::of::<list_offsets::ListOffsets>(),
    Api::of::<metadata::Metadata>(),
    Api::of::<groups::offset_commit::OffsetCommit>(),
    Api::of::<groups::offset_fetch::OffsetFetch>(),
    Api::of::<find_coordinator::FindCoordinator>(),
    Api::of::<groups::join_group::JoinGroup>(),
    Api::of::<groups::heartbeat::Heartbeat>(),
    Api::of::<groups::leave_group::LeaveGroup>(),
    Api::of::<groups::sync_group::SyncGroup>(),
    Api::of::<groups::describe_groups::DescribeGroups>(),
    Api::of::<groups::list_groups::ListGroups>(),
    Api::of::<api_versions::ApiVersions>(),
    Api::of::<create_topics::CreateTopics>(),
    Api::of::<delete_topics::DeleteTopics>(),
    Api::of::<delete_records::DeleteRecords>(),
    Api::of::<init_producer_id::InitProducerId>(),
    Api::of::<offset_for_leader_epoch::OffsetForLeaderEpoch>(),
    Api::of::<describe_configs::DescribeConfigs>(),
    Api::of::<alter_configs::AlterConfigs>(),
    Api::of::<describe_log_dirs::DescribeLogDirs>(),
    Api::of::<create_partitions::CreatePartitions>(),
    Api::of::<groups::delete_groups::DeleteGroups>(),
    Api::of::<incremental_alter_configs::IncrementalAlterConfigs>(),
    Api::of::<groups::offset_delete::OffsetDelete>(),
    Api::of::<describe_cluster::DescribeCluster>(),
    Api::of::<describe_producers::DescribeProducers>(),
    Api::of::<list_config_resources::ListConfigResources>(),
    Api::of::<describe_topic_partitions::DescribeTopicPartitions>(),
];

/// One API: its versions and what answers it.
pub(crate) struct Api {
    key: ApiKey,
    min: i16,
    max: i16,
    call: fn(Context, RequestFrame, Limits) -> Pending,
}

type Pending = Pin<Box<dyn Future<Output = Result<Answer, Refused>> + Send>>;

/// What answers one API.
pub(crate) trait Handler: 'static {
    /// The request.
    type Request: Request<Response: Send> + Send;
    /// The versions served, which are the ones advertised.
    const VERSIONS: RangeInclusive<i16>;

    /// Answers. Errors are codes within the response.
    fn handle(
        context: Context,
        request: Self::Request,
    ) -> impl Future<Output = Handled<<Self::Request as Request>::Response>> + Send;
}

/// A response, with the room it takes until it is sent.
pub(crate) struct Handled<R> {
    pub(crate) response: R,
    pub(crate) held: Option<Reservation>,
}

impl<R> From<R> for Handled<R> {
    fn from(response: R) -> Self {
        Self {
            response,
            held: None,
        }
    }
}

/// What a handler is given besides the request.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) node: Arc<Shared>,
    pub(crate) connection: Arc<ConnectionInfo>,
    pub(crate) version: i16,
    /// What the client calls itself in this request.
    pub(crate) client_id: Option<Str>,
    /// What the request takes of the budget.
    pub(crate) room: Arc<RequestRoom>,
}

/// What a request takes of the budget: given back once it is answered, or by whoever takes it over
/// because the answer may be long in coming.
#[derive(Debug)]
pub(crate) struct RequestRoom(Mutex<Option<Reservation>>);

impl RequestRoom {
    fn new(reservation: Reservation) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(reservation))))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Reservation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request is read and takes no more than this.
    fn shrink_to(&self, bytes: usize) {
        if let Some(reservation) = &mut *self.lock() {
            reservation.shrink_to(bytes);
        }
    }

    /// Hands it over.
    pub(crate) fn take(&self) -> Option<Reservation> {
        self.lock().take()
    }
}

/// What goes back to the client.
pub(crate) enum Answer {
    /// These bytes; what is held is given back once they are sent.
    Reply {
        rope: Rope,
        held: Option<Reservation>,
    },
    /// Nothing: a produce with acks=0.
    Nothing,
    /// The end of the connection: a produce with acks=0 failed, and this is how it learns.
    Close,
}

/// A request that has no answer in the protocol: the connection ends.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Its header cannot be read or names no API.
    Header(HeaderError),
    /// An API or version that is not served.
    Unsupported { api_key: ApiKey, version: i16 },
    /// Its body cannot be read.
    Body { api_key: ApiKey, error: DecodeError },
    /// Our own answer does not fit the version, which is our mistake.
    Unencodable { api_key: ApiKey, error: EncodeError },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(error) => error.fmt(f),
            Self::Unsupported { api_key, version } => {
                write!(f, "{} version {version} is not served", api_key.name())
            }
            Self::Body { api_key, error } => {
                write!(f, "malformed {} request: {error}", api_key.name())
            }
            Self::Unencodable { api_key, error } => {
                write!(f, "cannot encode the {} response: {error}", api_key.name())
            }
        }
    }
}

impl From<HeaderError> for Refused {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl Api {
    const fn of<H: Handler>() -> Self {
        Self::new(<H::Request as Request>::KEY, H::VERSIONS, call::<H>)
    }

    const fn new(
        key: ApiKey,
        versions: RangeInclusive<i16>,
        call: fn(Context, RequestFrame, Limits) -> Pending,
    ) -> Self {
        Self {
            key,
            min: *versions.start(),
            max: *versions.end(),
            call,
        }
    }

    fn serves(&self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }
}

fn call<H: Handler>(context: Context, frame: RequestFrame, limits: Limits) -> Pending {
    Box::pin(async move {
        let version = frame.version;
        let correlation_id = frame.correlation_id;
        let size = frame.body.len();
        let (request, charged) = decode_charged::<H::Request>(&frame, limits)?;
        drop(frame);
        let room = Arc::clone(&context.room);
        room.shrink_to(size + charged);
        let node = Arc::clone(&context.node);
        let Handled { response, held } = H::handle(context, request).await;
        drop(room);
        node.metrics.errors(&response);
        Ok(Answer::Reply {
            rope: encode(correlation_id, version, &response)?,
            held,
        })
    })
}

fn decode<R: Request>(frame: &RequestFrame, limits: Limits) -> Result<R, Refused> {
    decode_charged(frame, limits).map(|(request, _charged)| request)
}

/// As [`decode`], with the bytes that its arrays take.
fn decode_charged<R: Request>(frame: &RequestFrame, limits: Limits) -> Result<(R, usize), Refused> {
    frame.decode::<R>(limits).map_err(|error| Refused::Body {
        api_key: R::KEY,
        error,
    })
}

fn encode<R: Response>(correlation_id: i32, version: i16, response: &R) -> Result<Rope, Refused> {
    encode_response(correlation_id, version, response).map_err(|error| Refused::Unencodable {
        api_key: R::KEY,
        error,
    })
}

fn limits(frame: &Frame) -> Limits {
    Limits {
        memory_max: frame.memory_max,
        ..Limits::default()
    }
}

fn find(api_key: ApiKey) -> Option<&'static Api> {
    TABLE.iter().find(|api| api.key == api_key)
}

/// Answers a request that is first in line.
pub(crate) async fn serve(
    node: &Arc<Shared>,
    connection: &Arc<ConnectionInfo>,
    frame: Frame,
) -> Result<Answer, Refused> {
    let started = node.env.clock.now();
    let limits = limits(&frame);
    node.metrics.bytes_in(frame.bytes.len());
    let Frame {
        bytes, reservation, ..
    } = frame;
    let header = decode_request_header(&bytes)?;
    drop(bytes);
    let (api_key, version) = (header.api_key, header.version);
    let api = match find(api_key) {
        Some(api) if api.serves(version) => api,
        _ if api_key == ApiKey::ApiVersions => {
            return api_versions::unsupported(header.correlation_id);
        }
        _ => return Err(Refused::Unsupported { api_key, version }),
    };
    let context = Context {
        node: Arc::clone(node),
        connection: Arc::clone(connection),
        version,
        client_id: header.client_id.clone(),
        room: RequestRoom::new(reservation),
    };
    let answer = (api.call)(context, header, limits).await;
    let elapsed = node.env.clock.now().since(started);
    node.metrics.request(api_key.name(), elapsed);
    answer
}

/// The ordered stage of a produce: it has its place in the log when this returns, and its answer
/// comes later.
pub(crate) fn dispatch_produce(
    node: &Arc<Shared>,
    connection: &Arc<ConnectionInfo>,
    frame: Frame,
) -> Result<PendingAnswer, Refused> {
    let limits = limits(&frame);
    node.metrics.bytes_in(frame.bytes.len());
    let header = decode_request_header(&frame.bytes)?;
    let version = header.version;
    if !produce::API.serves(version) {
        return Err(Refused::Unsupported {
            api_key: ApiKey::Produce,
            version,
        });
    }
    let context = Context {
        node: Arc::clone(node),
        connection: Arc::clone(connection),
        version,
        client_id: header.client_id.clone(),
        room: RequestRoom::new(frame.reservation),
    };
    produce::dispatch(context, &header, limits)
}

/// The text of an error for people, as a nullable field.
pub(crate) fn message(text: Option<String>) -> Option<Str> {
    text.map(Str::from)
}
