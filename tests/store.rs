//! Stores: the contract on every kind, and what is special to each.
//!
//! The tests of `ceph` need a Ceph object gateway; see `scripts/ceph-rgw`.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "support/s3_server.rs"]
mod s3_server;

#[path = "store/ceph.rs"]
mod ceph;
#[path = "store/contract.rs"]
mod contract;
#[path = "store/fault.rs"]
mod fault;
#[path = "store/fs.rs"]
mod fs;
#[path = "store/retry.rs"]
mod retry;
#[path = "store/s3.rs"]
mod s3;
#[path = "store/scripted.rs"]
mod scripted;
#[path = "store/util.rs"]
mod util;
