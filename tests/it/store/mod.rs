//! Stores: the contract on every kind, and what is special to each.
//!
//! The tests of `ceph` need a Ceph object gateway; see `scripts/ceph-rgw`.

mod ceph;
mod contract;
mod fault;
mod fs;
mod retry;
mod s3;
mod scripted;
mod util;

use crate::support::s3_server;
