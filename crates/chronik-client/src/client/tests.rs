//! A client against the fake node.

use super::*;
use crate::fake::{Fake, Fault};

fn impatient() -> ClientOptions {
    ClientOptions {
        patience: Duration::from_secs(5),
        unknown_topic_patience: Duration::from_millis(100),
        backoff_min: Duration::from_millis(5),
        backoff_max: Duration::from_millis(20),
        ..ClientOptions::default()
    }
}

async fn client(fake: &Fake) -> Client {
    let bootstrap = ["127.0.0.1:1".to_owned(), fake.addr.clone()];
    Client::connect_with(&bootstrap, impatient()).await.unwrap()
}

#[tokio::test]
async fn the_first_address_that_answers_is_enough() {
    let fake = Fake::start(&[("t", 3)]).await;
    let client = client(&fake).await;
    assert_eq!(client.cluster().id.as_deref(), Some("fake"));
    let topic = client.topic("t", IfMissing::Fail).await.unwrap();
    assert_eq!(topic.partitions.len(), 3);
    let names: Vec<_> = client.all_topics().await.unwrap().into_keys().collect();
    assert_eq!(names, ["t"]);
    fake.lock().logs.clear();
    assert!(client.all_topics().await.unwrap().is_empty());
}

#[tokio::test]
async fn nobody_at_any_address_is_told_at_once() {
    let error = Client::connect(&["127.0.0.1:1".to_owned()]).await;
    assert!(matches!(error, Err(ClientError::Connect { .. })));
    let error = Client::connect(&[]).await;
    assert!(matches!(error, Err(ClientError::Options(_))));
}

#[tokio::test]
async fn a_topic_that_appears_late_is_waited_for_and_a_missing_one_is_not_for_long() {
    let fake = Fake::start(&[]).await;
    let client = client(&fake).await;
    let error = client.topic("t", IfMissing::Fail).await.unwrap_err();
    assert_eq!(error, ClientError::UnknownTopic("t".into()));
    let late = fake.clone();
    let asked = tokio::spawn(async move { client.topic("t", IfMissing::Create).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    late.lock().logs.insert("t".into(), vec![Vec::new()]);
    assert_eq!(asked.await.unwrap().unwrap().partitions.len(), 1);
}

#[tokio::test]
async fn a_call_is_repeated_after_retriable_codes_and_lost_connections() {
    let fake = Fake::start(&[("t", 1)]).await;
    let client = client(&fake).await;
    let not_leader = Fault::Code(ErrorCode::NotLeaderOrFollower);
    fake.fail(
        ApiKey::ListOffsets,
        [not_leader, Fault::Lost, Fault::AnswerLost],
    );
    let asked = [(PartitionId::new(0), OffsetSpec::Latest)];
    let found = client.list_offsets("t", &asked).await.unwrap();
    let found = found[&PartitionId::new(0)].unwrap();
    assert_eq!(found.offset.get(), 0);
    let asked = |api| fake.lock().requests.iter().filter(|a| **a == api).count();
    assert_eq!(asked(ApiKey::ListOffsets), 4);
}

#[tokio::test]
async fn a_final_refusal_is_not_repeated() {
    let fake = Fake::start(&[]).await;
    let client = client(&fake).await;
    fake.fail(
        ApiKey::CreateTopics,
        [Fault::Code(ErrorCode::TopicAlreadyExists)],
    );
    let topic = NewTopic {
        name: "t".into(),
        partitions: Some(2),
        ..NewTopic::default()
    };
    let error = client.create_topic(&topic).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TopicAlreadyExists));
    let created = client.create_topic(&topic).await.unwrap();
    assert_eq!(created.partitions, Some(2));
}

#[tokio::test]
async fn retries_end_with_the_last_failure() {
    let fake = Fake::start(&[]).await;
    let options = ClientOptions {
        patience: Duration::from_millis(60),
        ..impatient()
    };
    let client = Client::connect_with(std::slice::from_ref(&fake.addr), options)
        .await
        .unwrap();
    let not_controller = Fault::Code(ErrorCode::NotController);
    fake.fail(ApiKey::CreateTopics, [not_controller; 100]);
    let error = client.create_topic(&NewTopic::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::GaveUp { .. }), "{error}");
    assert_eq!(error.code(), Some(ErrorCode::NotController));
}

#[tokio::test]
async fn a_partition_that_does_not_exist_is_told_with_how_many_there_are() {
    let fake = Fake::start(&[("t", 2)]).await;
    let client = client(&fake).await;
    let error = client.leader("t", PartitionId::new(2)).await.unwrap_err();
    let ClientError::UnknownPartition { count, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(count, 2);
}
