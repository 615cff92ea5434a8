//! The built binary as a process: started, asked over sockets, killed.

mod addresses;
mod answers;
mod bad_input;
mod compact;
mod config;
mod configs;
mod disk;
mod every_version;
mod groups;
mod kill;
mod node;
mod readme;
mod sample;
mod stop;
mod wire;
