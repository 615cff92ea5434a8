//! openraft's side of the network: messages out, answers in, over a [`Transport`].
//!
//! Pre-vote, leadership transfer and pipelined appends are implemented; openraft's defaults would
//! grant every pre-vote. Appends with entries get their own long timeout: openraft's is the
//! heartbeat interval, and one slow sync over there would make us send megabytes again.
//! A member that answers with less than it has acknowledged runs on an old copy of its disk: it
//! counts as unreachable.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chronik_controller::codec::DecodeError;
use chronik_types::ClusterId;
use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::raft::{
    SnapshotResponse, StreamAppendResult, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RaftNetworkFactory, RaftNetworkV2};

use crate::options::RaftTiming;
use crate::rpc::{self, AppendRequest, AppendResponse, Envelope, RpcKind};
use crate::snapshots::SnapshotBytes;
use crate::transport::{RpcClass, Transport, TransportError};
use crate::types::{Address, LogId, Member, TypeConfig, Vote};

/// How many appends to one member may be on their way.
const APPENDS_IN_FLIGHT: usize = 4;

type MetadataSnapshot = openraft::type_config::alias::SnapshotOf<TypeConfig, SnapshotBytes>;

/// Makes connections.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) me: Member,
    pub(crate) cluster_id: Option<ClusterId>,
    pub(crate) timing: RaftTiming,
    pub(crate) transport: Arc<dyn Transport>,
    /// What each member has acknowledged and is committed, so that it can never be undone.
    pub(crate) acknowledged: Arc<Mutex<BTreeMap<Member, LogId>>>,
}

/// One member over one class of connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    network: Network,
    to: Member,
    address: Address,
    class: RpcClass,
}

impl Network {
    fn peer(&self, to: Member, address: &Address, class: RpcClass) -> Peer {
        Peer {
            network: self.clone(),
            to,
            address: address.clone(),
            class,
        }
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: Member, node: &Address) -> Peer {
        self.peer(target, node, RpcClass::Append)
    }

    async fn new_heartbeat_client(&mut self, target: Member, node: &Address) -> Peer {
        self.peer(target, node, RpcClass::Heartbeat)
    }

    async fn new_snapshot_client(&mut self, target: Member, node: &Address) -> Peer {
        self.peer(target, node, RpcClass::Snapshot)
    }
}

impl Peer {
    /// Sends at once; the future waits for the answer.
    fn call(
        &self,
        class: RpcClass,
        kind: RpcKind,
        body: &[u8],
        timeout: Duration,
    ) -> impl Future<Output = Result<Bytes, RPCError<TypeConfig>>> + Send + use<> {
        let envelope = Envelope {
            cluster_id: self.network.cluster_id,
            from: self.network.me,
            to: self.to,
        };
        let answer =
            self.network
                .transport
                .call(&self.to, &self.address, class, kind, envelope.seal(body));
        async move {
            match tokio::time::timeout(timeout, answer).await {
                Ok(Ok(bytes)) => Ok(bytes),
                Ok(Err(error @ TransportError::Unreachable(_))) => Err(unreachable(&error)),
                Ok(Err(error @ TransportError::Interrupted(_))) => {
                    Err(RPCError::Network(NetworkError::new(&error)))
                }
                Err(_elapsed) => Err(RPCError::Network(NetworkError::from_string(format!(
                    "no answer within {timeout:?}"
                )))),
            }
        }
    }

    fn append(
        &self,
        request: &AppendRequest,
        option: &RPCOption,
    ) -> impl Future<Output = Result<AppendResponse, RPCError<TypeConfig>>> + Send + use<> {
        let (class, timeout) = if request.entries.is_empty() {
            (self.class, option.soft_ttl())
        } else {
            (RpcClass::Append, self.network.timing.append_timeout)
        };
        let answer = self.call(
            class,
            RpcKind::Append,
            &rpc::encode_append(request),
            timeout,
        );
        let peer = self.clone();
        let previous = request.prev_log_id;
        let last = request.entries.last().map(|e| e.log_id).or(previous);
        let committed = request.leader_commit;
        async move {
            let response = rpc::decode_append_response(&answer.await?).map_err(malformed)?;
            match &response {
                AppendResponse::Success => peer.acknowledge(last.min(committed)),
                AppendResponse::PartialSuccess(upto) => {
                    peer.acknowledge((*upto).min(committed));
                }
                AppendResponse::Conflict => peer.check_acknowledged(previous, true)?,
                AppendResponse::HigherVote(_) => {}
            }
            Ok(response)
        }
    }

