//! Sockets of clients: listening, frames in, replies out in order, the byte budget.
//!
//! Absent: what a request means (`api`), and where data lives.

pub(crate) mod budget;
pub(crate) mod connection;
mod frame_reader;
pub(crate) mod listener;
mod reply_writer;

pub(crate) use connection::ConnectionInfo;
pub(crate) use frame_reader::Frame;
