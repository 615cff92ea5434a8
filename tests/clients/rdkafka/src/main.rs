//! Tests and loads made with librdkafka through the `rdkafka` crate, and the floor of produce.
//!
//! `roundtrip` is a client suite; `produce`, `consume` and `latency` load a broker and print one
//! line of JSON; `bare-receive` and `bare-send` are what a produce costs without a broker.
//! `cargo xtask clients` and `cargo xtask compare` run it. Only consumers by assignment: nothing
//! here needs a group coordinator, though librdkafka wants a group's name.

mod args;
mod bare;
mod client;
mod latency;
mod load;
mod roundtrip;

use args::Args;
use std::process::ExitCode;

const USAGE: &str = "rdkafka-clients COMMAND [--NAME VALUE]...
  roundtrip    --bootstrap H:P [--only PREFIX]...
  produce      --bootstrap H:P --topic T --partitions N --records N [--size 1024]
               [--batch-bytes 65536] [--acks all] [--compression none]
  consume      --bootstrap H:P --topic T --records N [--max-fetch-bytes N]
  latency      --bootstrap H:P --topic T [--rate-mb 5] [--size 1024] [--seconds 30]
               [--warmup-seconds 2] [--partitions 4] [--linger-ms 0] [--consume true]
  delete       --bootstrap H:P --topic T
  version
  bare-receive --dir D [--sync window|fixed]
  bare-send    --to H:P --bytes N
`produce` and `latency` create the topic if it is not there. A value begins with its number.";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let result = Args::read(words).and_then(|args| match command.as_str() {
        "roundtrip" => roundtrip::run(args),
        "produce" => load::produce(args),
        "consume" => load::consume(args),
        "latency" => latency::run(args),
        "delete" => client::delete(args),
        "version" => {
            let (_, version) = rdkafka::util::get_rdkafka_version();
            println!("librdkafka {version}");
            args.end()
        }
        "bare-receive" => bare::receive(args),
        "bare-send" => bare::send(args),
        _ => Err(USAGE.to_owned()),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
