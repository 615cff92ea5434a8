//! DeleteTopics: v1-v6. By name, from v6 also by id, never by both.

use std::ops::RangeInclusive;

use chronik_controller::{
    ApiError, ControllerRequest, ControllerResponse, DeletedTopic, ItemResult, TopicRef,
};
use chronik_protocol::generated::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use chronik_protocol::generated::delete_topics_response::{
    DeletableTopicResult, DeleteTopicsResponse,
};
use chronik_types::{ErrorCode, TopicId};

use super::{Context, Handled, Handler, message};

pub(super) struct DeleteTopics;

impl Handler for DeleteTopics {
    type Request = DeleteTopicsRequest;
    const VERSIONS: RangeInclusive<i16> = 1..=6;

    async fn handle(
        context: Context,
        request: DeleteTopicsRequest,
    ) -> Handled<DeleteTopicsResponse> {
        let by_name = request
            .topic_names
            .iter()
            .map(|name| TopicRef::Name(name.to_string()));
        let mut refused = Vec::new();
        let by_state = request.topics.iter().filter_map(|topic| {
            let read = read(topic);
            read.map_err(|message| refused.push(refuse(topic, message)))
                .ok()
        });
        let topics: Vec<TopicRef> = by_name.chain(by_state).collect();
        let results = delete(&context, topics, request.timeout_ms).await;
        let decided = results
            .into_iter()
            .map(|(topic, result)| respond(&context, topic, result));
        DeleteTopicsResponse {
            responses: refused.into_iter().chain(decided).collect(),
            ..DeleteTopicsResponse::default()
        }
        .into()
    }
}

/// The topic meant, or why it is not clear which.
fn read(topic: &DeleteTopicState) -> Result<TopicRef, &'static str> {
    match (&topic.name, topic.topic_id.is_zero()) {
        (Some(name), true) => Ok(TopicRef::Name(name.to_string())),
        (None, false) => Ok(TopicRef::Id(TopicId::new(topic.topic_id))),
        (Some(_), false) => Err("You may not specify both topic name and topic id."),
        (None, true) => Err("Neither topic name nor id were specified."),
    }
}

fn refuse(topic: &DeleteTopicState, message: &str) -> DeletableTopicResult {
    DeletableTopicResult {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        error_code: ErrorCode::InvalidRequest.code(),
        error_message: Some(message.into()),
    }
}

async fn delete(
    context: &Context,
    topics: Vec<TopicRef>,
    timeout_ms: i32,
) -> Vec<(TopicRef, ItemResult<DeletedTopic>)> {
    let failed = |error: ApiError| {
        let topics = topics.iter().cloned();
        topics.map(|topic| (topic, Err(error.clone()))).collect()
    };
    if !context.node.config.delete_topic {
        return failed(ApiError::bare(ErrorCode::TopicDeletionDisabled));
    }
    let request = ControllerRequest::DeleteTopics(chronik_controller::DeleteTopics {
        topics: topics.clone(),
    });
    match context.node.submit(request, timeout_ms).await {
        Ok(ControllerResponse::DeleteTopics(results)) => results,
        Ok(_) => unreachable!("the controller answers what was asked"),
        Err(error) => failed(error),
    }
}

fn respond(
    context: &Context,
    topic: TopicRef,
    result: ItemResult<DeletedTopic>,
) -> DeletableTopicResult {
    let mut response = DeletableTopicResult::default();
    match result {
        Ok(deleted) => {
            response.name = Some(deleted.name.as_str().into());
            response.topic_id = deleted.id.get();
        }
        Err(error) => {
            match topic {
                TopicRef::Name(name) => response.name = Some(name.into()),
                TopicRef::Id(id) => {
                    response.name = None;
                    response.topic_id = id.get();
                }
            }
            response.error_code = error.code.code();
            response.error_message = message(error.message);
        }
    }
    if context.version < 6 {
        // The name is not nullable there; ids cannot have been asked for.
        response.name.get_or_insert_with(Default::default);
    }
    response
}