    fn acknowledge(&self, upto: Option<LogId>) {
        let Some(upto) = upto else { return };
        let mut acknowledged = self
            .network
            .acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = acknowledged.entry(self.to).or_insert(upto);
        *entry = (*entry).max(upto);
    }

    /// Whether a member that says it lacks `has` (`lacking`), or has no more than it, is believable.
    fn check_acknowledged(
        &self,
        has: Option<LogId>,
        lacking: bool,
    ) -> Result<(), RPCError<TypeConfig>> {
        let acknowledged = self
            .network
            .acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&self.to)
            .copied();
        let rolled_back = if lacking {
            has.is_some() && has <= acknowledged
        } else {
            has < acknowledged
        };
        if !rolled_back {
            return Ok(());
        }
        let to = self.to;
        tracing::error!(
            "{to} has lost entries of the metadata log that it had acknowledged: \
             its directory is an old copy. It counts as unreachable."
        );
        Err(unreachable(&TransportError::Unreachable(format!(
            "{to} runs on an old copy of its directory"
        ))))
    }

    async fn ask_vote(
        &self,
        kind: RpcKind,
        request: &VoteRequest<TypeConfig>,
        option: &RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let body = rpc::encode_vote(request);
        let answer = self
            .call(RpcClass::Heartbeat, kind, &body, option.soft_ttl())
            .await?;
        let response = rpc::decode_vote_response(&answer).map_err(malformed)?;
        self.check_acknowledged(response.last_log_id, false)?;
        Ok(response)
    }
}

fn unreachable(error: &TransportError) -> RPCError<TypeConfig> {
    RPCError::Unreachable(Unreachable::new(error))
}

fn malformed(error: DecodeError) -> RPCError<TypeConfig> {
    RPCError::Unreachable(Unreachable::new(&error))
}

impl RaftNetworkV2<TypeConfig> for Peer {
    type SnapshotData = SnapshotBytes;

    async fn append_entries(
        &mut self,
        request: AppendRequest,
        option: RPCOption,
    ) -> Result<AppendResponse, RPCError<TypeConfig>> {
        self.append(&request, &option).await
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<
            BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>>,
            RPCError<TypeConfig>,
        >,
    >
    where
        S: Stream<Item = AppendRequest> + OptionalSend + Unpin + 'static,
    {
        let peer = self.clone();
        let answers = input
            .map(move |request| {
                // Sent here, in order; several answers are waited for at a time.
                let answer = peer.append(&request, &option);
                let previous = request.prev_log_id;
                let last = request.entries.last().map(|e| e.log_id).or(previous);
                async move { Ok(answer.await?.into_stream_result(previous, last)) }
            })
            .buffered(APPENDS_IN_FLIGHT);
        let answers: BoxStream<'s, _> = Box::pin(answers);
        Box::pin(std::future::ready(Ok(answers)))
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        self.ask_vote(RpcKind::Vote, &request, &option).await
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        self.ask_vote(RpcKind::PreVote, &request, &option).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: MetadataSnapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let body = rpc::encode_snapshot(&vote, &snapshot.meta, &snapshot.snapshot);
        let timeout = self.network.timing.snapshot_timeout;
        let answer = self.call(RpcClass::Snapshot, RpcKind::Snapshot, &body, timeout);
        match select(Box::pin(answer), Box::pin(cancel)).await {
            Either::Left((answer, _)) => {
                let answer = answer.map_err(streaming)?;
                rpc::decode_snapshot_response(&answer).map_err(|e| streaming(malformed(e)))
            }
            Either::Right((closed, _)) => Err(StreamingError::Closed(closed)),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        let body = rpc::encode_transfer(&request);
        let answer = self
            .call(
                RpcClass::Heartbeat,
                RpcKind::TransferLeader,
                &body,
                option.soft_ttl(),
            )
            .await?;
        rpc::decode_transfer_response(&answer).map_err(malformed)
    }
}

fn streaming(error: RPCError<TypeConfig>) -> StreamingError<TypeConfig> {
    match error {
        RPCError::Timeout(error) => StreamingError::Timeout(error),
        RPCError::Unreachable(error) => StreamingError::Unreachable(error),
        RPCError::Network(error) => StreamingError::Network(error),
        RPCError::RemoteError(error) => match error.source {},
    }
}
