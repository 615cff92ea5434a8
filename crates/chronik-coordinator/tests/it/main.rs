//! The group coordinator from outside: requests, time and a log in, answers out.

mod bench;
mod joining;
mod leaving;
mod loading;
mod offsets;
mod property;
mod retention;
mod static_members;
mod storing;
mod syncing;
