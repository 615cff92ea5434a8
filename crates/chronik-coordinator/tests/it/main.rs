//! The group coordinator from outside: requests, time and a log in, answers out.

mod bench;
mod joining;
mod offsets;
mod syncing;
