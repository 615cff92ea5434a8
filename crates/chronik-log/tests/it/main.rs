//! Tests of chronik-log from outside, one binary.

mod compact;
mod crash;
mod faults;
mod inspect;
mod journal;
mod paused_disk;
mod restart;
mod support;
