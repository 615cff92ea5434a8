//! End to end latency in an open loop: records are due at fixed times whatever the broker does.
//!
//! A record's value carries the time at which it was due, not the one at which it was handed to
//! librdkafka, so a broker that stalls the sender pays for the wait. Producer and consumer are
//! threads of one process and share one monotonic clock. With `--consume false` the same load is
//! made without the consumer: what a broker spends more with it is the price of following.

use crate::args::Args;
use crate::client::{Deliveries, Fetches, assign_all, config, consumer_config, create_topic, text};
use crate::load::{filler, send};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{Message, Offset};
use std::time::{Duration, Instant};

/// After the last record was due; what comes later is missing.
const LATE_MAX: Duration = Duration::from_secs(30);

struct Plan {
    bootstrap: String,
    topic: String,
    partitions: i32,
    size: usize,
    linger_ms: String,
    interval: Duration,
    /// Records sent before the measured ones.
    warmup: u64,
    records: u64,
}

impl Plan {
    /// When a record is due, from the start.
    fn due(&self, number: u64) -> Duration {
        Duration::from_nanos(self.interval.as_nanos() as u64 * number)
    }
}

pub(crate) fn run(mut args: Args) -> Result<(), String> {
    let bootstrap: String = args.need("bootstrap")?;
    let topic: String = args.need("topic")?;
    let rate_mb: f64 = args.or("rate-mb", 5.0)?;
    let size: usize = args.or("size", 1024)?;
    let seconds: f64 = args.or("seconds", 30.0)?;
    let warmup: f64 = args.or("warmup-seconds", 2.0)?;
    let partitions: i32 = args.or("partitions", 4)?;
    let linger_ms: String = args.or("linger-ms", "0".to_owned())?;
    let consume: bool = args.or("consume", true)?;
    args.end()?;
    if partitions < 1 || size < 16 || rate_mb <= 0.0 {
        return Err(
            "--partitions is at least 1, --size at least 16, --rate-mb positive".to_owned(),
        );
    }
    let per_second = rate_mb * 1e6 / size as f64;
    let warmup = (per_second * warmup) as u64;
    let plan = Plan {
        interval: Duration::from_secs_f64(1.0 / per_second),
        records: warmup + (per_second * seconds) as u64,
        bootstrap,
        topic,
        partitions,
        size,
        linger_ms,
        warmup,
    };
    create_topic(&plan.bootstrap, &plan.topic, partitions)?;
    if consume {
        with_consumer(&plan)
    } else {
        let began = Instant::now();
        produce(&plan, began)?;
        print_load(&plan, began, "");
        Ok(())
    }
}

fn with_consumer(plan: &Plan) -> Result<(), String> {
    let settings = [("statistics.interval.ms", "500")];
    let consumer: BaseConsumer<Fetches> = consumer_config(&plan.bootstrap, &settings)
        .create_with_context(Fetches::default())
        .map_err(text)?;
    assign_all(&consumer, &plan.topic, Offset::Beginning)?;
    let began = Instant::now();
    let mut latencies = std::thread::scope(|scope| {
        let reader = scope.spawn(|| consume(plan, &consumer, began));
        let sent = produce(plan, began);
        let read = reader.join().expect("the reader returns its errors");
        sent.and(read)
    })?;
    latencies.sort_unstable();
    let mean = consumer.context().mean_bytes();
    let mean = mean.map_or("null".to_owned(), |bytes| format!("{bytes:.0}"));
    let at = |share| percentile(&latencies, share);
    let more = format!(
        r#","samples":{},"p50_ms":{:.4},"p99_ms":{:.4},"p999_ms":{:.4},"max_ms":{:.4},"fetch_bytes_mean":{mean}"#,
        latencies.len(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0),
    );
    print_load(plan, began, &more);
    Ok(())
}

fn print_load(plan: &Plan, began: Instant, more: &str) {
    let bytes = plan.records * plan.size as u64;
    println!(
        r#"{{"records":{},"bytes":{bytes},"seconds":{:.4},"errors":0{more}}}"#,
        plan.records,
        began.elapsed().as_secs_f64(),
    );
}

fn produce(plan: &Plan, began: Instant) -> Result<(), String> {
    let settings = [
        ("acks", "all"),
        ("linger.ms", plan.linger_ms.as_str()),
        ("queue.buffering.max.messages", "1000000"),
        ("message.timeout.ms", "60000"),
    ];
    let producer: BaseProducer<Deliveries> = config(&plan.bootstrap, &settings)
        .create_with_context(Deliveries::default())
        .map_err(text)?;
    let mut value = filler(plan.size);
    for number in 0..plan.records {
        let due = plan.due(number);
        // Serving deliveries is how the sender spends its spare time.
        producer.poll(Duration::ZERO);
        if let Some(early) = due.checked_sub(began.elapsed()) {
            std::thread::sleep(early);
        }
        value[..8].copy_from_slice(&number.to_be_bytes());
        value[8..16].copy_from_slice(&(due.as_nanos() as u64).to_be_bytes());
        let partition = (number % plan.partitions as u64) as i32;
        send(&producer, &plan.topic, partition, &value)?;
    }
    producer.flush(LATE_MAX).map_err(text)?;
    producer.context().all(plan.records)
}

/// Nanoseconds from due to read, of every record after the warm-up.
fn consume(
    plan: &Plan,
    consumer: &BaseConsumer<Fetches>,
    began: Instant,
) -> Result<Vec<u64>, String> {
    let end = plan.due(plan.records) + LATE_MAX;
    let mut latencies = Vec::with_capacity((plan.records - plan.warmup) as usize);
    let mut seen = 0;
    while seen < plan.records {
        let Some(left) = end.checked_sub(began.elapsed()) else {
            return Err(format!("{seen} of {} records came", plan.records));
        };
        let Some(message) = consumer.poll(left) else {
            continue;
        };
        let message = message.map_err(text)?;
        let now = began.elapsed().as_nanos() as u64;
        let value = message.payload().unwrap_or_default();
        let number = |at: usize| value[at..].first_chunk().map(|b| u64::from_be_bytes(*b));
        let (Some(which), Some(due)) = (number(0), number(8)) else {
            return Err("a record that the producer did not write".to_owned());
        };
        seen += 1;
        if which >= plan.warmup {
            latencies.push(now.saturating_sub(due));
        }
    }
    Ok(latencies)
}

/// Milliseconds: the smallest value that at least this share of the sorted nanoseconds reaches.
fn percentile(sorted: &[u64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    let at = rank.clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).map_or(f64::NAN, |nanos| *nanos as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_ranks_counted_from_one() {
        let sorted: Vec<u64> = (1..=1000).map(|ms| ms * 1_000_000).collect();
        assert_eq!(percentile(&sorted, 0.5), 500.0);
        assert_eq!(percentile(&sorted, 0.99), 990.0);
        assert_eq!(percentile(&sorted, 0.999), 999.0);
        assert_eq!(percentile(&sorted, 1.0), 1000.0);
        assert_eq!(percentile(&sorted[..1], 0.999), 1.0);
    }
}
