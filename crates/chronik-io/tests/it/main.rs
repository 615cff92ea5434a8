//! The seam's promises, checked from outside: both disks by one suite, the simulated disk's
//! crashes and faults, and sockets of either world.

mod conformance;
mod crash;
mod fault;
mod model;
mod net;
