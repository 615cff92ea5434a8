//! A producer against the fake node, with faults.

use chronik_protocol::ApiKey;
use chronik_types::ErrorCode;

use super::*;
use crate::ClientOptions;
use crate::fake::{Fake, Fault};

fn options() -> ProducerOptions {
    ProducerOptions {
        // A record a batch.
        batch_bytes: 1,
        delivery_timeout: Duration::from_secs(5),
        ..ProducerOptions::default()
    }
}

async fn client(fake: &Fake) -> Client {
    let options = ClientOptions {
        patience: Duration::from_secs(5),
        backoff_min: Duration::from_millis(5),
        backoff_max: Duration::from_millis(20),
        ..ClientOptions::default()
    };
    let bootstrap = std::slice::from_ref(&fake.addr);
    Client::connect_with(bootstrap, options).await.unwrap()
}

fn value(text: impl Into<String>) -> ProducerRecord {
    ProducerRecord {
        value: Some(text.into().into()),
        ..ProducerRecord::default()
    }
}

/// Sends `0`, `1`, ... to partition 0 and gives the results.
async fn send(producer: &Producer, count: usize) -> Vec<Result<Delivered, SendError>> {
    let mut deliveries = Vec::new();
    for n in 0..count {
        let partition = Some(PartitionId::new(0));
        deliveries.push(
            producer
                .send("t", partition, value(n.to_string()))
                .await
                .unwrap(),
        );
    }
    let mut results = Vec::new();
    for delivery in deliveries {
        results.push(delivery.await);
    }
    results
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|n| n.to_string()).collect()
}

fn offsets(results: &[Result<Delivered, SendError>]) -> Vec<i64> {
    let offset =
        |result: &Result<Delivered, SendError>| result.as_ref().unwrap().offset.unwrap().get();
    results.iter().map(offset).collect()
}

#[tokio::test]
async fn every_record_learns_its_offset_with_every_codec() {
    for codec in Codec::ALL {
        for batch_bytes in [1, 500, 1 << 20] {
            let fake = Fake::start(&[("t", 1)]).await;
            let options = ProducerOptions {
                codec,
                batch_bytes,
                linger: Duration::from_millis(1),
                ..options()
            };
            let producer = Producer::new(client(&fake).await, options).await.unwrap();
            let results = send(&producer, 100).await;
            assert_eq!(offsets(&results), (0..100).collect::<Vec<_>>());
            assert_eq!(fake.values("t", 0), numbers(100));
        }
    }
}

#[tokio::test]
async fn batches_gather_what_waits_up_to_their_size() {
    let fake = Fake::start(&[("t", 1)]).await;
    let options = ProducerOptions {
        batch_bytes: 10_000,
        linger: Duration::from_millis(50),
        ..options()
    };
    let producer = Producer::new(client(&fake).await, options).await.unwrap();
    send(&producer, 1000).await;
    let batches = fake.lock().logs["t"][0].clone();
    assert!(
        (2..20).contains(&batches.len()),
        "{} batches",
        batches.len()
    );
    assert!(batches.iter().all(|batch| batch.len() <= 10_000));
}

#[tokio::test]
async fn an_idempotent_producer_writes_once_and_in_order_through_any_retriable_fault() {
    // Every place of the window, and every kind of fault.
    let faults = [
        Fault::Code(ErrorCode::NotLeaderOrFollower),
        Fault::Code(ErrorCode::NotEnoughReplicas),
        Fault::Lost,
        Fault::AnswerLost,
    ];
    for fault in faults {
        for place in 0..6 {
            let fake = Fake::start(&[("t", 1)]).await;
            let mut plan = vec![Fault::Nothing; place];
            plan.extend([fault, fault]);
            fake.fail(ApiKey::Produce, plan);
            let producer = Producer::new(client(&fake).await, options()).await.unwrap();
            let results = send(&producer, 20).await;
            assert_eq!(
                offsets(&results),
                (0..20).collect::<Vec<_>>(),
                "{fault:?} {place}"
            );
            assert_eq!(fake.values("t", 0), numbers(20), "{fault:?} {place}");
        }
    }
}

#[tokio::test]
async fn a_final_refusal_fails_what_is_behind_it_in_flight_and_the_next_record_starts_over() {
    let fake = Fake::start(&[("t", 1)]).await;
    fake.fail(ApiKey::Produce, [Fault::Code(ErrorCode::MessageTooLarge)]);
    let producer = Producer::new(client(&fake).await, options()).await.unwrap();
    let first = producer.identity();
    let results = send(&producer, 3).await;
    let refused = results[0].clone().unwrap_err();
    assert_eq!(refused.cause.code(), Some(ErrorCode::MessageTooLarge));
    assert!(!refused.maybe_written);
    // Each of the others is either refused with it or written under another id, never both.
    let written: Vec<_> = (0..3).filter(|n| results[*n].is_ok()).collect();
    let expected: Vec<_> = written.iter().map(ToString::to_string).collect();
    assert_eq!(fake.values("t", 0), expected);
    let after = send(&producer, 1).await;
    assert!(after[0].is_ok());
    assert!(first.is_some());
}

