//! InitProducerId: v0-v5. Gives an idempotent producer its id.
//!
//! Behaviour: a producer id is drawn from a block that the controller granted; every request
//! without a transactional id gets a fresh one with epoch 0. A transactional id is refused with
//! TRANSACTIONAL_ID_AUTHORIZATION_FAILED, which is fatal to the client at once, instead of a
//! retriable error that would keep it waiting for a minute.

use std::ops::RangeInclusive;

use chronik_protocol::generated::init_producer_id_request::InitProducerIdRequest;
use chronik_protocol::generated::init_producer_id_response::InitProducerIdResponse;
use chronik_types::ErrorCode;

use super::{Context, Handled, Handler};

pub(super) struct InitProducerId;

impl Handler for InitProducerId {
    type Request = InitProducerIdRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=5;

    async fn handle(
        context: Context,
        request: InitProducerIdRequest,
    ) -> Handled<InitProducerIdResponse> {
        let id = match &request.transactional_id {
            Some(id) if id.is_empty() => Err(ErrorCode::InvalidRequest),
            Some(id) => {
                tracing::warn!(event = "transactions_refused", peer = %context.connection.peer, transactional_id = %id.as_str(), "transactions are not supported yet");
                Err(ErrorCode::TransactionalIdAuthorizationFailed)
            }
            None => context.node.producer_ids.next(&context.node).await,
        };
        match id {
            Ok(id) => InitProducerIdResponse {
                producer_id: id.get(),
                producer_epoch: 0,
                ..InitProducerIdResponse::default()
            },
            Err(code) => InitProducerIdResponse {
                error_code: code.code(),
                producer_id: -1,
                producer_epoch: -1,
                ..InitProducerIdResponse::default()
            },
        }
        .into()
    }
}
