//! FindCoordinator: v0-v6. Which node keeps a group's state.
//!
//! Version notes: v1 key types and error messages; v4 many keys, each with an error of its own
//! (KIP-699); v6 share groups. The topic that keeps groups is made when the first one is looked
//! for, and the answer waits for it. There are no transactions and no share groups yet: their
//! keys are refused in a way that clients do not repeat.

use std::ops::RangeInclusive;

use chronik_protocol::Str;
use chronik_protocol::generated::find_coordinator_request::FindCoordinatorRequest;
use chronik_protocol::generated::find_coordinator_response::{
    Coordinator, FindCoordinatorResponse,
};
use chronik_types::ErrorCode;

use super::{Context, Handled, Handler, message};
use crate::internal_topics::CONSUMER_OFFSETS;
use crate::shared::BrokerView;

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

pub(super) struct FindCoordinator;

/// Why there is no coordinator to name.
struct Missing {
    code: ErrorCode,
    text: String,
}

impl Missing {
    fn new(code: ErrorCode, text: &str) -> Self {
        Self {
            code,
            text: text.to_owned(),
        }
    }
}

impl Handler for FindCoordinator {
    type Request = FindCoordinatorRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=6;

    async fn handle(
        context: Context,
        request: FindCoordinatorRequest,
    ) -> Handled<FindCoordinatorResponse> {
        prepare(&context, request.key_type).await;
        if context.version < 4 {
            return one(find(&context, request.key_type, &request.key)).into();
        }
        let keys = request.coordinator_keys.into_iter();
        let coordinators = keys.map(|key| {
            let found = find(&context, request.key_type, &key);
            of_many(key, found)
        });
        FindCoordinatorResponse {
            coordinators: coordinators.collect(),
            ..FindCoordinatorResponse::default()
        }
        .into()
    }
}

/// What there is to do once for all keys of a request.
async fn prepare(context: &Context, key_type: i8) {
    let node = &context.node;
    match key_type {
        GROUP if node.image().topic(CONSUMER_OFFSETS).is_none() => {
            node.auto_create(&[CONSUMER_OFFSETS]).await;
        }
        TRANSACTION => {
            tracing::warn!(event = "transactions_unsupported", peer = %context.connection.peer, "a client asked for a transaction coordinator: transactions are not supported yet");
        }
        _ => {}
    }
}

fn find(context: &Context, key_type: i8, key: &str) -> Result<BrokerView, Missing> {
    match key_type {
        GROUP => {}
        TRANSACTION => {
            return Err(Missing::new(
                ErrorCode::TransactionalIdAuthorizationFailed,
                "Transactions are not supported yet.",
            ));
        }
        SHARE => {
            return Err(Missing::new(
                ErrorCode::InvalidRequest,
                "Share groups are not supported yet.",
            ));
        }
        other => {
            return Err(Missing {
                code: ErrorCode::InvalidRequest,
                text: format!("Unknown coordinator type {other}."),
            });
        }
    }
    let unavailable = || {
        Missing::new(
            ErrorCode::CoordinatorNotAvailable,
            "The coordinator is not available.",
        )
    };
    let node = &context.node;
    let image = node.image();
    let topic = image.topic(CONSUMER_OFFSETS).ok_or_else(unavailable)?;
    let partition = node.groups.place(&image, key).map_err(|_| unavailable())?;
    let leader = topic
        .partition(partition)
        .and_then(|registration| registration.leader)
        .ok_or_else(unavailable)?;
    node.broker(&image, leader, &context.connection.listener)
        .ok_or_else(unavailable)
}

fn one(found: Result<BrokerView, Missing>) -> FindCoordinatorResponse {
    match found {
        Ok(broker) => FindCoordinatorResponse {
            error_message: Some("NONE".into()),
            node_id: broker.node.get(),
            host: broker.host.into(),
            port: i32::from(broker.port),
            ..FindCoordinatorResponse::default()
        },
        Err(missing) => FindCoordinatorResponse {
            error_code: missing.code.code(),
            error_message: message(Some(missing.text)),
            node_id: -1,
            port: -1,
            ..FindCoordinatorResponse::default()
        },
    }
}

fn of_many(key: Str, found: Result<BrokerView, Missing>) -> Coordinator {
    match found {
        Ok(broker) => Coordinator {
            key,
            node_id: broker.node.get(),
            host: broker.host.into(),
            port: i32::from(broker.port),
            ..Coordinator::default()
        },
        Err(missing) => Coordinator {
            key,
            node_id: -1,
            port: -1,
            error_code: missing.code.code(),
            error_message: message(Some(missing.text)),
            ..Coordinator::default()
        },
    }
}