#[tokio::test]
async fn without_idempotence_a_refusal_costs_its_own_batch_only() {
    let fake = Fake::start(&[("t", 1)]).await;
    let refused = Fault::Code(ErrorCode::InvalidRecord);
    fake.fail(ApiKey::Produce, [Fault::Nothing, refused]);
    let options = ProducerOptions {
        idempotent: false,
        ..options()
    };
    let producer = Producer::new(client(&fake).await, options).await.unwrap();
    let results = send(&producer, 4).await;
    let failed: Vec<_> = results.iter().map(Result::is_err).collect();
    assert_eq!(failed, [false, true, false, false]);
    assert_eq!(fake.values("t", 0), ["0", "2", "3"]);
}

#[tokio::test]
async fn a_failure_says_whether_the_record_may_have_been_written() {
    // With one try, and with several.
    for (fault, timeout, maybe_written) in [
        (Fault::Code(ErrorCode::NotEnoughReplicas), 0, false),
        (Fault::Code(ErrorCode::NotEnoughReplicas), 60, false),
        (Fault::AnswerLost, 0, true),
        (Fault::AnswerLost, 60, true),
    ] {
        let fake = Fake::start(&[("t", 1)]).await;
        fake.fail(ApiKey::Produce, [fault; 1000]);
        let options = ProducerOptions {
            idempotent: false,
            delivery_timeout: Duration::from_millis(timeout),
            ..options()
        };
        let producer = Producer::new(client(&fake).await, options).await.unwrap();
        let error = send(&producer, 1).await.remove(0).unwrap_err();
        assert!(matches!(error.cause, ClientError::GaveUp { .. }), "{error}");
        assert_eq!(error.maybe_written, maybe_written, "{error}");
    }
}

#[tokio::test]
async fn without_acknowledgements_there_are_no_offsets() {
    let fake = Fake::start(&[("t", 1)]).await;
    let options = ProducerOptions {
        idempotent: false,
        acks: Acks::None,
        ..options()
    };
    let producer = Producer::new(client(&fake).await, options).await.unwrap();
    let results = send(&producer, 3).await;
    assert!(
        results
            .iter()
            .all(|result| result.as_ref().unwrap().offset.is_none())
    );
    while fake.values("t", 0).len() < 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn options_that_contradict_each_other_are_refused() {
    let fake = Fake::start(&[]).await;
    let client = client(&fake).await;
    for options in [
        ProducerOptions {
            acks: Acks::Leader,
            ..ProducerOptions::default()
        },
        ProducerOptions {
            in_flight: 6,
            ..ProducerOptions::default()
        },
        ProducerOptions {
            in_flight: 0,
            ..ProducerOptions::default()
        },
    ] {
        let error = Producer::new(client.clone(), options).await.unwrap_err();
        assert!(matches!(error, ClientError::Options(_)));
    }
}

#[tokio::test]
async fn a_full_buffer_makes_send_wait_and_flush_waits_for_everything() {
    let fake = Fake::start(&[("t", 2)]).await;
    let options = ProducerOptions {
        buffer_bytes: 200,
        ..options()
    };
    let producer = Producer::new(client(&fake).await, options).await.unwrap();
    for n in 0..50 {
        assert!(producer.buffer.available_permits() <= 200);
        // Larger than the whole buffer, now and then: it takes all of it.
        let text = "x".repeat(if n % 10 == 0 { 500 } else { 5 });
        drop(producer.send("t", None, value(text)).await.unwrap());
    }
    let large = producer.send("t", None, value("x".repeat(500)));
    let large = large.await.unwrap();
    assert_eq!(producer.buffer.available_permits(), 0);
    large.await.unwrap();
    producer.flush().await;
    assert_eq!(fake.values("t", 0).len() + fake.values("t", 1).len(), 51);
    assert_eq!(fake.values("t", 1).len(), 25);
}

#[tokio::test]
async fn a_partition_that_is_not_there_is_refused_at_once() {
    let fake = Fake::start(&[("t", 1)]).await;
    let producer = Producer::new(client(&fake).await, options()).await.unwrap();
    for partition in [-1, 1] {
        let sent = producer.send("t", Some(PartitionId::new(partition)), value("x"));
        let error = sent.await.unwrap_err();
        assert!(matches!(error, ClientError::UnknownPartition { .. }));
    }
}

#[tokio::test]
async fn after_a_final_refusal_a_record_is_not_taken_for_one_of_before() {
    let fake = Fake::start(&[("t", 1)]).await;
    let nothing = Fault::Nothing;
    let refused = Fault::Code(ErrorCode::MessageTooLarge);
    fake.fail(ApiKey::Produce, [nothing, nothing, refused]);
    let producer = Producer::new(client(&fake).await, options()).await.unwrap();
    assert_eq!(offsets(&send(&producer, 2).await), [0, 1]);
    assert!(send(&producer, 1).await[0].is_err());
    assert_eq!(offsets(&send(&producer, 2).await), [2, 3]);
    assert_eq!(fake.values("t", 0), ["0", "1", "0", "1"]);
}
