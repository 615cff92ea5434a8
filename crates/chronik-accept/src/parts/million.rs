//! Many records of 1 KiB with acks=all, and every byte of them read back by two clients that share
//! no code: ours, and librdkafka's kcat.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::fill::{Fill, Reading, VALUE_BYTES};
use crate::process::Cpu;
use crate::setup::{block_on, progress};
use crate::{Failure, Node, Outcome, Reserved, Setup, Size, tools};

const PARTITIONS: i32 = 16;

pub(super) fn run(setup: &Setup, size: Size) -> Result<Outcome, Failure> {
    block_on(million(setup, size.pick(1_000_000, 20_000)))
}

async fn million(setup: &Setup, records: u64) -> Result<Outcome, Failure> {
    let folder = setup.folder("million")?;
    let at = Reserved::new()?;
    let node = Node::start(setup.chronik(), folder.path(), &at, &[])?;
    let fill = Fill::new("million", PARTITIONS, records);
    fill.create(&node.kafka).await?;
    let mut outcome = Outcome::default();
    let before = Cpu::of(node.pid())?;
    let taken = fill.write(&node.kafka).await?;
    let used = Cpu::of(node.pid())?.since(&before);
    progress(format_args!("million: {} written", fill.records()));
    let rate = |count: u64, seconds: f64| {
        let megabytes = count as f64 * VALUE_BYTES as f64 / 1e6;
        let cpu = used.as_secs_f64() / (megabytes / 1e3);
        (count as f64 / seconds, megabytes / seconds, cpu)
    };
    let (per_second, megabytes, cpu) = rate(fill.records(), taken.as_secs_f64());
    outcome.figure(
        format!("produce, acks=all, {PARTITIONS} partitions, batches of 128 KiB"),
        format!("{per_second:.0} records/s, {megabytes:.0} MB/s, {cpu:.2} CPU-s/GB of the node"),
    );
    let begun = Instant::now();
    let ours = fill.read(&node.kafka).await?;
    let taken = begun.elapsed().as_secs_f64();
    judge(&mut outcome, "our client", &fill, &ours);
    let per_second = ours.records() as f64 / taken;
    outcome.figure(
        "the same, reading and checking every byte",
        format!("{per_second:.0} records/s"),
    );
    match tools::is_there("kcat", "-V") {
        true => judge(&mut outcome, "kcat", &fill, &kcat(&node.kafka, &fill)?),
        false => outcome.skip(setup, "million with kcat", "kcat is not installed")?,
    }
    node.terminate()?;
    Ok(outcome)
}

fn judge(outcome: &mut Outcome, client: &str, fill: &Fill, reading: &Reading) {
    outcome.judge(
        format!(
            "{} records of 1 KiB read back with {client}",
            fill.records()
        ),
        "complete, in order, every byte",
        format!("{} records", reading.records()),
        reading.is_complete(fill),
    );
}

/// Reads the topic with kcat, which prints each record behind a line of its own.
fn kcat(kafka: &str, fill: &Fill) -> Result<Reading, Failure> {
    let mut child = Command::new("kcat")
        .args(["-b", kafka, "-C", "-e", "-q", "-o", "beginning"])
        .args(["-t", &fill.topic, "-f", "%p %o %S\n%s"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(Failure::io("kcat"))?;
    let stdout = child.stdout.take().expect("standard output is piped");
    let reading = parse(BufReader::with_capacity(1 << 20, stdout), fill.partitions);
    // After a failure it still writes; nobody reads on.
    if reading.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(Failure::io("kcat"))?;
    let reading = reading?;
    match status.success() {
        true => Ok(reading),
        false => Err(Failure::new(format!("kcat ended with {status}"))),
    }
}

fn parse(mut output: impl BufRead, partitions: i32) -> Result<Reading, Failure> {
    let mut reading = Reading::new(partitions);
    let (mut line, mut value) = (String::new(), Vec::new());
    loop {
        line.clear();
        let read = output.read_line(&mut line);
        if read.map_err(Failure::io("kcat's output"))? == 0 {
            return Ok(reading);
        }
        let numbers: Vec<i64> = line.split_whitespace().flat_map(str::parse).collect();
        let &[partition, offset, bytes] = numbers.as_slice() else {
            return Err(Failure::new(format!("kcat prints {line:?}")));
        };
        value.resize(usize::try_from(bytes).unwrap_or(0), 0);
        output
            .read_exact(&mut value)
            .map_err(Failure::io("kcat's output"))?;
        reading.take(i32::try_from(partition).unwrap_or(-1), offset, &value)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::content;

    #[test]
    fn kcats_output_is_read_record_by_record_whatever_bytes_they_hold() {
        let mut output = Vec::new();
        for (partition, number) in [(0, 0), (1, 0), (0, 1)] {
            output.extend(format!("{partition} {number} {VALUE_BYTES}\n").bytes());
            output.extend(content(partition, number, VALUE_BYTES));
        }
        assert_eq!(parse(&output[..], 2).map(|r| r.records()), Ok(3));
        assert!(parse(&output[..output.len() - 1], 2).is_err(), "cut short");
        let behind = parse(&output[..], 1);
        assert!(behind.is_err(), "there is no second partition");
    }
}
