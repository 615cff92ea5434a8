//! The codec against bytes that Apache Kafka 4.3.1 wrote, and against bytes nobody should write.
//!
//! `tests/data/*.jsonl.gz` holds one JSON object a line; `vectors` says what is in them.

mod debug_form;
mod fuzz;
mod golden;
mod hostile;
mod limits;
mod vectors;
