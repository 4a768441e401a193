//! The isolation probes against real servers: each passes on a sealed one, each
//! fails on one that was started without any sealing, and each that cannot look
//! says so.
#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "isolation/blind.rs"]
mod blind;
#[path = "isolation/sealed.rs"]
mod sealed;
#[path = "scratch/support.rs"]
mod support;
#[path = "isolation/unsealed.rs"]
mod unsealed;
